package diameter

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Capabilities is what a CER or CEA tells of a node (RFC 6733 section 5.3).
type Capabilities struct {
	OriginHost         string
	OriginRealm        string
	HostIPAddresses    []netip.Addr
	VendorID           VendorID
	ProductName        string
	OriginStateID      uint32
	SupportedVendorIDs []VendorID
	Applications       []Application
	Relay              bool // the application Relay is among those announced
	InbandTLS          bool // Inband-Security-Id has TLS
	NoInbandSecurity   bool // Inband-Security-Id has NO_INBAND_SECURITY, or is absent
	FirmwareRevision   uint32
}

// Has tells whether the node announced the application, or that it is a relay.
func (c *Capabilities) Has(app ApplicationID) bool {
	return c.Relay || slices.ContainsFunc(c.Applications, func(a Application) bool { return a.ID == app })
}

// capabilities is what this node announces on a connection.
func (n *Node) capabilities(c *conn) Capabilities {
	cap := Capabilities{
		OriginHost: n.cfg.OriginHost, OriginRealm: n.cfg.OriginRealm,
		HostIPAddresses: n.cfg.HostIPAddresses,
		VendorID:        n.cfg.VendorID, ProductName: n.cfg.ProductName,
		OriginStateID: n.cfg.OriginStateID, FirmwareRevision: n.cfg.FirmwareRevision,
		Applications: n.cfg.Applications, Relay: n.cfg.Relay,
		SupportedVendorIDs: n.cfg.SupportedVendorIDs,
	}
	for _, a := range n.cfg.Applications {
		if a.VendorID != 0 && !slices.Contains(cap.SupportedVendorIDs, a.VendorID) {
			cap.SupportedVendorIDs = append(slices.Clip(cap.SupportedVendorIDs), a.VendorID)
		}
	}
	if len(cap.HostIPAddresses) == 0 {
		cap.HostIPAddresses = c.link.localIPs()
	}
	switch policy := n.cfg.InbandSecurity; {
	case c.link.secure() || !c.link.upgradable() || policy == NoInbandSecurity:
		cap.NoInbandSecurity = true
	default:
		cap.InbandTLS, cap.NoInbandSecurity = true, policy == OfferInbandTLS
	}
	return cap
}

// appendTo appends the AVPs of a CER or CEA but Result-Code.
func (c *Capabilities) appendTo(b []byte) []byte {
	b = AppendText(b, AVPOriginHost, Mandatory, 0, c.OriginHost)
	b = AppendText(b, AVPOriginRealm, Mandatory, 0, c.OriginRealm)
	for _, a := range c.HostIPAddresses {
		b = AppendAddress(b, AVPHostIPAddress, Mandatory, 0, a)
	}
	b = AppendUint32(b, AVPVendorID, Mandatory, 0, uint32(c.VendorID))
	b = AppendText(b, AVPProductName, 0, 0, c.ProductName)
	if c.OriginStateID != 0 {
		b = AppendUint32(b, AVPOriginStateID, Mandatory, 0, c.OriginStateID)
	}
	for _, v := range c.SupportedVendorIDs {
		b = AppendUint32(b, AVPSupportedVendorID, Mandatory, 0, uint32(v))
	}
	for _, a := range c.Applications {
		if a.VendorID == 0 {
			b = a.appendTo(b)
		}
	}
	if c.Relay {
		b = AppendUint32(b, AVPAuthApplicationID, Mandatory, 0, uint32(Relay))
	}
	if c.InbandTLS {
		if c.NoInbandSecurity {
			b = AppendUint32(b, AVPInbandSecurityID, Mandatory, 0, inbandNone)
		}
		b = AppendUint32(b, AVPInbandSecurityID, Mandatory, 0, inbandTLS)
	}
	for _, a := range c.Applications {
		if a.VendorID != 0 {
			var at int
			b, at = BeginAVP(b, AVPVendorSpecificApplicationID, Mandatory, 0)
			b = AppendUint32(b, AVPVendorID, Mandatory, 0, uint32(a.VendorID))
			b = EndAVP(a.appendTo(b), at)
		}
	}
	if c.FirmwareRevision != 0 {
		b = AppendUint32(b, AVPFirmwareRevision, 0, 0, c.FirmwareRevision)
	}
	return b
}

func (a Application) appendTo(b []byte) []byte {
	code := AVPAuthApplicationID
	if a.Accounting {
		code = AVPAcctApplicationID
	}
	return AppendUint32(b, code, Mandatory, 0, uint32(a.ID))
}

// parseCapabilities reads a CER or CEA. The Application-Ids are taken wherever they stand: peers put those of
// vendors at the top level, too.
func parseCapabilities(m Message, strict bool) (Capabilities, error) {
	var (
		c      Capabilities
		inband bool
	)
	for a := range m.AVPs.All() {
		if a.VendorID != 0 {
			continue
		}
		var v uint32
		var err error
		switch a.Code {
		case AVPOriginHost:
			if c.OriginHost = a.Text(); !validIdentity(c.OriginHost) {
				return c, a.valueError("no DiameterIdentity")
			}
		case AVPOriginRealm:
			if c.OriginRealm = a.Text(); !validIdentity(c.OriginRealm) {
				return c, a.valueError("no DiameterIdentity")
			}
		case AVPHostIPAddress:
			if ip, err := a.Address(); err == nil { // other families are of no use here
				c.HostIPAddresses = append(c.HostIPAddresses, ip)
			}
		case AVPVendorID:
			v, err = a.Uint32()
			c.VendorID = VendorID(v)
		case AVPProductName:
			c.ProductName = a.Text()
		case AVPOriginStateID:
			c.OriginStateID, err = a.Uint32()
		case AVPFirmwareRevision:
			c.FirmwareRevision, err = a.Uint32()
		case AVPSupportedVendorID:
			v, err = a.Uint32()
			c.SupportedVendorIDs = append(c.SupportedVendorIDs, VendorID(v))
		case AVPInbandSecurityID:
			v, err = a.Uint32()
			inband = true
			c.InbandTLS = c.InbandTLS || v == inbandTLS
			c.NoInbandSecurity = c.NoInbandSecurity || v == inbandNone
		case AVPAuthApplicationID, AVPAcctApplicationID:
			v, err = a.Uint32()
			c.add(Application{ID: ApplicationID(v), Accounting: a.Code == AVPAcctApplicationID})
		case AVPVendorSpecificApplicationID:
			err = c.addVendorSpecific(a, strict)
		}
		if err != nil {
			return c, err
		}
	}
	if !inband {
		c.NoInbandSecurity = true
	}
	return c, missingCapability(m)
}

func (c *Capabilities) add(a Application) {
	if a.ID == Relay {
		c.Relay = true
		return
	}
	for i, b := range c.Applications {
		if b.ID == a.ID && b.Accounting == a.Accounting {
			c.Applications[i].VendorID = max(a.VendorID, b.VendorID)
			return
		}
	}
	c.Applications = append(c.Applications, a)
}

// addVendorSpecific reads Vendor-Specific-Application-Id (RFC 6733 section 6.11). RFC 3588 allowed several
// Vendor-Ids, and both or none of the Application-Ids have been seen.
func (c *Capabilities) addVendorSpecific(group AVP, strict bool) error {
	if err := group.Grouped().Check(); err != nil {
		return err
	}
	var vendor VendorID
	var ids []AVP
	for a := range group.Grouped().All() {
		if a.VendorID != 0 {
			continue
		}
		switch a.Code {
		case AVPVendorID:
			v, err := a.Uint32()
			if err != nil {
				return err
			}
			if vendor == 0 {
				vendor = VendorID(v)
			}
		case AVPAuthApplicationID, AVPAcctApplicationID:
			ids = append(ids, a)
		}
	}
	if strict && len(ids) > 1 {
		return &ProtocolError{ResultCode: AVPOccursTooManyTimes, FailedAVP: ids, Text: "Vendor-Specific-Application-Id has more than one Application-Id"}
	}
	if strict && len(ids) == 0 {
		zero := make([]byte, 4)
		return &ProtocolError{ResultCode: MissingAVP, Text: "Vendor-Specific-Application-Id has no Application-Id", FailedAVP: []AVP{
			{Code: AVPAuthApplicationID, Flags: Mandatory, Data: zero}, {Code: AVPAcctApplicationID, Flags: Mandatory, Data: zero}}}
	}
	for _, a := range ids {
		v, err := a.Uint32()
		if err != nil {
			return err
		}
		c.add(Application{ID: ApplicationID(v), VendorID: vendor, Accounting: a.Code == AVPAcctApplicationID})
	}
	return nil
}

// missingCapability names the first AVP that every CER and CEA has and m does not.
func missingCapability(m Message) error {
	for _, want := range []struct {
		code  AVPCode
		flags AVPFlags
		data  int
		name  string
	}{
		{AVPOriginHost, Mandatory, 0, "Origin-Host"},
		{AVPOriginRealm, Mandatory, 0, "Origin-Realm"},
		{AVPHostIPAddress, Mandatory, 6, "Host-IP-Address"},
		{AVPVendorID, Mandatory, 4, "Vendor-Id"},
		{AVPProductName, 0, 0, "Product-Name"},
	} {
		if !m.AVPs.Has(want.code, 0) {
			data := make([]byte, want.data)
			if want.code == AVPHostIPAddress {
				data[1] = familyIPv4
			}
			return &ProtocolError{ResultCode: MissingAVP, FailedAVP: []AVP{{Code: want.code, Flags: want.flags, Data: data}}, Text: want.name + " is missing"}
		}
	}
	return nil
}

// agree compares what two nodes announced: whether they have an application in common, and whether
// TLS follows in band (RFC 6733 sections 5.3 and 6.10). The error is written for the peer, "you".
func (local *Capabilities) agree(remote *Capabilities) (inband bool, err error) {
	common := local.Relay || remote.Relay
	for _, a := range remote.Applications {
		common = common || local.Has(a.ID)
	}
	if !common {
		return false, &ProtocolError{ResultCode: NoCommonApplication,
			Text: fmt.Sprintf("you announced %s, %s has %s", listApplications(remote), local.OriginHost, listApplications(local))}
	}
	switch {
	case local.InbandTLS && remote.InbandTLS:
		return true, nil
	case local.NoInbandSecurity && remote.NoInbandSecurity:
		return false, nil
	}
	return false, &ProtocolError{ResultCode: NoCommonSecurity,
		Text: fmt.Sprintf("you announced %s, %s wants %s", listSecurity(remote), local.OriginHost, listSecurity(local))}
}

func listApplications(c *Capabilities) string {
	var s []string
	for _, a := range c.Applications {
		s = append(s, strconv.FormatUint(uint64(a.ID), 10))
	}
	if c.Relay {
		s = append(s, "relay")
	}
	if s == nil {
		return "no application"
	}
	if len(s) > 16 {
		s = append(s[:16], "…")
	}
	return "applications " + strings.Join(s, ", ")
}

func listSecurity(c *Capabilities) string {
	switch {
	case c.InbandTLS && c.NoInbandSecurity:
		return "TLS or none"
	case c.InbandTLS:
		return "TLS in band"
	}
	return "no security in band"
}

// matchIdentity tells whether host is admitted by one of patterns: a whole name, ".example.com", "*".
func matchIdentity(patterns []string, host string) bool {
	host = fold(host)
	for _, p := range patterns {
		p = fold(p)
		if p == "*" || p == host || p != "" && p[0] == '.' && strings.HasSuffix(host, p) {
			return true
		}
	}
	return false
}

// matchAddress tells whether addr is in one of prefixes, or there are none. A connection without an
// address (in memory) has none to compare.
func matchAddress(prefixes []netip.Prefix, addr netip.Addr) bool {
	if len(prefixes) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func equalIdentity(a []byte, b string) bool {
	return len(a) == len(b) && bytes.EqualFold(a, []byte(b))
}
