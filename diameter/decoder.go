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

	end int // of the group that is being read
	place
}

// place is where a Decoder is: at an AVP whose header has been read.
type place struct {
	next        int // where the AVP after it begins
	start, stop int // of its data
	key         uint64
	flags       AVPFlags
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
	at := d.next
	if at >= d.end {
		return false
	}
	b := d.body[at:d.end]
	if len(b) < 8 {
		return d.malformed()
	}
	word := binary.BigEndian.Uint32(b[4:])
	d.key, d.flags = uint64(binary.BigEndian.Uint32(b)), AVPFlags(word>>24)
	length, head := int(word&0xffffff), 8
	if d.flags&VendorFlag != 0 {
		head = 12
	}
	if length < head || length > len(b) {
		return d.malformed()
	}
	if head == 12 {
		d.key |= uint64(binary.BigEndian.Uint32(b[8:])) << 32
	}
	d.start, d.stop = at+head, at+length
	d.next = min(at+(length+3)&^3, d.end)
	return true
}

func (d *Decoder) malformed() bool {
	d.fail(AVPs(d.body[d.next:d.end]).lengthError())
	d.next = d.end
	return false
}

// Key is the AVP's code, with the vendor in the upper half.
func (d *Decoder) Key() uint64 { return d.key }

func (d *Decoder) data() []byte { return d.body[d.start:d.stop:d.stop] }

// avp returns the AVP that d is at.
func (d *Decoder) avp() AVP {
	return AVP{Code: AVPCode(d.key), Flags: d.flags, VendorID: VendorID(d.key >> 32), Data: d.data()}
}

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
		a := d.avp()
		d.err = &ProtocolError{ResultCode: AVPOccursTooManyTimes, FailedAVP: []AVP{a}, Text: fmt.Sprintf("AVP %d", uint32(a.Code))}
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
	a := d.avp()
	if d.err == nil {
		switch known := d.known(a.Code, a.VendorID); {
		case !known && a.IsMandatory():
			d.err = &ProtocolError{ResultCode: AVPUnsupported, FailedAVP: []AVP{a}, Text: fmt.Sprintf("AVP %d of vendor %d", uint32(a.Code), uint32(a.VendorID))}
		case known && !allowed:
			d.err = &ProtocolError{ResultCode: AVPNotAllowed, FailedAVP: []AVP{a}, Text: fmt.Sprintf("AVP %d of vendor %d", uint32(a.Code), uint32(a.VendorID))}
		}
	}
	return append(avps, a)
}

// Raw appends the AVP as it is.
func (d *Decoder) Raw(avps []AVP) []AVP { return append(avps, d.avp()) }

// A Group is where a Decoder was before it entered a grouped AVP.
type Group struct {
	place
	end    int
	failed bool
}

// Enter goes into the grouped AVP. [Decoder.Leave] comes back.
func (d *Decoder) Enter() Group {
	g := Group{d.place, d.end, d.err != nil}
	d.next, d.end = d.start, d.stop
	return g
}

// Leave comes back from a grouped AVP. What was wrong in it is put into the group, alone (RFC 6733 section 7.5).
func (d *Decoder) Leave(g Group) {
	d.place, d.end = g.place, g.end
	if d.err != nil && !g.failed && len(d.err.FailedAVP) > 0 {
		group := d.avp()
		group.Data = AppendAVPs(nil, d.err.FailedAVP)
		d.err.FailedAVP = []AVP{group}
	}
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
	s := d.text[d.start:d.stop]
	if !utf8.ValidString(s) {
		d.fail(d.avp().valueError("not UTF-8"))
		return ""
	}
	return s
}

// Octets returns the data, never nil, aliasing the message.
func (d *Decoder) Octets() []byte { return d.data() }

// Uint32 returns the data as a number.
func (d *Decoder) Uint32() uint32 {
	if d.stop-d.start != 4 {
		d.fail(d.avp().sizeError(4))
		return 0
	}
	return binary.BigEndian.Uint32(d.body[d.start:])
}

// Uint64 returns the data as a number.
func (d *Decoder) Uint64() uint64 {
	if d.stop-d.start != 8 {
		d.fail(d.avp().sizeError(8))
		return 0
	}
	return binary.BigEndian.Uint64(d.body[d.start:])
}

// Address returns the data as an address. Of a family without a netip.Addr it returns false.
func (d *Decoder) Address() (netip.Addr, bool) {
	if b := d.data(); len(b) >= 2 {
		if f := binary.BigEndian.Uint16(b); f != familyIPv4 && f != familyIPv6 {
			return netip.Addr{}, false
		}
	}
	a, err := d.avp().Address()
	if e, ok := err.(*ProtocolError); ok {
		d.fail(e)
	}
	return a, err == nil
}

// Time returns the data as a time.
func (d *Decoder) Time() time.Time {
	if d.stop-d.start != 4 {
		d.fail(d.avp().sizeError(4))
		return time.Time{}
	}
	return ntpTime(binary.BigEndian.Uint32(d.body[d.start:]))
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
