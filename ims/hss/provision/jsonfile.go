package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// lines turns offsets in a text into lines and columns. Offsets that grow cost the least.
type lines struct {
	text  []byte
	at    int // an offset
	line  int // its line, from 1
	start int // where that line begins
}

func newLines(text []byte) *lines { return &lines{text: text, line: 1} }

func (l *lines) place(offset int) (line, column int) {
	offset = min(max(offset, 0), len(l.text))
	if offset < l.at {
		*l = lines{text: l.text, line: 1}
	}
	for {
		n := bytes.IndexByte(l.text[l.at:offset], '\n')
		if n < 0 {
			break
		}
		l.at += n + 1
		l.line++
		l.start = l.at
	}
	l.at = offset
	return l.line, offset - l.start + 1
}

// strictJSON decodes a value; keys that v has no field for are refused. An error is an *Error with
// its place, where base is the offset of the value in the text of l.
func strictJSON(file string, value []byte, base int, l *lines, v any) error {
	if path, at, ok := doubledKey(value); ok {
		line, column := l.place(base + at)
		return &Error{File: file, Line: line, Column: column, Path: path, Message: "this key came before"}
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		return nil
	}
	e := &Error{File: file, Message: strings.TrimPrefix(err.Error(), "json: ")}
	offset := 0
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = int(syntax.Offset) - 1
	case errors.As(err, &kind):
		offset, e.Path = partBefore(value, int(kind.Offset))
		e.Message = "a " + kind.Value + " where " + plainType(kind.Type.String()) + " should stand"
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset = len(value)
		e.Message = "ends too early"
	default:
		if key, ok := strings.CutPrefix(e.Message, "unknown field "); ok {
			offset = findKey(value, key)
			e.Message = "unknown key " + key
		} else if at, path, ok := refusedValue(value, v); ok {
			offset, e.Path = at, path
		}
	}
	e.Line, e.Column = l.place(base + offset)
	return e
}

// plainType names a Go type for people.
func plainType(t string) string {
	t = t[strings.LastIndexByte(t, '.')+1:]
	switch {
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "float"):
		return "a number (" + t + ")"
	case t == "bool":
		return "true or false"
	case t == "string":
		return "a text"
	}
	return "a " + t
}

// walker goes over a JSON value and knows the path of each part.
type walker struct {
	d     *json.Decoder
	value []byte
	// visit is called with each part: its path, the offset where it begins, and whether it is a
	// key. It ends the walk by returning false.
	visit func(path string, offset int, key bool) bool
	// doubled, if set, is told of the first key that its object has twice, which ends the walk.
	doubled func(path string, offset int)
}

var errStop = errors.New("stop")

// walkJSON calls visit for every key and value. What is not JSON ends the walk.
func walkJSON(value []byte, visit func(path string, offset int, key bool) bool) error {
	w := walker{d: json.NewDecoder(bytes.NewReader(value)), value: value, visit: visit}
	w.d.UseNumber()
	err := w.part("", 0)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// next is where the next token begins.
func (w *walker) next() int {
	i := int(w.d.InputOffset())
	for i < len(w.value) && strings.IndexByte(" \t\r\n,:", w.value[i]) >= 0 {
		i++
	}
	return i
}

const maxDepth = 100

func (w *walker) part(path string, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	at := w.next()
	if at >= len(w.value) {
		return io.ErrUnexpectedEOF
	}
	if !w.visit(path, at, false) {
		return errStop
	}
	t, err := w.d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		var seen map[string]bool
		if w.doubled != nil {
			seen = make(map[string]bool)
		}
		for w.d.More() {
			at := w.next()
			k, err := w.d.Token()
			if err != nil {
				return err
			}
			name, ok := k.(string)
			if !ok {
				return fmt.Errorf("%v is no key", k)
			}
			p := name
			if path != "" {
				p = path + "." + name
			}
			if seen[name] {
				w.doubled(p, at)
				return errStop
			}
			if seen != nil {
				seen[name] = true
			}
			if !w.visit(p, at, true) {
				return errStop
			}
			if err := w.part(p, depth+1); err != nil {
				return err
			}
		}
		_, err = w.d.Token()
	case json.Delim('['):
		for i := 0; w.d.More(); i++ {
			if err := w.part(path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
				return err
			}
		}
		_, err = w.d.Token()
	}
	return err
}

// doubledKey finds a key that an object has twice, which encoding/json takes without a word.
func doubledKey(value []byte) (path string, offset int, found bool) {
	w := walker{d: json.NewDecoder(bytes.NewReader(value)), value: value, visit: func(string, int, bool) bool { return true }}
	w.d.UseNumber()
	w.doubled = func(p string, at int) { path, offset, found = p, at, true }
	_ = w.part("", 0) // what is no JSON, the decoder reports
	return path, offset, found
}

// partBefore is the last part of a value that begins before an offset.
func partBefore(value []byte, offset int) (at int, path string) {
	_ = walkJSON(value, func(p string, o int, key bool) bool {
		if !key && o < offset {
			at, path = o, p
		}
		return o < offset
	})
	return at, path
}

// findKey finds where a key, quoted, first stands as one.
func findKey(value []byte, quoted string) int {
	at := 0
	_ = walkJSON(value, func(path string, offset int, key bool) bool {
		if key && bytes.HasPrefix(value[offset:], []byte(quoted)) {
			at = offset
			return false
		}
		return true
	})
	return at
}

// placeJSON finds where a path stands in a value; of a path that isn't there, where its parent stands.
func placeJSON(value []byte, path string) int {
	best, at := -1, 0
	_ = walkJSON(value, func(p string, offset int, key bool) bool {
		if !key && len(p) > best && (p == path || strings.HasPrefix(path, p) && (p == "" || path[len(p)] == '.' || path[len(p)] == '[')) {
			best, at = len(p), offset
		}
		return best < len(path)
	})
	return at
}
