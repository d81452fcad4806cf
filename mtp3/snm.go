package mtp3

import (
	"errors"
	"fmt"
)

// Heading is the heading code of a management or test message: H0 in the low, H1 in the high four
// bits, as on the wire (Q.704 section 15.3). Test messages (SI 1 and 2) have headings of their own,
// which [SNMessage] keeps apart by its SI.
type Heading uint8

// The headings of signalling network management (SI 0; Q.704 table 1; XCO and XCA: Q.2210 section 9.8; those of
// clusters and TRW: T1.111.4 section 15).
const (
	COO Heading = 0x11 // changeover order
	COA Heading = 0x21 // changeover acknowledgement
	XCO Heading = 0x31 // extended changeover order: 24 bit FSN
	XCA Heading = 0x41 // extended changeover acknowledgement
	CBD Heading = 0x51 // changeback declaration
	CBA Heading = 0x61 // changeback acknowledgement
	ECO Heading = 0x12 // emergency changeover order
	ECA Heading = 0x22 // emergency changeover acknowledgement
	RCT Heading = 0x13 // signalling route set congestion test
	TFC Heading = 0x23 // transfer controlled
	TFP Heading = 0x14 // transfer prohibited
	TCP Heading = 0x24 // transfer cluster prohibited (ANSI)
	TFR Heading = 0x34 // transfer restricted
	TCR Heading = 0x44 // transfer cluster restricted (ANSI)
	TFA Heading = 0x54 // transfer allowed
	TCA Heading = 0x64 // transfer cluster allowed (ANSI)
	RST Heading = 0x15 // signalling route set test, prohibited destination
	RSR Heading = 0x25 // signalling route set test, restricted destination
	RCP Heading = 0x35 // signalling route set test, prohibited cluster (ANSI)
	RCR Heading = 0x45 // signalling route set test, restricted cluster (ANSI)
	LIN Heading = 0x16 // link inhibit
	LUN Heading = 0x26 // link uninhibit
	LIA Heading = 0x36 // link inhibit acknowledgement
	LUA Heading = 0x46 // link uninhibit acknowledgement
	LID Heading = 0x56 // link inhibit denied
	LFU Heading = 0x66 // link forced uninhibit
	LLT Heading = 0x76 // link local inhibit test
	LRT Heading = 0x86 // link remote inhibit test
	TRA Heading = 0x17 // traffic restart allowed
	TRW Heading = 0x27 // traffic restart waiting (ANSI)
	DLC Heading = 0x18 // signalling data link connection order
	CSS Heading = 0x28 // connection successful
	CNS Heading = 0x38 // connection not successful
	CNP Heading = 0x48 // connection not possible
	UPU Heading = 0x1a // user part unavailable
)

// The headings of signalling network testing (SI 1, or 2 in ANSI; Q.707 section 5.4).
const (
	SLTM Heading = 0x11 // signalling link test message
	SLTA Heading = 0x21 // signalling link test acknowledgement
)

var headingNames = map[Heading]string{
	COO: "COO", COA: "COA", XCO: "XCO", XCA: "XCA", CBD: "CBD", CBA: "CBA", ECO: "ECO", ECA: "ECA", RCT: "RCT", TFC: "TFC",
	TFP: "TFP", TCP: "TCP", TFR: "TFR", TCR: "TCR", TFA: "TFA", TCA: "TCA", RST: "RST", RSR: "RSR", RCP: "RCP", RCR: "RCR",
	LIN: "LIN", LUN: "LUN", LIA: "LIA", LUA: "LUA", LID: "LID", LFU: "LFU", LLT: "LLT", LRT: "LRT", TRA: "TRA", TRW: "TRW",
	DLC: "DLC", CSS: "CSS", CNS: "CNS", CNP: "CNP", UPU: "UPU",
}

// String is the name of a management heading, such as "COO". For test messages use [SNMessage.Name].
func (h Heading) String() string {
	if s := headingNames[h]; s != "" {
		return s
	}
	return fmt.Sprintf("H0(%d)H1(%d)", h&15, h>>4)
}

// SNMessage is a message of signalling network management (SI 0, Q.704 section 15) or testing (SI
// 1, Q.707 section 5), without its routing label. Which fields count depends on the heading.
type SNMessage struct {
	SI      ServiceIndicator // SNM, SNT or SNTSpecial
	Heading Heading

	// SLC is the signalling link code. In ITU formats it is the SLS of the label and not part of
	// the message; ANSI has it in COO, COA, XCO, XCA, CBD, CBA, ECO, ECA, the inhibit messages, DLC and SLTM, SLTA.
	SLC uint8

	FSN         uint32           // of COO, COA (7 bits), XCO, XCA (24 bits): the last message accepted
	Code        uint8            // of CBD, CBA: the changeback code
	Destination PointCode        // of TFx, TCx, RSx, RCx, TFC, UPU
	Status      uint8            // of TFC: the congestion status, 0 to 3
	UserPart    ServiceIndicator // of UPU
	Cause       uint8            // of UPU: 0 unknown, 1 unequipped, 2 inaccessible
	DataLink    uint16           // of DLC: the signalling data link, 12 bits (ANSI: 14)
	Pattern     []byte           // of SLTM, SLTA: 1 to 15 octets
}

// Name is the message's name, such as "COO" or "SLTM".
func (m SNMessage) Name() string {
	if m.SI == SNM {
		return m.Heading.String()
	}
	switch m.Heading {
	case SLTM:
		return "SLTM"
	case SLTA:
		return "SLTA"
	}
	return fmt.Sprintf("test H0(%d)H1(%d)", m.Heading&15, m.Heading>>4)
}

var (
	errUnknownHeading = errors.New("unknown heading code")
	errPattern        = errors.New("the length of the test pattern is wrong")
)

// linkRelated tells whether ANSI has an SLC of four bits at the start of the message's own part.
func linkRelated(h Heading) bool {
	switch h {
	case COO, COA, XCO, XCA, CBD, CBA, ECO, ECA, LIN, LUN, LIA, LUA, LID, LFU, LLT, LRT, DLC, CSS, CNS, CNP:
		return true
	}
	return false
}

// ParseSNMessage reads what follows the routing label of a management or test message. The label
// is where ITU formats carry the SLC. Pattern aliases b. Octets after the last field are ignored, as
// Q.701 section 7.2.6 wants.
func (f Format) ParseSNMessage(si ServiceIndicator, l Label, b []byte) (SNMessage, error) {
	if len(b) == 0 {
		return SNMessage{}, &ParseError{Field: "heading code", Err: ErrTruncated}
	}
	m := SNMessage{SI: si, Heading: Heading(b[0]), SLC: uint8(l.SLS) & 15}
	b = b[1:]
	fail := func(err error) (SNMessage, error) {
		return SNMessage{}, &ParseError{Field: m.Name(), Err: err}
	}
	ansi := f.Variant == ANSI
	if si != SNM {
		if m.Heading != SLTM && m.Heading != SLTA {
			return fail(errUnknownHeading)
		}
		if len(b) < 1 {
			return fail(ErrTruncated)
		}
		n := int(b[0] >> 4)
		if ansi {
			m.SLC = b[0] & 15
		}
		if n == 0 {
			return fail(errPattern)
		}
		if len(b) < 1+n {
			return fail(ErrTruncated)
		}
		m.Pattern = b[1 : 1+n : 1+n]
		return m, nil
	}
	// v holds the fields as one little-endian number: every layout is a list of bit fields.
	need := f.bodyLen(m.Heading)
	if need < 0 {
		return fail(errUnknownHeading)
	}
	if len(b) < need {
		return fail(ErrTruncated)
	}
	var v uint64
	for i := range need {
		v |= uint64(b[i]) << (8 * i)
	}
	if ansi && linkRelated(m.Heading) {
		m.SLC = uint8(v & 15)
		v >>= 4
	}
	pcBits := f.PointCodeBits()
	switch m.Heading {
	case COO, COA:
		m.FSN = uint32(v & 0x7f)
	case XCO, XCA:
		m.FSN = uint32(v & 0xffffff)
	case CBD, CBA:
		m.Code = uint8(v)
	case DLC:
		if ansi {
			m.DataLink = uint16(v & 0x3fff)
		} else {
			m.DataLink = uint16(v & 0x0fff)
		}
	case TFP, TFR, TFA, TCP, TCR, TCA, RST, RSR, RCP, RCR:
		m.Destination = PointCode(v) & f.MaxPointCode()
	case TFC:
		m.Destination = PointCode(v) & f.MaxPointCode()
		m.Status = uint8(v>>pcBits) & 3
	case UPU:
		m.Destination = PointCode(v) & f.MaxPointCode()
		u := uint8(v >> (8 * f.pcOctets()))
		m.UserPart, m.Cause = ServiceIndicator(u&15), u>>4
	}
	return m, nil
}

// pcOctets is how many octets a destination field fills: 2 (with two spare bits) or 3.
func (f Format) pcOctets() int { return (f.PointCodeBits() + 7) / 8 }

// bodyLen is how many octets follow the heading code of a management message, -1 for unknown headings.
func (f Format) bodyLen(h Heading) int {
	ansi := 0
	if f.Variant == ANSI {
		ansi = 1
	}
	switch h {
	case COO, COA:
		return 1 + ansi
	case XCO, XCA:
		return 3 + ansi
	case CBD, CBA:
		return 1 + ansi
	case ECO, ECA, LIN, LUN, LIA, LUA, LID, LFU, LLT, LRT, CSS, CNS, CNP:
		return ansi
	case DLC:
		return 2 + ansi
	case TRA, RCT:
		return 0
	case TFP, TFR, TFA, RST, RSR:
		return f.pcOctets()
	case TFC:
		if f.PointCodeBits() == 14 {
			return 2
		}
		return f.pcOctets() + 1
	case UPU:
		return f.pcOctets() + 1
	case TCP, TCR, TCA, RCP, RCR:
		if ansi == 1 {
			return f.pcOctets()
		}
	case TRW:
		if ansi == 1 {
			return 0
		}
	}
	return -1
}

// AppendSNMessage writes a management or test message as ParseSNMessage reads it. In ITU formats
// the SLC is the caller's to put into the label's SLS.
func (f Format) AppendSNMessage(b []byte, m SNMessage) ([]byte, error) {
	ansi := f.Variant == ANSI
	if m.SI != SNM {
		if len(m.Pattern) < 1 || len(m.Pattern) > 15 {
			return b, &ParseError{Field: m.Name(), Err: errPattern}
		}
		o := byte(len(m.Pattern) << 4)
		if ansi {
			o |= m.SLC & 15
		}
		return append(append(b, byte(m.Heading), o), m.Pattern...), nil
	}
	need := f.bodyLen(m.Heading)
	if need < 0 {
		return b, &ParseError{Field: m.Name(), Err: errUnknownHeading}
	}
	var v uint64
	pc := uint64(m.Destination & f.MaxPointCode())
	switch m.Heading {
	case COO, COA:
		v = uint64(m.FSN & 0x7f)
	case XCO, XCA:
		v = uint64(m.FSN & 0xffffff)
	case CBD, CBA:
		v = uint64(m.Code)
	case DLC:
		if ansi {
			v = uint64(m.DataLink & 0x3fff)
		} else {
			v = uint64(m.DataLink & 0x0fff)
		}
	case TFP, TFR, TFA, TCP, TCR, TCA, RST, RSR, RCP, RCR:
		v = pc
	case TFC:
		v = pc | uint64(m.Status&3)<<f.PointCodeBits()
	case UPU:
		v = pc | uint64(uint8(m.UserPart)&15|m.Cause<<4)<<(8*f.pcOctets())
	}
	if ansi && linkRelated(m.Heading) {
		v = v<<4 | uint64(m.SLC&15)
	}
	b = append(b, byte(m.Heading))
	for range need {
		b = append(b, byte(v))
		v >>= 8
	}
	return b, nil
}
