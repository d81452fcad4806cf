package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"github.com/gotelco/telco/ims/hss"
)

// document is a file of our own.
type document struct {
	SharedIFCSets   []hss.SharedIFCSet   `json:"sharedIFCSets,omitempty"`
	ServiceProfiles []hss.ServiceProfile `json:"serviceProfiles,omitempty"`
	Subscribers     []hss.Subscriber     `json:"subscribers,omitempty"`
}

func (r *reader) yaml(name string, text []byte) error {
	js, place, err := yamlToJSON(name, text, reflect.TypeFor[document]())
	if err != nil {
		return err
	}
	var doc document
	if err := strictJSON(name, js, 0, newLines(js), &doc); err != nil {
		var e *Error
		if errors.As(err, &e) { // its place is one in js
			at := &Error{File: name, Path: e.Path, Message: e.Message}
			at.Line, at.Column = place(e.Path)
			return at
		}
		return err
	}
	r.document(doc, func(path string) (string, int, int) {
		line, column := place(path)
		return name, line, column
	})
	return nil
}

// document takes what a document holds; place knows its paths.
func (r *reader) document(doc document, place func(path string) (string, int, int)) {
	below := func(list string, i int) func(string) (string, int, int) {
		head := list + "[" + itoa(i) + "]"
		return func(path string) (string, int, int) {
			if path == "" {
				return place(head)
			}
			return place(head + "." + path)
		}
	}
	for i, s := range doc.SharedIFCSets {
		r.addSet(s, below("sharedIFCSets", i))
	}
	for i, p := range doc.ServiceProfiles {
		r.addProfile(p, below("serviceProfiles", i))
	}
	for i, s := range doc.Subscribers {
		r.addAt(s, below("subscribers", i))
	}
}

// json reads a document in JSON, subscriber by subscriber: there may be a million.
func (r *reader) json(name string, text []byte) error {
	l := newLines(text)
	d := json.NewDecoder(bytes.NewReader(text))
	fail := func(offset int, message string) error {
		e := &Error{File: name, Message: message}
		e.Line, e.Column = l.place(offset)
		return e
	}
	if err := r.jsonDocument(name, text, d, l, fail); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail(skipSpace(text, int(d.InputOffset())), "something follows the document")
	}
	return nil
}

func (r *reader) jsonDocument(name string, text []byte, d *json.Decoder, l *lines, fail func(int, string) error) error {
	syntax := func(err error) error {
		var s *json.SyntaxError
		if errors.As(err, &s) {
			return fail(int(s.Offset)-1, err.Error())
		}
		return fail(len(text), "ends too early")
	}
	t, err := d.Token()
	if err != nil {
		return syntax(err)
	}
	if t != json.Delim('{') {
		return fail(0, `the document has to be an object with the key "subscribers"`)
	}
	seen := make(map[string]bool)
	for d.More() {
		at := skipSpace(text, int(d.InputOffset()))
		t, err := d.Token()
		if err != nil {
			return syntax(err)
		}
		key, _ := t.(string)
		if seen[key] {
			return fail(at, "this key came before")
		}
		seen[key] = true
		if key != "subscribers" && key != "sharedIFCSets" && key != "serviceProfiles" {
			return fail(at, "unknown key \""+key+"\"")
		}
		if t, err = d.Token(); err != nil {
			return syntax(err)
		}
		if t == nil {
			continue
		}
		if t != json.Delim('[') {
			return fail(at, key+" has to be a list")
		}
		for i := 0; d.More(); i++ {
			at := skipSpace(text, int(d.InputOffset()))
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return syntax(err)
			}
			r.element(name, key, raw, at, l)
		}
		if _, err := d.Token(); err != nil {
			return syntax(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return syntax(err)
	}
	return nil
}

// element takes an element of one of a document's lists.
func (r *reader) element(name, key string, raw []byte, at int, l *lines) {
	place := func(path string) (string, int, int) {
		line, column := newLines(l.text).place(at + placeJSON(raw, path))
		return name, line, column
	}
	switch key {
	case "subscribers":
		var s hss.Subscriber
		if err := strictJSON(name, raw, at, l, &s); err != nil {
			r.fail(name, err)
			return
		}
		r.addAt(s, place)
	case "sharedIFCSets":
		var s hss.SharedIFCSet
		if err := strictJSON(name, raw, at, l, &s); err != nil {
			r.fail(name, err)
			return
		}
		r.addSet(s, place)
	case "serviceProfiles":
		var p hss.ServiceProfile
		if err := strictJSON(name, raw, at, l, &p); err != nil {
			r.fail(name, err)
			return
		}
		r.addProfile(p, place)
	}
}

func (r *reader) jsonLines(name string, text []byte) error {
	l := newLines(text)
	for at := 0; at < len(text); {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			n = len(text) - at
		}
		if line := text[at : at+n]; len(bytes.TrimSpace(line)) > 0 {
			r.element(name, "subscribers", line, at, l)
		}
		at += n + 1
	}
	return nil
}

// skipSpace is where the next token begins.
func skipSpace(text []byte, i int) int {
	for i < len(text) && bytes.IndexByte([]byte(" \t\r\n,:"), text[i]) >= 0 {
		i++
	}
	return i
}
