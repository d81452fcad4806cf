package sdp

import (
	"fmt"
	"slices"
)

// Preconditions is the status table of one media stream (RFC 3312 section 5, RFC 4032): what has to be reserved before
// the callee is alerted, and what is. It is plain data, as we see it, and has no clock; offers and answers change it:
//
//	offer of ours       Attributes, into the offer      its answer     ReceiveAnswer
//	offer of the peer   ReceiveOffer                    our answer     Attributes, into the answer
//
// Set notes what we reserve ourselves, Met says whether the callee may be alerted, and Due whether the peer is to be
// told by another offer. The zero value has no preconditions, and takes those of an offer. It is not safe for
// concurrent use.
type Preconditions struct {
	Rows []PreconditionRow
	// Callee is set on the side that was called: it asks, where it has to wait for its peer, to be told (RFC 3312 section 6).
	Callee bool
	// Least is the strength that answers ask for at least, for resources of ours; an answer may raise what was offered
	// and never lowers it (RFC 3312 section 5.2).
	Least Strength
}

// PreconditionRow is one row of the status tables of RFC 3312 section 5.1.
type PreconditionRow struct {
	Type     string
	Segment  Segment
	Way      Way // WaySend or WayRecv
	Current  bool
	Strength Strength
	Confirm  bool // the peer has asked to be told
	Told     bool // what the peer was told of Current
}

// Own says whether we know about the row by ourselves: our access network, or what we send where the reservation is
// end to end (RFC 3312 section 13.1).
func (r *PreconditionRow) Own() bool {
	return r.Type == QoS && (r.Segment == LocalSegment || r.Segment == EndToEnd && r.Way == WaySend)
}

// maxRows bounds a table: qos needs six.
const maxRows = 32

// SegmentedQoS returns the table of an offer that asks for resources in both access networks, with a strength for each.
func SegmentedQoS(local, remote Strength) Preconditions {
	var p Preconditions
	for _, s := range [...]struct {
		Segment
		Strength
	}{{LocalSegment, local}, {RemoteSegment, remote}} {
		p.want(QoS, s.Segment, WaySendRecv, s.Strength)
	}
	return p
}

// EndToEndQoS returns the table of an offer that asks for resources from end to end.
func EndToEndQoS(strength Strength) Preconditions {
	var p Preconditions
	p.want(QoS, EndToEnd, WaySendRecv, strength)
	return p
}

// Clone returns an independent copy.
func (p *Preconditions) Clone() Preconditions {
	c := *p
	c.Rows = slices.Clone(p.Rows)
	return c
}

// row returns a row, nil if there is none.
func (p *Preconditions) row(typ string, s Segment, w Way) *PreconditionRow {
	for i := range p.Rows {
		if r := &p.Rows[i]; r.Type == typ && r.Segment == s && r.Way == w {
			return r
		}
	}
	return nil
}

// want sets the strength of rows, and adds those that are missing.
func (p *Preconditions) want(typ string, s Segment, w Way, strength Strength) {
	for _, one := range [...]Way{WaySend, WayRecv} {
		r := p.row(typ, s, one)
		if r == nil {
			p.Rows = append(p.Rows, PreconditionRow{Type: typ, Segment: s, Way: one})
			r = &p.Rows[len(p.Rows)-1]
		}
		if w&one != 0 {
			r.Strength = strength
		}
	}
}

// Set notes that resources of our own are there, or are not any more, for all rows that are ours.
func (p *Preconditions) Set(there bool) {
	for i := range p.Rows {
		if r := &p.Rows[i]; r.Own() {
			r.Current = there
		}
	}
}

// Moved notes that the stream goes to a new address of ours: what only the peer knows has to be confirmed anew
// (RFC 4032 section 4.1).
func (p *Preconditions) Moved() {
	for i := range p.Rows {
		if r := &p.Rows[i]; !r.Own() {
			r.Current = false
		}
	}
}

// Met says whether everything that is mandatory is there, so that the callee may be alerted (RFC 3312 section 6).
func (p *Preconditions) Met() bool {
	return !slices.ContainsFunc(p.Rows, func(r PreconditionRow) bool { return r.Strength == Mandatory && !r.Current })
}

// OwnMet is Met of what is for us to reserve.
func (p *Preconditions) OwnMet() bool {
	return !slices.ContainsFunc(p.Rows, func(r PreconditionRow) bool { return r.Own() && r.Strength != None && !r.Current })
}

// Due says whether the peer has to be told by an offer: it has asked for that and all that it asked about is there, or
// what it was told of is not there any more (RFC 3312 section 7). A caller also tells what is mandatory without being
// asked (TS 24.229 section 5.1.3.1).
func (p *Preconditions) Due() bool {
	due, complete := false, true
	for i := range p.Rows {
		r := &p.Rows[i]
		if !r.Own() || !r.Confirm && (p.Callee || r.Strength != Mandatory) {
			continue
		}
		if r.Told && !r.Current {
			return true
		}
		due = due || r.Current && !r.Told
		complete = complete && r.Current
	}
	return due && complete
}

// Attributes returns the lines for an offer or an answer (RFC 3312 section 5.1.1), and takes note of what they tell.
func (p *Preconditions) Attributes() []Attribute {
	var out []Attribute
	type group struct {
		typ string
		e2e bool
	}
	var groups []group
	for i := range p.Rows {
		r := &p.Rows[i]
		r.Told = r.Current
		if g := (group{r.Type, r.Segment == EndToEnd}); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		segments := []Segment{LocalSegment, RemoteSegment}
		if g.e2e {
			segments = []Segment{EndToEnd}
		}
		var lines [3][]Status
		for _, s := range segments {
			send, recv := p.row(g.typ, s, WaySend), p.row(g.typ, s, WayRecv)
			if send == nil || recv == nil {
				continue
			}
			cur, conf := Status{Kind: Current, Type: g.typ, Segment: s}, Status{Kind: Confirm, Type: g.typ, Segment: s}
			for _, r := range [...]*PreconditionRow{send, recv} {
				if r.Current {
					cur.Way |= r.Way
				}
				if p.Callee && !r.Own() && r.Strength == Mandatory && !r.Current {
					conf.Way |= r.Way
				}
			}
			lines[0] = append(lines[0], cur)
			des := Status{Kind: Desired, Type: g.typ, Segment: s, Strength: send.Strength, Way: WaySendRecv}
			if send.Strength == recv.Strength {
				lines[1] = append(lines[1], des)
			} else {
				des.Way = WaySend
				lines[1] = append(lines[1], des)
				des.Way, des.Strength = WayRecv, recv.Strength
				lines[1] = append(lines[1], des)
			}
			if conf.Way != WayNone {
				lines[2] = append(lines[2], conf)
			}
		}
		for _, kind := range lines {
			for _, s := range kind {
				out = append(out, s.Attribute())
			}
		}
	}
	return out
}

// ReceiveOffer takes the lines of an offered stream. Where something is mandatory that is of an unknown type and not the
// peer's alone to reserve, it fails with a [*PreconditionError] and changes nothing (RFC 3312 section 9). A stream that
// says nothing has no preconditions.
func (p *Preconditions) ReceiveOffer(m *Media) error {
	lines, err := m.Statuses()
	if err != nil {
		return err
	}
	n := Preconditions{Callee: p.Callee, Least: p.Least}
	for _, s := range lines { // from here on as we see it
		s = s.reverse()
		switch {
		case len(n.Rows) >= maxRows:
			return parseError(0, "a="+s.Kind.String(), ErrTooLarge)
		case s.Kind == Desired && s.Strength > Mandatory:
			continue
		case s.Kind == Desired && s.Strength == Mandatory && s.Type != QoS && s.Segment != RemoteSegment:
			return &PreconditionError{Status: s}
		case s.Kind == Desired:
			n.want(s.Type, s.Segment, s.Way, s.Strength)
		default:
			n.want(s.Type, s.Segment, WayNone, None)
		}
	}
	for i := range n.Rows {
		r := &n.Rows[i]
		if old := p.row(r.Type, r.Segment, r.Way); r.Own() && old != nil {
			r.Current = old.Current
		}
		if r.Own() {
			r.Strength = max(r.Strength, p.Least)
		}
	}
	n.take(lines)
	*p = n
	return nil
}

// ReceiveAnswer takes the lines of the stream that answers ours. Where it says nothing, the peer does without
// preconditions (RFC 3312 section 11), and so do we from then on.
func (p *Preconditions) ReceiveAnswer(m *Media) error {
	lines, err := m.Statuses()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		p.Rows = nil
		return nil
	}
	for _, s := range lines {
		s = s.reverse()
		if s.Kind != Desired || s.Strength > Mandatory {
			continue
		}
		for i := range p.Rows {
			if r := &p.Rows[i]; r.Type == s.Type && r.Segment == s.Segment && r.Way&s.Way != 0 {
				r.Strength = max(r.Strength, s.Strength)
			}
		}
	}
	p.take(lines)
	return nil
}

// take takes over what the peer tells of its own resources, and what it wants to be told.
func (p *Preconditions) take(lines []Status) {
	for i := range p.Rows {
		r := &p.Rows[i]
		r.Confirm = false
		for _, s := range lines {
			s = s.reverse()
			if s.Type != r.Type || s.Segment != r.Segment {
				continue
			}
			switch s.Kind {
			case Current:
				if !r.Own() { // of what is ours, we know better (RFC 4032 section 4.1)
					r.Current = s.Way&r.Way != 0
				}
			case Confirm:
				r.Confirm = r.Confirm || s.Way&r.Way != 0
			}
		}
	}
}

func (s Status) reverse() Status {
	s.Segment, s.Way = s.Segment.Reverse(), s.Way.Reverse()
	return s
}

// PreconditionError is a precondition that is not met, and why a call is refused with 580 (RFC 3312 section 8).
type PreconditionError struct {
	Status Status // what was desired, as we see it
	Err    error  // why it is not met; nil where its type is not known
}

func (e *PreconditionError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("sdp: precondition %q is not known", e.Status.Type)
	}
	return fmt.Sprintf("sdp: precondition %s %v %v is not met: %v", e.Status.Type, e.Status.Segment, e.Status.Way, e.Err)
}

// Unwrap returns the cause.
func (e *PreconditionError) Unwrap() error { return e.Err }

// Description returns what a 580, or the BYE or CANCEL that ends the call, tells of the failure (RFC 3312 section 8):
// it has the m= lines of the last description that the peer sent, with port 0.
func (e *PreconditionError) Description(last *Description) *Description {
	d := &Description{Origin: last.Origin, Media: make([]Media, len(last.Media))}
	s := e.Status
	s.Kind, s.Strength = Desired, Failure
	if e.Err == nil {
		s.Strength = Unknown
	}
	for i := range last.Media {
		d.Media[i] = refused(&last.Media[i])
		if ours, err := last.Media[i].Statuses(); err == nil && slices.ContainsFunc(ours, func(o Status) bool { return o.Kind == Desired && o.Type == s.Type }) {
			d.Media[i].Attributes = append(d.Media[i].Attributes, s.Attribute())
		}
	}
	connect(d)
	return d
}
