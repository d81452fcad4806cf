// Package openapi writes the description of an HTTP API in OpenAPI 3.1: operations are listed, schemas are made of Go
// types and their comments.
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

type obj = map[string]any

// Operation describes a route.
type Operation struct {
	Method, Path, ID, Tag, Summary string

	Params   []string    // names in Config.Parameters
	Request  any         // a value of the type of the body; nil: there is none
	Optional bool        // the request may be without a body
	Answers  map[int]any // status to a value of the type of the body; nil: no body
	Problems []int       // status codes beside 401, 403 and 500
	ETag     bool        // answers have one
	Stream   string      // content type of an answer that is a stream of what Answers has
}

// Config says what to write.
type Config struct {
	Title, Version, Description string

	Folders    []string // of the packages whose comments describe the types
	Types      map[reflect.Type]map[string]any
	Notes      map[reflect.Type]string // added to the description of fields of a type
	Parameters map[string]any
	Problem    any            // a value of the type of errors
	Statuses   map[int]string // what status codes mean
	Operations []Operation
}

// Marshal returns the document.
func Marshal(cfg Config) ([]byte, error) {
	s, err := newSchemas(cfg)
	if err != nil {
		return nil, err
	}
	paths := obj{}
	for _, op := range cfg.Operations {
		item, _ := paths[op.Path].(obj)
		if item == nil {
			item = obj{}
			paths[op.Path] = item
		}
		if item[strings.ToLower(op.Method)], err = s.describe(op); err != nil {
			return nil, err
		}
	}
	s.of(cfg.Problem)
	doc := obj{
		"openapi": "3.1.0",
		"info": obj{
			"title": cfg.Title, "version": cfg.Version, "description": cfg.Description,
			"license": obj{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{obj{"url": "http://127.0.0.1:8080"}},
		"security": []any{obj{"token": []any{}}, obj{}},
		"paths":    paths,
		"components": obj{
			"schemas":         s.all,
			"parameters":      cfg.Parameters,
			"securitySchemes": obj{"token": obj{"type": "http", "scheme": "bearer", "description": "Without a configured token only the machine itself is served."}},
		},
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err = e.Encode(doc)
	return out.Bytes(), err
}

func (s *schemas) describe(op Operation) (obj, error) {
	o := obj{"operationId": op.ID, "tags": []string{op.Tag}, "summary": op.Summary}
	if len(op.Params) > 0 {
		var list []any
		for _, p := range op.Params {
			if s.cfg.Parameters[p] == nil {
				return nil, fmt.Errorf("%s: no parameter %s", op.ID, p)
			}
			list = append(list, obj{"$ref": "#/components/parameters/" + p})
		}
		o["parameters"] = list
	}
	if op.Request != nil {
		o["requestBody"] = obj{"required": !op.Optional, "content": obj{"application/json": obj{"schema": s.of(op.Request)}}}
	}
	answers := obj{}
	for status, v := range op.Answers {
		a := obj{"description": s.cfg.Statuses[status]}
		switch {
		case op.Stream != "":
			a["content"] = obj{op.Stream: obj{"schema": obj{"type": "string"}}}
			s.of(v)
		case v != nil:
			a["content"] = obj{"application/json": obj{"schema": s.of(v)}}
		}
		if op.ETag && status < 300 {
			a["headers"] = obj{"ETag": obj{"description": "for If-Match", "schema": obj{"type": "string"}}}
		}
		answers[fmt.Sprint(status)] = a
	}
	for _, status := range append([]int{401, 403, 500}, op.Problems...) {
		answers[fmt.Sprint(status)] = obj{"description": s.cfg.Statuses[status], "content": obj{"application/problem+json": obj{"schema": s.of(s.cfg.Problem)}}}
	}
	o["responses"] = answers
	return o, nil
}
