package rtp

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

func listen(t *testing.T, n *memnet.Network, a netip.AddrPort) net.PacketConn {
	t.Helper()
	c, err := n.ListenPacket(a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func nextPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// talk lets a session send and play every 20 ms for d, and returns how many frames it played and
// concealed and which events it heard.
func talk(s *Session, d time.Duration) (played, lost int, keys string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 0, 200)
	for end := time.Now().Add(d); time.Now().Before(end); {
		<-tick.C
		s.Send(make([]byte, 160), 160)
		for {
			f, ok := s.Pop(buf)
			if !ok {
				break
			}
			if f.Lost {
				lost++
			} else {
				played++
			}
		}
		for {
			e, ok := s.PopEvent()
			if !ok {
				break
			}
			if !e.End {
				keys += e.Code.String()
			}
		}
	}
	return played, lost, keys
}

// A minute over a network that loses 5 %, duplicates 1 %, reorders 2 % and jitters by 30 ms.
func TestSessionsOverABadNetwork(t *testing.T) {
	for _, mux := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Seed: 1, Loss: 0.05, Duplicate: 0.01, Reorder: 0.02, Latency: 20 * time.Millisecond, Jitter: 30 * time.Millisecond})
			event := Format{PayloadType: 101, Event: true}
			cfg := Config{Mux: mux, SendEvent: event, Receive: []Format{{}, event}, Buffer: BufferConfig{Delay: 100 * time.Millisecond}}
			start := func(local, remote netip.AddrPort) *Session {
				c := cfg
				c.Remote = remote
				if mux {
					return NewSession(listen(t, n, local), nil, c)
				}
				return NewSession(listen(t, n, local), listen(t, n, nextPort(local)), c)
			}
			a, b := start(ourAddr, peerAddr), start(peerAddr, ourAddr)
			go func() {
				for _, k := range []byte("123#") {
					time.Sleep(5 * time.Second)
					e, _ := DTMF(k)
					a.StartEvent(e, 10, 120*time.Millisecond)
				}
			}()
			go talk(a, time.Minute)
			played, lost, keys := talk(b, time.Minute)
			if keys != "123#" {
				t.Errorf("heard the keys %q", keys)
			}
			st := b.Stats()
			// 3000 ticks less 4 events of 8 packets; some of those lost are event packets.
			if total := played + lost; total < 2955 || total > 2970 || lost < 100 || lost > 200 {
				t.Errorf("mux %v: played %d, concealed %d, %+v", mux, played, lost, st)
			}
			if st.Buffer.Late > 15 || st.Buffer.Duplicates == 0 || st.Source != ourAddr || st.Jitter < time.Millisecond || st.Jitter > 30*time.Millisecond {
				t.Errorf("mux %v: %+v", mux, st)
			}
			if st.RemoteReports == 0 || st.RemoteFractionLost > 0.2 || st.RoundTrip < 40*time.Millisecond || st.RoundTrip > 150*time.Millisecond {
				t.Errorf("mux %v: reports: %+v", mux, st)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if err := a.Send(nil, 160); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
			b.Close()
		})
	}
}

// A peer behind a translator that sends from another address than it signalled is answered where
// it sends from; somebody else cannot take over.
func TestSessionLatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		s := NewSession(listen(t, n, ourAddr), nil, Config{Remote: peerAddr, Mux: true})
		defer s.Close()
		nat, thief := listen(t, n, natAddr), listen(t, n, thiefAddr)
		defer nat.Close()
		defer thief.Close()
		send := func(c net.PacketConn, from *Sender) {
			b, _ := from.AppendAudio(nil, time.Now(), Format{}, []byte{1}, 160)
			c.WriteTo(b, net.UDPAddrFromAddrPort(ourAddr))
			synctest.Wait()
		}
		peer := NewSender(0)
		send(nat, peer)
		send(thief, NewSender(0))
		send(nat, peer)
		if err := s.Send([]byte{2}, 160); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		nat.SetReadDeadline(time.Now().Add(time.Second))
		if n, _, err := nat.ReadFrom(buf); err != nil || parse(t, buf[:n]).Payload[0] != 2 {
			t.Errorf("the peer heard nothing: %v", err)
		}
		if st := s.Stats(); st.Refused+st.Probation != 1 || st.PacketsReceived != 2 || st.Source != natAddr {
			t.Errorf("%+v", st)
		}
		s.Relatch()
		send(thief, NewSender(0))
		if st := s.Stats(); st.Source == thiefAddr {
			t.Error("a stream that is not continued latched at once") // its SSRC is on probation
		}
	})
}

// On real sockets, traced: tshark decodes every packet and finds the events.
func TestSessionOnUDP(t *testing.T) {
	udp := func() net.PacketConn {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	name := filepath.Join(t.TempDir(), "rtp.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ar, ac, br, bc := udp(), udp(), udp(), udp()
	event := Format{PayloadType: 101, Event: true}
	cfg := Config{
		Send: Format{PayloadType: 8}, SendEvent: event, Receive: []Format{{PayloadType: 8}, event},
		ReportInterval: 50 * time.Millisecond, CNAME: "test@example.org", XR: true, Buffer: BufferConfig{Delay: -1},
	}
	ca, cb := cfg, cfg
	ca.Remote, ca.RemoteRTCP, ca.Trace = addrPort(br.LocalAddr()), addrPort(bc.LocalAddr()), w.Trace
	cb.Remote, cb.RemoteRTCP = addrPort(ar.LocalAddr()), addrPort(ac.LocalAddr())
	a, b := NewSession(ar, ac, ca), NewSession(br, bc, cb)
	if a.LocalAddr() != ar.LocalAddr() {
		t.Error("LocalAddr")
	}
	star, _ := DTMF('*')
	if err := a.StartEvent(star, 10, 40*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	got, keys := 0, ""
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && (got < 20 || keys != "*" || a.Stats().RemoteReports == 0 || b.Stats().RemoteReports == 0); {
		if err := a.Send(make([]byte, 160), 160); err != nil {
			t.Fatal(err)
		}
		if err := b.Send(make([]byte, 160), 160); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		for {
			f, ok := b.Pop(nil)
			if !ok {
				break
			}
			if !f.Lost {
				got++
			}
		}
		if e, ok := b.PopEvent(); ok && !e.End {
			keys += e.Code.String()
		}
	}
	if got < 20 || keys != "*" {
		t.Errorf("%d frames, keys %q", got, keys)
	}
	a.Close()
	b.Close()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Need(t)
	args := []string{}
	for _, c := range []net.PacketConn{ar, br} {
		args = append(args, "-d", "udp.port=="+portOf(c)+",rtp")
	}
	for _, c := range []net.PacketConn{ac, bc} {
		args = append(args, "-d", "udp.port=="+portOf(c)+",rtcp")
	}
	tsharktest.Check(t, name, args...)
	out, err := exec.Command("tshark", append([]string{"-r", name, "-o", "rtpevent.event_payload_type_value:101", "-T", "fields", "-e", "_ws.col.Protocol", "-e", "rtcp.sdes.text", "-e", "rtpevent.event_id", "-e", "rtcp.xr.voipmetrics.gmin", "-e", "rtcp.xr.voipmetrics.jbabsmax"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for _, want := range []string{"RTP\t", "RTCP\t", "test@example.org", "RTP EVENT\t\t10", "\t16\t400"} {
		if !strings.Contains(text, want) {
			t.Errorf("tshark does not see %q in\n%.500s", want, text)
		}
	}
}

func portOf(c net.PacketConn) string {
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	return port
}

// What is traced is what is on the wire, with its addresses.
func TestTrace(t *testing.T) {
	var got []trace.Event
	cfg := Config{Correlation: "call-1", Interface: "media", Trace: func(e trace.Event) {
		e.Data = append([]byte(nil), e.Data...)
		got = append(got, e)
	}}
	x, y := pair(cfg, Config{})
	b, _, _ := x.AppendAudio([]byte("head"), t0, []byte{1}, 160)
	y.Receive(t0, ourAddr, b[4:])
	r, _, _ := y.AppendReport(nil, t0)
	x.ReceiveRTCP(t0, peerAddr, r)
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	if e := got[0]; e.Dir != trace.Sent || e.Proto != trace.RTP || e.Local != ourAddr || e.Remote != peerAddr || string(e.Data) != string(b[4:]) || e.Correlation != "call-1" {
		t.Errorf("%+v", e)
	}
	if e := got[1]; e.Dir != trace.Received || e.Proto != trace.RTCP || string(e.Data) != string(r) {
		t.Errorf("%+v", e)
	}
}

// A socket that fails ends the session with its error instead of spinning.
func TestBrokenSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSession(broken{}, nil, Config{Remote: peerAddr, Mux: true})
		synctest.Wait()
		if err := s.Send(nil, 160); !errors.Is(err, errBroken) {
			t.Errorf("send: %v", err)
		}
		if st := s.Stats(); st.ReadErrors != maxErrors+1 {
			t.Errorf("%d errors", st.ReadErrors)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

var errBroken = errors.New("broken")

type broken struct{ net.PacketConn }

func (broken) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, errBroken }
func (broken) WriteTo([]byte, net.Addr) (int, error)  { return 0, errBroken }
func (broken) SetReadDeadline(time.Time) error        { return nil }
func (broken) LocalAddr() net.Addr                    { return net.UDPAddrFromAddrPort(ourAddr) }
func (broken) Close() error                           { return nil }
