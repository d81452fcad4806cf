package stp

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// Status is how a node stands: what operators look at, also as JSON ([Handler]). Point codes are written in the
// node's format. How long something has been so is Now minus its Since; a zero Since is "never otherwise".
type Status struct {
	Name       string    `json:"name"`
	PointCode  string    `json:"point_code"`
	Network    string    `json:"network_indicator"`
	Now        time.Time `json:"now"`
	Since      time.Time `json:"since"`      // of Run
	Restarting bool      `json:"restarting"` // MTP restart: links carry no traffic of users yet

	Links    []LinkStatus    `json:"links"`
	Linksets []LinksetStatus `json:"linksets"`
	AS       []ASStatus      `json:"as"`
	ASPs     []ASPStatus     `json:"asp"`
	Gateways []GatewayStatus `json:"gateways"`
	Routes   []RouteStatus   `json:"routes"`
	Traffic  Traffic         `json:"traffic"`
	Alarms   []Alarm         `json:"alarms"`
}

// LinkStatus is a signalling link.
type LinkStatus struct {
	Name    string    `json:"name"`
	Linkset string    `json:"linkset"`
	SLC     uint8     `json:"slc"`
	State   string    `json:"state"`  // "in service", "deactivated", "failed", "aligning", "testing", "blocked", "inhibited"
	Level2  string    `json:"level2"` // state of M2PA: "IN SERVICE", "ALIGNED NOT READY", …
	Since   time.Time `json:"since"`  // since when it carries traffic, or carries none

	Active          bool      `json:"active"` // it is wanted in service
	InhibitedLocal  bool      `json:"inhibited_local,omitempty"`
	InhibitedRemote bool      `json:"inhibited_remote,omitempty"`
	BlockedLocal    bool      `json:"blocked_local,omitempty"` // processor outage
	BlockedRemote   bool      `json:"blocked_remote,omitempty"`
	Failure         string    `json:"failure,omitempty"` // why it left service last
	FailedAt        time.Time `json:"failed_at"`
	Congestion      uint8     `json:"congestion,omitempty"`
	SLS             []int     `json:"sls"` // whose traffic it carries
	Queued          int       `json:"queued"`
	Unacknowledged  int       `json:"unacknowledged"`

	MSUsIn            uint64 `json:"msus_in"`
	MSUsOut           uint64 `json:"msus_out"`
	OctetsIn          uint64 `json:"octets_in"`
	OctetsOut         uint64 `json:"octets_out"`
	Discarded         uint64 `json:"discarded"`
	Failures          uint64 `json:"failures"`
	Changeovers       uint64 `json:"changeovers"`
	Changebacks       uint64 `json:"changebacks"`
	Retrieved         uint64 `json:"retrieved"`
	Misbehaviour      uint64 `json:"misbehaviour"` // messages of the peer that break RFC 4165
	Associations      uint64 `json:"associations"`
	AlignmentAttempts uint64 `json:"alignments"`
}

// LinksetStatus is a linkset.
type LinksetStatus struct {
	Name      string    `json:"name"`
	Adjacent  string    `json:"adjacent"`
	State     string    `json:"state"` // "available", "unavailable", "restarting" (the adjacent point restarts)
	Since     time.Time `json:"since"`
	Links     int       `json:"links"`
	InService int       `json:"in_service"`
}

// ASStatus is an Application Server.
type ASStatus struct {
	Name           string            `json:"name"`
	RoutingContext uint32            `json:"routing_context"`
	PointCodes     []string          `json:"point_codes"`
	State          string            `json:"state"` // "ACTIVE", "INACTIVE", "PENDING", "DOWN"
	Since          time.Time         `json:"since"`
	Mode           string            `json:"mode"`
	Blocked        bool              `json:"blocked,omitempty"`
	Registered     bool              `json:"registered,omitempty"` // made by registration
	Congestion     uint8             `json:"congestion,omitempty"`
	ASPs           map[string]string `json:"asps"` // state of each
	Transferred    uint64            `json:"transferred"`
	Refused        uint64            `json:"refused"`
	Waiting        int               `json:"waiting"` // for T(r)
	Expired        uint64            `json:"expired"`
	Overflowed     uint64            `json:"overflowed"`
}

// ASPStatus is an Application Server Process.
type ASPStatus struct {
	Name       string    `json:"name"`
	State      string    `json:"state"`
	Associated bool      `json:"associated"`
	Remote     string    `json:"remote,omitempty"`
	Since      time.Time `json:"since"`
	Failure    string    `json:"failure,omitempty"` // why its association ended last
	FailedAt   time.Time `json:"failed_at"`
	Blocked    bool      `json:"blocked,omitempty"`
	Congestion uint8     `json:"congestion,omitempty"`
	Queued     int       `json:"queued"`
	MessagesIn uint64    `json:"messages_in"`
	Messages   uint64    `json:"messages_out"`
	OctetsIn   uint64    `json:"octets_in"`
	OctetsOut  uint64    `json:"octets_out"`
	Dropped    uint64    `json:"dropped"`
}

// GatewayStatus is a gateway that this node is an ASP of.
type GatewayStatus struct {
	Name     string    `json:"name"`
	State    string    `json:"state"` // the best of its associations
	Active   int       `json:"active"`
	Of       int       `json:"associations"`
	Since    time.Time `json:"since"`
	Failure  string    `json:"failure,omitempty"`
	FailedAt time.Time `json:"failed_at"`
}

// RouteStatus is a destination and the ways to it.
type RouteStatus struct {
	To         string      `json:"to"`
	State      string      `json:"state"` // "available", "restricted", "unavailable"
	Since      time.Time   `json:"since"`
	Congestion uint8       `json:"congestion,omitempty"`
	Learnt     bool        `json:"learnt,omitempty"` // a point of a wider destination that a neighbour said something of
	Diverting  bool        `json:"diverting,omitempty"`
	Ways       []WayStatus `json:"ways"` // the best first
}

// WayStatus is one way to a destination.
type WayStatus struct {
	Via      string `json:"via"` // "linkset X", "as X", "point 1.2.3" (of several AS), "gateway X"
	Priority uint8  `json:"priority"`
	State    string `json:"state"`
	SLS      int    `json:"sls"` // how many values it carries
}

// Traffic is the counters of the node as a whole.
type Traffic struct {
	FromLinks   uint64            `json:"from_links"`
	ToLinks     uint64            `json:"to_links"`
	FromAS      uint64            `json:"from_as"`
	ToAS        uint64            `json:"to_as"`
	ToUsers     uint64            `json:"to_users"`
	FromUsers   uint64            `json:"from_users"`
	Retrieved   uint64            `json:"retrieved"`
	Held        int               `json:"held"` // wait for diversions now
	Changeovers uint64            `json:"changeovers"`
	Changebacks uint64            `json:"changebacks"`
	Dropped     map[string]uint64 `json:"dropped"` // not forwarded, by reason; reasons with none are left out
}

// Alarm is something that is not as it should be.
type Alarm struct {
	Severity Severity  `json:"severity"`
	Kind     string    `json:"kind"`
	About    string    `json:"about"`
	Text     string    `json:"text"`
	Since    time.Time `json:"since"`
}

// String is the alarm in one line.
func (a Alarm) String() string {
	return fmt.Sprintf("%s %s %s: %s", a.Severity, a.Kind, a.About, a.Text)
}

// UnmarshalText reads the word.
func (s *Severity) UnmarshalText(b []byte) error {
	for i, name := range severityNames {
		if name == string(b) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("stp: %q is no severity", b)
}

// notes are what the gateway's events said of names: since when, and why not.
type notes struct {
	mu    sync.Mutex
	since map[string]time.Time
	fail  map[string]failure
}

type failure struct {
	why string
	at  time.Time
}

// note remembers an event of M3UA.
func (x *notes) note(now time.Time, e *m3ua.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.since == nil {
		x.since, x.fail = map[string]time.Time{}, map[string]failure{}
	}
	switch e.Kind {
	case m3ua.ASStateEvent:
		x.since["as "+e.AS] = now
	case m3ua.ASPStateEvent, m3ua.AssociationUp:
		x.since["asp "+e.ASP] = now
	case m3ua.AssociationDown:
		x.since["asp "+e.ASP] = now
		f := failure{"association ended", now}
		if e.Err != nil {
			f.why = e.Err.Error()
		}
		x.fail["asp "+e.ASP] = f
	}
}

func (x *notes) forget(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.since, key)
	delete(x.fail, key)
}

func (x *notes) of(key string) (time.Time, failure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.since[key], x.fail[key]
}

// Status is a snapshot of the node.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var s Status
	var links []mtp3.LinkStatus
	var linksets []mtp3.LinksetStatus
	var dests []mtp3.DestinationStatus
	var stats mtp3.Stats
	l2 := map[string]m2pa.Stats{}
	owners := map[mtp3.OwnerID]string{}
	gateways := map[string]int{}
	var out, in uint64
	var reasons sccp.Reasons
	if err := n.do(ctx, func(now time.Time) {
		s.Now, s.Restarting = now, n.mtp.Restarting()
		links, linksets, dests, stats = n.mtp.Links(), n.mtp.Linksets(), n.mtp.Destinations(), n.mtp.Stats()
		if n.sccp != nil {
			reasons = n.sccp.Stats().Reasons
		}
		for _, l := range n.links {
			l2[l.name] = l.l2.Stats()
		}
		for _, t := range n.owners {
			owners[t.id] = t.name
			in += t.in.Load()
			out += t.out.Load()
			if t.gw != nil {
				gateways[t.gw.cfg.Name] = len(*t.gw.live.Load())
			}
		}
	}); err != nil {
		return s, err
	}
	cfg := n.Config()
	s.Name, s.PointCode, s.Network, s.Since = n.name, n.pc(cfg.Node.PointCode), n.ni.String(), n.began
	names := map[mtp3.LinksetID]string{}
	for _, l := range linksets {
		names[l.ID] = l.Name
		x := LinksetStatus{Name: l.Name, Adjacent: n.pc(l.Adjacent), State: "unavailable", Since: l.Since, Links: len(l.Links), InService: l.Usable}
		switch {
		case l.Restart:
			x.State = "restarting"
		case l.Available:
			x.State = "available"
		}
		s.Linksets = append(s.Linksets, x)
	}
	s.Traffic = Traffic{FromAS: in + stats.FromOwners, ToAS: out, ToUsers: stats.Delivered, FromUsers: stats.FromUsers, Held: stats.Held,
		Changeovers: stats.Changeovers, Changebacks: stats.Changebacks, Retrieved: stats.Retrieved, Dropped: map[string]uint64{}}
	for r, c := range stats.Reasons {
		if c > 0 {
			s.Traffic.Dropped[mtp3.Reason(r).String()] = c
		}
	}
	for r, c := range reasons {
		if c > 0 {
			s.Traffic.Dropped["SCCP: "+sccp.Reason(r).String()] = c
		}
	}
	for _, l := range links {
		s.Links = append(s.Links, linkStatus(&l, names[l.Linkset], l2[l.Name]))
		s.Traffic.FromLinks += l.Stats.MSUsIn
		s.Traffic.ToLinks += l.Stats.MSUsOut
	}
	n.statusM3UA(cfg, &s, gateways)
	for _, d := range dests {
		r := RouteStatus{To: n.format.DestinationString(d.Destination), State: d.State.String(), Since: d.Since, Congestion: d.Congestion, Learnt: d.Learnt, Diverting: d.Diverting}
		for _, w := range d.Routes {
			via := owners[w.Owner]
			if w.Linkset != 0 {
				via = "linkset " + w.Name
			}
			r.Ways = append(r.Ways, WayStatus{Via: via, Priority: w.Priority, State: w.State.String(), SLS: w.SLS})
		}
		s.Routes = append(s.Routes, r)
	}
	s.Alarms = s.alarms()
	return s, nil
}

func linkStatus(l *mtp3.LinkStatus, set string, l2 m2pa.Stats) LinkStatus {
	x := LinkStatus{
		Name: l.Name, Linkset: set, SLC: l.SLC, State: l.State.String(), Level2: l2.State.String(), Since: l.Since, Active: l.Active,
		InhibitedLocal: l.LocallyInhibited, InhibitedRemote: l.RemotelyInhibited, BlockedLocal: l.LocalOutage, BlockedRemote: l.RemoteOutage,
		FailedAt: l.FailedAt, Congestion: l.Congestion, Queued: l2.Unsent, Unacknowledged: l2.Unacknowledged,
		MSUsIn: l.Stats.MSUsIn, MSUsOut: l.Stats.MSUsOut, OctetsIn: l.Stats.OctetsIn, OctetsOut: l.Stats.OctetsOut, Discarded: l.Stats.Discarded,
		Failures: l.Stats.Failures, Changeovers: l.Stats.Changeovers, Changebacks: l.Stats.Changebacks, Retrieved: l2.Retrieved,
		Misbehaviour: l2.WrongVersion + l2.WrongClass + l2.WrongType + l2.WrongLength + l2.WrongStatus + l2.WrongStream + l2.WrongPPID + l2.WrongFSN + l2.WrongBSN,
		Associations: l2.Associations, AlignmentAttempts: l2.Alignments,
	}
	if !l.FailedAt.IsZero() {
		x.Failure = l.Failure.String()
	}
	for _, v := range l.SLS {
		x.SLS = append(x.SLS, int(v))
	}
	return x
}

// statusM3UA fills in ASs, ASPs and gateways.
func (n *Node) statusM3UA(cfg *Config, s *Status, live map[string]int) {
	sg := n.sg.Stats()
	for _, a := range sg.AS {
		x := ASStatus{Name: a.Name, RoutingContext: a.RoutingContext, State: a.State.String(), Mode: a.TrafficMode.String(), Blocked: a.Blocked,
			Registered: a.Registered, Congestion: a.Congestion, ASPs: map[string]string{}, Transferred: a.Transferred, Refused: a.Refused,
			Waiting: a.Waiting, Expired: a.Expired, Overflowed: a.Overflowed}
		x.Since, _ = n.notes.of("as " + a.Name)
		for _, g := range a.Key.Groups {
			if pc := n.pc(g.DPC); !slices.Contains(x.PointCodes, pc) {
				x.PointCodes = append(x.PointCodes, pc)
			}
		}
		for name, st := range a.ASPs {
			x.ASPs[name] = st.String()
		}
		s.AS = append(s.AS, x)
		if a.Expired+a.Overflowed > 0 {
			s.Traffic.Dropped["AS pending too long"] += a.Expired
			s.Traffic.Dropped["AS pending, queue full"] += a.Overflowed
		}
	}
	if sg.Lost > 0 {
		s.Traffic.Dropped["waited for an ASP that was lost"] = sg.Lost
	}
	for _, a := range sg.ASP {
		x := ASPStatus{Name: a.Name, State: a.State.String(), Associated: a.Associated, Remote: a.Remote, Blocked: a.Blocked, Congestion: a.LinkStats.Congestion,
			Queued: a.Queued, MessagesIn: a.Received, Messages: a.Sent, OctetsIn: a.ReceivedOctets, OctetsOut: a.SentOctets, Dropped: a.Dropped}
		var f failure
		x.Since, f = n.notes.of("asp " + a.Name)
		x.Failure, x.FailedAt = f.why, f.at
		s.ASPs = append(s.ASPs, x)
	}
	for i := range cfg.Gateways {
		g := &cfg.Gateways[i]
		x := GatewayStatus{Name: g.Name, State: m3ua.Down.String(), Active: live[g.Name], Of: max(len(g.Connect), 1)}
		if x.Active > 0 {
			x.State = m3ua.Active.String()
		}
		var f failure
		x.Since, f = n.notes.of("asp " + g.Name)
		x.Failure, x.FailedAt = f.why, f.at
		s.Gateways = append(s.Gateways, x)
	}
}

// alarms are what a status has that should not be.
func (s *Status) alarms() []Alarm {
	all := []Alarm{}
	raise := func(sev Severity, kind, about string, since time.Time, format string, a ...any) {
		all = append(all, Alarm{sev, kind, about, fmt.Sprintf(format, a...), since})
	}
	for _, l := range s.Links {
		switch {
		case !l.Active:
		case l.State == mtp3.LinkStateInhibited.String():
			raise(Warning, "link", l.Name, l.Since, "inhibited")
		case l.State != mtp3.LinkInService.String() && l.Failure != "":
			raise(Major, "link", l.Name, l.FailedAt, "%s (%s)", l.State, l.Failure)
		case l.State != mtp3.LinkInService.String():
			raise(Major, "link", l.Name, l.Since, "%s", l.State)
		case l.Congestion > 0:
			raise(Warning, "link", l.Name, l.Since, "congested, level %d", l.Congestion)
		}
	}
	for _, l := range s.Linksets {
		if l.Links > 0 && l.State != "available" {
			raise(Major, "linkset", l.Name, l.Since, "%s", l.State)
		}
	}
	for _, a := range s.AS {
		switch {
		case a.Blocked:
			raise(Warning, "as", a.Name, a.Since, "blocked")
		case a.State != m3ua.Active.String():
			raise(Major, "as", a.Name, a.Since, "%s: no ASP is active", a.State)
		case a.Congestion > 0:
			raise(Warning, "as", a.Name, a.Since, "congested, level %d", a.Congestion)
		}
	}
	for _, a := range s.ASPs {
		switch {
		case a.Blocked:
			raise(Warning, "asp", a.Name, a.Since, "blocked")
		case !a.Associated && a.Failure != "":
			raise(Warning, "asp", a.Name, a.FailedAt, "no association (%s)", a.Failure)
		case !a.Associated:
			raise(Warning, "asp", a.Name, a.Since, "no association")
		}
	}
	for _, g := range s.Gateways {
		if g.Active == 0 {
			raise(Major, "gateway", g.Name, g.Since, "not active")
		}
	}
	for _, r := range s.Routes {
		switch {
		case r.State != mtp3.Available.String():
			sev := Major
			if r.State == mtp3.Restricted.String() {
				sev = Warning
			}
			raise(sev, "destination", r.To, r.Since, "%s", r.State)
		case r.Congestion > 0:
			raise(Warning, "destination", r.To, r.Since, "congested, level %d", r.Congestion)
		}
	}
	if s.Restarting {
		raise(Warning, "node", s.Name, s.Since, "MTP restart")
	}
	slices.SortStableFunc(all, func(a, b Alarm) int { return int(b.Severity) - int(a.Severity) })
	return all
}
