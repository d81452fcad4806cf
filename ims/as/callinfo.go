package as

import (
	"slices"
	"strconv"
	"time"

	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/control"
)

// CallInfo is a call from outside that is over.
type CallInfo struct {
	ID       string // the UUID of its channel
	Request  *Request
	Decision Decision
	CallID   string // of the caller's leg
	ODI      string // original dialog identifier of a leg of the IMS side
	ICID     string // IMS charging identity, where there is one

	OrigIOI string // operators of both sides, where they are told
	TermIOI string

	// Diversions are the steps by which the call came to be for whom it was sent to last, the latest first: those before
	// it came here, and the server's own.
	Diversions []Diversion

	Began, Rang, Answered, Ended time.Time // Rang and Answered are zero where nobody has
	Status                       int       // of the final response to the caller; 487 where the caller gave up
	Cause                        control.Cause
	HungUp                       cdr.HungUp
	Target                       string            // that answered, or was tried last: "trunk/NAME", "ims", …
	Attempts                     []Attempt         // at targets, in order
	Legs                         []cdr.Leg         // the caller's first, that of who answered last
	Recordings                   []string          // names of what the caller's channel was recorded to
	Vars                         map[string]string // of the channel; nil where the call never had one
}

// Attempt is how one server of a target has done.
type Attempt struct {
	Target string // "trunk/NAME", "phone/NAME", "ims" or "uri"
	URI    string // that was called
	Err    error  // nil where it answered
}

// finish tells of the end of the call, once.
func (x *session) finish(ch *control.Channel) {
	s := x.s
	x.mu.Lock()
	if x.over || ch == nil && x.adopted {
		x.mu.Unlock()
		return
	}
	x.over = true
	info := x.infoLocked()
	info.Ended = time.Now()
	proxied := x.proxied
	x.mu.Unlock()
	info.OrigIOI, info.TermIOI = x.ioi()
	info.Cause = control.CauseOfStatus(info.Status)
	if ch != nil {
		info.Cause, info.Vars, info.Recordings = ch.Cause(), ch.Vars(), ch.Recorded()
	}
	info.HungUp = hungUp(ch, info.Status)
	info.Legs = x.legs(ch)
	switch {
	case proxied:
		s.counts.proxied.Add(1)
	case info.Answered.IsZero():
		s.counts.failed.Add(1)
	default:
		s.counts.answered.Add(1)
	}
	s.forget(x)
	if x.peer.trunk != nil {
		x.peer.trunk.release()
	}
	s.log.Info("as: call over", "id", x.id, "status", info.Status, "cause", info.Cause.String(), "target", info.Target, "seconds", seconds(info))
	x.telling <- struct{}{} // OnCall has returned
	x.ended = true
	<-x.telling
	if x.set.OnEnd != nil {
		x.set.OnEnd(info)
	}
	s.leave()
}

// infoLocked is what can be said of the call so far, with mu held.
func (x *session) infoLocked() *CallInfo {
	info := &CallInfo{
		ID: x.id, Request: x.ask, Decision: x.decision, CallID: x.req.CallID(), ODI: x.isc.ODI(), Began: x.began, Rang: x.rang, Answered: x.answered,
		Status: x.status, Target: x.target, Attempts: x.attempts, Diversions: x.way.steps,
	}
	if info.Request != nil {
		info.Diversions = slices.Concat(info.Diversions, info.Request.Diversions)
	} else {
		info.Request = &Request{ID: x.id, Time: x.began, Method: x.req.Method, Side: x.peer.side, SIP: x.req}
	}
	if v, err := x.req.ChargingVector(); err == nil {
		info.ICID, info.OrigIOI, info.TermIOI = v.ICID(), v.OrigIOI(), v.TermIOI()
	}
	return info
}

// underWay tells that the call goes on.
func (x *session) underWay() {
	if x.set.OnCall == nil {
		return
	}
	x.s.spawn(func() {
		x.telling <- struct{}{}
		defer func() { <-x.telling }()
		if x.ended {
			return
		}
		x.mu.Lock()
		info := x.infoLocked()
		x.mu.Unlock()
		x.set.OnCall(info)
	})
}

func seconds(i *CallInfo) string {
	if i.Answered.IsZero() {
		return "0"
	}
	return strconv.FormatFloat(i.Ended.Sub(i.Answered).Seconds(), 'f', 3, 64)
}
