package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gotelco/telco/ims/hss"
)

// Problem is what an error looks like: RFC 9457, application/problem+json.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Errors are all that is wrong with what was sent.
	Errors []FieldProblem `json:"errors,omitempty"`
}

// FieldProblem is one thing that is wrong with what was sent.
type FieldProblem struct {
	Field  string `json:"field"` // such as "privateIdentities[0].aka.k"; empty if it is about the whole
	Reason string `json:"reason"`
}

func (p *Problem) Error() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	for _, e := range p.Errors {
		s += "; " + e.Field + ": " + e.Reason
	}
	return s
}

func notFound(what string) *Problem {
	return &Problem{Status: http.StatusNotFound, Detail: "there is no " + what}
}

func badRequest(detail string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Detail: detail}
}

// problem answers with an error.
func (h *Handler) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if h.cfg.Logger != nil && p.Status >= 500 {
		h.cfg.Logger.Error("a request to the API failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	h.gone(json.NewEncoder(w).Encode(p))
}

func problemOf(err error) *Problem {
	var p *Problem
	var invalid *hss.ValidationError
	var field *hss.FieldError
	var conflict *hss.ConflictError
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		c := *p
		return &c
	case errors.As(err, &invalid):
		p = &Problem{Status: http.StatusUnprocessableEntity, Detail: "what was sent is not valid"}
		for _, f := range invalid.Fields {
			p.Errors = append(p.Errors, FieldProblem{f.Field, f.Reason})
		}
		return p
	case errors.As(err, &field):
		return &Problem{Status: http.StatusUnprocessableEntity, Detail: "what was sent is not valid", Errors: []FieldProblem{{field.Field, field.Reason}}}
	case errors.As(err, &conflict):
		return &Problem{Status: http.StatusConflict, Detail: strings.TrimPrefix(conflict.Error(), "hss: ")}
	case errors.As(err, &long):
		return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "the body is too long"}
	case errors.Is(err, hss.ErrRevision):
		return &Problem{Status: http.StatusPreconditionFailed, Detail: "somebody has changed it meanwhile; read it again"}
	case errors.Is(err, hss.ErrExists):
		return &Problem{Status: http.StatusConflict, Detail: "there is a subscriber with this ID"}
	case errors.Is(err, hss.ErrInUse):
		return &Problem{Status: http.StatusConflict, Detail: strings.TrimPrefix(err.Error(), "hss: ")}
	case errors.Is(err, hss.ErrNotFound):
		return notFound("such subscriber")
	case errors.Is(err, hss.ErrFull):
		return &Problem{Status: http.StatusInsufficientStorage, Detail: "the disk is full; nothing was changed"}
	case errors.Is(err, hss.ErrClosed):
		return &Problem{Status: http.StatusServiceUnavailable, Detail: "the HSS is ending"}
	}
	return &Problem{Status: http.StatusInternalServerError, Detail: "see the log"}
}

// body reads JSON strictly.
func body(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return badRequest("something follows the JSON value")
		}
		return nil
	}
	var long *http.MaxBytesError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &long):
		return err
	case errors.As(err, &kind):
		return &Problem{Status: http.StatusBadRequest, Detail: "a value has the wrong type", Errors: []FieldProblem{{kind.Field, "a " + kind.Value + " cannot stand here"}}}
	case errors.Is(err, io.EOF):
		return badRequest("a body in JSON is missing")
	}
	return badRequest(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "json: "), "hss: ")) // never holds what a Secret was read from
}

// answer sends v as JSON.
func (h *Handler) answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	h.gone(json.NewEncoder(w).Encode(v))
	return nil
}
