package stp

import (
	"errors"
	"sync/atomic"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
)

// target is an owner of destinations in mtp3's sense: an Application Server, a point code that several of
// them share (by service indicator or origin), or a gateway.
type target struct {
	id   mtp3.OwnerID
	name string   // "as A", "point 1.2.3", "gateway X"
	as   *m3ua.AS // of the first kind
	gw   *gateway // of the third
	sg   *m3ua.SG // its routing keys decide for the second kind

	keyed bool // the AS takes but some of the messages for its point codes

	screen atomic.Pointer[mtp3.Screen] // what may come from it; nil: everything
	level  atomic.Uint32               // of congestion

	members []string // of the second kind: the ASs
	points  []mtp3.PointCode

	in, out atomic.Uint64 // messages that took the short way
}

// targets is what readers need to know; it never changes.
type targets struct {
	byAS map[*m3ua.AS]*target
	byID []*target // by OwnerID
}

func (ts *targets) get(id mtp3.OwnerID) *target {
	if id < 0 || int(id) >= len(ts.byID) {
		return nil
	}
	return ts.byID[id]
}

// send gives a message to what the target stands for. It never waits.
func (t *target) send(m *mtp3.MSU) mtp3.Reason {
	var err error
	switch {
	case m.SI == mtp3.SNM:
		return mtp3.UnexpectedManagement // RFC 4666 section 1.4.3.2: never as DATA
	case t.as != nil:
		if t.keyed && t.sg.Route(m3ua.Optional{}, m) != t.as {
			return mtp3.NoRoutingKey
		}
		err = t.as.Transfer(m)
	case t.gw != nil:
		err = t.gw.transfer(m)
	default:
		s := t.sg.Route(m3ua.Optional{}, m)
		if s == nil {
			return mtp3.NoRoutingKey
		}
		err = s.Transfer(m)
	}
	return reasonOf(err)
}

func reasonOf(err error) mtp3.Reason {
	switch {
	case err == nil:
		return mtp3.Forwarded
	case errors.Is(err, m3ua.ErrNotActive):
		return mtp3.OwnerInactive
	case errors.Is(err, m3ua.ErrCongested):
		return mtp3.OwnerOverflow
	}
	return mtp3.OwnerRefused
}

// is tells whether a message for the target would go to as.
func (t *target) is(as *m3ua.AS, m *mtp3.MSU) bool {
	if t.as != nil || t.gw != nil {
		return as != nil && t.as == as
	}
	return t.sg.Route(m3ua.Optional{}, m) == as
}
