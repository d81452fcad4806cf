package as

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schema validates JSON by the words of JSON Schema that the documents here use; another word is an
// error, so that none is written in vain.
type schema struct {
	root map[string]any
}

func newSchema(t testing.TB, text string) schema {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	return schema{root}
}

// check validates a JSON text against one of the definitions.
func (s schema) check(def string, text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	return s.validate(map[string]any{"$ref": "#/$defs/" + def}, v, "")
}

func (s schema) validate(sch map[string]any, v any, at string) error {
	object, _ := v.(map[string]any)
	for word, arg := range sch {
		var err error
		switch word {
		case "description", "title":
		case "$ref":
			def, ok := s.root["$defs"].(map[string]any)[strings.TrimPrefix(arg.(string), "#/$defs/")]
			if !ok {
				return fmt.Errorf("no %v", arg)
			}
			err = s.validate(def.(map[string]any), v, at)
		case "type":
			ok := false
			switch x := v.(type) {
			case map[string]any:
				ok = arg == "object"
			case []any:
				ok = arg == "array"
			case string:
				ok = arg == "string"
			case bool:
				ok = arg == "boolean"
			case float64:
				ok = arg == "number" || arg == "integer" && x == float64(int64(x))
			}
			if !ok {
				err = fmt.Errorf("%v is no %v", v, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				err = fmt.Errorf("%v is not one of %v", v, arg)
			}
		case "pattern":
			if x, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(x) {
				err = fmt.Errorf("%q does not match %v", x, arg)
			}
		case "minimum":
			if x, ok := v.(float64); ok && x < arg.(float64) {
				err = fmt.Errorf("%v is under %v", x, arg)
			}
		case "maximum":
			if x, ok := v.(float64); ok && x > arg.(float64) {
				err = fmt.Errorf("%v is over %v", x, arg)
			}
		case "required":
			for _, name := range arg.([]any) {
				if _, ok := object[name.(string)]; object != nil && !ok {
					err = fmt.Errorf("lacks %v", name)
				}
			}
		case "properties", "additionalProperties":
			properties, _ := sch["properties"].(map[string]any)
			for name, x := range object {
				if p, ok := properties[name].(map[string]any); ok {
					if e := s.validate(p, x, at+"/"+name); e != nil {
						return e
					}
					continue
				}
				switch more := sch["additionalProperties"].(type) {
				case bool:
					if !more {
						err = fmt.Errorf("unknown member %q", name)
					}
				case map[string]any:
					if e := s.validate(more, x, at+"/"+name); e != nil {
						return e
					}
				}
			}
		case "items":
			list, _ := v.([]any)
			for i, x := range list {
				if e := s.validate(arg.(map[string]any), x, fmt.Sprintf("%s/%d", at, i)); e != nil {
					return e
				}
			}
		case "maxItems":
			if list, ok := v.([]any); ok && len(list) > int(arg.(float64)) {
				err = fmt.Errorf("%d items", len(list))
			}
		case "maxLength":
			if x, ok := v.(string); ok && len(x) > int(arg.(float64)) {
				err = fmt.Errorf("%d characters", len(x))
			}
		case "oneOf":
			n := 0
			for _, one := range arg.([]any) {
				if s.validate(one.(map[string]any), v, at) == nil {
					n++
				}
			}
			if n != 1 {
				err = fmt.Errorf("%d of oneOf", n)
			}
		default:
			err = fmt.Errorf("the schema has the word %q", word)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}
