package sdp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// AppendText appends the description with CRLF after each line, in the order of RFC 8866
// section 5; lines of unknown types come before the attributes of their section. It fails if a
// value would break a line or an m= or o= line lacks a part.
func (d *Description) AppendText(b []byte) ([]byte, error) {
	w := writer{b: b}
	w.line('v', "0")
	o := d.Origin
	w.line('o', orElse(o.Username, "-"), strconv.FormatUint(o.SessionID, 10), strconv.FormatUint(o.Version, 10),
		orElse(o.NetType, "IN"), orElse(o.AddrType, "IP4"), orElse(o.Address, "0.0.0.0"))
	w.text('s', orElse(d.Name, "-"))
	w.other(d.Other, "iuep")
	w.connection(d.Connection)
	w.bandwidth(d.Bandwidth)
	w.other(d.Other, "b")
	if len(d.Time) == 0 {
		w.text('t', "0 0")
	}
	for _, l := range d.Time {
		w.text(l.Type, l.Value)
	}
	w.other(d.Other, "k")
	w.rest(d.Other, "iuepbk")
	w.attributes(d.Attributes)
	for i := range d.Media {
		w.media(&d.Media[i])
	}
	if w.err != nil {
		return b, w.err
	}
	return w.b, nil
}

// MarshalText returns the text of the description.
func (d *Description) MarshalText() ([]byte, error) { return d.AppendText(nil) }

// UnmarshalText parses b into d.
func (d *Description) UnmarshalText(b []byte) error {
	p, err := Parse(b)
	if err != nil {
		return err
	}
	*d = *p
	return nil
}

// String returns the text of the description, or what is wrong with it.
func (d *Description) String() string {
	b, err := d.AppendText(nil)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

type writer struct {
	b   []byte
	err error
}

var errValue = errors.New("sdp: a value is empty or holds a line end, a space or NUL")

// line writes values that must not be empty, separated by spaces.
func (w *writer) line(kind byte, values ...string) {
	w.b = append(w.b, kind, '=')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ' ')
		}
		if v == "" || strings.ContainsAny(v, " \t\r\n\x00") {
			w.fail(kind, v)
		}
		w.b = append(w.b, v...)
	}
	w.b = append(w.b, '\r', '\n')
}

// text writes free text.
func (w *writer) text(kind byte, v string) {
	if strings.ContainsAny(v, "\r\n\x00") || kind < 'A' || kind > 'z' || kind > 'Z' && kind < 'a' {
		w.fail(kind, v)
	}
	w.b = append(append(append(w.b, kind, '='), v...), '\r', '\n')
}

func (w *writer) fail(kind byte, v string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %c=%q", errValue, kind, v)
	}
}

// other writes the lines of the given types, in the order of types.
func (w *writer) other(lines []Line, types string) {
	for i := range len(types) {
		for _, l := range lines {
			if l.Type == types[i] {
				w.text(l.Type, l.Value)
			}
		}
	}
}

// rest writes the lines of all other types.
func (w *writer) rest(lines []Line, types string) {
	for _, l := range lines {
		if strings.IndexByte(types, l.Type) < 0 {
			w.text(l.Type, l.Value)
		}
	}
}

func (w *writer) connection(c Connection) {
	if c != (Connection{}) {
		w.line('c', orElse(c.NetType, "IN"), orElse(c.AddrType, "IP4"), c.Address)
	}
}

func (w *writer) bandwidth(list []Bandwidth) {
	for _, b := range list {
		if b.Type == "" {
			w.fail('b', b.Type)
		}
		w.text('b', b.Type+":"+strconv.FormatUint(b.Value, 10))
	}
}

func (w *writer) attributes(list []Attribute) {
	for _, a := range list {
		if a.Name == "" || strings.Contains(a.Name, ":") {
			w.fail('a', a.Name)
		}
		if a.Value == "" {
			w.text('a', a.Name)
		} else {
			w.text('a', a.Name+":"+a.Value)
		}
	}
}

func (w *writer) media(m *Media) {
	port := strconv.Itoa(int(m.Port))
	if m.Ports > 0 {
		port += "/" + strconv.Itoa(m.Ports)
	}
	w.line('m', append([]string{m.Kind, port, m.Proto}, m.Formats...)...)
	w.other(m.Other, "i")
	w.connection(m.Connection)
	w.other(m.Other, "c")
	w.bandwidth(m.Bandwidth)
	w.other(m.Other, "bk")
	w.rest(m.Other, "icbk")
	w.attributes(m.Attributes)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
