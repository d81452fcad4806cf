package as

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/sip"
)

// Registration is what the server knows of the registration of a user of the IMS core: from a third-party REGISTER of
// the S-CSCF (TS 24.229 sections 5.4.1.7 and 5.7.1.1), and from the reg event package where [IMS].RegEvent asks for it.
type Registration struct {
	User       string // the public user identity, a URI
	Registered bool
	Expires    time.Time // of the registration; zero where it has ended
	Since      time.Time // of the last REGISTER
	SCSCF      string    // the URI of the S-CSCF

	ICID           string // IMS charging identity
	AccessNetwork  string // P-Access-Network-Info as it came
	VisitedNetwork string // P-Visited-Network-ID as it came
	// ServiceInfo is that of the user's profile for us (TS 29.228 annex B), nil where there is none.
	ServiceInfo []byte
	// Request and Response are the user's own REGISTER and its 200, where the initial filter criteria include them.
	Request, Response []byte
	// Associated are the implicitly registered identities of Response, and those of reg event.
	Associated []string
}

const (
	maxUsers         = 100_000
	maxThirdPartyTTL = 7 * 24 * time.Hour
	defaultTTL       = time.Hour
)

// registrations are those that have not ended.
type registrations struct {
	mu    sync.Mutex
	users map[string]*user // by the key of the identity
}

type user struct {
	Registration
	subscription *sip.Subscription // nil: none
	subscribing  bool
	gone         bool // no longer registered
}

func newRegistrations() *registrations { return &registrations{users: map[string]*user{}} }

func (r *registrations) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.users)
}

// userKey makes one key of all ways to write an identity.
func userKey(u sip.URI) string {
	if n := u.Number(); n != "" && u.Scheme == "tel" {
		return "tel:" + n
	}
	return strings.ToLower(u.Scheme) + ":" + sip.Unescape(u.User) + "@" + strings.ToLower(u.Host)
}

// Registration returns what is known of a user of the IMS core; ok is false where we have not heard of one.
func (s *Server) Registration(uri string) (r Registration, ok bool) {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return r, false
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	if known := s.users.users[userKey(u)]; known != nil {
		return known.Registration, true
	}
	return r, false
}

// Registrations returns all users of the IMS core whose registration we know of, in the order of their identities.
func (s *Server) Registrations() []Registration {
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	out := make([]Registration, 0, len(s.users.users))
	for _, u := range s.users.users {
		out = append(out, u.Registration)
	}
	slices.SortFunc(out, func(a, b Registration) int { return strings.Compare(a.User, b.User) })
	return out
}

func (s *Server) tellRegistration(r Registration) {
	s.log.Info("as: user", "user", r.User, "registered", r.Registered, "scscf", r.SCSCF, "expires", r.Expires)
	if f := s.settings.Load().OnRegister; f != nil {
		f(r)
	}
}

// thirdParty answers the REGISTER of an S-CSCF about a user.
func (s *Server) thirdParty(f *sip.Forwarding, set *settings) {
	r, err := ParseThirdParty(f.Original, time.Now())
	if err != nil {
		s.log.Warn("as: third-party REGISTER", "source", sourceOf(f.Flow()), "err", err)
		f.Respond(sip.NewResponse(f.Original, 400, ""))
		return
	}
	u, _ := sip.ParseURI(r.User)
	key := userKey(u)
	s.users.mu.Lock()
	known := s.users.users[key]
	switch {
	case !r.Registered:
		s.users.forget(s, key)
	case known != nil:
		if r.Response == nil { // it says nothing of them
			r.Associated = known.Associated
		}
		known.Registration = r
	case len(s.users.users) >= maxUsers:
		s.users.mu.Unlock()
		f.Respond(refusal(f.Original, 503, 0, ""))
		return
	default:
		known = &user{Registration: r}
		s.users.users[key] = known
	}
	subscribe := r.Registered && set.IMS.RegEvent && known.subscription == nil && !known.subscribing
	if subscribe {
		known.subscribing = true
	}
	s.users.mu.Unlock()

	resp := sip.NewResponse(f.Original, 200, "")
	left := 0
	if r.Registered {
		left = int(time.Until(r.Expires).Round(time.Second) / time.Second)
	}
	resp.Set("Expires", strconv.Itoa(left))
	if c, err := f.Original.Contact(); err == nil && r.Registered && !c.URI.IsZero() {
		c.Params.Set("expires", strconv.Itoa(left))
		resp.Set("Contact", c.String())
	}
	if v, err := f.Original.ChargingVector(); err == nil {
		if ioi := set.IMS.TermIOI; ioi != "" && v.TermIOI() == "" {
			v.Params.SetQuoted("term-ioi", ioi)
		}
		resp.Set("P-Charging-Vector", v.String())
	}
	f.Respond(resp)
	s.tellRegistration(r)
	if subscribe {
		s.spawn(func() { s.subscribe(known, r) })
	}
}

// forget takes a user out of memory, and ends the subscription. mu is held.
func (r *registrations) forget(s *Server, key string) {
	u := r.users[key]
	if u == nil {
		return
	}
	delete(r.users, key)
	u.Registered, u.gone = false, true
	if sub := u.subscription; sub != nil {
		go s.spawn(func() { s.unsubscribe(sub) }) // the order of locks
	}
}

// expire forgets the registrations whose time is over.
func (s *Server) expire(now time.Time) {
	s.users.mu.Lock()
	var gone []Registration
	for key, u := range s.users.users {
		if now.After(u.Expires) {
			s.users.forget(s, key)
			gone = append(gone, u.Registration)
		}
	}
	s.users.mu.Unlock()
	for _, g := range gone {
		s.tellRegistration(g)
	}
}

// ParseThirdParty reads the REGISTER that an S-CSCF sends about a user. Bodies that cannot be read, and identities
// that are malformed, are left out: only a REGISTER that names no user is refused.
func ParseThirdParty(req *sip.Request, now time.Time) (Registration, error) {
	to, err := req.To()
	if err != nil {
		return Registration{}, err
	}
	if to.URI.IsZero() {
		return Registration{}, errors.New("as: a third-party REGISTER without a user")
	}
	r := Registration{User: strings.Clone(to.URI.String()), Since: now}
	ttl, named := defaultTTL, false
	if n, ok := req.Expires(); ok {
		ttl, named = time.Duration(n)*time.Second, true
	}
	if c, err := req.Contact(); err == nil && !c.URI.IsZero() {
		r.SCSCF = strings.Clone(c.URI.String())
		if n, ok := c.Expires(); ok && !named {
			ttl = time.Duration(n) * time.Second
		}
	} else if from, err := req.From(); err == nil {
		r.SCSCF = strings.Clone(from.URI.String())
	}
	if ttl > 0 {
		r.Registered, r.Expires = true, now.Add(min(ttl, maxThirdPartyTTL))
	}
	if v, err := req.ChargingVector(); err == nil {
		r.ICID = strings.Clone(v.ICID())
	}
	r.AccessNetwork = strings.Clone(req.Value("P-Access-Network-Info"))
	r.VisitedNetwork = strings.Clone(req.Value("P-Visited-Network-ID"))
	r.readBody(req.ContentType(), req.Body, 0)
	return r, nil
}

// maxDepth bounds multiparts within multiparts.
const maxDepth = 4

func (r *Registration) readBody(contentType string, body []byte, depth int) {
	if len(body) == 0 {
		return
	}
	kind, _, err := sip.ContentTypeOf(contentType)
	if err != nil {
		return
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && depth < maxDepth:
		parts, _ := sip.ParseMultipart(contentType, body)
		for _, p := range parts {
			r.readBody(p.ContentType(), p.Body, depth+1)
		}
	case kind == "application/3gpp-ims+xml":
		if info, ok := serviceInfo(body); ok {
			r.ServiceInfo = info
		}
	case kind == "message/sip":
		m, err := sip.Parse(body)
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *sip.Request:
			r.Request = bytes.Clone(body)
		case *sip.Response:
			r.Response = bytes.Clone(body)
			for a, err := range m.AssociatedURIs() {
				if err == nil && len(r.Associated) < 100 {
					r.Associated = append(r.Associated, strings.Clone(a.URI.String()))
				}
			}
		}
	}
}

// serviceInfo is the element service-info of an application/3gpp-ims+xml body (TS 24.229 section 7.6).
func serviceInfo(body []byte) ([]byte, bool) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("another charset") }
	depth, within := 0, 0
	var out []byte
	for {
		t, err := d.Token()
		if err != nil {
			return out, out != nil && errors.Is(err, io.EOF)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > 50 {
				return nil, false
			}
			if t.Name.Local == "service-info" && within == 0 {
				within, out = depth, []byte{}
			}
		case xml.EndElement:
			if depth == within {
				return bytes.TrimSpace(out), true
			}
			depth--
		case xml.CharData:
			if within > 0 {
				out = append(out, t...)
			}
		}
	}
}

// subscribe asks the S-CSCF for the state of a user (RFC 3680, TS 24.229 section 5.7.1.1). A subscription that ends is made again with the
// next REGISTER.
func (s *Server) subscribe(u *user, r Registration) {
	ctx, cancel := context.WithTimeout(s.ctx, 40*time.Second)
	defer cancel()
	set := s.settings.Load()
	sub, err := s.agent.UserAgent().Subscribe(ctx, r.User, sip.SubscribeOptions{
		Event: "reg", Accept: []string{"application/reginfo+xml"}, Expires: time.Until(r.Expires),
		Edit: func(req *sip.Request) {
			req.Del("Route")
			if _, err := sip.ParseURI(r.SCSCF); err == nil {
				req.Add("Route", "<"+withLR(r.SCSCF)+">")
			}
			req.Set("P-Asserted-Identity", "<sip:"+set.Domain+">")
			set.charge(req)
		},
		OnNotify: func(n *sip.Notification) { s.regEvent(u, n) },
	})
	s.users.mu.Lock()
	u.subscribing = false
	if err == nil {
		u.subscription = sub
	}
	gone := u.gone
	s.users.mu.Unlock()
	switch {
	case err != nil:
		s.log.Warn("as: no reg event", "user", r.User, "err", err)
	case gone: // deregistered meanwhile
		s.unsubscribe(sub)
	default:
		context.AfterFunc(sub.Context(), func() {
			s.users.mu.Lock()
			u.subscription = nil
			s.users.mu.Unlock()
		})
	}
}

func withLR(uri string) string {
	u, err := sip.ParseURI(uri)
	if err != nil || u.LR() {
		return uri
	}
	u.Params.Set("lr", "")
	return u.String()
}

func (s *Server) unsubscribe(sub *sip.Subscription) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sub.Close(ctx)
}

// regInfo is a body of the reg event package (RFC 3680 section 5).
type regInfo struct {
	Registrations []struct {
		AOR   string `xml:"aor,attr"`
		State string `xml:"state,attr"`
	} `xml:"registration"`
}

// ParseRegInfo reads an application/reginfo+xml body (RFC 3680): the state of each address of record, "active",
// "init" or "terminated".
func ParseRegInfo(body []byte) (map[string]string, error) {
	var doc regInfo
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("as: reginfo: %w", err)
	}
	out := map[string]string{}
	for _, r := range doc.Registrations {
		if r.AOR != "" && len(out) < 100 {
			out[r.AOR] = r.State
		}
	}
	return out, nil
}

// regEvent takes a notification about a user.
func (s *Server) regEvent(u *user, n *sip.Notification) {
	if len(n.Request.Body) == 0 { // of the last one there may be none
		return
	}
	states, err := ParseRegInfo(n.Request.Body)
	s.users.mu.Lock()
	if err != nil || u.gone {
		s.users.mu.Unlock()
		s.log.Debug("as: reg event", "user", u.User, "err", err)
		return
	}
	own, _ := sip.ParseURI(u.User)
	ended := false
	for aor, state := range states {
		a, err := sip.ParseURI(aor)
		if err != nil {
			continue
		}
		at := slices.Index(u.Associated, aor)
		switch {
		case state == "terminated" && userKey(a) == userKey(own):
			ended = true
		case state == "terminated" && at >= 0:
			u.Associated = slices.Concat(u.Associated[:at], u.Associated[at+1:])
		case state == "active" && at < 0 && len(u.Associated) < 100:
			u.Associated = append(slices.Clip(u.Associated), aor)
		}
	}
	if ended {
		s.users.forget(s, userKey(own))
	}
	r := u.Registration
	s.users.mu.Unlock()
	if ended {
		s.tellRegistration(r)
	}
}
