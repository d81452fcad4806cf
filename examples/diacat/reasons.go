package main

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/s6a"
	"github.com/gotelco/telco/diameter/sh"
)

// Applications whose experimental results have names here.
const (
	appCx  diameter.ApplicationID = 16777216
	appSh  diameter.ApplicationID = 16777217
	appS6a diameter.ApplicationID = 16777251
)

// resultName is a result with its number.
func resultName(r diameter.Result, app diameter.ApplicationID) string {
	if r.VendorID == 0 && r.Code == 0 {
		return "no result"
	}
	name := r.String()
	switch {
	case r.VendorID == 0:
	case app == appCx:
		name = cx.ResultName(r)
	case app == appSh:
		name = sh.ResultName(r)
	case app == appS6a:
		name = s6a.ResultName(r)
	}
	if strings.HasPrefix(name, fmt.Sprint(uint32(r.Code))) {
		return name
	}
	return fmt.Sprintf("%d %s", uint32(r.Code), name)
}

// explainAnswer says why an answer is what it is. req is nil if the request was not seen.
func (x *explainer) explainAnswer(c *connection, req *frame, f frame, from, to *end, r diameter.Result) {
	d := x.dict.of(f.msg.ApplicationID)
	e := &explanation{x: x, d: d, req: req, ans: f, from: from, to: to}
	switch {
	case r.Code == 0:
		e.add("the answer has neither Result-Code nor Experimental-Result")
	case r.VendorID != 0:
		e.experimental(r)
	default:
		e.base(r.Code)
	}
	if r.VendorID == 0 && r.Code.IsProtocolError() && f.msg.Flags&diameter.ErrorFlag == 0 {
		e.add("the answer's E flag is clear, which RFC 6733 section 7.1.3 wants set for 3xxx")
	}
	if text := f.msg.Text(diameter.AVPErrorMessage, 0); text != "" {
		e.add("it says: %q", text)
	}
	if host := f.msg.Text(diameter.AVPErrorReportingHost, 0); host != "" {
		e.add("the error was made by %s", host)
	}
	if req != nil {
		e.lint()
	}
	x.say(x.title(f, from, to, resultName(r, f.msg.ApplicationID)), e.why...)
}

// explanation gathers sentences about one answer.
type explanation struct {
	x        *explainer
	d        *diameter.Dictionary
	req      *frame
	ans      frame
	from, to *end // of the answer: who refuses, and who asked
	why      []string
}

func (e *explanation) add(format string, args ...any) {
	e.why = append(e.why, fmt.Sprintf(format, args...))
}

func (e *explanation) text(code diameter.AVPCode, vendor diameter.VendorID) string {
	if e.req == nil {
		return ""
	}
	return e.req.msg.Text(code, vendor)
}

// base explains a Result-Code.
func (e *explanation) base(code diameter.ResultCode) {
	app := e.x.dict.application(e.ans.msg.ApplicationID)
	switch code {
	case diameter.NoCommonApplication:
		e.why = append(e.why, e.noCommon()...)
	case diameter.UnknownPeer:
		host := e.text(diameter.AVPOriginHost, 0)
		if host == "" {
			host = e.to.name()
		}
		e.add("%s does not know %s: its configuration has to name it, letter for letter, or it wants another address or certificate of it", e.from.name(), host)
	case diameter.NoCommonSecurity:
		wants := "wants " + security(e.from)
		if e.from.security == nil {
			wants = "wants something else: TLS after the capabilities exchange (-tls-inband), or from the start (-tls)"
		}
		e.add("%s offered %s; %s %s", e.to.name(), security(e.to), e.from.name(), wants)
	case diameter.CommandUnsupported:
		e.command(app)
	case diameter.ApplicationUnsupported:
		e.add("the request is of application %s; %s advertised %s", app, e.from.name(), e.advertisedBy(e.from))
	case diameter.UnableToDeliver:
		e.deliver()
	case diameter.RealmNotServed:
		e.add("no route to Destination-Realm %q: %s is of the realm %q", e.text(diameter.AVPDestinationRealm, 0), e.from.name(), e.realm())
	case diameter.TooBusy:
		e.add("overloaded, or over a limit of requests for this peer: send less, or to another peer")
	case diameter.LoopDetected:
		var hosts []string
		if e.req != nil {
			for a := range e.req.msg.AVPs.All() {
				if a.Code == diameter.AVPRouteRecord && a.VendorID == 0 {
					hosts = append(hosts, a.Text())
				}
			}
		}
		e.add("the request had been there before: Route-Record %s. Two agents have routes to the realm %q by way of each other", strings.Join(hosts, ", "), e.text(diameter.AVPDestinationRealm, 0))
	case diameter.RedirectIndication:
		for a := range e.ans.msg.AVPs.All() {
			if a.Code == diameter.AVPRedirectHost && a.VendorID == 0 {
				e.add("ask %s instead", a.Text())
			}
		}
	case diameter.InvalidHdrBits, diameter.InvalidBitInHeader:
		if e.req != nil {
			e.add("the request's flags are %v", e.req.msg.Flags)
			if g, ok := e.d.LookupCommand(e.d.CommandName(e.req.msg.Header)); ok {
				e.add("its grammar has %v", g.Flags)
			}
		}
	case diameter.InvalidAVPBits, diameter.InvalidAVPBitCombo:
		e.failed(func(a diameter.AVP, name string) {
			e.add("%s was sent with the flags %v%s", name, a.Flags, e.wantFlags(a))
		})
	case diameter.MissingAVP:
		e.missing()
	case diameter.AVPUnsupported:
		e.failed(func(a diameter.AVP, name string) {
			e.add("%s does not know %s; as its M flag is set it must not read over it. Leave it out, or clear the flag (%q)", e.from.name(), name, fmt.Sprintf("%d@%d/-", a.Code, a.VendorID))
		})
	case diameter.InvalidAVPValue:
		e.failed(func(a diameter.AVP, name string) {
			e.add("a value that it does not take: %s", e.value(a))
			if names := e.d.ValueNames(a.Code, a.VendorID); names != nil {
				e.add("values: %s", strings.Join(names, ", "))
			}
		})
	case diameter.AVPNotAllowed, diameter.AVPOccursTooManyTimes:
		e.failed(func(a diameter.AVP, name string) { e.tooMany(a, name) })
	case diameter.ContradictingAVPs:
		e.failed(func(a diameter.AVP, name string) { e.add("contradicts another AVP: %s", e.value(a)) })
	case diameter.InvalidAVPLength:
		e.failed(func(a diameter.AVP, name string) {
			def, _ := e.d.AVP(a.Code, a.VendorID)
			e.add("%s has %d octets of data, its type is %s", name, len(a.Data), def.Type)
		})
	case diameter.UnknownSessionID:
		e.add("no session %q", e.text(diameter.AVPSessionID, 0))
	case diameter.ElectionLost:
		e.add("both ends connected at once; the other connection goes on")
	default:
		if text := codes[code]; text != "" {
			e.add("%s", text)
		}
	}
}

// noCommon compares who advertised what.
func (e *explanation) noCommon() []string {
	if e.from.known && (len(e.from.apps) > 0 || e.from.relay) {
		out := e.x.noCommon(e.from, e.to)
		for _, a := range e.to.apps {
			if e.from.has(a.id) {
				out = append(out, fmt.Sprintf("%s is in both: %s has it as %s, which the other may not look for", e.x.dict.application(a.id), e.to.name(), a.in))
			}
		}
		return out
	}
	return []string{fmt.Sprintf("%s advertised %s; which %s has it does not say", e.to.name(), e.x.list(e.to), e.from.name())}
}

func (e *explanation) advertisedBy(n *end) string {
	if !n.known {
		return "what was not seen"
	}
	return e.x.list(n)
}

func (e *explanation) realm() string {
	if e.from.realm != "" {
		return e.from.realm
	}
	return e.ans.msg.Text(diameter.AVPOriginRealm, 0)
}

func security(n *end) string {
	var s []string
	for _, v := range n.security {
		s = append(s, diameter.InbandSecurityID(v).String())
	}
	if s == nil {
		return "no Inband-Security-Id (none)"
	}
	return strings.Join(s, " or ")
}

// command: 3001 comes of a wrong code, or of a wrong application around it.
func (e *explanation) command(app string) {
	h := e.ans.msg.Header
	h.Flags |= diameter.Request
	e.add("%s does not serve command %d of application %s", e.from.name(), h.Code, app)
	for id := range e.x.dict.byApp {
		other := h
		other.ApplicationID = id
		if _, ok := e.x.dict.of(id).Grammar(other); ok && id != h.ApplicationID {
			e.add("%d is %s in %s: is the application in the header right?", h.Code, e.x.dict.of(id).CommandName(other), e.x.dict.application(id))
		}
	}
}

func (e *explanation) deliver() {
	host, realm := e.text(diameter.AVPDestinationHost, 0), e.text(diameter.AVPDestinationRealm, 0)
	switch {
	case host != "" && !strings.EqualFold(host, e.from.host):
		e.add("Destination-Host is %q: %s is another one, and does not reach it", host, e.from.name())
	case host != "":
		e.add("Destination-Host %q is who answers; behind it something is down", host)
	default:
		e.add("%s knows the realm %q, but none of its peers there takes requests of application %s now", e.from.name(), realm, e.x.dict.application(e.ans.msg.ApplicationID))
	}
}

// failed calls f for what Failed-AVP holds, innermost AVPs of groups that hold one.
func (e *explanation) failed(f func(a diameter.AVP, name string)) {
	any := false
	for g := range e.ans.msg.AVPs.All() {
		if g.Code != diameter.AVPFailedAVP || g.VendorID != 0 {
			continue
		}
		for a := range g.Grouped().All() {
			path := e.d.AVPName(a.Code, a.VendorID)
			for e.d.IsGrouped(a.Code, a.VendorID) && len(a.Data) > 0 {
				inner, count := diameter.AVP{}, 0
				for in := range a.Grouped().All() {
					inner = in
					count++
				}
				if count != 1 {
					break
				}
				a = inner
				path += " / " + e.d.AVPName(a.Code, a.VendorID)
			}
			any = true
			f(a, path)
		}
	}
	if !any {
		e.add("which AVP is meant the answer does not say: it has no Failed-AVP")
	}
}

func (e *explanation) value(a diameter.AVP) string {
	return strings.TrimSpace(string(e.d.AppendAVPText(nil, a, 0, e.x.dict.show)))
}

func (e *explanation) wantFlags(a diameter.AVP) string {
	def, ok := e.d.AVP(a.Code, a.VendorID)
	if !ok {
		return ""
	}
	return fmt.Sprintf("; the dictionary has %v", def.Flags)
}

// missing explains 5005 with the grammar.
func (e *explanation) missing() {
	e.failed(func(a diameter.AVP, name string) {
		e.add("%s is missing", name)
		if e.req == nil {
			return
		}
		short := e.d.AVPName(a.Code, a.VendorID)
		if g, ok := e.d.Grammar(e.req.msg.Header); ok && name == short {
			if m, ok := g.Member(short); ok {
				e.add("the grammar of %s (%s) has %v", g.Name, oneLine(g.Doc), m)
			} else {
				e.add("the grammar of %s (%s) does not name it: the peer's dictionary is another", g.Name, oneLine(g.Doc))
			}
		}
		for b := range e.req.msg.AVPs.All() {
			switch {
			case b.Code == a.Code && b.VendorID == a.VendorID:
				e.add("the request has it, though: the peer looks for it in another place, or wants another value")
			case b.Code == a.Code:
				e.add("the request has %d with vendor %d instead of %d", a.Code, b.VendorID, a.VendorID)
			}
		}
	})
}

func (e *explanation) tooMany(a diameter.AVP, name string) {
	count := 0
	if e.req != nil {
		for b := range e.req.msg.AVPs.All() {
			if b.Code == a.Code && b.VendorID == a.VendorID {
				count++
			}
		}
	}
	e.add("%s is there %d times in the request", name, count)
	if e.req == nil {
		return
	}
	if g, ok := e.d.Grammar(e.req.msg.Header); ok {
		if m, ok := g.Member(e.d.AVPName(a.Code, a.VendorID)); ok {
			e.add("the grammar of %s has %v", g.Name, m)
		} else {
			e.add("the grammar of %s does not name it", g.Name)
		}
	}
}

// lint compares the request with its grammar, whatever the peer complained of.
func (e *explanation) lint() {
	g, ok := e.d.Grammar(e.req.msg.Header)
	if !ok || resultOf(e.ans.msg).Code == diameter.MissingAVP {
		return
	}
	for _, m := range g.Members {
		def, ok := e.d.LookupAVP(m.Name)
		if m.Min > 0 && ok && !e.req.msg.AVPs.Has(def.Code, def.VendorID) {
			e.add("by the way: the request lacks %v, which the grammar of %s requires", m, g.Name)
		}
	}
}

func oneLine(doc string) string {
	doc, _, _ = strings.Cut(strings.Join(strings.Fields(doc), " "), ": ")
	return strings.TrimSuffix(doc, ".")
}

// experimental explains the results of 3GPP's applications.
func (e *explanation) experimental(r diameter.Result) {
	if r.VendorID != diameter.Vendor3GPP {
		e.add("a result of vendor %d", r.VendorID)
		return
	}
	const avpPublicIdentity, avpVisitedNetwork, avpServerName = 601, 600, 602
	user, public := e.text(diameter.AVPUserName, 0), e.text(avpPublicIdentity, diameter.Vendor3GPP)
	app := e.ans.msg.ApplicationID
	switch key := [2]uint32{uint32(app), uint32(r.Code)}; key {
	case [2]uint32{uint32(appCx), 5001}:
		e.add("the HSS knows neither User-Name %q nor Public-Identity %q, or not one of them", user, public)
	case [2]uint32{uint32(appCx), 5002}:
		e.add("User-Name %q and Public-Identity %q are not of one subscription", user, public)
	case [2]uint32{uint32(appCx), 5003}:
		e.add("Public-Identity %q is not registered, and has no services for unregistered users", public)
	case [2]uint32{uint32(appCx), 5004}:
		e.add("no roaming in Visited-Network-Identifier %q", e.text(avpVisitedNetwork, diameter.Vendor3GPP))
	case [2]uint32{uint32(appCx), 5005}:
		e.add("another S-CSCF than %q has the user already", e.text(avpServerName, diameter.Vendor3GPP))
	case [2]uint32{uint32(appSh), 5001}:
		e.add("no user has the identity of User-Identity")
	case [2]uint32{uint32(appS6a), 5001}:
		e.add("the HSS knows no IMSI %q", user)
	default:
		if text := experimental[key]; text != "" {
			e.add("%s", text)
		}
	}
}
