package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/httpguard"
)

// Summary is a subscriber in a list.
type Summary struct {
	ID       string   `json:"id"`
	Revision uint64   `json:"revision"`
	IMPIs    []string `json:"impis"`
	IMSIs    []string `json:"imsis"`
	IMPUs    []string `json:"impus"`
	MSISDNs  []string `json:"msisdns"`
	// Registered says whether a set of the subscriber is registered.
	Registered bool     `json:"registered"`
	SCSCFs     []string `json:"scscfs"` // those that serve the subscriber
	Attached   bool     `json:"attached"`
}

// SummaryOf is the summary of an entry.
func SummaryOf(e hss.Entry) Summary {
	s := Summary{ID: e.ID(), Revision: e.Revision, IMPIs: []string{}, IMSIs: []string{}, IMPUs: []string{}, MSISDNs: []string{}, SCSCFs: []string{}}
	for i := range e.Subscriber.PrivateIdentities {
		p := &e.Subscriber.PrivateIdentities[i]
		if p.IMPI != "" {
			s.IMPIs = append(s.IMPIs, p.IMPI)
		}
		if p.IMSI != "" {
			s.IMSIs = append(s.IMSIs, p.IMSI)
		}
	}
	for i := range e.Subscriber.PublicIdentities {
		s.IMPUs = append(s.IMPUs, e.Subscriber.PublicIdentities[i].Identity)
	}
	s.MSISDNs = append(s.MSISDNs, e.Subscriber.MSISDNs...)
	for i := range e.State.Registrations {
		r := &e.State.Registrations[i]
		s.Registered = s.Registered || r.State == hss.Registered
		if r.SCSCF != "" {
			s.SCSCFs = append(s.SCSCFs, r.SCSCF)
		}
	}
	s.Attached = e.State.MME != nil && !e.State.MME.Purged
	return s
}

// List is a page of subscribers.
type List struct {
	Subscribers []Summary `json:"subscribers"`
	// Next is the value of after for the next page, empty at the end.
	Next  string `json:"next,omitempty"`
	Total int    `json:"total"` // of all subscribers there are
}

// The sizes of pages.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// query reads the parameters behind the question mark, and refuses others than these.
func query(r *http.Request, names ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query cannot be read: " + err.Error())
	}
	for name := range q {
		if !slices.Contains(names, name) {
			return nil, badRequest("unknown parameter " + strconv.Quote(name))
		}
	}
	return q, nil
}

func limitOf(q url.Values) (int, error) {
	if !q.Has("limit") {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		return 0, badRequest("limit is a number from 1 to " + strconv.Itoa(maxLimit))
	}
	return n, nil
}

func (h *Handler) listSubscribers(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "after", "prefix", "identity", "limit")
	if err != nil {
		return err
	}
	limit, err := limitOf(q)
	if err != nil {
		return err
	}
	st := h.cfg.Store
	out := List{Subscribers: []Summary{}, Total: st.Len()}
	if q.Has("identity") {
		if e, ok := Find(st, q.Get("identity")); ok {
			out.Subscribers = append(out.Subscribers, SummaryOf(e))
		}
		return h.api.Answer(w, http.StatusOK, out)
	}
	prefix, after := q.Get("prefix"), q.Get("after")
	if after < prefix {
		after = prefix
		if e, ok := st.Find(hss.Key{Kind: hss.KeyID, Value: prefix}); ok && prefix != "" {
			out.Subscribers = append(out.Subscribers, SummaryOf(e))
		}
	}
	ids := st.List(after, limit+1) // one more says whether there is a next page
	for _, id := range ids {
		if !strings.HasPrefix(id, prefix) {
			break
		}
		if len(out.Subscribers) == limit {
			out.Next = out.Subscribers[limit-1].ID
			break
		}
		if e, ok := st.Find(hss.Key{Kind: hss.KeyID, Value: id}); ok {
			out.Subscribers = append(out.Subscribers, SummaryOf(e))
		}
	}
	return h.api.Answer(w, http.StatusOK, out)
}

// Find looks a subscriber up by whatever identity: ID, IMPI, IMSI, public identity (wildcarded ones included) or MSISDN.
func Find(st hss.Store, identity string) (hss.Entry, bool) {
	for _, k := range []hss.Key{
		{Kind: hss.KeyID, Value: identity}, {Kind: hss.KeyIMPI, Value: identity}, {Kind: hss.KeyIMSI, Value: identity},
		{Kind: hss.KeyMSISDN, Value: strings.TrimPrefix(identity, "+")}, {Kind: hss.KeyWildcard, Value: identity},
		{Kind: hss.KeyIMPU, Value: hss.CanonicalIdentity(identity)},
	} {
		if e, ok := st.Find(k); ok && identity != "" {
			return e, true
		}
	}
	return hss.Entry{}, false
}

// etag is the entity tag of a subscriber: revisions never come twice.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// condition reads If-Match and If-None-Match: only for a new subscriber, or only for this revision of one.
func (h *Handler) condition(r *http.Request) (opt hss.PutOptions, err error) {
	switch m := r.Header.Get("If-None-Match"); m {
	case "":
	case "*":
		opt.Create = true
	default:
		return opt, badRequest(`If-None-Match can only be "*" here`)
	}
	switch m := r.Header.Get("If-Match"); m {
	case "":
	case "*":
		e, err := h.entry(r)
		if err != nil {
			return opt, hss.ErrRevision
		}
		opt.IfRevision = e.Revision
	default:
		n, err := strconv.ParseUint(strings.Trim(m, `"`), 10, 64)
		if err != nil || n == 0 || m != etag(n) {
			return opt, hss.ErrRevision // it is none of ours
		}
		opt.IfRevision = n
	}
	return opt, nil
}

func (h *Handler) entry(r *http.Request) (hss.Entry, error) {
	e, ok := h.cfg.Store.Find(hss.Key{Kind: hss.KeyID, Value: r.PathValue("id")})
	if !ok {
		return e, hss.ErrNotFound
	}
	return e, nil
}

func (h *Handler) readSubscriber(w http.ResponseWriter, r *http.Request) error {
	e, err := h.entry(r)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(e.Revision))
	if r.Header.Get("If-None-Match") == etag(e.Revision) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return h.api.Answer(w, http.StatusOK, e.Subscriber)
}

// put stores a subscriber and answers with what is there then.
func (h *Handler) put(w http.ResponseWriter, r *http.Request, s *hss.Subscriber, opt hss.PutOptions) error {
	id := s.Keys()[0].Value
	_, existed := h.cfg.Store.Find(hss.Key{Kind: hss.KeyID, Value: id})
	revision, err := h.admin(r).Put(s, opt)
	if err != nil {
		return err
	}
	s.ID = id
	w.Header().Set("ETag", etag(revision))
	if !existed {
		w.Header().Set("Location", "/v1/subscribers/"+url.PathEscape(id))
	}
	return h.api.Answer(w, created(existed), s)
}

func (h *Handler) createSubscriber(w http.ResponseWriter, r *http.Request) error {
	s := new(hss.Subscriber)
	if err := httpguard.Body(r, s); err != nil {
		return err
	}
	return h.put(w, r, s, hss.PutOptions{Create: true})
}

func (h *Handler) replaceSubscriber(w http.ResponseWriter, r *http.Request) error {
	opt, err := h.condition(r)
	if err != nil {
		return err
	}
	s := new(hss.Subscriber)
	if err := httpguard.Body(r, s); err != nil {
		return err
	}
	id := r.PathValue("id")
	if s.ID == "" {
		s.ID = id
	}
	if s.ID != id {
		return badRequest("the body has another id than the path")
	}
	err = h.put(w, r, s, opt)
	if errors.Is(err, hss.ErrExists) {
		return hss.ErrRevision // If-None-Match
	}
	return err
}

func (h *Handler) deleteSubscriber(w http.ResponseWriter, r *http.Request) error {
	opt, err := h.condition(r)
	if err != nil {
		return err
	}
	if opt.Create {
		return badRequest("If-None-Match has no meaning here")
	}
	return h.done(w, h.admin(r).DeleteIf(r.PathValue("id"), opt.IfRevision))
}

// done answers that something was done, if it was.
func (h *Handler) done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// SubscriberState is what the network makes of a subscriber.
type SubscriberState struct {
	State *hss.State `json:"state"`
	// SQN is the SEQ that has been reached, by IMPI or IMSI.
	SQN map[string]uint64 `json:"sqn"`
	// AuthPending are implicit sets with an authentication under way.
	AuthPending []int `json:"authPending"`
}

func (h *Handler) readState(w http.ResponseWriter, r *http.Request) error {
	v, err := h.admin(r).Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	out := SubscriberState{v.State, v.SQN, v.AuthPending}
	if out.AuthPending == nil {
		out.AuthPending = []int{}
	}
	return h.api.Answer(w, http.StatusOK, out)
}

// Deregistration says what to deregister, and why (TS 29.229 section 6.3.16).
type Deregistration struct {
	// Identity is a public identity whose set is deregistered. If empty, all that are registered.
	Identity string `json:"identity,omitempty"`
	// Reason is "permanentTermination", "newServerAssigned", "serverChange" or "removeSCSCF". If empty, "permanentTermination".
	Reason string `json:"reason,omitempty"`
	// Info is for people; the user's terminal may show it.
	Info string `json:"info,omitempty"`
}

var reasons = map[string]cx.ReasonCode{
	"": cx.ReasonCodePermanentTermination, "permanentTermination": cx.ReasonCodePermanentTermination,
	"newServerAssigned": cx.ReasonCodeNewServerAssigned, "serverChange": cx.ReasonCodeServerChange, "removeSCSCF": cx.ReasonCodeRemoveSCSCF,
}

func (h *Handler) deregister(w http.ResponseWriter, r *http.Request) error {
	var d Deregistration
	if r.ContentLength != 0 {
		if err := httpguard.Body(r, &d); err != nil {
			return err
		}
	}
	reason, ok := reasons[d.Reason]
	if !ok {
		return &hss.FieldError{Field: "reason", Reason: "is none of permanentTermination, newServerAssigned, serverChange and removeSCSCF"}
	}
	return h.done(w, h.admin(r).Deregister(r.PathValue("id"), hss.Deregistration{Identity: d.Identity, Reason: reason, Info: d.Info}))
}

// Assignment is the S-CSCF that a user is to go to.
type Assignment struct {
	Name string `json:"name"` // SIP URI; empty: whichever
}

func (h *Handler) setSCSCF(w http.ResponseWriter, r *http.Request) error {
	var a Assignment
	if err := httpguard.Body(r, &a); err != nil {
		return err
	}
	return h.done(w, h.admin(r).SetSCSCF(r.PathValue("id"), a.Name))
}

// Pushed says how many S-CSCFs are sent the profile.
type Pushed struct {
	Servers int `json:"servers"`
}

func (h *Handler) pushProfile(w http.ResponseWriter, r *http.Request) error {
	n, err := h.admin(r).PushProfile(r.PathValue("id"))
	if err != nil {
		return err
	}
	return h.api.Answer(w, http.StatusAccepted, Pushed{n})
}

func (h *Handler) cancelLocation(w http.ResponseWriter, r *http.Request) error {
	return h.done(w, h.admin(r).CancelLocation(r.PathValue("id")))
}
