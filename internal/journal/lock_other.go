//go:build !unix

package journal

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir marks the folder; systems without flock do not keep a second process out.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return f, nil
}

// syncDir does nothing: such systems keep names by themselves.
func syncDir(string) error { return nil }
