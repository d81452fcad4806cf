package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RegistrarConfig configures [NewRegistrar]. The zero value is an open registrar for every domain.
type RegistrarConfig struct {
	// Domains are the hosts served, in To and Request-URI; others are answered with 404. If nil,
	// any.
	Domains []string
	// Auth authenticates the requests. If nil, anybody may register anything.
	Auth Authenticator
	// Allow decides whether a user may change the bindings of an address of record. If nil, the
	// user name has to be the user part of the address, or user@host.
	Allow func(username string, aor URI) bool
	// MinExpires is the shortest binding; shorter wishes get 423. If zero, 60 seconds. It cannot
	// exceed an hour (RFC 3261 section 10.3 step 7).
	MinExpires time.Duration
	// MaxExpires is the longest binding; longer wishes are cut. If zero, 1 hour.
	MaxExpires time.Duration
	// DefaultExpires is for contacts that name no time. If zero, MaxExpires.
	DefaultExpires time.Duration
	// MaxContacts bounds the bindings of an address of record; one more is refused with 403. If
	// zero, 10.
	MaxContacts int
	// MaxAddresses bounds the addresses of record with bindings; one more is refused with 503. If
	// zero, 100,000.
	MaxAddresses int

	Logger *slog.Logger // if nil, nothing is logged
}

// Binding is one contact of an address of record (RFC 3261 section 10).
type Binding struct {
	Contact string   // the URI
	Params  string   // the Contact's other parameters as they came, such as ;+sip.instance="..."
	Q       int      // preference in thousandths
	Path    []string // values of Path: the Route to the contact, first hop first (RFC 3327)
	CallID  string
	CSeq    uint32
	Flow    Flow // what the REGISTER came over
	Expires time.Time

	uri URI
}

// Registrar keeps the bindings of addresses of record in memory (RFC 3261 section 10.3). It is safe
// for concurrent use.
type Registrar struct {
	cfg RegistrarConfig

	mu       sync.Mutex
	bindings map[string][]Binding // by canonical address of record
	swept    time.Time
}

// NewRegistrar returns a registrar without bindings.
func NewRegistrar(cfg RegistrarConfig) *Registrar {
	if cfg.MinExpires <= 0 {
		cfg.MinExpires = time.Minute
	}
	cfg.MinExpires = min(cfg.MinExpires, time.Hour)
	if cfg.MaxExpires <= 0 {
		cfg.MaxExpires = time.Hour
	}
	if cfg.DefaultExpires <= 0 {
		cfg.DefaultExpires = cfg.MaxExpires
	}
	if cfg.MaxContacts <= 0 {
		cfg.MaxContacts = 10
	}
	if cfg.MaxAddresses <= 0 {
		cfg.MaxAddresses = 100_000
	}
	if cfg.Allow == nil {
		cfg.Allow = ownAddress
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Registrar{cfg: cfg, bindings: map[string][]Binding{}}
}

func ownAddress(username string, aor URI) bool {
	user, host, ok := strings.Cut(username, "@")
	return user == Unescape(aor.User) && (!ok || strings.EqualFold(host, aor.Host))
}

// addressOfRecord is the canonical form that bindings are kept under: no parameters, no port, the
// escapes resolved (RFC 3261 section 10.3 step 5). A sips address is the same user's.
func addressOfRecord(u URI) string {
	if !u.IsSIP() {
		return strings.ToLower(u.Scheme) + ":" + u.User + u.Opaque
	}
	return "sip:" + Unescape(u.User) + "@" + strings.ToLower(u.Host)
}

func (r *Registrar) serves(host string) bool {
	if r.cfg.Domains == nil {
		return true
	}
	return slices.ContainsFunc(r.cfg.Domains, func(d string) bool { return strings.EqualFold(d, host) })
}

// ServeSIP answers a REGISTER; it is a [Handler] for an endpoint that does nothing else.
func (r *Registrar) ServeSIP(tx *ServerTransaction, req *Request) {
	if req.Method == ACK {
		return
	}
	tx.Respond(r.Register(tx.Context(), req, tx.Flow()))
}

// Register carries out a REGISTER and returns the response. f is what the request came over. Other
// methods get 405.
func (r *Registrar) Register(ctx context.Context, req *Request, f Flow) *Response {
	resp, err := r.register(ctx, req, f)
	switch {
	case err != nil:
		r.cfg.Logger.Info("registration refused", "status", resp.StatusCode, "to", req.Value("To"), "call_id", req.CallID(), "peer", f.Remote, "err", err)
	case resp.IsSuccess():
		r.cfg.Logger.Info("registered", "to", req.Value("To"), "contacts", resp.Count("Contact"), "call_id", req.CallID(), "peer", f.Remote)
	}
	return resp
}

func (r *Registrar) register(ctx context.Context, req *Request, f Flow) (*Response, error) {
	refuse := func(status int, format string, args ...any) (*Response, error) {
		return NewResponse(req, status, ""), fmt.Errorf(format, args...)
	}
	if req.Method != REGISTER {
		resp := NewResponse(req, 405, "")
		resp.Add("Allow", "REGISTER")
		return resp, nil
	}
	if u, err := req.URI(); err != nil || !u.IsSIP() {
		return refuse(416, "Request-URI %q", req.RequestURI)
	} else if !r.serves(u.Host) {
		return refuse(404, "domain %q is not served", u.Host)
	}
	for v := range req.Values("Require") {
		if !strings.EqualFold(v, "path") {
			resp := NewResponse(req, 420, "")
			resp.Add("Unsupported", v)
			return resp, fmt.Errorf("extension %q", v)
		}
	}
	var user *Authenticated
	if r.cfg.Auth != nil {
		var resp *Response
		var err error
		if user, resp, err = Authenticate(ctx, r.cfg.Auth, req, false); resp != nil {
			if errors.Is(err, ErrAuthRequired) && !req.Has("Authorization") {
				err = nil // the ordinary first round
			}
			return resp, err
		}
	}
	to, err := req.To()
	if err != nil {
		return NewResponse(req, 400, ""), err
	}
	if !r.serves(to.URI.Host) {
		return refuse(404, "domain %q is not served", to.URI.Host)
	}
	if user != nil && !r.cfg.Allow(user.Username, to.URI) {
		return refuse(403, "user %q may not register this address", user.Username)
	}
	resp, err := r.update(req, strings.Clone(addressOfRecord(to.URI)), f)
	if user != nil && resp.IsSuccess() {
		user.AddInfo(resp, false)
	}
	return resp, err
}

// update is steps 6 to 8 of RFC 3261 section 10.3: all contacts are taken or none.
func (r *Registrar) update(req *Request, aor string, f Flow) (*Response, error) {
	cseq, err := req.CSeq()
	if err != nil {
		return NewResponse(req, 400, ""), err
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	next := slices.DeleteFunc(slices.Clone(r.bindings[aor]), func(b Binding) bool { return !b.Expires.After(now) })
	status, err := r.merge(&next, req, cseq.Seq, f, now)
	if status == 0 && len(next) > 0 && len(r.bindings) >= r.cfg.MaxAddresses && r.bindings[aor] == nil {
		status, err = 503, errors.New("too many addresses of record")
	}
	if status != 0 {
		resp := NewResponse(req, status, "")
		if status == 423 {
			resp.Add("Min-Expires", seconds(r.cfg.MinExpires))
		}
		return resp, err
	}
	if len(next) == 0 {
		delete(r.bindings, aor)
	} else {
		sortBindings(next)
		r.bindings[aor] = next
	}
	resp := NewResponse(req, 200, "")
	for i := range next {
		resp.Add("Contact", next[i].value(now))
	}
	if req.HasToken("Supported", "path") {
		for v := range req.Values("Path") {
			resp.Add("Path", v)
		}
	}
	resp.Add("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	return resp, nil
}

// maxContact bounds what is kept of a Contact.
const maxContact = 4 << 10

// merge applies the contacts of req to next. It returns the status code to refuse with, or 0.
func (r *Registrar) merge(next *[]Binding, req *Request, cseq uint32, f Flow, now time.Time) (int, error) {
	callID := strings.Clone(req.CallID())
	def := r.cfg.DefaultExpires
	if v := req.Value("Expires"); v != "" {
		if s, ok := deltaSeconds(v); ok {
			def = time.Duration(s) * time.Second
		}
	}
	// old says whether a binding was made by a later or the same request of the same client.
	old := func(b *Binding) bool { return b.CallID == callID && cseq <= b.CSeq }
	outOfOrder := errors.New("CSeq is not higher than that of the binding")
	if req.Value("Contact") == "*" {
		if req.Count("Contact") != 1 || req.Value("Expires") == "" || def != 0 {
			return 400, errors.New("Contact * without Expires 0, or among others")
		}
		for i := range *next {
			if old(&(*next)[i]) {
				return 500, outOfOrder
			}
		}
		*next = nil
		return 0, nil
	}
	if err := checkRouteSet(&req.Header, "Path"); err != nil {
		return statusOf(err), err
	}
	path := cloneAll(&req.Header, "Path")
	for c, err := range req.Contacts() {
		if err != nil {
			return 400, err
		}
		if c.URI.IsZero() {
			return 400, errors.New("Contact * among others")
		}
		expires := def
		if s, ok := c.Expires(); ok {
			expires = time.Duration(s) * time.Second
		}
		if expires > 0 && expires < r.cfg.MinExpires {
			return 423, fmt.Errorf("%v is too short", expires)
		}
		expires = min(expires, r.cfg.MaxExpires)
		i := slices.IndexFunc(*next, func(b Binding) bool { return b.uri.Equal(c.URI) })
		if i >= 0 && old(&(*next)[i]) {
			return 500, outOfOrder
		}
		if expires == 0 {
			if i >= 0 {
				*next = slices.Delete(*next, i, i+1)
			}
			continue
		}
		b := Binding{
			Contact: strings.Clone(c.URI.String()), Q: c.Q(), Path: path, CallID: callID, CSeq: cseq,
			Flow: f, Expires: now.Add(expires),
		}
		if b.uri, err = ParseURI(b.Contact); err != nil {
			return 400, err
		}
		c.Params.Del("expires")
		b.Params = strings.Clone(c.Params.String())
		if len(b.Contact)+len(b.Params) > maxContact {
			return 513, fmt.Errorf("a Contact of %d octets", len(b.Contact)+len(b.Params))
		}
		switch {
		case i >= 0:
			(*next)[i] = b
		case len(*next) >= r.cfg.MaxContacts:
			return 403, errors.New("too many contacts")
		default:
			*next = append(*next, b)
		}
	}
	return 0, nil
}

// sortBindings puts the preferred first, and among equals the one that lasts longest.
func sortBindings(bs []Binding) {
	slices.SortStableFunc(bs, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(b.Q, a.Q), b.Expires.Compare(a.Expires))
	})
}

// value is the binding as a Contact of the response: whole seconds that are left.
func (b *Binding) value(now time.Time) string {
	return "<" + b.Contact + ">" + b.Params + ";expires=" + seconds(b.Expires.Sub(now))
}

// seconds rounds up, so that nobody refreshes too late by being told nothing is left.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// sweep forgets what has expired: once a minute, or once a second while there is no room.
func (r *Registrar) sweep(now time.Time) {
	every := time.Minute
	if len(r.bindings) >= r.cfg.MaxAddresses {
		every = time.Second
	}
	if now.Sub(r.swept) < every {
		return
	}
	r.swept = now
	for aor, bs := range r.bindings {
		bs = slices.DeleteFunc(bs, func(b Binding) bool { return !b.Expires.After(now) })
		if len(bs) == 0 {
			delete(r.bindings, aor)
		} else {
			r.bindings[aor] = bs
		}
	}
}

// Lookup returns the bindings of an address of record that have not expired, the preferred first.
// Parameters and port of the address do not matter.
func (r *Registrar) Lookup(aor URI) []Binding {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Binding
	for _, b := range r.bindings[addressOfRecord(aor)] {
		if b.Expires.After(now) {
			out = append(out, b)
		}
	}
	return out
}

// Len returns the number of addresses of record with bindings, some of which may have expired.
func (r *Registrar) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.bindings)
}
