//go:build unix

package term

import (
	"os"

	"golang.org/x/sys/unix"
)

// Width returns the terminal's number of columns, or 0 if f is no terminal.
func Width(f *os.File) int {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	_ = raw.Control(func(fd uintptr) {
		if ws, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ); err == nil {
			n = int(ws.Col)
		}
	})
	return n
}
