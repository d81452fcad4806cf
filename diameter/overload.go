package diameter

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Numbers of RFC 7683.
const (
	olrDefaultAlgo = 1 // OLR_DEFAULT_ALGO: the loss algorithm

	defaultValidity = 30 * time.Second // RFC 7683 section 7.5
	maxValidity     = 24 * time.Hour

	// overloadRamp is how long it takes to go back to all of the traffic after a report has ended,
	// so that the load does not return at once (RFC 7683 sections 5.2.2 and 6.3).
	overloadRamp = 10 * time.Second
)

// ThrottledError says that a request was not sent because its destination has asked for fewer
// (RFC 7683 section 5.2.2).
type ThrottledError struct {
	Type        OCReportType
	Destination string // the host or realm
	Application ApplicationID
	Reduction   int // percent of the requests that are held back now
}

// Error says who is overloaded.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("diameter: %s is overloaded (%v, application %d): %d percent of the requests are held back", e.Destination, e.Type, uint32(e.Application), e.Reduction)
}

// overloadKey names an overload control state. host is empty for those that we report.
type overloadKey struct {
	app  ApplicationID
	typ  OCReportType
	name string // folded
}

type overloadEntry struct {
	sequence  uint64
	reduction int
	validity  time.Duration
	expires   time.Time
	from      int // the reduction before the report that ended the condition
}

// overloadState is the overload control state of RFC 7683 section 5.2.1, as reporting node and as
// reacting node.
type overloadState struct {
	reacting  atomic.Int32 // entries of learned
	reporting atomic.Int32 // entries of reported
	limit     int
	sequence  atomic.Uint64

	mu       sync.Mutex
	learned  map[overloadKey]overloadEntry
	reported map[overloadKey]overloadEntry
}

func (o *overloadState) init(limit int, now time.Time) {
	o.limit = limit
	o.learned, o.reported = map[overloadKey]overloadEntry{}, map[overloadKey]overloadEntry{}
	o.sequence.Store(uint64(now.UnixMilli())) // greater than any before a restart
}

// ReportOverload makes the answers to requests of an application ask for fewer of them: for the
// reduction, in percent from 0 to 100, during validity (whole seconds, at most a day; if zero, 30 s).
// A reduction of 0 ends the condition. Only nodes that take part in overload control are told.
func (n *Node) ReportOverload(app ApplicationID, t OCReportType, reduction int, validity time.Duration) error {
	if reduction < 0 || reduction > 100 || validity < 0 || validity > maxValidity || !t.Known() {
		return fmt.Errorf("diameter: overload report %v of %d percent for %v", t, reduction, validity)
	}
	if validity = validity.Truncate(time.Second); validity == 0 {
		validity = defaultValidity
	}
	o := &n.overload
	o.mu.Lock()
	defer o.mu.Unlock()
	k, now := overloadKey{app: app, typ: t}, time.Now()
	e := overloadEntry{sequence: o.sequence.Add(1), reduction: reduction, validity: validity, expires: now.Add(validity)}
	if reduction == 0 {
		old := o.reported[k]
		if !now.Before(old.expires) {
			delete(o.reported, k)
			o.reporting.Store(int32(len(o.reported)))
			return nil
		}
		e.validity, e.expires = 0, old.expires // until all that were told have heard the end of it
	}
	o.reported[k] = e
	o.reporting.Store(int32(len(o.reported)))
	return nil
}

// appendReport appends to the answer to a request that had OC-Supported-Features.
func (o *overloadState) appendReport(b []byte, app ApplicationID, now time.Time) []byte {
	if !AVPs(b[HeaderLen:]).Has(AVPOCSupportedFeatures, 0) {
		b = appendSupportedFeatures(b)
	}
	if o.reporting.Load() == 0 {
		return b
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for t := OCReportTypeHostReport; t <= OCReportTypeRealmReport; t++ {
		k := overloadKey{app: app, typ: t}
		e, ok := o.reported[k]
		if !ok {
			continue
		}
		if !now.Before(e.expires) {
			delete(o.reported, k)
			o.reporting.Store(int32(len(o.reported)))
			continue
		}
		var at int
		b, at = BeginAVP(b, AVPOCOLR, 0, 0)
		b = AppendUint64(b, AVPOCSequenceNumber, 0, 0, e.sequence)
		b = AppendUint32(b, AVPOCReportType, 0, 0, uint32(t))
		b = AppendUint32(b, AVPOCReductionPercentage, 0, 0, uint32(e.reduction))
		b = AppendUint32(b, AVPOCValidityDuration, 0, 0, uint32(e.validity/time.Second))
		b = EndAVP(b, at)
	}
	return b
}

func appendSupportedFeatures(b []byte) []byte {
	b, at := BeginAVP(b, AVPOCSupportedFeatures, 0, 0)
	b = AppendUint64(b, AVPOCFeatureVector, 0, 0, olrDefaultAlgo)
	return EndAVP(b, at)
}

// learn reads the overload reports of an answer (RFC 7683 section 5.2.1.3).
func (o *overloadState) learn(m Message, now time.Time) {
	features, ok := m.Find(AVPOCSupportedFeatures, 0)
	if !ok {
		return
	}
	if v, ok := features.Grouped().Find(AVPOCFeatureVector, 0); ok {
		if bits, err := v.Uint64(); err != nil || bits&olrDefaultAlgo == 0 {
			return // another algorithm, which was not on offer
		}
	}
	for a := range m.AVPs.All() {
		if a.Code != AVPOCOLR || a.VendorID != 0 {
			continue
		}
		e := overloadEntry{validity: defaultValidity}
		var typ uint32
		var err error
		sequenced := false
		for g := range a.Grouped().All() {
			var v uint32
			switch {
			case g.VendorID != 0:
				continue
			case g.Code == AVPOCSequenceNumber:
				e.sequence, err = g.Uint64()
				sequenced = err == nil
				continue
			}
			if v, err = g.Uint32(); err != nil {
				continue
			}
			switch g.Code {
			case AVPOCReportType:
				typ = v
			case AVPOCReductionPercentage:
				e.reduction = int(min(v, 101))
			case AVPOCValidityDuration:
				if d := time.Duration(v) * time.Second; d <= maxValidity {
					e.validity = d
				}
			}
		}
		k := overloadKey{app: m.ApplicationID, typ: OCReportType(typ)}
		switch k.typ {
		case OCReportTypeHostReport:
			k.name = fold(m.Text(AVPOriginHost, 0))
		case OCReportTypeRealmReport:
			k.name = fold(m.Text(AVPOriginRealm, 0))
		default:
			continue
		}
		if !sequenced || e.reduction > 100 || k.name == "" {
			continue
		}
		o.update(k, e, now)
	}
}

func (o *overloadState) update(k overloadKey, e overloadEntry, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old, known := o.learned[k]
	if known && !newerSequence(old.sequence, e.sequence) {
		return
	}
	e.expires = now.Add(e.validity)
	e.from = old.reductionAt(now)
	if e.validity == 0 {
		e.reduction = 0
	}
	if !known && len(o.learned) >= o.limit {
		for k, x := range o.learned {
			if now.After(x.expires.Add(overloadRamp)) {
				delete(o.learned, k)
			}
		}
		if len(o.learned) >= o.limit {
			return
		}
	}
	o.learned[k] = e
	o.reacting.Store(int32(len(o.learned)))
}

// newerSequence tells whether a sequence number follows old, which it also does when it has rolled over.
func newerSequence(old, v uint64) bool {
	const percent = 1<<64/100 - 1
	return v > old || old >= ^uint64(0)-percent && v <= percent
}

// reductionAt is how many percent to hold back: what the report says while it is valid, then ever
// less until nothing.
func (e overloadEntry) reductionAt(now time.Time) int {
	last, left := e.reduction, e.expires.Sub(now)
	if left > 0 {
		return last
	}
	if e.validity == 0 || last == 0 {
		last = e.from
	}
	if left += overloadRamp; left <= 0 {
		return 0
	}
	return int(int64(last) * int64(left) / int64(overloadRamp))
}

// reduction is how many percent of the requests to a host or realm are held back now.
func (o *overloadState) reduction(t OCReportType, name string, app ApplicationID, now time.Time) int {
	if o.reacting.Load() == 0 {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e, ok := o.learned[overloadKey{app, t, name}]
	if !ok {
		return 0
	}
	return e.reductionAt(now)
}

// abates draws whether a request is one of those (RFC 7683 section 6.1).
func (o *overloadState) abates(t OCReportType, name string, app ApplicationID, now time.Time) bool {
	r := o.reduction(t, name, app, now)
	return r > 0 && rand.IntN(100) < r
}

// throttle holds a request back if its destination asked for that: the host that it names, or
// without one the realm.
func (n *Node) throttle(r *routing, app ApplicationID) error {
	if n.overload.reacting.Load() == 0 {
		return nil
	}
	t, name := OCReportTypeRealmReport, r.destRealm
	if len(r.destHost) > 0 {
		t, name = OCReportTypeHostReport, r.destHost
	}
	now := time.Now()
	if folded := fold(string(name)); n.overload.abates(t, folded, app, now) {
		return &ThrottledError{Type: t, Destination: string(name), Application: app, Reduction: n.overload.reduction(t, folded, app, now)}
	}
	return nil
}
