package m3ua

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// sink is an association that takes everything and delivers nothing.
type sink struct{ *sctp.MemoryConn }

func (s sink) Send(_ context.Context, ms ...sctp.Message) (int, error) { return len(ms), nil }

// benchSG is a gateway with ASPs a and b, active in A (2067) and B (2068), without a network.
func benchSG(b *testing.B) (*SG, *reader) {
	g, err := NewSG(SGConfig{SendMessages: 1 << 16, SendOctets: 1 << 24, ASP: []ASPConfig{{Name: "a"}, {Name: "b"}},
		AS: []ASConfig{{Name: "A", RoutingContext: 1, Key: dpc(2067), ASPs: []string{"a"}}, {Name: "B", RoutingContext: 2, Key: dpc(2068), ASPs: []string{"b"}}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { g.Close() })
	readers := map[string]*reader{}
	for _, name := range []string{"a", "b"} {
		ca, cb := sctp.Pipe()
		go func() {
			for {
				if _, err := cb.Receive(context.Background(), nil); err != nil {
					return
				}
			}
		}()
		b.Cleanup(func() { cb.Abort("") })
		if err := g.Attach(name, sink{MemoryConn: ca}); err != nil {
			b.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // its streams are known
		p := g.core.asps[name].peer
		r := &reader{g: g, p: p, l: p.link}
		r.in.reader = r
		for _, m := range []Message{&ASPUp{}, &ASPActive{}} {
			raw, _ := m.AppendBinary(nil)
			r.message(0, raw)
		}
		readers[name] = r
	}
	if g.AS("A").State() != Active || g.AS("B").State() != Active {
		b.Fatalf("%+v", g.Stats())
	}
	return g, readers["a"]
}

// BenchmarkTransit is what a message costs that goes from one ASP to another: to read it, find
// its AS, choose the ASP, and write it. The goroutine that hands it over runs beside.
func BenchmarkTransit(b *testing.B) {
	_, r := benchSG(b)
	d := DATA{RoutingContext: Some(1), MSU: mtp3.MSU{SI: mtp3.SCCP, NI: 2, Label: mtp3.Label{DPC: 2068, OPC: 2067, SLS: 5}, Data: make([]byte, 80)}}
	wire, _ := d.AppendBinary(nil)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		wire[31] = byte(i & 15)
		r.message(1, wire)
		if i%batch == batch-1 {
			runtime.Gosched() // as a reader that waits for more
		}
	}
	b.StopTimer()
	if n := r.g.noRoute.Load(); n > 0 {
		b.Fatalf("%d messages had no route", n)
	}
	b.ReportMetric(float64(r.g.AS("B").refused.Load())/float64(b.N), "refused/op")
}

// BenchmarkRoute is finding the AS among 10,000.
func BenchmarkRoute(b *testing.B) {
	g := newSGCore(SGConfig{})
	for pc := range mtp3.PointCode(10000) {
		g.as = append(g.as, &asCore{cfg: ASConfig{Key: dpc(pc)}, handle: &AS{}})
	}
	r := buildRoutes(g.as)
	m := msu(1, 0, 0)
	for i := 0; b.Loop(); i++ {
		m.Label.DPC = mtp3.PointCode(i*7919) % 10000
		if r.find(Optional{}, m) == nil {
			b.Fatal("not found")
		}
	}
}
