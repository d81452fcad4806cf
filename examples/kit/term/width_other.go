//go:build !unix

package term

import "os"

// Width returns the terminal's number of columns, or 0 if f is no terminal or the system doesn't
// say.
func Width(f *os.File) int { return 0 }
