package sip

import (
	"bytes"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

// sink is a socket that swallows what is sent and tells of it.
type sink struct {
	closed chan struct{}
	once   sync.Once
	sent   func([]byte, netip.AddrPort)
}

func newSink() *sink {
	return &sink{closed: make(chan struct{}), sent: func([]byte, netip.AddrPort) {}}
}

func (s *sink) ReadFrom([]byte) (int, net.Addr, error) {
	<-s.closed
	return 0, nil, net.ErrClosed
}

func (s *sink) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	<-s.closed
	return 0, netip.AddrPort{}, net.ErrClosed
}

func (s *sink) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.sent(b, to)
	return len(b), nil
}

func (s *sink) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (s *sink) Close() error                              { s.once.Do(func() { close(s.closed) }); return nil }
func (s *sink) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.2:5060"))
}
func (s *sink) SetDeadline(time.Time) error      { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

const benchInvite = "INVITE sip:+306912345678@192.0.2.2:5060 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-I0000000000\r\n" +
	"From: \"Alice\" <sip:+306911111111@ims.example.org>;tag=uac1\r\n" +
	"To: <sip:+306912345678@ims.example.org>\r\n" +
	"Call-ID: 0000000000@192.0.2.1\r\n" +
	"CSeq: 1 INVITE\r\n" +
	"Contact: <sip:alice@192.0.2.1:5060>\r\n" +
	"Max-Forwards: 70\r\n" +
	"Supported: 100rel,timer,path\r\n" +
	"Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,UPDATE,PRACK,MESSAGE\r\n" +
	"P-Asserted-Identity: <sip:+306911111111@ims.example.org>\r\n" +
	"P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019b01\r\n" +
	"User-Agent: Handset/14 IMS/2.1\r\n" +
	"Content-Type: application/sdp\r\n" +
	"Content-Length: 291\r\n\r\n" +
	benchSDP

const benchSDP = "v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 102 8 100\r\n" +
	"a=rtpmap:102 AMR/8000/1\r\na=fmtp:102 mode-change-capability=2;max-red=220\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:100 telephone-event/8000\r\n" +
	"a=fmtp:100 0-15\r\na=ptime:20\r\na=maxptime:240\r\n"

func benchRequest(m Method, seq string) []byte {
	return []byte(string(m) + " sip:bob@192.0.2.2:5060 SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-" + string(m[:1]) + "0000000000\r\n" +
		"From: \"Alice\" <sip:+306911111111@ims.example.org>;tag=uac1\r\n" +
		"To: <sip:+306912345678@ims.example.org>;tag=0123456789abcdef\r\n" +
		"Call-ID: 0000000000@192.0.2.1\r\n" +
		"CSeq: " + seq + " " + string(m) + "\r\n" +
		"Contact: <sip:alice@192.0.2.1:5060>\r\n" +
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
}

// number writes n over the runs of ten zeros.
func numberIt(msg []byte, n int) {
	digits := strconv.AppendInt(nil, int64(n)+10_000_000_000, 10)[1:]
	for _, after := range []string{"branch=z9hG4bK-x", "Call-ID: "} {
		i := bytes.Index(msg, []byte(after[:len(after)-1])) + len(after)
		copy(msg[i:], digits)
	}
}

// BenchmarkCallUAS is a call through a user agent server, without the kernel: INVITE, 180, 200
// with SDP, ACK, BYE, 200.
func BenchmarkCallUAS(b *testing.B) {
	sdp := []byte(benchSDP)
	s := newSink()
	e := NewEndpoint(Config{Inline: true, Timers: Timers{Trying: -1, T1: time.Hour}, Limits: Limits{Transactions: 50_000, PerSource: 1 << 30}, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
		switch req.Method {
		case INVITE:
			tx.Respond(NewResponse(req, 180, ""))
			ok := NewResponse(req, 200, "")
			ok.Add("Contact", "<sip:bob@192.0.2.2:5060>")
			ok.Add("Content-Type", "application/sdp")
			ok.Body = sdp
			tx.Respond(ok)
		case BYE:
			tx.Respond(NewResponse(req, 200, ""))
		}
	})})
	defer e.Close()
	f, err := e.ServePacketConn(s, ListenConfig{})
	if err != nil {
		b.Fatal(err)
	}
	f.Remote = netip.MustParseAddrPort("192.0.2.1:5060")
	sent := 0
	s.sent = func([]byte, netip.AddrPort) { sent++ }
	invite, ack, bye := []byte(benchInvite), benchRequest(ACK, "1"), benchRequest(BYE, "2")
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, m := range [][]byte{invite, ack, bye} {
			numberIt(m, n)
			e.receive(f, m)
		}
		n++
	}
	if sent != 3*n {
		b.Fatalf("%d messages sent for %d calls", sent, n)
	}
}

// BenchmarkCallProxy is a call through a record-routing, stateful proxy, without the kernel.
func BenchmarkCallProxy(b *testing.B) {
	s := newSink()
	var e *Endpoint
	opts := SendOptions{Targets: []Target{udp("192.0.2.3:5070")}}
	e = NewEndpoint(Config{Inline: true, Proxy: true, Timers: Timers{Trying: -1, T1: time.Hour}, Limits: Limits{Transactions: 50_000, PerSource: 1 << 30}, Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
		out := req.Clone()
		out.Set("Max-Forwards", "69")
		if req.Method == ACK {
			e.Start(out, opts, nil)
			return
		}
		if req.Method == INVITE {
			out.Insert("Record-Route", 0, "<sip:192.0.2.2:5060;lr>")
		}
		e.Start(out, opts, func(ev ClientEvent) {
			if ev.Response != nil && ev.Response.StatusCode > 100 {
				ev.Response.RemoveNth("Via", 0)
				tx.Respond(ev.Response)
			}
		})
	})})
	defer e.Close()
	f, err := e.ServePacketConn(s, ListenConfig{})
	if err != nil {
		b.Fatal(err)
	}
	up, down := f, f
	up.Remote, down.Remote = netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.3:5070")
	sent := 0
	var last []byte
	s.sent = func(m []byte, _ netip.AddrPort) { sent++; last = append(last[:0], m...) }
	invite, ack, bye := []byte(benchInvite), benchRequest(ACK, "1"), benchRequest(BYE, "2")
	answer := func(status int) []byte {
		m, err := Parse(last)
		if err != nil {
			b.Fatal(err)
		}
		r := NewResponse(m.(*Request), status, "")
		r.SetToTag("0123456789abcdef")
		out, _ := r.AppendText(nil)
		return out
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, m := range [][]byte{invite, ack, bye} {
			numberIt(m, n)
			e.receive(up, m)
			if &m[0] == &ack[0] {
				continue
			}
			b.StopTimer()
			var ringing []byte
			if &m[0] == &invite[0] {
				ringing = answer(180)
			}
			ok := answer(200)
			b.StartTimer()
			if ringing != nil {
				e.receive(down, ringing)
			}
			e.receive(down, ok)
		}
		n++
	}
	if sent != 6*n {
		b.Fatalf("%d messages sent for %d calls", sent, n)
	}
}
