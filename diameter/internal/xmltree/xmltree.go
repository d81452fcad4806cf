// Package xmltree reads small XML documents into trees and appends them. It is for documents whose elements matter in order
// and of which some are not known: those are kept and written again.
package xmltree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Element is an XML element. Text between its children is joined and stands before them when it is written.
type Element struct {
	Name     xml.Name // with the namespace
	Attr     []xml.Attr
	Text     string
	Children []*Element

	inner []byte
}

// Inner is what stood between the tags when the element was parsed, aliasing the document.
func (e *Element) Inner() []byte { return e.inner }

const (
	maxDepth    = 64
	maxElements = 100_000
	maxAttr     = 1_000 // in the whole document
)

// Parse reads a document and returns its root. White space that sets children apart is cut off.
func Parse(b []byte) (*Element, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	var root *Element
	type open struct {
		*Element
		text []byte
		from int64
	}
	stack := make([]open, 0, 16)
	for n, attrs := 0, 0; ; {
		before := d.InputOffset()
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if n++; n > maxElements || len(stack) >= maxDepth {
				return nil, fmt.Errorf("more than %d elements, or %d within one another", maxElements, maxDepth)
			}
			if attrs += len(t.Attr); attrs > maxAttr {
				return nil, fmt.Errorf("more than %d attributes", maxAttr)
			}
			e := &Element{Name: t.Name}
			if len(t.Attr) > 0 {
				e.Attr = append(e.Attr, t.Attr...)
			}
			switch {
			case len(stack) > 0:
				parent := stack[len(stack)-1].Element
				parent.Children = append(parent.Children, e)
			case root == nil:
				root = e
			default:
				return nil, errors.New("more than one root element")
			}
			stack = append(stack, open{Element: e, from: d.InputOffset()})
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].Name != t.Name {
				return nil, fmt.Errorf("</%s> ends nothing", t.Name.Local)
			}
			e := stack[len(stack)-1]
			if e.from <= before { // else it is one tag
				e.inner = b[e.from:before:before]
			}
			if e.Text = string(e.text); len(e.Children) > 0 {
				e.Text = strings.TrimSpace(e.Text)
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				top := &stack[len(stack)-1]
				top.text = append(top.text, t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside of the root element")
			}
		}
	}
	if root == nil {
		return nil, errors.New("no element")
	}
	if len(stack) > 0 {
		return nil, fmt.Errorf("<%s> does not end", stack[len(stack)-1].Name.Local)
	}
	if err := root.resolve(nil); err != nil {
		return nil, err
	}
	return root, nil
}

// scope is the namespaces that an element sees.
type scope struct {
	prefix, space string
	outer         *scope
}

const xmlSpace = "http://www.w3.org/XML/1998/namespace"

func (s *scope) find(prefix string) (string, bool) {
	if prefix == "xml" {
		return xmlSpace, true
	}
	for ; s != nil; s = s.outer {
		if s.prefix == prefix {
			return s.space, true
		}
	}
	return "", prefix == ""
}

// resolve turns prefixes, which RawToken leaves in Name.Space, into namespaces.
func (e *Element) resolve(s *scope) error {
	kept := e.Attr[:0]
	for _, a := range e.Attr {
		switch {
		case a.Name.Space == "xmlns":
			s = &scope{a.Name.Local, a.Value, s}
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			s = &scope{"", a.Value, s}
		default:
			kept = append(kept, a)
		}
	}
	e.Attr = kept
	if len(kept) == 0 {
		e.Attr = nil
	}
	if !nameStart(e.Name.Local) {
		return fmt.Errorf("<%s>: no name", e.Name.Local)
	}
	var ok bool
	if e.Name.Space, ok = s.find(e.Name.Space); !ok {
		return fmt.Errorf("<%s>: unknown prefix", e.Name.Local)
	}
	for i, a := range e.Attr {
		if !nameStart(a.Name.Local) {
			return fmt.Errorf("attribute %s: no name", a.Name.Local)
		}
		if a.Name.Space != "" {
			if e.Attr[i].Name.Space, ok = s.find(a.Name.Space); !ok {
				return fmt.Errorf("attribute %s: unknown prefix", a.Name.Local)
			}
		}
	}
	for _, c := range e.Children {
		if err := c.resolve(s); err != nil {
			return err
		}
	}
	return nil
}

// nameStart tells whether a name, its prefix cut off, is still one.
func nameStart(name string) bool {
	r, _ := utf8.DecodeRuneInString(name)
	return r == '_' || unicode.IsLetter(r)
}

// Int returns the text as a number from lo to hi.
func (e *Element) Int(lo, hi int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(e.Text))
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("<%s>: %q is no number from %d to %d", e.Name.Local, e.Text, lo, hi)
	}
	return n, nil
}

// Token returns the text without the white space around it.
func (e *Element) Token() string { return strings.TrimSpace(e.Text) }

// Bool returns the text as a boolean of XML Schema.
func (e *Element) Bool() (bool, error) {
	switch strings.TrimSpace(e.Text) {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, fmt.Errorf("<%s>: %q is no boolean", e.Name.Local, e.Text)
}

// Equal tells whether two elements are the same.
func (e *Element) Equal(o *Element) bool {
	if e.Name != o.Name || e.Text != o.Text || len(e.Attr) != len(o.Attr) || len(e.Children) != len(o.Children) {
		return false
	}
	for i, a := range e.Attr {
		if o.Attr[i] != a {
			return false
		}
	}
	for i, c := range e.Children {
		if !c.Equal(o.Children[i]) {
			return false
		}
	}
	return true
}
