package hss

import (
	"container/heap"
	"context"
	"crypto/rand"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/s6a"
	"github.com/gotelco/telco/diameter/sh"
)

// PushConfig says how the HSS tells others of changes: with RTR and PPR over Cx, PNR over Sh, CLR and IDR over S6a. What is owed is
// on disk with the change that it is about, and is sent until it is answered. There are S-CSCFs that never answer a PPR: it holds
// up nothing but later PPRs of the same user.
type PushConfig struct {
	Retry    time.Duration // how long after a failure it is sent again, at first. If zero, 5 s
	RetryMax time.Duration // what Retry doubles up to. If zero, 5 min
	Life     time.Duration // how long after the change it is given up. If zero, 24 h
	Timeout  time.Duration // how long an answer is waited for. If zero, 10 s
	Max      int           // how many may be owed; more PPR, PNR and IDR are given up. If zero, 100000
}

// Sender sends requests to peers, as a *diameter.Node does.
type Sender interface {
	Do(ctx context.Context, req encoding.BinaryAppender) (diameter.Answer, error)
}

// pusher sends what is owed. To a node go several requests at a time, but one after the other of one subscription, RTR and CLR
// before all others.
type pusher struct {
	h      *HSS
	cfg    PushConfig
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	sender Sender
	hosts  map[string]*pushQueue
	count  int
}

// pushWindow is how many requests wait for the answer of a node.
const pushWindow = 16

// pushQueue is what is owed to one node. It has a goroutine while it holds anything and there is a Sender.
type pushQueue struct {
	subjects map[string]*pushSubject
	urgent   []*pushSubject // ready, with RTR or CLR first. A subject that is not ready any more is passed over
	ready    []*pushSubject
	delayed  pushDelays
	busy     int
	hold     time.Time     // until when the node is left alone, as it cannot be reached
	wait     time.Duration // how long it is the next time
	running  bool
	wake     chan struct{}
}

// pushSubject is what is owed to a node about one subscription.
type pushSubject struct {
	list  []Push
	busy  bool // the first is under way
	ready bool
	wait  time.Duration // how long it waits the next time
}

// pushDelays is a heap of subjects by when they are ready again.
type pushDelays []pushDelay

type pushDelay struct {
	at time.Time
	s  *pushSubject
}

func (d pushDelays) Len() int           { return len(d) }
func (d pushDelays) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d pushDelays) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *pushDelays) Push(x any)        { *d = append(*d, x.(pushDelay)) }
func (d *pushDelays) Pop() any          { x := (*d)[len(*d)-1]; *d = (*d)[:len(*d)-1]; return x }

func (k PushKind) urgent() bool { return k == PushRTR || k == PushCLR }

func (p *pusher) init(h *HSS) {
	p.h, p.cfg = h, h.cfg.Push
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&p.cfg.Retry, 5*time.Second)
	def(&p.cfg.RetryMax, 5*time.Minute)
	def(&p.cfg.Life, 24*time.Hour)
	def(&p.cfg.Timeout, 10*time.Second)
	if p.cfg.Max <= 0 {
		p.cfg.Max = 100000
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.hosts = map[string]*pushQueue{}
	for _, x := range h.store.Pushes() {
		p.queue(x)
	}
}

func (p *pusher) close() { p.cancel() }

func (p *pusher) owed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Attach begins to send what is owed, with a node that has the [HSS.Services]. It is called once.
func (h *HSS) Attach(s Sender) {
	h.push.mu.Lock()
	defer h.push.mu.Unlock()
	h.push.sender = s
	for host, q := range h.push.hosts {
		h.push.start(host, q)
	}
}

// Pushes returns what is owed to other nodes.
func (h *HSS) Pushes() []Push { return h.store.Pushes() }

// queue takes a push that is on disk.
func (p *pusher) queue(x Push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count >= p.cfg.Max && !x.Kind.urgent() {
		p.giveUp(x, "too many are owed")
		p.h.spawn(func() { p.h.store.Commit(Change{DonePush: x.ID}) })
		return
	}
	q := p.hosts[x.Host]
	if q == nil {
		q = &pushQueue{subjects: map[string]*pushSubject{}, wait: p.cfg.Retry, wake: make(chan struct{}, 1)}
		p.hosts[x.Host] = q
	}
	s := q.subjects[x.Subject]
	if s == nil {
		s = &pushSubject{wait: p.cfg.Retry}
		q.subjects[x.Subject] = s
	}
	at := len(s.list)
	if x.Kind.urgent() {
		// Before what is not urgent, but for the one under way.
		for at > 0 && !s.list[at-1].Kind.urgent() && !(s.busy && at == 1) {
			at--
		}
	}
	s.list = slices.Insert(s.list, at, x)
	p.count++
	if !s.busy && at == 0 {
		q.makeReady(s)
	}
	p.start(x.Host, q)
	q.signal()
}

// makeReady puts a subject where its first push belongs.
func (q *pushQueue) makeReady(s *pushSubject) {
	s.ready = true
	if s.list[0].Kind.urgent() {
		q.urgent = append(q.urgent, s)
	} else {
		q.ready = append(q.ready, s)
	}
}

func (q *pushQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next takes a subject that is ready, nil if there is none.
func (q *pushQueue) next(now time.Time) *pushSubject {
	for len(q.delayed) > 0 && !q.delayed[0].at.After(now) {
		if s := heap.Pop(&q.delayed).(pushDelay).s; !s.busy && !s.ready && len(s.list) > 0 {
			q.makeReady(s)
		}
	}
	for _, list := range []*[]*pushSubject{&q.urgent, &q.ready} {
		for len(*list) > 0 {
			s := (*list)[0]
			*list = (*list)[1:]
			if s.ready && !s.busy && len(s.list) > 0 {
				return s
			}
		}
	}
	return nil
}

// start gives a queue a goroutine. p.mu is held.
func (p *pusher) start(host string, q *pushQueue) {
	if !q.running && p.sender != nil && len(q.subjects) > 0 {
		q.running = p.h.spawn(func() { p.run(host, q) })
	}
}

// run sends what a queue holds until it is empty.
func (p *pusher) run(host string, q *pushQueue) {
	for {
		p.mu.Lock()
		if p.ctx.Err() != nil || len(q.subjects) == 0 {
			q.running = false
			if len(q.subjects) == 0 {
				delete(p.hosts, host)
			}
			p.mu.Unlock()
			return
		}
		now := time.Now()
		wait := time.Hour
		window := pushWindow
		if q.wait != p.cfg.Retry {
			window = 1 // one tries whether the node can be reached again
		}
		if q.busy < window {
			if d := q.hold.Sub(now); d > 0 {
				wait = d
			} else if s := q.next(now); s != nil {
				s.ready, s.busy = false, true
				q.busy++
				x, sender := s.list[0], p.sender
				if p.h.spawn(func() { p.work(q, s, sender, x) }) {
					p.mu.Unlock()
					continue
				}
			} else if len(q.delayed) > 0 {
				wait = q.delayed[0].at.Sub(now)
			}
		}
		p.mu.Unlock()
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-q.wake:
		case <-p.ctx.Done():
		}
		t.Stop()
	}
}

// work sends one push and takes note of how that went.
func (p *pusher) work(q *pushQueue, s *pushSubject, sender Sender, x Push) {
	var err error
	if time.Since(x.Created) > p.cfg.Life {
		p.giveUp(x, "not answered in time")
	} else {
		err = p.send(sender, x)
	}
	if err == nil {
		// Until the disk says so it stays owed: better twice than never.
		err = p.h.store.Commit(Change{DonePush: x.ID})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer q.signal()
	q.busy--
	s.busy = false
	if err == nil {
		s.list = slices.Delete(s.list, 0, 1)
		p.count--
		s.wait, q.wait = p.cfg.Retry, p.cfg.Retry
		if len(s.list) == 0 {
			delete(q.subjects, x.Subject)
		} else {
			q.makeReady(s)
		}
		return
	}
	if p.ctx.Err() != nil {
		return
	}
	p.h.stats.pushesRetried.Add(1)
	var route *diameter.RouteError
	if errors.As(err, &route) {
		// The node cannot be reached: all of it waits.
		q.makeReady(s)
		if now := time.Now(); !q.hold.After(now) {
			q.hold = now.Add(q.wait)
			p.h.logf(slog.LevelWarn, "pushes wait: the node cannot be reached", "peer", x.Host, "err", err, "again_in", q.wait)
			q.wait = min(2*q.wait, p.cfg.RetryMax)
		}
		return
	}
	p.h.logf(slog.LevelWarn, "push failed", "command", x.Kind.String(), "peer", x.Host, "subscription", x.Subject, "err", err, "again_in", s.wait)
	heap.Push(&q.delayed, pushDelay{time.Now().Add(s.wait), s})
	s.wait = min(2*s.wait, p.cfg.RetryMax)
	// Something urgent may have come meanwhile, and stands second.
	if len(s.list) > 1 && s.list[1].Kind.urgent() && !s.list[0].Kind.urgent() {
		s.list[0], s.list[1] = s.list[1], s.list[0]
		q.makeReady(s)
	}
}

func (p *pusher) giveUp(x Push, why string) {
	p.h.stats.pushesEnd.Add(1)
	p.h.logf(slog.LevelError, "push given up: "+why, "command", x.Kind.String(), "peer", x.Host, "subscription", x.Subject)
}

// send sends a push and deals with its answer. The error says that it has to be sent again.
func (p *pusher) send(sender Sender, x Push) error {
	m, err := diameter.ParseMessage(x.Message)
	if err == nil && x.Kind == PushPPR {
		m, err = p.h.current(x, m)
	}
	if err != nil {
		p.h.logf(slog.LevelError, "push is damaged", "command", x.Kind.String(), "err", err)
		return nil
	}
	if m.Code == 0 {
		return nil // nobody is served there any more
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.Timeout)
	defer cancel()
	a, err := sender.Do(ctx, m)
	if err != nil {
		return err
	}
	var r diameter.Result
	if v, ok := a.Find(diameter.AVPResultCode, 0); ok {
		n, _ := v.Uint32()
		r.Code = diameter.ResultCode(n)
	}
	if v, ok := a.Find(diameter.AVPExperimentalResult, 0); ok {
		vendor, _ := v.Grouped().Find(diameter.AVPVendorID, 0)
		code, _ := v.Grouped().Find(diameter.AVPExperimentalResultCode, 0)
		n, _ := vendor.Uint32()
		c, _ := code.Uint32()
		r = diameter.Result{VendorID: diameter.VendorID(n), Code: diameter.ResultCode(c)}
	}
	switch {
	case r.VendorID == 0 && (r.Code == diameter.TooBusy || r.Code == diameter.UnableToDeliver || r.Code == diameter.LoopDetected || r.Code.IsTransient()):
		return fmt.Errorf("hss: %s answers %v", x.Host, r)
	case r.IsSuccess():
		p.h.stats.pushesDone.Add(1)
		p.h.changed("", x.Subject, x.Kind.String()+" acknowledged by "+x.Host)
	default:
		p.h.stats.pushesEnd.Add(1)
		p.h.logf(slog.LevelWarn, "push refused", "command", x.Kind.String(), "peer", x.Host, "subscription", x.Subject, "result", resultName(r))
		p.refused(x, m, r)
	}
	return nil
}

// current brings a PPR up to date: the profile may have changed since it was made, and the registration be another one or none. The
// message is zero where it has become pointless.
func (h *HSS) current(x Push, m diameter.Message) (diameter.Message, error) {
	q, err := cx.ParsePPR(m)
	if err != nil {
		return m, err
	}
	e, ok := h.store.Find(Key{KeyID, x.Subject})
	if !ok {
		return diameter.Message{}, nil
	}
	for i := range e.State.Registrations {
		r := &e.State.Registrations[i]
		p := e.Subscriber.identityAt(r)
		if r.ImplicitSet != x.ImplicitSet || r.PSI != x.PSI || r.Host != x.Host || r.State == NotRegistered || p == nil {
			continue
		}
		s := subject{Entry: e, impu: p, impi: e.Subscriber.private(q.UserName)}
		if q.UserData != nil {
			q.UserData = h.userData(s, q.UserName, r.SharedIFC)
		}
		if q.ChargingInformation != nil {
			if c := h.charging(e.Subscriber); c != nil {
				q.ChargingInformation = c
			}
		}
		if q.SIPAuthDataItem != nil && s.impi != nil && s.impi.Digest != nil {
			item := s.impi.digest()
			q.SIPAuthDataItem = &item
		}
		return diameter.NewMessage(&q)
	}
	return diameter.Message{}, nil
}

// refused does what the specifications say about a push that was refused.
func (p *pusher) refused(x Push, m diameter.Message, r diameter.Result) {
	switch {
	case x.Kind == PushPPR && r == cx.TooMuchData:
		// TS 29.228 section 6.2.2.1: another S-CSCF has to take the user.
		p.h.As("hss").Deregister(x.Subject, Deregistration{Reason: cx.ReasonCodeServerChange, Info: "the S-CSCF cannot take the profile"})
	case x.Kind == PushPPR && r == cx.UserUnknown:
		p.h.pprTo(x, m)
	case x.Kind == PushPNR && (r == cx.UserUnknown || r == sh.NoSubscriptionToData):
		p.h.forgetNotifications(x)
	}
}

// commit makes changes of a subscription, whose state becomes the one given, and owes what they imply to those who asked to be told.
func (h *HSS) commit(e Entry, state *State, changes ...Change) error {
	return h.commitPushes(h.notifications(e, Entry{Subscriber: e.Subscriber, State: state}, changes, ""))
}

// commitPushes commits, and sends what is owed from then on.
func (h *HSS) commitPushes(changes []Change) error {
	if err := h.store.Commit(changes...); err != nil {
		return err
	}
	for _, c := range changes {
		if c.AddPush != nil {
			h.push.queue(*c.AddPush)
		}
	}
	return nil
}

// newPush makes a push of a typed request.
func (h *HSS) newPush(kind PushKind, host, realm, subject string, req encoding.BinaryAppender) *Push {
	b, err := req.AppendBinary(nil)
	if err != nil {
		h.logf(slog.LevelError, "push cannot be encoded", "command", kind.String(), "err", err)
	}
	return &Push{Kind: kind, Host: host, Realm: realm, Subject: subject, Created: time.Now().UTC(), Message: b}
}

// sessionID makes one that stays the same when a push is sent again.
func (h *HSS) sessionID() string {
	var b [8]byte
	rand.Read(b[:])
	return fmt.Sprintf("%s;%d;%s", h.cfg.Host, time.Now().Unix(), hex.EncodeToString(b[:]))
}

func vendorApplication(app diameter.ApplicationID) diameter.VendorSpecificApplicationID {
	return diameter.VendorSpecificApplicationID{VendorID: diameter.Vendor3GPP, AuthApplicationID: diameter.Some(app)}
}

// rtr makes a Registration-Termination-Request (TS 29.228 section 6.1.3) for identities that were registered with impis.
func (h *HSS) rtr(s subject, host, realm string, impis []string, identities []*PublicIdentity, reason cx.ReasonCode, info string) *Push {
	req := cx.RTR{
		SessionID: h.sessionID(), VendorSpecificApplicationID: vendorApplication(cx.Application), AuthSessionState: diameter.AuthSessionStateNoStateMaintained,
		OriginHost: h.cfg.Host, OriginRealm: h.cfg.Realm, DestinationHost: host, DestinationRealm: realm,
		DeregistrationReason: cx.DeregistrationReason{ReasonCode: reason},
	}
	if info != "" {
		req.DeregistrationReason.ReasonInfo = diameter.Some(info)
	}
	switch {
	case len(impis) > 0:
		req.UserName = impis[0]
		if len(impis) > 1 {
			req.AssociatedIdentities = &cx.AssociatedIdentities{UserName: impis[1:]}
		}
	default:
		if p := s.anyPrivate(); p != nil {
			req.UserName = p.IMPI
		}
	}
	for _, p := range identities {
		req.PublicIdentity = append(req.PublicIdentity, p.Identity)
	}
	return h.newPush(PushRTR, host, realm, s.ID(), &req)
}

// ppr makes a Push-Profile-Request (TS 29.228 section 6.2.2). What has not changed is nil.
func (h *HSS) ppr(s subject, r *Registration, userData []byte, charging *cx.ChargingInformation, digest *PrivateIdentity) *Push {
	req := cx.PPR{
		SessionID: h.sessionID(), VendorSpecificApplicationID: vendorApplication(cx.Application), AuthSessionState: diameter.AuthSessionStateNoStateMaintained,
		OriginHost: h.cfg.Host, OriginRealm: h.cfg.Realm, DestinationHost: r.Host, DestinationRealm: r.Realm,
		UserData: userData, ChargingInformation: charging,
	}
	switch {
	case digest != nil:
		item := digest.digest()
		req.UserName, req.SIPAuthDataItem = digest.IMPI, &item
	case s.impi != nil:
		req.UserName = s.impi.IMPI
	default:
		if p := s.anyPrivate(); p != nil {
			req.UserName = p.IMPI
		}
	}
	push := h.newPush(PushPPR, r.Host, r.Realm, s.ID(), &req)
	push.ImplicitSet, push.PSI = r.ImplicitSet, r.PSI
	return push
}

// pprTo sends a PPR again with another private identity, as the S-CSCF does not know the one that it had.
func (h *HSS) pprTo(x Push, m diameter.Message) {
	req, err := cx.ParsePPR(m)
	e, ok := h.store.Find(Key{KeyID, x.Subject})
	if err != nil || !ok {
		return
	}
	for i := range e.State.Registrations {
		r := &e.State.Registrations[i]
		at := slices.Index(r.IMPIs, req.UserName)
		if r.Host != x.Host || at < 0 || at+1 >= len(r.IMPIs) {
			continue
		}
		req.UserName, req.SessionID = r.IMPIs[at+1], h.sessionID()
		push := h.newPush(PushPPR, x.Host, x.Realm, x.Subject, &req)
		push.ImplicitSet, push.PSI = x.ImplicitSet, x.PSI
		if err := h.commitPushes([]Change{{AddPush: push}}); err != nil {
			h.logf(slog.LevelError, "PPR cannot be kept", "err", err)
		}
		return
	}
}

// clr makes a Cancel-Location-Request (TS 29.272 section 5.2.1.2).
func (h *HSS) clr(id, imsi string, node *ServingNode, kind s6a.CancellationType) *Push {
	req := s6a.CLR{
		SessionID: h.sessionID(), AuthSessionState: diameter.AuthSessionStateNoStateMaintained,
		OriginHost: h.cfg.Host, OriginRealm: h.cfg.Realm, DestinationHost: node.Host, DestinationRealm: node.Realm, UserName: imsi, CancellationType: kind,
	}
	v := vendorApplication(s6a.Application)
	req.VendorSpecificApplicationID = &v
	return h.newPush(PushCLR, node.Host, node.Realm, id, &req)
}

func resultName(r diameter.Result) string {
	if r.VendorID != diameter.Vendor3GPP {
		return r.String()
	}
	if s := cx.ResultName(r); s != r.String() {
		return s
	}
	return r.String()
}
