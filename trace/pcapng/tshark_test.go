package pcapng_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

func sip(transport, callID, body string) []byte {
	m := "INVITE sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/" + transport + " 192.0.2.1;branch=z9hG4bK" + callID +
		"\r\nFrom: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: " + callID +
		"\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.1>\r\nMax-Forwards: 70\r\n"
	if body != "" {
		m += "Content-Type: application/sdp\r\n"
	}
	return fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", m, len(body), body)
}

const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"

func rtp(seq uint16) []byte {
	b := []byte{0x80, 8}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, uint32(seq)*160)
	b = binary.BigEndian.AppendUint32(b, 0xcafe)
	return append(b, make([]byte, 160)...)
}

func avp(code uint32, flags byte, value []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, code)
	b = binary.BigEndian.AppendUint32(b, uint32(flags)<<24|uint32(8+len(value)))
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

// watchdog is a Device-Watchdog-Request.
func watchdog() []byte {
	body := append(avp(264, 0x40, []byte("as.example.com")), avp(296, 0x40, []byte("example.com"))...)
	b := binary.BigEndian.AppendUint32(nil, 1<<24|uint32(20+len(body)))
	b = binary.BigEndian.AppendUint32(b, 0x80<<24|280)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2)
	return append(b, body...)
}

var (
	aspUp = []byte{1, 0, 3, 1, 0, 0, 0, 8}
	// linkStatus is an M2PA Link Status of state Alignment.
	linkStatus = []byte{1, 0, 11, 2, 0, 0, 0, 20, 0, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0, 0, 0, 1}
	// sltm is a signalling link test message, ITU: SIO, routing label 1 -> 2, SLS 0, H1H0, length, pattern.
	sltm = []byte{0x81, 2, 0x40, 0, 0, 0x11, 0x40, 'a', 'b', 'c', 'd'}
)

// TestWireshark writes one event of each kind and reads back what Wireshark sees.
func TestWireshark(t *testing.T) {
	tsharktest.Need(t)
	port := func(a netip.AddrPort, p uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), p) }
	big := sip("TCP", "big", sdp+strings.Repeat("a=x:0123456789\r\n", 8000))
	for _, c := range []struct {
		name   string
		events []trace.Event
		want   []string // protocol and info, tab between
	}{
		{"SIP over UDP", []trace.Event{
			{Proto: trace.SIP, Transport: trace.UDP, Local: alice, Remote: bob, Data: sip("UDP", "a", "")},
			{Proto: trace.SIP, Transport: trace.UDP, Local: carol, Remote: dave, Data: sip("UDP", "b", "")},
			{Proto: trace.SIP, Transport: trace.Pipe, Local: port(alice, 40001), Remote: port(bob, 40002), Data: sip("UDP", "c", "")},
		}, []string{"SIP\tRequest: INVITE sip:bob@192.0.2.2 | ", "SIP\tRequest: INVITE sip:bob@192.0.2.2 | ", "SIP\tRequest: INVITE sip:bob@192.0.2.2 | "}},
		{"SIP over TCP, TLS and WebSocket", []trace.Event{
			{Proto: trace.SIP, Transport: trace.TCP, Local: port(alice, 40001), Remote: port(bob, 5060), Data: sip("TCP", "a", "")},
			{Proto: trace.SIP, Transport: trace.TCP, Local: port(alice, 40001), Remote: port(bob, 5060), Data: sip("TCP", "a", "")},
			{Proto: trace.SIP, Transport: trace.TLS, Local: port(alice, 40001), Remote: port(bob, 5061), Data: sip("TLS", "b", "")},
			{Proto: trace.SIP, Transport: trace.TLS, Local: port(carol, 40001), Remote: port(dave, 443), Data: sip("TLS", "c", "")},
			{Proto: trace.SIP, Transport: trace.WS, Local: port(alice, 40001), Remote: port(bob, 80), Data: sip("WS", "d", "")},
			{Proto: trace.SIP, Transport: trace.WSS, Local: port(alice, 40001), Remote: port(bob, 8443), Data: sip("WSS", "e", "")},
			{Proto: trace.SIP, Transport: trace.WS, Local: port(alice, 40001), Remote: port(bob, 8080), Data: sip("WS", "f", "")},
		}, []string{"SIP\t", "SIP\t", "SIP\t", "SIP\t", "SIP\t", "SIP\t", "SIP\t"}},
		{"SIP over several segments", []trace.Event{
			{Proto: trace.SIP, Transport: trace.TCP, Local: port(alice, 40001), Remote: port(bob, 5060), Data: big},
			{Proto: trace.SIP, Transport: trace.TCP, Local: port(alice, 40001), Remote: port(bob, 5060), Data: sip("TCP", "a", "")},
		}, []string{"TCP\t", "TCP\t", "SIP/SDP\t", "SIP\t"}},
		{"RTP found by SDP", []trace.Event{
			{Proto: trace.SIP, Transport: trace.UDP, Local: alice, Remote: bob, Data: sip("UDP", "a", sdp)},
			{Proto: trace.RTP, Transport: trace.UDP, Local: port(bob, 50000), Remote: port(alice, 40000), Data: rtp(1)},
			{Proto: trace.RTP, Transport: trace.UDP, Local: port(bob, 50000), Remote: port(alice, 40000), Data: rtp(2)},
			{Proto: trace.RTP, Transport: trace.Pipe, Data: rtp(2)},
		}, []string{"SIP/SDP\t", "RTP\tPT=ITU-T G.711 PCMA, SSRC=0xCAFE, Seq=1", "RTP\tPT=ITU-T G.711 PCMA, SSRC=0xCAFE, Seq=2", "RTP\t"}},
		{"Diameter", []trace.Event{
			{Proto: trace.Diameter, Transport: trace.TCP, Local: port(alice, 40000), Remote: port(bob, 3868), Data: watchdog()},
			{Proto: trace.Diameter, Transport: trace.TLS, Local: port(alice, 40000), Remote: port(bob, 5658), Data: watchdog()},
			{Proto: trace.Diameter, Transport: trace.OverSCTP, Local: port(alice, 40000), Remote: port(bob, 3868), Data: watchdog()},
			{Proto: trace.Diameter, Transport: trace.OverSCTP, Local: port(carol, 40000), Remote: port(dave, 40001), Data: watchdog()},
			{Proto: trace.Diameter, Transport: trace.Pipe, Data: watchdog()},
		}, []string{"DIAMETER\tcmd=Device-Watchdog Request(280)", "DIAMETER\tcmd=Device-Watchdog", "DIAMETER\tcmd=Device-Watchdog", "DIAMETER\tcmd=Device-Watchdog", "DIAMETER\tcmd=Device-Watchdog"}},
		{"SIGTRAN", []trace.Event{
			{Proto: trace.M3UA, Transport: trace.OverSCTP, Local: port(alice, 2905), Remote: port(bob, 2905), Data: aspUp},
			{Proto: trace.M3UA, Transport: trace.OverSCTP, Local: port(alice, 2905), Remote: port(bob, 2905), Data: aspUp},
			{Proto: trace.M3UA, Transport: trace.Pipe, Data: aspUp},
			{Proto: trace.M2PA, Transport: trace.OverSCTP, Local: port(alice, 3565), Remote: port(bob, 3565), Data: linkStatus},
			{Proto: trace.M2PA, Transport: trace.Pipe, Data: linkStatus},
			{Proto: trace.MTP3, Data: sltm},
		}, []string{"M3UA (RFC 4666)\tASPUP", "M3UA (RFC 4666)\tASPUP", "M3UA (RFC 4666)\tASPUP", "M2PA\tLink Status (Alignment)", "M2PA\tLink Status (Alignment)", "MTP3MG (Int. ITU)\tSLTM"}},
		{"changes of state", []trace.Event{
			{Dir: trace.State, Interface: "link-1", Proto: trace.M2PA, Comment: "ALIGNED -> PROVING"},
			{Dir: trace.State, Interface: "scscf", Proto: trace.SIP, Local: alice, Remote: bob, Comment: "iFC 10 matched"},
			{Dir: trace.State, Interface: "scscf", Local: carol, Comment: "up"},
		}, []string{"Syslog\tUSER.INFO: link-1: M2PA ALIGNED -> PROVING", "Syslog\tUSER.INFO: scscf: SIP iFC 10 matched", "Syslog\tUSER.INFO: scscf: up"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "x.pcapng")
			w, err := pcapng.Create(name, pcapng.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range c.events {
				e.Time = t0.Add(time.Duration(i) * time.Millisecond)
				if e.Dir == trace.State && len(e.Data) > 0 {
					e.Dir = trace.Sent
				}
				w.Trace(e)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			tsharktest.Check(t, name, "-o", "sctp.checksum:crc32c", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
			rows := tsharktest.Fields(t, name, "", []string{"_ws.col.Protocol", "_ws.col.Info", "tcp.analysis.flags", "sctp.retransmission"})
			for i, row := range rows {
				if row[2]+row[3] != "" {
					t.Errorf("frame %d: Wireshark misses or repeats something", i+1)
				}
				row = row[:2]
				if i >= len(c.want) {
					t.Errorf("frame %d more: %q", i+1, row)
				} else if got := strings.Join(row, "\t"); !strings.HasPrefix(got, c.want[i]) {
					t.Errorf("frame %d: %q, want %q", i+1, got, c.want[i])
				}
			}
			if len(rows) < len(c.want) {
				t.Errorf("%d frames, want %d", len(rows), len(c.want))
			}
		})
	}
}

func TestWiresharkComments(t *testing.T) {
	tsharktest.Need(t)
	name := filepath.Join(t.TempDir(), "x.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{IncludeSecrets: true, Names: map[netip.Addr]string{alice.Addr(): "ue"}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w.KeyLog(), "CLIENT_RANDOM %064d %096d\n", 0, 0)
	w.Trace(trace.Event{Time: t0, Dir: trace.Received, Interface: "scscf", Proto: trace.SIP, Transport: trace.TLS, Local: alice, Remote: bob, Data: sip("TLS", "a", ""), Comment: "iFC priority 10"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Check(t, name)
	got := tsharktest.Fields(t, name, "", []string{"frame.interface_name", "frame.comment", "frame.time_epoch", "frame.packet_flags_direction"})
	if want := "[[scscf iFC priority 10,carried by TLS 1777863721.123456789 0x00000001]]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestCaptureIsJudged makes sure that the check which other tests rely on does find fault.
func TestCaptureIsJudged(t *testing.T) {
	tsharktest.Need(t)
	for _, c := range []struct {
		name string
		e    trace.Event
	}{
		{"cut short", trace.Event{Proto: trace.Diameter, Transport: trace.OverSCTP, Local: alice, Remote: bob, Data: append(watchdog()[:22], 0xff, 0xff)}},
		{"length wrong", trace.Event{Proto: trace.M3UA, Transport: trace.OverSCTP, Local: alice, Remote: bob, Data: []byte{1, 0, 3, 1, 0, 0, 0, 12, 0, 4, 0, 99}}},
	} {
		name := filepath.Join(t.TempDir(), "x.pcapng")
		w, err := pcapng.Create(name, pcapng.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c.e.Dir = trace.Sent
		w.Trace(c.e)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		probe := &recorder{TB: t}
		tsharktest.Check(probe, name)
		if probe.errors == 0 {
			t.Errorf("%s: not found", c.name)
		}
	}
}

// recorder counts the errors of a check instead of failing.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Errorf(string, ...any) { r.errors++ }

// TestTcpdump makes sure that programs on libpcap read a capture with several interfaces.
func TestTcpdump(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump (Debian: apt-get install tcpdump)")
	}
	name := filepath.Join(t.TempDir(), "x.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.Trace(trace.Event{Dir: trace.Sent, Interface: "ue", Proto: trace.SIP, Transport: trace.UDP, Local: alice, Remote: bob, Data: sip("UDP", "a", "")})
	w.Trace(trace.Event{Dir: trace.Sent, Interface: "pcscf", Proto: trace.SIP, Transport: trace.UDP, Local: carol, Remote: dave, Data: sip("UDP", "b", "")})
	w.Trace(trace.Event{Interface: "scscf", Comment: "iFC matched"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tcpdump", "-n", "-t", "-r", name).Output()
	if want := "IP 192.0.2.1.5060 > 192.0.2.2.5080: SIP: INVITE sip:bob@192.0.2.2 SIP/2.0\nIP6 2001:db8::3.5060 > 2001:db8::4.5080: SIP: INVITE sip:bob@192.0.2.2 SIP/2.0\n"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v, got\n%s", err, out)
	}
}
