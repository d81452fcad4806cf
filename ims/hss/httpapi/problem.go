package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/httpguard"
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

// problemOf says what an error is to a client.
func problemOf(err error) (int, any) {
	p := asProblem(err)
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	return p.Status, p
}

func asProblem(err error) *Problem {
	var p *Problem
	var invalid *hss.ValidationError
	var field *hss.FieldError
	var conflict *hss.ConflictError
	var long *http.MaxBytesError
	var fault *httpguard.Fault
	switch {
	case errors.As(err, &p):
		c := *p
		return &c
	case errors.As(err, &fault):
		p = &Problem{Status: fault.Status, Detail: strings.Replace(fault.Detail, "hss: ", "", 1)} // never holds what a Secret was read from
		if fault.Reason != "" {
			p.Errors = []FieldProblem{{fault.Field, fault.Reason}}
		}
		return p
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
