package esl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Format is one of the forms in which events are sent.
type Format uint8

const (
	Plain Format = iota // lines of names and escaped values
	JSON                // an object of strings; the body is its member "_body"
	XML
)

func (f Format) String() string {
	switch f {
	case Plain:
		return "plain"
	case JSON:
		return "json"
	case XML:
		return "xml"
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// parseFormat returns the format of that name.
func parseFormat(s string) (Format, bool) {
	for f := Plain; f <= XML; f++ {
		if strings.EqualFold(s, f.String()) {
			return f, true
		}
	}
	return 0, false
}

// An Event is what a switch tells: fields, of which Event-Name comes first, and a body, mostly none.
type Event struct {
	Header Header
	Body   string
}

// Name returns the Event-Name.
func (e *Event) Name() string { return e.Header.Get("Event-Name") }

// Append appends the event in a format, as the body of a message text/event-plain, -json or -xml.
func (e *Event) Append(dst []byte, f Format) []byte {
	switch f {
	case JSON:
		return e.appendJSON(dst)
	case XML:
		return e.appendXML(dst)
	}
	return e.appendPlain(dst)
}

func (e *Event) appendPlain(dst []byte) []byte {
	dst = appendFields(dst, e.Header)
	if e.Body != "" {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(e.Body)), 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	return append(dst, e.Body...)
}

// appendFields appends fields with their values escaped. FreeSWITCH writes an empty one as "_undef_".
func appendFields(dst []byte, h Header) []byte {
	for _, f := range h {
		dst = appendName(dst, f.Name)
		dst = append(dst, ": "...)
		if f.Value == "" {
			dst = append(dst, "_undef_"...)
		} else {
			dst = Escape(dst, f.Value)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendName appends the name of a field without what would end it.
func appendName(dst []byte, name string) []byte {
	if name == "" {
		return append(dst, '_')
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c == ':' || c == 0x7f {
			dst = append(dst, '_')
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func (e *Event) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	seen := make(map[string]bool, len(e.Header)) // an object has each name once
	member := func(name string) {
		if len(seen) > 0 {
			dst = append(dst, ',')
		}
		seen[name] = true
		dst = appendJSONString(dst, name)
		dst = append(dst, ':')
	}
	for _, f := range e.Header {
		if seen[f.Name] || e.Body != "" && (f.Name == "Content-Length" || f.Name == "_body") {
			continue
		}
		member(f.Name)
		list, ok := strings.CutPrefix(f.Value, "ARRAY::")
		if !ok {
			dst = appendJSONString(dst, f.Value)
			continue
		}
		for i, v := range strings.Split(list, "|:") {
			dst = append(dst, "[,"[min(i, 1)])
			dst = appendJSONString(dst, v)
		}
		dst = append(dst, ']')
	}
	if e.Body != "" {
		member("Content-Length")
		dst = appendJSONString(dst, strconv.Itoa(len(e.Body)))
		member("_body")
		dst = appendJSONString(dst, e.Body)
	}
	return append(dst, '}')
}

const lowerHex = "0123456789abcdef"

// appendJSONString quotes without the care for HTML that encoding/json takes.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', lowerHex[r>>4], lowerHex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

func (e *Event) appendXML(dst []byte) []byte {
	dst = append(dst, "<event>\n  <headers>\n"...)
	for _, f := range e.Header {
		dst = append(dst, "    "...)
		dst = appendElement(dst, f.Name, string(Escape(nil, f.Value)))
	}
	dst = append(dst, "  </headers>\n"...)
	if e.Body != "" {
		dst = append(dst, "  "...)
		dst = appendElement(dst, "Content-Length", strconv.Itoa(len(e.Body)))
		dst = append(dst, "  "...)
		dst = appendElement(dst, "body", e.Body)
	}
	return append(dst, "</event>\n"...)
}

// appendElement appends an element and the end of the line. A name that XML doesn't allow is changed.
func appendElement(dst []byte, name, text string) []byte {
	clean := make([]byte, 0, len(name)+1)
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && len(clean) == 0 {
			clean = append(clean, '_')
		}
		if letter || c >= '0' && c <= '9' || c == '-' || c == '.' {
			clean = append(clean, c)
		} else {
			clean = append(clean, '_')
		}
	}
	if len(clean) == 0 {
		clean = append(clean, '_')
	}
	dst = append(dst, '<')
	dst = append(dst, clean...)
	dst = append(dst, '>')
	dst = appendXMLText(dst, text)
	dst = append(dst, "</"...)
	dst = append(dst, clean...)
	return append(dst, ">\n"...)
}

func appendXMLText(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '\r':
			dst = append(dst, "&#xD;"...)
		case r < ' ' && r != '\n' && r != '\t', r == 0xfffe, r == 0xffff:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// ParseEvent reads the body of a message text/event-plain or text/event-json.
func ParseEvent(f Format, b []byte) (*Event, error) {
	switch f {
	case Plain:
		return parsePlain(b)
	case JSON:
		return parseJSON(b)
	}
	return nil, &ParseError{"event", fmt.Errorf("%v is not read", f)}
}

func parsePlain(b []byte) (*Event, error) {
	e := new(Event)
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			e.Body = string(b)
			break
		}
		name, value, err := parseField(line)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "Content-Length") {
			continue // what is left is the body
		}
		if value == "_undef_" {
			value = ""
		}
		e.Header.Add(name, Unescape(value))
	}
	if len(e.Header) == 0 {
		return nil, &ParseError{"event", errors.New("no fields")}
	}
	return e, nil
}

func parseJSON(b []byte) (*Event, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	fail := func(err error) (*Event, error) { return nil, &ParseError{"event", err} }
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fail(errors.New("no JSON object"))
	}
	e := new(Event)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fail(err)
		}
		name := t.(string)
		var v any
		if err := d.Decode(&v); err != nil {
			return fail(err)
		}
		var value string
		switch v := v.(type) {
		case string:
			value = v
		case []any:
			list := make([]string, len(v))
			for i := range v {
				list[i] = fmt.Sprint(v[i])
			}
			value = "ARRAY::" + strings.Join(list, "|:")
		default:
			value = fmt.Sprint(v)
		}
		switch name {
		case "_body":
			e.Body = value
		case "Content-Length":
		default:
			e.Header.Add(name, value)
		}
	}
	if _, err := d.Token(); err != nil {
		return fail(err)
	}
	if len(e.Header) == 0 {
		return fail(errors.New("no fields"))
	}
	return e, nil
}
