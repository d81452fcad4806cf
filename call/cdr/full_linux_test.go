package cdr

import (
	"errors"
	"syscall"
	"testing"
	"time"
)

// A file system without room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a file system of its own wants root: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	l := open(t, Config{Dir: dir, Format: JSON, Retry: time.Millisecond})
	kept := 0
	var err error
	for ; err == nil && kept < 1000; kept++ {
		err = l.Append(sample())
	}
	var pending *PendingError
	if !errors.As(err, &pending) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "tmpfs", syscall.MS_REMOUNT, "size=256k"); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(sample()); err != nil {
		t.Error(err)
	}
	if got := ids(t, dir, ".jsonl"); len(got) != kept+1 {
		t.Errorf("%d records, want %d", len(got), kept+1)
	}
}
