package openapi

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// schemas makes JSON schemas of Go types.
type schemas struct {
	cfg  Config
	all  obj
	docs map[string]string // of "Type" and "Type.Field"; of two of a name, the last read
	made map[string]reflect.Type
}

// newSchemas reads the comments of the packages in the configured folders.
func newSchemas(cfg Config) (*schemas, error) {
	s := &schemas{cfg: cfg, all: obj{}, docs: map[string]string{}, made: map[string]reflect.Type{}}
	for _, dir := range cfg.Folders {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
					for _, spec := range g.Specs {
						s.comments(g, spec.(*ast.TypeSpec))
					}
				}
			}
		}
	}
	return s, nil
}

func (s *schemas) comments(g *ast.GenDecl, t *ast.TypeSpec) {
	s.docs[t.Name.Name] = text(t.Doc, g.Doc)
	st, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		for _, n := range f.Names {
			s.docs[t.Name.Name+"."+n.Name] = text(f.Doc, f.Comment)
		}
	}
}

func text(groups ...*ast.CommentGroup) string {
	var parts []string
	for _, g := range groups {
		if g != nil {
			parts = append(parts, strings.Join(strings.Fields(g.Text()), " "))
		}
	}
	return strings.Join(parts, " ")
}

// of is the schema of a value's type.
func (s *schemas) of(v any) obj { return s.schema(reflect.TypeOf(v)) }

func (s *schemas) schema(t reflect.Type) obj {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return obj{"type": "string", "format": "date-time"}
	case s.cfg.Types[t] != nil:
		return maps.Clone(s.cfg.Types[t])
	case t.Kind() != reflect.Struct && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return obj{"type": "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return obj{"type": "string"}
	case reflect.Bool:
		return obj{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return obj{"type": "integer"}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		return obj{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return obj{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return obj{"type": "string", "contentEncoding": "base64"}
		}
		return obj{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return obj{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Interface:
		return obj{}
	case reflect.Struct:
		name := t.Name()
		if was := s.made[name]; was != nil && was != t {
			panic("two types " + name)
		}
		s.made[name] = t
		if s.all[name] == nil {
			o := obj{"type": "object", "additionalProperties": false}
			s.all[name] = o
			if d := s.docs[name]; d != "" {
				o["description"] = d
			}
			properties, required := obj{}, []string{}
			s.fields(t, properties, &required)
			o["properties"] = properties
			if len(required) > 0 {
				o["required"] = required
			}
		}
		return obj{"$ref": "#/components/schemas/" + name}
	}
	panic("no schema for " + t.String())
}

func (s *schemas) fields(t reflect.Type, properties obj, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		p := s.schema(f.Type)
		if d := s.docs[t.Name()+"."+f.Name]; d != "" {
			p["description"] = d
		}
		if note := s.cfg.Notes[f.Type]; note != "" {
			p["description"] = strings.TrimSpace(fmt.Sprint(p["description"]) + " " + note)
		}
		properties[name] = p
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
	}
}
