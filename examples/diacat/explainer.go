package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/diameter"
)

// frame is a message with where it was seen.
type frame struct {
	number   int // in a capture; 0 if it is none
	at       time.Time
	from, to string // addresses; "you" is this program
	msg      diameter.Message
	err      error // what is wrong with the message as such
}

// explainer follows connections and says why exchanges fail.
type explainer struct {
	dict  *dictionary
	conns map[string]*connection
	order []*connection
	found []finding
	last  time.Time
}

// finding is one failure: what, and why.
type finding struct {
	what string
	why  []string
}

// connection is what has been seen between two addresses.
type connection struct {
	ends    map[string]*end
	pending []*frame // requests without an answer
	closed  string   // who closed it
	opened  bool     // a CEA with success was seen
	parted  bool     // a DPR was seen
}

// end is one end of a connection: what it says of itself.
type end struct {
	address   string
	host      string // Origin-Host
	realm     string
	known     bool // its CER or CEA was seen
	apps      []advertised
	relay     bool
	security  []uint32
	answered  int // messages of it that answer something
	watchdogs int // DWAs since the last request of the other end
}

// advertised is an application as a CER or CEA has it.
type advertised struct {
	id     diameter.ApplicationID
	vendor diameter.VendorID
	in     string // the AVP, and the group around it
}

func newExplainer(d *dictionary) *explainer {
	return &explainer{dict: d, conns: map[string]*connection{}}
}

func (x *explainer) connection(a, b string) *connection {
	key := min(a, b) + " " + max(a, b)
	c := x.conns[key]
	if c == nil {
		c = &connection{ends: map[string]*end{a: {address: a}, b: {address: b}}}
		x.conns[key] = c
		x.order = append(x.order, c)
	}
	return c
}

// name is what people call an end: "you", or its Origin-Host.
func (e *end) name() string {
	switch {
	case e.address == "you":
		return "you"
	case e.host != "":
		return e.host
	case e.address == "peer":
		return "the peer"
	}
	return e.address
}

func (x *explainer) say(what string, why ...string) {
	x.found = append(x.found, finding{what, why})
}

// add takes the next message.
func (x *explainer) add(f frame) {
	c := x.connection(f.from, f.to)
	from, to := c.ends[f.from], c.ends[f.to]
	x.last = f.at
	h := f.msg.Header
	if host := f.msg.Text(diameter.AVPOriginHost, 0); host != "" && isBase(h.Code) {
		from.host, from.realm = host, f.msg.Text(diameter.AVPOriginRealm, 0)
	}
	if f.err != nil {
		x.say(x.title(f, from, to, "malformed"), f.err.Error())
	}
	if h.Code == diameter.CommandCapabilitiesExchange {
		from.advertise(f.msg)
	}
	if h.IsRequest() {
		if h.Code == diameter.CommandDisconnectPeer {
			c.parted = true
			x.parting(f, from, to)
		}
		c.pending = append(c.pending, &f)
		if len(c.pending) > 10000 { // of a capture without answers
			c.pending = c.pending[1000:]
		}
		return
	}
	from.answered++
	if h.Code == diameter.CommandDeviceWatchdog {
		from.watchdogs++
	}
	i := slices.IndexFunc(c.pending, func(q *frame) bool {
		return q.from == f.to && q.msg.HopByHopID == h.HopByHopID && q.msg.Code == h.Code
	})
	var req *frame
	if i >= 0 {
		req = c.pending[i]
		c.pending = slices.Delete(c.pending, i, i+1)
	}
	result := resultOf(f.msg)
	if h.Code == diameter.CommandCapabilitiesExchange && result.Code.IsSuccess() {
		c.opened = true
		x.compareCapabilities(f, from, to)
		return
	}
	if result.IsSuccess() {
		return
	}
	x.explainAnswer(c, req, f, from, to, result)
}

func isBase(code diameter.CommandCode) bool {
	return code == diameter.CommandCapabilitiesExchange || code == diameter.CommandDeviceWatchdog || code == diameter.CommandDisconnectPeer
}

// title is the line above an explanation.
func (x *explainer) title(f frame, from, to *end, what string) string {
	s := ""
	if f.number > 0 {
		s = fmt.Sprintf("frame %d: ", f.number)
	}
	return fmt.Sprintf("%s%s from %s to %s: %s", s, x.dict.of(f.msg.ApplicationID).CommandName(f.msg.Header), from.name(), to.name(), what)
}

// resultOf is the result of an answer; the code is 0 if it has none.
func resultOf(m diameter.Message) diameter.Result {
	if g, ok := m.Find(diameter.AVPExperimentalResult, 0); ok {
		v, _ := g.Grouped().Find(diameter.AVPVendorID, 0)
		c, _ := g.Grouped().Find(diameter.AVPExperimentalResultCode, 0)
		vendor, err1 := v.Uint32()
		code, err2 := c.Uint32()
		if err1 == nil && err2 == nil {
			return diameter.Result{VendorID: diameter.VendorID(vendor), Code: diameter.ResultCode(code)}
		}
	}
	a, _ := m.Find(diameter.AVPResultCode, 0)
	code, _ := a.Uint32()
	return diameter.Result{Code: diameter.ResultCode(code)}
}

// advertise reads a CER or CEA.
func (e *end) advertise(m diameter.Message) {
	e.known, e.apps, e.relay, e.security = true, nil, false, nil
	app := func(a diameter.AVP, vendor diameter.VendorID, in string) {
		id, err := a.Uint32()
		if err != nil {
			return
		}
		if diameter.ApplicationID(id) == diameter.Relay {
			e.relay = true
			return
		}
		e.apps = append(e.apps, advertised{diameter.ApplicationID(id), vendor, in})
	}
	name := map[diameter.AVPCode]string{diameter.AVPAuthApplicationID: "Auth-Application-Id", diameter.AVPAcctApplicationID: "Acct-Application-Id"}
	for a := range m.AVPs.All() {
		if a.VendorID != 0 {
			continue
		}
		switch a.Code {
		case diameter.AVPAuthApplicationID, diameter.AVPAcctApplicationID:
			app(a, 0, name[a.Code])
		case diameter.AVPVendorSpecificApplicationID:
			v, _ := a.Grouped().Find(diameter.AVPVendorID, 0)
			vendor, _ := v.Uint32()
			for in := range a.Grouped().All() {
				if n := name[in.Code]; n != "" && in.VendorID == 0 {
					app(in, diameter.VendorID(vendor), n+" within Vendor-Specific-Application-Id")
				}
			}
		case diameter.AVPInbandSecurityID:
			if v, err := a.Uint32(); err == nil {
				e.security = append(e.security, v)
			}
		}
	}
}

func (e *end) has(id diameter.ApplicationID) bool {
	return e.relay || slices.ContainsFunc(e.apps, func(a advertised) bool { return a.id == id })
}

// list is the applications of an end in words.
func (x *explainer) list(e *end) string {
	var s []string
	for _, a := range e.apps {
		if t := x.dict.application(a.id); !slices.Contains(s, t) {
			s = append(s, t)
		}
	}
	if e.relay {
		s = append(s, "relay (any application)")
	}
	if len(s) == 0 {
		return "no application"
	}
	if len(s) > 20 {
		s = append(s[:20], fmt.Sprintf("and %d more", len(s)-20))
	}
	return strings.Join(s, ", ")
}

// compareCapabilities objects to a CEA with success where nothing is in common.
func (x *explainer) compareCapabilities(f frame, from, to *end) {
	if !to.known {
		return
	}
	common := from.relay || to.relay
	for _, a := range from.apps {
		common = common || to.has(a.id)
	}
	if !common {
		x.say(x.title(f, from, to, "success, but no application in common"), x.noCommon(from, to)...)
	}
}

func (x *explainer) noCommon(from, to *end) []string {
	only := "only "
	if len(from.apps) == 0 && !from.relay {
		only = ""
	}
	return []string{fmt.Sprintf("%s advertised %s; %s %s%s", to.name(), x.list(to), from.name(), only, x.list(from))}
}

// parting explains a DPR.
func (x *explainer) parting(f frame, from, to *end) {
	a, _ := f.msg.Find(diameter.AVPDisconnectCause, 0)
	v, _ := a.Uint32()
	cause := diameter.DisconnectCause(v)
	if from.address == "you" {
		return
	}
	why := map[diameter.DisconnectCause]string{
		diameter.DisconnectCauseRebooting:            "it restarts: connect again later; it will take the connection",
		diameter.DisconnectCauseBusy:                 "it lacks resources: it should not be connected to again before it connects by itself",
		diameter.DisconnectCauseDoNotWantToTalkToYou: "it sees no reason to keep the connection: it should not be connected to again before it connects by itself",
	}[cause]
	if why == "" {
		why = "no cause that RFC 6733 knows"
	}
	x.say(x.title(f, from, to, cause.String()), why)
}

// closing notes who closed a connection, and explains it if that was too early.
func (x *explainer) closing(who, other, how string) {
	c := x.connection(who, other)
	if c.closed != "" {
		return
	}
	c.closed = who
	e := c.ends[who]
	for _, q := range c.pending {
		if q.from == who || q.msg.Code == diameter.CommandDisconnectPeer {
			continue
		}
		from := c.ends[other]
		if q.msg.Code == diameter.CommandCapabilitiesExchange {
			x.say(x.title(*q, from, e, "not answered: "+e.name()+" "+how), x.refusedSilently(q, from, e)...)
		} else {
			x.say(x.title(*q, from, e, "not answered: "+e.name()+" "+how), "what it made of the request is not known; another peer may be asked, with the T flag")
		}
	}
	c.pending = slices.DeleteFunc(c.pending, func(q *frame) bool { return q.from == other })
}

func (x *explainer) refusedSilently(q *frame, from, to *end) []string {
	return []string{
		fmt.Sprintf("some close the connection instead of answering a CER that they refuse (with 3010 or 5010). Does %s know %s, and admit it from this address?", to.name(), q.msg.Text(diameter.AVPOriginHost, 0)),
		"or it wants TLS from the start (-tls), or the port is another protocol's",
	}
}

// finish explains requests that were never answered. wait is how long they had.
func (x *explainer) finish(wait time.Duration) {
	for _, c := range x.order {
		for _, q := range c.pending {
			if x.last.Sub(q.at) < wait && wait > 0 {
				continue
			}
			x.silence(c, q)
		}
		c.pending = nil
	}
}

// silence explains a request without an answer.
func (x *explainer) silence(c *connection, q *frame) {
	from, to := c.ends[q.from], c.ends[q.to]
	switch {
	case q.msg.Code == diameter.CommandDeviceWatchdog:
		x.say(x.title(*q, from, to, "not answered"), "watchdog silence: the peer hangs, or the path is cut without either end knowing. RFC 3539 fails over after one watchdog and closes after two")
	case q.msg.Code == diameter.CommandDisconnectPeer:
	case q.msg.Code == diameter.CommandCapabilitiesExchange:
		x.say(x.title(*q, from, to, "not answered"), fmt.Sprintf("the connection is there, but %s says nothing: it may wait for TLS (-tls), or be no Diameter node", to.name()))
	case to.watchdogs > 0:
		x.say(x.title(*q, from, to, "not answered"), fmt.Sprintf("%s is alive: it answered a watchdog. It dropped the request, or what is behind it doesn't answer it", to.name()))
	default:
		x.say(x.title(*q, from, to, "not answered"), fmt.Sprintf("nothing came from %s: look at its log, or at its own peers if it is a relay", to.name()))
	}
}

// write prints what was found, and tells whether that was anything.
func (x *explainer) write(out io.Writer) bool {
	for _, f := range x.found {
		fmt.Fprintln(out, f.what)
		for _, w := range f.why {
			fmt.Fprintln(out, "    "+w)
		}
	}
	any := len(x.found) > 0
	x.found = nil
	return any
}
