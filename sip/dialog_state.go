package sip

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// DialogState is a dialog as plain data (RFC 3261 section 12): what a node needs to go on with a
// call that another one began. It has no clock and sends nothing. Its strings are its own, they
// alias no message.
type DialogState struct {
	CallID    string
	LocalTag  string
	RemoteTag string // empty for a peer of RFC 2543

	// Local and Remote are the two addresses of From and To, without their tags.
	Local, Remote string
	// Contact is the value of our Contact field, which the peer sends to.
	Contact string
	// Target is the URI that requests go to, from the peer's Contact.
	Target string
	// Routes are the values of Route on the way there, the first hop first.
	Routes []string

	LocalCSeq  uint32 // of our last request; 0 if there was none
	RemoteCSeq uint32 // of the peer's last request, if RemoteSeen
	RemoteSeen bool

	Secure    bool // established over TLS with a sips URI
	Caller    bool // we sent the INVITE, so the Call-ID is ours
	Confirmed bool // a 2xx was sent or received; false for an early dialog
}

// dialogKey identifies a dialog (RFC 3261 section 12).
type dialogKey struct{ callID, localTag, remoteTag string }

func (d *DialogState) key() dialogKey { return dialogKey{d.CallID, d.LocalTag, d.RemoteTag} }

var (
	errNoDialog = errors.New("makes no dialog")
	// ErrCSeq says that the CSeq of a dialog is used up.
	ErrCSeq = errors.New("sip: CSeq is used up")
)

// untagged splits the tag off an address and returns both as text of their own.
func untagged(a Address) (text, tag string) {
	tag = strings.Clone(a.Tag())
	a.Params.Del("tag")
	return strings.Clone(a.String()), tag
}

// cloneAll returns the values of a field, none of which aliases the message.
func cloneAll(h *Header, name string) []string {
	var out []string
	for v := range h.Values(name) {
		out = append(out, strings.Clone(v))
	}
	return out
}

func isSIPS(uri string) bool { return len(uri) > 5 && strings.EqualFold(uri[:5], "sips:") }

// NewClientDialog returns the dialog that a response to an INVITE (or SUBSCRIBE, REFER) of ours
// makes: early with 101 to 199, confirmed with 2xx (RFC 3261 section 12.1.2). A provisional response
// without a To tag makes none, which is an error; a 2xx without one is a peer's of RFC 2543. Where the Contact is missing, as in the 180 of some
// peers, requests go to the Request-URI.
func NewClientDialog(req *Request, resp *Response) (*DialogState, error) {
	if resp.StatusCode <= 100 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("sip: %d %w", resp.StatusCode, errNoDialog)
	}
	from, err := req.From()
	if err != nil {
		return nil, err
	}
	to, err := resp.To()
	if err != nil {
		return nil, err
	}
	cseq, err := req.CSeq()
	if err != nil {
		return nil, err
	}
	d := &DialogState{
		CallID: strings.Clone(req.CallID()), Contact: strings.Clone(req.Value("Contact")),
		LocalCSeq: cseq.Seq, Caller: true, Confirmed: resp.IsSuccess(),
		Secure: isSIPS(req.RequestURI), Target: strings.Clone(req.RequestURI),
	}
	d.Local, d.LocalTag = untagged(from)
	d.Remote, d.RemoteTag = untagged(to)
	if d.RemoteTag == "" && !d.Confirmed {
		return nil, fmt.Errorf("sip: response without a To tag %w", errNoDialog)
	}
	if err := d.takeRoutes(resp); err != nil {
		return nil, err
	}
	return d, d.RefreshTarget(&resp.Header)
}

// What a route set may be: a dialog keeps it for as long as it lasts, and writes it into each of its
// requests. 70 hops, which Max-Forwards allows, may be recorded twice each.
const (
	maxRouteSet   = 140
	maxRouteOctet = 16 << 10
)

// checkRouteSet refuses a Record-Route or Path that cannot be read, or is too much to keep.
func checkRouteSet(h *Header, name string) error {
	n, octets := 0, 0
	for v := range h.Values(name) {
		if n, octets = n+1, octets+len(v); n > maxRouteSet || octets > maxRouteOctet {
			return &ParseError{Layer: RequestLayer, Field: name, Offset: -1, Status: 513, Err: ErrTooLarge}
		}
		if _, err := ParseAddress(v); err != nil {
			return err
		}
	}
	return nil
}

// takeRoutes sets the route set from the Record-Route of a response, which is in the server's order.
func (d *DialogState) takeRoutes(resp *Response) error {
	if err := checkRouteSet(&resp.Header, "Record-Route"); err != nil {
		return err
	}
	d.Routes = cloneAll(&resp.Header, "Record-Route")
	for i, j := 0, len(d.Routes)-1; i < j; i, j = i+1, j-1 {
		d.Routes[i], d.Routes[j] = d.Routes[j], d.Routes[i]
	}
	return nil
}

// Confirm makes an early dialog of ours a confirmed one: the route set and the target are those of
// the 2xx (RFC 3261 section 13.2.2.4).
func (d *DialogState) Confirm(resp *Response) error {
	if !d.Confirmed {
		if err := d.takeRoutes(resp); err != nil {
			return err
		}
	}
	d.Confirmed = true
	return d.RefreshTarget(&resp.Header)
}

// NewServerDialog returns the early dialog that answering req with localTag makes (RFC 3261 section
// 12.1.1). contact is the value of the Contact field of our responses. A request without a usable
// Contact or Record-Route is an error, a [*ParseError] with the status to refuse it with: 400, or 513
// where Record-Route has more than 140 values or 16 KiB.
func NewServerDialog(req *Request, localTag, contact string) (*DialogState, error) {
	from, err := req.From()
	if err != nil {
		return nil, err
	}
	to, err := req.To()
	if err != nil {
		return nil, err
	}
	cseq, err := req.CSeq()
	if err != nil {
		return nil, err
	}
	if _, err := req.Contact(); err != nil {
		return nil, err
	}
	if err := checkRouteSet(&req.Header, "Record-Route"); err != nil {
		return nil, err
	}
	d := &DialogState{
		CallID: strings.Clone(req.CallID()), LocalTag: localTag, Contact: contact,
		Routes: cloneAll(&req.Header, "Record-Route"), RemoteCSeq: cseq.Seq, RemoteSeen: true,
		Secure: isSIPS(req.RequestURI),
	}
	d.Local, _ = untagged(to)
	d.Remote, d.RemoteTag = untagged(from)
	return d, d.RefreshTarget(&req.Header)
}

// RefreshTarget takes the Contact of a target refresh request or of the 2xx to one as the new
// target; without a Contact nothing changes (RFC 3261 section 12.2).
func (d *DialogState) RefreshTarget(h *Header) error {
	if !h.Has("Contact") {
		return nil
	}
	c, err := h.Contact()
	if err != nil {
		return err
	}
	if !c.URI.IsSIP() {
		return &ParseError{Layer: HeaderLayer, Field: "Contact", Offset: -1, Status: 400, Err: cause("no SIP URI")}
	}
	d.Target = strings.Clone(c.URI.String())
	return nil
}

// refreshesTarget reports the methods whose Contact is a new target (RFC 3261 section 12.2, RFC 3311,
// RFC 6665 section 4.4.1).
func refreshesTarget(m Method) bool {
	switch m {
	case INVITE, UPDATE, SUBSCRIBE, NOTIFY, REFER:
		return true
	}
	return false
}

// NewRequest returns the next request within the dialog and counts its CSeq (RFC 3261 section
// 12.2.1.1). An ACK is not made here but by [DialogState.NewACK]. The error is [ErrCSeq].
func (d *DialogState) NewRequest(m Method) (*Request, error) {
	if d.LocalCSeq >= 1<<31-1 {
		return nil, ErrCSeq
	}
	if d.LocalCSeq == 0 {
		d.LocalCSeq = newCSeq()
	} else {
		d.LocalCSeq++
	}
	r := d.build(m, d.LocalCSeq)
	if refreshesTarget(m) && d.Contact != "" {
		r.Add("Contact", d.Contact)
	}
	return r, nil
}

// newCSeq chooses a first CSeq: far below 2^31 (RFC 3261 section 8.1.1.5).
func newCSeq() uint32 { return 1 + rand.Uint32N(1<<16) }

func (d *DialogState) build(m Method, seq uint32) *Request {
	uri, routes := d.route()
	r := NewRequest(m, uri)
	for _, v := range routes {
		r.Add("Route", v)
	}
	r.Add("Max-Forwards", "70")
	r.Add("From", tagged(d.Local, d.LocalTag))
	r.Add("To", tagged(d.Remote, d.RemoteTag))
	r.Add("Call-ID", d.CallID)
	r.Add("CSeq", CSeq{seq, m}.String())
	return r
}

func tagged(address, tag string) string {
	if tag == "" {
		return address
	}
	return address + ";tag=" + tag
}

// route returns Request-URI and Route values: the first route is a strict router where it has no lr
// parameter, and is then put into the Request-URI (RFC 3261 section 12.2.1.1).
func (d *DialogState) route() (uri string, routes []string) {
	if len(d.Routes) == 0 {
		return d.Target, nil
	}
	first, err := ParseAddress(d.Routes[0])
	if err != nil || first.URI.LR() {
		return d.Target, d.Routes
	}
	u := first.URI
	u.Headers = "" // not allowed in a Request-URI (section 19.1.1, table 1)
	u.Params.Del("method")
	routes = append(routes, d.Routes[1:]...)
	return u.String(), append(routes, "<"+d.Target+">")
}

// NewACK returns the ACK of a 2xx to invite, which is a request of this dialog or began it: same
// CSeq, same credentials, its own route set (RFC 3261 sections 13.2.2.4 and 22.1).
func (d *DialogState) NewACK(invite *Request) *Request {
	c, _ := invite.CSeq()
	r := d.build(ACK, c.Seq)
	for _, proxy := range [...]bool{false, true} {
		name, _, _ := authHeaders(proxy)
		for v := range invite.Values(name) {
			r.Add(name, v)
		}
	}
	return r
}

// TakeRequest checks the order of a request of the peer within the dialog and takes note of its
// CSeq: lower than one seen is refused with 500, gaps are fine (RFC 3261 section 12.2.2). It
// returns the status code to refuse with, 0 if there is none. ACK and CANCEL have no place in
// the order. The target is not touched: that waits until the request is accepted.
func (d *DialogState) TakeRequest(req *Request) int {
	c, err := req.CSeq()
	if err != nil {
		return 400
	}
	if req.Method == ACK || req.Method == CANCEL {
		return 0
	}
	if d.RemoteSeen && c.Seq <= d.RemoteCSeq {
		return 500
	}
	d.RemoteCSeq, d.RemoteSeen = c.Seq, true
	return 0
}

// Clone returns a copy that shares nothing with d.
func (d *DialogState) Clone() DialogState {
	c := *d
	c.Routes = append([]string(nil), d.Routes...)
	return c
}

// check says whether the state, which may come from a store, can be a dialog.
func (d *DialogState) check() error {
	if d.CallID == "" || d.LocalTag == "" || d.Target == "" {
		return errors.New("sip: dialog state lacks Call-ID, local tag or target")
	}
	for _, a := range [...]string{d.Local, d.Remote} {
		if _, err := ParseAddress(a); err != nil {
			return err
		}
	}
	if _, err := ParseURI(d.Target); err != nil {
		return err
	}
	return nil
}
