package stp

import (
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
)

// inbox is where the goroutines that read associations leave messages for the loop: those that go over
// links, are for this node, or wait for diversions. It is bounded; who finds it full waits, as the loop
// never waits for anybody: then the peer's window closes, and nothing is lost.
type inbox struct {
	mu     sync.Mutex
	room   sync.Cond
	items  []inItem
	buf    []byte
	closed bool

	spareItems []inItem
	spareBuf   []byte

	// pending counts what waits for points by their low bits: what follows on such a point must not
	// overtake it on the short way.
	pending [pendingBits]atomic.Int32

	waits atomic.Uint64 // how often somebody found it full
}

const (
	pendingBits  = 4096
	inboxItems   = 8192
	inboxOctets  = 2 << 20
	pendingMask  = pendingBits - 1
	fromUser     = mtp3.OwnerID(0)
	fromResolved = mtp3.OwnerID(-1)
)

// inItem is a message in the inbox, its data from the end of the one before to end.
type inItem struct {
	owner mtp3.OwnerID // fromUser: of this node; fromResolved: that of as, once it has one
	as    *m3ua.AS
	end   int
	msu   mtp3.MSU // without Data
}

func (in *inbox) init() { in.room.L = &in.mu }

// put leaves a message. It returns false if the node is not running, and whether the loop has to be woken.
func (in *inbox) put(owner mtp3.OwnerID, as *m3ua.AS, m *mtp3.MSU) (ok, wake bool) {
	in.mu.Lock()
	for !in.closed && (len(in.items) >= inboxItems || len(in.buf) >= inboxOctets) {
		in.waits.Add(1)
		in.room.Wait()
	}
	if in.closed {
		in.mu.Unlock()
		return false, false
	}
	in.pending[m.Label.DPC&pendingMask].Add(1)
	in.buf = append(in.buf, m.Data...)
	in.items = append(in.items, inItem{owner: owner, as: as, end: len(in.buf), msu: mtp3.MSU{SI: m.SI, NI: m.NI, Priority: m.Priority, Label: m.Label}})
	wake = len(in.items) == 1
	in.mu.Unlock()
	return true, wake
}

// take returns what there is; done gives it back.
func (in *inbox) take() ([]inItem, []byte) {
	in.mu.Lock()
	items, buf := in.items, in.buf
	in.items, in.buf = in.spareItems[:0], in.spareBuf[:0]
	in.spareItems, in.spareBuf = nil, nil
	in.mu.Unlock()
	in.room.Broadcast()
	return items, buf
}

func (in *inbox) done(items []inItem, buf []byte) {
	clear(items) // don't keep ASs alive
	in.mu.Lock()
	in.spareItems, in.spareBuf = items[:0], buf[:0]
	in.mu.Unlock()
}

// open and close say whether there is a loop.
func (in *inbox) open() {
	in.mu.Lock()
	in.closed, in.items, in.buf = false, in.items[:0], in.buf[:0]
	in.mu.Unlock()
}

func (in *inbox) close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.room.Broadcast()
}
