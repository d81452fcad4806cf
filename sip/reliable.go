package sip

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Provisional responses that are acknowledged, RFC 3262: reliableIn is the callee's side of one
// INVITE, reliableOut the caller's side of one dialog.

// isReliable reports a provisional response that wants a PRACK.
func isReliable(resp *Response) bool {
	return resp.StatusCode > 100 && resp.IsProvisional() && resp.HasToken("Require", "100rel")
}

// reliableIn is what an INVITE of the peer has of reliable provisional responses. It is guarded by the
// dialog.
type reliableIn struct {
	seq   uint32      // RSeq of the last response that was sent
	queue []*Response // the first is under way, the others wait for its PRACK
	final *Response   // a 2xx that waits for it too

	timer    *time.Timer
	interval time.Duration
	end      time.Time

	agreed bool     // offer and answer were exchanged before the 2xx
	last   *Request // the last PRACK
}

// described says whether a response that was not acknowledged has a session description.
func (r *reliableIn) described() bool {
	for _, resp := range r.queue {
		if isOffer(&resp.Header, resp.Body) {
			return true
		}
	}
	return false
}

// stop ends the retransmissions: nothing more is sent after the final response (RFC 3262 section 3).
func (r *reliableIn) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
	if len(r.queue) > 1 {
		r.queue = r.queue[:1] // its PRACK may still come
	}
	r.final = nil
}

// wantsPRACK says whether a response is to be sent reliably. The caller holds the dialog.
func (in *Incoming) wantsPRACK(resp *Response) bool {
	if !in.Dialog.ua.reliable || in.Request.Method != INVITE || resp.StatusCode <= 100 || !resp.IsProvisional() {
		return false
	}
	required := in.Request.HasToken("Require", "100rel")
	if !required && !in.Request.HasToken("Supported", "100rel") {
		resp.Del("RSeq")
		for n := resp.Count("Require") - 1; n >= 0; n-- {
			if v, _ := resp.Nth("Require", n); strings.EqualFold(v, "100rel") {
				resp.RemoveNth("Require", n)
			}
		}
		return false
	}
	return required || isReliable(resp) || isOffer(&resp.Header, resp.Body)
}

// maxReliable bounds the responses that wait for a PRACK.
const maxReliable = 32

// respondReliably sends a provisional response once those before it were acknowledged. The caller
// holds the dialog.
func (in *Incoming) respondReliably(resp *Response) error {
	if len(in.rel.queue) >= maxReliable {
		return ErrLimit
	}
	if !resp.HasToken("Require", "100rel") {
		resp.Add("Require", "100rel")
	}
	in.rel.queue = append(in.rel.queue, resp)
	if len(in.rel.queue) > 1 {
		return nil
	}
	return in.sendReliable()
}

// sendReliable sends the first response of the queue. The caller holds the dialog.
func (in *Incoming) sendReliable() error {
	d, r := in.Dialog, &in.rel
	resp := r.queue[0]
	if r.seq == 0 {
		r.seq = rand.Uint32N(1<<31-2) + 1
	} else {
		r.seq++
	}
	resp.Set("RSeq", strconv.FormatUint(uint64(r.seq), 10))
	d.relIn = in
	if isOffer(&resp.Header, resp.Body) {
		if d.offers.offerIn || len(in.Request.Body) > 0 {
			d.offers.offerIn, d.offers.prackWait = false, true
		} else {
			d.offers.offerOut = true
		}
	}
	d.session.keep(&resp.Header, resp.Body)
	r.interval = d.ua.timers.T1
	r.end = time.Now().Add(64 * r.interval)
	if r.timer == nil {
		r.timer = time.AfterFunc(r.interval, in.againReliable)
	} else {
		r.timer.Reset(r.interval)
	}
	return in.tx.Respond(resp)
}

// againReliable repeats the response that was not acknowledged: after T1, doubling, for 64*T1.
func (in *Incoming) againReliable() {
	d, r := in.Dialog, &in.rel
	d.mu.Lock()
	if in.done || len(r.queue) == 0 {
		d.mu.Unlock()
		return
	}
	if !time.Now().Before(r.end) {
		d.ua.stats.noPRACK.Add(1)
		in.tx.Respond(NewResponse(in.Request, 504, "No PRACK"))
		in.finish()
		d.update()
		d.mu.Unlock()
		if in.initial {
			d.end(ErrNoPRACK)
		}
		return
	}
	d.ua.stats.provisionalsAgain.Add(1)
	in.tx.Respond(r.queue[0])
	r.interval *= 2
	r.timer.Reset(min(r.interval, time.Until(r.end)))
	d.mu.Unlock()
}

// servePRACK takes a PRACK. It reports true, and has released mu, where the PRACK is done with; it
// reports false where it has an offer, which is for the handler. The caller holds mu.
func (d *Dialog) servePRACK(tx *ServerTransaction, req *Request) bool {
	rack, err := req.RAck()
	in := d.relIn
	status := 200
	if err != nil {
		status = 400
	} else if !in.acknowledges(rack) {
		status = 481
	}
	if status != 200 {
		d.mu.Unlock()
		tx.Respond(NewResponse(req, status, ""))
		return true
	}
	r := &in.rel
	described := isOffer(&r.queue[0].Header, r.queue[0].Body)
	r.queue = r.queue[1:]
	r.last = req
	r.timer.Stop()
	body := isOffer(&req.Header, req.Body)
	answer := body && described && d.offers.offerOut && len(in.Request.Body) == 0
	if described {
		d.offers.prackWait = false
		r.agreed = answer || len(in.Request.Body) > 0
		if len(in.Request.Body) == 0 {
			d.offers.offerOut = false // also where the answer is missing: nothing more will come
		}
	}
	switch {
	case in.done, r.final != nil && !r.described(): // what is left has lost its sense
		r.queue = nil
	case len(r.queue) > 0:
		in.sendReliable()
	}
	d.update()
	if body && !answer {
		return false
	}
	d.mu.Unlock()
	tx.Respond(NewResponse(req, 200, ""))
	d.released()
	return true
}

// released sends the 2xx that waited for PRACKs, if nothing holds it any more.
func (d *Dialog) released() {
	d.mu.Lock()
	in := d.relIn
	if in == nil || in.done || in.rel.final == nil || in.rel.described() || d.offers.offerIn && in.rel.agreed {
		d.mu.Unlock()
		return
	}
	final := in.rel.final
	in.rel.final = nil
	in.respond(final)
}

// acknowledges says whether a RAck names the response that is under way. in may be nil.
func (in *Incoming) acknowledges(rack RAck) bool {
	if in == nil || len(in.rel.queue) == 0 {
		return false
	}
	c, err := in.Request.CSeq()
	return err == nil && rack.RSeq == in.rel.seq && rack.Seq == c.Seq && rack.Method == INVITE
}

// PRACK waits until the reliable provisional responses to this INVITE are acknowledged, and returns the
// last PRACK, nil if there was none. It has the answer where the response had the offer. It fails
// with the cause of the dialog's end.
func (in *Incoming) PRACK(ctx context.Context) (*Request, error) {
	d := in.Dialog
	if err := d.await(ctx, func() bool { return len(in.rel.queue) == 0 || in.done }); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	if len(in.rel.queue) > 0 {
		return nil, ErrEnded
	}
	return in.rel.last, nil
}

// reliableOut is what was acknowledged of the responses to our INVITE. It is guarded by the dialog.
type reliableOut struct {
	cseq uint32 // of the INVITE
	rseq uint32 // of the last response that was taken
	desc bool   // one of them had a session description
}

// described says whether an offer or answer came in a reliable response to the INVITE of that CSeq.
func (r *reliableOut) described(cseq uint32) bool { return r.cseq == cseq && r.desc }

// takeReliable takes note of a reliable provisional response to our INVITE, and reports whether it is
// the next in order, so that a PRACK is due.
func (d *Dialog) takeReliable(cseq uint32, offered bool, resp *Response) bool {
	if !d.ua.reliable || !isReliable(resp) {
		return false
	}
	rseq, err := resp.RSeq()
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &d.relOut
	switch {
	case d.ended:
		return false
	case r.cseq != cseq:
		*r = reliableOut{cseq: cseq}
	case rseq != r.rseq+1:
		return false
	}
	r.rseq = rseq
	if isOffer(&resp.Header, resp.Body) && !r.desc {
		r.desc = true
		if offered {
			d.offers.offerOut = false
		} else {
			d.offers.offerIn = true
		}
		d.update()
	}
	return true
}

// prack acknowledges a reliable provisional response. It returns before the PRACK is answered.
func (d *Dialog) prack(cseq uint32, resp *Response, answer func(*Response) ([]byte, string), opts func(*Dialog, *Response) RequestOptions, done func(*Dialog, *Response, error)) {
	d.mu.Lock()
	offered := d.offers.offerIn && isOffer(&resp.Header, resp.Body)
	d.mu.Unlock()
	var o RequestOptions
	switch {
	case opts != nil:
		o = opts(d, resp)
	case offered && answer != nil:
		o.Body, o.ContentType = answer(resp)
	}
	o.answers = offered
	rseq, _ := resp.RSeq()
	edit := o.Edit
	o.Edit = func(req *Request) {
		req.Set("RAck", RAck{rseq, CSeq{cseq, INVITE}}.String())
		if edit != nil {
			edit(req)
		}
	}
	go func() {
		resp, err := d.exchange(context.Background(), PRACK, o)
		if done != nil {
			done(d, resp, err)
		}
	}()
}
