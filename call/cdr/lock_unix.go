//go:build unix

package cdr

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile keeps a second process out for as long as the file is open.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cdr: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("cdr: %s is in use by another process: %w", path, err)
	}
	return f, nil
}

// syncDir puts the names of a folder on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
