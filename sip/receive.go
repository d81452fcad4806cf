package sip

import (
	"errors"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/trace"
)

// inbound is a message on its way to its transaction.
type inbound struct {
	flow Flow
	now  time.Time
	via  Via
	cseq CSeq
	size int // of the text

	req    *Request
	key    txKey // of the transaction it starts or repeats
	invite txKey // of a CANCEL: of the INVITE it is about
	merged uint64
	toTag  bool

	resp *Response
}

// receive takes one message from the network. data is valid during the call only.
func (e *Endpoint) receive(f Flow, data []byte) {
	now := time.Now()
	if e.cfg.Trace != nil {
		e.traceMessage(now, trace.Received, f, data, "")
	}
	m, err := e.cfg.Parser.Parse(data)
	if err == nil {
		err = e.cfg.Policy.Check(m)
	}
	if err != nil {
		e.unparsable(now, f, m, err)
		return
	}
	in := inbound{flow: f, now: now, size: len(data)}
	h := m.Head()
	if in.via, err = h.Via(); err == nil {
		in.cseq, err = h.CSeq()
	}
	if err != nil {
		e.unparsable(now, f, m, err)
		return
	}
	switch m := m.(type) {
	case *Request:
		e.stats.requests.Add(1)
		e.stats.byMethod(m.Method).Add(1)
		in.req = m
		in.via = addReceived(m, in.via, f)
		if !e.identify(&in) {
			e.unparsable(now, f, m, &ParseError{Layer: HeaderLayer, Field: "From", Offset: -1, Status: 400, Err: ErrMissing})
			return
		}
	case *Response:
		e.stats.responses.Add(1)
		in.resp = m
	}
	e.shard(h.CallID()).take(in)
}

// identify computes what a request is matched by (RFC 3261 sections 17.2.3 and 8.2.2.2).
func (e *Endpoint) identify(in *inbound) bool {
	var a [512]byte
	b := a[:0]
	method := in.req.Method
	if method == ACK {
		method = INVITE
	}
	from, err1 := in.req.From()
	to, err2 := in.req.To()
	if err1 != nil || err2 != nil {
		return false
	}
	in.toTag = to.Tag() != ""
	branch := in.via.Branch()
	if unique(branch) {
		b = append(append(b, branch...), 0)
		b = appendLower(b, in.via.Host)
		b = strconv.AppendInt(append(b, 0), int64(in.via.port()), 10)
	} else { // RFC 2543
		b = append(append(b, in.req.RequestURI...), 0)
		b = append(append(b, from.Tag()...), 0)
		b = append(append(b, in.req.CallID()...), 0)
		b = strconv.AppendUint(b, uint64(in.cseq.Seq), 10)
		via, _ := in.via.AppendText(append(b, 0))
		b = via
		if method != INVITE && method != CANCEL {
			b = append(append(b, 0), to.Tag()...) // that of an ACK comes from the response
		}
	}
	b = append(b, 0)
	n := len(b)
	in.key = e.hash(append(b, method...))
	if method == CANCEL {
		in.invite = e.hash(append(b[:n], INVITE...))
	}
	if !in.toTag && method != CANCEL && in.req.Method != ACK {
		b = append(append(b[:0], from.Tag()...), 0)
		b = append(append(b, in.req.CallID()...), 0)
		b = strconv.AppendUint(b, uint64(in.cseq.Seq), 10)
		b = append(append(b, 0), method...)
		in.merged = maphash.Bytes(e.seeds[1], b) | 1
	}
	return true
}

// unique tells whether a branch was made by RFC 3261 and so identifies the transaction.
func unique(branch string) bool {
	return len(branch) > len(MagicCookie) && strings.HasPrefix(branch, MagicCookie)
}

func (e *Endpoint) hash(b []byte) txKey {
	return txKey{maphash.Bytes(e.seeds[1], b), maphash.Bytes(e.seeds[2], b)}
}

func appendLower(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// unparsable refuses a message that cannot be handled: a request other than ACK gets the status
// code that says why, if it tells where to, the rest is dropped.
func (e *Endpoint) unparsable(now time.Time, f Flow, m Message, err error) {
	e.stats.unparsable.Add(1)
	e.cfg.Logger.Debug("unparsable", "peer", f.Remote, "transport", f.Transport, "err", err)
	if e.cfg.Trace != nil {
		e.traceState(now, f, "", "refused: "+err.Error())
	}
	req, _ := m.(*Request)
	var pe *ParseError
	if req == nil || !errors.As(err, &pe) || pe.Status < 300 {
		return
	}
	via, err := req.Via()
	if err != nil || req.CallID() == "" || !req.Has("CSeq") || !req.Has("From") || !req.Has("To") {
		return
	}
	e.refuse(f, req, addReceived(req, via, f), pe.Status)
}

// refuse answers a request without a transaction (RFC 3261 section 8.2.7), a few times a second.
func (e *Endpoint) refuse(f Flow, req *Request, via Via, status int) {
	if req.Method == ACK {
		return
	}
	if !e.refusals.allow(time.Now()) {
		e.stats.dropped.Add(1)
		return
	}
	resp := NewResponse(req, status, "")
	e.explain(resp, req)
	resp.SetToTag(e.statelessTag(req))
	e.finishResponse(resp)
	b, err := resp.AppendText(nil)
	if err == nil {
		_, err = Parse(b) // lines of a broken request that it copies may be broken
	}
	if err != nil {
		e.stats.dropped.Add(1)
		return
	}
	e.stats.refused.Add(1)
	e.transmit(time.Now(), replyFlow(f, via), b, req.CallID(), "refused")
}

// explain adds to a refusal what its status code asks for.
func (e *Endpoint) explain(resp *Response, req *Request) {
	p := &e.cfg.Policy
	switch resp.StatusCode {
	case 415: // RFC 3261 section 8.2.3
		for _, t := range p.ContentTypes {
			resp.Add("Accept", t)
		}
	case 420: // sections 8.2.2.3 and 16.3
		add := func(name string, supported []string) {
			if supported == nil {
				return // all are
			}
			for _, tag := range req.Unsupported(name, supported) {
				resp.Add("Unsupported", tag)
			}
		}
		add("Require", p.OptionTags)
		add("Proxy-Require", p.ProxyTags)
	case 405, 501: // section 8.2.1
		for _, m := range p.Methods {
			resp.Add("Allow", string(m))
		}
	case 503: // section 21.5.4
		resp.Add("Retry-After", strconv.Itoa(int(max(e.cfg.Limits.RetryAfter/time.Second, 1))))
	}
}

// statelessTag makes the To tag of responses without a transaction: the same for every
// retransmission, and known again when the ACK comes.
func (e *Endpoint) statelessTag(req *Request) string {
	var a [256]byte
	b := append(a[:0], req.CallID()...)
	from, _ := req.From()
	b = append(append(b, 0), from.Tag()...)
	c, _ := req.CSeq()
	b = strconv.AppendUint(append(b, 0), uint64(c.Seq), 10)
	k := e.hash(b)
	return "r" + strconv.FormatUint(k[0], 36) + strconv.FormatUint(k[1], 36)
}

// process hands a message to its transaction. The caller is the runner and holds mu.
func (s *shard) process(in *inbound) {
	switch {
	case in.resp != nil:
		s.response(in)
	case in.req.Method == ACK:
		s.ack(in)
	default:
		if t := s.servers[in.key]; t != nil {
			s.ep.stats.requestsAgain.Add(1)
			t.handle(in.now, txInput{event: inRequest})
			return
		}
		s.request(in)
	}
}

// request starts a server transaction.
func (s *shard) request(in *inbound) {
	e := s.ep
	if in.merged != 0 && !e.cfg.Proxy && s.merged[in.merged] != nil {
		e.stats.merged.Add(1)
		e.refuse(in.flow, in.req, in.via, 482)
		return
	}
	source := in.flow.Remote.Addr()
	if !e.sources.add(source, 1, e.cfg.Limits.PerSource) {
		e.stats.overLimit.Add(1)
		e.refuse(in.flow, in.req, in.via, 503)
		return
	}
	if !s.fits(in.now, int64(in.size)) || !s.room(in.now, &e.servers, &s.oldServers) {
		e.sources.add(source, -1, 0)
		e.stats.overLimit.Add(1)
		e.refuse(in.flow, in.req, in.via, 503)
		return
	}
	t := newServerTx(s, in)
	t.source = source
	t.hold(in.size)
	s.servers[in.key] = t
	if in.merged != 0 && s.merged[in.merged] == nil {
		s.merged[in.merged] = t
		t.merged = in.merged
	}
	if in.req.Method == CANCEL {
		invite := s.servers[in.invite]
		if invite != nil || !e.cfg.Proxy {
			s.cancel(in, t, invite)
			return
		}
	}
	t.handle(in.now, txInput{event: inRequest})
}

// cancel answers a CANCEL and tells the INVITE's handler (RFC 3261 section 9.2).
func (s *shard) cancel(in *inbound, t, invite *serverTx) {
	t.m.Handle(in.now, txInput{event: inRequest}, s.out[:0])
	resp := NewResponse(in.req, 200, "")
	if invite == nil {
		resp.StatusCode, resp.Reason = 481, StatusText(481)
		resp.SetToTag(s.ep.ids.tag())
	} else {
		tag := invite.tag // that of the INVITE's responses
		if tag == "" {    // which are another's, as a proxy's are
			tag = s.ep.ids.tag()
		}
		resp.SetToTag(tag)
	}
	t.respond(in.now, resp)
	if invite != nil {
		if invite.user != nil {
			invite.user.cancel = in.req
		}
		invite.cancelled(in.now)
	}
}

// ack takes an ACK: that of a refusal ends with its transaction, that of a 2xx is the user's.
func (s *shard) ack(in *inbound) {
	t := s.servers[in.key]
	if t != nil && !unique(in.via.Branch()) {
		if to, _ := in.req.To(); to.Tag() != t.tag {
			t = nil
		}
	}
	if t == nil {
		if to, err := in.req.To(); err == nil && strings.HasPrefix(to.Tag(), "r") && to.Tag() == s.ep.statelessTag(in.req) {
			return // of a refusal without a transaction
		}
		s.ep.stats.acks.Add(1)
		s.todo = append(s.todo, call{tx: &ServerTransaction{sh: s, req: in.req, flow: in.flow}})
		return
	}
	out := t.m.Handle(in.now, txInput{event: inACK}, s.out[:0])
	for _, a := range out {
		if a == doDeliver {
			s.todo = append(s.todo, call{tx: &ServerTransaction{sh: s, req: in.req, flow: in.flow}})
		}
	}
	t.perform(in.now, out)
}

// response finds the client transaction of a response (RFC 3261 section 17.1.3). One that
// matches none is dropped, 2xx included (RFC 6026 section 7.3).
func (s *shard) response(in *inbound) {
	m := s.clients
	if in.cseq.Method == CANCEL {
		m = s.cancels
	}
	t := m[in.via.Branch()]
	if t == nil || t.method != in.cseq.Method {
		s.ep.stats.stray.Add(1)
		s.ep.cfg.Logger.Debug("stray response", "peer", in.flow.Remote, "status", in.resp.StatusCode, "call_id", in.resp.CallID())
		return
	}
	if t.attempt != nil && !t.attempt.req.Has("Via") && in.resp.Count("Via") > 1 { // RFC 3261 section 8.1.3.3
		s.ep.stats.stray.Add(1)
		return
	}
	t.receive(in.now, in.resp, in.flow)
}
