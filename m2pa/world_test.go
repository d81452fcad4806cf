package m2pa

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// world is two nodes with several links between them, in virtual time. Each node has a level 3 that
// is as small as changeover allows: messages are numbered per SLS, each SLS has a link, and when a
// link fails both nodes retrieve and send again elsewhere.
type world struct {
	t     *testing.T
	r     *rand.Rand
	now   time.Time
	links []*cable
	nodes [2]*wnode

	changeovers, lost int
}

type wnode struct {
	next   [16]uint64 // of each SLS, the number of the next message
	want   [16]uint64 // and of the next one to arrive
	assign [16]int    // the link of an SLS
	wait   [16][][]byte
}

// cable is one link: two cores and what is under way between them.
type cable struct {
	ends    [2]*Link
	up      bool
	comesUp time.Time
	flight  [2][2][]flying // towards end i, on stream j
	ready   [2]bool        // in service, as its level 3 knows
	outage  [2]bool
	restart [2]time.Time // when level 3 starts the end again
	busy    [2]bool
}

type flying struct {
	at   time.Time
	data []byte
}

func newWorld(t *testing.T, seed uint64, n int, cfg Config) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1e9, 0)}
	for i := range w.nodes {
		w.nodes[i] = &wnode{}
	}
	for range n {
		k := &cable{}
		for i := range k.ends {
			k.ends[i] = New(cfg)
		}
		w.links = append(w.links, k)
		k.comesUp = w.now
		for i := range k.ends {
			w.indicate(k, i, k.ends[i].Start(w.now, nil))
		}
	}
	return w
}

// indicate is level 3 of node i.
func (w *world) indicate(k *cable, i int, in []mtp3.Indication) {
	node := w.nodes[i]
	for _, x := range in {
		switch x.Kind {
		case mtp3.InService:
			k.ready[i] = true
			if k.ready[1-i] {
				w.resend()
			}
		case mtp3.OutOfService:
			w.changeover(k, i)
			return // what came after belongs to the old life of the link
		case mtp3.Received:
			sls, n := x.MSU[0]&15, binary.BigEndian.Uint64(x.MSU[1:])
			if n != node.want[sls] {
				w.t.Fatalf("node %d, SLS %d: message %d, want %d", i, sls, n, node.want[sls])
			}
			node.want[sls]++
		case mtp3.RemoteProcessorRecovered:
			w.call(k, i, (*Link).Continue)
		case mtp3.Discarded:
			w.t.Fatalf("node %d: a message was discarded", i)
		}
	}
	w.flush(k)
}

func (w *world) call(k *cable, i int, f func(*Link, time.Time, []mtp3.Indication) []mtp3.Indication) {
	w.indicate(k, i, f(k.ends[i], w.now, nil))
}

// changeover takes a link that served out of service at both ends (as the changeover order does),
// retrieves, and starts it again a little later (Q.704's T17). A link that did not serve is started
// again at the end that failed.
func (w *world) changeover(k *cable, i int) {
	if !k.ready[0] && !k.ready[1] {
		k.restart[i] = w.now.Add(time.Duration(5+w.r.IntN(30)) * time.Millisecond)
		return
	}
	k.ready = [2]bool{}
	w.changeovers++
	var bsnt [2]mtp3.Indication
	for i, l := range k.ends {
		l.Stop(w.now, nil)
		bsnt[i] = l.RetrieveBSNT(w.now, nil)[0]
	}
	for i, l := range k.ends {
		if bsnt[1-i].Kind != mtp3.BSNT {
			continue // never in service
		}
		got := l.Retrieve(w.now, bsnt[1-i].FSN, nil)
		if last := got[len(got)-1]; last.Kind != mtp3.RetrievalComplete {
			w.t.Fatalf("retrieval ended with %v after %v", last.Kind, bsnt)
		}
		// What is retrieved goes before what already waits for a link.
		var older [16][][]byte
		for _, x := range got[:len(got)-1] {
			if x.Kind == mtp3.Retrieved {
				sls := x.MSU[0] & 15
				older[sls] = append(older[sls], append([]byte(nil), x.MSU...))
			}
		}
		for sls := range older {
			w.nodes[i].wait[sls] = append(older[sls], w.nodes[i].wait[sls]...)
		}
	}
	for i := range k.ends {
		k.outage[i], k.busy[i] = false, false
		k.ends[i].LocalProcessorRecovered(w.now, nil)
		k.restart[i] = w.now.Add(time.Duration(5+w.r.IntN(30)) * time.Millisecond)
	}
	w.flush(k)
	w.resend()
}

// resend gives the SLS without a usable link another one, and sends what waited.
func (w *world) resend() {
	for i, node := range w.nodes {
		for sls := range node.assign {
			k := w.usable(node.assign[sls])
			if k < 0 || len(node.wait[sls]) == 0 && k == node.assign[sls] {
				continue
			}
			node.assign[sls] = k
			msgs := node.wait[sls]
			node.wait[sls] = nil
			for _, b := range msgs {
				w.indicate(w.links[k], i, w.links[k].ends[i].Send(w.now, 0, b, nil))
			}
		}
	}
}

// usable is a link in service, preferably this one.
func (w *world) usable(prefer int) int {
	ok := func(k *cable) bool { return k.ready[0] && k.ready[1] }
	if ok(w.links[prefer]) {
		return prefer
	}
	for i, k := range w.links {
		if ok(k) {
			return i
		}
	}
	return -1
}

// send is a new message of a user.
func (w *world) send(i int, sls byte) {
	node := w.nodes[i]
	b := make([]byte, 9, 9+40)
	b[0] = sls
	binary.BigEndian.PutUint64(b[1:], node.next[sls])
	b = b[:9+w.r.IntN(40)]
	node.next[sls]++
	k := w.usable(node.assign[sls])
	if k != node.assign[sls] || len(node.wait[sls]) > 0 {
		node.wait[sls] = append(node.wait[sls], b)
		w.resend()
		return
	}
	w.indicate(w.links[k], i, w.links[k].ends[i].Send(w.now, 0, b, nil))
}

// flush sends what both ends have, into the air.
func (w *world) flush(k *cable) {
	if !k.up {
		return
	}
	for i, l := range k.ends {
		for l.Pending() {
			ms := l.Output(w.now, make([]sctp.Message, 0, 8))
			n := 1 + w.r.IntN(len(ms)) // the association takes some of them
			l.Sent(w.now, ms[:n])
			for _, m := range ms[:n] {
				q := &k.flight[1-i][m.Stream]
				at := w.now.Add(time.Duration(1+w.r.IntN(8)) * time.Millisecond)
				if len(*q) > 0 && (*q)[len(*q)-1].at.After(at) {
					at = (*q)[len(*q)-1].at // order is kept within a stream
				}
				*q = append(*q, flying{at, append([]byte(nil), m.Data...)})
			}
		}
	}
}

// advance moves time, delivering and expiring.
func (w *world) advance(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Millisecond) {
		for _, k := range w.links {
			if !k.up && !w.now.Before(k.comesUp) {
				k.up = true
				for i, l := range k.ends {
					w.indicate(k, i, l.HandleSCTP(w.now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}}, nil))
				}
			}
			for i, l := range k.ends {
				if t := k.restart[i]; !t.IsZero() && !t.After(w.now) {
					k.restart[i] = time.Time{}
					w.call(k, i, (*Link).Start)
				}
				for stream := range k.flight[i] {
					for q := &k.flight[i][stream]; len(*q) > 0 && !(*q)[0].at.After(w.now); {
						m := (*q)[0]
						*q = (*q)[1:]
						w.indicate(k, i, l.HandleSCTP(w.now, sctp.Received{Message: sctp.Message{Stream: uint16(stream), PPID: PPID, Data: m.data}}, nil))
					}
				}
				if t := l.Deadline(); !t.IsZero() && !t.After(w.now) {
					w.indicate(k, i, l.Expire(w.now, nil))
				}
			}
		}
	}
}

// cut ends an association, with what is under way on it; it comes back later.
func (w *world) cut(k *cable) {
	if !k.up {
		return
	}
	k.up = false
	k.comesUp = w.now.Add(time.Duration(20+w.r.IntN(500)) * time.Millisecond)
	for i := range k.flight {
		for j := range k.flight[i] {
			w.lost += len(k.flight[i][j])
			k.flight[i][j] = nil
		}
	}
	first := w.r.IntN(2)
	for _, i := range []int{first, 1 - first} {
		w.indicate(k, i, k.ends[i].HandleSCTP(w.now, sctp.Received{Event: &sctp.Event{Kind: sctp.Down}}, nil))
	}
}

// TestNothingLostOrDoubled cuts associations at random under load, with processor outages and busy
// ends in between: at the end every message has arrived, once, in the order of its SLS.
func TestNothingLostOrDoubled(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	cuts, msgs, rewound, held := 0, uint64(0), uint64(0), uint64(0)
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, uint64(seed), 1+seed%4, Config{T4n: 50 * time.Millisecond, ProvingInterval: 10 * time.Millisecond,
				T2: 5 * time.Second, T7: 500 * time.Millisecond, Window: 4 + seed%3*20})
			w.advance(200 * time.Millisecond)
			for range 1500 {
				for range w.r.IntN(10) {
					w.send(w.r.IntN(2), byte(w.r.IntN(16)))
				}
				k, i := w.links[w.r.IntN(len(w.links))], w.r.IntN(2)
				switch w.r.IntN(60) {
				case 0:
					w.cut(k)
				case 1, 2:
					if k.outage[i] = !k.outage[i]; k.outage[i] {
						w.call(k, i, (*Link).LocalProcessorOutage)
					} else {
						w.call(k, i, (*Link).LocalProcessorRecovered)
						w.call(k, i, (*Link).Continue)
					}
				case 3, 4:
					k.busy[i] = !k.busy[i]
					w.indicate(k, i, k.ends[i].Busy(w.now, k.busy[i], nil))
				case 5:
					w.indicate(k, i, k.ends[i].HandleSCTP(w.now, sctp.Received{Event: &sctp.Event{Kind: sctp.SendFailed}}, nil))
				}
				w.advance(time.Duration(w.r.IntN(8)) * time.Millisecond)
			}
			for _, k := range w.links { // all ends well
				for i := range k.ends {
					w.call(k, i, (*Link).LocalProcessorRecovered)
					w.call(k, i, (*Link).Continue)
					w.indicate(k, i, k.ends[i].Busy(w.now, false, nil))
				}
			}
			for range 600 {
				if w.advance(time.Second); w.nodes[0].want == w.nodes[1].next && w.nodes[1].want == w.nodes[0].next {
					break
				}
			}
			for i, n := range w.nodes {
				for sls := range n.next {
					if got := w.nodes[1-i].want[sls]; got != n.next[sls] {
						t.Errorf("node %d, SLS %d: %d of %d arrived", i, sls, got, n.next[sls])
					}
					msgs += n.next[sls]
				}
			}
			for _, k := range w.links {
				for _, l := range k.ends {
					s := l.Stats()
					rewound += s.Rewound
					held += s.Resynchronised
					if s.WrongBSN+s.WrongFSN+s.WrongStream+s.WrongLength != 0 {
						t.Errorf("%+v", s)
					}
				}
			}
			cuts += w.changeovers
		})
	}
	t.Logf("%d messages, %d changeovers, %d sent again after outages, %d discarded until sent again", msgs, cuts, rewound, held)
	if cuts < 10*seeds || rewound == 0 || held == 0 {
		t.Errorf("only %d changeovers, %d rewound, %d resynchronised: the test tests too little", cuts, rewound, held)
	}
}
