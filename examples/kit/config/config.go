// Package config reads a program's YAML file strictly: an unknown or doubled key, a value of the
// wrong type, or a value that the program refuses is an error that names file, line and column.
//
//	type Config struct {
//		Listen netip.AddrPort `yaml:"listen"`
//		Trunks []Trunk        `yaml:"trunks"`
//	}
//
//	func (c *Config) Validate() error {
//		var bad config.Problems
//		for i, t := range c.Trunks {
//			if t.Host == "" {
//				bad.Add(config.Path("trunks", i), "wants a host")
//			}
//		}
//		return bad.Err()
//	}
//
//	cfg := Config{Listen: defaultListen}
//	err := config.Load("as.yaml", &cfg) // as.yaml:7:5: trunks[0]: wants a host
//
// Fields keep the value that they have where the file doesn't speak of them. Durations are written
// "20ms", and every type that implements encoding.TextUnmarshaler (addresses, for one) is read by it.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxSize bounds a file: a configuration is written by hand or by a small program.
const maxSize = 16 << 20

// A Validator refuses values that YAML cannot: it is called after decoding. The error should be
// of type [Problems].
type Validator interface{ Validate() error }

// Error is one thing that is wrong with a file.
type Error struct {
	File         string
	Line, Column int    // from 1; zero if the place is not known
	Path         string // "trunks[1].host"; may be empty
	Message      string
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column)
	}
	if e.Path != "" {
		s += ": " + e.Path
	}
	return s + ": " + e.Message
}

// Load reads a file into the struct that v points to, and validates it. What is wrong with the
// file is an *[Error], or several joined by errors.Join.
func Load(name string, v any) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return err
	}
	if len(text) > maxSize {
		return &Error{File: name, Message: fmt.Sprintf("longer than %d octets", maxSize)}
	}
	return Parse(name, text, v)
}

// Parse is like Load for a text that is there already; name stands for it in errors.
func Parse(name string, text []byte, v any) error {
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(v)
	if err != nil && !errors.Is(err, io.EOF) { // an empty file says nothing wrong
		return located(name, text, v, err)
	}
	val, ok := v.(Validator)
	if !ok {
		return nil
	}
	err = val.Validate()
	if err == nil {
		return nil
	}
	var problems Problems
	if !errors.As(err, &problems) {
		return &Error{File: name, Message: err.Error()}
	}
	file, _ := parser.ParseBytes(text, 0)
	all := make([]error, 0, len(problems))
	for _, p := range problems {
		e := &Error{File: name, Path: p.Path, Message: p.Message}
		e.Line, e.Column = place(file, p.Path)
		all = append(all, e)
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// located turns an error of the YAML module into one of ours.
func located(name string, text []byte, v any, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) {
		e := &Error{File: name, Message: err.Error()}
		if n := refusedText(text, v); n != nil {
			e.Line, e.Column = n.GetToken().Position.Line, n.GetToken().Position.Column
			e.Message = strconv.Quote(n.GetToken().Value) + ": " + e.Message
		}
		return e
	}
	e := &Error{File: name, Message: plain(y.GetMessage())}
	if t := y.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}

var (
	wrongType  = regexp.MustCompile(`^cannot unmarshal (\S+) into Go (?:struct field \S+|value) of type (\S+)$`)
	outOfRange = regexp.MustCompile(`^cannot unmarshal (\S+) into Go value of type \S+ \( overflow \)$`)
)

// plain says in words of the file what the YAML module says in those of Go.
func plain(message string) string {
	if m := outOfRange.FindStringSubmatch(message); m != nil {
		return m[1] + " is out of range"
	}
	m := wrongType.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	have := map[string]string{"string": "a text", "bool": "true or false", "uint64": "a number", "int64": "a number", "float64": "a number"}[m[1]]
	if have == "" {
		have = m[1]
	}
	want := "something else"
	switch t := m[2]; {
	case t == "time.Duration":
		want = `a duration with its unit, such as 30s, 5m or 250ms`
	case t == "bool":
		want = "true or false"
	case t == "string":
		want = "a text"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"):
		want = "a whole number"
	case strings.HasPrefix(t, "float"):
		want = "a number"
	case strings.HasPrefix(t, "[]"):
		want = "a list"
	case strings.HasPrefix(t, "map["):
		want = "a mapping"
	}
	return "is " + have + ", not " + want
}

// place finds where a path stands in the file; of a path that isn't there, where its parent stands.
func place(file *ast.File, path string) (line, column int) {
	for file != nil {
		at := "$"
		if path != "" {
			at += "." + path
		}
		if p, err := yaml.PathString(at); err == nil {
			if n, err := p.FilterFile(file); err == nil && n != nil && n.GetToken() != nil {
				pos := n.GetToken().Position
				if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 { // its token is a colon
					pos = m.Values[0].Key.GetToken().Position
				}
				return pos.Line, pos.Column
			}
		}
		i := strings.LastIndexAny(path, ".[")
		if path == "" {
			return 0, 0
		}
		path = path[:max(i, 0)]
	}
	return 0, 0
}

// Problems is what a Validator found.
type Problems []Problem

// Problem is one of them.
type Problem struct{ Path, Message string }

// Add notes that the value at path is not as it should be. The message is formatted as by
// fmt.Sprintf.
func (p *Problems) Add(path, format string, args ...any) {
	*p = append(*p, Problem{path, fmt.Sprintf(format, args...)})
}

// Err returns the problems as an error, or nil if there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

func (p Problems) Error() string {
	var b strings.Builder
	for i, x := range p {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(x.Path + ": " + x.Message)
	}
	return b.String()
}

// Path makes a path of keys (strings) and places in lists (ints): Path("trunks", 1, "host") is
// "trunks[1].host".
func Path(steps ...any) string {
	var b strings.Builder
	for _, s := range steps {
		switch s := s.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, s)
		}
	}
	return b.String()
}
