package stp

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// Handler is the management interface of a node over HTTP, in JSON. Paths:
//
//	GET  /api/status                     all of [Status]
//	GET  /api/status/PART                a part: links, linksets, as, asp, gateways, routes, traffic, alarms
//	GET  /api/changes?after=SEQUENCE     the last changes of state, a list of [Change]
//	GET  /api/changes?follow             the changes from now on, as server-sent events
//	POST /api/VERB?kind=KIND&name=NAME   VERB is block, unblock, activate, deactivate, inhibit or uninhibit;
//	                                     KIND is link, linkset, as, asp or gateway
//	GET  /api/explain?opc=&dpc=&sls=     an [Explanation]; also si= (a number), from= and called= (digits of E.164)
//	GET  /api/config                     the configuration in force, as YAML
//	POST /api/plan, /api/apply           the body is a configuration in YAML: what applying it would do, what it
//	                                     did: {"steps": [Step], "findings": [text]}
//	GET  /metrics                        counters in the text format of Prometheus
//	GET  /healthz, /readyz               200 while the node runs; while it also has no major alarm
//
// An error is {"error": TEXT} with status 400 (a request that makes no sense), 404 (nothing of that name), 409
// (refused: the text says why) or 503 (the node is not running).
//
// What management says in the configuration is kept: requests have to bring its token, if it has one, as
// "Authorization: Bearer TOKEN" (but for /healthz and /readyz), and to name localhost, an address or one of
// its hosts. Requests of other sites' pages are refused.
func Handler(n *Node) http.Handler {
	h := &handler{n: n}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/status", h.status)
	mux.HandleFunc("GET /api/status/{part}", h.status)
	mux.HandleFunc("GET /api/changes", h.changes)
	for verb, do := range map[string]func(*http.Request, string, string) error{
		"block":      func(r *http.Request, kind, name string) error { return n.Block(r.Context(), kind, name) },
		"unblock":    func(r *http.Request, kind, name string) error { return n.Unblock(r.Context(), kind, name) },
		"activate":   func(r *http.Request, kind, name string) error { return n.Activate(r.Context(), kind, name) },
		"deactivate": func(r *http.Request, kind, name string) error { return n.Deactivate(r.Context(), kind, name) },
		"inhibit":    onlyLink(func(r *http.Request, name string) error { return n.Inhibit(r.Context(), name) }),
		"uninhibit":  onlyLink(func(r *http.Request, name string) error { return n.Uninhibit(r.Context(), name) }),
	} {
		mux.HandleFunc("POST /api/"+verb, func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			if err := do(r, q.Get("kind"), q.Get("name")); err != nil {
				h.fail(w, err)
				return
			}
			h.json(w, struct{}{})
		})
	}
	mux.HandleFunc("GET /api/explain", h.explain)
	mux.HandleFunc("GET /api/config", h.config)
	mux.HandleFunc("POST /api/plan", h.apply(func(_ *http.Request, c *Config) ([]Step, error) { return Plan(n.Config(), c), nil }))
	mux.HandleFunc("POST /api/apply", h.apply(func(r *http.Request, c *Config) ([]Step, error) { return n.Apply(r.Context(), c) }))
	mux.HandleFunc("GET /metrics", h.metrics)
	mux.HandleFunc("GET /healthz", h.health)
	mux.HandleFunc("GET /readyz", h.ready)
	return http.NewCrossOriginProtection().Handler(h.guard(mux))
}

type handler struct{ n *Node }

func onlyLink(f func(*http.Request, string) error) func(*http.Request, string, string) error {
	return func(r *http.Request, kind, name string) error {
		if kind != KindLink {
			return &RefusedError{"only links are inhibited"}
		}
		return f(r, name)
	}
}

// guard lets in who may.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := h.n.Config().Management
		host := r.Host
		if bare, _, err := net.SplitHostPort(host); err == nil {
			host = bare
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil && host != "localhost" && !slices.Contains(m.Hosts, host) {
			h.error(w, http.StatusForbidden, fmt.Errorf("stp: the host %q is not among management.hosts", host))
			return
		}
		if m.Token != "" && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			got, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if subtle.ConstantTimeCompare([]byte(got), []byte(m.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				h.error(w, http.StatusUnauthorized, errors.New("stp: the token is wrong or missing"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handler) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}

// fail answers with an error.
func (h *handler) fail(w http.ResponseWriter, err error) {
	var unknown *UnknownError
	var refused *RefusedError
	var bad *requestError
	switch {
	case errors.As(err, &unknown):
		h.error(w, http.StatusNotFound, err)
	case errors.As(err, &refused):
		h.error(w, http.StatusConflict, err)
	case errors.Is(err, ErrNotRunning):
		h.error(w, http.StatusServiceUnavailable, err)
	case errors.As(err, &bad):
		h.error(w, http.StatusBadRequest, err)
	default:
		h.error(w, http.StatusInternalServerError, err)
	}
}

func (h *handler) error(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error string `json:"error"`
	}{err.Error()})
}

// requestError says what is wrong with a request.
type requestError struct{ text string }

func (e *requestError) Error() string { return "stp: " + e.text }

func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	s, err := h.n.Status(r.Context())
	if err != nil {
		h.fail(w, err)
		return
	}
	parts := map[string]any{"": s, "links": s.Links, "linksets": s.Linksets, "as": s.AS, "asp": s.ASPs, "gateways": s.Gateways,
		"routes": s.Routes, "traffic": s.Traffic, "alarms": s.Alarms}
	v, ok := parts[r.PathValue("part")]
	if !ok {
		h.error(w, http.StatusNotFound, fmt.Errorf("stp: status has no part %q", r.PathValue("part")))
		return
	}
	h.json(w, v)
}

func (h *handler) changes(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Has("follow") {
		h.follow(w, r)
		return
	}
	var after uint64
	if s := q.Get("after"); s != "" {
		var err error
		if after, err = strconv.ParseUint(s, 10, 64); err != nil {
			h.fail(w, &requestError{fmt.Sprintf("after=%q is no number", s)})
			return
		}
	}
	h.json(w, h.n.Changes(after))
}

// follow writes changes as they come.
func (h *handler) follow(w http.ResponseWriter, r *http.Request) {
	changes, stop := h.n.Watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	if flush.Flush() != nil {
		return
	}
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for {
		select {
		case c := <-changes:
			b, err := json.Marshal(c)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", c.Sequence, b); err != nil {
				return
			}
		case <-alive.C:
			if _, err := w.Write([]byte(":\n\n")); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-h.n.ended:
			return
		}
		if flush.Flush() != nil {
			return
		}
	}
}

func (h *handler) health(w http.ResponseWriter, r *http.Request) {
	if err := h.n.do(r.Context(), func(time.Time) {}); err != nil {
		h.fail(w, err)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	s, err := h.n.Status(r.Context())
	if err != nil {
		h.fail(w, err)
		return
	}
	if i := slices.IndexFunc(s.Alarms, func(a Alarm) bool { return a.Severity == Major }); i >= 0 {
		h.error(w, http.StatusServiceUnavailable, errors.New(s.Alarms[i].String()))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// explain answers what becomes of a message.
func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	q, err := h.query(r)
	if err != nil {
		h.fail(w, &requestError{err.Error()})
		return
	}
	e, err := h.n.Explain(r.Context(), q)
	if err != nil {
		h.fail(w, err)
		return
	}
	h.json(w, e)
}

func (h *handler) query(r *http.Request) (q Query, err error) {
	v := r.URL.Query()
	if q.Label.OPC, err = h.n.format.ParsePointCode(v.Get("opc")); err != nil {
		return q, err
	}
	if q.Label.DPC, err = h.n.format.ParsePointCode(v.Get("dpc")); err != nil {
		return q, err
	}
	for _, x := range []struct {
		key string
		set func(uint8)
	}{{"sls", func(n uint8) { q.Label.SLS = mtp3.SLS(n) }}, {"si", func(n uint8) { q.SI = mtp3.ServiceIndicator(n) }}} {
		if s := v.Get(x.key); s != "" {
			n, err := strconv.ParseUint(s, 10, 8)
			if err != nil {
				return q, fmt.Errorf("%s=%q is no number up to 255", x.key, s)
			}
			x.set(uint8(n))
		}
	}
	q.From = v.Get("from")
	if s := v.Get("called"); s != "" {
		d, err := sccp.ParseDigits(s)
		if err != nil {
			return q, err
		}
		q.Called = &sccp.Address{GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.InternationalNumber, Digits: d}}
	}
	return q, nil
}

func (h *handler) config(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(h.n.Config().Text())
}

// applied is what a configuration does, or did.
type applied struct {
	Steps    []Step   `json:"steps"`
	Findings []string `json:"findings"`
	Error    string   `json:"error,omitempty"`
}

// apply reads a configuration and gives it to do.
func (h *handler) apply(do func(*http.Request, *Config) ([]Step, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFile))
		if err != nil {
			h.fail(w, &requestError{err.Error()})
			return
		}
		c, err := ParseConfig("request", b)
		if err != nil {
			h.fail(w, &requestError{err.Error()})
			return
		}
		a := applied{Steps: []Step{}, Findings: []string{}}
		for _, f := range c.Check() {
			a.Findings = append(a.Findings, f.String())
		}
		steps, err := do(r, c)
		var restart *RestartError
		var refused *RefusedError
		switch {
		case errors.As(err, &restart), errors.As(err, &refused):
			h.error(w, http.StatusConflict, err)
			return
		case errors.Is(err, ErrNotRunning):
			h.fail(w, err)
			return
		case err != nil: // some steps failed
			a.Error = err.Error()
		}
		a.Steps = append(a.Steps, steps...)
		h.json(w, a)
	}
}
