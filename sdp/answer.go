package sdp

import (
	"slices"
)

// CreateAnswer answers the peer's outstanding offer with what l has. The answer has the m= lines of
// the offer, those that cannot be accepted with port 0, and no format that the offer lacks. If no
// stream at all can be accepted although some were offered, it fails with a [*RefusedError] and the
// session is as before the offer, unless l.MustAnswer is set.
//
// Multicast streams are refused. A connection address of 0.0.0.0 means that there is nowhere to send
// to; the direction of the answer still follows that of the offer (RFC 6337 section 5.4).
func (s *Session) CreateAnswer(l Local) (*Description, error) {
	if s.State != RemoteOffer {
		return nil, s.fail("answer", ErrNoOffer)
	}
	offer := s.Offer
	d := &Description{
		Time:       slices.Clone(offer.Time), // RFC 3264 section 6: must equal that of the offer
		Attributes: slices.Clone(l.Attributes), Bandwidth: slices.Clone(l.Bandwidth),
		Media: make([]Media, len(offer.Media)),
	}
	streams, reasons := make([]Stream, len(offer.Media)), make([]error, len(offer.Media))
	slots := s.assign(offer, &l)
	accepted, wanted := 0, 0
	for i := range offer.Media {
		theirs := &offer.Media[i]
		streams[i].Kind, streams[i].Proto = theirs.Kind, theirs.Proto
		d.Media[i] = refused(theirs)
		if theirs.Port == 0 {
			slots[i] = ""
			continue
		}
		wanted++
		m := l.byID(slots[i])
		if m == nil {
			reasons[i] = ErrNoMedia
			continue
		}
		ours, st, err := accept(offer, i, m, &l)
		if err != nil {
			reasons[i], slots[i] = err, ""
			continue
		}
		if m.Adjust != nil {
			m.Adjust(theirs, &ours)
		}
		st.ID = slots[i]
		d.Media[i], streams[i] = ours, st
		accepted++
	}
	if wanted > 0 && accepted == 0 && !l.MustAnswer {
		s.State, s.Offer = Stable, nil
		return nil, &RefusedError{reasons}
	}
	connect(d)
	if err := s.finish(d, &l); err != nil {
		return nil, err
	}
	for i := range d.Media {
		s.remember(i, &d.Media[i])
		s.remember(i, &offer.Media[i])
	}
	s.State, s.Local, s.Remote, s.Streams, s.Slots = Stable, d, offer, streams, slots
	s.Offer, s.Sent = nil, d
	return d, nil
}

// assign says which media of ours answers each m= line: the one that had it before, else the first
// of the same kind that is free.
func (s *Session) assign(offer *Description, l *Local) []string {
	slots := make([]string, len(offer.Media))
	for i := range slots {
		if id := s.slot(i); id != "" && offer.Media[i].Port != 0 {
			if m := l.byID(id); m != nil && m.kind() == offer.Media[i].Kind {
				slots[i] = id
			}
		}
	}
	for _, accepted := range []bool{true, false} { // what its transport will refuse comes last
		for i := range slots {
			if slots[i] != "" || offer.Media[i].Port == 0 {
				continue
			}
			for n := range l.Media {
				m, id := &l.Media[n], l.Media[n].id(n)
				if m.kind() == offer.Media[i].Kind && (m.takes(&offer.Media[i]) == nil) == accepted && !slices.Contains(slots, id) {
					slots[i] = id
					break
				}
			}
		}
	}
	return slots
}

// accept makes the answer to one stream.
func accept(offer *Description, i int, m *LocalMedia, l *Local) (Media, Stream, error) {
	theirs := &offer.Media[i]
	st := Stream{Kind: theirs.Kind, Proto: theirs.Proto, Active: true}
	c := offer.ConnectionOf(i)
	if err := m.takes(theirs); err != nil {
		return Media{}, st, err
	}
	switch {
	case c == (Connection{}):
		return Media{}, st, ErrNoAddress
	case c.IsMulticast():
		return Media{}, st, ErrMulticast
	}
	if m.Raw != nil {
		for _, f := range m.Raw.Formats {
			if !slices.Contains(theirs.Formats, f) {
				return Media{}, st, ErrNoFormat
			}
		}
		ours := m.raw()
		st.Local = (&Description{Media: []Media{ours}}).Address(0)
		st.Direction, _ = direction(ours.Attributes)
		st.remote(offer, i)
		return ours, st, nil
	}

	list := choose(m.Formats, theirs.Codecs())
	if l.PreferLocal {
		slices.SortStableFunc(list, func(a, b Agreed) int { return a.Format - b.Format })
	}
	st.sort(list)
	if len(st.Codecs) == 0 {
		return Media{}, st, ErrNoFormat
	}
	if l.SingleCodec {
		st.Codecs = st.Codecs[:1]
	}
	st.accompany()

	st.Direction = offer.DirectionOf(i).Reverse().And(m.Direction)
	st.Mux = m.Mux && theirs.Mux()
	st.Local = m.Address
	st.remote(offer, i)

	var codecs []Codec
	for _, group := range [][]Agreed{st.Codecs, st.Noise, st.Events} {
		for _, a := range group {
			codecs = append(codecs, a.Receive)
		}
	}
	ours := m.line(theirs.Proto)
	m.complete(&ours, codecs, st.Mux, st.Direction)
	return ours, st, nil
}

// Answer is ReceiveOffer and CreateAnswer in one.
func (s *Session) Answer(offer *Description, l Local) (*Description, error) {
	if err := s.ReceiveOffer(offer); err != nil {
		return nil, err
	}
	return s.CreateAnswer(l)
}

// FormatEvents returns the format of telephone-events 0 to 15, the keys, at a clock rate, to be
// offered with a payload type (RFC 4733 section 2.4.1).
func FormatEvents(payloadType uint8, clockRate int) Format {
	return Format{Codec: Codec{PayloadType: payloadType, Name: TelephoneEvent, ClockRate: clockRate, Fmtp: "0-15"}}
}

// FormatStatic returns the format of a static payload type (RFC 3551 section 6), such as 0 for PCMU,
// 8 for PCMA and 13 for comfort noise. It is false for all others.
func FormatStatic(payloadType uint8) (Format, bool) {
	c, ok := static[payloadType]
	return Format{Codec: c}, ok
}
