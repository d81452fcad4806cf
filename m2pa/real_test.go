package m2pa_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
)

// end is a node with its links on a loop, over real associations.
type end struct {
	*m2pa.Loop
	node  *mtp3.Node
	links []*m2pa.Link
	ids   map[*m2pa.Link]mtp3.LinkID
	out   []mtp3.Output
	reach chan struct{} // the other end can be reached
	order order         // towards this end
	got   atomic.Uint64
}

func newEnd(t *testing.T, pc, adjacent mtp3.PointCode, links int) *end {
	t.Helper()
	e := &end{ids: make(map[*m2pa.Link]mtp3.LinkID), reach: make(chan struct{})}
	var err error
	// A busy machine must not make a procedure go on without its answer.
	patient := mtp3.Timers{T2: time.Minute, T4: time.Minute, T5: time.Minute, T17: 100 * time.Millisecond}
	e.node, err = mtp3.NewNode(mtp3.Config{PointCode: pc, NI: mtp3.National, NoRestart: true, Timers: patient})
	if err != nil {
		t.Fatal(err)
	}
	e.node.SetUser(mtp3.ISUP, true)
	ls, err := e.node.AddLinkset(mtp3.LinksetConfig{Adjacent: adjacent})
	if err != nil {
		t.Fatal(err)
	}
	for slc := range links {
		l := m2pa.New(m2pa.Config{T7: 5 * time.Second, T4n: 50 * time.Millisecond, T4e: 20 * time.Millisecond, ProvingInterval: 10 * time.Millisecond})
		id, err := e.node.AddLink(ls, mtp3.LinkConfig{SLC: uint8(slc), Link: l})
		if err != nil {
			t.Fatal(err)
		}
		e.links = append(e.links, l)
		e.ids[l] = id
	}
	reached := false
	take := func(out []mtp3.Output) {
		e.out = out[:0]
		for _, o := range out {
			switch {
			case o.Kind == mtp3.Deliver && o.Primitive.Kind == mtp3.TransferPrimitive:
				e.order.take(&o.Primitive.MSU)
				e.got.Add(1)
			case o.Kind == mtp3.Deliver && o.Primitive.Kind == mtp3.ResumePrimitive && !reached:
				reached = true
				close(e.reach)
			}
		}
	}
	e.Loop = m2pa.NewLoop(m2pa.LoopConfig{
		Handle: func(now time.Time, l *m2pa.Link, in []mtp3.Indication) {
			take(e.node.HandleLink(now, e.ids[l], in, e.out))
		},
		Deadline: e.node.Deadline,
		Expire:   func(now time.Time) { take(e.node.Expire(now, e.out)) },
	})
	t.Cleanup(func() { e.Close() })
	return e
}

func (e *end) do(t *testing.T, f func(now time.Time)) {
	t.Helper()
	if err := e.Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// overAssociations sends messages both ways over four links, while one association after another
// is aborted from either end: none is lost, doubled or out of order.
func overAssociations(t *testing.T, messages int, path func(link int) (client, server m2pa.Path)) {
	const links = 4
	a, b := newEnd(t, pointCodes[0], pointCodes[1], links), newEnd(t, pointCodes[1], pointCodes[0], links)
	for i := range links {
		client, server := path(i)
		for _, p := range []*m2pa.Path{&client, &server} {
			p.RetryMin, p.RetryMax = 20*time.Millisecond, 200*time.Millisecond
		}
		if err := b.Add(b.links[i], server); err != nil {
			t.Fatal(err)
		}
		if err := a.Add(a.links[i], client); err != nil {
			t.Fatal(err)
		}
	}
	ends := [2]*end{a, b}
	for _, e := range ends {
		e.do(t, func(now time.Time) { e.node.Start(now, nil) })
	}
	limit := time.After(2 * time.Minute)
	for _, e := range ends {
		select {
		case <-e.reach:
		case <-limit:
			t.Fatal("the links don't get into service")
		}
	}
	var to [2]order // what was sent towards each end; only sent counts
	r := rand.New(rand.NewPCG(uint64(messages), 3565))
	aborts, sent := 0, [2]int{}
	ready := func() (n int) { // links in service at both ends
		var in [2][links]bool
		for i, e := range ends {
			e.do(t, func(time.Time) {
				for l := range links {
					in[i][l] = e.links[l].State() == m2pa.StateInService
				}
			})
		}
		for l := range links {
			if in[0][l] && in[1][l] {
				n++
			}
		}
		return n
	}
	for sent[0]+sent[1] < messages {
		for i, e := range ends {
			for sent[i]-int(ends[1-i].got.Load()) > 4000 { // no more than that is under way
				select {
				case <-limit:
					t.Fatalf("stuck: %d of %d messages", sent[0]+sent[1], messages)
				case <-time.After(time.Millisecond):
				}
			}
			e.do(t, func(now time.Time) {
				var data [40]byte
				for range 100 {
					sls := mtp3.SLS(r.IntN(16))
					to[1-i].sent[sls]++
					sent[i]++
					binary.BigEndian.PutUint32(data[:], to[1-i].sent[sls])
					m := mtp3.MSU{SI: mtp3.ISUP, Label: mtp3.Label{DPC: pointCodes[1-i], SLS: sls}, Data: data[:]}
					e.out = e.node.Transfer(now, m, e.out[:0])[:0]
				}
			})
		}
		if r.IntN(25) > 0 {
			continue
		}
		for ready() < 2 { // one carries on
			select {
			case <-limit:
				t.Fatal("the links don't come back")
			case <-time.After(5 * time.Millisecond):
			}
		}
		e := ends[r.IntN(2)]
		if err := e.Abort(t.Context(), e.links[r.IntN(links)], "test"); err != nil {
			t.Fatal(err)
		}
		aborts++
	}
	for i, e := range ends {
		for int(e.got.Load()) < sent[1-i] {
			select {
			case <-limit:
				t.Fatalf("end %d has %d of %d messages", i, e.got.Load(), sent[1-i])
			case <-time.After(time.Millisecond):
			}
		}
	}
	var changeovers uint64
	for i, e := range ends {
		e.do(t, func(time.Time) {
			s := e.node.Stats()
			changeovers += s.Changeovers
			if e.order.got != to[i].sent || e.order.missing+e.order.backwards > 0 || s.Reasons[mtp3.LostWithLink] > 0 || s.Held > 0 {
				t.Errorf("towards end %d: %d sent, %d arrived, %d missing, %d doubled or out of order; %+v", i, to[i].total(), e.order.arrived, e.order.missing, e.order.backwards, s)
			}
		})
	}
	t.Logf("%d messages, %d associations aborted, %d changeovers: none lost, doubled or out of order", sent[0]+sent[1], aborts, changeovers)
	if aborts == 0 || changeovers == 0 {
		t.Error("nothing was aborted")
	}
}

func many(t *testing.T) int {
	if testing.Short() {
		return 10_000
	}
	return 100_000
}

// TestNoLossUser is 100,000 messages over package sctp/user, in UDP.
func TestNoLossUser(t *testing.T) {
	udp := [2]int{lab.FreePort(t), lab.FreePort(t)}
	networks := [2]*user.Network{user.New(user.Config{}), user.New(user.Config{})}
	overAssociations(t, many(t), func(link int) (client, server m2pa.Path) {
		local := func(i int) sctp.Addr {
			return sctp.Addr{IPs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})}, Port: uint16(3565 + link), UDP: uint16(udp[i])}
		}
		client = m2pa.Path{Network: networks[0], Local: local(0), Remote: local(1)}
		server = m2pa.Path{Network: networks[1], Local: local(1), Remote: local(0), Server: true}
		return client, server
	})
}

// TestNoLossKernel is 100,000 messages over the kernel's SCTP.
func TestNoLossKernel(t *testing.T) {
	lab.NeedKernel(t)
	if err := kernel.Available(); err != nil {
		t.Fatal(err)
	}
	overAssociations(t, many(t), func(link int) (client, server m2pa.Path) {
		local := func(i int) sctp.Addr {
			return sctp.Addr{IPs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})}, Port: uint16(3565 + link)}
		}
		client = m2pa.Path{Network: kernel.Network{}, Local: local(0), Remote: local(1)}
		server = m2pa.Path{Network: kernel.Network{}, Local: local(1), Remote: local(0), Server: true}
		return client, server
	})
}
