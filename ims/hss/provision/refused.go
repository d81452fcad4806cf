package provision

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// refusedValue finds the first value that its type's own unmarshaling refuses: encoding/json says
// what is wrong then, but not where.
func refusedValue(value []byte, v any) (offset int, path string, found bool) {
	_ = walkJSON(value, func(p string, at int, key bool) bool {
		if key {
			return true
		}
		t := typeAt(reflect.TypeOf(v), p)
		if t == nil {
			return true
		}
		d := json.NewDecoder(bytes.NewReader(value[at:]))
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return true
		}
		x := reflect.New(t).Interface()
		switch u := x.(type) {
		case json.Unmarshaler:
			found = u.UnmarshalJSON(raw) != nil
		case encoding.TextUnmarshaler:
			var s string
			found = json.Unmarshal(raw, &s) == nil && u.UnmarshalText([]byte(s)) != nil
		}
		if found {
			offset, path = at, p
		}
		return !found
	})
	return offset, path, found
}

// typeAt is the type of the field that a path means, or nil.
func typeAt(t reflect.Type, path string) reflect.Type {
	for path != "" && t != nil {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if path[0] == '[' {
			end := strings.IndexByte(path, ']')
			if end < 0 || t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
				return nil
			}
			t, path = t.Elem(), strings.TrimPrefix(path[end+1:], ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		t = childType(t, path[:end])
		path = strings.TrimPrefix(path[end:], ".")
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// childType is the type of what a key of t holds, or nil.
func childType(t reflect.Type, key string) reflect.Type {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.IsExported() && name != "-" && (name == key || name == "" && !f.Anonymous && strings.EqualFold(f.Name, key)) {
				return f.Type
			}
		}
	}
	return nil
}
