//go:build !unix

// Package disk has what stores on a file system share: a lock against a second process, and names that survive a crash.
package disk

import "os"

// Lock marks the file; systems without flock do not keep a second process out.
func Lock(path string) (*os.File, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }

// SyncDir does nothing: such systems keep names by themselves.
func SyncDir(string) error { return nil }
