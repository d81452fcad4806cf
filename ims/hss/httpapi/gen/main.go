// Gen writes openapi.json: the operations are listed here, the schemas are made of the Go types and their comments.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/ims/hss/httpapi"
)

// operation describes a route.
type operation struct {
	method, path, id, tag, summary string
	params                         []string // names in parameters
	request                        any
	optional                       bool        // the request may be without a body
	answers                        map[int]any // status to type; nil: no body
	problems                       []int
	etag                           bool
}

// parameters by name. Those in "path" are found by their name.
var parameters = map[string]any{
	"id":            obj{"name": "id", "in": "path", "required": true, "schema": obj{"type": "string"}},
	"set":           obj{"name": "id", "in": "path", "required": true, "schema": obj{"type": "integer", "minimum": 0}},
	"name":          obj{"name": "name", "in": "path", "required": true, "schema": obj{"type": "string"}},
	"after":         obj{"name": "after", "in": "query", "description": "IDs after this one, in the order of their octets", "schema": obj{"type": "string"}},
	"prefix":        obj{"name": "prefix", "in": "query", "description": "IDs that begin so", "schema": obj{"type": "string"}},
	"identity":      obj{"name": "identity", "in": "query", "description": "the subscriber with this ID, IMPI, IMSI, public identity or MSISDN", "schema": obj{"type": "string"}},
	"limit":         obj{"name": "limit", "in": "query", "schema": obj{"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}},
	"before":        obj{"name": "before", "in": "query", "description": "events before this number", "schema": obj{"type": "integer", "minimum": 0}},
	"dryRun":        obj{"name": "dryRun", "in": "query", "description": "say what would change, and change nothing", "schema": obj{"type": "boolean", "default": false}},
	"If-Match":      obj{"name": "If-Match", "in": "header", "description": "only if this is the ETag of what is there", "schema": obj{"type": "string"}},
	"If-None-Match": obj{"name": "If-None-Match", "in": "header", "description": "\"*\": only if nothing is there; of GET, the ETag of what the client has", "schema": obj{"type": "string"}},
}

var operations = []operation{
	{"GET", "/v1/subscribers", "listSubscribers", "subscribers", "List subscribers, or find one by any identity", []string{"after", "prefix", "identity", "limit"}, nil, false, map[int]any{200: httpapi.List{}}, []int{400}, false},
	{"POST", "/v1/subscribers", "createSubscriber", "subscribers", "Add a subscriber", nil, hss.Subscriber{}, false, map[int]any{201: hss.Subscriber{}}, []int{400, 409, 413, 415, 422, 507}, true},
	{"GET", "/v1/subscribers/{id}", "readSubscriber", "subscribers", "Read a subscriber. Keys read as \"***\"", []string{"id", "If-None-Match"}, nil, false, map[int]any{200: hss.Subscriber{}, 304: nil}, []int{404}, true},
	{"PUT", "/v1/subscribers/{id}", "replaceSubscriber", "subscribers", "Replace a subscriber, or add one. Keys sent as \"***\" stay. S-CSCFs, application servers and MMEs are told what has changed", []string{"id", "If-Match", "If-None-Match"}, hss.Subscriber{}, false, map[int]any{200: hss.Subscriber{}, 201: hss.Subscriber{}}, []int{400, 409, 412, 413, 415, 422, 507}, true},
	{"DELETE", "/v1/subscribers/{id}", "deleteSubscriber", "subscribers", "Remove a subscriber, who is deregistered", []string{"id", "If-Match"}, nil, false, map[int]any{204: nil}, []int{400, 404, 412, 507}, false},
	{"GET", "/v1/subscribers/{id}/state", "readState", "registrations", "Read what the network does with a subscriber", []string{"id"}, nil, false, map[int]any{200: httpapi.SubscriberState{}}, []int{404}, false},
	{"POST", "/v1/subscribers/{id}/deregister", "deregister", "registrations", "End registrations (RTR)", []string{"id"}, httpapi.Deregistration{}, true, map[int]any{204: nil}, []int{400, 404, 415, 422, 507}, false},
	{"PUT", "/v1/subscribers/{id}/scscf", "setSCSCF", "registrations", "Choose the S-CSCF of the next registration; one with another is ended (RTR)", []string{"id"}, httpapi.Assignment{}, false, map[int]any{204: nil}, []int{400, 404, 415, 422, 507}, false},
	{"POST", "/v1/subscribers/{id}/push", "pushProfile", "registrations", "Send the profile to the S-CSCF again (PPR)", []string{"id"}, nil, false, map[int]any{202: httpapi.Pushed{}}, []int{404, 507}, false},
	{"POST", "/v1/subscribers/{id}/cancel-location", "cancelLocation", "registrations", "Make the MME and SGSN forget a subscriber (CLR)", []string{"id"}, nil, false, map[int]any{204: nil}, []int{404, 507}, false},
	{"POST", "/v1/batch", "batch", "subscribers", "Store many things. If one is wrong nothing is changed", []string{"dryRun"}, httpapi.Batch{}, false, map[int]any{200: httpapi.Plan{}}, []int{400, 409, 413, 415, 422, 507}, false},
	{"GET", "/v1/service-profiles", "listServiceProfiles", "profiles", "List the service profiles that subscribers share", nil, nil, false, map[int]any{200: []hss.ServiceProfile{}}, nil, false},
	{"GET", "/v1/service-profiles/{name}", "readServiceProfile", "profiles", "Read a service profile", []string{"name"}, nil, false, map[int]any{200: hss.ServiceProfile{}}, []int{404}, true},
	{"PUT", "/v1/service-profiles/{name}", "replaceServiceProfile", "profiles", "Replace or add a service profile; S-CSCFs are told (PPR)", []string{"name", "If-Match", "If-None-Match"}, hss.ServiceProfile{}, false, map[int]any{200: hss.ServiceProfile{}, 201: hss.ServiceProfile{}}, []int{400, 412, 413, 415, 422, 507}, true},
	{"DELETE", "/v1/service-profiles/{name}", "deleteServiceProfile", "profiles", "Remove a service profile that nobody uses", []string{"name", "If-Match"}, nil, false, map[int]any{204: nil}, []int{404, 409, 412, 507}, false},
	{"GET", "/v1/ifc-sets", "listIFCSets", "profiles", "List the shared iFC sets", nil, nil, false, map[int]any{200: []hss.SharedIFCSet{}}, nil, false},
	{"GET", "/v1/ifc-sets/{id}", "readIFCSet", "profiles", "Read a shared iFC set", []string{"set"}, nil, false, map[int]any{200: hss.SharedIFCSet{}}, []int{400, 404}, true},
	{"PUT", "/v1/ifc-sets/{id}", "replaceIFCSet", "profiles", "Replace or add a shared iFC set; S-CSCFs that do not know it by its number are told (PPR)", []string{"set", "If-Match", "If-None-Match"}, hss.SharedIFCSet{}, false, map[int]any{200: hss.SharedIFCSet{}, 201: hss.SharedIFCSet{}}, []int{400, 412, 413, 415, 422, 507}, true},
	{"DELETE", "/v1/ifc-sets/{id}", "deleteIFCSet", "profiles", "Remove a shared iFC set that nobody uses", []string{"set", "If-Match"}, nil, false, map[int]any{204: nil}, []int{400, 404, 409, 412, 507}, false},
	{"GET", "/v1/scscfs", "listSCSCFs", "network", "List the S-CSCFs that users can be assigned to", nil, nil, false, map[int]any{200: []hss.SCSCF{}}, nil, false},
	{"GET", "/v1/pushes", "listPushes", "network", "List requests that other nodes have not answered yet, the oldest first, at most 1000", nil, nil, false, map[int]any{200: []hss.Push{}}, nil, false},
	{"GET", "/v1/audit", "readAudit", "network", "Read who has changed what, the newest first", []string{"before", "limit"}, nil, false, map[int]any{200: httpapi.AuditPage{}}, []int{400, 404}, false},
	{"GET", "/v1/stats", "readStats", "network", "Read the counters", nil, nil, false, map[int]any{200: hss.Stats{}}, nil, false},
	{"GET", "/v1/openapi.json", "readOpenAPI", "network", "Read this document", nil, nil, false, map[int]any{200: map[string]any{}}, nil, false},
}

type obj = map[string]any

var statusWords = map[int]string{
	200: "OK", 201: "Created", 202: "Accepted: it goes out as soon as the server can be reached", 204: "Done", 304: "Not modified",
	400: "The request cannot be read", 401: "The token is missing or wrong", 403: "Not from there", 404: "Not found", 409: "Something else stands in the way",
	412: "If-Match or If-None-Match does not hold", 413: "The body is too long", 415: "The body is not application/json", 422: "What was sent is not valid", 500: "See the log of the HSS",
	507: "The disk is full; nothing was changed",
}

func main() {
	s := newSchemas("..", ".")
	paths := obj{}
	for _, op := range operations {
		item, _ := paths[op.path].(obj)
		if item == nil {
			item = obj{}
			paths[op.path] = item
		}
		item[lower(op.method)] = op.describe(s)
	}
	s.of(httpapi.Problem{})
	doc := obj{
		"openapi": "3.1.0",
		"info": obj{
			"title": "HSS administration", "version": "1",
			"description": "Subscribers, their registrations, and what they share. Changes are on disk before they are acknowledged. Errors are application/problem+json (RFC 9457). Keys are written, never read.",
			"license":     obj{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{obj{"url": "http://127.0.0.1:8080"}},
		"security": []any{obj{"token": []any{}}, obj{}},
		"paths":    paths,
		"components": obj{
			"schemas":         s.all,
			"parameters":      parameters,
			"securitySchemes": obj{"token": obj{"type": "http", "scheme": "bearer", "description": "Without a configured token only the machine itself is served."}},
		},
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := os.WriteFile("openapi.json", out.Bytes(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func lower(s string) string { return string(bytes.ToLower([]byte(s))) }

func (op operation) describe(s *schemas) obj {
	o := obj{"operationId": op.id, "tags": []string{op.tag}, "summary": op.summary}
	if len(op.params) > 0 {
		var list []any
		for _, p := range op.params {
			if parameters[p] == nil {
				panic("no parameter " + p)
			}
			list = append(list, obj{"$ref": "#/components/parameters/" + p})
		}
		o["parameters"] = list
	}
	if op.request != nil {
		o["requestBody"] = obj{"required": !op.optional, "content": obj{"application/json": obj{"schema": s.of(op.request)}}}
	}
	answers := obj{}
	for status, v := range op.answers {
		a := obj{"description": statusWords[status]}
		if v != nil {
			a["content"] = obj{"application/json": obj{"schema": s.of(v)}}
		}
		if op.etag && status < 300 {
			a["headers"] = obj{"ETag": obj{"description": "for If-Match", "schema": obj{"type": "string"}}}
		}
		answers[fmt.Sprint(status)] = a
	}
	for _, status := range append([]int{401, 403, 500}, op.problems...) {
		answers[fmt.Sprint(status)] = obj{"description": statusWords[status], "content": obj{"application/problem+json": obj{"schema": s.of(httpapi.Problem{})}}}
	}
	o["responses"] = answers
	return o
}
