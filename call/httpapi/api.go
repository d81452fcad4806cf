package httpapi

import (
	_ "embed"
	"errors"
	"log/slog"
	"net/http"
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
	api     *httpguard.Router
	streams chan struct{}
}

//go:generate go run ./gen

//go:embed openapi.json
var openAPI []byte

// OpenAPI is the description of the API in OpenAPI 3.1, in JSON. The caller must not change it.
func OpenAPI() []byte { return openAPI }

// routes are all operations; openapi.json describes them.
var routes = []httpguard.Route[*Handler]{
	{Method: "POST", Path: "/v1/calls", Serve: (*Handler).originate},
	{Method: "GET", Path: "/v1/channels", Serve: (*Handler).list},
	{Method: "GET", Path: "/v1/channels/{uuid}", Serve: (*Handler).read},
	{Method: "DELETE", Path: "/v1/channels/{uuid}", Serve: (*Handler).hangup},
	{Method: "POST", Path: "/v1/channels/{uuid}/actions", Serve: (*Handler).act},
	{Method: "DELETE", Path: "/v1/channels/{uuid}/actions", Serve: (*Handler).stop},
	{Method: "PATCH", Path: "/v1/channels/{uuid}/variables", Serve: (*Handler).set},
	{Method: "POST", Path: "/v1/channels/{uuid}/bridge", Serve: (*Handler).bridge},
	{Method: "DELETE", Path: "/v1/channels/{uuid}/bridge", Serve: (*Handler).unbridge},
	{Method: "POST", Path: "/v1/channels/{uuid}/transfer", Serve: (*Handler).transfer},
	{Method: "POST", Path: "/v1/channels/{uuid}/park", Serve: (*Handler).park},
	{Method: "POST", Path: "/v1/channels/{uuid}/dtmf", Serve: (*Handler).dtmf},
	{Method: "POST", Path: "/v1/channels/{uuid}/recordings", Serve: (*Handler).record},
	{Method: "DELETE", Path: "/v1/channels/{uuid}/recordings", Serve: (*Handler).stopRecord},
	{Method: "GET", Path: "/v1/events", Serve: (*Handler).events},
	{Method: "GET", Path: "/v1/applications", Serve: (*Handler).applications},
	{Method: "GET", Path: "/v1/stats", Serve: (*Handler).stats},
}

// New makes a Handler.
func New(cfg Config) *Handler {
	if cfg.MaxStreams <= 0 {
		cfg.MaxStreams = 100
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = 1000
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 5 * time.Minute
	}
	h := &Handler{cfg: cfg, streams: make(chan struct{}, cfg.MaxStreams)}
	h.api = httpguard.New(h, httpguard.Config{Token: cfg.Token, MaxBody: cfg.MaxBody, Problem: problemOf, Document: openAPI, Logger: cfg.Logger}, routes)
	return h
}

// ServeHTTP checks who asks, then serves.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.api.ServeHTTP(w, r) }

// Guard lets through to h what New would serve for a token: for further handlers beside the API.
func Guard(token string, h http.Handler) http.Handler {
	return httpguard.New(h, httpguard.Config{Token: token, Problem: problemOf}, nil).Guard(h)
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

// problemOf says what an error is to a client.
func problemOf(err error) (int, any) {
	var p *Problem
	var fault *httpguard.Fault
	var cause control.Cause
	switch {
	case errors.As(err, &p):
		c := *p
		p = &c
	case errors.As(err, &fault):
		p = &Problem{Status: fault.Status, Detail: fault.Detail}
		if fault.Reason != "" {
			p.Detail += ": " + fault.Field + ": " + fault.Reason
		}
	case errors.As(err, &cause):
		p = &Problem{Status: http.StatusBadGateway, Detail: "the call has failed or ended", Cause: cause.String()}
	default:
		p = &Problem{Status: http.StatusConflict, Detail: err.Error()}
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	return p.Status, p
}
