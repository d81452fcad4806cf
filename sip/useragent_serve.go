package sip

import "strings"

// serve takes what the endpoint received, in order for each Call-ID. It must not block.
func (ua *UserAgent) serve(tx *ServerTransaction, req *Request) {
	to, err1 := req.To()
	from, err2 := req.From()
	if err1 != nil || err2 != nil {
		tx.Respond(NewResponse(req, 400, ""))
		return
	}
	if ua.proxy != nil && ua.forwards(tx, req, to) {
		return
	}
	if tag := to.Tag(); tag != "" {
		ua.mu.Lock()
		d := ua.dialogs[dialogKey{req.CallID(), tag, from.Tag()}]
		s := ua.subscriptions[dialogKey{callID: req.CallID(), localTag: tag}]
		ua.mu.Unlock()
		switch {
		case d != nil:
			d.serve(tx, req)
		case s != nil && req.Method == NOTIFY:
			s.serveFirst(tx, req)
		case ua.cfg.Handler != nil && (req.Method == SUBSCRIBE || req.Method == NOTIFY):
			go ua.cfg.Handler.ServeSIP(tx, req)
		case req.Method != ACK:
			tx.Respond(NewResponse(req, 481, ""))
		}
		return
	}
	ua.serveNew(tx, req)
}

// serveNew takes a request outside of dialogs.
func (ua *UserAgent) serveNew(tx *ServerTransaction, req *Request) {
	switch req.Method {
	case ACK:
	case INVITE:
		ua.serveInvite(tx, req)
	default:
		if req.Method == SUBSCRIBE && ua.cfg.OnSubscribe != nil {
			ua.serveSubscribe(tx, req)
			return
		}
		if h := ua.cfg.Handler; h != nil {
			go h.ServeSIP(tx, req)
			return
		}
		ua.refuse(tx, req)
	}
}

// refuse answers what nobody handles.
func (ua *UserAgent) refuse(tx *ServerTransaction, req *Request) {
	status := 405
	switch req.Method {
	case OPTIONS:
		status = 200
	case BYE, PRACK, UPDATE, INFO, NOTIFY:
		if to, err := req.To(); err == nil && to.Tag() == "" {
			status = 481 // belongs into a dialog
		}
	}
	resp := NewResponse(req, status, "")
	ua.describe(resp)
	tx.Respond(resp)
}

// describe adds Allow and Supported.
func (ua *UserAgent) describe(m Message) {
	h := m.Head()
	if !h.Has("Allow") {
		h.Add("Allow", ua.allow)
	}
	if ua.supported != "" && !h.Has("Supported") {
		h.Add("Supported", ua.supported)
	}
}

// badExtension makes the 420 for a request that requires what the agent does not support, nil if there is nothing
// (RFC 3261 section 8.2.2.3).
func (ua *UserAgent) badExtension(req *Request) *Response {
	tags := req.Unsupported("Require", ua.cfg.Supported)
	if len(tags) == 0 {
		return nil
	}
	resp := NewResponse(req, 420, "")
	resp.Add("Unsupported", strings.Join(tags, ", "))
	return resp
}
