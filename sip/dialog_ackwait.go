package sip

import "time"

// ackWait repeats a 2xx until its ACK comes: after T1, doubling up to T2, over every transport, and
// for 64*T1 at most (RFC 3261 section 13.3.1.4).
type ackWait struct {
	interval  time.Duration
	next, end time.Time // zero when stopped
}

func (a *ackWait) start(now time.Time, t Timers) {
	a.interval = t.T1
	a.next, a.end = now.Add(t.T1), now.Add(64*t.T1)
}

func (a *ackWait) stop() { a.next, a.end = time.Time{}, time.Time{} }

// deadline is zero when no ACK is awaited.
func (a *ackWait) deadline() time.Time {
	if a.end.Before(a.next) {
		return a.end
	}
	return a.next
}

// expire says what is due: to send the 2xx again, or to give up.
func (a *ackWait) expire(now time.Time, t Timers) (resend, giveUp bool) {
	switch {
	case a.end.IsZero() || now.Before(a.deadline()):
		return false, false
	case !now.Before(a.end):
		a.stop()
		return false, true
	}
	a.interval = min(2*a.interval, t.T2)
	a.next = now.Add(a.interval)
	return true, false
}

// arm sets the timer that repeats a 2xx. The caller holds mu.
func (d *Dialog) arm() {
	at := d.wait.deadline()
	if at.IsZero() {
		if d.timer != nil {
			d.timer.Stop()
		}
		return
	}
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), d.tick)
	} else {
		d.timer.Reset(time.Until(at))
	}
}

func (d *Dialog) tick() {
	d.mu.Lock()
	resend, giveUp := d.wait.expire(time.Now(), d.ua.timers)
	if resend && d.waitIn != nil {
		d.ua.stats.answersAgain.Add(1)
		d.waitIn.tx.Respond(d.waitIn.final)
	}
	d.arm()
	d.mu.Unlock()
	if giveUp {
		d.ua.stats.noACK.Add(1)
		d.abort(ErrNoACK)
	}
}

// takeACK ends the wait for it. The caller holds mu.
func (d *Dialog) takeACK(req *Request) {
	in := d.waitIn
	if in == nil {
		return
	}
	c, err := req.CSeq()
	want, _ := in.Request.CSeq()
	if err != nil || c.Seq != want.Seq {
		return
	}
	d.waitIn = nil
	d.wait.stop()
	d.arm()
	in.ackReq, in.final = req, nil
	d.offers.ackWait, d.offers.offerOut = false, false
	close(in.acked)
	d.update()
}
