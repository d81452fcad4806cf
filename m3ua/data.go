package m3ua

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gotelco/telco/mtp3"
)

// DATA carries a message of a user part: the MTP-TRANSFER primitive (RFC 4666 section 3.3.1).
type DATA struct {
	NetworkAppearance Optional
	RoutingContext    Optional
	CorrelationID     Optional
	MSU               mtp3.MSU
	Unknown           []Param
}

// Type is TypeDATA.
func (d *DATA) Type() MessageType { return TypeDATA }

// maxData is how much user data fits a Protocol Data parameter.
const maxData = maxParam - 12

// AppendBinary appends the message as it is on the wire. It does not allocate where b has room. It
// refuses user data of more than 65519 octets.
func (d *DATA) AppendBinary(b []byte) ([]byte, error) {
	if len(d.MSU.Data) > maxData {
		return b, fmt.Errorf("m3ua: DATA: %d octets of user data are too many", len(d.MSU.Data))
	}
	start := len(b)
	b = d.append(b)
	if d.Unknown != nil {
		c := coder{typ: TypeDATA, out: b}
		c.unknown(&d.Unknown)
		if c.err != nil {
			return b[:start], c.err
		}
		b = c.out
		binary.BigEndian.PutUint32(b[start+4:], uint32(len(b)-start))
	}
	return b, nil
}

// append writes everything but Unknown.
func (d *DATA) append(b []byte) []byte {
	m := &d.MSU
	n := len(m.Data)
	size := headerLen + 16 + n + (-n & 3)
	if d.NetworkAppearance.Set {
		size += 8
	}
	if d.RoutingContext.Set {
		size += 8
	}
	if d.CorrelationID.Set {
		size += 8
	}
	b = slices.Grow(b, size)
	p := b[len(b) : len(b)+size]
	b = b[:len(b)+size]
	binary.BigEndian.PutUint64(p, 0x01000101<<32|uint64(size))
	p = p[8:]
	if d.NetworkAppearance.Set {
		binary.BigEndian.PutUint64(p, uint64(TagNetworkAppearance)<<48|8<<32|uint64(d.NetworkAppearance.Value))
		p = p[8:]
	}
	if d.RoutingContext.Set {
		binary.BigEndian.PutUint64(p, uint64(TagRoutingContext)<<48|8<<32|uint64(d.RoutingContext.Value))
		p = p[8:]
	}
	_ = p[15]
	binary.BigEndian.PutUint64(p, uint64(TagProtocolData)<<48|uint64(16+n)<<32|uint64(m.Label.OPC))
	binary.BigEndian.PutUint64(p[8:], uint64(m.Label.DPC)<<32|uint64(m.SI)<<24|uint64(m.NI)<<16|uint64(m.Priority)<<8|uint64(m.Label.SLS))
	copy(p[16:], m.Data)
	p = p[16+n:]
	for range -n & 3 {
		p[0] = 0
		p = p[1:]
	}
	if d.CorrelationID.Set {
		binary.BigEndian.PutUint64(p, uint64(TagCorrelationID)<<48|8<<32|uint64(d.CorrelationID.Value))
	}
	return b
}

// Parse reads a whole DATA message; d.MSU.Data aliases b. It does not allocate, unless for
// parameters that DATA has no field for, and errors, each a *[ParseError].
func (d *DATA) Parse(b []byte) error {
	if len(b) < headerLen || binary.BigEndian.Uint32(b)|0xff0000 != 0x01ff0101 {
		return d.notDATA(b)
	}
	n := int64(binary.BigEndian.Uint32(b[4:]))
	if n != int64(len(b)) {
		if n < headerLen || n > int64(len(b)) || n+(-n&3) < int64(len(b)) {
			return &ParseError{ProtocolError, TypeDATA, 0, errLength}
		}
		b = b[:n]
	}
	*d = DATA{}
	found := false
	for p := b[headerLen:]; len(p) > 0; {
		if len(p) < 4 {
			return &ParseError{ProtocolError, TypeDATA, 0, errLength}
		}
		tag, n := Tag(binary.BigEndian.Uint16(p)), int(binary.BigEndian.Uint16(p[2:]))
		if n < 4 || n > len(p) {
			return &ParseError{ParameterFieldError, TypeDATA, tag, errLength}
		}
		var into *Optional
		switch tag {
		case TagProtocolData:
			if n < 16 {
				return &ParseError{ParameterFieldError, TypeDATA, tag, errLength}
			}
			if found {
				d.Unknown = append(d.Unknown, Param{tag, p[4:n:n]})
				break
			}
			found = true
			x := binary.BigEndian.Uint64(p[8:])
			opc := binary.BigEndian.Uint32(p[4:])
			if uint64(opc)>>24|x>>56|x>>28&0xf|x>>18&0x3f|x>>10&0x3f != 0 {
				return &ParseError{InvalidParameterValue, TypeDATA, tag, errRange}
			}
			d.MSU.Label = mtp3.Label{DPC: mtp3.PointCode(x >> 32), OPC: mtp3.PointCode(opc), SLS: mtp3.SLS(x)}
			d.MSU.SI, d.MSU.NI, d.MSU.Priority = mtp3.ServiceIndicator(x>>24&0xff), mtp3.NetworkIndicator(x>>16&0xff), uint8(x>>8)
			d.MSU.Data = p[16:n:n]
		case TagRoutingContext:
			into = &d.RoutingContext
		case TagNetworkAppearance:
			into = &d.NetworkAppearance
		case TagCorrelationID:
			into = &d.CorrelationID
		default:
			d.Unknown = append(d.Unknown, Param{tag, p[4:n:n]})
		}
		if into != nil {
			switch {
			case n != 8:
				return &ParseError{ParameterFieldError, TypeDATA, tag, errLength}
			case into.Set:
				d.Unknown = append(d.Unknown, Param{tag, p[4:n:n]})
			default:
				*into = Optional{binary.BigEndian.Uint32(p[4:]), true}
			}
		}
		p = p[min(n+(-n&3), len(p)):]
	}
	if !found {
		return &ParseError{MissingParameter, TypeDATA, TagProtocolData, errMissing}
	}
	return nil
}

// notDATA says why b is no DATA message.
func (d *DATA) notDATA(b []byte) error {
	t, _, pe := header(b)
	if pe == nil {
		pe = &ParseError{Code: UnexpectedMessage, Type: t}
	}
	return pe
}

func (d *DATA) params(c *coder) { c.unknown(&d.Unknown) }
