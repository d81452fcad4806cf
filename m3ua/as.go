package m3ua

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/mtp3"
)

// AS is an Application Server as its gateway serves it: somewhere messages can be sent to.
type AS struct {
	name string
	rc   Optional
	dist atomic.Pointer[distribution]

	mu      sync.Mutex // of what waits while the AS is pending
	waiting []waiting
	octets  int
	max     linkFill

	correlation atomic.Uint32
	level       uint8 // of congestion, as it was told last; with the gateway locked

	transferred, refused, queued, overflowed, expired atomic.Uint64
}

// waiting is a message of a pending AS, encoded.
type waiting struct {
	sls mtp3.SLS
	b   []byte
}

// distribution is how messages for an AS are shared; it never changes.
type distribution struct {
	state State
	mode  TrafficMode
	na    Optional
	links []*link     // of the active ASPs
	share *[256]uint8 // mode loadshare: the index of the link for each SLS

	fresh *[256]atomic.Bool // mode broadcast: each SLS whose next message carries a Correlation ID
}

var closed = &distribution{state: Down}

// ErrNotActive says that an AS takes no messages now. Errors that wrap it say which.
var ErrNotActive = errors.New("m3ua: no ASP is active")

// Name is the name of the AS in the configuration.
func (s *AS) Name() string { return s.name }

// RoutingContext is what stands for the AS in messages.
func (s *AS) RoutingContext() Optional { return s.rc }

// State is the state of the AS (RFC 4666 section 4.3.2).
func (s *AS) State() State { return s.dist.Load().state }

// Transfer sends a message to the ASPs of the AS as its traffic mode has it (RFC 4666 section
// 4.3.4.3); a pending AS keeps it until T(r). Messages of one SLS from one goroutine keep their
// order. It neither waits nor keeps m. The errors are ErrNotActive, ErrCongested, ErrTooLong,
// ErrNoStream.
func (s *AS) Transfer(m *mtp3.MSU) error {
	d := s.dist.Load()
	if d.state != Active {
		return s.transferSlow(m)
	}
	return s.transfer(d, m)
}

func (s *AS) transfer(d *distribution, m *mtp3.MSU) error {
	msg := DATA{RoutingContext: s.rc, NetworkAppearance: d.na, MSU: *m}
	var err error
	switch d.mode {
	case Loadshare:
		err = d.links[d.share[m.Label.SLS]].sendDATA(&msg)
	case Broadcast:
		if d.fresh[m.Label.SLS].Load() && d.fresh[m.Label.SLS].CompareAndSwap(true, false) {
			// Section 4.3.4.3: the first message of each flow lets a new ASP find its place.
			msg.CorrelationID = Some(s.correlation.Add(1))
		}
		sent := false
		for _, l := range d.links {
			if e := l.sendDATA(&msg); e == nil {
				sent = true
			} else {
				err = e
			}
		}
		if sent {
			err = nil
		}
	default:
		err = d.links[0].sendDATA(&msg)
	}
	if err != nil {
		s.refused.Add(1)
		return err
	}
	s.transferred.Add(1)
	return nil
}

// transferSlow is Transfer of an AS that was not active a moment ago.
func (s *AS) transferSlow(m *mtp3.MSU) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dist.Load()
	switch d.state {
	case Active:
		return s.transfer(d, m)
	case Pending:
		if len(m.Data) > maxData {
			s.refused.Add(1)
			return ErrTooLong
		}
		msg := DATA{RoutingContext: s.rc, NetworkAppearance: d.na, MSU: *m}
		if len(s.waiting) >= s.max.count || s.octets+len(m.Data) > s.max.octets {
			s.overflowed.Add(1)
			return ErrCongested
		}
		b := msg.append(nil)
		s.waiting = append(s.waiting, waiting{m.Label.SLS, b})
		s.octets += len(b)
		s.queued.Add(1)
		return nil
	}
	s.refused.Add(1)
	return s.inactive(d.state)
}

func (s *AS) inactive(st State) error {
	return &NotActiveError{AS: s.name, State: st}
}

// NotActiveError is an ErrNotActive that says which AS it is.
type NotActiveError struct {
	AS    string
	State State
}

// Error names the AS and its state.
func (e *NotActiveError) Error() string {
	return fmt.Sprintf("m3ua: AS %q is AS-%v: no ASP is active", e.AS, e.State)
}

// Is makes it an ErrNotActive.
func (e *NotActiveError) Is(target error) bool { return target == ErrNotActive }

// publish puts a distribution in force. What waited goes first if it is active, and is lost if it
// is not pending any more.
func (s *AS) publish(d *distribution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.state == Active {
		for _, w := range s.waiting {
			links := d.links
			switch d.mode {
			case Loadshare:
				links = links[d.share[w.sls]:][:1]
			case Override:
				links = links[:1]
			}
			sent := false
			for _, l := range links {
				if l.sendRaw(w.b, w.sls) == nil {
					sent = true
				}
			}
			if sent {
				s.transferred.Add(1)
			} else {
				s.refused.Add(1)
			}
		}
	} else if d.state != Pending {
		s.expired.Add(uint64(len(s.waiting)))
	}
	if d.state != Pending {
		s.waiting, s.octets = nil, 0
	}
	s.dist.Store(d)
}

// distribute finds the distribution of an AS after its ASPs changed. An SLS stays with its ASP as
// far as an even share allows, so that the fewest messages change their way.
func (s *asCore) distribute(old *distribution) *distribution {
	d := &distribution{state: s.state, mode: s.mode, na: s.cfg.Key.NetworkAppearance}
	if s.state != Active {
		return d
	}
	newcomer := false
	for _, m := range s.members {
		if m.state == Active && m.asp.peer != nil && m.asp.peer.link != nil {
			l := m.asp.peer.link
			d.links = append(d.links, l)
			newcomer = newcomer || !contains(old.links, l)
		}
	}
	if len(d.links) == 0 {
		return &distribution{state: Inactive, na: d.na}
	}
	switch d.mode {
	case Loadshare:
		d.share = share(d.links, old)
	case Broadcast:
		d.fresh = new([256]atomic.Bool)
		for i := range d.fresh {
			d.fresh[i].Store(newcomer || old.fresh != nil && old.fresh[i].Load())
		}
	}
	return d
}

func contains(ls []*link, l *link) bool {
	for _, x := range ls {
		if x == l {
			return true
		}
	}
	return false
}

// share gives each of the links an even part of every 16 values of SLS, and keeps what it can of
// the old shares.
func share(links []*link, old *distribution) *[256]uint8 {
	links = links[:min(len(links), 256)]
	n := len(links)
	var out [256]uint8
	index := map[*link]int{}
	for i, l := range links {
		index[l] = i
	}
	for block := 0; block < 256; block += 16 {
		quota := make([]int, n)
		for i := range quota {
			quota[i] = 16 / n
		}
		for i := range 16 % n { // who has one more changes from block to block
			quota[(block/16*(16%n)+i)%n]++
		}
		var rest []int
		for sls := block; sls < block+16; sls++ {
			if old.share != nil {
				if i, ok := index[old.links[old.share[sls]]]; ok && quota[i] > 0 {
					quota[i]--
					out[sls] = uint8(i)
					continue
				}
			}
			rest = append(rest, sls)
		}
		i := 0
		for _, sls := range rest {
			for quota[i] == 0 {
				i = (i + 1) % n
			}
			quota[i]--
			out[sls] = uint8(i)
			i = (i + 1) % n
		}
	}
	return &out
}

// ASStats counts what an AS did with messages for it.
type ASStats struct {
	Name           string
	RoutingContext uint32
	State          State
	TrafficMode    TrafficMode
	Key            RoutingKey
	Registered     bool             // made by registration
	Blocked        bool             // by the operator
	ASPs           map[string]State // of its ASPs
	Congestion     uint8            // level, 0 to 3
	Transferred    uint64           // given to an ASP
	Refused        uint64           // no ASP was active, or its queue was full
	Queued         uint64           // kept while the AS was pending; then Transferred, or:
	Overflowed     uint64           // came when the queue of the pending AS was full
	Expired        uint64           // were kept when T(r) ran out
	Waiting        int              // are kept now
}
