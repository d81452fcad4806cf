package diameter

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// routing is what decides where a request goes.
type routing struct {
	session, user, originHost, destHost, destRealm []byte

	looped   bool // our identity is among the Route-Records
	records  bool // there are Route-Records
	overload bool // it has OC-Supported-Features
	proxied  bool // it has Proxy-Info
}

// scan reads what decides where a request goes, and checks that all AVPs can be read.
func (r *routing) scan(avps AVPs, self string) error {
	*r = routing{}
	for s := avps; len(s) > 0; {
		a, k, ok := s.first()
		if !ok {
			return s.lengthError()
		}
		s = s[k:]
		if a.VendorID != 0 {
			continue
		}
		switch a.Code {
		case AVPSessionID:
			r.session = a.Data
		case AVPUserName:
			r.user = a.Data
		case AVPOriginHost:
			r.originHost = a.Data
		case AVPDestinationHost:
			r.destHost = a.Data
		case AVPDestinationRealm:
			r.destRealm = a.Data
		case AVPRouteRecord:
			r.records = true
			r.looped = r.looped || equalIdentity(a.Data, self)
		case AVPProxyInfo:
			r.proxied = true
		case AVPOCSupportedFeatures:
			r.overload = true
		}
	}
	return nil
}

// recorded tells whether host is among the Route-Records.
func recorded(avps AVPs, host string) bool {
	for s := avps; len(s) > 0; {
		a, k, ok := s.first()
		if !ok {
			return false
		}
		s = s[k:]
		if a.Code == AVPRouteRecord && a.VendorID == 0 && equalIdentity(a.Data, host) {
			return true
		}
	}
	return false
}

// routeTable is the realm routing table (RFC 6733 section 2.7).
type routeTable struct {
	exact    map[string][]*routeEntry // by realm, folded
	suffix   []*routeEntry            // the longest first
	fallback []*routeEntry
}

type routeEntry struct {
	Route
	folded string
	turn   atomic.Uint32
}

func newRouteTable(routes []Route) routeTable {
	t := routeTable{exact: map[string][]*routeEntry{}}
	for _, r := range routes {
		e := &routeEntry{Route: r, folded: fold(r.Realm)}
		switch {
		case r.Realm == "*":
			t.fallback = append(t.fallback, e)
		case r.Realm[0] == '.':
			i := 0
			for i < len(t.suffix) && len(t.suffix[i].folded) >= len(e.folded) {
				i++
			}
			t.suffix = append(t.suffix[:i:i], append([]*routeEntry{e}, t.suffix[i:]...)...)
		default:
			t.exact[e.folded] = append(t.exact[e.folded], e)
		}
	}
	return t
}

// find is the entry for a realm and application: that of the realm before one of realms above it before the
// default; one that names the application before one for all.
func (t *routeTable) find(realm []byte, app ApplicationID) *routeEntry {
	var buf [256]byte
	if len(realm) > len(buf) {
		return nil
	}
	for i, c := range realm {
		buf[i] = lowerASCII(c)
	}
	folded := buf[:len(realm)]
	if e := choose(t.exact[string(folded)], app); e != nil {
		return e
	}
	for i := range t.suffix {
		if strings.HasSuffix(string(folded), t.suffix[i].folded) {
			if e := choose(t.suffix[i:i+1], app); e != nil {
				return e
			}
		}
	}
	return choose(t.fallback, app)
}

func choose(es []*routeEntry, app ApplicationID) (any *routeEntry) {
	for _, e := range es {
		if len(e.Applications) == 0 && any == nil {
			any = e
		}
		for _, a := range e.Applications {
			if a == app {
				return e
			}
		}
	}
	return any
}

// hop says where a request may go next.
type hop struct {
	p *peer
	c *conn
}

// usableFor says whether a request of the transaction may go to p now.
func (tx *transaction) usableFor(p *peer, avoid *peer, again bool) (hop, bool) {
	if p == nil || p == avoid || tx.src != nil && tx.src.peer == p {
		return hop{}, false
	}
	c := p.usable.Load()
	if c == nil {
		return hop{}, false
	}
	if caps := p.remote.Load(); caps == nil || !caps.Has(tx.app) {
		return hop{}, false
	}
	if !again {
		for _, q := range tx.tried {
			if p == q {
				return hop{}, false
			}
		}
	}
	return hop{p, c}, true
}

// nextHop finds where the request goes (RFC 6733 sections 6.1.4 to 6.1.7): to where a redirect
// indication sent others like it, to the host it names, to a peer of the route of its realm, to a
// peer of its realm. avoid is a peer that has failed. again admits peers that had the request.
func (tx *transaction) nextHop(r *routing, route *routeEntry, avoid *peer, again bool) (hop, bool) {
	n := tx.n
	if host := n.redirect.find(r, tx.app); host != "" {
		if h, ok := tx.usableFor(n.peer(host), avoid, again); ok {
			return h, true
		}
	}
	h, ok := tx.byTable(r, route, avoid, again)
	if ok {
		if host := n.redirect.instead(h.p.cfg.Host); host != "" {
			if other, ok := tx.usableFor(n.peer(host), avoid, again); ok {
				return other, true
			}
		}
	}
	return h, ok
}

// byTable is nextHop without redirect indications.
func (tx *transaction) byTable(r *routing, route *routeEntry, avoid *peer, again bool) (hop, bool) {
	n := tx.n
	avps := AVPs(tx.msg[HeaderLen:])
	direct := n.peerNamed(r.destHost)
	if direct != nil {
		if h, ok := tx.usableFor(direct, avoid, again); ok && !(r.records && recorded(avps, direct.cfg.Host)) {
			return h, true
		}
	}
	relays := direct != nil // another server would not do, but a relay may know a way
	if route != nil {
		if h, ok := tx.fromPool(route, r, avps, avoid, again, relays); ok {
			return h, true
		}
		return hop{}, false
	}
	var best hop
	for _, p := range *n.peers.Load() {
		caps := p.remote.Load()
		if caps == nil || !equalIdentity(r.destRealm, caps.OriginRealm) || relays && !caps.Relay || r.records && recorded(avps, p.cfg.Host) {
			continue
		}
		if h, ok := tx.usableFor(p, avoid, again); ok && (best.p == nil || h.c.pend.len() < best.c.pend.len()) {
			best = h
		}
	}
	return best, best.p != nil
}

// fromPool chooses among a route's peers: of the lowest priority that has a usable one, in turn by weight.
func (tx *transaction) fromPool(route *routeEntry, r *routing, avps AVPs, avoid *peer, again, relays bool) (hop, bool) {
	n := tx.n
	var hops [16]hop
	var weights [16]int
	count, total, level := 0, 0, 0
	for _, rp := range route.Peers {
		if count > 0 && rp.Priority > level || count == len(hops) {
			continue
		}
		p := n.peer(rp.Host)
		h, ok := tx.usableFor(p, avoid, again)
		if !ok || relays && !p.remote.Load().Relay && !equalIdentity(r.destHost, p.cfg.Host) || r.records && recorded(avps, p.cfg.Host) {
			continue
		}
		if tx.src == nil && len(r.destHost) == 0 && n.overload.abates(OCReportTypeHostReport, p.key, tx.app, time.Now()) {
			continue // diverted (RFC 7683 section 5.2.2)
		}
		if count > 0 && rp.Priority < level {
			count, total = 0, 0
		}
		level = rp.Priority
		hops[count], weights[count] = h, max(rp.Weight, 1)
		total += weights[count]
		count++
	}
	if count == 0 {
		return hop{}, false
	}
	turn := int(route.turn.Add(1) % uint32(total))
	for i := range count {
		if turn -= weights[i]; turn < 0 {
			return hops[i], true
		}
	}
	return hops[0], true
}

// RouteError says why a request could go nowhere. ResultCode is what an agent answers then:
// DIAMETER_REALM_NOT_SERVED without a route, else DIAMETER_UNABLE_TO_DELIVER, or DIAMETER_TOO_BUSY.
type RouteError struct {
	ResultCode  ResultCode
	Host, Realm string // Destination-Host and -Realm
	Application ApplicationID
	Why         string // what is wrong with each peer that would do
}

// Error says all of it.
func (e *RouteError) Error() string {
	s := fmt.Sprintf("diameter: no peer for application %d of realm %q", uint32(e.Application), e.Realm)
	if e.Host != "" {
		s += fmt.Sprintf(" host %q", e.Host)
	}
	return s + ": " + e.Why
}

// noHop explains why nextHop found nothing.
func (tx *transaction) noHop(r *routing, route *routeEntry, last error) *RouteError {
	n := tx.n
	e := &RouteError{ResultCode: UnableToDeliver, Host: string(r.destHost), Realm: string(r.destRealm), Application: tx.app}
	var why []string
	say := func(host string) {
		p := n.peer(host)
		if p == nil {
			why = append(why, host+" is no peer")
			return
		}
		s := p.Status()
		switch {
		case !s.Usable && s.State.Open():
			why = append(why, fmt.Sprintf("%s is in %v: %s", host, s.Watchdog, s.Reason))
		case !s.Usable:
			why = append(why, fmt.Sprintf("%s is in %v: %s", host, s.State, s.Reason))
		case !s.Capabilities.Has(tx.app):
			why = append(why, fmt.Sprintf("%s announced %s", host, listApplications(&s.Capabilities)))
		case tx.src != nil && tx.src.peer == p:
			why = append(why, host+" is where it came from")
		case n.overload.reduction(OCReportTypeHostReport, p.key, tx.app, time.Now()) > 0:
			e.ResultCode = TooBusy
			why = append(why, host+" is overloaded")
		default:
			why = append(why, host+" had it already")
		}
	}
	if p := n.peerNamed(r.destHost); p != nil {
		say(p.cfg.Host)
	}
	if route != nil {
		for _, rp := range route.Peers {
			say(rp.Host)
		}
	} else {
		for _, p := range *n.peers.Load() {
			if caps := p.remote.Load(); caps != nil && equalIdentity(r.destRealm, caps.OriginRealm) {
				say(p.cfg.Host)
			}
		}
	}
	if last != nil {
		why = append(why, last.Error())
		if last == errQueueFull {
			e.ResultCode = TooBusy
		}
	}
	if len(why) == 0 {
		e.ResultCode, why = RealmNotServed, []string{"no route"}
	}
	e.Why = strings.Join(why, "; ")
	return e
}

// dispatch sends the transaction to its next hop. avoid is the peer that failed, if one did.
func (tx *transaction) dispatch(r *routing, avoid *peer, again bool, from *conn) error {
	tx.way.Lock()
	defer tx.way.Unlock()
	route := tx.route
	if route == nil {
		route = tx.n.routes.find(r.destRealm, tx.app)
	}
	if route != nil && route.Action == RedirectRequests {
		route = nil
	}
	var last error
	for {
		h, ok := tx.nextHop(r, route, avoid, again)
		if !ok {
			return tx.noHop(r, route, last)
		}
		tx.tried = append(tx.tried, h.p)
		err := tx.sendOn(h.p, h.c, from)
		if err == nil {
			return nil
		}
		last = err
		if err == errQueueFull {
			h.p.stats.TooBusy.Add(1)
		}
		again = false
	}
}
