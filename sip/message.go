package sip

import (
	"strconv"
)

// Message is a [Request] or a [Response].
type Message interface {
	Head() *Header                       // its header
	Content() []byte                     // its body
	AppendText(b []byte) ([]byte, error) // appends the message as it goes on the wire
	String() string                      // the message as it goes on the wire
	startLine(b []byte) ([]byte, error)  // seals the interface
}

// Request is a SIP request (RFC 3261 section 7.1).
type Request struct {
	Method     Method
	RequestURI string // as it is written; [Request.URI] takes it apart
	Header
	Body []byte
}

// Response is a SIP response (RFC 3261 section 7.2).
type Response struct {
	StatusCode int    // 100 to 699
	Reason     string // the reason phrase, which may be empty
	Header
	Body []byte
}

// NewRequest returns a request without any header field.
func NewRequest(m Method, uri string) *Request {
	return &Request{Method: m, RequestURI: uri}
}

// NewResponse returns a response to req with what RFC 3261 section 8.2.6.2 has it copy: Via,
// From, To, Call-ID and CSeq; Timestamp in a 100; and Record-Route where a dialog may begin
// (section 12.1.1). The To tag is the caller's to add, with [Response.SetToTag]. An empty reason
// stands for [StatusText].
func NewResponse(req *Request, status int, reason string) *Response {
	if reason == "" {
		reason = StatusText(status)
	}
	r := &Response{StatusCode: status, Reason: reason}
	n := 8 // the other lines that are copied, and a few that follow
	for i := range req.fields {
		if id := req.fields[i].id; id == idVia || id == idRecordRoute {
			n++
		}
	}
	r.fields = make([]field, 0, n)
	r.copyLines(&req.Header, idVia)
	if status > 100 && status < 300 {
		switch req.Method {
		case INVITE, SUBSCRIBE, REFER, NOTIFY:
			r.copyLines(&req.Header, idRecordRoute)
		}
	}
	r.copyLines(&req.Header, idFrom)
	r.copyLines(&req.Header, idTo)
	r.copyLines(&req.Header, idCallID)
	r.copyLines(&req.Header, idCSeq)
	if status == 100 {
		r.copyLines(&req.Header, idTimestamp)
	}
	return r
}

// SetToTag adds a tag to the To field if it has none.
func (r *Response) SetToTag(tag string) {
	c := r.cursor(key{id: idTo})
	p, ok := c.next()
	if !ok {
		return
	}
	s := r.text(p)
	a, err := parseAddress(s, false)
	if err != nil || a.Params.Has("tag") {
		return
	}
	r.splice(p.line, p.lo, p.hi, s+";tag="+tag)
}

// NewACK returns the ACK of a final response other than 2xx (RFC 3261 section 17.1.1.3): it
// belongs to the transaction of the INVITE and goes where that went.
func NewACK(invite *Request, resp *Response) *Request {
	return sameHop(invite, ACK, &resp.Header)
}

// NewCANCEL returns the CANCEL of a request (RFC 3261 section 9.1), to be sent where that went.
func NewCANCEL(req *Request) *Request {
	return sameHop(req, CANCEL, &req.Header)
}

// sameHop makes a request that goes with another one hop: same branch, same route.
func sameHop(req *Request, m Method, to *Header) *Request {
	r := NewRequest(m, req.RequestURI)
	r.fields = make([]field, 0, 10)
	r.Header.Add("Via", req.Value("Via"))
	r.Header.Add("Max-Forwards", "70")
	r.copyLines(&req.Header, idRoute)
	r.copyLines(&req.Header, idFrom)
	r.copyLines(to, idTo)
	r.copyLines(&req.Header, idCallID)
	c, _ := req.CSeq()
	r.Header.Add("CSeq", CSeq{c.Seq, m}.String())
	r.Header.Add("Content-Length", "0")
	return r
}

// Head returns the header.
func (r *Request) Head() *Header { return &r.Header }

// Head returns the header.
func (r *Response) Head() *Header { return &r.Header }

// Content returns the body.
func (r *Request) Content() []byte { return r.Body }

// Content returns the body.
func (r *Response) Content() []byte { return r.Body }

// URI takes the Request-URI apart.
func (r *Request) URI() (URI, error) {
	u, err := parseURI(r.RequestURI, false)
	if err != nil {
		return u, err.within("Request-URI", len(r.Method)+1)
	}
	return u, nil
}

// Clone returns a copy that can be edited on its own. The octets of the body are shared.
func (r *Request) Clone() *Request {
	c := *r
	c.Header = r.Header.Clone()
	return &c
}

// Clone returns a copy that can be edited on its own. The octets of the body are shared.
func (r *Response) Clone() *Response {
	c := *r
	c.Header = r.Header.Clone()
	return &c
}

// IsProvisional reports a 1xx response.
func (r *Response) IsProvisional() bool { return r.StatusCode < 200 }

// IsSuccess reports a 2xx response.
func (r *Response) IsSuccess() bool { return r.StatusCode/100 == 2 }

func (r *Request) startLine(b []byte) ([]byte, error) {
	if !token(string(r.Method)) {
		return b, bad(0, "bad method").within("start line", 0)
	}
	if r.RequestURI == "" {
		return b, bad(0, "empty Request-URI").within("start line", 0)
	}
	for i := 0; i < len(r.RequestURI); i++ {
		if c := r.RequestURI[i]; c <= ' ' || c == 0x7f {
			return b, bad(i, "bad character").within("Request-URI", 0)
		}
	}
	b = append(append(b, r.Method...), ' ')
	b = append(b, r.RequestURI...)
	return append(b, " SIP/2.0\r\n"...), nil
}

func (r *Response) startLine(b []byte) ([]byte, error) {
	if r.StatusCode < 100 || r.StatusCode > 699 {
		return b, bad(0, "status code out of range").within("start line", 0)
	}
	for i := 0; i < len(r.Reason); i++ {
		if c := r.Reason[i]; c == '\r' || c == '\n' || c == 0 {
			return b, bad(i, "line end in the reason phrase").within("start line", 0)
		}
	}
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(r.StatusCode), 10)
	b = append(append(b, ' '), r.Reason...)
	return append(b, "\r\n"...), nil
}
