package stp

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
)

// ImportOsmo reads a configuration of osmo-stp ("cs7 instance 0") and makes the same of it here. What it does not
// understand, or what means something else here, is a finding with its line. An error is one of reading; file names the text in findings.
// The result wants a [Config.Check], as osmo-stp lets things pass that this package does not.
func ImportOsmo(file string, r io.Reader) (*Config, []Finding, error) {
	im := &osmoImport{c: &Config{File: file, Node: NodeConfig{NI: mtp3.International}}, file: file, asps: map[string]*osmoASP{}}
	s := bufio.NewScanner(io.LimitReader(r, maxFile))
	for s.Scan() {
		im.line++
		im.text(strings.ToValidUTF8(s.Text(), "\uFFFD"))
	}
	if err := s.Err(); err != nil {
		return nil, im.all, fmt.Errorf("stp: %s: line %d: %w", file, im.line+1, err)
	}
	im.finish()
	slices.SortStableFunc(im.all, func(a, b Finding) int { return a.Pos.Line - b.Pos.Line })
	return im.c, im.all, nil
}

// osmoImport reads line by line. Lines that are further to the right belong to the one above them.
type osmoImport struct {
	c    *Config
	file string
	line int
	all  []Finding

	stack  []osmoContext
	words  []string // of the line
	asps   map[string]*osmoASP
	order  []*osmoASP
	as     []*osmoAS
	routes []osmoRoute
	done   bool // an instance was read
	at     Pos  // of the instance
}

type osmoContext struct {
	indent  int
	handle  func() bool // of the lines within; false: not understood
	ignored bool        // everything within is another program's or was told of
}

type osmoASP struct {
	ASPConfig
	remotePort, localPort uint16
	role                  string // "sg", "asp", "ipsp"
	remote, local         []netip.Addr
	dials                 bool
	used                  bool
}

type osmoAS struct {
	ASConfig
	names []string
	pos   Pos
	keys  bool
}

type osmoRoute struct {
	RouteConfig
	via string
}

func (im *osmoImport) pos() Pos { return Pos{Line: im.line, Column: 1} }

func (im *osmoImport) find(k FindingKind, p Pos, format string, args ...any) {
	im.all = append(im.all, Finding{k, im.file, p, fmt.Sprintf(format, args...)})
}

func (im *osmoImport) note(k FindingKind, format string, args ...any) {
	im.find(k, im.pos(), format, args...)
}

// text takes one line.
func (im *osmoImport) text(s string) {
	trimmed := strings.TrimLeft(s, " \t")
	if trimmed == "" || trimmed[0] == '!' || trimmed[0] == '#' {
		return
	}
	indent := len(s) - len(trimmed)
	for len(im.stack) > 0 && im.stack[len(im.stack)-1].indent >= indent {
		im.stack = im.stack[:len(im.stack)-1]
	}
	im.words = strings.Fields(trimmed)
	if len(im.stack) == 0 {
		im.top(indent)
		return
	}
	within := im.stack[len(im.stack)-1]
	depth := len(im.stack)
	if within.ignored {
		return
	}
	if im.words[0] == "description" || im.is("no", "shutdown") {
		return
	}
	if !within.handle() {
		im.note(FindingWarning, "not understood: %s", strings.TrimSpace(s))
	}
	if len(im.stack) > depth { // it opened something
		im.stack[len(im.stack)-1].indent = indent
	} else {
		im.stack = append(im.stack, osmoContext{indent: indent, handle: func() bool { return false }})
	}
}

// is tells whether the line is made of these words; "*" is any.
func (im *osmoImport) is(words ...string) bool {
	return len(im.words) == len(words) && im.begins(words...)
}

func (im *osmoImport) begins(words ...string) bool {
	if len(im.words) < len(words) {
		return false
	}
	for i, w := range words {
		if w != "*" && im.words[i] != w {
			return false
		}
	}
	return true
}

func (im *osmoImport) open(handle func() bool) bool {
	im.stack = append(im.stack, osmoContext{handle: handle})
	return true
}

func (im *osmoImport) skip() bool {
	im.stack = append(im.stack, osmoContext{ignored: true})
	return true
}

// top takes a line without indentation: what is not of SS7 is the business of osmo-stp alone.
func (im *osmoImport) top(indent int) {
	switch {
	case !im.begins("cs7", "instance"):
		im.skip()
	case im.done:
		im.note(FindingError, "a second instance: a node here is one signalling point; make a file of its own of it")
		im.skip()
	default:
		im.done, im.at = true, im.pos()
		im.c.Node.Pos = im.pos()
		im.open(im.instance)
	}
	im.stack[len(im.stack)-1].indent = indent
}

func (im *osmoImport) instance() bool {
	n := &im.c.Node
	switch {
	case im.is("network-indicator", "*"):
		ni, ok := words[typeOf(n.NI)][im.words[1]]
		if !ok {
			return false
		}
		n.NI = mtp3.NetworkIndicator(ni)
	case im.is("point-code", "format", "default"), im.is("point-code", "delimiter", "default"):
	case im.is("point-code", "delimiter", "dash"):
		im.note(FindingNote, "point codes are read with dots and with dashes, and shown with dots")
	case im.begins("point-code", "format"):
		f, err := ParseFormat(strings.Join(im.words[2:], "-"))
		if err != nil {
			im.note(FindingError, "this format of point codes has no counterpart: %v", err)
			break
		}
		n.Format = f
	case im.is("point-code", "*"):
		im.pointCode(im.words[1], &n.PointCode)
	case im.is("secondary-pc", "*"):
		var pc mtp3.PointCode
		if im.pointCode(im.words[1], &pc) {
			n.Aliases = append(n.Aliases, pc)
		}
	case im.is("xua", "rkm", "routing-key-allocation", "dynamic-permitted"):
		im.c.M3UA.Registration.Dynamic = On
	case im.is("xua", "rkm", "routing-key-allocation", "static-only"):
		im.c.M3UA.Registration.Dynamic = Off
	case im.begins("asp", "*", "*", "*", "*"):
		return im.asp()
	case im.begins("as", "*", "*"):
		return im.server()
	case im.begins("listen", "*", "*"):
		return im.listen()
	case im.is("route-table", "system"):
		return im.open(im.routeTable)
	case im.is("sccp-address", "*"):
		im.note(FindingNote, "sccp-address %s is for programs that share osmo-stp's code; translation of titles is written under gtt here", im.words[1])
		return im.skip()
	case im.begins("sccp-timer"):
		im.note(FindingNote, "timers of connection-oriented SCCP have no counterpart: that part is not here")
	default:
		im.skip()
		return false
	}
	return true
}

func (im *osmoImport) pointCode(s string, at *mtp3.PointCode) bool {
	pc, err := im.c.Node.Format.ParsePointCode(s)
	if err != nil {
		im.note(FindingError, "%v", err)
		return false
	}
	*at = pc
	return true
}

// carrier tells whether a word is a protocol that there is here, and whether it goes over TCP.
func (im *osmoImport) carrier(what, proto string, rest []string) (tcp, ok bool) {
	if proto != "m3ua" {
		im.note(FindingWarning, "%s: %s has no counterpart, only M3UA", what, strings.ToUpper(proto))
		im.skip()
		return false, false
	}
	return len(rest) > 0 && rest[0] == "tcp", true
}

func (im *osmoImport) port(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		im.note(FindingError, "%q is no port", s)
	}
	return uint16(n), err == nil
}

func (im *osmoImport) listen() bool {
	tcp, ok := im.carrier("listen", im.words[1], im.words[3:])
	if !ok {
		return true
	}
	port, ok := im.port(im.words[2])
	if !ok {
		return im.skip()
	}
	im.c.Listen = append(im.c.Listen, ListenConfig{Pos: im.pos()})
	l := &im.c.Listen[len(im.c.Listen)-1]
	at := &l.M3UA
	if tcp {
		at = &l.M3UATCP
	}
	at.Port = port
	index := len(im.c.Listen) - 1
	return im.open(func() bool {
		at := &im.c.Listen[index].M3UA
		if tcp {
			at = &im.c.Listen[index].M3UATCP
		}
		switch {
		case im.begins("local-ip", "*"):
			return im.address(im.words[1], &at.IPs)
		case im.is("accept-asp-connections", "dynamic-permitted"):
			im.c.M3UA.AnyASP = On
		case im.is("accept-asp-connections", "pre-configured"):
		default:
			return false
		}
		return true
	})
}

func (im *osmoImport) address(s string, to *[]netip.Addr) bool {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		im.note(FindingError, "%q is no IP address: names are not looked up", s)
		return true
	}
	*to = append(*to, ip.Unmap())
	return true
}

func (im *osmoImport) asp() bool {
	tcp, ok := im.carrier("asp "+im.words[1], im.words[4], im.words[5:])
	if !ok {
		return true
	}
	a := &osmoASP{role: "sg"}
	a.Name, a.Pos, a.TCP = im.words[1], im.pos(), Default
	if tcp {
		a.TCP = On
	}
	var ok1, ok2 bool
	a.remotePort, ok1 = im.port(im.words[2])
	a.localPort, ok2 = im.port(im.words[3])
	if !ok1 || !ok2 {
		return im.skip()
	}
	if first := im.asps[a.Name]; first != nil {
		im.note(FindingError, "asp %s is in line %d already", a.Name, first.Pos.Line)
		return im.skip()
	}
	im.asps[a.Name] = a
	im.order = append(im.order, a)
	return im.open(func() bool {
		switch {
		case im.begins("remote-ip", "*"):
			return im.address(im.words[1], &a.remote)
		case im.begins("local-ip", "*"):
			return im.address(im.words[1], &a.local)
		case im.is("role", "sg"), im.is("role", "asp"), im.is("role", "ipsp"):
			a.role = im.words[1]
		case im.is("sctp-role", "*"), im.is("transport-role", "*"):
			a.dials = im.words[1] == "client"
		case im.is("block"), im.is("shutdown"):
			a.Blocked = On
		case im.is("asp-identifier", "*"), im.is("asp-id", "*"):
			n, err := strconv.ParseUint(im.words[1], 10, 32)
			if err != nil {
				return false
			}
			a.ID = m3ua.Some(uint32(n))
		case im.begins("quirk"), im.begins("no", "quirk"):
			im.note(FindingNote, "%s: there is no such switch here; what a peer does wrong is counted", strings.Join(im.words, " "))
		default:
			return false
		}
		return true
	})
}
