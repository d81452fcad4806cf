// Gen writes openapi.json: the operations are listed here, the schemas are made of the Go types and their comments.
package main

import (
	"fmt"
	"os"

	"github.com/gotelco/telco/call/httpapi"
	"github.com/gotelco/telco/internal/openapi"
)

type obj = map[string]any

var parameters = map[string]any{
	"uuid":  obj{"name": "uuid", "in": "path", "required": true, "schema": obj{"type": "string"}},
	"cause": obj{"name": "cause", "in": "query", "description": "name or number, such as USER_BUSY", "schema": obj{"type": "string", "default": "NORMAL_CLEARING"}},
	"name":  obj{"name": "name", "in": "query", "description": "of the recording; if missing, all of them", "schema": obj{"type": "string"}},
	"event": obj{"name": "name", "in": "query", "description": "only events of this name; may come more than once", "schema": obj{"type": "array", "items": obj{"type": "string"}}},
	"of":    obj{"name": "uuid", "in": "query", "description": "only events of this channel; may come more than once", "schema": obj{"type": "array", "items": obj{"type": "string"}}},
}

var one = []string{"uuid"}

var operations = []openapi.Operation{
	{Method: "POST", Path: "/v1/calls", ID: "originate", Tag: "calls", Summary: "Call somebody", Request: httpapi.Originate{}, Answers: map[int]any{201: httpapi.Channel{}, 202: httpapi.Made{}}, Problems: []int{400, 409, 413, 415, 422, 502}},
	{Method: "GET", Path: "/v1/channels", ID: "listChannels", Tag: "channels", Summary: "List the channels, the oldest first", Answers: map[int]any{200: httpapi.ChannelList{}}},
	{Method: "GET", Path: "/v1/channels/{uuid}", ID: "readChannel", Tag: "channels", Summary: "Read a channel with its variables", Params: one, Answers: map[int]any{200: httpapi.Channel{}}, Problems: []int{404}},
	{Method: "DELETE", Path: "/v1/channels/{uuid}", ID: "hangup", Tag: "channels", Summary: "Hang up", Params: []string{"uuid", "cause"}, Answers: map[int]any{204: nil}, Problems: []int{404, 422}},
	{Method: "POST", Path: "/v1/channels/{uuid}/actions", ID: "act", Tag: "channels", Summary: "Have a channel do something, after what it has been told already", Params: one, Request: httpapi.Actions{}, Answers: map[int]any{200: httpapi.Results{}, 202: nil}, Problems: []int{400, 404, 409, 413, 415, 422, 504}},
	{Method: "DELETE", Path: "/v1/channels/{uuid}/actions", ID: "stop", Tag: "channels", Summary: "Break off what a channel does, and forget what it has been told; a bridge stays", Params: one, Answers: map[int]any{204: nil}, Problems: []int{404}},
	{Method: "PATCH", Path: "/v1/channels/{uuid}/variables", ID: "setVariables", Tag: "channels", Summary: "Set variables; an empty value removes one", Params: one, Request: httpapi.Variables{}, Answers: map[int]any{200: httpapi.Channel{}}, Problems: []int{400, 404, 413, 415, 422}},
	{Method: "POST", Path: "/v1/channels/{uuid}/bridge", ID: "bridge", Tag: "channels", Summary: "Connect two channels instead of what they do", Params: one, Request: httpapi.Bridge{}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 409, 413, 415, 422, 502}},
	{Method: "DELETE", Path: "/v1/channels/{uuid}/bridge", ID: "unbridge", Tag: "channels", Summary: "End the bridge of a channel", Params: one, Answers: map[int]any{204: nil}, Problems: []int{404, 409}},
	{Method: "POST", Path: "/v1/channels/{uuid}/transfer", ID: "transfer", Tag: "channels", Summary: "Send a channel to an extension of the dialplan", Params: one, Request: httpapi.Transfer{}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 409, 413, 415, 422, 502}},
	{Method: "POST", Path: "/v1/channels/{uuid}/park", ID: "park", Tag: "channels", Summary: "Have a channel leave what it does, and wait", Params: one, Answers: map[int]any{204: nil}, Problems: []int{404, 409, 502}},
	{Method: "POST", Path: "/v1/channels/{uuid}/dtmf", ID: "pressKeys", Tag: "channels", Summary: "Press keys", Params: one, Request: httpapi.DTMF{}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 409, 413, 415, 422, 502}},
	{Method: "POST", Path: "/v1/channels/{uuid}/recordings", ID: "record", Tag: "channels", Summary: "Record a channel until it ends or is told to stop", Params: one, Request: httpapi.Recording{}, Answers: map[int]any{204: nil}, Problems: []int{400, 404, 409, 413, 415, 422, 502}},
	{Method: "DELETE", Path: "/v1/channels/{uuid}/recordings", ID: "stopRecording", Tag: "channels", Summary: "End recordings", Params: []string{"uuid", "name"}, Answers: map[int]any{204: nil}, Problems: []int{404, 409}},
	{Method: "GET", Path: "/v1/events", ID: "watch", Tag: "events", Summary: "Watch what happens (server-sent events; data is an Event)", Params: []string{"event", "of"}, Answers: map[int]any{200: httpapi.Event{}}, Problems: []int{503}, Stream: "text/event-stream"},
	{Method: "GET", Path: "/v1/applications", ID: "listApplications", Tag: "about", Summary: "List the applications that actions may name", Answers: map[int]any{200: httpapi.Applications{}}},
	{Method: "GET", Path: "/v1/stats", ID: "readStats", Tag: "about", Summary: "Read the counters", Answers: map[int]any{200: httpapi.Stats{}}},
	{Method: "GET", Path: "/v1/openapi.json", ID: "readOpenAPI", Tag: "about", Summary: "Read this document", Answers: map[int]any{200: map[string]any{}}},
}

var statuses = map[int]string{
	200: "OK", 201: "Answered", 202: "Accepted: it happens now", 204: "Done",
	400: "The request cannot be read", 401: "The token is missing or wrong", 403: "Not from there", 404: "There is no such channel",
	409: "The channel cannot do that now", 413: "The body is too long", 415: "The body is not application/json", 422: "What was sent is not valid",
	500: "See the log", 502: "The call has failed or ended; cause says why", 503: "Too many clients watch", 504: "It takes longer than a request may",
}

func main() {
	doc, err := openapi.Marshal(openapi.Config{
		Title: "Call control", Version: "1",
		Description: "Channels are legs of calls. Dial strings, applications, causes and names of events are FreeSWITCH's, as far as they are here. Errors are application/problem+json (RFC 9457).",
		Folders:     []string{"."},
		Parameters:  parameters, Problem: httpapi.Problem{}, Statuses: statuses, Operations: operations,
	})
	if err == nil {
		err = os.WriteFile("openapi.json", doc, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
