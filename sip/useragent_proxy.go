package sip

// Proxy returns the proxy that shares the agent's endpoint, nil where [UserAgentConfig] asks for none.
//
// A request within a dialog goes to the proxy where its topmost Route names us with a user part, as
// [Forwarding.RecordRoute] writes it, or where Route names us and the agent has no such dialog: give
// RecordRoute a user part where a call may come to the agent as well, on another part of its way.
func (ua *UserAgent) Proxy() *Proxy { return ua.proxy }

// Serve has the user agent that shares the proxy's endpoint take the request, which must not have been
// answered or forwarded: as if the proxy were not there. Where there is no such agent it fails with
// [ErrDecided].
func (f *Forwarding) Serve() error {
	f.mu.Lock()
	if f.final || f.proxy.ua == nil || len(f.branches) > 0 {
		f.mu.Unlock()
		return ErrDecided
	}
	f.final = true
	f.mu.Unlock()
	f.proxy.ua.serveNew(f.tx, f.Original)
	return nil
}

// forwards gives a request to the proxy, and reports false where it is the agent's.
func (ua *UserAgent) forwards(tx *ServerTransaction, req *Request, to Address) bool {
	if req.Method == CANCEL { // of no INVITE that we know; where we are no proxy the endpoint says so
		tx.Respond(NewResponse(req, 481, ""))
		return true
	}
	tag := to.Tag()
	if tag == "" {
		if req.Method == ACK {
			return false
		}
		ua.proxy.serve(tx, req)
		return true
	}
	top, ok := req.Nth("Route", 0)
	if !ok {
		u, err := req.URI()
		if err != nil || !u.LR() || !ua.proxy.IsSelf(u) {
			return false
		}
	} else {
		a, err := ParseAddress(top)
		if err != nil || !ua.proxy.IsSelf(a.URI) {
			u, err := req.URI()
			if err != nil || !u.LR() || !ua.proxy.IsSelf(u) { // what a strict router made of it
				return false
			}
		} else if a.URI.User == "" && ua.knows(req, tag) {
			return false
		}
	}
	ua.proxy.serve(tx, req)
	return true
}

// knows says whether a request is within a dialog of the agent.
func (ua *UserAgent) knows(req *Request, tag string) bool {
	from, err := req.From()
	if err != nil {
		return false
	}
	ua.mu.Lock()
	defer ua.mu.Unlock()
	return ua.dialogs[dialogKey{req.CallID(), tag, from.Tag()}] != nil || ua.subscriptions[dialogKey{callID: req.CallID(), localTag: tag}] != nil
}
