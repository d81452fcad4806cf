package pcapng_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

var (
	t0    = time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.UTC)
	alice = netip.MustParseAddrPort("192.0.2.1:5060")
	bob   = netip.MustParseAddrPort("192.0.2.2:5080")
	carol = netip.MustParseAddrPort("[2001:db8::3]:5060")
	dave  = netip.MustParseAddrPort("[2001:db8::4]:5080")
)

// block is one block of a capture, as a reader sees it.
type block struct {
	kind uint32
	body []byte
}

// parse splits a capture into blocks and checks both lengths of each.
func parse(t *testing.T, b []byte) []block {
	t.Helper()
	var all []block
	for len(b) > 0 {
		if len(b) < 12 {
			t.Fatalf("%d octets left over", len(b))
		}
		n := binary.LittleEndian.Uint32(b[4:])
		if n%4 != 0 || n < 12 || int(n) > len(b) || binary.LittleEndian.Uint32(b[n-4:]) != n {
			t.Fatalf("block of length %d in %d octets", n, len(b))
		}
		all = append(all, block{binary.LittleEndian.Uint32(b), b[8 : n-4]})
		b = b[n:]
	}
	return all
}

// packets returns the data of the packet blocks, those of IP without the link's header.
func packets(t *testing.T, b []byte) [][]byte {
	t.Helper()
	var all [][]byte
	var links []uint16
	for _, bl := range parse(t, b) {
		switch bl.kind {
		case 1:
			links = append(links, binary.LittleEndian.Uint16(bl.body))
		case 6:
			p := bl.body[20 : 20+binary.LittleEndian.Uint32(bl.body[12:])]
			if i := binary.LittleEndian.Uint32(bl.body); int(i) < len(links) && links[i] == 0 {
				p = p[4:]
			}
			all = append(all, p)
		}
	}
	return all
}

func capture(t *testing.T, cfg pcapng.Config, events ...trace.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		w.Trace(e)
	}
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBlocks(t *testing.T) {
	got := parse(t, capture(t, pcapng.Config{Names: map[netip.Addr]string{alice.Addr(): "alice"}},
		trace.Event{Time: t0, Dir: trace.Sent, Interface: "ue", Proto: trace.SIP, Transport: trace.UDP, Local: alice, Remote: bob, Data: []byte("hello"), Comment: "why"},
		trace.Event{Time: t0, Dir: trace.Received, Interface: "ue", Proto: trace.SIP, Transport: trace.UDP, Local: alice, Remote: bob, Data: []byte("hi")},
	))
	var kinds []uint32
	for _, b := range got {
		kinds = append(kinds, b.kind)
	}
	if want := []uint32{0x0a0d0d0a, 4, 1, 6, 6}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Fatalf("blocks %#x, want %#x", kinds, want)
	}
	p := got[3].body
	ns := uint64(binary.LittleEndian.Uint32(p[4:]))<<32 | uint64(binary.LittleEndian.Uint32(p[8:]))
	if ns != uint64(t0.UnixNano()) {
		t.Errorf("time %d, want %d", ns, t0.UnixNano())
	}
	if !bytes.Contains(p, []byte("\x01\x00\x03\x00why\x00")) {
		t.Errorf("no comment in %q", p)
	}
	if !bytes.Contains(got[2].body, []byte("\x02\x00\x02\x00ue\x00\x00")) || !bytes.Contains(got[2].body, []byte("\x09\x00\x01\x00\x09")) {
		t.Errorf("interface block %q", got[2].body)
	}
	all := packets(t, capture(t, pcapng.Config{},
		trace.Event{Dir: trace.Sent, Transport: trace.UDP, Local: alice, Remote: bob, Data: []byte("a")},
		trace.Event{Dir: trace.Received, Transport: trace.UDP, Local: alice, Remote: bob, Data: []byte("b")}))
	if src := [4]byte(all[0][12:16]); src != alice.Addr().As4() {
		t.Errorf("sent from %v", src)
	}
	if src := [4]byte(all[1][12:16]); src != bob.Addr().As4() {
		t.Errorf("received from %v", src)
	}
}

func TestChecksums(t *testing.T) {
	for _, ends := range [][2]netip.AddrPort{{alice, bob}, {carol, dave}} {
		for n := range 5 {
			for _, p := range packets(t, capture(t, pcapng.Config{},
				trace.Event{Dir: trace.Sent, Transport: trace.UDP, Local: ends[0], Remote: ends[1], Data: make([]byte, n)},
				trace.Event{Dir: trace.Sent, Transport: trace.TCP, Local: ends[0], Remote: ends[1], Data: bytes.Repeat([]byte{0xfe}, n)},
			)) {
				proto, pseudo, rest := p[9], p[12:20], p[20:]
				if ends[0] == carol {
					proto, pseudo, rest = p[6], p[8:40], p[40:]
				} else if s := ones(p[:20]); s != 0xffff {
					t.Errorf("IPv4 header checksum: %#x", s)
				}
				all := append([]byte{0, proto, 0, byte(len(rest))}, pseudo...)
				if s := ones(append(all, rest...)); s != 0xffff {
					t.Errorf("%v protocol %d, %d octets: checksum %#x", ends, proto, n, s)
				}
			}
		}
	}
}

// ones is the one's complement sum of RFC 1071, a whole packet of which gives 0xffff.
func ones(b []byte) uint16 {
	s := uint32(0)
	for i, x := range b {
		if i%2 == 0 {
			s += uint32(x) << 8
		} else {
			s += uint32(x)
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestTCPNumbers(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789"), 13000)
	ev := func(d trace.Dir, data []byte) trace.Event {
		return trace.Event{Dir: d, Transport: trace.TLS, Local: alice, Remote: bob, Data: data, Comment: "once"}
	}
	out := capture(t, pcapng.Config{}, ev(trace.Sent, []byte("abc")), ev(trace.Received, big), ev(trace.Sent, []byte("de")))
	var streams [2][]byte
	want := [2]uint32{1, 1}
	for _, p := range packets(t, out) {
		way := 0
		if [4]byte(p[12:16]) == bob.Addr().As4() {
			way = 1
		}
		seq, ack := binary.BigEndian.Uint32(p[24:]), binary.BigEndian.Uint32(p[28:])
		if seq != want[way] || ack != want[1-way] {
			t.Errorf("seq %d ack %d, want %d %d", seq, ack, want[way], want[1-way])
		}
		streams[way] = append(streams[way], p[40:]...)
		want[way] += uint32(len(p) - 40)
	}
	if string(streams[0]) != "abcde" || !bytes.Equal(streams[1], big) {
		t.Errorf("the streams don't reassemble: %d and %d octets", len(streams[0]), len(streams[1]))
	}
	if n := bytes.Count(out, []byte("once")); n != 3 {
		t.Errorf("the comment stands on %d packets, want one per message", n)
	}
}

func TestSCTP(t *testing.T) {
	ev := func(stream uint16, data []byte) trace.Event {
		return trace.Event{Dir: trace.Sent, Proto: trace.M3UA, Transport: trace.OverSCTP, Local: alice, Remote: bob, Stream: stream, Data: data}
	}
	var got []string
	for _, p := range packets(t, capture(t, pcapng.Config{}, ev(1, []byte("abcde")), ev(2, nil), ev(1, make([]byte, 60001)))) {
		s := p[20:]
		crc := binary.LittleEndian.Uint32(s[8:])
		clear := append([]byte(nil), s...)
		copy(clear[8:], "\x00\x00\x00\x00")
		if want := crc32.Checksum(clear, crc32.MakeTable(crc32.Castagnoli)); crc != want {
			t.Errorf("CRC32c %#x, want %#x", crc, want)
		}
		got = append(got, fmt.Sprintf("flags %d len %d tsn %d stream %d ssn %d ppid %d pad %d", s[13], binary.BigEndian.Uint16(s[14:]),
			binary.BigEndian.Uint32(s[16:]), binary.BigEndian.Uint16(s[20:]), binary.BigEndian.Uint16(s[22:]), binary.BigEndian.Uint32(s[24:]),
			len(s)-12-int(binary.BigEndian.Uint16(s[14:]))))
	}
	want := []string{
		"flags 3 len 21 tsn 1 stream 1 ssn 0 ppid 3 pad 3",
		"flags 3 len 16 tsn 2 stream 2 ssn 0 ppid 3 pad 0",
		"flags 2 len 60016 tsn 3 stream 1 ssn 1 ppid 3 pad 0",
		"flags 1 len 17 tsn 4 stream 1 ssn 1 ppid 3 pad 3",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSecrets(t *testing.T) {
	data := append(bytes.Repeat([]byte("."), 59998), `ck="0123456789"; ik="abcdef"`...) // over the edge of a segment
	for _, tr := range []trace.Transport{trace.UDP, trace.TCP, trace.OverSCTP, trace.NoTransport} {
		e := trace.Event{Dir: trace.Sent, Transport: tr, Local: alice, Remote: bob, Data: data,
			Secrets: []trace.Span{{Start: 60002, End: 60012}, {Start: 60019, End: 99999}, {Start: -5, End: 0}}}
		if tr == trace.NoTransport {
			e.Local, e.Remote = netip.AddrPort{}, netip.AddrPort{}
		}
		hidden := bytes.Join(packets(t, capture(t, pcapng.Config{}, e)), nil)
		if bytes.Contains(hidden, []byte("456789")) || bytes.Contains(hidden, []byte("abc")) || !bytes.Contains(hidden, []byte(`"; ik="xxx`)) {
			t.Errorf("%v: secrets stand in the capture", tr)
		}
		if open := bytes.Join(packets(t, capture(t, pcapng.Config{IncludeSecrets: true}, e)), nil); !bytes.Contains(open, []byte("456789\"; ik=\"abcdef")) {
			t.Errorf("%v: secrets are missing though asked for", tr)
		}
	}
	if !bytes.Contains(data, []byte("0123456789")) {
		t.Error("the caller's octets were changed")
	}
}

func TestKeyLog(t *testing.T) {
	w, err := pcapng.NewWriter(io.Discard, pcapng.Config{})
	if err != nil || w.KeyLog() != nil {
		t.Errorf("a key log without being asked for: %v %v", w.KeyLog(), err)
	}
	var b bytes.Buffer
	w, err = pcapng.NewWriter(&b, pcapng.Config{IncludeSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w.KeyLog(), "CLIENT_RANDOM 00 11\n")
	got := parse(t, b.Bytes())[1]
	if got.kind != 10 || string(got.body) != "KSLT\x14\x00\x00\x00CLIENT_RANDOM 00 11\n" {
		t.Errorf("block %d %q", got.kind, got.body)
	}
}

// TestEveryEvent gives the writer each combination of protocol, transport, direction and kind of
// address: all must come out as well-formed blocks.
func TestEveryEvent(t *testing.T) {
	none := netip.AddrPort{}
	wild := netip.MustParseAddrPort("[::]:5060")
	mapped := netip.AddrPortFrom(netip.AddrFrom16(alice.Addr().As16()), 5060)
	zone := netip.MustParseAddrPort("[fe80::1%eth0]:5060")
	var events []trace.Event
	for _, ends := range [][2]netip.AddrPort{{alice, bob}, {carol, dave}, {none, none}, {alice, none}, {wild, alice}, {alice, wild}, {mapped, bob}, {alice, dave}, {zone, carol}} {
		for p := trace.NoProto; p < trace.ESL+2; p++ {
			for tr := trace.NoTransport; tr < trace.Pipe+2; tr++ {
				for d := trace.State; d < trace.Received+2; d++ {
					for _, n := range []int{0, 1, 65508, 70000} {
						if n > 1 && (p > trace.SIP || d != trace.Sent) {
							continue
						}
						events = append(events, trace.Event{Dir: d, Proto: p, Transport: tr, Local: ends[0], Remote: ends[1], Data: make([]byte, n), Comment: "c", Correlation: "d"})
					}
				}
			}
		}
	}
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		b.Reset()
		w.Trace(e)
		if len(packets(t, b.Bytes())) == 0 {
			t.Fatalf("nothing written for %+v", e)
		}
	}
	if s := w.Stats(); s.Events != uint64(len(events)) || s.Packets < s.Events || s.Lost != 0 {
		t.Errorf("%d events, %+v", len(events), s)
	}
}

func TestBounds(t *testing.T) {
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Config{MaxFlows: 2, MaxInterfaces: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint16(100) {
		w.Trace(trace.Event{Dir: trace.Sent, Interface: fmt.Sprint(i), Transport: trace.TCP, Local: alice, Remote: netip.AddrPortFrom(bob.Addr(), i), Data: []byte("x")})
	}
	n := 0
	for _, bl := range parse(t, b.Bytes()) {
		if bl.kind == 1 {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d interfaces, want 2 with a name and one without", n)
	}
	if s := w.Stats(); s.Packets != 100 {
		t.Errorf("%+v", s)
	}
}

type failing struct{ after int }

var errDisk = errors.New("disk full")

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

func TestErrors(t *testing.T) {
	if _, err := pcapng.NewWriter(&failing{0}, pcapng.Config{}); !errors.Is(err, errDisk) {
		t.Errorf("NewWriter: %v", err)
	}
	w, err := pcapng.NewWriter(&failing{2}, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.Trace(trace.Event{})
	}
	if s := w.Stats(); !errors.Is(w.Err(), errDisk) || s.Lost != 2 || s.Packets == 0 {
		t.Errorf("%v %+v", w.Err(), s)
	}
	if err := w.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close: %v", err)
	}
	if _, err := pcapng.Create(filepath.Join(t.TempDir(), "none", "x"), pcapng.Config{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Create: %v", err)
	}
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	size := func() int {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return len(packets(t, b))
	}
	e := trace.Event{Time: t0}
	w.Trace(e)
	w.Trace(e)
	if size() != 1 {
		t.Errorf("%d packets in the file, want the first, which begins a second", size())
	}
	e.Time = t0.Add(time.Second)
	w.Trace(e)
	if size() != 3 {
		t.Errorf("%d packets in the file after a second, want 3", size())
	}
	w.Trace(e)
	if err := w.Flush(); err != nil || size() != 4 {
		t.Errorf("%d packets after Flush, %v", size(), err)
	}
	w.Trace(e)
	if err := w.Close(); err != nil || size() != 5 {
		t.Errorf("%d packets after Close, %v", size(), err)
	}
	w.Trace(e)
	if err := w.Close(); err != nil || w.Stats().Lost != 1 || size() != 5 {
		t.Errorf("after Close: %v %+v, %d packets", err, w.Stats(), size())
	}
}

func TestConcurrency(t *testing.T) {
	var b bytes.Buffer
	w, err := pcapng.NewWriter(&b, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				w.Trace(trace.Event{Dir: trace.Sent, Interface: fmt.Sprint(i % 3), Transport: trace.TCP, Local: alice, Remote: bob, Data: []byte("xyz")})
			}
		})
	}
	wg.Wait()
	if n := len(packets(t, b.Bytes())); n != 800 {
		t.Errorf("%d packets", n)
	}
}

func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := pcapng.NewLive(pcapng.Config{MaxReaders: 1})
		live.Trace(trace.Event{Comment: "nobody sees this"})
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- live.Stream(ctx, w); w.Close() }()
		var got bytes.Buffer
		read := make(chan error, 1)
		go func() { _, err := io.Copy(&got, r); read <- err }()
		synctest.Wait()
		if live.Readers() != 1 {
			t.Fatalf("%d readers", live.Readers())
		}
		if err := live.Stream(ctx, io.Discard); !errors.Is(err, pcapng.ErrTooManyReaders) {
			t.Errorf("second reader: %v", err)
		}
		live.Trace(trace.Event{Comment: "first"})
		live.Trace(trace.Event{Comment: "second"})
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Stream: %v", err)
		}
		<-read
		p := packets(t, got.Bytes())
		if len(p) != 2 || !bytes.Contains(p[1], []byte("second")) || live.Readers() != 0 {
			t.Errorf("%d packets, %d readers left", len(p), live.Readers())
		}
	})
}

func TestLiveSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := pcapng.NewLive(pcapng.Config{QueueSize: 300})
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- live.Stream(ctx, w) }()
		synctest.Wait() // it is blocked: nobody reads the pipe
		for range 20 {
			live.Trace(trace.Event{Dir: trace.Sent, Transport: trace.UDP, Local: alice, Remote: bob, Data: make([]byte, 100)})
		}
		var got bytes.Buffer
		go io.Copy(&got, r)
		synctest.Wait()
		live.Trace(trace.Event{Comment: "after"})
		synctest.Wait()
		cancel()
		<-done
		r.Close()
		synctest.Wait()
		n := len(packets(t, got.Bytes()))
		if lost := fmt.Sprintf("%d events lost", 21-n); n < 2 || n > 5 || !bytes.Contains(got.Bytes(), []byte(lost)) {
			t.Errorf("%d packets came, and no comment %q", n, lost)
		}
	})
	err := pcapng.NewLive(pcapng.Config{}).Stream(t.Context(), &failing{0})
	if !errors.Is(err, errDisk) {
		t.Errorf("a reader that fails: %v", err)
	}
}

var hot = []trace.Event{
	{Time: t0, Dir: trace.Sent, Interface: "ue", Proto: trace.SIP, Transport: trace.UDP, Local: alice, Remote: bob, Data: make([]byte, 1200), Secrets: []trace.Span{{Start: 3, End: 9}}},
	{Time: t0, Dir: trace.Received, Interface: "ue", Proto: trace.SIP, Transport: trace.TLS, Local: carol, Remote: dave, Data: make([]byte, 1200), Comment: "iFC"},
	{Time: t0, Dir: trace.Sent, Interface: "Cx", Proto: trace.Diameter, Transport: trace.OverSCTP, Local: alice, Remote: bob, Data: make([]byte, 300), Correlation: "a;1;2"},
	{Time: t0, Dir: trace.Sent, Interface: "link", Proto: trace.MTP3, Data: make([]byte, 60)},
	{Time: t0, Dir: trace.Sent, Interface: "pipe", Proto: trace.M3UA, Transport: trace.Pipe, Data: make([]byte, 60)},
	{Time: t0, Dir: trace.State, Interface: "link", Proto: trace.M2PA, Comment: "ALIGNED -> PROVING"},
}

func TestNoAllocation(t *testing.T) {
	w, err := pcapng.NewWriter(io.Discard, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, e := range hot {
			w.Trace(e)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTrace(b *testing.B) {
	w, err := pcapng.NewWriter(io.Discard, pcapng.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Trace(hot[i%2])
	}
}
