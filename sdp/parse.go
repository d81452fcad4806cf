package sdp

import (
	"strconv"
	"strings"
)

// Bounds of what [Parse] takes.
const (
	maxSize  = 1 << 16 // octets
	maxLines = 4096
	maxMedia = 256
)

// Parse reads a description. The result does not alias b. Errors are [*ParseError].
//
// It is lenient where that does no harm: lines may end with CRLF, LF or CR, the last one not at
// all; blank lines are skipped; lines of a section may come in any order; s= and t= may be
// missing; types of lines that RFC 8866 does not know are kept. It insists on v=0 in the first
// line, on one o= line, on the form of o=, c= and m=, and on a single description.
func Parse(b []byte) (*Description, error) {
	if len(b) > maxSize {
		return nil, parseError(1, "", ErrTooLarge)
	}
	p := parser{d: &Description{}}
	text := string(b)
	for text != "" {
		p.line++
		if p.line > maxLines {
			return nil, parseError(p.line, "", ErrTooLarge)
		}
		var line string
		if end := strings.IndexAny(text, "\r\n"); end < 0 {
			line, text = text, ""
		} else {
			line = text[:end]
			if strings.HasPrefix(text[end:], "\r\n") {
				end++
			}
			text = text[end+1:]
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := p.take(line); err != nil {
			return nil, parseError(p.line, line, err)
		}
	}
	switch {
	case !p.version:
		return nil, parseError(p.line+1, "", ErrMissing)
	case !p.origin:
		return nil, parseError(p.line+1, "o=", ErrMissing)
	}
	return p.d, nil
}

type parser struct {
	d                     *Description
	m                     *Media // nil in the session's part
	line                  int
	version, origin, name bool
}

func (p *parser) take(line string) error {
	if len(line) < 2 || line[1] != '=' || line[0] < 'A' || line[0] > 'z' || line[0] > 'Z' && line[0] < 'a' {
		return ErrSyntax
	}
	if strings.IndexByte(line, 0) >= 0 {
		return ErrCharacter
	}
	kind, value := line[0], line[2:]
	if !p.version && kind != 'v' {
		return ErrMissing
	}
	switch kind {
	case 'v':
		if p.version {
			return ErrDuplicate // RFC 3264 section 5: exactly one description
		}
		p.version = true
		if strings.TrimSpace(value) != "0" {
			return ErrVersion
		}
		return nil
	case 'm':
		return p.media(value)
	case 'c':
		return p.connection(value)
	case 'b':
		if name, number, ok := strings.Cut(value, ":"); ok && name != "" {
			if n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64); err == nil {
				list := &p.d.Bandwidth
				if p.m != nil {
					list = &p.m.Bandwidth
				}
				*list = append(*list, Bandwidth{name, n})
				return nil
			}
		}
	case 'a':
		name, v, _ := strings.Cut(value, ":")
		if v == "" {
			name = strings.TrimRight(name, " \t") // "a=sendrecv " is common
		}
		if name == "" {
			return ErrFields
		}
		list := &p.d.Attributes
		if p.m != nil {
			list = &p.m.Attributes
		}
		*list = append(*list, Attribute{name, v})
		return nil
	case 'o', 's', 't', 'r', 'z':
		if p.m == nil {
			return p.session(kind, value)
		}
		return ErrSyntax // these do not belong to a media
	}
	list := &p.d.Other
	if p.m != nil {
		list = &p.m.Other
	}
	*list = append(*list, Line{kind, value})
	return nil
}

func (p *parser) session(kind byte, value string) error {
	switch kind {
	case 's':
		if p.name {
			return ErrDuplicate
		}
		p.name, p.d.Name = true, value
		if strings.TrimSpace(value) == "" || value == "-" {
			p.d.Name = ""
		}
	case 'o':
		if p.origin {
			return ErrDuplicate
		}
		p.origin = true
		f := strings.Fields(value)
		if len(f) != 6 {
			return ErrFields
		}
		id, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			return ErrNumber
		}
		version, err := strconv.ParseUint(f[2], 10, 64)
		if err != nil {
			return ErrNumber
		}
		p.d.Origin = Origin{Username: f[0], SessionID: id, Version: version, NetType: f[3], AddrType: f[4], Address: f[5]}
	default:
		p.d.Time = append(p.d.Time, Line{kind, value})
	}
	return nil
}

func (p *parser) connection(value string) error {
	f := strings.Fields(value)
	if len(f) != 3 {
		return ErrFields
	}
	c := Connection{f[0], f[1], f[2]}
	switch {
	case p.m == nil && p.d.Connection != (Connection{}):
		return ErrDuplicate
	case p.m == nil:
		p.d.Connection = c
	case p.m.Connection != (Connection{}):
		// Several groups of a layered multicast (RFC 8866 section 5.7).
		p.m.Other = append(p.m.Other, Line{'c', strings.Join(f, " ")})
	default:
		p.m.Connection = c
	}
	return nil
}

func (p *parser) media(value string) error {
	if len(p.d.Media) == maxMedia {
		return ErrTooLarge
	}
	f := strings.Fields(value)
	if len(f) < 3 {
		return ErrFields
	}
	m := Media{Kind: f[0], Proto: f[2], Formats: f[3:]}
	portText, count, several := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return ErrNumber
	}
	m.Port = uint16(port)
	if several {
		if m.Ports, err = strconv.Atoi(count); err != nil || m.Ports < 1 || m.Ports > 65535 {
			return ErrNumber
		}
	}
	// A refused stream has a format too (RFC 3264 section 6), but not everybody knows.
	if len(m.Formats) == 0 {
		if m.Port != 0 {
			return ErrFields
		}
		m.Formats = nil
	}
	p.d.Media = append(p.d.Media, m)
	p.m = &p.d.Media[len(p.d.Media)-1]
	return nil
}
