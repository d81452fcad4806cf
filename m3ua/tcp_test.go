package m3ua

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// TestTCP: the transit of TestTransit over real TCP.
func TestTCP(t *testing.T) {
	tr := capture(t)
	l, err := TCP{}.Listen(t.Context(), addrOf("127.0.0.1:0"), sctp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sg, err := NewSG(SGConfig{Trace: tr, TBeat: time.Minute, ASP: []ASPConfig{
		{Name: "a", Remote: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.2:0")}},
		{Name: "b", Remote: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.3:0")}}},
		AS: []ASConfig{{Name: "A", RoutingContext: 1, Key: dpc(2067), ASPs: []string{"a"}}, {Name: "B", RoutingContext: 2, Key: dpc(2068), ASPs: []string{"b"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sg.Close()
	go sg.Serve(context.Background(), l)
	got := make(chan byte, 1000)
	dial := func(from string) func(context.Context) (sctp.Conn, error) {
		return func(ctx context.Context) (sctp.Conn, error) {
			return TCP{}.Dial(ctx, addrOf(from), l.Addr(), sctp.Config{})
		}
	}
	a := NewASP(ClientConfig{Dial: dial("127.0.0.2:0")})
	defer a.Close()
	b := NewASP(ClientConfig{Dial: dial("127.0.0.3:0"), Transfer: func(in *Indication) { got <- in.MSU.Data[4] }})
	defer b.Close()
	if err := errors.Join(a.Active(t.Context()), b.Active(t.Context())); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := a.Transfer(&mtp3.MSU{SI: mtp3.ISUP, Label: mtp3.Label{DPC: 2068, OPC: 2067, SLS: 3}, Data: []byte{1, 0, 16, 0, byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		if d := <-got; d != byte(i) {
			t.Fatalf("message %d is %d", i, d)
		}
	}
	if err := a.Down(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTCPFrames: messages come in pieces and in heaps; a length that cannot be ends the connection.
func TestTCPFrames(t *testing.T) {
	up, _ := (&ASPUp{Info: "x"}).AppendBinary(nil)
	tests := []struct {
		name   string
		chunks [][]byte
		n      int
		reason sctp.Reason
	}{
		{"whole", [][]byte{up}, 1, sctp.ShutdownComplete},
		{"two at once", [][]byte{append(slices.Clone(up), up...)}, 2, sctp.ShutdownComplete},
		{"in pieces", [][]byte{up[:3], up[3:9], up[9:]}, 1, sctp.ShutdownComplete},
		{"cut off", [][]byte{up, up[:9]}, 1, sctp.PeerLost},
		{"length 7", [][]byte{up, {1, 0, 3, 1, 0, 0, 0, 7}}, 1, sctp.PeerLost},
		{"length of 4 GB", [][]byte{up, {1, 0, 3, 1, 255, 255, 255, 255}}, 1, sctp.PeerLost},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			c := NewTCPConn(here, sctp.Config{})
			go func() {
				for _, b := range tt.chunks {
					there.Write(b)
					time.Sleep(time.Second)
				}
				there.Close()
			}()
			n := 0
			for {
				// A context that ends again and again loses nothing.
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				in, err := c.Receive(ctx, make([]sctp.Received, 0, 8))
				cancel()
				for _, r := range in {
					switch {
					case r.Event == nil:
						if n++; !slices.Equal(r.Data, up) {
							t.Errorf("%s: % x", tt.name, r.Data)
						}
					case r.Event.Kind == sctp.Down:
						var down *sctp.DownError
						if !errors.As(r.Event.Reason, &down) || down.Reason != tt.reason {
							t.Errorf("%s: %v", tt.name, r.Event.Reason)
						}
					}
				}
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					break
				}
			}
			if n != tt.n {
				t.Errorf("%s: %d messages", tt.name, n)
			}
			time.Sleep(time.Minute)
		})
	}
}

// TestTCPSend: what cannot be carried is refused alone, and sending after the end says why.
func TestTCPSend(t *testing.T) {
	here, there := net.Pipe()
	go io.Copy(io.Discard, there)
	c := NewTCPConn(here, sctp.Config{})
	if n, err := c.Send(t.Context(), sctp.Message{Data: []byte{1}}, sctp.Message{}); n != 1 || err != sctp.ErrEmpty {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := c.TrySend(sctp.Message{Stream: 1, Data: []byte{1}}); n != 0 || err != sctp.ErrStream {
		t.Errorf("%d, %v", n, err)
	}
	c.Close()
	if _, err := c.Send(t.Context(), sctp.Message{Data: []byte{1}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	there.Close()
}
