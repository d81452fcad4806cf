package sip

// serveInvite takes an INVITE that begins a call. It does not block.
func (ua *UserAgent) serveInvite(tx *ServerTransaction, req *Request) {
	if ua.cfg.OnInvite == nil {
		tx.Respond(NewResponse(req, 480, ""))
		return
	}
	if resp := ua.badExtension(req); resp != nil {
		tx.Respond(resp)
		return
	}
	if resp := ua.tooShort(req); resp != nil {
		tx.Respond(resp)
		return
	}
	state, err := NewServerDialog(req, tx.Tag(), ua.contact(tx.Flow(), isSIPS(req.RequestURI)))
	if err != nil {
		tx.Respond(NewResponse(req, statusOf(err), ""))
		return
	}
	d := newDialog(ua, *state)
	if via, err := req.Via(); err == nil && state.staysOn(tx.Flow(), via) {
		d.flow = tx.Flow()
	}
	if err := ua.add(d); err != nil {
		ua.stats.overLimit.Add(1)
		resp := NewResponse(req, 503, "")
		resp.Add("Retry-After", "10")
		tx.Respond(resp)
		return
	}
	ua.stats.received.Add(1)
	in := &Incoming{Dialog: d, Request: req, tx: tx, initial: true}
	d.mu.Lock()
	d.take(in)
	d.mu.Unlock()
	in.watch()
	go ua.cfg.OnInvite(in)
}

// serve takes a request within the dialog. It does not block.
func (d *Dialog) serve(tx *ServerTransaction, req *Request) {
	d.mu.Lock()
	switch {
	case req.Method == ACK:
		d.takeACK(req)
		d.mu.Unlock()
		return
	case d.ended:
		d.mu.Unlock()
		status := 481
		if req.Method == BYE { // crossed ours
			status = 200
		}
		tx.Respond(NewResponse(req, status, ""))
		return
	}
	status := d.state.TakeRequest(req)
	if status == 0 && d.events && (req.Method == BYE || req.Method == INVITE) {
		status = 481 // of a usage that there is not
	}
	if status == 0 && req.Method == BYE {
		d.mu.Unlock()
		tx.Respond(NewResponse(req, 200, ""))
		d.end(&ByeError{req})
		return
	}
	resp := NewResponse(req, 500, "")
	handler := d.handler
	referral := d.referralOf(req)
	if referral != nil {
		handler = referral.serve
	}
	unknown := d.ua.badExtension(req)
	short := d.ua.tooShort(req)
	glare := 0
	if status == 0 && unknown == nil && req.Method == PRACK && d.ua.reliable {
		if d.servePRACK(tx, req) {
			return
		}
	}
	if status == 0 {
		glare = d.offers.refuse(req.Method, isOffer(&req.Header, req.Body))
	}
	switch {
	case status != 0:
		resp.StatusCode, resp.Reason = status, StatusText(status)
	case unknown != nil:
		resp = unknown
	case short != nil:
		resp = short
	case handler == nil && req.Method == UPDATE && d.ua.timer && len(req.Body) == 0:
		in := &Incoming{Dialog: d, Request: req, tx: tx}
		d.take(in)
		d.mu.Unlock()
		in.Reply(200, nil, "")
		return
	case glare == 500:
		resp.Add("Retry-After", retryAfter())
	case glare != 0:
		d.ua.stats.glares.Add(1)
		resp.StatusCode, resp.Reason = glare, StatusText(glare)
	case handler == nil && (req.Method == INVITE || req.Method == PRACK):
		resp.StatusCode, resp.Reason = 488, StatusText(488)
	case handler == nil:
		d.mu.Unlock()
		d.ua.refuse(tx, req)
		return
	case req.Method != INVITE && len(d.queue) >= d.ua.cfg.MaxPending:
		resp.Add("Retry-After", retryAfter())
	default:
		in := &Incoming{Dialog: d, Request: req, tx: tx}
		if referral != nil {
			in.serve = referral.serve
		}
		d.take(in)
		switch {
		case req.Method == INVITE: // may take as long as its user
			go handler(in)
		default:
			d.queue = append(d.queue, in)
			if !d.serving {
				d.serving = true
				go d.work()
			}
		}
		d.mu.Unlock()
		in.watch()
		return
	}
	d.mu.Unlock()
	tx.Respond(resp)
	if req.Method == PRACK {
		d.released()
	}
}

// take notes a request that waits for its answer. The caller holds mu.
func (d *Dialog) take(in *Incoming) {
	if d.pending == nil {
		d.pending = map[*Incoming]struct{}{}
	}
	d.pending[in] = struct{}{}
	switch in.Request.Method {
	case INVITE:
		in.acked = make(chan struct{})
		d.offers.inviteIn = true
		d.offers.offerIn = isOffer(&in.Request.Header, in.Request.Body)
	case UPDATE, PRACK:
		if isOffer(&in.Request.Header, in.Request.Body) {
			d.offers.offerIn = true
		}
	}
}

// watch has CANCEL answered, and hears of the end of a request that nobody answered. The caller does
// not hold the dialog.
func (in *Incoming) watch() {
	d := in.Dialog
	if in.Request.Method == INVITE {
		in.tx.OnCancel(func() {
			d.mu.Lock()
			if in.done {
				d.mu.Unlock()
				return
			}
			in.tx.Respond(NewResponse(in.Request, 487, ""))
			in.finish()
			d.update()
			d.mu.Unlock()
			if in.initial {
				d.end(&CancelError{in.tx.Cancel()})
			}
		})
	}
	in.tx.OnEnd(func(err error) {
		d.mu.Lock()
		late := !in.done
		if late {
			in.finish()
			d.update()
		}
		d.mu.Unlock()
		if late && in.initial {
			if err == nil {
				err = ErrTimeout
			}
			d.end(err)
		}
	})
}

// work hands the queue to the handler, one request after the other.
func (d *Dialog) work() {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 {
			d.serving, d.queue = false, nil
			d.mu.Unlock()
			return
		}
		in, handler := d.queue[0], d.handler
		if in.serve != nil {
			handler = in.serve
		}
		d.queue = d.queue[1:]
		d.mu.Unlock()
		if handler == nil {
			in.Respond(in.NewResponse(405, ""))
			continue
		}
		handler(in)
	}
}
