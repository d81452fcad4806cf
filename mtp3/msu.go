package mtp3

import (
	"fmt"

	"github.com/gotelco/telco/internal/wire"
)

// NetworkIndicator tells apart the networks that share signalling links (Q.704 section 14.2.2).
type NetworkIndicator uint8

// The network indicators.
const (
	International      NetworkIndicator = iota
	InternationalSpare                  // for international use only
	National
	NationalSpare // reserved for national use
)

var networkNames = [...]string{"international", "international spare", "national", "national spare"}

// String is the indicator in words.
func (ni NetworkIndicator) String() string { return name(networkNames[:], ni, "NetworkIndicator") }

// ServiceIndicator says which user part a message is for (Q.704 section 14.2.1).
type ServiceIndicator uint8

// The service indicators.
const (
	SNM           ServiceIndicator = 0 // signalling network management
	SNT           ServiceIndicator = 1 // signalling network testing and maintenance, regular
	SNTSpecial    ServiceIndicator = 2 // the same, special messages (ANSI)
	SCCP          ServiceIndicator = 3
	TUP           ServiceIndicator = 4
	ISUP          ServiceIndicator = 5
	DUPCall       ServiceIndicator = 6 // data user part, call and circuit related
	DUPFacility   ServiceIndicator = 7 // data user part, facility registration and cancellation
	MTPTest       ServiceIndicator = 8 // MTP testing user part
	BroadbandISUP ServiceIndicator = 9
	SatelliteISUP ServiceIndicator = 10
)

var serviceNames = [...]string{"SNM", "SNT", "SNT special", "SCCP", "TUP", "ISUP", "DUP call", "DUP facility", "MTP test", "B-ISUP", "S-ISUP"}

// String is the user part's name.
func (si ServiceIndicator) String() string { return name(serviceNames[:], si, "SI") }

// SLS is the signalling link selection: messages with one label keep their order (Q.704 section 2.2.4).
type SLS uint8

// Label is the routing label (Q.704 section 2.2).
type Label struct {
	DPC PointCode // where a message goes
	OPC PointCode // where it comes from
	SLS SLS
}

// MSU is a message signal unit as level 3 sees it: a service information octet and a signalling
// information field (Q.704 section 14). It is also the MTP-TRANSFER primitive of Q.701 section 8.
type MSU struct {
	NI       NetworkIndicator // 0 to 3
	SI       ServiceIndicator // 0 to 15
	Priority uint8            // 0 to 3: the two bits beside NI (spare in international networks)
	Label    Label
	Data     []byte // what the user part said, after the label
}

// MaxSIF is how long a signalling information field, label included, may be: 272 octets on MTP2 links. Links
// with more room (M2PA, Q.703 Annex A) carry up to MaxLongSIF.
const (
	MaxSIF     = 272
	MaxLongSIF = 4091
)

// ErrTruncated says that a message ended before its fields did.
var ErrTruncated = wire.ErrTruncated

// ParseError says which field could not be read.
type ParseError struct {
	Field string
	Err   error
}

func (e *ParseError) Error() string { return "mtp3: parse " + e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

var (
	errNoLabel = &ParseError{Field: "routing label", Err: ErrTruncated}
	errNoSIO   = &ParseError{Field: "service information octet", Err: ErrTruncated}
)

// LabelLen is how many octets a routing label has: 4 (ITU), 7 (ANSI, China) or 5 (Japan).
func (f Format) LabelLen() int {
	switch f.Variant {
	case ANSI, China:
		return 7
	case Japan:
		return 5
	}
	return 4
}

// ParseLabel reads a routing label (Q.704 section 2.2, T1.111.4 section 2.2, TTC JT-Q704).
func (f Format) ParseLabel(b []byte) (Label, error) {
	switch f.Variant {
	case ITU:
		if len(b) < 4 {
			return Label{}, errNoLabel
		}
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		return Label{DPC: PointCode(v & 0x3fff), OPC: PointCode(v >> 14 & 0x3fff), SLS: SLS(v >> 28)}, nil
	case Japan:
		if len(b) < 5 {
			return Label{}, errNoLabel
		}
		return Label{
			DPC: PointCode(b[0]) | PointCode(b[1])<<8,
			OPC: PointCode(b[2]) | PointCode(b[3])<<8,
			SLS: SLS(b[4] & 0x0f),
		}, nil
	}
	if len(b) < 7 {
		return Label{}, errNoLabel
	}
	l := Label{
		DPC: PointCode(b[0]) | PointCode(b[1])<<8 | PointCode(b[2])<<16,
		OPC: PointCode(b[3]) | PointCode(b[4])<<8 | PointCode(b[5])<<16,
		SLS: SLS(b[6]),
	}
	if f.Variant == China {
		l.SLS &= 0x0f
	} else if f.SLSBits == 5 {
		l.SLS &= 0x1f
	}
	return l, nil
}

// AppendLabel writes a routing label. Bits that don't fit are left out.
func (f Format) AppendLabel(b []byte, l Label) []byte {
	switch f.Variant {
	case ITU:
		v := uint32(l.DPC)&0x3fff | uint32(l.OPC)&0x3fff<<14 | uint32(l.SLS)<<28
		return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	case Japan:
		return append(b, byte(l.DPC), byte(l.DPC>>8), byte(l.OPC), byte(l.OPC>>8), byte(l.SLS&0x0f))
	case China:
		l.SLS &= 0x0f
	default:
		if f.SLSBits == 5 {
			l.SLS &= 0x1f
		}
	}
	return append(b, byte(l.DPC), byte(l.DPC>>8), byte(l.DPC>>16), byte(l.OPC), byte(l.OPC>>8), byte(l.OPC>>16), byte(l.SLS))
}

// ParseMSU reads a service information octet and what follows it. Data aliases b. It does not allocate.
func (f Format) ParseMSU(b []byte) (MSU, error) {
	if len(b) == 0 {
		return MSU{}, errNoSIO
	}
	l, err := f.ParseLabel(b[1:])
	if err != nil {
		return MSU{}, err
	}
	sio := b[0]
	return MSU{NI: NetworkIndicator(sio >> 6), Priority: sio >> 4 & 3, SI: ServiceIndicator(sio & 0x0f), Label: l, Data: b[1+f.LabelLen():]}, nil
}

// SIO is the service information octet of m (Q.704 section 14.2).
func (m MSU) SIO() byte { return byte(m.NI)<<6 | m.Priority&3<<4 | byte(m.SI)&0x0f }

// AppendMSU writes m as ParseMSU reads it.
func (f Format) AppendMSU(b []byte, m MSU) []byte {
	b = append(b, m.SIO())
	b = f.AppendLabel(b, m.Label)
	return append(b, m.Data...)
}

// CheckMSU says why m cannot be sent in this format: a number out of its range, or too much data. It returns nil if it can.
func (f Format) CheckMSU(m MSU) error {
	switch {
	case m.Label.DPC > f.MaxPointCode():
		return fmt.Errorf("mtp3: DPC %d does not fit %d bits", m.Label.DPC, f.PointCodeBits())
	case m.Label.OPC > f.MaxPointCode():
		return fmt.Errorf("mtp3: OPC %d does not fit %d bits", m.Label.OPC, f.PointCodeBits())
	case int(m.Label.SLS) >= f.SLSValues():
		return fmt.Errorf("mtp3: SLS %d is over %d", m.Label.SLS, f.SLSValues()-1)
	case m.SI > 15 || m.NI > 3 || m.Priority > 3:
		return fmt.Errorf("mtp3: SI %d, NI %d or priority %d does not fit the service information octet", m.SI, m.NI, m.Priority)
	case len(m.Data)+f.LabelLen() > MaxLongSIF:
		return fmt.Errorf("mtp3: %d octets of user data are too long", len(m.Data))
	}
	return nil
}
