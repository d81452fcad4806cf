package m3ua

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/gotelco/telco/mtp3"
)

// RoutingKey says which messages belong to an Application Server (RFC 4666 section 1.4.2.1).
type RoutingKey struct {
	NetworkAppearance Optional
	Groups            []KeyGroup // a message that matches one of them matches the key
}

// KeyGroup is one DPC of a routing key with what goes with it (RFC 4666 section 3.6.1).
type KeyGroup struct {
	DPC mtp3.PointCode
	SIs []mtp3.ServiceIndicator // none: any but network management
	// OPCs are ranges of point codes; none: any.
	OPCs []mtp3.Destination
}

// Match says whether a message belongs to the group.
func (g *KeyGroup) Match(m *mtp3.MSU) bool {
	return m.Label.DPC == g.DPC && g.matchSI(m.SI) && g.matchOPC(m.Label.OPC)
}

func (g *KeyGroup) matchSI(si mtp3.ServiceIndicator) bool {
	return len(g.SIs) == 0 || slices.Contains(g.SIs, si)
}

func (g *KeyGroup) matchOPC(pc mtp3.PointCode) bool {
	if len(g.OPCs) == 0 {
		return true
	}
	for _, o := range g.OPCs {
		if o.Contains(pc) {
			return true
		}
	}
	return false
}

// overlaps says whether a message can belong to both groups.
func (g *KeyGroup) overlaps(h *KeyGroup) bool {
	if g.DPC != h.DPC {
		return false
	}
	if len(g.SIs) > 0 && len(h.SIs) > 0 && !slices.ContainsFunc(g.SIs, h.matchSI) {
		return false
	}
	if len(g.OPCs) == 0 || len(h.OPCs) == 0 {
		return true
	}
	for _, a := range g.OPCs {
		for _, b := range h.OPCs {
			if overlap(a, b) {
				return true
			}
		}
	}
	return false
}

// Overlaps says whether a message can belong to both keys.
func (k RoutingKey) Overlaps(o RoutingKey) bool {
	if k.NetworkAppearance.Set && o.NetworkAppearance.Set && k.NetworkAppearance != o.NetworkAppearance {
		return false
	}
	for i := range k.Groups {
		for j := range o.Groups {
			if k.Groups[i].overlaps(&o.Groups[j]) {
				return true
			}
		}
	}
	return false
}

// Equal says whether both keys are the same, in whatever order they are written down.
func (k RoutingKey) Equal(o RoutingKey) bool {
	return k.canonical() == o.canonical()
}

// canonical writes the key in one order.
func (k RoutingKey) canonical() string {
	var lines []string
	for _, g := range k.Groups {
		si := slices.Clone(g.SIs)
		slices.Sort(si)
		opc := slices.Clone(g.OPCs)
		for i := range opc {
			opc[i] = opc[i].Canonical()
		}
		slices.SortFunc(opc, func(a, b mtp3.Destination) int {
			return cmp.Or(cmp.Compare(a.PC, b.PC), cmp.Compare(a.Wild, b.Wild))
		})
		lines = append(lines, fmt.Sprint(uint32(g.DPC), slices.Compact(si), slices.Compact(opc)))
	}
	slices.Sort(lines)
	return k.NetworkAppearance.String() + ":" + strings.Join(slices.Compact(lines), ";")
}

func (k RoutingKey) clone() RoutingKey {
	k.Groups = slices.Clone(k.Groups)
	for i := range k.Groups {
		k.Groups[i].SIs = slices.Clone(k.Groups[i].SIs)
		k.Groups[i].OPCs = slices.Clone(k.Groups[i].OPCs)
	}
	return k
}

// String is the key in words, with point codes as numbers.
func (k RoutingKey) String() string {
	var b strings.Builder
	if k.NetworkAppearance.Set {
		fmt.Fprintf(&b, "NA %v ", k.NetworkAppearance)
	}
	for i, g := range k.Groups {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "DPC %d", g.DPC)
		if len(g.SIs) > 0 {
			fmt.Fprintf(&b, " SI %v", g.SIs)
		}
		for _, o := range g.OPCs {
			fmt.Fprintf(&b, " OPC %d", o.PC)
			if o.Wild > 0 {
				fmt.Fprintf(&b, "/%d", o.Wild)
			}
		}
	}
	return b.String()
}

// RoutingKeyRequest is a Routing Key parameter: a key that is to be registered.
type RoutingKeyRequest struct {
	LocalID        uint32   // Local-RK-Identifier: what the answer refers to
	RoutingContext Optional // of a key that is registered already and is to be changed
	TrafficMode    TrafficMode
	Key            RoutingKey

	Unknown []Param
	Invalid RegistrationStatus // set by reading: why the parameter is no usable key; 0 if it is
}

// RegistrationResult is what became of one registration.
type RegistrationResult struct {
	LocalID        uint32
	Status         RegistrationStatus
	RoutingContext uint32 // 0 unless Status is Registered or RegAlreadyRegistered

	Unknown []Param
}

// DeregistrationResult is what became of one deregistration.
type DeregistrationResult struct {
	RoutingContext uint32
	Status         DeregistrationStatus

	Unknown []Param
}

// groupOf is a parameter made of parameters: f names those within, of each p.
func groupOf[T any](c *coder, tag Tag, list *[]T, f func(*coder, *T)) {
	if !c.reading {
		if len(*list) == 0 && c.err == nil {
			c.err = fmt.Errorf("m3ua: %v: %v is missing", c.typ, tag)
		}
		for i := range *list {
			start := len(c.out)
			c.out = append(c.out, byte(tag>>8), byte(tag), 0, 0)
			f(c, &(*list)[i])
			n := len(c.out) - start
			if n > 65535 {
				if c.err == nil {
					c.err = fmt.Errorf("m3ua: %v: %v: %d octets are too many", c.typ, tag, n)
				}
				return
			}
			binary.BigEndian.PutUint16(c.out[start+2:], uint16(n))
		}
		return
	}
	for {
		v, ok := c.take(tag)
		if !ok {
			break
		}
		inner := coder{reading: true, typ: c.typ}
		inner.in, inner.pe = split(c.typ, v)
		var item T
		f(&inner, &item)
		if inner.pe != nil && c.pe == nil {
			c.pe = inner.pe
		}
		*list = append(*list, item)
	}
	if len(*list) == 0 {
		c.fail(MissingParameter, tag, errMissing)
	}
}

func (c *coder) regResults(p *[]RegistrationResult) {
	groupOf(c, TagRegistrationResult, p, func(c *coder, r *RegistrationResult) {
		number(c, TagLocalRKIdentifier, &r.LocalID)
		number(c, TagRegistrationStatus, &r.Status)
		number(c, TagRoutingContext, &r.RoutingContext)
		c.unknown(&r.Unknown)
	})
}

func (c *coder) deregResults(p *[]DeregistrationResult) {
	groupOf(c, TagDeregistrationResult, p, func(c *coder, r *DeregistrationResult) {
		number(c, TagRoutingContext, &r.RoutingContext)
		number(c, TagDeregistrationStatus, &r.Status)
		c.unknown(&r.Unknown)
	})
}

func (c *coder) keys(p *[]RoutingKeyRequest) {
	groupOf(c, TagRoutingKey, p, func(c *coder, r *RoutingKeyRequest) {
		number(c, TagLocalRKIdentifier, &r.LocalID)
		if c.reading {
			c.readKey(r)
			return
		}
		c.opt(TagRoutingContext, &r.RoutingContext)
		c.trafficMode(&r.TrafficMode)
		for i, g := range r.Key.Groups {
			c.putFixed(TagDestinationPointCode, uint32(g.DPC)&0xffffff)
			if i == 0 {
				c.opt(TagNetworkAppearance, &r.Key.NetworkAppearance)
			}
			if len(g.SIs) > 0 {
				si := make([]byte, len(g.SIs))
				for i, v := range g.SIs {
					si[i] = byte(v)
				}
				c.put(TagServiceIndicators, si)
			}
			c.affected(TagOriginatingPointCodeList, &g.OPCs, optional)
		}
		if len(r.Key.Groups) == 0 {
			c.opt(TagNetworkAppearance, &r.Key.NetworkAppearance)
		}
		c.unknown(&r.Unknown)
	})
}

// readKey reads what is in a Routing Key beside its Local-RK-Identifier. What is wrong with it is
// not an error of the message but the outcome of this one registration (RFC 4666 section 4.4.1).
func (c *coder) readKey(r *RoutingKeyRequest) {
	invalid := func(s RegistrationStatus) {
		if r.Invalid == Registered {
			r.Invalid = s
		}
	}
	seen := map[Tag]bool{}
	for _, p := range c.in {
		switch p.Tag {
		case TagRoutingContext, TagTrafficModeType, TagNetworkAppearance:
			if len(p.Value) != 4 || seen[p.Tag] {
				invalid(RegInvalidRoutingKey)
				continue
			}
			seen[p.Tag] = true
			v := binary.BigEndian.Uint32(p.Value)
			switch p.Tag {
			case TagRoutingContext:
				r.RoutingContext = Some(v)
			case TagNetworkAppearance:
				r.Key.NetworkAppearance = Some(v)
			default:
				if r.TrafficMode = TrafficMode(v); !r.TrafficMode.Valid() {
					invalid(RegUnsupportedTrafficMode)
				}
			}
		case TagDestinationPointCode:
			if len(p.Value) != 4 {
				invalid(RegInvalidRoutingKey)
				continue
			}
			if p.Value[0] != 0 {
				invalid(RegInvalidDPC)
			}
			r.Key.Groups = append(r.Key.Groups, KeyGroup{DPC: mtp3.PointCode(binary.BigEndian.Uint32(p.Value) & 0xffffff)})
		case TagServiceIndicators:
			g := r.Key.last()
			if g == nil || len(p.Value) == 0 || len(g.SIs) > 0 {
				invalid(RegInvalidRoutingKey)
				continue
			}
			for _, v := range p.Value {
				if v < 3 || v > 15 {
					invalid(RegInvalidRoutingKey)
				}
				g.SIs = append(g.SIs, mtp3.ServiceIndicator(v))
			}
		case TagOriginatingPointCodeList:
			g := r.Key.last()
			if g == nil || len(p.Value) == 0 || len(p.Value)%4 != 0 || len(g.OPCs) > 0 {
				invalid(RegInvalidRoutingKey)
				continue
			}
			for v := p.Value; len(v) > 0; v = v[4:] {
				g.OPCs = append(g.OPCs, mtp3.Destination{Wild: v[0], PC: mtp3.PointCode(binary.BigEndian.Uint32(v) & 0xffffff)})
			}
		default:
			r.Unknown = append(r.Unknown, p)
			invalid(RegUnsupportedParameter)
		}
	}
	if c.in = nil; len(r.Key.Groups) == 0 {
		invalid(RegInvalidRoutingKey)
	}
}

// last is the group that Service Indicators and OPCs belong to: that of the last DPC before them.
func (k *RoutingKey) last() *KeyGroup {
	if len(k.Groups) == 0 {
		return nil
	}
	return &k.Groups[len(k.Groups)-1]
}
