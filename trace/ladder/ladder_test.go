package ladder

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gotelco/telco/trace"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	t0    = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	ue    = netip.MustParseAddrPort("192.0.2.1:5060")
	pcscf = netip.MustParseAddrPort("192.0.2.2:5060")
	scscf = netip.MustParseAddrPort("[2001:db8::3]:5060")
	names = map[netip.AddrPort]string{
		ue:                                  "ue",
		netip.AddrPortFrom(pcscf.Addr(), 0): "pcscf",
		scscf:                               "scscf",
	}
)

const offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 96 8 101\r\na=rtpmap:96 AMR-WB/16000\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\nm=video 0 RTP/AVP 31\r\n"

func invite(body string) []byte {
	return []byte("INVITE sip:bob@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\nCall-ID: a\r\nc: application/sdp\r\n\r\n" + body)
}

func answer(status string) []byte {
	return []byte("SIP/2.0 " + status + "\r\ncseq : 1 INVITE\r\nCall-ID: a\r\n\r\n")
}

func diameterMessage(flags byte, code uint32, avps string) []byte {
	b := []byte{1, 0, 0, byte(20 + len(avps)), flags, byte(code >> 16), byte(code >> 8), byte(code)}
	return append(append(b, make([]byte, 12)...), avps...)
}

// call is a story with both ends traced, a retransmission, a change of state, RTP and Diameter.
func call() []trace.Event {
	at := t0
	var all []trace.Event
	add := func(d trace.Dir, iface string, p trace.Proto, local, remote netip.AddrPort, data []byte, comment string) {
		all = append(all, trace.Event{Time: at, Dir: d, Interface: iface, Proto: p, Transport: trace.UDP, Local: local, Remote: remote, Data: data, Correlation: "a", Comment: comment})
		at = at.Add(1500 * time.Microsecond)
	}
	sip := trace.SIP
	add(trace.Sent, "ue", sip, ue, pcscf, invite(offer), "")
	add(trace.Received, "pcscf", sip, pcscf, ue, invite(offer), "")
	add(trace.Sent, "ue", sip, ue, pcscf, invite(offer), "")
	add(trace.Received, "pcscf", sip, pcscf, ue, invite(offer), "")
	add(trace.Sent, "pcscf", sip, pcscf, ue, answer("100 Trying"), "")
	add(trace.Sent, "pcscf", sip, pcscf, scscf, invite("v=0\r\n"), "route of registration")
	add(trace.State, "scscf", sip, scscf, netip.AddrPort{}, nil, "iFC priority 10 -> AS")
	add(trace.State, "", trace.M2PA, netip.AddrPort{}, netip.AddrPort{}, nil, "ALIGNED -> PROVING")
	add(trace.Sent, "Cx", trace.Diameter, scscf, netip.MustParseAddrPort("192.0.2.9:3868"), diameterMessage(0xc0, 302, ""), "")
	add(trace.Received, "Cx", trace.Diameter, scscf, netip.MustParseAddrPort("192.0.2.9:3868"), diameterMessage(0x40, 302, "\x00\x00\x01\x29\x40\x00\x00\x20\x00\x00\x01\x0a\x40\x00\x00\x0c\x00\x00\x28\xaf\x00\x00\x01\x2a\x40\x00\x00\x0c\x00\x00\x13\x89"), "")
	add(trace.Received, "", sip, ue, scscf, answer("486 Busy \x1b[2J Here and there and everywhere"), "")
	for i := range 3 {
		add(trace.Sent, "", trace.RTP, ue, pcscf, []byte{0x80, 8, 0, byte(i), 0, 0, 0, 0, 0, 0, 0xca, 0xfe}, "")
		if i < 2 {
			add(trace.Received, "", trace.RTP, pcscf, ue, []byte{0x80, 8, 0, byte(i), 0, 0, 0, 0, 0, 0, 0xca, 0xfe}, "")
		}
	}
	add(trace.Sent, "link-1", trace.M3UA, netip.AddrPort{}, netip.AddrPort{}, []byte{1, 0, 3, 1, 0, 0, 0, 8}, "")
	add(trace.Received, "link-1", trace.M2PA, netip.AddrPort{}, netip.AddrPort{}, []byte{1, 0, 11, 2, 0, 0, 0, 8}, "")
	add(trace.Sent, "", trace.ESL, ue, ue, []byte("api status"), "")
	return all
}

func TestGolden(t *testing.T) {
	for name, cfg := range map[string]Config{
		"wide":        {Names: names, Width: 160},
		"narrow":      {Names: names, Width: 60},
		"participant": {Names: names, Width: 140, Participants: []string{"scscf", "pcscf", "ue"}, MaxParticipants: 4},
		"colour":      {Names: names, Width: 120, Color: ColorAlways, Show: func(e trace.Event) bool { return e.Proto == trace.SIP }},
		"interface": {Width: 120, ByInterface: true, Summaries: map[trace.Proto]func(trace.Event) Summary{
			trace.ESL: func(e trace.Event) Summary { return Summary{Label: string(e.Data)} },
			trace.SIP: func(e trace.Event) Summary { return Summary{Label: "SIP", Detail: fmt.Sprint(len(e.Data))} },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Text(call(), cfg)
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > cfg.Width && cfg.Color != ColorAlways {
					t.Errorf("%d characters on a line: %q", n, line)
				}
			}
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestLive checks that each line comes with its event, in one write.
func TestLive(t *testing.T) {
	var w counter
	l := New(&w, Config{Names: names})
	for i, e := range call()[:2] {
		l.Trace(e)
		if want := []int{2, 2}[i]; w.n != want { // a head and an arrow; the other end's event adds nothing
			t.Errorf("%d writes after event %d, want %d", w.n, i, want)
		}
	}
}

type counter struct{ n int }

func (c *counter) Write(b []byte) (int, error) { c.n++; return len(b), nil }

var errGone = errors.New("gone")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errGone }

func TestErr(t *testing.T) {
	l := New(broken{}, Config{})
	l.Trace(trace.Event{})
	if !errors.Is(l.Err(), errGone) || !errors.Is(l.Close(), errGone) {
		t.Errorf("%v %v", l.Err(), l.Close())
	}
}

// TestBounds feeds more of everything than is remembered.
func TestBounds(t *testing.T) {
	l := New(&counter{}, Config{ByInterface: true, MaxParticipants: 3})
	for i := range 3 * maxMessages {
		a := netip.AddrPortFrom(ue.Addr(), uint16(i))
		l.Trace(trace.Event{Dir: trace.Sent, Interface: fmt.Sprint(i), Proto: trace.RTP, Local: a, Remote: pcscf, Data: fmt.Append(nil, i)})
		l.Trace(trace.Event{Dir: trace.Sent, Interface: fmt.Sprint(i), Proto: trace.SIP, Local: a, Remote: pcscf, Data: fmt.Append(nil, i)})
	}
	if len(l.columns) != 4 || len(l.known) > maxNames || len(l.streams) > maxStreams || len(l.seen.count) > maxMessages || len(l.seen.fifo) > maxMessages {
		t.Errorf("%d columns, %d names, %d streams, %d messages", len(l.columns), len(l.known), len(l.streams), len(l.seen.count))
	}
}

// TestGarbage gives every summary octets that are not of its protocol.
func TestGarbage(t *testing.T) {
	for p := trace.NoProto; p < trace.ESL+2; p++ {
		for n := range 64 {
			for _, fill := range []byte{0, 0xff, 'm', '\n'} {
				data := make([]byte, n)
				for i := range data {
					data[i] = fill
				}
				out := Text([]trace.Event{{Dir: trace.Sent, Proto: p, Data: data}}, Config{})
				if out == "" || strings.ContainsAny(out, "\x1b\x00\r") || !utf8.ValidString(out) {
					t.Errorf("%v %q: %q", p, data, out)
				}
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, e := range call() {
		f.Add(uint8(e.Proto), e.Data, e.Comment)
	}
	f.Fuzz(func(t *testing.T, p uint8, data []byte, comment string) {
		out := Text([]trace.Event{{Dir: trace.Sent, Proto: trace.Proto(p), Local: ue, Remote: pcscf, Data: data, Comment: comment}}, Config{Width: 100})
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\x00\r\n\u009b") {
				t.Errorf("%d characters: %q", n, line)
			}
		}
	})
}

func TestSecretsStayHidden(t *testing.T) {
	e := trace.Event{Dir: trace.Sent, Proto: trace.ESL, Data: []byte("auth ClueCon"), Secrets: []trace.Span{{Start: 5, End: 12}}}
	show := func(e trace.Event) Summary { return Summary{Label: string(e.Data)} }
	out := Text([]trace.Event{e}, Config{Summaries: map[trace.Proto]func(trace.Event) Summary{trace.ESL: show}})
	if strings.Contains(out, "ClueCon") || !strings.Contains(out, "auth xxxx") {
		t.Errorf("got %s", out)
	}
}

func TestRecorder(t *testing.T) {
	r := Recorder{Max: 3}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { r.Trace(trace.Event{Comment: "old"}) })
	}
	wg.Wait()
	data := []byte("x")
	for i := range 3 {
		r.Trace(trace.Event{Time: t0, Comment: fmt.Sprint(i), Data: data})
	}
	data[0] = 'y'
	got := r.Events()
	if len(got) != 3 || got[0].Comment != "0" || got[2].Comment != "2" || string(got[0].Data) != "x" {
		t.Errorf("got %+v", got)
	}
	if s := r.Text(Config{}); !strings.Contains(s, "none, 1") {
		t.Errorf("got %q", s)
	}
}
