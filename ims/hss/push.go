package hss

import (
	"context"
	"crypto/rand"
	"encoding"
	"encoding/hex"
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
// on disk with the change that it is about, and is sent until it is answered, to each node one after the other.
type PushConfig struct {
	Retry    time.Duration // how long after a failure it is sent again, at first. If zero, 5 s
	RetryMax time.Duration // what Retry doubles up to. If zero, 5 min
	Life     time.Duration // how long after the change it is given up. If zero, 24 h
	Timeout  time.Duration // how long an answer is waited for. If zero, 10 s
	Max      int           // how many may be owed; the oldest is given up for one more. If zero, 100000
}

// Sender sends requests to peers, as a *diameter.Node does.
type Sender interface {
	Do(ctx context.Context, req encoding.BinaryAppender) (diameter.Answer, error)
}

// pusher sends what is owed.
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

// pushQueue is what is owed to one node, the oldest first. It has a goroutine while it holds anything and there is a Sender.
type pushQueue struct {
	list    []Push
	running bool
}

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
	q := p.hosts[x.Host]
	if q == nil {
		q = new(pushQueue)
		p.hosts[x.Host] = q
	}
	q.list = append(q.list, x)
	p.count++
	if !q.running && p.count > p.cfg.Max {
		// Nobody works on the queue, as there is no Sender yet.
		old := q.list[0]
		q.list = q.list[1:]
		p.count--
		p.h.stats.pushesEnd.Add(1)
		p.h.logf(slog.LevelError, "push given up: too many are owed", "command", old.Kind.String(), "peer", old.Host, "subscription", old.Subject)
		p.h.spawn(func() { p.h.store.Commit(Change{DonePush: old.ID}) })
	}
	p.start(x.Host, q)
}

// start gives a queue a goroutine. p.mu is held.
func (p *pusher) start(host string, q *pushQueue) {
	if q.running || p.sender == nil || len(q.list) == 0 {
		return
	}
	q.running = p.h.spawn(func() { p.run(host, q) })
}

func (p *pusher) run(host string, q *pushQueue) {
	wait := p.cfg.Retry
	for {
		p.mu.Lock()
		if len(q.list) == 0 || p.ctx.Err() != nil {
			q.running = false
			if len(q.list) == 0 {
				delete(p.hosts, host)
			}
			p.mu.Unlock()
			return
		}
		x := q.list[0]
		sender := p.sender
		over := p.count > p.cfg.Max
		p.mu.Unlock()

		why := ""
		switch {
		case time.Since(x.Created) > p.cfg.Life:
			why = "not answered in time"
		case over:
			why = "too many are owed"
		default:
			err := p.send(sender, x)
			if p.ctx.Err() != nil {
				continue
			}
			if err == nil {
				wait = p.cfg.Retry
				break
			}
			p.h.logf(slog.LevelWarn, "push failed", "command", x.Kind.String(), "peer", x.Host, "subscription", x.Subject, "err", err, "again_in", wait)
			p.h.stats.pushesRetried.Add(1)
			select {
			case <-time.After(wait):
			case <-p.ctx.Done():
			}
			wait = min(2*wait, p.cfg.RetryMax)
			continue
		}
		if why != "" {
			p.h.stats.pushesEnd.Add(1)
			p.h.logf(slog.LevelError, "push given up: "+why, "command", x.Kind.String(), "peer", x.Host, "subscription", x.Subject)
		}
		for p.h.store.Commit(Change{DonePush: x.ID}) != nil {
			// It stays owed: better twice than never. The queue waits for the disk.
			select {
			case <-time.After(p.cfg.RetryMax):
				continue
			case <-p.ctx.Done():
			}
			break
		}
		p.mu.Lock()
		q.list = slices.Delete(q.list, 0, 1)
		p.count--
		p.mu.Unlock()
	}
}

// send sends a push and deals with its answer. The error says that it has to be sent again.
func (p *pusher) send(sender Sender, x Push) error {
	m, err := diameter.ParseMessage(x.Message)
	if err != nil {
		p.h.logf(slog.LevelError, "push is damaged", "command", x.Kind.String(), "err", err)
		return nil
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
	return h.newPush(PushPPR, r.Host, r.Realm, s.ID(), &req)
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
		if err := h.commitPushes([]Change{{AddPush: h.newPush(PushPPR, x.Host, x.Realm, x.Subject, &req)}}); err != nil {
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
