// Package term says how wide the terminal is, and draws a ladder to it.
package term

import (
	"net/netip"
	"os"

	"github.com/gotelco/telco/trace/ladder"
)

// Ladder returns a ladder on a file such as os.Stdout, as wide as the terminal behind it. Names
// may be nil.
func Ladder(f *os.File, names map[netip.AddrPort]string) *ladder.Ladder {
	return ladder.New(f, ladder.Config{Names: names, ByInterface: true, Width: Width(f)})
}
