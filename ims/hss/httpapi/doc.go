// Package httpapi administers an HSS over HTTP: subscribers, registrations, service profiles, shared iFC sets, the audit log.
//
//	trail := httpapi.NewTrail(0, nil)
//	h, err := hss.New(hss.Config{Host: host, Realm: realm, Store: store, Audit: trail.Event})
//	...
//	http.Handle("/v1/", httpapi.New(httpapi.Config{HSS: h, Store: store, Token: token, Audit: trail}))
//
// The API is described in OpenAPI 3.1 (openapi.json, [OpenAPI], GET /v1/openapi.json); that document is made of the types here, and
// tests hold the handler to it.
//
// What it promises:
//
//   - A change is on disk before it is acknowledged, and those whom it concerns (S-CSCFs, application servers, MMEs) are told.
//   - Keys are written, never read: they read as "***", and where "***" is sent the key stays as it is.
//   - Subscribers have ETags: PUT and DELETE with If-Match change what the client has seen, or nothing (412). PUT with
//     "If-None-Match: *" makes new ones only.
//   - Bodies are strict: an unknown key is an error, and 422 names every field that is wrong. Errors are RFC 9457's application/problem+json.
//   - /v1/batch checks everything before it changes anything, and with dryRun=true only says what would change.
//   - Without a token only this machine is served, and no browser on it under a name of somebody else's. Bodies are bounded.
//
// # Limitations
//
// One token stands for every administrator; who has to be told apart in the audit log comes from an address of his own. TLS is the
// server's that the Handler runs in.
package httpapi
