package config

import (
	"encoding"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// refusedText finds the first duration that cannot be parsed, or scalar that its type's
// UnmarshalText refuses: the YAML module says what is wrong then, but not where.
func refusedText(text []byte, v any) ast.Node {
	file, err := parser.ParseBytes(text, 0)
	if err != nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil
	}
	return refusedNode(file.Docs[0].Body, reflect.TypeOf(v), 0)
}

func refusedNode(n ast.Node, t reflect.Type, depth int) ast.Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if depth > 100 || n == nil {
		return nil
	}
	if s, ok := n.(ast.ScalarNode); ok {
		if t == reflect.TypeFor[time.Duration]() {
			if _, err := time.ParseDuration(s.GetToken().Value); err != nil && s.Type() == ast.StringType {
				return n
			}
			return nil
		}
		u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler)
		if ok && u.UnmarshalText([]byte(s.GetToken().Value)) != nil {
			return n
		}
		return nil
	}
	switch n := n.(type) {
	case *ast.SequenceNode:
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return nil
		}
		for _, x := range n.Values {
			if r := refusedNode(x, t.Elem(), depth+1); r != nil {
				return r
			}
		}
	case *ast.MappingNode:
		for _, x := range n.Values {
			if r := refusedNode(x, t, depth+1); r != nil {
				return r
			}
		}
	case *ast.MappingValueNode:
		switch t.Kind() {
		case reflect.Map:
			return refusedNode(n.Value, t.Elem(), depth+1)
		case reflect.Struct:
			if f, ok := fieldOf(t, n.Key.String()); ok {
				return refusedNode(n.Value, f, depth+1)
			}
		}
	}
	return nil
}

// fieldOf returns the type of the field that a key means.
func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	for f := range fields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == key || name == "" && strings.ToLower(f.Name) == key {
			return f.Type, true
		}
	}
	return nil, false
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			_, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if strings.Contains(opts, "inline") && f.Type.Kind() == reflect.Struct {
				for g := range fields(f.Type) {
					if !yield(g) {
						return
					}
				}
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}
