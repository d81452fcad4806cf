package sip

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIMSFields reads the fields that IMS adds from the messages that carry them.
func TestIMSFields(t *testing.T) {
	r := withHeader(t, `Path: <sip:term@pcscf1.visited1.net;lr>, <sip:ibcf.home1.net;lr>
Service-Route: <sip:orig@scscf1.home1.net;lr>
P-Asserted-Identity: "Alice" <sip:alice@home1.net>, <tel:+15551234>
P-Preferred-Identity: <sip:alice@home1.net>
P-Associated-URI: <sip:alice@home1.net>, <tel:+15551234>
P-Called-Party-ID: <sip:business@home1.net>
P-Served-User: <sip:alice@home1.net>;sescase=orig;regstate=unreg;orig-cdiv
P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2340103008A01, IEEE-802.11;i-wlan-node-id=00;network-provided
P-Visited-Network-ID: "Visited network number 1", other.net
P-Charging-Vector: icid-value="A y=;" ; icid-generated-at=192.0.6.8;orig-ioi=home1.net;term-ioi=home2.net;x
P-Charging-Function-Addresses: ccf=192.1.1.1; ccf="aaa://c2"; ecf=192.1.1.3
P-Early-Media: supported, sendrecv
P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel
P-Preferred-Service: urn:urn-7:a, urn:urn-7:b
Privacy: id; header;critical
Reason: Q.850;cause=16;text="Terminated", SIP ;cause=600
History-Info: <sip:bob@home1.net?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22&Privacy=history>;index=1, <sip:vm@home1.net;cause=486>;index=1.1;mp=1
Diversion: "Bob" <sip:bob@a>;reason=user-busy;counter=3;privacy=full;screen=yes
Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000
Resource-Priority: wps.3, dsn.flash
Security-Server: ipsec-3gpp;q=0.1;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4, tls;q=0.2
Security-Client: ipsec-3gpp;alg=hmac-sha-1-96
Security-Verify: tls
x: 1800;refresher=UAS
Min-SE: 90
RSeq: 988789
RAck: 776656 1 INVITE
o: refer;id=93809824
Subscription-State: terminated;reason=noresource;retry-after=10;expires=0
r: "Carol" <sips:carol@c.net?Replaces=12345%40b%3Bto-tag%3D12%3Bfrom-tag%3D5FFE>
b: <sip:alice@a>;cid="x@y"
Replaces: 98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only
Join: 12@a;to-tag=1;from-tag=2
Target-Dialog: fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544
a: *;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";require;explicit;audio
Reject-Contact: *;video
Feature-Caps: *;+g.3gpp.srvcc;+g.3gpp.mid-call
m: <sip:alice@1.2.3.4>;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel,urn%3Ax";audio;video="FALSE";expires=600;+sip.instance="<urn:gsma:imei:1>"
Expires: 3600
Min-Expires: 60
Retry-After: 120 (I'm in (a) meeting);duration=3600
Warning: 307 isi.edu "Session \"x\" not understood"
Date: Sat, 13 Nov 2010 23:29:00 GMT
Allow: INVITE, ACK
Require: path, foo, 100rel
`)
	h := &r.Header
	first := func(seq any, err error) string { return fmt.Sprint(try(seq, err)) }
	var got []string
	note := func(a ...any) { got = append(got, fmt.Sprint(a...)) }
	want := []string{}
	expect := func(w string, a ...any) { want = append(want, w); note(a...) }

	addresses := func(seq func(func(Address, error) bool)) (list []string) {
		for a, err := range seq {
			list = append(list, first(a, err))
		}
		return list
	}
	expect("[<sip:term@pcscf1.visited1.net;lr> <sip:ibcf.home1.net;lr>]", addresses(h.Paths()))
	expect("[<sip:orig@scscf1.home1.net;lr>]", addresses(h.ServiceRoutes()))
	expect(`["Alice" <sip:alice@home1.net> <tel:+15551234>]`, addresses(h.AssertedIdentities()))
	expect("[<sip:alice@home1.net>]", addresses(h.PreferredIdentities()))
	expect("[<sip:alice@home1.net> <tel:+15551234>]", addresses(h.AssociatedURIs()))
	expect("<sip:business@home1.net>", first(h.CalledPartyID()))
	user, err := h.ServedUser()
	expect("orig unreg true <nil>", user.SessionCase()+" "+user.RegState(), " ", user.OrigCDIV(), " ", err)
	for a, err := range h.AccessNetworkInfos() {
		note(a.Value, " ", a.Cell(), " ", a.NetworkProvided(), " ", err)
	}
	want = append(want, "3GPP-E-UTRAN-FDD 2340103008A01 false <nil>", "IEEE-802.11  true <nil>")
	for e, err := range h.VisitedNetworkIDs() {
		note(e.Text(), " ", err)
	}
	want = append(want, "Visited network number 1 <nil>", "other.net <nil>")
	v, err := h.ChargingVector()
	expect(`A y=; 192.0.6.8 home1.net home2.net true <nil>`, v.ICID(), " ", v.GeneratedAt(), " ", v.OrigIOI(), " ", v.TermIOI(), " ", v.Params.Has("x"), " ", err)
	c, err := h.ChargingFunctionAddresses()
	expect("[192.1.1.1 aaa://c2] [192.1.1.3] <nil>", c.CCF(), " ", c.ECF(), " ", err)
	expect("[supported sendrecv]", h.EarlyMedia())
	expect("[urn:urn-7:3gpp-service.ims.icsi.mmtel]", h.AssertedServices())
	expect("[urn:urn-7:a urn:urn-7:b]", h.PreferredServices())
	expect("[id header critical] true false", h.Privacy(), " ", h.HasPrivacy("ID"), " ", h.HasPrivacy("user"))
	for r, err := range h.Reasons() {
		note(r.Protocol, " ", r.Cause(), " ", r.Text(), " ", err)
	}
	want = append(want, "Q.850 16 Terminated <nil>", "SIP 600  <nil>")
	for i, err := range h.HistoryInfos() {
		reason, ok := i.Reason()
		kind, index := i.Target()
		note(i.Index(), " ", reason.Cause(), " ", reason.Text(), " ", ok, " ", i.Private(), " ", i.Cause(), " ", kind, " ", index, " ", err)
	}
	want = append(want, "1 302 Moved true true 0   <nil>", "1.1 0  false false 486 mp 1 <nil>")
	for d, err := range h.Diversions() {
		note(d.Display, " ", d.Reason(), " ", d.Counter(), " ", d.Privacy(), " ", d.Screen(), " ", err)
	}
	want = append(want, "Bob user-busy 3 full yes <nil>")
	expect("ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000", first(h.SessionID()))
	for p, err := range h.ResourcePriorities() {
		note(p.Namespace, " ", p.Priority, " ", err)
	}
	want = append(want, "wps 3 <nil>", "dsn flash <nil>")
	for _, seq := range []func(func(Element, error) bool){h.SecurityServer(), h.SecurityClient(), h.SecurityVerify()} {
		for e, err := range seq {
			q, _ := e.Params.Value("q")
			note(e.Value, " ", q, " ", e.Params.Len(), " ", err)
		}
	}
	want = append(want, "ipsec-3gpp 0.1 6 <nil>", "tls 0.2 1 <nil>", "ipsec-3gpp  1 <nil>", "tls  0 <nil>")
	se, err := h.SessionExpires()
	expect("1800 uas <nil>", se.Seconds, " ", se.Refresher(), " ", err)
	minSE, ok := h.MinSE()
	expect("90 true", minSE, " ", ok)
	expect("988789", first(h.RSeq()))
	expect("776656 1 INVITE", first(h.RAck()))
	ev, err := h.Event()
	expect("refer 93809824 <nil>", ev.Package, " ", ev.ID(), " ", err)
	ss, err := h.SubscriptionState()
	after, _ := ss.RetryAfter()
	left, ok := ss.Expires()
	expect("true noresource 10 0 true <nil>", ss.Terminated(), " ", ss.Reason(), " ", after, " ", left, " ", ok, " ", err)
	refer, err := h.ReferTo()
	for n, v := range refer.URI.HeaderFields() {
		d, err := ParseReplaces(v)
		note(n, " ", d, " ", err)
	}
	want = append(want, "Replaces 12345@b;to-tag=12;from-tag=5FFE <nil>")
	expect("Carol <nil>", refer.Display, " ", err)
	expect(`<sip:alice@a>;cid="x@y"`, first(h.ReferredBy()))
	expect("98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r;early-only", first(h.Replaces()))
	expect("12@a;to-tag=1;from-tag=2", first(h.Join()))
	expect("fa77as7dad8-sd98ajzz@host.example.com;to-tag=kkaz-;from-tag=6544", first(h.TargetDialog()))

	contact, err := h.Contact()
	expect("<nil>", err)
	for pref, err := range h.AcceptContacts() {
		matched, of, ok := pref.Match(contact)
		note(pref.Require(), " ", pref.Explicit(), " ", matched, " ", of, " ", ok, " ", err)
	}
	want = append(want, "true true 2 2 true <nil>")
	for pref, err := range h.RejectContacts() {
		_, _, ok := pref.Match(contact)
		note(ok, " ", err)
	}
	want = append(want, "false <nil>")
	for e, err := range h.FeatureCaps() {
		note(e.Is("*"), " ", e.Params.Has("+g.3gpp.srvcc"), " ", err)
	}
	want = append(want, "true true <nil>")
	var features []string
	for n, v := range contact.Features() {
		features = append(features, n+"="+v)
	}
	expect("[+g.3gpp.icsi-ref=urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel,urn%3Ax audio= video=FALSE +sip.instance=<urn:gsma:imei:1>]", features)
	expect("true true false true false", contact.HasFeature("+g.3gpp.icsi-ref", "urn%3Ax"), " ", contact.HasFeature("audio", ""), " ",
		contact.HasFeature("video", ""), " ", contact.HasFeature("video", "false"), " ", contact.HasFeature("text", ""))
	expires, ok := h.Expires()
	expect("3600 true", expires, " ", ok)
	expires, ok = h.MinExpires()
	expect("60 true", expires, " ", ok)
	ra, err := h.RetryAfter()
	duration, _ := ra.Duration()
	expect("120 I'm in (a) meeting 3600 <nil>", ra.Seconds, " ", ra.Comment, " ", duration, " ", err)
	w, err := h.Warning()
	expect(`307 isi.edu Session "x" not understood <nil>`, w.Code, " ", w.Agent, " ", w.Text, " ", err)
	date, err := h.Date()
	expect("1289690940 <nil>", date.Unix(), " ", err)
	expect("true false", h.Allows(ACK), " ", h.Allows(BYE))
	expect("[foo]", h.Unsupported("Require", []string{"100REL", "path"}))

	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := h.checkValues(true); err != nil {
		t.Errorf("strict: %v", err)
	}
}

func TestAbsentFields(t *testing.T) {
	r := withHeader(t, "")
	_, e1 := r.ChargingVector()
	_, e2 := r.RSeq()
	_, e3 := r.Date()
	_, e4 := r.Via()
	_, e5 := r.CSeq()
	_, e6 := r.From()
	for i, err := range []error{e1, e2, e3, e4, e5, e6} {
		if !errors.Is(err, ErrMissing) {
			t.Errorf("%d: %v, want one that is ErrMissing", i, err)
		}
	}
	if _, ok := r.Expires(); ok || r.CallID() != "" || len(r.Privacy()) != 0 {
		t.Error("absent fields have values")
	}
	if _, present, err := r.MaxForwards(); present || err != nil {
		t.Error("absent Max-Forwards")
	}
}

func TestNewValues(t *testing.T) {
	v := NewChargingVector("a b", "10.0.0.1")
	v.Params.Set("orig-ioi", "home1.net")
	for got, want := range map[string]string{
		v.String():                               `icid-value="a b";icid-generated-at=10.0.0.1;orig-ioi=home1.net`,
		NewReason("Q.850", 16, "done").String():  `Q.850;cause=16;text="done"`,
		NewReason("SIP", 200, "").String():       "SIP;cause=200",
		Warning{399, "a", `x "y"`}.String():      `399 a "x \"y\""`,
		CSeq{1, INVITE}.String():                 "1 INVITE",
		RAck{2, CSeq{1, INVITE}}.String():        "2 1 INVITE",
		SessionExpires{Seconds: 90}.String():     "90",
		CanonicalName("VIA"):                     "Via",
		CanonicalName("k"):                       "Supported",
		CanonicalName("p-asserted-IDENTITY"):     "P-Asserted-Identity",
		CanonicalName("X-Unknown"):               "X-Unknown",
		StatusText(486) + "|" + StatusText(499):  "Busy Here|Bad Request",
		StatusText(299) + "|" + StatusText(1000): "OK|",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !slices.IsSorted(Methods()) || !slices.IsSorted(OptionTags()) {
		t.Error("lists are not in order")
	}
}
