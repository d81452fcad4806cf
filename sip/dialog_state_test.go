package sip

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parseMessage(t *testing.T, s string) Message {
	t.Helper()
	m, err := Parse([]byte(strings.ReplaceAll(s, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const inviteText = `INVITE sip:bob@biloxi.example SIP/2.0
Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKnashds8
Max-Forwards: 70
Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr;ftag=1>
From: "Alice, A." <sip:alice@atlanta.example>;tag=1928301774;x=y
To: Bob <sip:bob@biloxi.example>
Call-ID: a84b4c76e66710
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.atlanta.example;transport=tcp>
Proxy-Authorization: Digest username="alice", realm="atlanta.example", nonce="n", uri="sip:x", response="00"
Content-Length: 0

`

const okText = `SIP/2.0 200 OK
Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKnashds8
Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr;ftag=1>
From: "Alice, A." <sip:alice@atlanta.example>;tag=1928301774;x=y
To: Bob <sip:bob@biloxi.example>;tag=a6c85cf
Call-ID: a84b4c76e66710
CSeq: 314159 INVITE
Contact: sip:bob@192.0.2.4:5070
Content-Length: 0

`

func TestDialogStates(t *testing.T) {
	invite := parseMessage(t, inviteText).(*Request)
	client, err := NewClientDialog(invite, parseMessage(t, okText).(*Response))
	if err != nil {
		t.Fatal(err)
	}
	wantClient := &DialogState{
		CallID: "a84b4c76e66710", LocalTag: "1928301774", RemoteTag: "a6c85cf",
		Local: `"Alice, A." <sip:alice@atlanta.example>;x=y`, Remote: `"Bob" <sip:bob@biloxi.example>`,
		Contact: "<sip:alice@pc33.atlanta.example;transport=tcp>", Target: "sip:bob@192.0.2.4:5070",
		Routes:    []string{"<sip:p1.example;lr;ftag=1>", "<sip:p2.example;lr>"},
		LocalCSeq: 314159, Caller: true, Confirmed: true,
	}
	if d := cmp.Diff(wantClient, client); d != "" {
		t.Error(d)
	}
	server, err := NewServerDialog(invite, "a6c85cf", "<sip:bob@192.0.2.4:5070>")
	if err != nil {
		t.Fatal(err)
	}
	wantServer := &DialogState{
		CallID: "a84b4c76e66710", LocalTag: "a6c85cf", RemoteTag: "1928301774",
		Remote: `"Alice, A." <sip:alice@atlanta.example>;x=y`, Local: `"Bob" <sip:bob@biloxi.example>`,
		Contact: "<sip:bob@192.0.2.4:5070>", Target: "sip:alice@pc33.atlanta.example;transport=tcp",
		Routes:     []string{"<sip:p2.example;lr>", "<sip:p1.example;lr;ftag=1>"},
		RemoteCSeq: 314159, RemoteSeen: true,
	}
	if d := cmp.Diff(wantServer, server); d != "" {
		t.Error(d)
	}

	bye, err := client.NewRequest(BYE)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bye.String(), strings.ReplaceAll(`BYE sip:bob@192.0.2.4:5070 SIP/2.0
Route: <sip:p1.example;lr;ftag=1>
Route: <sip:p2.example;lr>
Max-Forwards: 70
From: "Alice, A." <sip:alice@atlanta.example>;x=y;tag=1928301774
To: "Bob" <sip:bob@biloxi.example>;tag=a6c85cf
Call-ID: a84b4c76e66710
CSeq: 314160 BYE
Content-Length: 0

`, "\n", "\r\n"); got != want {
		t.Error(cmp.Diff(want, got))
	}
	ack := client.NewACK(invite)
	if c, _ := ack.CSeq(); c != (CSeq{314159, ACK}) || !ack.Has("Proxy-Authorization") || ack.Count("Route") != 2 || client.LocalCSeq != 314160 {
		t.Errorf("ACK: %s", ack)
	}
	update, err := client.NewRequest(UPDATE)
	if err != nil || update.Value("Contact") != client.Contact {
		t.Errorf("UPDATE: %s, %v", update, err)
	}
	first, err := server.NewRequest(INFO)
	if c, _ := first.CSeq(); err != nil || c.Seq == 0 || c.Seq > 1<<16 {
		t.Errorf("the callee's first CSeq: %v, %v", c, err)
	}

	// The two states are one dialog seen from both ends, also after a store.
	b, err := json.Marshal(server)
	if err != nil {
		t.Fatal(err)
	}
	var again DialogState
	if err := json.Unmarshal(b, &again); err != nil || again.check() != nil {
		t.Fatal(err, again.check())
	}
	if d := cmp.Diff(*server, again); d != "" {
		t.Error(d)
	}
	if status := again.TakeRequest(bye); status != 0 || again.RemoteCSeq != 314160 {
		t.Errorf("BYE: %d, %+v", status, again)
	}
}

func TestNewDialogRefusals(t *testing.T) {
	invite := parseMessage(t, inviteText).(*Request)
	for _, edit := range [][]string{
		{";tag=a6c85cf", "", "200 OK", "180 Ringing"},
		{"200 OK", "100 Trying"},
		{"200 OK", "300 Multiple Choices"},
		{"Contact: sip:bob@192.0.2.4:5070", "Contact: <sip:bob"},
		{"<sip:p2.example;lr>", "<sip:p2.example;lr"},
	} {
		resp := parseMessage(t, strings.NewReplacer(edit...).Replace(okText)).(*Response)
		if d, err := NewClientDialog(invite, resp); err == nil {
			t.Errorf("%q: %+v", edit, d)
		}
	}
	for _, tc := range []struct{ old, new string }{
		{"Contact: <sip:alice@pc33.atlanta.example;transport=tcp>\n", ""},
		{"Contact: <sip:alice@pc33.atlanta.example;transport=tcp>", "Contact: *"},
		{"<sip:p2.example;lr>", "<sip:p2.example;lr"},
	} {
		req := parseMessage(t, strings.Replace(inviteText, tc.old, tc.new, 1)).(*Request)
		if d, err := NewServerDialog(req, "t", "<sip:b>"); err == nil {
			t.Errorf("%q: %+v", tc.new, d)
		}
	}
	for _, d := range []DialogState{
		{}, {CallID: "c", LocalTag: "t"}, {CallID: "c", LocalTag: "t", Target: "sip:a", Local: "<", Remote: "<sip:b>"},
		{CallID: "c", LocalTag: "t", Target: "sip:", Local: "<sip:a>", Remote: "<sip:b>"},
	} {
		if d.check() == nil {
			t.Errorf("%+v passed", d)
		}
	}
}

// An early dialog whose 180 had no Contact and another path takes both from the 2xx.
func TestDialogConfirm(t *testing.T) {
	invite := parseMessage(t, inviteText).(*Request)
	ringing := parseMessage(t, strings.NewReplacer("200 OK", "180 Ringing", "Contact: sip:bob@192.0.2.4:5070\n", "",
		"<sip:p2.example;lr>, ", "").Replace(okText)).(*Response)
	d, err := NewClientDialog(invite, ringing)
	if err != nil || d.Confirmed || d.Target != "sip:bob@biloxi.example" || len(d.Routes) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	ok := parseMessage(t, okText).(*Response)
	if err := d.Confirm(ok); err != nil || !d.Confirmed || d.Target != "sip:bob@192.0.2.4:5070" || len(d.Routes) != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	ok.Set("Record-Route", "<sip:other;lr>") // of a re-INVITE: the path stays
	ok.Set("Contact", "<sip:bob@new>")
	if err := d.Confirm(ok); err != nil || d.Target != "sip:bob@new" || len(d.Routes) != 2 {
		t.Errorf("%+v, %v", d, err)
	}
}

// RFC 3261 section 12.2.1.1, with its own example.
func TestDialogRouting(t *testing.T) {
	for _, tc := range []struct {
		target string
		routes []string
		uri    string
		want   []string
	}{
		{"sip:user@remoteua", nil, "sip:user@remoteua", nil},
		{"sip:user@remoteua", []string{"<sip:p1;lr>", "<sip:p2>"}, "sip:user@remoteua", []string{"<sip:p1;lr>", "<sip:p2>"}},
		{"sip:user@remoteua", []string{"<sip:proxy1>", "<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>"},
			"sip:proxy1", []string{"<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:user@remoteua>"}},
		{"sip:u@h;transport=tcp", []string{"<sip:p;maddr=x;method=INVITE?Subject=a>;hp=1"}, "sip:p;maddr=x", []string{"<sip:u@h;transport=tcp>"}},
	} {
		d := DialogState{CallID: "c", LocalTag: "l", RemoteTag: "r", Local: "<sip:a>", Remote: "<sip:b>", Target: tc.target, Routes: tc.routes}
		r, err := d.NewRequest(INFO)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for v := range r.Values("Route") {
			got = append(got, v)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || r.RequestURI != tc.uri {
			t.Errorf("%v: %s\n%s", tc.routes, r.RequestURI, diff)
		}
	}
}

func TestDialogCSeq(t *testing.T) {
	d := DialogState{LocalCSeq: 1<<31 - 2}
	if _, err := d.NewRequest(INFO); err != nil {
		t.Error(err)
	}
	if _, err := d.NewRequest(INFO); !errors.Is(err, ErrCSeq) {
		t.Errorf("after 2^31-1: %v", err)
	}
	for _, tc := range []struct {
		seen bool
		last uint32
		cseq string
		want int
	}{
		{false, 0, "0 INFO", 0},
		{false, 0, "4294967295 INFO", 0},
		{true, 5, "6 INFO", 0},
		{true, 5, "100 INFO", 0}, // a gap
		{true, 5, "4 INFO", 500},
		{true, 5, "5 INFO", 500},
		{true, 5, "5 ACK", 0},
		{true, 5, "x INFO", 400},
	} {
		d := DialogState{RemoteSeen: tc.seen, RemoteCSeq: tc.last}
		_, method, _ := strings.Cut(tc.cseq, " ")
		r := NewRequest(Method(method), "sip:a")
		r.Add("CSeq", tc.cseq)
		if got := d.TakeRequest(r); got != tc.want {
			t.Errorf("%+v: %d", tc, got)
		}
		c, _ := r.CSeq()
		if tc.want != 0 || method == "ACK" {
			c.Seq = tc.last
		}
		if d.RemoteCSeq != c.Seq {
			t.Errorf("%+v: last is %d", tc, d.RemoteCSeq)
		}
	}
}

// RFC 5057 tables 1 and 2.
func TestFailureEffects(t *testing.T) {
	want := map[int]Effect{404: EndsDialog, 410: EndsDialog, 416: EndsDialog, 482: EndsDialog, 483: EndsDialog, 484: EndsDialog,
		485: EndsDialog, 502: EndsDialog, 604: EndsDialog, 405: EndsUsage, 480: EndsUsage, 481: EndsUsage, 489: EndsUsage, 501: EndsUsage, 408: EndsUsage}
	for status := 300; status < 700; status++ {
		if got := FailureEffect(INVITE, status); got != want[status] {
			t.Errorf("%d to INVITE ends the %v", status, got)
		}
	}
	for _, tc := range []struct {
		m      Method
		status int
		want   Effect
	}{{INFO, 501, EndsTransaction}, {UPDATE, 405, EndsTransaction}, {CANCEL, 481, EndsTransaction}, {PRACK, 481, EndsTransaction}, {PRACK, 408, EndsUsage}, {INFO, 481, EndsUsage}, {BYE, 501, EndsUsage}} {
		if got := FailureEffect(tc.m, tc.status); got != tc.want {
			t.Errorf("%d to %s ends the %v", tc.status, tc.m, got)
		}
	}
}

func TestOffers(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		o                     offers
		invite, update, plain int
		mayInvite, mayOffer   bool
	}{
		{"idle", offers{}, 0, 0, 0, true, true},
		{"our re-INVITE", offers{inviteOut: true, offerOut: true}, 491, 491, 0, false, false},
		{"our re-INVITE, answered early", offers{inviteOut: true}, 491, 0, 0, false, true},
		{"its re-INVITE", offers{inviteIn: true, offerIn: true}, 500, 500, 0, false, false},
		{"its re-INVITE, answered early", offers{inviteIn: true}, 500, 0, 0, false, true},
		{"our 2xx has no ACK", offers{ackWait: true}, 491, 0, 0, false, true},
		{"our UPDATE", offers{offerOut: true}, 491, 491, 0, false, false},
		{"its UPDATE", offers{offerIn: true}, 500, 500, 0, false, false},
	} {
		got := tc
		got.invite, got.update, got.plain = tc.o.refuse(INVITE, true), tc.o.refuse(UPDATE, true), tc.o.refuse(UPDATE, false)
		got.mayInvite, got.mayOffer = tc.o.mayInvite(), tc.o.mayOffer()
		if got != tc {
			t.Errorf("%+v, want %+v", got, tc)
		}
	}
	for _, owner := range []bool{true, false} {
		lo, hi := time.Duration(math.MaxInt64), time.Duration(0)
		for range 20000 {
			d := glareDelay(owner)
			if d%(10*time.Millisecond) != 0 {
				t.Fatal(d)
			}
			lo, hi = min(lo, d), max(hi, d)
		}
		want := map[bool][2]time.Duration{true: {2100 * time.Millisecond, 4 * time.Second}, false: {0, 2 * time.Second}}[owner]
		if got := [2]time.Duration{lo, hi}; got != want {
			t.Errorf("owner %v: %v, want %v", owner, got, want)
		}
	}
}

func TestACKWait(t *testing.T) {
	var a ackWait
	timers := Timers{}.filled()
	start := time.Unix(0, 0)
	if !a.deadline().IsZero() {
		t.Error("runs before its start")
	}
	a.start(start, timers)
	var at []time.Duration
	for {
		now := a.deadline()
		if r, g := a.expire(now.Add(-1), timers); r || g {
			t.Fatal("early")
		}
		resend, giveUp := a.expire(now, timers)
		at = append(at, now.Sub(start))
		if giveUp {
			break
		}
		if !resend {
			t.Fatal("nothing was due at the deadline")
		}
	}
	want := []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond, 7500 * time.Millisecond,
		11500 * time.Millisecond, 15500 * time.Millisecond, 19500 * time.Millisecond, 23500 * time.Millisecond, 27500 * time.Millisecond, 31500 * time.Millisecond, 32 * time.Second}
	if d := cmp.Diff(want, at); d != "" {
		t.Error(d)
	}
	if !a.deadline().IsZero() {
		t.Error("runs after its end")
	}
}

// Whatever dialog a message makes, its requests can be written and are read as what they are.
func FuzzDialogState(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(inviteText, "\n", "\r\n")))
	f.Add([]byte(strings.ReplaceAll(okText, "\n", "\r\n")))
	f.Add([]byte(strings.ReplaceAll(strings.Replace(inviteText, ";lr", "", 1), "\n", "\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		var d *DialogState
		switch m := m.(type) {
		case *Request:
			d, err = NewServerDialog(m, "local", "<sip:me@192.0.2.1>")
		case *Response:
			invite, _ := Parse([]byte(strings.ReplaceAll(inviteText, "\n", "\r\n")))
			if d, err = NewClientDialog(invite.(*Request), m); err == nil {
				err = d.Confirm(m)
			}
		}
		if err != nil {
			return
		}
		for _, method := range []Method{BYE, INVITE} {
			req, err := d.NewRequest(method)
			if err != nil {
				t.Fatal(err)
			}
			text, err := req.AppendText(nil)
			if err != nil {
				return // such as a target with spaces, which no line can hold
			}
			again, err := Parse(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			r, ok := again.(*Request)
			if !ok || r.Method != method || r.Count("Route") != req.Count("Route") || r.CallID() != d.CallID {
				t.Fatalf("%q was read as %q", text, again)
			}
			from, err := r.From()
			if err != nil || from.Tag() != d.LocalTag {
				t.Fatalf("%q: From %v, %v", text, from, err)
			}
		}
	})
}

// A dialog keeps a route set for as long as it lasts: one that is too long is refused, by both sides.
func TestRouteSetIsBounded(t *testing.T) {
	req := NewRequest(INVITE, "sip:bob@example.com")
	req.Add("From", "<sip:alice@example.com>;tag=f")
	req.Add("To", "<sip:bob@example.com>")
	req.Add("Call-ID", "c")
	req.Add("CSeq", "1 INVITE")
	req.Add("Contact", "<sip:alice@192.0.2.1>")
	for name, tc := range map[string]struct {
		value string
		n     int
		ok    bool
	}{
		"every hop twice": {"<sip:192.0.2.9;lr>", 140, true},
		"one more":        {"<sip:192.0.2.9;lr>", 141, false},
		"long":            {"<sip:192.0.2.9;lr;x=" + strings.Repeat("x", 16<<10) + ">", 1, false},
	} {
		r := req.Clone()
		for range tc.n {
			r.Add("Record-Route", tc.value)
		}
		_, err := NewServerDialog(r, "t", "<sip:bob@192.0.2.2>")
		if (err == nil) != tc.ok || err != nil && statusOf(err) != 513 {
			t.Errorf("%s: server %v", name, err)
		}
		resp := NewResponse(r, 200, "")
		resp.SetToTag("t")
		resp.Add("Contact", "<sip:bob@192.0.2.2>")
		if _, err := NewClientDialog(req, resp); (err == nil) != tc.ok {
			t.Errorf("%s: client %v", name, err)
		}
	}
}
