// Gen writes openapi.json: the operations are listed here, the schemas are made of the Go types and their comments.
package main

import (
	"fmt"
	"os"
	"reflect"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/ims/hss/httpapi"
	"github.com/gotelco/telco/internal/openapi"
)

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

var operations = []openapi.Operation{
	{Method: "GET", Path: "/v1/subscribers", ID: "listSubscribers", Tag: "subscribers", Summary: "List subscribers, or find one by any identity", Params: []string{"after", "prefix", "identity", "limit"}, Answers: map[int]any{200: httpapi.List{}}, Problems: []int{400}},
	{Method: "POST", Path: "/v1/subscribers", ID: "createSubscriber", Tag: "subscribers", Summary: "Add a subscriber", Request: hss.Subscriber{}, Answers: map[int]any{201: hss.Subscriber{}}, Problems: []int{400, 409, 413, 415, 422, 507}, ETag: true},
	{Method: "GET", Path: "/v1/subscribers/{id}", ID: "readSubscriber", Tag: "subscribers", Summary: "Read a subscriber. Keys read as \"***\"", Params: []string{"id", "If-None-Match"}, Answers: map[int]any{200: hss.Subscriber{}, 304: nil}, Problems: []int{404}, ETag: true},
	{Method: "PUT", Path: "/v1/subscribers/{id}", ID: "replaceSubscriber", Tag: "subscribers", Summary: "Replace a subscriber, or add one. Keys sent as \"***\" stay. S-CSCFs, application servers and MMEs are told what has changed", Params: []string{"id", "If-Match", "If-None-Match"}, Request: hss.Subscriber{}, Answers: map[int]any{200: hss.Subscriber{}, 201: hss.Subscriber{}}, Problems: []int{400, 409, 412, 413, 415, 422, 507}, ETag: true},
	{Method: "DELETE", Path: "/v1/subscribers/{id}", ID: "deleteSubscriber", Tag: "subscribers", Summary: "Remove a subscriber, who is deregistered", Params: []string{"id", "If-Match"}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 412, 507}},
	{Method: "GET", Path: "/v1/subscribers/{id}/state", ID: "readState", Tag: "registrations", Summary: "Read what the network does with a subscriber", Params: []string{"id"}, Answers: map[int]any{200: httpapi.SubscriberState{}}, Problems: []int{404}},
	{Method: "POST", Path: "/v1/subscribers/{id}/deregister", ID: "deregister", Tag: "registrations", Summary: "End registrations (RTR)", Params: []string{"id"}, Request: httpapi.Deregistration{}, Optional: true, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 415, 422, 507}},
	{Method: "PUT", Path: "/v1/subscribers/{id}/scscf", ID: "setSCSCF", Tag: "registrations", Summary: "Choose the S-CSCF of the next registration; one with another is ended (RTR)", Params: []string{"id"}, Request: httpapi.Assignment{}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 415, 422, 507}},
	{Method: "POST", Path: "/v1/subscribers/{id}/push", ID: "pushProfile", Tag: "registrations", Summary: "Send the profile to the S-CSCF again (PPR)", Params: []string{"id"}, Answers: map[int]any{202: httpapi.Pushed{}}, Problems: []int{404, 507}},
	{Method: "POST", Path: "/v1/subscribers/{id}/cancel-location", ID: "cancelLocation", Tag: "registrations", Summary: "Make the MME and SGSN forget a subscriber (CLR)", Params: []string{"id"}, Answers: map[int]any{204: nil}, Problems: []int{404, 507}},
	{Method: "POST", Path: "/v1/batch", ID: "batch", Tag: "subscribers", Summary: "Store many things. If one is wrong nothing is changed", Params: []string{"dryRun"}, Request: httpapi.Batch{}, Answers: map[int]any{200: httpapi.Plan{}}, Problems: []int{400, 409, 413, 415, 422, 507}},
	{Method: "GET", Path: "/v1/service-profiles", ID: "listServiceProfiles", Tag: "profiles", Summary: "List the service profiles that subscribers share", Answers: map[int]any{200: []hss.ServiceProfile{}}},
	{Method: "GET", Path: "/v1/service-profiles/{name}", ID: "readServiceProfile", Tag: "profiles", Summary: "Read a service profile", Params: []string{"name"}, Answers: map[int]any{200: hss.ServiceProfile{}}, Problems: []int{404}, ETag: true},
	{Method: "PUT", Path: "/v1/service-profiles/{name}", ID: "replaceServiceProfile", Tag: "profiles", Summary: "Replace or add a service profile; S-CSCFs are told (PPR)", Params: []string{"name", "If-Match", "If-None-Match"}, Request: hss.ServiceProfile{}, Answers: map[int]any{200: hss.ServiceProfile{}, 201: hss.ServiceProfile{}}, Problems: []int{400, 412, 413, 415, 422, 507}, ETag: true},
	{Method: "DELETE", Path: "/v1/service-profiles/{name}", ID: "deleteServiceProfile", Tag: "profiles", Summary: "Remove a service profile that nobody uses", Params: []string{"name", "If-Match"}, Answers: map[int]any{204: nil}, Problems: []int{404, 409, 412, 507}},
	{Method: "GET", Path: "/v1/ifc-sets", ID: "listIFCSets", Tag: "profiles", Summary: "List the shared iFC sets", Answers: map[int]any{200: []hss.SharedIFCSet{}}},
	{Method: "GET", Path: "/v1/ifc-sets/{id}", ID: "readIFCSet", Tag: "profiles", Summary: "Read a shared iFC set", Params: []string{"set"}, Answers: map[int]any{200: hss.SharedIFCSet{}}, Problems: []int{400, 404}, ETag: true},
	{Method: "PUT", Path: "/v1/ifc-sets/{id}", ID: "replaceIFCSet", Tag: "profiles", Summary: "Replace or add a shared iFC set; S-CSCFs that do not know it by its number are told (PPR)", Params: []string{"set", "If-Match", "If-None-Match"}, Request: hss.SharedIFCSet{}, Answers: map[int]any{200: hss.SharedIFCSet{}, 201: hss.SharedIFCSet{}}, Problems: []int{400, 412, 413, 415, 422, 507}, ETag: true},
	{Method: "DELETE", Path: "/v1/ifc-sets/{id}", ID: "deleteIFCSet", Tag: "profiles", Summary: "Remove a shared iFC set that nobody uses", Params: []string{"set", "If-Match"}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 409, 412, 507}},
	{Method: "GET", Path: "/v1/scscfs", ID: "listSCSCFs", Tag: "network", Summary: "List the S-CSCFs that users can be assigned to", Answers: map[int]any{200: []hss.SCSCF{}}},
	{Method: "GET", Path: "/v1/pushes", ID: "listPushes", Tag: "network", Summary: "List requests that other nodes have not answered yet, the oldest first, at most 1000", Answers: map[int]any{200: []hss.Push{}}},
	{Method: "GET", Path: "/v1/audit", ID: "readAudit", Tag: "network", Summary: "Read who has changed what, the newest first", Params: []string{"before", "limit"}, Answers: map[int]any{200: httpapi.AuditPage{}}, Problems: []int{400, 404}},
	{Method: "GET", Path: "/v1/stats", ID: "readStats", Tag: "network", Summary: "Read the counters", Answers: map[int]any{200: hss.Stats{}}},
	{Method: "GET", Path: "/v1/openapi.json", ID: "readOpenAPI", Tag: "network", Summary: "Read this document", Answers: map[int]any{200: map[string]any{}}},
}

type obj = map[string]any

var statusWords = map[int]string{
	200: "OK", 201: "Created", 202: "Accepted: it goes out as soon as the server can be reached", 204: "Done", 304: "Not modified",
	400: "The request cannot be read", 401: "The token is missing or wrong", 403: "Not from there", 404: "Not found", 409: "Something else stands in the way",
	412: "If-Match or If-None-Match does not hold", 413: "The body is too long", 415: "The body is not application/json", 422: "What was sent is not valid", 500: "See the log of the HSS",
	507: "The disk is full; nothing was changed",
}

// enum is the schema of a type that is written as one of some texts.
func enum(values ...string) obj { return obj{"type": "string", "enum": values} }

func main() {
	doc, err := openapi.Marshal(openapi.Config{
		Title: "HSS administration", Version: "1",
		Description: "Subscribers, their registrations, and what they share. Changes are on disk before they are acknowledged. Errors are application/problem+json (RFC 9457). Keys are written, never read.",
		Folders:     []string{"..", "."},
		Types: map[reflect.Type]map[string]any{
			reflect.TypeFor[hss.Secret]():            {"type": "string", "pattern": `^(\*\*\*|(0[xX])?([0-9A-Fa-f ])*)$`},
			reflect.TypeFor[hss.IdentityType]():      enum("", string(hss.UserIdentity), string(hss.DistinctPSI), string(hss.WildcardedPSI), string(hss.WildcardedIMPU)),
			reflect.TypeFor[hss.RegistrationState](): enum(hss.NotRegistered.String(), hss.Registered.String(), hss.Unregistered.String()),
			reflect.TypeFor[hss.PushKind]():          enum(hss.PushRTR.String(), hss.PushPPR.String(), hss.PushPNR.String(), hss.PushCLR.String(), hss.PushIDR.String()),
		},
		Notes: map[reflect.Type]string{
			reflect.TypeFor[hss.Secret](): "In hexadecimal digits; reads as \"***\", and when it is sent so it stays.",
		},
		Parameters: parameters, Problem: httpapi.Problem{}, Statuses: statusWords, Operations: operations,
	})
	if err == nil {
		err = os.WriteFile("openapi.json", doc, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
