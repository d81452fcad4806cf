package sip

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// resolvConf is what resolv.conf(5) says.
type resolvConf struct {
	servers  []netip.AddrPort
	search   []string
	ndots    int
	timeout  time.Duration
	attempts int
	rotate   bool
}

// parseResolvConf reads resolv.conf(5) as the C library does: what it doesn't understand it
// skips. Without servers it asks the local one.
func parseResolvConf(text string) resolvConf {
	c := resolvConf{ndots: 1, timeout: 5 * time.Second, attempts: 2}
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil && len(c.servers) < 3 { // MAXNS
				c.servers = append(c.servers, netip.AddrPortFrom(a.Unmap(), 53))
			}
		case "domain":
			c.search = []string{strings.Trim(f[1], ".")}
		case "search":
			c.search = nil
			for _, d := range f[1:] {
				if d = strings.Trim(d, "."); d != "" && len(c.search) < 8 {
					c.search = append(c.search, d)
				}
			}
		case "options":
			c.options(f[1:])
		}
	}
	if len(c.servers) == 0 {
		c.servers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	}
	return c
}

func (c *resolvConf) options(words []string) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, ":")
		n, err := strconv.Atoi(value)
		switch {
		case name == "rotate":
			c.rotate = true
		case err != nil || n < 0:
		case name == "ndots":
			c.ndots = min(n, 15)
		case name == "timeout":
			c.timeout = time.Duration(min(max(n, 1), 30)) * time.Second
		case name == "attempts":
			c.attempts = min(max(n, 1), 5)
		}
	}
}

// parseHosts reads hosts(5): names in lower case to addresses.
func parseHosts(text string) map[string][]netip.Addr {
	hosts := make(map[string][]netip.Addr)
	for line := range strings.Lines(text) {
		if i := strings.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		for _, name := range f[1:] {
			name = newQuestion(name, 0).name
			hosts[name] = append(hosts[name], a.Unmap())
		}
	}
	return hosts
}
