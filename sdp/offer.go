package sdp

import (
	"fmt"
	"slices"
)

// CreateOffer makes an offer of l: the first of a session, or one that changes it. Every m= line
// of the session keeps its place; media of l that is new is added below or takes a line that is
// not in use; media that l no longer has is offered with port 0 (RFC 3264 section 8).
//
// It fails with a [*StateError] while an offer is outstanding, and if l cannot be written down.
func (s *Session) CreateOffer(l Local) (*Description, error) {
	if s.State != Stable {
		return nil, s.fail("offer", ErrPending)
	}
	// RFC 3264 section 8: as many lines as the previous description of either side.
	slots := slices.Clone(s.Slots)
	for i, id := range slots {
		if l.byID(id) == nil {
			slots[i] = ""
		}
	}
	for i := range l.Media {
		id := l.Media[i].id(i)
		if slices.Contains(slots, id) {
			continue
		}
		if free := slices.Index(slots, ""); free >= 0 {
			slots[free] = id
		} else {
			slots = append(slots, id)
		}
	}
	d := &Description{Attributes: slices.Clone(l.Attributes), Bandwidth: slices.Clone(l.Bandwidth)}
	for i, id := range slots {
		m := l.byID(id)
		switch {
		case m == nil:
			d.Media = append(d.Media, refused(&s.Local.Media[i]))
			continue
		case m.Raw != nil:
			d.Media = append(d.Media, m.raw())
		default:
			codecs, err := s.offered(i, id, m, l.Reoffer)
			if err != nil {
				return nil, err
			}
			out := m.line(m.proto())
			if i < len(s.Streams) && s.Streams[i].ID == id && m.accepts(s.Streams[i].Proto) {
				out.Proto = s.Streams[i].Proto
			}
			m.complete(&out, codecs, m.Mux, m.Direction)
			d.Media = append(d.Media, out)
		}
		if m.Adjust != nil {
			m.Adjust(nil, &d.Media[i])
		}
	}
	connect(d)
	if err := s.finish(d, &l); err != nil {
		return nil, err
	}
	s.State, s.Offer, s.Sent, s.Next = LocalOffer, d, d, slots
	return d, nil
}

// offered returns the formats that an offer lists for the i-th media: first codecs, then what
// accompanies them.
func (s *Session) offered(i int, id string, m *LocalMedia, policy Reoffer) ([]Codec, error) {
	taken := make([]bool, len(m.Formats))
	var used [128]bool
	var codecs, others []Codec
	add := func(c Codec) {
		used[c.PayloadType] = true
		if c.auxiliary() {
			others = append(others, c)
		} else {
			codecs = append(codecs, c)
		}
	}
	// again lists a codec of an earlier description of ours, if we still have it.
	again := func(c Codec) {
		if used[c.PayloadType] {
			return
		}
		for n, f := range m.Formats {
			if !taken[n] && f.Same(c) {
				if _, ok := f.match(c); ok || f.Fmtp == c.Fmtp {
					taken[n] = true
					add(c)
					return
				}
			}
		}
	}
	inUse := i < len(s.Streams) && s.Streams[i].Active && s.Streams[i].ID == id
	if inUse && policy != AsListed {
		st := &s.Streams[i]
		for _, list := range [][]Agreed{st.Codecs, st.Events, st.Noise} {
			for _, a := range list {
				again(a.Receive)
			}
		}
		if policy == AgreedFirst {
			for _, c := range s.Local.Media[i].Codecs() {
				again(c)
			}
		}
	}
	if !inUse || policy != AgreedOnly {
		for n, f := range m.Formats {
			if taken[n] {
				continue
			}
			c, ok := s.payloadType(i, f, &used)
			if !ok {
				return nil, fmt.Errorf("sdp: no payload type is left for %s/%d", f.Name, f.ClockRate)
			}
			add(c)
		}
	}
	if len(codecs)+len(others) == 0 {
		return nil, fmt.Errorf("sdp: media %q has no formats", m.kind())
	}
	return append(codecs, others...), nil
}

func (s *Session) slot(i int) string {
	if i < len(s.Slots) {
		return s.Slots[i]
	}
	return ""
}

// payloadType chooses the payload type of a format in the i-th media: what has stood for it
// before, else what the format asks for, else one that never stood for anything
// (RFC 3264 section 8.3.2).
func (s *Session) payloadType(i int, f Format, used *[128]bool) (Codec, bool) {
	var before map[uint8]Codec
	if i < len(s.Used) {
		before = s.Used[i]
	}
	c := f.Codec
	c.Channels = max(c.Channels, 1)
	for pt := range uint8(128) {
		if old, ok := before[pt]; ok && !used[pt] && old.Same(c) {
			if _, ok := f.match(old); ok || old.Fmtp == c.Fmtp {
				c.PayloadType = pt
				return c, true
			}
		}
	}
	meant, isStatic := static[c.PayloadType]
	if _, ok := before[c.PayloadType]; !ok && c.usable() && !used[c.PayloadType] && (!isStatic || meant.Same(c)) {
		return c, true
	}
	// RFC 3551 section 6: 96 to 127 are dynamic; section 3 lets the unassigned 35 to 63 follow.
	for n := range uint8(32 + 29) {
		pt := 96 + n
		if n >= 32 {
			pt = 35 + n - 32
		}
		if _, ok := before[pt]; !ok && !used[pt] {
			c.PayloadType = pt
			return c, true
		}
	}
	return c, false
}

// ReceiveAnswer takes the peer's answer to our offer; l is what the offer was made of. An answer
// that comes again after the session is stable, as the 200 after a reliable 183 may repeat it, is
// ignored. If it is no answer to the offer, the session goes back to what it was before and the
// error is an [*AnswerError].
//
// It is lenient: a direction that the offer does not allow is narrowed, a line that we removed
// stays removed, formats that we did not offer are ignored.
func (s *Session) ReceiveAnswer(answer *Description, l Local) error {
	if s.State != LocalOffer {
		if s.State == Stable && s.Remote != nil && answer.String() == s.Remote.String() {
			return nil
		}
		return s.fail("answer from the peer", ErrNoOffer)
	}
	streams, err := agree(s.Offer, answer, s.Next, &l)
	if err != nil {
		s.State, s.Offer, s.Next = Stable, nil, nil
		return err
	}
	for i := range answer.Media {
		s.remember(i, &s.Offer.Media[i])
		s.remember(i, &answer.Media[i])
		if !streams[i].Active {
			s.Next[i] = ""
		}
	}
	s.State, s.Local, s.Remote, s.Streams, s.Slots = Stable, s.Offer, answer, streams, s.Next
	s.Offer, s.Next = nil, nil
	return nil
}

// agree works out what an answer to our offer means.
func agree(offer, answer *Description, slots []string, l *Local) ([]Stream, error) {
	if len(answer.Media) != len(offer.Media) {
		return nil, &AnswerError{-1, ErrMedia}
	}
	streams := make([]Stream, len(offer.Media))
	for i := range offer.Media {
		ours, theirs := &offer.Media[i], &answer.Media[i]
		st := &streams[i]
		st.Kind, st.Proto = ours.Kind, ours.Proto
		if theirs.Kind != ours.Kind {
			return nil, &AnswerError{i, ErrMedia}
		}
		m := l.byID(slots[i])
		if ours.Port == 0 || theirs.Port == 0 || m == nil {
			continue
		}
		if theirs.Proto != ours.Proto {
			return nil, &AnswerError{i, ErrTransport}
		}
		if answer.ConnectionOf(i) == (Connection{}) {
			return nil, &AnswerError{i, ErrNoAddress}
		}
		if answer.ConnectionOf(i).IsMulticast() {
			return nil, &AnswerError{i, ErrMulticast}
		}
		if m.Raw == nil {
			st.sort(pair(m.Formats, ours.Codecs(), theirs.Codecs()))
			if len(st.Codecs) == 0 {
				return nil, &AnswerError{i, ErrNoFormat}
			}
		}
		st.ID, st.Active = slots[i], true
		st.Direction = offer.DirectionOf(i).And(answer.DirectionOf(i).Reverse())
		st.Mux = ours.Mux() && theirs.Mux()
		st.Local = offer.Address(i)
		st.remote(answer, i)
	}
	return streams, nil
}
