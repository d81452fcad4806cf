package user

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/sctp"
)

// told takes what an association has to say: the chunks of its control packets, and its events.
func (h *simHost) told() (chunks, events string) {
	var said []string
	for _, r := range h.a.control {
		for b := r.chunks; len(b) > 0; {
			c, rest, ok := nextChunk(b)
			if !ok {
				h.s.t.Fatalf("a broken chunk in % x", r.chunks)
			}
			b = rest
			name := c.typ.String()
			switch code, _ := firstCause(c.value); {
			case c.typ == ctError || c.typ == ctAbort && code != 0:
				name += fmt.Sprintf("(%d)", code)
			case c.flags&flagT != 0 && (c.typ == ctAbort || c.typ == ctShutdownComplete):
				name += "(T)"
			}
			said = append(said, name)
		}
	}
	h.a.control = h.a.control[:0]
	h.got = h.got[:0]
	for h.a.inbox.n > 0 {
		var room [8]sctp.Received
		h.got = append(h.got, h.a.inbox.pop(room[:0])...)
	}
	return strings.Join(said, ","), h.events()
}

// inState is an association in one of its states, with a peer that says no more.
func inState(t *testing.T, want state) (*sim, *simHost) {
	s := newSim(t, 1)
	a, b := s.host(sctp.Config{}, "10.0.0.1"), s.host(sctp.Config{}, "10.0.0.2")
	switch want {
	case cookieWait:
		s.filter = func(Packet) bool { return false }
		a.dial(b)
	case cookieEchoed:
		s.filter = func(p Packet) bool { return p.Data[headerLen] != byte(ctCookieEcho) }
		a.dial(b)
		s.until(time.Second, func() bool { return a.a.state == cookieEchoed })
	default:
		a.dial(b)
		s.until(time.Minute, func() bool { return a.up() && b.up() })
		s.run(time.Second)
		switch want {
		case shutdownSent:
			s.filter = func(Packet) bool { return false }
			a.a.shutdown(s.now)
			a.flush()
		case shutdownAckSent:
			s.filter = func(p Packet) bool { return p.Data[headerLen] != byte(ctShutdownAck) }
			b.a.shutdown(s.now)
			b.flush()
			s.until(time.Second, func() bool { return a.a.state == shutdownAckSent })
		}
	}
	if a.a.state != want {
		t.Fatalf("the state is %v, want %v", a.a.state, want)
	}
	a.told()
	return s, a
}

// TestCookieEcho is table 12 of RFC 9260 section 5.2.4: a COOKIE ECHO when a TCB is there, by whether
// its tags are ours (M) or not (X), with the actions A to D under their letters.
func TestCookieEcho(t *testing.T) {
	type change func(a *assoc, c *cookie)
	newTags := func(a *assoc, c *cookie) { c.localTag, c.peerTag = a.localTag+1, a.peerTag+1 }
	ties := func(a *assoc, c *cookie) {
		a.localTie, a.peerTie = 77, 78
		c.localTie, c.peerTie = 77, 78
	}
	newPeer := func(a *assoc, c *cookie) { c.peerTag = a.peerTag + 1 }
	newLocal := func(a *assoc, c *cookie) { c.localTag = a.localTag + 1 }
	late := func(a *assoc, c *cookie) { c.life = -time.Hour }
	for _, c := range []struct {
		action  string
		state   state
		changes []change
		chunks  string
		events  string
		after   state
		adopted bool // the tags are those of the cookie
	}{
		{"A restart", established, []change{newTags, ties}, "COOKIE ACK", "restart;", established, true},
		{"A restart in SHUTDOWN-SENT", shutdownSent, []change{newTags, ties}, "COOKIE ACK", "restart;", shutdownSent, true},
		{"A restart in SHUTDOWN-ACK-SENT", shutdownAckSent, []change{newTags, ties}, "SHUTDOWN ACK,ERROR(10)", "", shutdownAckSent, false},
		{"A stale", established, []change{newTags, ties, late}, "ERROR(3)", "", established, false},
		{"A other tie-tags", established, []change{newTags, ties, func(a *assoc, c *cookie) { c.peerTie++ }}, "", "", established, false},
		{"A no tie-tags", established, []change{newTags}, "", "", established, false},
		{"B collision in COOKIE-WAIT", cookieWait, []change{newPeer}, "COOKIE ACK", "up;", established, true},
		{"B collision in COOKIE-ECHOED", cookieEchoed, []change{newPeer}, "COOKIE ACK", "up;", established, true},
		{"B in ESTABLISHED", established, []change{newPeer}, "COOKIE ACK", "", established, true},
		{"B stale", cookieEchoed, []change{newPeer, late}, "ERROR(3)", "", cookieEchoed, false},
		{"C late cookie of the INIT before", established, []change{newLocal}, "", "", established, false},
		{"C in COOKIE-ECHOED", cookieEchoed, []change{newLocal}, "", "", cookieEchoed, false},
		{"D again", established, nil, "COOKIE ACK", "", established, true},
		{"D stale counts", established, []change{late}, "COOKIE ACK", "", established, true},
		{"D in COOKIE-ECHOED", cookieEchoed, nil, "COOKIE ACK", "up;", established, true},
	} {
		t.Run(c.action, func(t *testing.T) {
			s, h := inState(t, c.state)
			a := h.a
			p := a.paths[0]
			ck := cookie{life: time.Minute, local: p.local, remote: p.remote, localPort: a.localPort, remotePort: a.remotePort,
				localTag: a.localTag, peerTag: a.peerTag, localTSN: a.localTSN, peerTSN: 5000, rwnd: 1 << 16, out: 10, in: 10}
			for _, f := range c.changes {
				f(a, &ck)
			}
			a.handle(s.now, p.local, p.remote, header{a.remotePort, a.localPort, ck.localTag},
				appendChunk(nil, ctCookieEcho, 0, a.sign.seal(nil, s.now, &ck)))
			chunks, events := h.told()
			if chunks != c.chunks && !(c.after == shutdownSent && strings.HasPrefix(chunks, c.chunks)) || events != c.events || a.state != c.after {
				t.Errorf("%q, %q, %v; want %q, %q, %v", chunks, events, a.state, c.chunks, c.events, c.after)
			}
			if got := a.localTag == ck.localTag && a.peerTag == ck.peerTag; got != c.adopted {
				t.Errorf("adopted: %v", got)
			}
		})
	}
	t.Run("forged", func(t *testing.T) {
		s, h := inState(t, established)
		p := h.a.paths[0]
		ck := cookie{life: time.Minute, local: p.local, remote: p.remote, localPort: h.a.localPort, remotePort: h.a.remotePort, localTag: 1, peerTag: 2}
		h.a.handle(s.now, p.local, p.remote, header{h.a.remotePort, h.a.localPort, 1}, appendChunk(nil, ctCookieEcho, 0, newSigner(s.now).seal(nil, s.now, &ck)))
		if chunks, events := h.told(); chunks+events != "" {
			t.Errorf("%q, %q", chunks, events)
		}
	})
}

// TestUnexpectedSetup is RFC 9260 sections 5.2.1 to 5.2.3 and 5.2.5: INIT, INIT ACK and COOKIE ACK when a TCB is there.
func TestUnexpectedSetup(t *testing.T) {
	init := initChunk{tag: 9, rwnd: 1 << 16, out: 10, in: 10, tsn: 1}
	more := init
	more.addrs = []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.9.9")}
	narrow := init
	narrow.rwnd = 1000
	for _, c := range []struct {
		name   string
		state  state
		tag    uint32 // 1: ours
		chunk  []byte
		chunks string
		same   bool // the INIT ACK has our tag
	}{
		{"5.2.1 INIT in COOKIE-WAIT", cookieWait, 0, init.append(nil, ctInit), "INIT ACK", true},
		{"5.2.1 INIT in COOKIE-ECHOED", cookieEchoed, 0, init.append(nil, ctInit), "INIT ACK", true},
		{"5.2.1 INIT with a new address in COOKIE-ECHOED", cookieEchoed, 0, more.append(nil, ctInit), "ABORT(11)", false},
		{"5.2.2 INIT in ESTABLISHED", established, 0, init.append(nil, ctInit), "INIT ACK", false},
		{"5.2.2 INIT with a new address", established, 0, more.append(nil, ctInit), "ABORT(11)", false},
		{"5.2.2 INIT in SHUTDOWN-SENT", shutdownSent, 0, init.append(nil, ctInit), "INIT ACK", false},
		{"9.2 INIT in SHUTDOWN-ACK-SENT", shutdownAckSent, 0, init.append(nil, ctInit), "SHUTDOWN ACK", false},
		{"8.5.1 INIT with a tag", established, 1, init.append(nil, ctInit), "", false},
		{"3.3.2 INIT with a window below 1500", established, 0, narrow.append(nil, ctInit), "ABORT(7)", false},
		{"5.2.3 INIT ACK in ESTABLISHED", established, 1, init.append(nil, ctInitAck), "", false},
		{"5.2.3 INIT ACK in COOKIE-ECHOED", cookieEchoed, 1, init.append(nil, ctInitAck), "", false},
		{"3.3.3 INIT ACK without a cookie", cookieWait, 1, init.append(nil, ctInitAck), "ABORT(2)", false},
		{"5.2.5 COOKIE ACK in COOKIE-WAIT", cookieWait, 1, appendChunk(nil, ctCookieAck, 0, nil), "", false},
		{"5.2.5 COOKIE ACK in ESTABLISHED", established, 1, appendChunk(nil, ctCookieAck, 0, nil), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := inState(t, c.state)
			p := h.a.paths[0]
			tag := c.tag
			if tag == 1 {
				tag = h.a.localTag
			}
			h.a.handle(s.now, p.local, p.remote, header{h.a.remotePort, h.a.localPort, tag}, c.chunk)
			if len(h.a.control) > 0 && c.chunks == "INIT ACK" {
				if got := be.Uint32(h.a.control[0].chunks[chunkHead:]) == h.a.localTag; got != c.same {
					t.Errorf("the INIT ACK has our tag: %v", got)
				}
			}
			if chunks, _ := h.told(); chunks != c.chunks {
				t.Errorf("%q, want %q", chunks, c.chunks)
			}
		})
	}
}

// TestOutOfTheBlue is RFC 9260 section 8.4, by the number of its rule.
func TestOutOfTheBlue(t *testing.T) {
	data := (&data{flags: 3, tsn: 1, user: []byte("x")}).append(nil)
	one := func(t chunkType) []byte { return appendChunk(nil, t, 0, nil) }
	staleCookie := appendChunk(nil, ctError, 0, appendCause(nil, causeStaleCookie, make([]byte, 4)))
	for _, c := range []struct {
		rule   string
		chunks []byte
		want   chunkType // with the T bit and the tag of the packet
		none   bool
	}{
		{"2 ABORT", one(ctAbort), 0, true},
		{"2 ABORT behind DATA", append(bytes.Clone(data), one(ctAbort)...), 0, true},
		{"5 SHUTDOWN ACK", one(ctShutdownAck), ctShutdownComplete, false},
		{"6 SHUTDOWN COMPLETE", one(ctShutdownComplete), 0, true},
		{"7 stale cookie", staleCookie, 0, true},
		{"7 COOKIE ACK", one(ctCookieAck), 0, true},
		{"8 DATA", data, ctAbort, false},
		{"8 SACK", one(ctSack), ctAbort, false},
		{"8 HEARTBEAT", one(ctHeartbeat), ctAbort, false},
		{"8 another ERROR", appendChunk(nil, ctError, 0, appendCause(nil, causeInvalidStream, make([]byte, 4))), ctAbort, false},
		{"8 an unknown chunk", one(200), ctAbort, false},
		{"nothing that can be read", []byte{0, 0, 0, 2}, 0, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			x, y := netip.MustParseAddrPort("10.0.0.1:9899"), netip.MustParseAddrPort("10.0.0.2:9899")
			r, ok := outOfTheBlue(x, y, header{1, 2, 0xabcd}, c.chunks)
			if ok == c.none {
				t.Fatalf("answered: %v", ok)
			}
			if c.none {
				return
			}
			got, rest, parsed := nextChunk(r.chunks)
			if !parsed || len(rest) > 0 || got.typ != c.want || got.flags&flagT == 0 || r.tag != 0xabcd || r.local != x || r.remote != y {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestVerificationTag is RFC 9260 section 8.5.
func TestVerificationTag(t *testing.T) {
	const ours, peers, wrong = 1, 2, 3
	for _, c := range []struct {
		name   string
		state  state
		typ    chunkType
		flags  uint8
		tag    int
		chunks string
		over   bool
	}{
		{"8.5 another chunk", established, ctHeartbeat, 0, ours, "HEARTBEAT ACK", false},
		{"8.5 another chunk, wrong tag", established, ctHeartbeat, 0, wrong, "", false},
		{"8.5 another chunk, the peer's tag", established, ctHeartbeat, 0, peers, "", false},
		{"8.5.1 B ABORT", established, ctAbort, 0, ours, "", true},
		{"8.5.1 B ABORT, wrong tag", established, ctAbort, 0, wrong, "", false},
		{"8.5.1 B ABORT with T and the peer's tag", established, ctAbort, flagT, peers, "", true},
		{"8.5.1 B ABORT with T and our tag", established, ctAbort, flagT, ours, "", false},
		{"8.5.1 B ABORT without T, the peer's tag", established, ctAbort, 0, peers, "", false},
		{"8.5.1 C SHUTDOWN COMPLETE", shutdownAckSent, ctShutdownComplete, 0, ours, "", true},
		{"8.5.1 C SHUTDOWN COMPLETE with T and the peer's tag", shutdownAckSent, ctShutdownComplete, flagT, peers, "", true},
		{"8.5.1 C SHUTDOWN COMPLETE, wrong tag", shutdownAckSent, ctShutdownComplete, 0, wrong, "", false},
		{"8.5.1 C SHUTDOWN COMPLETE in ESTABLISHED", established, ctShutdownComplete, 0, ours, "", false},
		{"8.5.1 E SHUTDOWN ACK in COOKIE-WAIT", cookieWait, ctShutdownAck, 0, wrong, "SHUTDOWN COMPLETE(T)", false},
		{"8.5.1 E SHUTDOWN ACK in COOKIE-ECHOED", cookieEchoed, ctShutdownAck, 0, wrong, "SHUTDOWN COMPLETE(T)", false},
		{"8.5.1 E SHUTDOWN ACK in ESTABLISHED, wrong tag", established, ctShutdownAck, 0, wrong, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := inState(t, c.state)
			a := h.a
			p := a.paths[0]
			tag := map[int]uint32{ours: a.localTag, peers: a.peerTag, wrong: a.localTag ^ a.peerTag ^ 0x5555}[c.tag]
			value := []byte(nil)
			if c.typ == ctHeartbeat {
				value = []byte{0, paramHeartbeatInfo, 0, 8, 1, 2, 3, 4}
			}
			a.handle(s.now, p.local, p.remote, header{a.remotePort, a.localPort, tag}, appendChunk(nil, c.typ, c.flags, value))
			over := a.state == closed
			if chunks, _ := h.told(); chunks != c.chunks || over != c.over {
				t.Errorf("%q, over: %v", chunks, over)
			}
		})
	}
}

// TestUnknownChunks is table 2 of RFC 9260 section 3.2: what the two high bits of an unknown type ask for.
func TestUnknownChunks(t *testing.T) {
	for _, c := range []struct {
		typ         chunkType
		stop, known bool // the rest of the packet is not processed; it is reported
	}{{0x3f, true, false}, {0x7f, true, true}, {0xbf, false, false}, {0xff, false, true}} {
		s, h := inState(t, established)
		a := h.a
		p := a.paths[0]
		b := appendChunk(nil, c.typ, 0, []byte("huh?"))
		b = (&data{flags: 3, tsn: a.tsns.cum + 1, user: []byte("after")}).append(b)
		a.handle(s.now, p.local, p.remote, header{a.remotePort, a.localPort, a.localTag}, b)
		chunks, _ := h.told()
		if want := map[bool]string{true: "ERROR(6)"}[c.known]; chunks != want {
			t.Errorf("%v: %q, want %q", c.typ, chunks, want)
		}
		if got := len(h.messages()) == 0; got != c.stop {
			t.Errorf("%v: the rest of the packet was ignored: %v", c.typ, got)
		}
	}
}

// TestUnknownParameters is table 3 of section 3.2.1: the same of parameters, here of an INIT.
func TestUnknownParameters(t *testing.T) {
	for _, c := range []struct {
		typ            uint16
		stop, reported bool
	}{{0x3fff, true, false}, {0x7fff, true, true}, {0xbfff, false, false}, {0xffff, false, true}} {
		in := initChunk{tag: 1, rwnd: 1 << 16, out: 1, in: 1, tsn: 1}
		b := in.append(nil, ctInit)
		b = append(b, byte(c.typ>>8), byte(c.typ), 0, 8, 'h', 'u', 'h', '?')
		b = appendAddr(b, netip.MustParseAddr("10.1.2.3"))
		got, err := parseInit(b[chunkHead:])
		if err != nil {
			t.Fatal(err)
		}
		if (len(got.unknown) == 1) != c.reported || (len(got.addrs) == 0) != c.stop {
			t.Errorf("%#x: reported %q, addresses %v", c.typ, got.unknown, got.addrs)
		}
		// In the INIT ACK what is to be reported stands in parameters of its own (section 3.2.2).
		sign := newSigner(time.Unix(0, 0))
		x := netip.MustParseAddrPort("10.0.0.1:9899")
		cfg := filled(sctp.Config{})
		r := respond(sign, time.Unix(0, 0), &cfg, []netip.AddrPort{x}, x, x, 1, 2, &got, cookie{localTag: 1})
		if has := bytes.Contains(r.chunks, []byte{0, paramUnrecognized, 0, 12, byte(c.typ >> 8), byte(c.typ), 0, 8}); has != c.reported {
			t.Errorf("%#x: in the INIT ACK: %v", c.typ, has)
		}
	}
}

// TestRTO is RFC 9260 section 6.3.1, by the letters of its rules.
func TestRTO(t *testing.T) {
	cfg := filled(sctp.Config{RTOInitial: 700 * time.Millisecond, RTOMin: 100 * time.Millisecond, RTOMax: 5 * time.Second})
	a := newAssoc(cfg, simMTU, newSigner(time.Unix(0, 0)), []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:9899")}, 1, 2)
	p := a.addPath(netip.MustParseAddrPort("10.0.0.2:9899"))
	check := func(rule string, srtt, rttvar, rto time.Duration) {
		t.Helper()
		if p.srtt != srtt || p.rttvar != rttvar || p.rto != rto {
			t.Errorf("%s: SRTT %v, RTTVAR %v, RTO %v; want %v, %v, %v", rule, p.srtt, p.rttvar, p.rto, srtt, rttvar, rto)
		}
	}
	ms := time.Millisecond
	check("C1", 0, 0, 700*ms)
	p.measured(a, 80*ms)
	check("C2", 80*ms, 40*ms, 240*ms)
	p.measured(a, 160*ms)
	check("C3", 90*ms, 50*ms, 290*ms) // RTTVAR 3/4*40 + 1/4*80; SRTT 7/8*80 + 1/8*160
	for range 200 {
		p.measured(a, 10*ms)
	}
	if p.rto != 100*ms {
		t.Errorf("C6: RTO %v, want RTO.Min", p.rto)
	}
	p.measured(a, 30*time.Second)
	if p.rto != 5*time.Second {
		t.Errorf("C7: RTO %v, want RTO.Max", p.rto)
	}
	p.reset(a)
	p.measured(a, 0)
	if p.rttvar <= 0 {
		t.Error("G1: RTTVAR is zero")
	}
	p.reset(a)
	for _, want := range []time.Duration{1400 * ms, 2800 * ms, 5 * time.Second, 5 * time.Second} { // section 6.3.3 E2
		if p.backOff(a); p.rto != want {
			t.Errorf("E2: RTO %v, want %v", p.rto, want)
		}
	}

	// C4: one measurement in a round trip. C5 (Karn): none of what was sent again.
	s := newSim(t, 1)
	x, y := s.pair(sctp.Config{RTOMin: 100 * ms, SACKDelay: -1, Heartbeat: -1})
	s.run(time.Second)
	path := x.a.paths[0]
	path.reset(x.a)
	lost := 0
	s.filter = func(p Packet) bool {
		if p.Data[headerLen] == byte(ctData) && lost < 1 {
			lost++
			return false
		}
		return true
	}
	x.a.send(&sctp.Message{Data: []byte("sent again")})
	x.flush()
	s.until(time.Minute, func() bool { return len(y.messages()) == 1 && x.a.outstanding == 0 })
	if path.srtt != 0 {
		t.Errorf("C5: SRTT %v from a chunk that was sent again", path.srtt)
	}
	path.reset(x.a)
	for i := range 3 {
		x.a.send(&sctp.Message{Data: []byte{byte(i)}})
	}
	x.flush()
	s.until(time.Minute, func() bool { return x.a.outstanding == 0 })
	if path.srtt != 20*ms || path.rttvar != 10*ms {
		t.Errorf("C4: SRTT %v, RTTVAR %v, want those of one measurement of 20 ms", path.srtt, path.rttvar)
	}
}

// TestHalfAcknowledged loses a peer that has acknowledged parts of long messages: each counts as failed as a whole.
func TestHalfAcknowledged(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(n int) bool // which DATA packets are lost
		want []int            // octets of what failed
	}{
		{"nothing arrived", func(int) bool { return true }, []int{5000, 100}},
		{"the beginning arrived", func(n int) bool { return n > 0 }, []int{5000 - (simMTU-headerLen)&^3 + dataHead, 100}},
		{"all but the beginning arrived", func(n int) bool { return n == 0 }, []int{5000}},
		{"a hole in the middle", func(n int) bool { return n == 1 }, []int{5000 - (simMTU-headerLen)&^3 + dataHead}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 1)
			a, b := s.pair(sctp.Config{SACKDelay: -1, Heartbeat: -1, AssocMaxRetrans: 2, RTOMax: time.Second})
			s.run(time.Second)
			n, seen := 0, map[uint32]bool{}
			s.filter = func(p Packet) bool {
				first, _, ok := nextChunk(p.Data[headerLen:])
				if !ok || first.typ != ctData {
					return true
				}
				tsn := be.Uint32(first.value)
				if seen[tsn] {
					return false // what is sent again never arrives
				}
				seen[tsn] = true
				n++
				return !c.lose(n - 1)
			}
			a.got = nil
			a.a.send(&sctp.Message{Stream: 2, PPID: 5, Data: make([]byte, 5000)})
			a.flush()
			s.run(50 * time.Millisecond) // in packets of its own
			a.a.send(&sctp.Message{Stream: 3, PPID: 5, Data: make([]byte, 100)})
			a.flush()
			s.until(time.Minute, func() bool { return a.a.state == closed })
			var got []int
			for _, r := range a.got {
				if r.Event != nil && r.Event.Kind == sctp.SendFailed {
					got = append(got, len(r.Event.Message.Data))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("failed: %v, want %v; %s", got, c.want, a.events())
			}
			_ = b
		})
	}
}
