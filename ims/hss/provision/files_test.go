package provision

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

type even int

func (e *even) UnmarshalText(b []byte) error {
	if len(b)%2 != 0 {
		return errors.New("odd")
	}
	*e = even(len(b))
	return nil
}

type sampleIdentity struct {
	URI    string `json:"uri"`
	Barred bool   `json:"barred,omitempty"`
	Key    even   `json:"key"`
}

type sample struct {
	Name  string            `json:"name"`
	Count int               `json:"count"`
	IDs   []sampleIdentity  `json:"ids"`
	Some  *sampleIdentity   `json:"some"`
	Map   map[string]string `json:"map"`
}

func TestYAMLToJSON(t *testing.T) {
	js, place, err := yamlToJSON("x.yaml", []byte(`# comment
name: 001010000000001
count: 0x10
ids:
  - &a {uri: 'sip:a@b', barred: true, key: 0011}
  - uri: tel:+15550001
    key: 1e10
  - *a
some: {uri: null}
map:
  1: yes
  b: |
   text
`), reflect.TypeFor[sample]())
	want := `{"name":"001010000000001","count":16,"ids":[{"uri":"sip:a@b","barred":true,"key":"0011"},{"uri":"tel:+15550001","key":"1e10"},` +
		`{"uri":"sip:a@b","barred":true,"key":"0011"}],"some":{"uri":null},"map":{"1":"yes","b":"text\n"}}`
	if err != nil || string(js) != want {
		t.Fatalf("%v\n got %s\nwant %s", err, js, want)
	}
	for path, want := range map[string]string{
		"name": "2:7", "ids": "5:3", "ids[1]": "6:5", "ids[1].key": "7:10", "ids[1].barred": "6:5", "ids[0].uri": "5:14", "nothing": "2:1",
	} {
		if line, column := place(path); fmt.Sprintf("%d:%d", line, column) != want {
			t.Errorf("%s at %d:%d, want %s", path, line, column, want)
		}
	}
}

func TestFileErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"name: a\nnmae: b", `x:2:1: unknown key "nmae"`},
		{"name: a\nname: b", "x:2:1: "},
		{"ids:\n  - {uri: a}\n  - {url: b}", `x:3:6: unknown key "url"`},
		{"name: [", "x:1:7: "},
		{"name: a\n---\nname: b", "x:3:1: a second document"},
		{"name: *a", `x:1:7: name: no anchor "a" before this`},
		{"map: {<<: {a: b}}", "x:1:7: map: merge keys"},
		{"name: !!binary abc", "x:1:7: name: tags have no meaning here"},
		{"count: .inf", `x:1:8: count: ".inf" is no value`},
		{strings.Repeat("[", 200) + strings.Repeat("]", 200), "x:1:102: " + strings.Repeat("[0]", 101) + ": too much, or nested too deeply"},
	} {
		_, _, err := yamlToJSON("x", []byte(c.text), reflect.TypeFor[sample]())
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"{\n \"name\": \"a\",\n \"nmae\": 1}", `x:3:2: unknown key "nmae"`},
		{"{\"name\": \"a\",\n \"name\": \"b\"}", "x:2:2: name: this key came before"},
		{"{\"some\": {\"uri\": \"a\"},\n \"ids\": [{\"uri\": \"a\", \"uri\": \"b\"}]}", "x:2:23: ids[0].uri: this key came before"},
		{"{\"name\":\n 1}", "x:2:"},
		{"{\"name\":\n", "x:2:1: ends too early"},
		{"{\n\"a\" \"b\"}", "x:2:5: invalid character"},
		{"{\"ids\":[{\"key\":\"12\"},\n{\"key\":\"123\"}]}", "x:2:8: ids[1].key: odd"},
	} {
		err := strictJSON("x", []byte(c.text), 0, newLines([]byte(c.text)), new(sample))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestPlaceJSON(t *testing.T) {
	text := `{"a": {"b": [1, {"c": 2}]}, "ab": 3}`
	for path, want := range map[string]string{
		"": text, "a": `{"b"`, "a.b[0]": "1,", "a.b[1].c": "2}", "a.b[1].d": `{"c"`, "ab": "3}", "abc": text, "a.b[7]": "[1",
	} {
		if at := placeJSON([]byte(text), path); !strings.HasPrefix(text[at:], want) {
			t.Errorf("%q: at %q", path, text[at:])
		}
	}
}

// FuzzYAMLToJSON: what comes out is JSON, whatever goes in.
func FuzzYAMLToJSON(f *testing.F) {
	f.Add("name: a\nids: [{uri: b, barred: true}, {key: 1_0}]\nmap: {? a : b}\n")
	f.Add("&a [*a, 0o17, 1e999, -.5, 2001-01-01]")
	f.Fuzz(func(t *testing.T, text string) {
		for _, typ := range []reflect.Type{reflect.TypeFor[sample](), reflect.TypeFor[any]()} {
			js, _, err := yamlToJSON("x", []byte(text), typ)
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("a %T: %v", err, err)
			}
			if err == nil && !json.Valid(js) {
				t.Fatalf("%q", js)
			}
		}
	})
}

// FuzzStrictJSON: an error names a place in the text.
func FuzzStrictJSON(f *testing.F) {
	f.Add(`{"name": "a", "ids": [{"uri": "b", "key": "123"}], "some": null, "map": {"a": "b"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		err := strictJSON("x", []byte(text), 0, newLines([]byte(text)), new(sample))
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Line > strings.Count(text, "\n")+1 || e.Column < 1) {
			t.Errorf("%v", err)
		}
		if at := placeJSON([]byte(text), "ids[0].key"); at < 0 || at > len(text) {
			t.Errorf("at %d", at)
		}
	})
}
