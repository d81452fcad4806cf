package diameter

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxRedirects is how many redirect indications a request follows.
const maxRedirects = 5

// redirectAnswer is what a redirect agent says (RFC 6733 section 6.1.8).
func (n *Node) redirectAnswer(h Header, msg []byte, route *routeEntry) []byte {
	m := Message{h, AVPs(msg[HeaderLen:])}
	b := n.errorAnswer(m, &ProtocolError{ResultCode: RedirectIndication})
	for _, host := range route.RedirectHosts {
		b = AppendText(b, AVPRedirectHost, Mandatory, 0, host)
	}
	if route.RedirectUsage != RedirectHostUsageDontCache {
		b = AppendUint32(b, AVPRedirectHostUsage, Mandatory, 0, uint32(route.RedirectUsage))
		b = AppendUint32(b, AVPRedirectMaxCacheTime, Mandatory, 0, uint32(route.RedirectCache/time.Second))
	}
	FinishMessage(b, 0)
	return b
}

// follow sends a request where a redirect indication points to, if it may.
func (n *Node) follow(tx *transaction, from *peer, c *conn, avps AVPs) bool {
	tx.way.Lock()
	tx.redirects++
	over := tx.redirects > maxRedirects
	tx.way.Unlock()
	if over {
		return false
	}
	var usage RedirectHostUsage
	var cache time.Duration
	if a, ok := avps.Find(AVPRedirectHostUsage, 0); ok {
		v, _ := a.Uint32()
		usage = RedirectHostUsage(v)
	}
	if a, ok := avps.Find(AVPRedirectMaxCacheTime, 0); ok {
		v, _ := a.Uint32()
		cache = time.Duration(v) * time.Second
	}
	tx.mu.Lock()
	var r routing
	r.scan(AVPs(tx.msg[HeaderLen:]), n.cfg.OriginHost)
	tx.mu.Unlock()

	for a := range avps.All() {
		if a.Code != AVPRedirectHost || a.VendorID != 0 {
			continue
		}
		u, err := ParseURI(a.Text())
		if err != nil {
			continue
		}
		p := n.peer(u.Host)
		if p == nil {
			p = n.redirectPeer(u, max(cache, time.Minute))
		}
		if p == nil || p == from {
			continue
		}
		if h, ok := tx.usableFor(p, nil, true); ok {
			tx.way.Lock()
			tx.tried = append(tx.tried, p)
			err := tx.sendOn(h.p, h.c, c)
			tx.way.Unlock()
			if err != nil {
				continue
			}
		} else if p.connecting() {
			if !n.spawn(func() { n.sendWhenOpen(tx, p) }) {
				continue
			}
		} else {
			continue
		}
		n.stats.Redirected.Add(1)
		if usage != RedirectHostUsageDontCache && cache > 0 {
			n.redirect.add(usage, &r, tx.app, from.cfg.Host, u.Host, time.Now().Add(cache))
		}
		return true
	}
	return false
}

// redirectPeer makes a peer of a host that a redirect indication names, if the Config lets it.
func (n *Node) redirectPeer(u URI, keep time.Duration) *peer {
	if n.cfg.Redirect == nil {
		return nil
	}
	cfg, ok := n.cfg.Redirect(u)
	if !ok || cfg.check(n.cfg) != nil || fold(cfg.Host) != fold(u.Host) {
		return nil
	}
	p, ok := n.addPeer(cfg, true)
	if !ok {
		return nil
	}
	p.do(func(now time.Time) {
		p.dynamic = false
		p.expires = now.Add(keep)
	})
	return p
}

// connecting tells whether the peer may be usable soon.
func (p *peer) connecting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.gone && p.m.state != PeerClosed && p.m.state != PeerClosing
}

// sendWhenOpen sends a redirected request once the peer is connected.
func (n *Node) sendWhenOpen(tx *transaction, p *peer) {
	deadline := time.Now().Add(n.cfg.Timers.Connect)
	n.waitUntil(deadline, func() bool { return p.usable.Load() != nil || !p.connecting() })
	h, ok := tx.usableFor(p, nil, true)
	if ok && !tx.finished.Load() {
		tx.way.Lock()
		tx.tried = append(tx.tried, p)
		err := tx.sendOn(h.p, h.c, nil)
		tx.way.Unlock()
		if err == nil {
			return
		}
	}
	tx.fail(p, &RouteError{ResultCode: UnableToDeliver, Host: p.cfg.Host, Application: tx.app, Why: "redirected to " + p.cfg.Host + ", which cannot be reached: " + p.Status().Reason})
}

// redirectKey is what a redirect indication is for.
type redirectKey struct {
	usage RedirectHostUsage
	app   ApplicationID
	text  string
}

type redirectTarget struct {
	host    string
	expires time.Time
}

// redirectCache remembers redirect indications.
type redirectCache struct {
	count atomic.Int32
	limit int
	mu    sync.Mutex
	m     map[redirectKey]redirectTarget
}

func (c *redirectCache) init(limit int) { c.limit, c.m = limit, map[redirectKey]redirectTarget{} }

func (c *redirectCache) add(usage RedirectHostUsage, r *routing, app ApplicationID, from, host string, expires time.Time) {
	k := redirectKey{usage: usage}
	switch usage {
	case RedirectHostUsageAllSession:
		k.text = string(r.session)
	case RedirectHostUsageAllUser:
		k.text = string(r.user)
	case RedirectHostUsageRealmAndApplication:
		k.text, k.app = fold(string(r.destRealm)), app
	case RedirectHostUsageAllRealm:
		k.text = fold(string(r.destRealm))
	case RedirectHostUsageAllApplication:
		k.app = app
	case RedirectHostUsageAllHost:
		k.text = fold(from)
	default:
		return
	}
	if k.text == "" && usage != RedirectHostUsageAllApplication {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= c.limit {
		now := time.Now()
		for k, t := range c.m {
			if now.After(t.expires) {
				delete(c.m, k)
			}
		}
		if len(c.m) >= c.limit {
			return
		}
	}
	c.m[k] = redirectTarget{host, expires}
	c.count.Store(int32(len(c.m)))
}

// find is where requests like r were redirected to, in the order of precedence of RFC 6733 section 6.13.
func (c *redirectCache) find(r *routing, app ApplicationID) string {
	if c.count.Load() == 0 {
		return ""
	}
	now := time.Now()
	realm := fold(string(r.destRealm))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range [...]redirectKey{
		{RedirectHostUsageAllSession, 0, string(r.session)},
		{RedirectHostUsageAllUser, 0, string(r.user)},
		{RedirectHostUsageRealmAndApplication, app, realm},
		{RedirectHostUsageAllRealm, 0, realm},
		{RedirectHostUsageAllApplication, app, ""},
	} {
		if t, ok := c.live(k, now); ok {
			return t.host
		}
	}
	return ""
}

// instead is where requests that would go to host were redirected to (ALL_HOST).
func (c *redirectCache) instead(host string) string {
	if c.count.Load() == 0 {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, _ := c.live(redirectKey{RedirectHostUsageAllHost, 0, fold(host)}, time.Now())
	return t.host
}

func (c *redirectCache) live(k redirectKey, now time.Time) (redirectTarget, bool) {
	t, ok := c.m[k]
	if ok && now.After(t.expires) {
		delete(c.m, k)
		c.count.Store(int32(len(c.m)))
		return redirectTarget{}, false
	}
	return t, ok
}

// forget drops what points to a host that cannot be reached any more.
func (c *redirectCache) forget(host string) {
	if c.count.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, t := range c.m {
		if fold(t.host) == host {
			delete(c.m, k)
		}
	}
	c.count.Store(int32(len(c.m)))
}
