package httpguard

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Config says how a [Router] serves.
type Config struct {
	Token   string // see [Refused]
	MaxBody int64  // the longest body of a request in octets; if zero, 1 MiB
	// Problem says what an error is to the client: a status code, and what is sent as application/problem+json (RFC 9457).
	// Errors of the Router's own are of type [*Fault].
	Problem  func(err error) (status int, body any)
	Document []byte       // the answer to GET /v1/openapi.json
	Logger   *slog.Logger // if nil, nothing is logged
}

// Route is an operation of an API whose handlers belong to H. What Serve returns as an error becomes the answer.
type Route[H any] struct {
	Method, Path string
	Serve        func(h H, w http.ResponseWriter, r *http.Request) error
	Bodies       int64 // how many times MaxBody a body may have; 0 is once
}

// Fault is a request that the Router does not take.
type Fault struct {
	Status        int
	Detail        string
	Field, Reason string // of the body, where one is at fault
}

func (f *Fault) Error() string { return f.Detail }

// Router serves the operations of an API, and answers all that is none of them with a problem. It has /v1/openapi.json itself.
type Router struct {
	cfg Config
	mux *http.ServeMux
}

// New makes a Router of the routes, whose handlers get h.
func New[H any](h H, cfg Config, routes []Route[H]) *Router {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 1 << 20
	}
	rt := &Router{cfg: cfg, mux: http.NewServeMux()}
	methods := make(map[string][]string)
	handle := func(method, path string, bodies int64, serve func(http.ResponseWriter, *http.Request) error) {
		methods[path] = append(methods[path], method)
		rt.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, cfg.MaxBody*max(bodies, 1))
			if err := serve(w, r); err != nil {
				rt.problem(w, r, err)
			}
		})
	}
	for _, route := range routes {
		handle(route.Method, route.Path, route.Bodies, func(w http.ResponseWriter, r *http.Request) error { return route.Serve(h, w, r) })
	}
	handle("GET", "/v1/openapi.json", 1, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		_, err := w.Write(cfg.Document)
		rt.gone(err)
		return nil
	})
	for path, list := range methods { // what ServeMux says by itself is no problem+json
		allow := strings.Join(list, ", ")
		rt.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			rt.problem(w, r, &Fault{Status: http.StatusMethodNotAllowed, Detail: "only " + allow})
		})
	}
	rt.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		rt.problem(w, r, &Fault{Status: http.StatusNotFound, Detail: "no such resource; see /v1/openapi.json"})
	})
	return rt
}

// ServeHTTP checks who asks, then serves.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	rt.Guard(rt.mux).ServeHTTP(w, r)
}

// Guard lets through to h what the Router would serve.
func (rt *Router) Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, why := Refused(r, rt.cfg.Token)
		switch status {
		case 0:
			h.ServeHTTP(w, r)
			return
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		rt.problem(w, r, &Fault{Status: status, Detail: why})
	})
}

// problem answers with an error.
func (rt *Router) problem(w http.ResponseWriter, r *http.Request, err error) {
	status, body := rt.cfg.Problem(err)
	if rt.cfg.Logger != nil && status >= 500 {
		rt.cfg.Logger.Error("a request to the API failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	rt.send(w, "application/problem+json", status, body)
}

// Answer sends a value as JSON. It returns nil.
func (rt *Router) Answer(w http.ResponseWriter, status int, v any) error {
	rt.send(w, "application/json", status, v)
	return nil
}

func (rt *Router) send(w http.ResponseWriter, contentType string, status int, v any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	rt.gone(json.NewEncoder(w).Encode(v))
}

// gone logs that a client left before it had its answer.
func (rt *Router) gone(err error) {
	if err != nil && rt.cfg.Logger != nil {
		rt.cfg.Logger.Debug("a client of the API has left", "err", err)
	}
}

// Body reads one JSON value into v, strictly. The error is a [*Fault].
func Body(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err := d.Token(); err != io.EOF {
			return &Fault{Status: http.StatusBadRequest, Detail: "the body: more than one value"}
		}
		return nil
	}
	var long *http.MaxBytesError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &long):
		return &Fault{Status: http.StatusRequestEntityTooLarge, Detail: "the body is too long"}
	case errors.As(err, &kind):
		return &Fault{Status: http.StatusBadRequest, Detail: "a value has the wrong type", Field: kind.Field, Reason: "a " + kind.Value + " cannot stand here"}
	case errors.Is(err, io.EOF):
		return &Fault{Status: http.StatusBadRequest, Detail: "a body in JSON is missing"}
	}
	return &Fault{Status: http.StatusBadRequest, Detail: "the body: " + strings.TrimPrefix(err.Error(), "json: ")}
}
