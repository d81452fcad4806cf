package stp

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/gotelco/telco/mtp3"
)

// Bounds of a file. It is written by people or small programs.
const (
	maxFile   = 16 << 20
	maxDepth  = 30
	maxErrors = 50
	maxNodes  = 1 << 20 // aliases may stand for many
)

// ConfigError is one thing that is wrong with a file.
type ConfigError struct {
	File    string
	Pos     Pos    // zero if the place is not known
	Path    string // "linkset[0].links[1].slc"; may be empty
	Message string
}

// Error is "file:line:column: path: message".
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Pos.Line > 0 {
		b.WriteString(":" + e.Pos.String())
	}
	if e.Path != "" {
		b.WriteString(": " + e.Path)
	}
	return b.String() + ": " + e.Message
}

// ConfigErrors is everything that is wrong with a file, in its order.
type ConfigErrors []*ConfigError

// Error has a line for each.
func (e ConfigErrors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each of them.
func (e ConfigErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, x := range e {
		all[i] = x
	}
	return all
}

// ParseConfig reads a configuration in YAML. Keys that it does not know, keys that come twice, values of the
// wrong kind or out of range are errors: all of them together, as [ConfigErrors]. file names the text in
// errors. What a file says that makes no sense as a whole is for [Config.Check].
//
// A list of one item may be written without the dash or brackets.
func ParseConfig(file string, text []byte) (*Config, error) {
	c := &Config{File: file, Node: NodeConfig{NI: mtp3.National}}
	d := decoder{file: file, anchors: map[string]ast.Node{}}
	if len(text) > maxFile {
		d.fail(Pos{}, "", "longer than %d octets", maxFile)
		return nil, d.errs
	}
	if !utf8.Valid(text) {
		d.fail(Pos{}, "", "not UTF-8")
		return nil, d.errs
	}
	parsed, err := parseYAML(text)
	if err != nil {
		pos, msg := place(err)
		d.fail(pos, "", "%s", msg)
		return nil, d.errs
	}
	switch {
	case len(parsed.Docs) > 1:
		d.fail(posOf(parsed.Docs[1].Body), "", "a second document: one file holds one configuration")
	case len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil:
		d.fail(Pos{Line: 1, Column: 1}, "", `nothing in it: at least "node" with a "point-code" is needed`)
	default:
		body := parsed.Docs[0].Body
		d.format = d.findFormat(body)
		d.decode(body, reflect.ValueOf(c).Elem(), "")
		c.Node.Format = d.format
		if len(d.errs) == 0 {
			c.required(&d)
		}
	}
	if len(d.errs) > 0 {
		slices.SortStableFunc(d.errs, func(a, b *ConfigError) int {
			if a.Pos.Line != b.Pos.Line {
				return a.Pos.Line - b.Pos.Line
			}
			return a.Pos.Column - b.Pos.Column
		})
		return nil, d.errs
	}
	c.name()
	return c, nil
}

// parseYAML keeps the module's panics from those who read a file.
func parseYAML(text []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML: %v", p)
		}
	}()
	return parser.ParseBytes(text, 0)
}

func place(err error) (Pos, string) {
	y, ok := err.(yaml.Error)
	if !ok {
		return Pos{}, err.Error()
	}
	if t := y.GetToken(); t != nil && t.Position != nil {
		return Pos{t.Position.Line, t.Position.Column}, y.GetMessage()
	}
	return Pos{}, y.GetMessage()
}

// decoder fills a Config from a tree of YAML and notes everything that does not fit.
type decoder struct {
	file    string
	format  mtp3.Format
	anchors map[string]ast.Node
	errs    ConfigErrors
	depth   int
	nodes   int
}

func (d *decoder) fail(pos Pos, path, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, &ConfigError{d.file, pos, path, fmt.Sprintf(format, args...)})
	}
}

func posOf(n ast.Node) Pos {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 { // its own token is a colon
		return posOf(m.Values[0].Key)
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return posOf(m.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Pos{}
	}
	p := n.GetToken().Position
	return Pos{p.Line, p.Column}
}

// resolve follows anchors and aliases.
func (d *decoder) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		switch x := n.(type) {
		case *ast.AnchorNode:
			d.anchors[x.Name.GetToken().Value] = x.Value
			n = x.Value
		case *ast.AliasNode:
			v, ok := d.anchors[x.Value.GetToken().Value]
			if !ok {
				d.fail(posOf(n), "", "nothing before is called &%s", x.Value.GetToken().Value)
				return nil
			}
			n = v
		default:
			return n
		}
	}
	return nil
}

// entries are the keys of a mapping, with their values. ok is false if n is something else.
func (d *decoder) entries(n ast.Node) (all []*ast.MappingValueNode, ok bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// findFormat reads what the point codes of the rest are written in.
func (d *decoder) findFormat(body ast.Node) (f mtp3.Format) {
	look := decoder{anchors: map[string]ast.Node{}} // what is wrong elsewhere is found later
	top, _ := d.entries(look.resolve(body))
	for _, e := range top {
		if e.Key.String() != "node" {
			continue
		}
		node, _ := d.entries(look.resolve(e.Value))
		var sls uint8
		for _, e := range node {
			v := look.resolve(e.Value)
			if v == nil || v.GetToken() == nil {
				continue
			}
			switch text := v.GetToken().Value; e.Key.String() {
			case "format":
				got, err := ParseFormat(text)
				if err != nil {
					d.fail(posOf(e.Value), "node.format", "%v", err)
					continue
				}
				f = got
			case "sls-bits":
				fmt.Sscan(text, &sls) // what is wrong with it is found when it is decoded
			}
		}
		g := f
		g.SLSBits = sls
		if err := g.Validate(); err != nil {
			d.fail(posOf(e.Key), "node.sls-bits", "%v", err)
			return f
		}
		return g
	}
	return f
}

func (d *decoder) decode(n ast.Node, v reflect.Value, path string) {
	at := posOf(n)
	n = d.resolve(n)
	d.nodes++
	if d.depth++; d.depth > maxDepth || d.nodes > maxNodes {
		d.fail(at, path, "nested or repeated too often")
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	if n == nil {
		return
	}
	if _, null := n.(*ast.NullNode); null {
		return // a key without a value is its default
	}
	if t, ok := n.(*ast.TagNode); ok {
		d.fail(at, path, "tags such as %s have no meaning here", t.GetToken().Value)
		return
	}
	switch {
	case scalarType(v.Type()):
		d.scalar(n, v, path)
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.decode(n, p.Elem(), path)
		v.Set(p)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	default:
		d.mapping(n, v, path)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok { // one item
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(n, item, path)
		v.Set(reflect.Append(v, item))
		return
	}
	for i, x := range seq.Values {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(x, item, fmt.Sprintf("%s[%d]", path, i))
		v.Set(reflect.Append(v, item))
	}
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	if pos := v.FieldByName("Pos"); pos.IsValid() {
		pos.Set(reflect.ValueOf(posOf(n)))
	}
	entries, ok := d.entries(n)
	if !ok {
		if name := v.FieldByName("Name"); name.IsValid() && v.Type() == reflect.TypeFor[ASPConfig]() && isScalar(n) {
			d.scalar(n, name, path) // the name of what is described elsewhere
			return
		}
		d.fail(posOf(n), path, "want keys and values (%s), not %s", strings.Join(keysOf(v.Type()), ", "), kindOf(n))
		return
	}
	seen := map[string]Pos{}
	for _, e := range entries {
		if _, merge := e.Key.(*ast.MergeKeyNode); merge {
			m := d.resolve(e.Value)
			if _, ok := d.entries(m); ok {
				d.decode(m, v, path)
				continue
			}
		}
		key := e.Key.GetToken().Value
		where := strings.TrimPrefix(path+"."+key, ".")
		if first, twice := seen[key]; twice {
			d.fail(posOf(e.Key), where, "is there already, in line %d", first.Line)
			continue
		}
		seen[key] = posOf(e.Key)
		f, ok := fieldOf(v, key)
		if !ok {
			d.fail(posOf(e.Key), where, "unknown key%s", didYouMean(key, keysOf(v.Type())))
			continue
		}
		d.decode(e.Value, f, where)
	}
}

// fieldOf returns the field that a key means.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	t := v.Type()
	for i := range t.NumField() {
		name, inline := keyOf(t.Field(i))
		if inline {
			if f, ok := fieldOf(v.Field(i), key); ok {
				return f, true
			}
			continue
		}
		if name == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keyOf is the key of a field: what its tag says, else its name in lower case with dashes. None is "".
func keyOf(f reflect.StructField) (key string, inline bool) {
	tag, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case opts == "inline":
		return "", true
	case tag == "-":
		return "", false
	case tag != "":
		return tag, false
	}
	var b strings.Builder
	for i, r := range f.Name {
		if i > 0 && r >= 'A' && r <= 'Z' && f.Name[i-1] >= 'a' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String()), false
}

func keysOf(t reflect.Type) (all []string) {
	for i := range t.NumField() {
		name, inline := keyOf(t.Field(i))
		if inline {
			all = append(all, keysOf(t.Field(i).Type)...)
		} else if name != "" {
			all = append(all, name)
		}
	}
	return all
}

func didYouMean(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if n := distance(word, k); n < least {
			best, least = k, n
		}
	}
	if best == "" {
		return "; known are " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; do you mean %q?", best)
}

// distance is how many letters have to change, come or go.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func isScalar(n ast.Node) bool {
	_, ok := n.(ast.ScalarNode)
	return ok
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	}
	if t := n.GetToken(); t != nil && isScalar(n) {
		return fmt.Sprintf("%q", t.Value)
	}
	return "this"
}
