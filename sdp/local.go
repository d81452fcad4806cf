package sdp

import (
	"net/netip"
	"slices"
	"strconv"
)

// Local is what we have to offer and are ready to accept. It is passed to each step of a
// [Session], which keeps none of it, so it may change from one offer to the next.
type Local struct {
	Username string     // of o=; if empty, "-"
	Name     string     // s=; if empty, "-"
	Address  netip.Addr // of o=; if not valid, that of the first media
	Media    []LocalMedia

	// SingleCodec answers with one codec (beside telephone-event and comfort noise), as
	// TS 24.229 section 6.1.3 asks of a VoLTE handset. If false, with all that are common.
	SingleCodec bool
	// PreferLocal answers in the order of LocalMedia.Formats. If false, in that of the offer, as
	// RFC 3264 section 6.1 recommends.
	PreferLocal bool
	// MustAnswer answers an offer in which nothing is acceptable with port 0 throughout, where
	// CreateAnswer would else fail: an offer that came in a response cannot be refused otherwise
	// (RFC 6337 section 5.2.4).
	MustAnswer bool
	// Reoffer says which formats an offer within a session lists.
	Reoffer Reoffer

	Attributes []Attribute // of the session
	Bandwidth  []Bandwidth // of the session
}

// Reoffer is a policy for offers that change a session. Whatever the policy, a format that has
// been used keeps its payload type and its fmtp text (RFC 3264 section 8.3.2).
type Reoffer uint8

// The policies.
const (
	AgreedFirst Reoffer = iota // what was agreed, then the others
	AgreedOnly                 // nothing but what was agreed
	AsListed                   // in the order of LocalMedia.Formats
)

// LocalMedia is one of our media.
type LocalMedia struct {
	// ID names the media from one offer to the next, so that it keeps its m= line. If empty, its
	// kind and its index in Local.Media, such as "audio0".
	ID   string
	Kind string // "audio", …; if empty, "audio"

	Address netip.AddrPort // where we receive
	RTCP    uint16         // where we receive RTCP, if not on the next port (RFC 3605)
	Mux     bool           // we can share the port (RFC 5761)

	// Protos are the transports that we accept; the first is what we offer. If empty, "RTP/AVP" and
	// "RTP/AVPF". "RTP/SAVP" must be named to be accepted: its keys are the caller's affair (Accept and Adjust).
	Protos  []string
	Formats []Format // in order of preference

	// Direction is what we want now, as we see it: SendOnly to hold the other side, Inactive to
	// hold without music. It is what offers say, also while the peer holds us, so that nobody is
	// stuck on hold (RFC 6337 section 5.3); an answer never allows more than the offer.
	Direction Direction

	Ptime, MaxPtime int         // milliseconds; not written if zero
	Bandwidth       []Bandwidth // written as they are
	Attributes      []Attribute // written as they are

	// Accept, if not nil, is asked about each offered line that this media could answer: an error refuses it, such as
	// where an offer of RTP/SAVP has no key that we can use. It must not change theirs.
	Accept func(theirs *Media) error

	// Adjust, if not nil, is called with each finished m= line of this media that is not refused, to
	// add what depends on the peer's, such as preconditions (RFC 3312) or keys. Theirs is the offered
	// line when ours is an answer, and nil when ours is an offer. It must not touch theirs, nor the
	// formats of ours.
	Adjust func(theirs, ours *Media)

	// Raw, if not nil, is written as it is, for media that are not RTP: it is offered, and it
	// answers an offer of the same kind and transport whose formats contain all of Raw's. Its Port
	// must not be 0, and its Connection is set from Address if that is valid. No codecs are agreed.
	Raw *Media
}

func (m *LocalMedia) id(i int) string {
	if m.ID != "" {
		return m.ID
	}
	return m.kind() + strconv.Itoa(i)
}

func (m *LocalMedia) kind() string {
	if m.Raw != nil {
		return m.Raw.Kind
	}
	return orElse(m.Kind, "audio")
}

func (m *LocalMedia) accepts(proto string) bool {
	switch {
	case m.Raw != nil:
		return m.Raw.Proto == proto
	case len(m.Protos) == 0:
		return proto == "RTP/AVP" || proto == "RTP/AVPF"
	}
	return slices.Contains(m.Protos, proto)
}

// takes says why the media cannot answer an offered line, as far as its transport tells.
func (m *LocalMedia) takes(theirs *Media) error {
	switch {
	case !m.accepts(theirs.Proto):
		return ErrTransport
	case m.Accept != nil:
		return m.Accept(theirs)
	}
	return nil
}

func (m *LocalMedia) proto() string {
	if len(m.Protos) == 0 {
		return "RTP/AVP"
	}
	return m.Protos[0]
}

// byID returns the media of that name, nil if there is none.
func (l *Local) byID(id string) *LocalMedia {
	for i := range l.Media {
		if id != "" && l.Media[i].id(i) == id {
			return &l.Media[i]
		}
	}
	return nil
}
