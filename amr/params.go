package amr

import (
	"fmt"
	"strconv"
	"strings"
)

// ModeSet is a set of speech modes: bit m stands for mode m. The empty set stands for all modes, as
// where the parameter is not present.
type ModeSet uint16

// ModesOf returns the set of the given modes.
func ModesOf(modes ...FrameType) (s ModeSet) {
	for _, m := range modes {
		s |= 1 << m
	}
	return s
}

// Has reports whether a mode is in the set, which the empty set has of any.
func (s ModeSet) Has(m FrameType) bool { return s == 0 || s&(1<<m) != 0 }

// String is the text of the parameter: "0,2,4,7"; "" for all modes.
func (s ModeSet) String() string {
	var b []byte
	for m := range 16 {
		if s&(1<<m) == 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(m), 10)
	}
	return string(b)
}

// Params are the media type parameters of a payload type (RFC 4867 sections 8.1 and 8.2). Zero
// values stand for parameters that are not present.
type Params struct {
	Codec    Codec
	Channels int // from the rtpmap; if zero, 1

	OctetAlign    bool
	CRC           bool
	RobustSorting bool
	Interleaving  int // the largest group, in frame-blocks

	ModeSet              ModeSet
	ModeChangePeriod     int  // 1 or 2: what the one who says it requires of what it receives
	ModeChangeCapability int  // 1 or 2: what the one who says it can keep to
	ModeChangeNeighbor   bool // the one who says it wishes for changes to neighbours only

	MaxRed *int // the longest delay of redundant frames in ms, 0 to 65535; nil: no limit is stated
}

// ParamError says which parameter is wrong.
type ParamError struct {
	Name, Value string
}

func (e *ParamError) Error() string {
	return fmt.Sprintf("amr: bad parameter %s=%s", e.Name, e.Value)
}

// ParseParams reads the parameters of an fmtp attribute, without the payload type. channels comes
// from the rtpmap; 0 is 1. Names are compared without case and unknown ones ignored; of one that
// occurs twice the first counts.
func ParseParams(c Codec, channels int, fmtp string) (Params, error) {
	p := Params{Codec: c, Channels: max(channels, 1)}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(fmtp, ";") {
		name, value, _ := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if seen[name] {
			continue
		}
		seen[name] = true
		if !p.set(name, value) {
			return Params{}, &ParamError{name, value}
		}
	}
	return p, nil
}

func (p *Params) set(name, value string) bool {
	number := func(lo, hi int) (int, bool) {
		n, err := strconv.Atoi(value)
		return n, err == nil && n >= lo && n <= hi
	}
	flag := func(to *bool) bool {
		n, ok := number(0, 1)
		*to = n == 1
		return ok
	}
	var ok bool
	switch name {
	case "octet-align":
		return flag(&p.OctetAlign)
	case "crc":
		return flag(&p.CRC)
	case "robust-sorting":
		return flag(&p.RobustSorting)
	case "interleaving":
		p.Interleaving, ok = number(1, MaxFrames)
		return ok
	case "mode-set":
		p.ModeSet, ok = parseModeSet(p.Codec, value)
		return ok
	case "mode-change-period":
		p.ModeChangePeriod, ok = number(1, 2)
		return ok
	case "mode-change-capability":
		p.ModeChangeCapability, ok = number(1, 2)
		return ok
	case "mode-change-neighbor":
		return flag(&p.ModeChangeNeighbor)
	case "max-red":
		n, ok := number(0, 65535)
		p.MaxRed = &n
		return ok
	}
	return true
}

func parseModeSet(c Codec, text string) (s ModeSet, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 || n >= c.Modes() {
			return 0, false
		}
		s |= 1 << n
	}
	return s, true
}

// String is the text of an fmtp attribute, without the payload type.
func (p Params) String() string {
	var parts []string
	add := func(present bool, name string, value any) {
		if present {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	add(p.OctetAlign, "octet-align", 1)
	add(p.CRC, "crc", 1)
	add(p.RobustSorting, "robust-sorting", 1)
	add(p.Interleaving > 0, "interleaving", p.Interleaving)
	add(p.ModeSet != 0, "mode-set", p.ModeSet)
	add(p.ModeChangePeriod > 0, "mode-change-period", p.ModeChangePeriod)
	add(p.ModeChangeCapability > 0, "mode-change-capability", p.ModeChangeCapability)
	add(p.ModeChangeNeighbor, "mode-change-neighbor", 1)
	if p.MaxRed != nil {
		add(true, "max-red", *p.MaxRed)
	}
	return strings.Join(parts, ";")
}

// Format is the payload format that the parameters describe.
func (p Params) Format() PayloadFormat {
	f := PayloadFormat{Codec: p.Codec, Channels: p.Channels, OctetAligned: p.OctetAlign, CRC: p.CRC, RobustSorting: p.RobustSorting, Interleaving: p.Interleaving}
	f.OctetAligned = f.octetAligned()
	return f
}

// SamePayload reports whether two sets of parameters describe the same bits on the wire: octet-align,
// crc, robust-sorting, interleaving and channels are equal (RFC 4867 section 8.3.1).
func (p Params) SamePayload(q Params) bool {
	f, g := p.Format(), q.Format()
	f.Channels, g.Channels = f.channels(), g.channels()
	return f == g
}

// Answer returns the parameters that p, what we support, answers an offer with, and whether the
// offered payload type can be accepted at all (RFC 4867 section 8.3.1):
//
//   - what makes the payload is returned as it was offered, or the payload type is refused;
//   - an offered mode-set is returned as it is if p's modes include it; without one, p's holds;
//   - p's mode-change-period=2 needs an offerer that is capable of it. An offered one is kept to
//     unless p says mode-change-capability=1;
//   - mode-change-neighbor is p's own wish, and max-red p's or, without one, the offerer's.
func (p Params) Answer(offer Params) (Params, bool) {
	if !p.SamePayload(offer) || p.Codec != offer.Codec {
		return Params{}, false
	}
	a := offer
	a.ModeChangePeriod, a.ModeChangeNeighbor, a.ModeChangeCapability = p.ModeChangePeriod, p.ModeChangeNeighbor, p.ModeChangeCapability
	switch {
	case offer.ModeSet == 0:
		a.ModeSet = p.ModeSet
	case p.ModeSet != 0 && offer.ModeSet&^p.ModeSet != 0:
		return Params{}, false
	}
	if p.ModeChangePeriod == 2 && offer.ModeChangeCapability != 2 && offer.ModeChangePeriod != 2 {
		return Params{}, false
	}
	if offer.ModeChangePeriod == 2 && p.ModeChangeCapability == 1 {
		return Params{}, false
	}
	if a.ModeChangeCapability == 0 && (offer.ModeChangeCapability != 0 || offer.ModeChangePeriod != 0) {
		a.ModeChangeCapability = 2
	}
	if p.MaxRed != nil {
		a.MaxRed = p.MaxRed
	}
	return a, true
}

// Match compares the fmtp text of a payload type of ours with a peer's, for one channel, and returns
// what answers it: a matcher for session descriptions.
func (c Codec) Match(ours, theirs string) (answer string, ok bool) {
	p, err := ParseParams(c, 1, ours)
	if err != nil {
		return "", false
	}
	offer, err := ParseParams(c, 1, theirs)
	if err != nil {
		return "", false
	}
	a, ok := p.Answer(offer)
	return a.String(), ok
}
