package httpapi

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/httpguard"
)

// Config sets up a [Handler]. Switch is needed.
type Config struct {
	Switch *control.Switch

	// Token has to come as "Authorization: Bearer TOKEN". If empty, only requests from this machine are served.
	Token string

	// MaxBody is the longest body of a request in octets. If zero, 1 MiB.
	MaxBody int64
	// MaxStreams bounds the clients of /v1/events. If zero, 100.
	MaxStreams int
	// MaxPending bounds the events that one of them is behind. If zero, 1000.
	MaxPending int
	// MaxWait bounds how long a request waits for a call or for actions. If zero, 5 minutes.
	MaxWait time.Duration

	Logger *slog.Logger // if nil, nothing is logged
}

// Handler serves the API under /v1/.
type Handler struct {
	cfg     Config
	mux     *http.ServeMux
	streams chan struct{}
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
	{"POST", "/v1/calls", (*Handler).originate},
	{"GET", "/v1/channels", (*Handler).list},
	{"GET", "/v1/channels/{uuid}", (*Handler).read},
	{"DELETE", "/v1/channels/{uuid}", (*Handler).hangup},
	{"POST", "/v1/channels/{uuid}/actions", (*Handler).act},
	{"DELETE", "/v1/channels/{uuid}/actions", (*Handler).stop},
	{"PATCH", "/v1/channels/{uuid}/variables", (*Handler).set},
	{"POST", "/v1/channels/{uuid}/bridge", (*Handler).bridge},
	{"DELETE", "/v1/channels/{uuid}/bridge", (*Handler).unbridge},
	{"POST", "/v1/channels/{uuid}/transfer", (*Handler).transfer},
	{"POST", "/v1/channels/{uuid}/park", (*Handler).park},
	{"POST", "/v1/channels/{uuid}/dtmf", (*Handler).dtmf},
	{"POST", "/v1/channels/{uuid}/recordings", (*Handler).record},
	{"DELETE", "/v1/channels/{uuid}/recordings", (*Handler).stopRecord},
	{"GET", "/v1/events", (*Handler).events},
	{"GET", "/v1/applications", (*Handler).applications},
	{"GET", "/v1/stats", (*Handler).stats},
	{"GET", "/v1/openapi.json", (*Handler).readOpenAPI},
}

// New makes a Handler.
func New(cfg Config) *Handler {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.MaxStreams <= 0 {
		cfg.MaxStreams = 100
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = 1000
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 5 * time.Minute
	}
	h := &Handler{cfg: cfg, mux: http.NewServeMux(), streams: make(chan struct{}, cfg.MaxStreams)}
	paths := make(map[string][]string)
	for _, rt := range routes {
		paths[rt.path] = append(paths[rt.path], rt.method)
		h.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, cfg.MaxBody)
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
	if !h.refused(w, r) {
		h.mux.ServeHTTP(w, r)
	}
}

// Guard lets through to h what New would serve for a token: for further handlers beside the API.
func Guard(token string, h http.Handler) http.Handler {
	own := &Handler{cfg: Config{Token: token}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !own.refused(w, r) {
			h.ServeHTTP(w, r)
		}
	})
}

// refused answers a request that is not served.
func (h *Handler) refused(w http.ResponseWriter, r *http.Request) bool {
	status, why := httpguard.Refused(r, h.cfg.Token)
	if status == 0 {
		return false
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	h.problem(w, r, &Problem{Status: status, Detail: why})
	return true
}

// Problem is what an error looks like: RFC 9457, application/problem+json.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Cause is why a call was not answered or has ended, such as USER_BUSY.
	Cause string `json:"cause,omitempty"`
}

func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

func unusable(err error) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
}

// problem answers with an error.
func (h *Handler) problem(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	var cause control.Cause
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &long):
		p = &Problem{Status: http.StatusRequestEntityTooLarge, Detail: err.Error()}
	case errors.As(err, &cause):
		p = &Problem{Status: http.StatusBadGateway, Detail: "the call has failed or ended", Cause: cause.String()}
	default:
		p = &Problem{Status: http.StatusConflict, Detail: err.Error()}
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	h.gone(json.NewEncoder(w).Encode(p))
}

// answer sends a value as JSON.
func (h *Handler) answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	h.gone(json.NewEncoder(w).Encode(v))
	return nil
}

// gone says that an answer found nobody; there is nobody left to tell.
func (h *Handler) gone(err error) {
	if err != nil && h.cfg.Logger != nil {
		h.cfg.Logger.Debug("a client of the API has left", "err", err)
	}
}

// body reads a request. A body that is missing leaves v as it is, where that is allowed.
func body(r *http.Request, v any, optional bool) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var long *http.MaxBytesError
	switch {
	case err == io.EOF && optional:
		return nil
	case errors.As(err, &long):
		return err
	case err != nil:
		return &Problem{Status: http.StatusBadRequest, Detail: "the body: " + strings.TrimPrefix(err.Error(), "json: ")}
	}
	if _, err := d.Token(); err != io.EOF {
		return &Problem{Status: http.StatusBadRequest, Detail: "the body: more than one value"}
	}
	return nil
}

func (h *Handler) readOpenAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPI)
	h.gone(err)
	return nil
}
