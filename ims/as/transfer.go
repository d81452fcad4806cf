package as

import (
	"context"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// onTransfer does what a peer has asked for by REFER (RFC 5589): whoever it talks to is connected to the party it names,
// by way of the router; or, where it names another call of its own by Replaces, to whom it talks to there. Trunks may do
// so only where their Transfer says it: the calls would be at our expense.
func (s *Server) onTransfer(c *call.Call, r *sip.Referred) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 30*time.Second)
	defer cancel()
	ch := s.channelOf(c)
	status := 0
	switch {
	case ch == nil || ch.Bridged() == nil:
		status = 481
	case !s.mayTransfer(ch):
		s.log.Warn("as: transfer refused", "uuid", ch.UUID(), "to", r.Target.String())
		status = 403
	case r.Replaces.CallID != "":
		status = s.attended(ctx, ch, r)
	default:
		status = s.blind(ctx, ch, r)
	}
	if status == 0 {
		return
	}
	if err := r.Notify(ctx, status, ""); err != nil {
		s.log.Debug("as: outcome of a transfer was not heard", "err", err)
	}
}

// channelOf finds the channel of a call.
func (s *Server) channelOf(c *call.Call) *control.Channel {
	for _, info := range s.sw.Channels() {
		if ch := s.sw.Channel(info.UUID); ch != nil && ch.Call() == c {
			return ch
		}
	}
	return nil
}

func (s *Server) mayTransfer(ch *control.Channel) bool {
	name := ""
	s.mu.Lock()
	x := s.sessions[ch.UUID()]
	s.mu.Unlock()
	switch {
	case x != nil && x.peer.trunk != nil:
		return x.peer.trunk.Transfer
	case x != nil && x.unverified: // for help, and nothing else
		return false
	case x != nil:
		return true
	default:
		name = ch.Var("sip_gateway_name")
	}
	if t := s.settings.Load().trunk(name); t != nil {
		return t.Transfer
	}
	return ch.Var("as_target") != "uri"
}

// blind sends whoever the peer talks to on. The peer is told first: its own call is over with that. It returns the status
// code to tell, 0 if that is done.
func (s *Server) blind(ctx context.Context, ch *control.Channel, r *sip.Referred) (status int) {
	number := sip.Unescape(r.Target.User)
	if n := r.Target.Number(); n != "" {
		number = n
	}
	number, _, _ = strings.Cut(number, ";")
	if number == "" || strings.ContainsAny(number, "&(), ") {
		return 404
	}
	other := ch.Bridged()
	if other == nil {
		return 481
	}
	other.SetVar("sip_refer_to", r.Target.String())
	other.SetVar("sip_referred_by", r.By)
	other.SetVar("park_after_bridge", "true") // the peer may hang up before we are done
	if err := r.Notify(ctx, 200, ""); err != nil {
		s.log.Debug("as: outcome of a transfer was not heard", "err", err)
	}
	other.SetVar("park_after_bridge", "")
	if err := other.Transfer(control.Extension{Number: number}); err != nil {
		s.log.Warn("as: transfer failed", "uuid", ch.UUID(), "err", err)
	}
	return 0
}

// attended connects the two parties whom the peer talks to in two calls with us. As blind does, it tells the peer first.
func (s *Server) attended(ctx context.Context, ch *control.Channel, r *sip.Referred) (status int) {
	var second *control.Channel
	for _, info := range s.sw.Channels() {
		o := s.sw.Channel(info.UUID)
		if o == nil || o == ch || o.Call() == nil || o.Call().Dialog() == nil {
			continue
		}
		st := o.Call().Dialog().State()
		if d := r.Replaces; st.CallID == d.CallID && (st.LocalTag == d.ToTag && st.RemoteTag == d.FromTag || st.LocalTag == d.FromTag && st.RemoteTag == d.ToTag) {
			second = o
		}
	}
	if second == nil || !s.mayTransfer(second) {
		return 481
	}
	a, b := ch.Bridged(), second.Bridged()
	if a == nil || b == nil || a == b {
		return 481
	}
	for _, c := range []*control.Channel{a, b} {
		c.SetVar("park_after_bridge", "true")
	}
	if err := r.Notify(ctx, 200, ""); err != nil {
		s.log.Debug("as: outcome of a transfer was not heard", "err", err)
	}
	err := s.sw.Bridge(a, b)
	for _, c := range []*control.Channel{a, b} {
		c.SetVar("park_after_bridge", "")
	}
	if err != nil {
		s.log.Warn("as: attended transfer failed", "uuid", ch.UUID(), "err", err)
		a.Hangup(control.CauseOf(err))
		b.Hangup(control.CauseOf(err))
	}
	second.Hangup(control.AttendedTransfer)
	return 0
}
