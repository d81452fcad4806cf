package as

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Record is the call as a record of package cdr. Variables of the caller's channel whose names begin with "cdr_" are its
// Vars.
func (i *CallInfo) Record() cdr.Record {
	r := cdr.Record{
		ID: i.ID, Start: i.Began, Ring: i.Rang, Answer: i.Answered, End: i.Ended, Side: i.Request.Side.String(), Trunk: i.Request.Trunk, Target: i.Target,
		Rule: i.Decision.Rule, Calling: i.Decision.Calling.String(), Called: i.Decision.Called.String(), ServedUser: i.Request.ServedUser,
		Emergency: i.Request.Emergency, Status: i.Status, Cause: i.Cause.Q850(), HungUp: i.HungUp, ICID: i.ICID, OrigIOI: i.OrigIOI, TermIOI: i.TermIOI, Legs: i.Legs, Recordings: i.Recordings,
	}
	if i.Request.Side == 0 {
		r.Side = ""
	}
	if n := len(i.Diversions); n > 0 {
		r.DivertedBy, r.Diversion, r.OriginalCalled = i.Diversions[0].By.String(), i.Diversions[0].Reason, i.Diversions[n-1].By.String()
	}
	if i.Status >= 300 {
		r.Reason = sip.StatusText(i.Status)
	}
	if req := i.Request.SIP; req != nil {
		r.CalledIn = req.RequestURI
		if from, err := req.From(); err == nil {
			r.CallingIn = from.URI.String()
		}
	}
	for name, v := range i.Vars {
		if name, ok := strings.CutPrefix(name, "cdr_"); ok {
			if r.Vars == nil {
				r.Vars = map[string]string{}
			}
			r.Vars[name] = v
		}
	}
	return r
}

// legOf describes a channel. err is why there was no answer, and status that of the last response.
func legOf(ch *control.Channel, uri string, err error) cdr.Leg {
	info := ch.Info()
	l := cdr.Leg{
		Direction: "in", URI: uri, CallID: ch.Var("sip_call_id"), Peer: ch.Var("sip_network_ip"), Start: info.Created, Ring: info.Progress, Answer: info.Answered,
		End: info.Hungup, Cause: info.Cause.Q850(), Status: sip.StatusCode(err),
	}
	if l.Ring.IsZero() || !info.ProgressMedia.IsZero() && info.ProgressMedia.Before(l.Ring) {
		l.Ring = info.ProgressMedia
	}
	if p := ch.Var("sip_network_port"); p != "" {
		l.Peer += ":" + p
	}
	if !info.Incoming {
		l.Direction = "out"
	}
	if !info.Answered.IsZero() {
		l.Status = 200
	}
	if info.Codec != "" {
		l.Codec = fmt.Sprintf("%s/%d", info.Codec, info.SampleRate)
	}
	if c := ch.Call(); c != nil {
		if m := c.Media(); m != nil {
			l.Media = cdr.MediaOf(m.Stats())
		}
	}
	return l
}

// out is a leg that the server has called for a session.
type out struct {
	ch  *control.Channel
	uri string
	err error
	leg *cdr.Leg // once it is over
}

// calls notes that a leg of the session tries a target.
func (x *session) calls(ch *control.Channel, uri string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.outs {
		if o.ch == ch {
			o.uri = uri
			return
		}
	}
	if len(x.outs) < maxAttempts {
		x.outs = append(x.outs, &out{ch: ch, uri: uri})
	}
}

// failed notes why a leg had no answer.
func (x *session) failed(ch *control.Channel, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.outs {
		if o.ch == ch {
			o.err = err
		}
	}
}

// legOver keeps the account of a leg that is over.
func (x *session) legOver(ch *control.Channel) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.outs {
		if o.ch == ch {
			l := legOf(ch, o.uri, o.err)
			o.leg = &l
		}
	}
}

// legs are those of the call, the caller's first.
func (x *session) legs(ch *control.Channel) (all []cdr.Leg) {
	if ch != nil {
		l := legOf(ch, x.req.RequestURI, nil)
		x.mu.Lock()
		if l.Status == 0 {
			l.Status = x.status
		}
		x.mu.Unlock()
		all = append(all, l)
	} else {
		all = append(all, cdr.Leg{Direction: "in", CallID: x.req.CallID(), URI: x.req.RequestURI, Peer: x.source, Start: x.began, End: time.Now(), Status: x.status})
	}
	x.mu.Lock()
	outs := slices.Clone(x.outs)
	x.mu.Unlock()
	for _, o := range outs {
		x.mu.Lock()
		leg, uri, err := o.leg, o.uri, o.err
		x.mu.Unlock()
		if leg == nil {
			l := legOf(o.ch, uri, err)
			leg = &l
		}
		all = append(all, *leg)
	}
	// The one that was answered is the last.
	slices.SortStableFunc(all[1:], func(a, b cdr.Leg) int {
		switch {
		case a.Answer.IsZero() == b.Answer.IsZero():
			return 0
		case a.Answer.IsZero():
			return -1
		}
		return 1
	})
	return all
}

// hungUp says who has ended a call.
func hungUp(ch *control.Channel, status int) cdr.HungUp {
	if ch == nil {
		if status == 487 {
			return cdr.ByCaller
		}
		return cdr.ByServer
	}
	var end error
	if c := ch.Call(); c != nil && c.Context().Err() != nil {
		end = context.Cause(c.Context())
	}
	switch {
	case errors.Is(end, sip.ErrPeerHungUp), errors.Is(end, sip.ErrCanceled):
		return cdr.ByCaller
	case errors.Is(end, sip.ErrSessionExpired), ch.Cause() == control.AllottedTimeout, ch.Cause() == control.NoAnswer:
		return cdr.ByTimer
	case errors.Is(end, call.ErrMediaTimeout), ch.Cause() == control.MediaTimeout:
		return cdr.ByMedia
	}
	if v := ch.Var("last_bridge_to"); v != "" || ch.Var("originate_disposition") != "" {
		if o := ch.Switch().Channel(v); o != nil && o.Cause() == control.MediaTimeout {
			return cdr.ByMedia
		}
		return cdr.ByCalled
	}
	return cdr.ByServer
}

// ioi are the operators on both sides (RFC 7315 section 4.6).
func (x *session) ioi() (orig, term string) {
	v, err := x.req.ChargingVector()
	if err != nil {
		return "", ""
	}
	term = v.TermIOI()
	x.mu.Lock()
	answer := x.out
	x.mu.Unlock()
	if answer != nil && answer.Response() != nil {
		if w, err := answer.Response().ChargingVector(); err == nil && w.TermIOI() != "" {
			term = w.TermIOI()
		}
	}
	if term == "" && x.peer.side == SideIMS {
		term = x.set.IMS.TermIOI
	}
	return v.OrigIOI(), term
}
