package httpapi

import (
	_ "embed"
	"log/slog"
	"net"
	"net/http"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/httpguard"
)

// Config sets up a [Handler]. HSS and Store are needed.
type Config struct {
	HSS   *hss.HSS
	Store hss.Store // that of the HSS, to read from

	// Token has to come as "Authorization: Bearer TOKEN". If empty, only requests from this machine are served.
	Token string

	// MaxBody is the longest body of a request in octets. If zero, 1 MiB; of /v1/batch, 64 times as much.
	MaxBody int64

	Audit  *Trail       // if nil, there is nothing under /v1/audit
	Logger *slog.Logger // if nil, nothing is logged
}

// Handler serves the API under /v1/.
type Handler struct {
	cfg Config
	api *httpguard.Router
}

//go:generate go run ./gen

//go:embed openapi.json
var openAPI []byte

// OpenAPI is the description of the API in OpenAPI 3.1, in JSON. The caller must not change it.
func OpenAPI() []byte { return openAPI }

// routes are all operations; openapi.json describes them.
var routes = []httpguard.Route[*Handler]{
	{Method: "GET", Path: "/v1/subscribers", Serve: (*Handler).listSubscribers},
	{Method: "POST", Path: "/v1/subscribers", Serve: (*Handler).createSubscriber},
	{Method: "GET", Path: "/v1/subscribers/{id}", Serve: (*Handler).readSubscriber},
	{Method: "PUT", Path: "/v1/subscribers/{id}", Serve: (*Handler).replaceSubscriber},
	{Method: "DELETE", Path: "/v1/subscribers/{id}", Serve: (*Handler).deleteSubscriber},
	{Method: "GET", Path: "/v1/subscribers/{id}/state", Serve: (*Handler).readState},
	{Method: "POST", Path: "/v1/subscribers/{id}/deregister", Serve: (*Handler).deregister},
	{Method: "PUT", Path: "/v1/subscribers/{id}/scscf", Serve: (*Handler).setSCSCF},
	{Method: "POST", Path: "/v1/subscribers/{id}/push", Serve: (*Handler).pushProfile},
	{Method: "POST", Path: "/v1/subscribers/{id}/cancel-location", Serve: (*Handler).cancelLocation},
	{Method: "POST", Path: "/v1/batch", Serve: (*Handler).batch, Bodies: 64},
	{Method: "GET", Path: "/v1/service-profiles", Serve: (*Handler).listProfiles},
	{Method: "GET", Path: "/v1/service-profiles/{name}", Serve: (*Handler).readProfile},
	{Method: "PUT", Path: "/v1/service-profiles/{name}", Serve: (*Handler).replaceProfile},
	{Method: "DELETE", Path: "/v1/service-profiles/{name}", Serve: (*Handler).deleteProfile},
	{Method: "GET", Path: "/v1/ifc-sets", Serve: (*Handler).listSets},
	{Method: "GET", Path: "/v1/ifc-sets/{id}", Serve: (*Handler).readSet},
	{Method: "PUT", Path: "/v1/ifc-sets/{id}", Serve: (*Handler).replaceSet},
	{Method: "DELETE", Path: "/v1/ifc-sets/{id}", Serve: (*Handler).deleteSet},
	{Method: "GET", Path: "/v1/scscfs", Serve: (*Handler).listSCSCFs},
	{Method: "GET", Path: "/v1/pushes", Serve: (*Handler).listPushes},
	{Method: "GET", Path: "/v1/audit", Serve: (*Handler).readAudit},
	{Method: "GET", Path: "/v1/stats", Serve: (*Handler).readStats},
}

// New makes a Handler.
func New(cfg Config) *Handler {
	h := &Handler{cfg: cfg}
	h.api = httpguard.New(h, httpguard.Config{Token: cfg.Token, MaxBody: cfg.MaxBody, Problem: problemOf, Document: openAPI, Logger: cfg.Logger}, routes)
	return h
}

// ServeHTTP checks who asks, then serves.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.api.ServeHTTP(w, r) }

// admin acts for who sent a request.
func (h *Handler) admin(r *http.Request) hss.Admin {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return h.cfg.HSS.As("api " + host)
}
