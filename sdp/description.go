package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Description is a session description (RFC 8866). Values are kept as text where this package has
// no need of their meaning, so that what it does not know is sent on as it came.
//
// A Description that was given to or got from a [Session] must not be changed any more.
type Description struct {
	Origin     Origin
	Name       string     // s=; empty means "-"
	Connection Connection // c= of the session; zero if there is none
	Bandwidth  []Bandwidth
	Time       []Line // t=, r= and z= in order; empty means "t=0 0"
	Attributes []Attribute
	Other      []Line // i=, u=, e=, p=, k=, types that RFC 8866 does not know, b= that is no number
	Media      []Media
}

// Media is a media description, an m= line and what belongs to it (RFC 8866 section 5.14).
type Media struct {
	Kind       string // "audio", "video", "image", …
	Port       uint16 // 0: refused, removed or not used
	Ports      int    // the number after the slash; 0 if there is none
	Proto      string // "RTP/AVP", "udptl", …
	Formats    []string
	Connection Connection // zero if that of the session counts
	Bandwidth  []Bandwidth
	Attributes []Attribute
	Other      []Line // i=, k=, types that RFC 8866 does not know, further c=, b= that is no number
}

// Origin is the o= line (RFC 8866 section 5.2).
type Origin struct {
	Username  string // empty means "-"
	SessionID uint64
	Version   uint64
	NetType   string // empty means "IN"
	AddrType  string // "IP4", "IP6"
	Address   string
}

// Connection is a c= line (RFC 8866 section 5.7).
type Connection struct {
	NetType  string // "IN"
	AddrType string // "IP4", "IP6"
	Address  string // with TTL and count if it is multicast: "233.252.0.1/127"
}

// Bandwidth is a b= line (RFC 8866 section 5.8).
type Bandwidth struct {
	Type  string // "AS" in kbit/s; "TIAS", "RS", "RR" in bit/s
	Value uint64
}

// Attribute is an a= line (RFC 8866 section 5.13). A property has no value.
type Attribute struct{ Name, Value string }

// Line is any other line.
type Line struct {
	Type  byte
	Value string
}

// ConnectionTo returns the c= line of an address.
func ConnectionTo(a netip.Addr) Connection {
	a = a.Unmap()
	t := "IP4"
	if a.Is6() {
		t = "IP6"
	}
	return Connection{NetType: "IN", AddrType: t, Address: a.WithZone("").String()}
}

// Addr returns the address if it is one; a host name is not.
func (c Connection) Addr() (netip.Addr, bool) {
	text, _, _ := strings.Cut(c.Address, "/")
	a, err := netip.ParseAddr(text)
	return a.Unmap(), err == nil
}

// IsMulticast says whether the address is a multicast group.
func (c Connection) IsMulticast() bool {
	a, ok := c.Addr()
	return ok && a.IsMulticast()
}

// IsUnspecified says whether the address is 0.0.0.0 or ::, as in the hold of RFC 2543
// (RFC 3264 section 8.4).
func (c Connection) IsUnspecified() bool {
	a, ok := c.Addr()
	return ok && a.IsUnspecified()
}

// Attribute returns the value of the first attribute with that name.
func (d *Description) Attribute(name string) (string, bool) { return attribute(d.Attributes, name) }

// Attribute returns the value of the first attribute with that name.
func (m *Media) Attribute(name string) (string, bool) { return attribute(m.Attributes, name) }

func attribute(list []Attribute, name string) (string, bool) {
	for _, a := range list {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// SetAttribute gives the first attribute with that name a value and removes further ones; without
// one it is added at the end.
func (m *Media) SetAttribute(name, value string) {
	at := slices.IndexFunc(m.Attributes, func(a Attribute) bool { return a.Name == name })
	if at < 0 {
		m.Attributes = append(m.Attributes, Attribute{name, value})
		return
	}
	m.Attributes[at].Value = value
	rest := slices.DeleteFunc(m.Attributes[at+1:], func(a Attribute) bool { return a.Name == name })
	m.Attributes = m.Attributes[:at+1+len(rest)]
}

// RemoveAttribute removes the attributes with that name and says how many there were.
func (m *Media) RemoveAttribute(name string) int {
	n := len(m.Attributes)
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a Attribute) bool { return a.Name == name })
	return n - len(m.Attributes)
}

// ConnectionOf returns the connection that counts for the i-th media.
func (d *Description) ConnectionOf(i int) Connection {
	if c := d.Media[i].Connection; c != (Connection{}) {
		return c
	}
	return d.Connection
}

// Address is where the i-th media is to be sent. It is not valid if the port is 0 or the connection
// is missing or a host name.
func (d *Description) Address(i int) netip.AddrPort {
	a, ok := d.ConnectionOf(i).Addr()
	if !ok || d.Media[i].Port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, d.Media[i].Port)
}

// RTCPAddress is where RTCP for the i-th media is to be sent: what a=rtcp says (RFC 3605), the RTP
// address with rtcp-mux (RFC 5761), else the next port.
func (d *Description) RTCPAddress(i int) netip.AddrPort {
	rtp := d.Address(i)
	if !rtp.IsValid() || d.Media[i].Mux() {
		return rtp
	}
	if v, ok := d.Media[i].Attribute("rtcp"); ok {
		f := strings.Fields(v)
		if len(f) == 1 || len(f) == 4 {
			port, err := strconv.ParseUint(f[0], 10, 16)
			addr := rtp.Addr()
			if len(f) == 4 {
				if a, ok := (Connection{f[1], f[2], f[3]}).Addr(); ok {
					addr = a
				} else {
					err = ErrNumber
				}
			}
			if err == nil && port != 0 {
				return netip.AddrPortFrom(addr, uint16(port))
			}
		}
	}
	if rtp.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
}

// Mux says whether RTP and RTCP may share a port (RFC 5761 section 5.1.1).
func (m *Media) Mux() bool {
	_, ok := m.Attribute("rtcp-mux")
	return ok
}

// Ptime is how much media a packet should hold, in milliseconds; 0 if the description does not say
// (RFC 8866 section 6.4).
func (m *Media) Ptime() int { return m.milliseconds("ptime") }

// MaxPtime is how much media a packet may hold, in milliseconds; 0 if the description does not say
// (RFC 8866 section 6.5).
func (m *Media) MaxPtime() int { return m.milliseconds("maxptime") }

func (m *Media) milliseconds(name string) int {
	v, _ := m.Attribute(name)
	v, _, _ = strings.Cut(v, ".") // "30.0" was allowed once
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// DirectionOf returns the direction of the i-th media as its author means it: that of the media,
// else that of the session, else SendRecv (RFC 3264 section 5.1).
func (d *Description) DirectionOf(i int) Direction {
	if dir, ok := direction(d.Media[i].Attributes); ok {
		return dir
	}
	dir, _ := direction(d.Attributes)
	return dir
}

func direction(list []Attribute) (Direction, bool) {
	for _, a := range list {
		if dir, ok := ParseDirection(a.Name); ok {
			return dir, true
		}
	}
	return SendRecv, false
}
