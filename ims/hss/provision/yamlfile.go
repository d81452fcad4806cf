package provision

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlToJSON turns the only document of a YAML text into JSON for a value of type t. Where t wants a
// text, a plain scalar stays as it was written: an IMSI or a key of digits alone is no number. It
// returns a function that says where a path stands.
func yamlToJSON(file string, text []byte, t reflect.Type) (js []byte, place func(path string) (line, column int), err error) {
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, nil, yamlError(file, err)
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			e := &Error{File: file, Message: "a second document; one file has one"}
			e.Line, e.Column = nodePlace(d.Body)
			return nil, nil, e
		}
		body = d.Body
	}
	c := yamlConverter{file: file, places: make(map[string][2]int), anchors: make(map[string]ast.Node), most: 100_000 + 20*len(text)}
	if body == nil {
		return []byte("null"), c.place, nil
	}
	js, err = c.node(nil, body, t, "", 0)
	return js, c.place, err
}

func yamlError(file string, err error) error {
	e := &Error{File: file, Message: err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		e.Message = y.GetMessage()
		if tok := y.GetToken(); tok != nil && tok.Position != nil {
			e.Line, e.Column = tok.Position.Line, tok.Position.Column
		}
	}
	return e
}

type yamlConverter struct {
	file    string
	places  map[string][2]int // of a path: line and column
	anchors map[string]ast.Node
	nodes   int
	most    int // nodes, which bounds what aliases can blow a text up to
}

// place is where a path stands, or the longest beginning of it that does.
func (c *yamlConverter) place(path string) (line, column int) {
	for {
		if p, ok := c.places[path]; ok {
			return p[0], p[1]
		}
		if path == "" {
			return 0, 0
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

func (c *yamlConverter) errorf(n ast.Node, path, format string, args ...any) error {
	e := &Error{File: c.file, Path: path, Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column = nodePlace(n)
	return e
}

func nodePlace(n ast.Node) (line, column int) {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle { // its token is a colon
		n = m.Values[0].Key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if tok := n.GetToken(); tok != nil && tok.Position != nil {
		return tok.Position.Line, tok.Position.Column
	}
	return 0, 0
}

// node appends n as JSON to b.
func (c *yamlConverter) node(b []byte, n ast.Node, t reflect.Type, path string, depth int) ([]byte, error) {
	if c.nodes++; c.nodes > c.most || depth > maxDepth {
		return b, c.errorf(n, path, "too much, or nested too deeply")
	}
	if _, ok := c.places[path]; !ok {
		line, column := nodePlace(n)
		c.places[path] = [2]int{line, column}
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		c.anchors[n.Name.String()] = n.Value
		return c.node(b, n.Value, t, path, depth+1)
	case *ast.AliasNode:
		to, ok := c.anchors[n.Value.String()]
		if !ok {
			return b, c.errorf(n, path, "no anchor %q before this", n.Value.String())
		}
		return c.node(b, to, t, path, depth+1)
	case *ast.MappingNode:
		return c.mapping(b, n.Values, t, path, depth)
	case *ast.MappingValueNode:
		return c.mapping(b, []*ast.MappingValueNode{n}, t, path, depth)
	case *ast.SequenceNode:
		var elem reflect.Type
		if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			elem = t.Elem()
		}
		b = append(b, '[')
		for i, x := range n.Values {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = c.node(b, x, elem, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case *ast.TagNode, *ast.MergeKeyNode:
		return b, c.errorf(n, path, "tags have no meaning here")
	case *ast.NullNode:
		return append(b, "null"...), nil
	case *ast.LiteralNode:
		return appendJSONText(b, n.Value.Value), nil
	case *ast.StringNode:
		return appendJSONText(b, n.Value), nil
	case ast.ScalarNode:
		return c.scalar(b, n, t, path)
	}
	return b, c.errorf(n, path, "what is this?")
}

func (c *yamlConverter) scalar(b []byte, n ast.ScalarNode, t reflect.Type, path string) ([]byte, error) {
	if tok := n.GetToken(); wantsText(t) && tok != nil {
		return appendJSONText(b, tok.Value), nil
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return strconv.AppendBool(b, n.Value), nil
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return strconv.AppendInt(b, v, 10), nil
		case uint64:
			return strconv.AppendUint(b, v, 10), nil
		}
	case *ast.FloatNode:
		j, err := json.Marshal(n.Value)
		if err == nil {
			return append(b, j...), nil
		}
	}
	return b, c.errorf(n, path, "%q is no value for a file like this", n.GetToken().Value)
}

func (c *yamlConverter) mapping(b []byte, values []*ast.MappingValueNode, t reflect.Type, path string, depth int) ([]byte, error) {
	b = append(b, '{')
	seen := make(map[string]bool, len(values))
	for i, v := range values {
		if v.Key.Type() == ast.MergeKeyType {
			return b, c.errorf(v.Key, path, "merge keys (<<) have no meaning here")
		}
		key := keyText(v.Key)
		p := key
		if path != "" {
			p = path + "." + key
		}
		if seen[key] {
			return b, c.errorf(v.Key, p, "this key came before")
		}
		seen[key] = true
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONText(b, key), ':')
		var child reflect.Type
		if t != nil {
			child = childType(t, key)
			if child == nil && t.Kind() == reflect.Struct {
				return b, c.errorf(v.Key, "", "unknown key %q", key)
			}
		}
		var err error
		if b, err = c.node(b, v.Value, child, p, depth+1); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func keyText(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	if tok := k.GetToken(); tok != nil && tok.Type != token.MappingKeyType {
		return tok.Value
	}
	return k.String()
}

// wantsText says whether a value of type t is read from a text.
func wantsText(t reflect.Type) bool {
	if t == nil {
		return false
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return false
	}
	return t.Kind() == reflect.String || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func appendJSONText(b []byte, s string) []byte {
	j, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // texts always marshal
	}
	return append(b, j...)
}
