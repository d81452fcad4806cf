//go:build !unix

package cdr

import (
	"fmt"
	"os"
)

// lockFile marks the file; systems without flock do not keep a second process out.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cdr: %w", err)
	}
	return f, nil
}

// syncDir does nothing: such systems keep names by themselves.
func syncDir(string) error { return nil }
