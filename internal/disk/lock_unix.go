//go:build unix

// Package disk has what stores on a file system share: a lock against a second process, and names that survive a crash.
package disk

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Lock keeps a second process out for as long as the file is open. The file is made if it is not there.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is in use by another process: %w", path, err)
	}
	return f, nil
}

// SyncDir puts the names of a folder on disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
