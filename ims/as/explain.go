package as

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// Explainer is a [Router] that can say how it came to a decision, as [Rules] can.
type Explainer interface {
	Explain(ctx context.Context, req *Request) (Decision, []Tried, error)
}

// Question is a call that nobody makes: where would it go?
type Question struct {
	Side  Side      // where it comes from; if zero, SidePhone
	Trunk string    // the trunk, where Side is SideTrunk
	From  string    // as the caller writes it: a number, user@host or a URI; if empty, anonymous
	To    string    // the same of who is called
	Time  time.Time // if zero, now
	Case  SessionCase
	Reg   RegState
	User  string // the served user
	Vars  map[string]string
}

// Explanation is the answer to a Question.
type Explanation struct {
	Calling   string            `json:"calling"` // as the call would go on
	Called    string            `json:"called"`
	Emergency string            `json:"emergency,omitempty"`
	Action    Action            `json:"action"`
	Decision  string            `json:"decision"` // in short
	Rule      string            `json:"rule,omitempty"`
	Targets   []Target          `json:"targets,omitempty"`
	Vars      map[string]string `json:"vars,omitempty"`
	Tried     []Tried           `json:"tried"` // empty if the Router cannot tell
}

// Explain says where a call would go, by the borders and the router in force. The router does all
// that it does for a call: ENUM and web servers are asked.
func (s *Server) Explain(ctx context.Context, q Question) (*Explanation, error) {
	set := s.settings.Load()
	req := &Request{ID: "explain", Time: q.Time, Method: sip.INVITE, Side: cmp.Or(q.Side, SidePhone), Trunk: q.Trunk, Case: q.Case, RegState: q.Reg, ServedUser: q.User, Vars: q.Vars}
	var b *Border
	switch req.Side {
	case SideIMS:
		b = set.ims
	case SideTrunk:
		t := set.trunk(q.Trunk)
		if t == nil {
			return nil, errNoTrunk
		}
		b = t.border
	default:
		b = set.phones
	}
	to, err := dialled(q.To, set.Domain)
	if err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if req.Emergency = set.emergency(to); req.Emergency != "" {
		req.Called = PartyOf(to, true)
	} else if req.Called, err = b.CalledIn(to); err != nil && (req.Called.IsZero() || errors.Is(err, ErrTooLong)) {
		return nil, fmt.Errorf("to: %w", err)
	}
	if q.From != "" {
		from, err := dialled(q.From, set.Domain)
		if err != nil {
			return nil, fmt.Errorf("from: %w", err)
		}
		var h sip.Header
		h.Set("From", "<"+from.String()+">")
		req.Calling = b.CallingIn(&h, false)
	}
	ctx, cancel := context.WithTimeout(ctx, set.RouteTimeout)
	defer cancel()
	out := &Explanation{Emergency: req.Emergency, Tried: []Tried{}}
	var d Decision
	if e, ok := set.Router.(Explainer); ok {
		d, out.Tried, err = e.Explain(ctx, req)
	} else {
		d, err = s.decision(ctx, set, req)
	}
	if err != nil {
		return nil, err
	}
	out.Calling, out.Called, out.Action, out.Decision, out.Rule, out.Targets, out.Vars = d.Calling.String(), d.Called.String(), d.Action, d.String(), d.Rule, d.Targets, d.Vars
	return out, nil
}

// dialled is the URI that a phone makes of what somebody has dialled.
func dialled(s, domain string) (sip.URI, error) {
	if s == "" {
		return sip.URI{}, badNumber(s, ErrEmpty)
	}
	if u, err := sip.ParseURI(s); err == nil && (u.IsSIP() || u.Scheme == "tel" || u.Scheme == "urn") {
		return u, nil
	}
	if strings.Contains(s, "@") {
		return sip.ParseURI("sip:" + s)
	}
	if n, err := ParseNumber(s); err == nil { // phones send no blanks
		s = n.Digits
	}
	return sip.ParseURI("sip:" + sip.EscapeUser(s) + "@" + domain)
}

// ExplainHTTP answers GET requests with the [Explanation] of the call that the query describes: to,
// from, side ("ims", "trunk", "phone"), trunk, time (RFC 3339), case, reg and user. Who may ask is
// up to the program: it wraps the handler.
func (s *Server) ExplainHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(http.StatusMethodNotAllowed, map[string]string{"error": "GET"})
		return
	}
	v := r.URL.Query()
	q := Question{Trunk: v.Get("trunk"), From: v.Get("from"), To: v.Get("to"), User: v.Get("user")}
	var err error
	for _, f := range []struct {
		name string
		to   interface{ UnmarshalText([]byte) error }
	}{{"side", &q.Side}, {"case", &q.Case}, {"reg", &q.Reg}, {"time", &q.Time}} {
		if text := v.Get(f.name); text != "" && err == nil {
			if err = f.to.UnmarshalText([]byte(text)); err != nil {
				err = fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	if q.Side == 0 && q.Trunk != "" {
		q.Side = SideTrunk
	}
	var e *Explanation
	if err == nil {
		e, err = s.Explain(r.Context(), q)
	}
	if err != nil {
		answer(http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	answer(http.StatusOK, e)
}
