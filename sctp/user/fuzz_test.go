package user

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gotelco/telco/sctp"
)

// FuzzInit reads an INIT and writes it back: what was read is kept.
func FuzzInit(f *testing.F) {
	f.Add((&initChunk{tag: 1, rwnd: 65536, out: 17, in: 17, tsn: 9, types: []uint16{5, 6}, preserve: 7,
		addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}}).append(nil, ctInit)[4:])
	f.Add((&initChunk{tag: 1, rwnd: 65536, out: 17, in: 17, tsn: 9, cookie: []byte("cookie")}).append(nil, ctInitAck)[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseInit(b)
		if err != nil || len(c.cookie) > 60000 {
			return
		}
		c.unknown, c.hostName = nil, nil // these are for the answer
		ch, rest, ok := nextChunk(c.append(nil, ctInit))
		if !ok || len(rest) != 0 {
			t.Fatal("not one chunk")
		}
		again, err := parseInit(ch.value)
		if d := cmp.Diff(c, again, cmp.AllowUnexported(initChunk{}), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("%v %s", err, d)
		}
	})
}

// FuzzData reads a DATA chunk and writes it back.
func FuzzData(f *testing.F) {
	f.Add((&data{flags: 3, tsn: 1, stream: 2, ssn: 3, ppid: 4, user: []byte("hello")}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, ok := nextChunk(b)
		if !ok || c.typ != ctData {
			return
		}
		d, err := parseData(c)
		if err != nil {
			return
		}
		again, _, ok := nextChunk(d.append(nil))
		if !ok || !bytes.Equal(again.whole, c.whole) {
			t.Errorf("%x became %x", c.whole, again.whole)
		}
	})
}

// FuzzAssoc gives a machine packets that begin as a real association does and go on as the fuzzer
// likes: it must not panic, nor keep more than its limits allow. The input is a list of packets:
// one octet says how long it waits before the packet and from where that comes, two say how long
// the packet is. A packet whose first octet is odd has its verification tag put right, and a DATA
// or SACK chunk in front its TSN.
func FuzzAssoc(f *testing.F) {
	packet := func(how byte, chunks ...[]byte) []byte {
		b := bytes.Join(chunks, nil)
		return append([]byte{how, byte(len(b) >> 8), byte(len(b))}, b...)
	}
	sack := appendChunk(nil, ctSack, 0, []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3})
	frag := (&data{flags: flagB, user: []byte("frag")}).append(nil)
	f.Add(packet(1, (&data{flags: 3, user: []byte("a")}).append(nil)))
	f.Add(bytes.Join([][]byte{packet(1, frag), packet(3, sack), packet(1, sack, frag), packet(200, appendChunk(nil, ctShutdown, 0, make([]byte, 4)))}, nil))
	f.Add(packet(1, appendChunk(nil, 0xc1, 0, []byte("unknown")), appendChunk(nil, ctHeartbeat, 0, []byte{0, 1, 0, 4})))
	f.Add(packet(0, (&initChunk{tag: 5, rwnd: 5000, out: 3, in: 3, tsn: 77}).append(nil, ctInit)))
	f.Add(packet(1, appendChunk(nil, ctShutdownAck, 0, nil), appendChunk(nil, ctError, 0, appendCause(nil, causeStaleCookie, []byte{0, 0, 0, 9}))))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newSim(t, 1)
		cfg := sctp.Config{ReceiveBuffer: 8 << 10, MaxMessage: 4 << 10, SendBuffer: 8 << 10}
		a, b := s.pair(cfg)
		for range 20 {
			a.a.send(&sctp.Message{Data: make([]byte, 300)})
		}
		a.flush()
		s.hosts = s.hosts[:1] // b falls silent
		tsn, cum := b.a.localTSN, a.a.localTSN-1
		for n := 0; len(in) >= 3 && n < 200; n++ {
			how, size := in[0], min(int(be.Uint16(in[1:])), len(in)-3)
			chunks := bytes.Clone(in[3 : 3+size])
			in = in[3+size:]
			h := header{2000, 1000, 0}
			if how&1 != 0 {
				h.tag = a.a.localTag
				if c, _, ok := nextChunk(chunks); ok && len(c.value) >= 12 && c.typ == ctData {
					be.PutUint32(c.value, be.Uint32(c.value)&255+tsn)
				} else if ok && len(c.value) >= 12 && c.typ == ctSack {
					be.PutUint32(c.value, be.Uint32(c.value)&31+cum)
				}
			}
			s.run(time.Duration(how>>3) * 100 * time.Millisecond)
			from := b.addrs[0]
			if how&2 != 0 {
				from = netip.MustParseAddrPort("10.0.0.3:9899")
			}
			a.a.handle(s.now, a.addrs[0], from, h, chunks)
			a.flush()
			m := a.a
			if m.state == closed {
				break
			}
			if m.charge() > 8*m.cfg.ReceiveBuffer+1<<16 || m.charge() < 0 || m.heldBytes < 0 || len(m.control) > maxReplies || len(m.paths) > maxAddrs {
				t.Fatalf("beyond its limits: %d octets, %d held, %d replies", m.charge(), m.heldBytes, len(m.control))
			}
			flight, out, marked := 0, 0, 0
			for x := m.q.base; x != m.q.next; x++ {
				switch c := m.q.at(x); c.state {
				case flying:
					flight += int(c.n)
					out += int(c.n) - dataHead
				case lost:
					marked++
				}
			}
			if flight != m.paths[0].flight || out != m.outstanding || marked != m.marked {
				t.Fatalf("flight %d, is %d; outstanding %d, is %d; marked %d, is %d", m.paths[0].flight, flight, m.outstanding, out, m.marked, marked)
			}
		}
		s.run(time.Hour)
		if a.a.state != closed {
			t.Errorf("with a silent peer the association ends, but it is %v", a.a.state)
		}
	})
}
