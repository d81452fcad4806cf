package diameter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"
)

// Decoder walks the AVPs of a message for the Parse functions that diagen generates. It notes the first thing that is
// wrong and goes on, so that a caller who is lenient gets what could be read.
//
// Text is cut from one copy of the message's AVPs. Octets alias the message.
type Decoder struct {
	body  []byte
	text  string
	known func(AVPCode, VendorID) bool
	err   *ProtocolError
	// answer says that the message is an answer with the E flag, which need not follow its command's
	// grammar (RFC 6733 section 7.2).
	errorAnswer bool

	next, end int // of the group that is being read
	avp       AVP
	data      int // where the data of avp begins
}

// NewDecoder returns a Decoder of a message's AVPs. known tells which AVPs the application understands.
func NewDecoder(m Message, known func(AVPCode, VendorID) bool) Decoder {
	return Decoder{
		body: m.AVPs, text: string(m.AVPs), known: known, end: len(m.AVPs),
		errorAnswer: m.Flags&(Request|ErrorFlag) == ErrorFlag,
	}
}

// Header tells whether h is the header of the command with the code, R flag and application; app 0 stands
// for any. If not, the error is CommandUnsupported or ApplicationUnsupported. A request with the E flag is InvalidHdrBits.
func (d *Decoder) Header(h Header, code CommandCode, request bool, app ApplicationID) bool {
	switch {
	case h.Code != code || h.IsRequest() != request:
		d.fail(&ProtocolError{ResultCode: CommandUnsupported, Text: fmt.Sprintf("command %d %v", uint32(h.Code), h.Flags)})
	case app != 0 && h.ApplicationID != app:
		d.fail(&ProtocolError{ResultCode: ApplicationUnsupported, Text: fmt.Sprintf("application %d", uint32(h.ApplicationID))})
	case request && h.Flags&ErrorFlag != 0:
		d.fail(&ProtocolError{ResultCode: InvalidHdrBits, Text: "a request with the E flag"})
	default:
		return true
	}
	return false
}

// Err returns nil or the first error, of the type [*ProtocolError].
func (d *Decoder) Err() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

func (d *Decoder) fail(e *ProtocolError) {
	if d.err == nil {
		d.err = e
	}
}

// Next goes to the next AVP and tells whether there is one.
func (d *Decoder) Next() bool {
	if d.next >= d.end {
		return false
	}
	rest := AVPs(d.body[d.next:d.end])
	a, n, ok := rest.first()
	if !ok {
		d.fail(rest.lengthError())
		d.next = d.end
		return false
	}
	d.avp = a
	d.data = d.next + a.Len() - len(a.Data)
	d.next += n
	return true
}

// Key is the AVP's code, with the vendor in the upper half.
func (d *Decoder) Key() uint64 { return uint64(d.avp.VendorID)<<32 | uint64(d.avp.Code) }

// Once notes that the AVP which may come once, and has the bit, has come. If it had come before, it is AVPOccursTooManyTimes.
func (d *Decoder) Once(seen *uint64, bit uint) bool {
	if *seen&(1<<bit) != 0 {
		d.TooMany()
		return false
	}
	*seen |= 1 << bit
	return true
}

// TooMany notes that the AVP is one more than may come (RFC 6733 section 7.1.5).
func (d *Decoder) TooMany() {
	if d.err == nil {
		d.err = &ProtocolError{ResultCode: AVPOccursTooManyTimes, FailedAVP: []AVP{d.avp}, Text: fmt.Sprintf("AVP %d", uint32(d.avp.Code))}
	}
}

// Missing notes that a required AVP is not there, unless the message is an answer with the E flag. The Failed-AVP gets an
// example with size zero octets (RFC 6733 section 7.5).
func (d *Decoder) Missing(name string, code AVPCode, flags AVPFlags, vendor VendorID, size int) {
	if d.err == nil && !d.errorAnswer {
		if vendor != 0 {
			flags |= VendorFlag
		}
		d.err = &ProtocolError{
			ResultCode: MissingAVP, Text: name,
			FailedAVP: []AVP{{Code: code, Flags: flags, VendorID: vendor, Data: make([]byte, size)}},
		}
	}
}

// Keep appends the AVP, which the grammar does not name, to those that are kept raw. One that is mandatory and unknown is an
// AVPUnsupported; one that is known but not allowed by a grammar without "* [ AVP ]" is an AVPNotAllowed.
func (d *Decoder) Keep(avps []AVP, allowed bool) []AVP {
	if d.err == nil {
		switch known := d.known(d.avp.Code, d.avp.VendorID); {
		case !known && d.avp.IsMandatory():
			d.err = &ProtocolError{ResultCode: AVPUnsupported, FailedAVP: []AVP{d.avp}, Text: fmt.Sprintf("AVP %d of vendor %d", uint32(d.avp.Code), uint32(d.avp.VendorID))}
		case known && !allowed:
			d.err = &ProtocolError{ResultCode: AVPNotAllowed, FailedAVP: []AVP{d.avp}, Text: fmt.Sprintf("AVP %d of vendor %d", uint32(d.avp.Code), uint32(d.avp.VendorID))}
		}
	}
	return d.Raw(avps)
}

// Raw appends the AVP as it is.
func (d *Decoder) Raw(avps []AVP) []AVP { return append(avps, d.avp) }

// A Group is where a Decoder was before it entered a grouped AVP.
type Group struct {
	next, end int
	avp       AVP
	failed    bool
}

// Enter goes into the grouped AVP. [Decoder.Leave] comes back.
func (d *Decoder) Enter() Group {
	g := Group{d.next, d.end, d.avp, d.err != nil}
	d.next, d.end = d.data, d.data+len(d.avp.Data)
	return g
}

// Leave comes back from a grouped AVP. What was wrong in it is put into the group, alone (RFC 6733 section 7.5).
func (d *Decoder) Leave(g Group) {
	if d.err != nil && !g.failed && len(d.err.FailedAVP) > 0 {
		var inner []byte
		for _, a := range d.err.FailedAVP {
			inner = AppendAVP(inner, a)
		}
		group := g.avp
		group.Data = inner
		d.err.FailedAVP = []AVP{group}
	}
	d.next, d.end, d.avp = g.next, g.end, g.avp
}

// Contents returns the AVPs of a grouped AVP raw.
func (d *Decoder) Contents() []AVP {
	avps := []AVP{}
	g := d.Enter()
	for d.Next() {
		avps = d.Raw(avps)
	}
	d.Leave(g)
	return avps
}

// Text returns the data as text, which has to be UTF-8.
func (d *Decoder) Text() string {
	s := d.text[d.data : d.data+len(d.avp.Data)]
	if !utf8.ValidString(s) {
		d.fail(d.avp.valueError("not UTF-8"))
		return ""
	}
	return s
}

// Octets returns the data, never nil, aliasing the message.
func (d *Decoder) Octets() []byte {
	if d.avp.Data == nil {
		return []byte{}
	}
	return d.avp.Data
}

// Uint32 returns the data as a number.
func (d *Decoder) Uint32() uint32 {
	if len(d.avp.Data) != 4 {
		d.fail(d.avp.sizeError(4))
		return 0
	}
	return binary.BigEndian.Uint32(d.avp.Data)
}

// Uint64 returns the data as a number.
func (d *Decoder) Uint64() uint64 {
	if len(d.avp.Data) != 8 {
		d.fail(d.avp.sizeError(8))
		return 0
	}
	return binary.BigEndian.Uint64(d.avp.Data)
}

// Address returns the data as an address. Of a family without a netip.Addr it returns false.
func (d *Decoder) Address() (netip.Addr, bool) {
	if b := d.avp.Data; len(b) >= 2 {
		if f := binary.BigEndian.Uint16(b); f != familyIPv4 && f != familyIPv6 {
			return netip.Addr{}, false
		}
	}
	a, err := d.avp.Address()
	if e, ok := err.(*ProtocolError); ok {
		d.fail(e)
	}
	return a, err == nil
}

// Time returns the data as a time.
func (d *Decoder) Time() time.Time {
	if len(d.avp.Data) != 4 {
		d.fail(d.avp.sizeError(4))
		return time.Time{}
	}
	return ntpTime(binary.BigEndian.Uint32(d.avp.Data))
}

// AppendAVPs appends AVPs that are kept raw.
func AppendAVPs(b []byte, avps []AVP) []byte {
	for _, a := range avps {
		b = AppendAVP(b, a)
	}
	return b
}

// CommandHeader returns h with the code and R flag of a command. Where h has no code yet it is a header that
// the caller left to be filled: it gets the P flag and the application of the command as well.
func CommandHeader(h Header, code CommandCode, flags CommandFlags, app ApplicationID) Header {
	if h.Code == 0 {
		h.Flags |= flags
	}
	h.Code = code
	h.Flags = h.Flags&^Request | flags&Request
	if app != 0 {
		h.ApplicationID = app
	}
	return h
}

// Result is what an answer says: the code of Result-Code, or that of Experimental-Result with its vendor.
type Result struct {
	VendorID VendorID // zero for Result-Code
	Code     ResultCode
}

// IsSuccess tells whether the code is of the class 2xxx.
func (r Result) IsSuccess() bool { return r.Code.IsSuccess() }

// String returns the code's name, or number and vendor of an experimental one.
func (r Result) String() string {
	if r.VendorID == 0 {
		return r.Code.String()
	}
	return fmt.Sprintf("%d of vendor %d", uint32(r.Code), uint32(r.VendorID))
}

// AnswerResult returns the result that an answer's AVPs hold; an experimental one comes first. It is for what diagen generates.
func AnswerResult(code Opt[ResultCode], experimental *ExperimentalResult) Result {
	if experimental != nil {
		return Result{experimental.VendorID, experimental.ExperimentalResultCode}
	}
	return Result{Code: code.Value}
}

// SetAnswerResult is the other way round.
func SetAnswerResult(r Result, code *Opt[ResultCode], experimental **ExperimentalResult) {
	if r.VendorID == 0 {
		*code, *experimental = Some(r.Code), nil
	} else {
		*code, *experimental = Opt[ResultCode]{}, &ExperimentalResult{VendorID: r.VendorID, ExperimentalResultCode: r.Code}
	}
}
