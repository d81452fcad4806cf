package as

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Diversion is a step by which a call was sent on from the one whom it was for to somebody else.
type Diversion struct {
	By     Party
	Reason string // as RFC 5806 has them: "unconditional", "user-busy", "no-answer", … ; "unknown" where nothing is said
	Count  int    // how often By has diverted it; 1 mostly
}

// diversionReasons are those of RFC 5806 with the cause of RFC 4458 that stands for each in History-Info (RFC 7544
// section 7.2, TS 24.604 section 4.5.2.6).
var diversionReasons = map[string]int{
	"unknown": 404, "user-busy": 486, "no-answer": 408, "unavailable": 503, "unconditional": 302, "time-of-day": 404, "do-not-disturb": 404,
	"deflection": 480, "follow-me": 404, "out-of-service": 404, "away": 404,
}

// reasonOfCause is the way back.
func reasonOfCause(cause int) string {
	switch cause {
	case 486:
		return "user-busy"
	case 408:
		return "no-answer"
	case 302:
		return "unconditional"
	case 480, 487:
		return "deflection"
	case 503:
		return "unavailable"
	}
	return "unknown"
}

// reasonOfFailure is why a call goes on from somebody who could not be reached.
func reasonOfFailure(status int, cause control.Cause) string {
	switch {
	case cause == control.UserBusy || status == 486 || status == 600:
		return "user-busy"
	case cause == control.UserNotRegistered || cause == control.SubscriberAbsent || status >= 500 && status < 600 || status == 0:
		return "unavailable"
	case cause == control.NoAnswer || status == 408 || status == 480 || status == 487:
		return "no-answer"
	}
	return "unknown"
}

// DiversionFields says by which header fields a network tells, and is told, of diversions.
type DiversionFields uint8

// The header fields. History-Info is RFC 7044, Diversion RFC 5806.
const (
	DiversionByTrust     DiversionFields = iota // both in the trust domain, none elsewhere
	DiversionNone                               // none
	DiversionHistoryInfo                        // History-Info
	DiversionHeader                             // Diversion
	DiversionBoth                               // both
)

var diversionNames = names[DiversionFields]{"header fields of diversions", []string{"by-trust", "none", "history-info", "diversion", "both"}}

// String returns "by-trust", "none", "history-info", "diversion" or "both".
func (d DiversionFields) String() string { return diversionNames.text(d) }

// MarshalText returns what String does.
func (d DiversionFields) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String returns.
func (d *DiversionFields) UnmarshalText(b []byte) error { return diversionNames.parse(d, b) }

// fields says which of the two are told to, and believed of, a network.
func (d DiversionFields) fields(t Trust) (history, diversion bool) {
	switch d {
	case DiversionByTrust:
		return t >= Trusted, t >= Trusted
	case DiversionHistoryInfo:
		return true, false
	case DiversionHeader:
		return false, true
	case DiversionBoth:
		return true, true
	}
	return false, false
}

// maxHistory bounds the entries that are read, and those that are written.
const maxHistory = 30

// past is what the header fields of a request say of its way here.
type past struct {
	history    []sip.HistoryInfo // the oldest first
	diversions []string          // the latest first, as they came
}

// readPast reads what the network is believed.
func readPast(h *sip.Header, history, diversion bool) (p past) {
	if history {
		for v, err := range h.HistoryInfos() {
			if err == nil && len(p.history) < maxHistory {
				p.history = append(p.history, v)
			}
		}
	}
	if diversion {
		for v, err := range h.Diversions() {
			if err == nil && len(p.diversions) < maxHistory {
				p.diversions = append(p.diversions, strings.Clone(v.Address.String()))
			}
		}
	}
	return p
}

// steps are the diversions, the latest first. History-Info counts where it tells of any.
func (p *past) steps(b *Border) (out []Diversion) {
	by := func(u sip.URI, name string) Party {
		u.Headers = ""
		u.Params.Del("cause")
		party, _ := b.in(b.callingIn, PartyOf(u, !b.cfg.Strict))
		party.Name = strings.Clone(name)
		return party
	}
	for i := len(p.history) - 1; i > 0; i-- {
		e := p.history[i]
		cause := e.Cause()
		if cause == 0 {
			continue
		}
		from := i - 1
		if kind, index := e.Target(); kind == "mp" {
			if j := slices.IndexFunc(p.history, func(o sip.HistoryInfo) bool { return o.Index() == index }); j >= 0 {
				from = j
			}
		}
		d := Diversion{By: by(p.history[from].URI, p.history[from].Display), Reason: reasonOfCause(cause), Count: 1}
		d.By.Private = p.history[from].Private()
		out = append(out, d)
	}
	if out != nil {
		return out
	}
	for _, v := range p.diversions {
		d, err := sip.ParseDiversion(v)
		if err != nil {
			continue
		}
		reason := strings.ToLower(d.Reason())
		if reason == "" {
			reason = "unknown"
		}
		step := Diversion{By: by(d.URI, d.Display), Reason: strings.Clone(reason), Count: max(d.Counter(), 1)}
		step.By.Private = d.Privacy() != "" && d.Privacy() != "off"
		out = append(out, step)
	}
	return out
}

// timesDiverted is how often a call was.
func timesDiverted(list []Diversion) (n int) {
	for _, d := range list {
		n += d.Count
	}
	return n
}

// hop is somebody whom a call was sent to.
type hop struct {
	called Party
	uri    string // Request-URI of the last try
	status int    // 0: no response
	cause  int    // of RFC 4458, how the call came to be for him; 0 if it was not diverted
	own    bool   // we have decided that, not a redirection
}

// way is how a call goes on from us.
type way struct {
	hops  []hop // that have failed
	now   hop
	steps []Diversion // the latest first
}

// tell writes how the call came to be for whom it is now into a request that goes to a network (RFC 7044 section 9, RFC
// 5806). What an application has set counts instead.
func (o *outgoing) tell(r *sip.Request, to Trust, f DiversionFields, b *Border, host string) {
	history, diversion := f.fields(to)
	x := o.x
	x.mu.Lock()
	w := x.way
	x.mu.Unlock()
	if !history {
		r.Del("History-Info")
	} else if !r.Has("History-Info") {
		list := x.past.append(x.req, w, r.RequestURI, o.set.IMS.domain(o.set))
		hide := to < Trusted && (x.req.HasPrivacy("history") || x.req.HasPrivacy("header"))
		for _, e := range list {
			if hide || to < Trusted && e.Private() {
				e.URI, _ = sip.ParseURI(anonymous)
				e.Display = ""
			}
			r.Add("History-Info", e.Address.String())
		}
		if to >= Trusted {
			x.mu.Lock()
			x.told = list
			x.mu.Unlock()
		}
	}
	if !diversion {
		r.Del("Diversion")
		return
	}
	if r.Has("Diversion") {
		return
	}
	for _, d := range w.steps {
		party := b.CallingOut(d.By)
		if to < Trusted && d.By.Private {
			party = Party{}
		}
		u, err := b.URI(party, host)
		if err != nil {
			continue
		}
		a := sip.Address{Display: party.Name, URI: u}
		a.Params.Set("reason", d.Reason)
		a.Params.Set("counter", strconv.Itoa(d.Count))
		if d.By.Private {
			a.Params.Set("privacy", "full")
		}
		r.Add("Diversion", a.String())
	}
	for _, v := range x.past.diversions {
		if d, err := sip.ParseDiversion(v); err == nil && to < Trusted && d.Privacy() != "" && d.Privacy() != "off" {
			d.URI, _ = sip.ParseURI(anonymous)
			d.Display = ""
			v = d.Address.String()
		}
		r.Add("Diversion", v)
	}
}

const anonymous = "sip:anonymous@anonymous.invalid"

// append returns the entries of a request for uri. There are none where none came and the call was not sent to another than was
// called.
func (p *past) append(req *sip.Request, w way, uri, host string) []sip.HistoryInfo {
	if len(p.history) == 0 && w.steps == nil && !w.now.own {
		return nil
	}
	list := slices.Clone(p.history)
	last := ""
	if n := len(list); n > 0 {
		last = list[n-1].Index()
	}
	if n := len(list); n == 0 || !sameUser(list[n-1].URI, req.RequestURI) {
		if n > 0 {
			last += ".0" // somebody on the way does not write any (RFC 7044 section 10.3)
		}
		last = strings.TrimPrefix(last+".1", ".")
		list = append(list, entry(req.RequestURI, last, host))
	}
	base := last
	for i, h := range append(slices.Clone(w.hops), w.now) {
		if len(list) >= maxHistory {
			break
		}
		at := h.uri
		if i == len(w.hops) {
			at = uri
		}
		e := entry(at, base+"."+strconv.Itoa(i+1), host)
		if h.cause != 0 && e.URI.Scheme != "urn" {
			e.URI.Params.Set("cause", strconv.Itoa(h.cause))
		}
		if h.own {
			e.Params.Set("mp", base)
		}
		if i < len(w.hops) && e.URI.IsSIP() {
			status := h.status
			if status == 0 {
				status = 408
			}
			e.URI.Headers = "Reason=SIP%3Bcause%3D" + strconv.Itoa(status)
		}
		list = append(list, e)
	}
	return list
}

// entry makes an entry of History-Info. A tel URI becomes a sip URI, which can have a Reason.
func entry(uri, index, host string) (e sip.HistoryInfo) {
	u, err := sip.ParseURI(uri)
	if err != nil {
		u, _ = sip.ParseURI(anonymous)
	}
	if n, err := NumberOf(u, false); err == nil && u.Scheme == "tel" && n.IsGlobal() {
		if s, err := n.SIP(host); err == nil {
			u = s
		}
	}
	u.Headers = ""
	e.URI = u
	e.Params.Set("index", index)
	return e
}

// sameUser says whether an entry is for a Request-URI.
func sameUser(u sip.URI, uri string) bool {
	v, err := sip.ParseURI(uri)
	if err != nil {
		return false
	}
	if a, err := NumberOf(u, false); err == nil {
		b, err := NumberOf(v, false)
		return err == nil && a.Digits == b.Digits
	}
	return userKey(u) == userKey(v)
}
