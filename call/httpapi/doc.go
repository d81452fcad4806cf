// Package httpapi is call control over HTTP and JSON: whoever can send a request can make, watch and steer the channels
// of a [control.Switch].
//
//	http.Handle("/v1/", httpapi.New(httpapi.Config{Switch: sw, Token: "…"}))
//
// and then
//
//	curl -H 'Authorization: Bearer …' -H 'Content-Type: application/json' http://127.0.0.1:8080/v1/calls \
//	  -d '{"to": "sofia/gateway/carrier/4930123456", "actions": [{"app": "playback", "args": "hello.wav"}]}'
//	curl -N -H 'Authorization: Bearer …' http://127.0.0.1:8080/v1/events?name=CHANNEL_ANSWER
//
// Dial strings, applications, causes and the names of events are those of package control. Errors are
// application/problem+json (RFC 9457). GET /v1/openapi.json describes all of it (OpenAPI 3.1).
//
// What a call shall do next can also be asked of a web server: that is package webhook.
//
// # Limitations
//
// Without a token only requests of the machine itself are served. There are no users with different rights. Events that
// a client is too slow for are left out, and a comment in the stream says how many.
package httpapi
