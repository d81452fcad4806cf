package m3ua

import (
	"context"
	"errors"
	"net/netip"
	"testing"
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
