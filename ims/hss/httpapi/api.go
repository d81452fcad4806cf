package httpapi

import (
	_ "embed"
	"log/slog"
	"net"
	"net/http"
	"strings"

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
	mux *http.ServeMux
}

//go:generate go run ./gen

//go:embed openapi.json
var openAPI []byte

// OpenAPI is the description of the API in OpenAPI 3.1, in JSON. The caller must not change it.
func OpenAPI() []byte { return openAPI }

// route is an operation of the API.
type route struct {
	method, path string
	handler      func(h *Handler, w http.ResponseWriter, r *http.Request) error
}

// routes are all operations; openapi.json describes them.
var routes = []route{
	{"GET", "/v1/subscribers", (*Handler).listSubscribers},
	{"POST", "/v1/subscribers", (*Handler).createSubscriber},
	{"GET", "/v1/subscribers/{id}", (*Handler).readSubscriber},
	{"PUT", "/v1/subscribers/{id}", (*Handler).replaceSubscriber},
	{"DELETE", "/v1/subscribers/{id}", (*Handler).deleteSubscriber},
	{"GET", "/v1/subscribers/{id}/state", (*Handler).readState},
	{"POST", "/v1/subscribers/{id}/deregister", (*Handler).deregister},
	{"PUT", "/v1/subscribers/{id}/scscf", (*Handler).setSCSCF},
	{"POST", "/v1/subscribers/{id}/push", (*Handler).pushProfile},
	{"POST", "/v1/subscribers/{id}/cancel-location", (*Handler).cancelLocation},
	{"POST", "/v1/batch", (*Handler).batch},
	{"GET", "/v1/service-profiles", (*Handler).listProfiles},
	{"GET", "/v1/service-profiles/{name}", (*Handler).readProfile},
	{"PUT", "/v1/service-profiles/{name}", (*Handler).replaceProfile},
	{"DELETE", "/v1/service-profiles/{name}", (*Handler).deleteProfile},
	{"GET", "/v1/ifc-sets", (*Handler).listSets},
	{"GET", "/v1/ifc-sets/{id}", (*Handler).readSet},
	{"PUT", "/v1/ifc-sets/{id}", (*Handler).replaceSet},
	{"DELETE", "/v1/ifc-sets/{id}", (*Handler).deleteSet},
	{"GET", "/v1/scscfs", (*Handler).listSCSCFs},
	{"GET", "/v1/pushes", (*Handler).listPushes},
	{"GET", "/v1/audit", (*Handler).readAudit},
	{"GET", "/v1/stats", (*Handler).readStats},
	{"GET", "/v1/openapi.json", (*Handler).readOpenAPI},
}

// New makes a Handler.
func New(cfg Config) *Handler {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 1 << 20
	}
	h := &Handler{cfg: cfg, mux: http.NewServeMux()}
	paths := make(map[string][]string)
	for _, rt := range routes {
		paths[rt.path] = append(paths[rt.path], rt.method)
		h.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			limit := cfg.MaxBody
			if rt.path == "/v1/batch" {
				limit *= 64
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			if err := rt.handler(h, w, r); err != nil {
				h.problem(w, r, err)
			}
		})
	}
	for path, methods := range paths { // what ServeMux says by itself is no problem+json
		allow := strings.Join(methods, ", ")
		h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			h.problem(w, r, &Problem{Status: http.StatusMethodNotAllowed, Detail: "only " + allow})
		})
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.problem(w, r, &Problem{Status: http.StatusNotFound, Detail: "no such resource; see /v1/openapi.json"})
	})
	return h
}

// ServeHTTP checks who asks, then serves.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if p := h.refused(r); p != nil {
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		h.problem(w, r, p)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// refused says why a request is not served.
func (h *Handler) refused(r *http.Request) *Problem {
	if status, why := httpguard.Refused(r, h.cfg.Token); status != 0 {
		return &Problem{Status: status, Detail: why}
	}
	return nil
}

func (h *Handler) readOpenAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPI)
	h.gone(err)
	return nil
}

// gone logs that a client left before it had its answer.
func (h *Handler) gone(err error) {
	if err != nil && h.cfg.Logger != nil {
		h.cfg.Logger.Debug("a client of the API has left", "err", err)
	}
}

// admin acts for who sent a request.
func (h *Handler) admin(r *http.Request) hss.Admin {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return h.cfg.HSS.As("api " + host)
}
