package sdp

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// State says whose offer is outstanding (RFC 3264 section 4).
type State uint8

// The states.
const (
	Stable      State = iota // none
	LocalOffer               // ours: an answer is to come
	RemoteOffer              // the peer's: we are to answer
)

func (s State) String() string {
	switch s {
	case Stable:
		return "stable"
	case LocalOffer:
		return "local offer"
	case RemoteOffer:
		return "remote offer"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Session is one side of a session that is negotiated by offer and answer (RFC 3264). It is plain
// data: it can be copied with [Session.Clone], for the branches of a forked call, and marshalled,
// for another node to go on with. The zero value is a session before its first offer. It is not
// safe for concurrent use.
//
//	State         Call               Next state     Fails with
//	Stable        CreateOffer        LocalOffer
//	Stable        ReceiveOffer       RemoteOffer
//	LocalOffer    ReceiveAnswer      Stable         *AnswerError: Stable, as before the offer
//	LocalOffer    Withdraw           Stable
//	LocalOffer    ReceiveOffer       LocalOffer     ErrGlare
//	LocalOffer    CreateOffer        LocalOffer     ErrPending
//	RemoteOffer   CreateAnswer       Stable         *RefusedError: Stable, as before the offer
//	RemoteOffer   Refuse             Stable
//	RemoteOffer   ReceiveOffer,      RemoteOffer    ErrPending
//	              CreateOffer
//	any other                        unchanged      ErrNoOffer
//
// Which SIP message carries what is the caller's affair: an offer in INVITE is answered in 200, an
// offer in 200 (an INVITE without one asked for it) in ACK.
type Session struct {
	State  State
	Local  *Description // ours, agreed; nil before the first answer
	Remote *Description // the peer's, agreed
	Offer  *Description // outstanding

	Streams []Stream // what was agreed, one for each m= line

	// The rest is what later offers and answers depend on.

	ID      uint64            // of our o= line; 0 until it is needed
	Version uint64            // of our o= line, the highest that was sent
	Sent    *Description      // what we sent last
	Slots   []string          // for each m= line, the ID of its LocalMedia; empty if not in use
	Next    []string          // Slots, once our offer is answered
	Used    []map[uint8]Codec // for each m= line, what payload types have stood for
}

// Clone returns an independent copy.
func (s *Session) Clone() *Session {
	c := *s
	c.Streams = slices.Clone(s.Streams)
	c.Slots, c.Next = slices.Clone(s.Slots), slices.Clone(s.Next)
	c.Used = make([]map[uint8]Codec, len(s.Used))
	for i := range s.Used {
		c.Used[i] = maps.Clone(s.Used[i])
	}
	return &c
}

func (s *Session) fail(op string, err error) error {
	return &StateError{Op: op, State: s.State, Err: err}
}

// ReceiveOffer takes the peer's offer. It is answered by [Session.CreateAnswer] or
// [Session.Refuse]. If our own offer is outstanding, it fails with [ErrGlare]; if another of the
// peer's is, with [ErrPending].
func (s *Session) ReceiveOffer(offer *Description) error {
	switch s.State {
	case LocalOffer:
		return s.fail("offer from the peer", ErrGlare)
	case RemoteOffer:
		return s.fail("offer from the peer", ErrPending)
	}
	s.State, s.Offer = RemoteOffer, offer
	return nil
}

// Refuse ends the peer's outstanding offer without an answer; the session stays as it was.
func (s *Session) Refuse() error {
	if s.State != RemoteOffer {
		return s.fail("refusal", ErrNoOffer)
	}
	s.State, s.Offer = Stable, nil
	return nil
}

// Withdraw ends our outstanding offer after the peer refused it, such as with 488 or 491, or the
// request that carried it failed; the session stays as it was.
func (s *Session) Withdraw() error {
	if s.State != LocalOffer {
		return s.fail("withdrawal", ErrNoOffer)
	}
	s.State, s.Offer, s.Next = Stable, nil, nil
	return nil
}

// finish completes a description of ours: its o= line has the version of the previous one if they
// are equal, else the next (RFC 3264 section 8).
func (s *Session) finish(d *Description, l *Local) error {
	if s.ID == 0 {
		var b [8]byte
		rand.Read(b[:])
		s.ID = binary.BigEndian.Uint64(b[:])>>2 | 1 // fits into 63 bits, not 0
	}
	address := l.Address
	for i := 0; !address.IsValid() && i < len(l.Media); i++ {
		address = l.Media[i].Address.Addr()
	}
	d.Name = l.Name
	d.Origin = Origin{Username: l.Username, SessionID: s.ID, Version: s.Version}
	if s.Sent != nil {
		// All but the version must stay as it was.
		d.Origin = s.Sent.Origin
		d.Origin.Version = s.Version
	} else if address.IsValid() {
		c := ConnectionTo(address)
		d.Origin.AddrType, d.Origin.Address = c.AddrType, c.Address
	}
	text, err := d.AppendText(nil)
	if err != nil {
		return err
	}
	if s.Sent != nil {
		if before, err := s.Sent.AppendText(nil); err == nil && bytes.Equal(before, text) {
			return nil
		}
	}
	s.Version++
	d.Origin.Version = s.Version
	return nil
}

// connect moves the connections of the media into the session where they are equal.
func connect(d *Description) {
	for i := range d.Media {
		if c := d.Media[i].Connection; c != (Connection{}) && d.Media[i].Port != 0 {
			if d.Connection == (Connection{}) {
				d.Connection = c
			}
			if c == d.Connection {
				d.Media[i].Connection = Connection{}
			}
		}
	}
	if d.Connection == (Connection{}) && len(d.Media) > 0 {
		// Each m= line needs one, also a refused one.
		d.Connection = Connection{"IN", "IP4", "0.0.0.0"}
	}
}

// remember notes what the payload types of the i-th media stand for, once it is agreed.
func (s *Session) remember(i int, m *Media) {
	for len(s.Used) <= i {
		s.Used = append(s.Used, nil)
	}
	if s.Used[i] == nil {
		s.Used[i] = map[uint8]Codec{}
	}
	for _, c := range m.Codecs() {
		s.Used[i][c.PayloadType] = c
	}
}

// refused is an m= line with port 0 (RFC 3264 section 6).
func refused(m *Media) Media {
	formats := m.Formats[:min(len(m.Formats), 1)]
	if len(formats) == 0 {
		formats = []string{"0"}
	}
	return Media{Kind: m.Kind, Proto: m.Proto, Formats: formats}
}

// line starts an m= line of ours with what does not depend on the peer.
func (m *LocalMedia) line(proto string) Media {
	out := Media{Kind: m.kind(), Port: m.Address.Port(), Proto: proto, Bandwidth: slices.Clone(m.Bandwidth)}
	if m.Address.Addr().IsValid() {
		out.Connection = ConnectionTo(m.Address.Addr())
	}
	return out
}

// raw returns the m= line of media that is not negotiated.
func (m *LocalMedia) raw() Media {
	out := *m.Raw
	out.Attributes = slices.Clone(out.Attributes)
	if m.Address.IsValid() {
		out.Connection, out.Port = ConnectionTo(m.Address.Addr()), m.Address.Port()
	}
	return out
}

// complete adds formats and the attributes of the whole to an m= line.
func (m *LocalMedia) complete(out *Media, codecs []Codec, mux bool, dir Direction) {
	for _, c := range codecs {
		format := fmt.Sprint(c.PayloadType)
		out.Formats = append(out.Formats, format)
		out.Attributes = append(out.Attributes, Attribute{"rtpmap", c.rtpmap()})
		if c.Fmtp != "" {
			out.Attributes = append(out.Attributes, Attribute{"fmtp", format + " " + c.Fmtp})
		}
	}
	if m.Ptime > 0 {
		out.Attributes = append(out.Attributes, Attribute{"ptime", fmt.Sprint(m.Ptime)})
	}
	if m.MaxPtime > 0 {
		out.Attributes = append(out.Attributes, Attribute{"maxptime", fmt.Sprint(m.MaxPtime)})
	}
	if m.RTCP != 0 && (m.RTCP != m.Address.Port()+1 || m.Address.Port() == 65535) {
		out.Attributes = append(out.Attributes, Attribute{"rtcp", fmt.Sprint(m.RTCP)})
	}
	if mux {
		out.Attributes = append(out.Attributes, Attribute{"rtcp-mux", ""})
	}
	out.Attributes = append(out.Attributes, m.Attributes...)
	out.Attributes = append(out.Attributes, Attribute{dir.String(), ""})
}
