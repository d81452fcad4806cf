package m3ua

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gotelco/telco/mtp3"
)

// headerLen is the length of the common message header (RFC 4666 section 3.1).
const headerLen = 8

// maxParam is the longest parameter value: its length field counts the tag and itself too.
const maxParam = 65535 - 4

// Param is a parameter in its encoded form (RFC 4666 section 3.2): how those are kept that a
// message has no field for.
type Param struct {
	Tag   Tag
	Value []byte
}

// AppendBinary appends the parameter with its padding.
func (p Param) AppendBinary(b []byte) ([]byte, error) {
	if len(p.Value) > maxParam {
		return b, fmt.Errorf("m3ua: %v: %d octets are too many", p.Tag, len(p.Value))
	}
	return appendParam(b, p.Tag, p.Value), nil
}

func appendParam(b []byte, tag Tag, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(tag))
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(value)))
	b = append(b, value...)
	return pad(b, len(value))
}

var zeros [3]byte

// pad appends what a value of n octets lacks to a multiple of 4.
func pad(b []byte, n int) []byte {
	return append(b, zeros[:-n&3]...)
}

// Optional is a parameter of 32 bits that may be absent.
type Optional struct {
	Value uint32
	Set   bool
}

// Some is an Optional that is there.
func Some(v uint32) Optional { return Optional{v, true} }

// String is the value, or "-".
func (o Optional) String() string {
	if !o.Set {
		return "-"
	}
	return strconv.FormatUint(uint64(o.Value), 10)
}

// ParseError says that a message cannot be read, and which error of RFC 4666 section 3.8.1 its
// sender is to be told.
type ParseError struct {
	Code ErrorCode
	Type MessageType // as far as it was read
	Tag  Tag         // the parameter at fault, or 0
	Err  error
}

// Error says what is wrong with which message and parameter.
func (e *ParseError) Error() string {
	s := "m3ua: parse " + e.Type.String()
	if e.Tag != 0 {
		s += ": " + e.Tag.String()
	}
	s += ": " + e.Code.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *ParseError) Unwrap() error { return e.Err }

var (
	errShort   = errors.New("shorter than a header")
	errLength  = errors.New("wrong length")
	errMissing = errors.New("missing")
	errRange   = errors.New("value out of range")
)

// coder walks over the parameters of a message: one method of each message, params, names them in
// the order of RFC 4666, and serves for reading and for writing.
type coder struct {
	reading bool
	typ     MessageType

	in []Param // reading: what has not been taken yet
	pe *ParseError

	out []byte // writing
	err error

	found *[]Param // if set, gets what unknown is called with
}

// fail notes the first error of a message that is read.
func (c *coder) fail(code ErrorCode, tag Tag, err error) {
	if c.pe == nil {
		c.pe = &ParseError{Code: code, Type: c.typ, Tag: tag, Err: err}
	}
}

// take removes the first parameter of this kind from what was received.
func (c *coder) take(tag Tag) ([]byte, bool) {
	for i, p := range c.in {
		if p.Tag == tag {
			c.in = slices.Delete(c.in, i, i+1)
			return p.Value, true
		}
	}
	return nil, false
}

// need says of a parameter that has no encoding for "absent" whether it must be there.
type need bool

const (
	optional  need = false
	mandatory need = true
)

func (c *coder) get(tag Tag, n need) ([]byte, bool) {
	v, ok := c.take(tag)
	if !ok && n == mandatory {
		c.fail(MissingParameter, tag, errMissing)
	}
	return v, ok
}

func (c *coder) put(tag Tag, value []byte) {
	if len(value) > maxParam && c.err == nil {
		c.err = fmt.Errorf("m3ua: %v: %v: %d octets are too many", c.typ, tag, len(value))
		return
	}
	c.out = appendParam(c.out, tag, value)
}

// fixed reads 4 octets.
func (c *coder) fixed(tag Tag, n need) (uint32, bool) {
	v, ok := c.get(tag, n)
	if !ok {
		return 0, false
	}
	if len(v) != 4 {
		c.fail(ParameterFieldError, tag, errLength)
		return 0, false
	}
	return binary.BigEndian.Uint32(v), true
}

func (c *coder) putFixed(tag Tag, v uint32) {
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(tag)<<16|8)
	c.out = binary.BigEndian.AppendUint32(c.out, v)
}

// opt is an optional parameter of 32 bits.
func (c *coder) opt(tag Tag, p *Optional) {
	if c.reading {
		p.Value, p.Set = c.fixed(tag, optional)
	} else if p.Set {
		c.putFixed(tag, p.Value)
	}
}

// number is a mandatory parameter of 32 bits.
func number[T ~uint32](c *coder, tag Tag, p *T) {
	if c.reading {
		v, _ := c.fixed(tag, mandatory)
		*p = T(v)
	} else {
		c.putFixed(tag, uint32(*p))
	}
}

// list is a parameter that holds numbers of 32 bits, at least one. An empty list is absent.
func (c *coder) list(tag Tag, p *[]uint32, n need) {
	if !c.reading {
		switch {
		case len(*p) == 0 && n == optional:
			return
		case len(*p) == 0 && c.err == nil:
			c.err = fmt.Errorf("m3ua: %v: %v is missing", c.typ, tag)
		case 4*len(*p) > maxParam && c.err == nil:
			c.err = fmt.Errorf("m3ua: %v: %v: %d values are too many", c.typ, tag, len(*p))
		}
		if c.err == nil {
			c.out = binary.BigEndian.AppendUint32(c.out, uint32(tag)<<16|uint32(4+4*len(*p)))
			for _, v := range *p {
				c.out = binary.BigEndian.AppendUint32(c.out, v)
			}
		}
		return
	}
	v, ok := c.get(tag, n)
	if !ok {
		return
	}
	if len(v) == 0 || len(v)%4 != 0 {
		c.fail(ParameterFieldError, tag, errLength)
		return
	}
	*p = make([]uint32, len(v)/4)
	for i := range *p {
		(*p)[i] = binary.BigEndian.Uint32(v[4*i:])
	}
}

func (c *coder) routingContexts(p *[]uint32) { c.list(TagRoutingContext, p, optional) }

// trafficMode is the optional Traffic Mode Type; a mode that RFC 4666 lacks is read as it is, and
// for the state machine to refuse.
func (c *coder) trafficMode(p *TrafficMode) {
	if c.reading {
		v, ok := c.fixed(TagTrafficModeType, optional)
		if ok && v == 0 {
			v = ^uint32(0) // zero is said on the wire, yet no mode
		}
		*p = TrafficMode(v)
	} else if *p != 0 {
		c.putFixed(TagTrafficModeType, uint32(*p))
	}
}

// info is the INFO String, at most 255 octets (RFC 4666 section 3.4.1).
func (c *coder) info(p *string) {
	if c.reading {
		v, _ := c.take(TagInfoString)
		if len(v) > 255 {
			c.fail(ParameterFieldError, TagInfoString, errLength)
			return
		}
		*p = string(v)
	} else if *p != "" {
		if len(*p) > 255 && c.err == nil {
			c.err = fmt.Errorf("m3ua: %v: INFO String: %d octets are too many", c.typ, len(*p))
			return
		}
		c.put(TagInfoString, []byte(*p))
	}
}

// octets is an optional opaque parameter; nil is absent.
func (c *coder) octets(tag Tag, p *[]byte) {
	if c.reading {
		if v, ok := c.take(tag); ok {
			*p = v[:len(v):len(v)]
			if v == nil {
				*p = []byte{}
			}
		}
	} else if *p != nil {
		c.put(tag, *p)
	}
}

// affected is a list of point codes with masks, at least one.
func (c *coder) affected(tag Tag, p *[]mtp3.Destination, n need) {
	var raw []uint32
	if !c.reading {
		for _, a := range *p {
			raw = append(raw, uint32(a.Wild)<<24|uint32(a.PC)&0xffffff)
		}
		c.list(tag, &raw, n)
		return
	}
	c.list(tag, &raw, n)
	*p = nil
	for _, v := range raw {
		*p = append(*p, mtp3.Destination{Wild: uint8(v >> 24), PC: mtp3.PointCode(v & 0xffffff)})
	}
}

// unknown is what no field was named for.
func (c *coder) unknown(p *[]Param) {
	if c.reading {
		*p = nil
		if len(c.in) > 0 {
			*p = c.in
			c.in = nil
		}
		return
	}
	if c.found != nil {
		*c.found = append(*c.found, *p...)
	}
	for _, q := range *p {
		c.put(q.Tag, q.Value)
	}
}

// split divides octets into parameters, which alias b. The padding of the last one may be missing
// (RFC 4666 section 3.1.4).
func split(typ MessageType, b []byte) ([]Param, *ParseError) {
	if len(b) == 0 {
		return nil, nil
	}
	ps := make([]Param, 0, 4)
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, &ParseError{ProtocolError, typ, 0, errLength}
		}
		tag, n := Tag(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return nil, &ParseError{ParameterFieldError, typ, tag, errLength}
		}
		ps = append(ps, Param{tag, b[4:n:n]})
		b = b[min(n+(-n&3), len(b)):]
	}
	return ps, nil
}

// overlap says whether some point code is in both ranges.
func overlap(a, b mtp3.Destination) bool {
	w := max(a.Wild, b.Wild)
	return a.PC>>w == b.PC>>w
}
