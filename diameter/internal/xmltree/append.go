package xmltree

import (
	"strconv"
	"unicode/utf8"
)

// Header is the XML declaration.
const Header = `<?xml version="1.0" encoding="UTF-8"?>`

// Open appends a start tag.
func Open(b []byte, name string) []byte { return append(append(append(b, '<'), name...), '>') }

// Close appends an end tag.
func Close(b []byte, name string) []byte { return append(append(append(b, "</"...), name...), '>') }

// Text appends an element that holds text.
func Text(b []byte, name, text string) []byte { return Close(Escape(Open(b, name), text), name) }

// Int appends an element that holds a number.
func Int(b []byte, name string, n int) []byte {
	return Close(strconv.AppendInt(Open(b, name), int64(n), 10), name)
}

// Bool appends an element that holds a boolean, as 0 or 1.
func Bool(b []byte, name string, v bool) []byte {
	if v {
		return Int(b, name, 1)
	}
	return Int(b, name, 0)
}

// Escape appends text. What XML 1.0 cannot hold becomes U+FFFD.
func Escape(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		n, to := 1, ""
		switch {
		case c == '&':
			to = "&amp;"
		case c == '<':
			to = "&lt;"
		case c == '>':
			to = "&gt;"
		case c == '"':
			to = "&#34;"
		case c == '\r':
			to = "&#13;"
		case c == '\n':
			to = "&#10;"
		case c == '\t':
			to = "&#9;"
		case c < ' ':
			to = "\uFFFD"
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			n = size
			if r == utf8.RuneError && size == 1 || r == 0xfffe || r == 0xffff {
				to = "\uFFFD"
			}
		}
		if to != "" {
			b = append(append(b, s[from:i]...), to...)
			from = i + n
		}
		i += n
	}
	return append(b, s[from:]...)
}

// AppendXML appends the element within one whose default namespace is none.
func (e *Element) AppendXML(b []byte) []byte { return e.append(b, "") }

func (e *Element) append(b []byte, space string) []byte {
	b = append(append(b, '<'), e.Name.Local...)
	if e.Name.Space != space {
		b = attr(b, "xmlns", e.Name.Space)
	}
	for i, a := range e.Attr {
		switch a.Name.Space {
		case "":
			b = attr(b, a.Name.Local, a.Value)
		case xmlSpace:
			b = attr(b, "xml:"+a.Name.Local, a.Value)
		default:
			prefix := "a" + strconv.Itoa(i)
			b = attr(b, "xmlns:"+prefix, a.Name.Space)
			b = attr(b, prefix+":"+a.Name.Local, a.Value)
		}
	}
	if e.Text == "" && len(e.Children) == 0 {
		return append(b, "/>"...)
	}
	b = Escape(append(b, '>'), e.Text)
	for _, c := range e.Children {
		b = c.append(b, e.Name.Space)
	}
	return Close(b, e.Name.Local)
}

func attr(b []byte, name, value string) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	return append(Escape(b, value), '"')
}
