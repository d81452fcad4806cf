package m2pa

import (
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// pair is two links back to back, in virtual time and without any delay.
type pair struct {
	now time.Time
	l   [2]*Link
	ms  [2][]sctp.Message
	out []mtp3.Indication
	got [2]func(mtp3.Indication)
}

func newPair(t testing.TB, cfg Config) *pair {
	p := &pair{now: time.Unix(1, 0)}
	for i := range p.l {
		p.l[i] = New(cfg)
		p.ms[i] = make([]sctp.Message, 0, 32)
		p.got[i] = func(mtp3.Indication) {}
		p.take(i, p.l[i].HandleSCTP(p.now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}}, nil))
		p.take(i, p.l[i].Start(p.now, nil))
	}
	for range 10000 {
		p.exchange()
		if p.l[0].State() == StateInService && p.l[1].State() == StateInService {
			return p
		}
		for i, l := range p.l {
			if d := l.Deadline(); !d.IsZero() && d.After(p.now) && (i == 0 || p.l[0].Deadline().After(d)) {
				p.now = d
			} else if i == 0 {
				p.now = d
			}
		}
		for i, l := range p.l {
			p.take(i, l.Expire(p.now, nil))
		}
	}
	t.Fatal("the links do not align")
	return nil
}

func (p *pair) take(i int, out []mtp3.Indication) {
	for _, o := range out {
		p.got[i](o)
	}
}

// exchange delivers until nobody has anything to say.
func (p *pair) exchange() {
	for p.l[0].Pending() || p.l[1].Pending() {
		for i, l := range p.l {
			p.ms[i] = l.Output(p.now, p.ms[i][:0])
			l.Sent(p.now, p.ms[i])
			for _, m := range p.ms[i] {
				p.out = p.l[1-i].HandleSCTP(p.now, sctp.Received{Message: m}, p.out[:0])
				p.take(1-i, p.out)
			}
		}
	}
}

// BenchmarkMSU is one message through two links back to back, with its acknowledgement: the work
// of both sides of a link. With "batch", 16 messages go at once, as they do under load.
func BenchmarkMSU(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"single", 1}, {"batch", 16}} {
		b.Run(c.name, func(b *testing.B) {
			p := newPair(b, Config{T4n: -1})
			got := 0
			p.got[1] = func(i mtp3.Indication) {
				if i.Kind == mtp3.Received {
					got++
				}
			}
			msu := make([]byte, 80)
			var out []mtp3.Indication
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += c.n {
				for range c.n {
					out = p.l[0].Send(p.now, 0, msu, out[:0])
				}
				p.exchange()
			}
			if got < b.N {
				b.Fatalf("%d of %d arrived", got, b.N)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	m, _ := Message{Type: UserData, BSN: 1, FSN: 2, Data: make([]byte, 80)}.AppendBinary(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendBinary(b *testing.B) {
	m := Message{Type: UserData, BSN: 1, FSN: 2, Data: make([]byte, 80)}
	buf := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = m.AppendBinary(buf[:0])
	}
}

func TestMSUAllocatesNothing(t *testing.T) {
	p := newPair(t, Config{T4n: -1})
	msu := make([]byte, 80)
	var out []mtp3.Indication
	if n := testing.AllocsPerRun(1000, func() {
		for range 20 {
			out = p.l[0].Send(p.now, 0, msu, out[:0])
		}
		p.exchange()
	}); n != 0 {
		t.Errorf("%v allocations for 20 messages", n)
	}
	if s := p.l[1].Stats(); s.Received != 20*1001 {
		t.Errorf("%d received", s.Received)
	}
}
