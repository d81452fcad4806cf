package sip

import "iter"

// AccessNetworkInfo is a value of the P-Access-Network-Info field (RFC 7315 section 4.4, TS
// 24.229 section 7.2A.4). Value is the access type or class: "3GPP-E-UTRAN-FDD", "IEEE-802.11".
type AccessNetworkInfo struct{ Element }

// ParseAccessNetworkInfo reads a P-Access-Network-Info value.
func ParseAccessNetworkInfo(s string) (AccessNetworkInfo, error) {
	e, err := ParseElement(s)
	return AccessNetworkInfo{e}, err
}

// Cell returns the cell of a 3GPP access, from utran-cell-id-3gpp or cgi-3gpp; "" if there is
// none.
func (a AccessNetworkInfo) Cell() string {
	if v, ok := a.Params.Value("utran-cell-id-3gpp"); ok {
		return v
	}
	v, _ := a.Params.Value("cgi-3gpp")
	return v
}

// NetworkProvided reports that the network, not the handset, says so.
func (a AccessNetworkInfo) NetworkProvided() bool { return a.Params.Has("network-provided") }

// AccessNetworkInfos returns the P-Access-Network-Info values.
func (h *Header) AccessNetworkInfos() iter.Seq2[AccessNetworkInfo, error] {
	return many(h, "P-Access-Network-Info", func(s string, strict bool) (AccessNetworkInfo, *ParseError) {
		e, err := parseElement(s, strict)
		return AccessNetworkInfo{e}, err
	})
}

// VisitedNetworkIDs returns the P-Visited-Network-ID values (RFC 7315 section 4.3);
// [Element.Text] has the name without quotes.
func (h *Header) VisitedNetworkIDs() iter.Seq2[Element, error] {
	return many(h, "P-Visited-Network-ID", parseElement)
}

// ChargingVector is the P-Charging-Vector field (RFC 7315 section 4.6). It is all parameters;
// ones without a method here are found in Params.
type ChargingVector struct{ Params Params }

// ParseChargingVector reads a P-Charging-Vector value.
func ParseChargingVector(s string) (ChargingVector, error) {
	v, err := parseChargingVector(s, false)
	return v, asError(err)
}

func parseChargingVector(s string, strict bool) (ChargingVector, *ParseError) {
	p, err := parseParamList(s, strict)
	if err != nil {
		return ChargingVector{}, err
	}
	if !p.Has("icid-value") {
		return ChargingVector{}, bad(0, "no icid-value")
	}
	return ChargingVector{p}, nil
}

// parseParamList reads parameters of which the first has no semicolon before it.
func parseParamList(s string, strict bool) (Params, *ParseError) {
	s = trimLWS(s)
	if s == "" {
		return Params{}, bad(0, "empty value")
	}
	p, err := parseParams(";"+s, strict)
	if err != nil {
		err.Offset = max(err.Offset-1, 0)
	}
	return p, err
}

// listText is the text of parameters without the first semicolon.
func (p Params) listText() string {
	if p.text == "" {
		return ""
	}
	return p.text[1:]
}

// NewChargingVector makes a vector with an IMS charging identity, and the address of who made it
// if that is not empty.
func NewChargingVector(icid, generatedAt string) ChargingVector {
	var v ChargingVector
	v.Params.Set("icid-value", icid)
	if generatedAt != "" {
		v.Params.Set("icid-generated-at", generatedAt)
	}
	return v
}

// ICID returns the IMS charging identity.
func (v ChargingVector) ICID() string { s, _ := v.Params.Value("icid-value"); return s }

// GeneratedAt returns who made the identity; "" if that is not said.
func (v ChargingVector) GeneratedAt() string { s, _ := v.Params.Value("icid-generated-at"); return s }

// OrigIOI returns the inter-operator identifier of the originating side; "" if there is none.
func (v ChargingVector) OrigIOI() string { s, _ := v.Params.Value("orig-ioi"); return s }

// TermIOI returns the inter-operator identifier of the terminating side; "" if there is none.
func (v ChargingVector) TermIOI() string { s, _ := v.Params.Value("term-ioi"); return s }

// String returns the value as text.
func (v ChargingVector) String() string { return v.Params.listText() }

// AppendText appends the value as text.
func (v ChargingVector) AppendText(b []byte) ([]byte, error) { return append(b, v.String()...), nil }

// ChargingVector returns the P-Charging-Vector field.
func (h *Header) ChargingVector() (ChargingVector, error) {
	return one(h, "P-Charging-Vector", parseChargingVector)
}

// ChargingFunctionAddresses is a value of the P-Charging-Function-Addresses field (RFC 7315
// section 4.5).
type ChargingFunctionAddresses struct{ Params Params }

// ParseChargingFunctionAddresses reads a P-Charging-Function-Addresses value.
func ParseChargingFunctionAddresses(s string) (ChargingFunctionAddresses, error) {
	v, err := parseChargingFunctionAddresses(s, false)
	return v, asError(err)
}

func parseChargingFunctionAddresses(s string, strict bool) (ChargingFunctionAddresses, *ParseError) {
	p, err := parseParamList(s, strict)
	return ChargingFunctionAddresses{p}, err
}

// CCF returns the charging collection functions, the primary first.
func (c ChargingFunctionAddresses) CCF() []string { return c.all("ccf") }

// ECF returns the event charging functions, the primary first.
func (c ChargingFunctionAddresses) ECF() []string { return c.all("ecf") }

func (c ChargingFunctionAddresses) all(name string) (list []string) {
	for n, v := range c.Params.All() {
		if fold(n, name) {
			list = append(list, v)
		}
	}
	return list
}

// String returns the value as text.
func (c ChargingFunctionAddresses) String() string { return c.Params.listText() }

// AppendText appends the value as text.
func (c ChargingFunctionAddresses) AppendText(b []byte) ([]byte, error) {
	return append(b, c.String()...), nil
}

// ChargingFunctionAddresses returns the first P-Charging-Function-Addresses value.
func (h *Header) ChargingFunctionAddresses() (ChargingFunctionAddresses, error) {
	return one(h, "P-Charging-Function-Addresses", parseChargingFunctionAddresses)
}

// EarlyMedia returns the values of the P-Early-Media field: "supported", "sendrecv", "sendonly",
// "recvonly", "inactive", "gated" (RFC 5009).
func (h *Header) EarlyMedia() []string { return h.list("P-Early-Media") }

// AssertedServices returns the service identifiers of P-Asserted-Service (RFC 6050), such as
// "urn:urn-7:3gpp-service.ims.icsi.mmtel".
func (h *Header) AssertedServices() []string { return h.list("P-Asserted-Service") }

// PreferredServices returns the service identifiers of P-Preferred-Service (RFC 6050).
func (h *Header) PreferredServices() []string { return h.list("P-Preferred-Service") }

func (h *Header) list(name string) (list []string) {
	for v := range h.Values(name) {
		list = append(list, v)
	}
	return list
}

// SecurityClient returns the mechanisms of Security-Client (RFC 3329), which package ipsec knows
// the meaning of.
func (h *Header) SecurityClient() iter.Seq2[Element, error] { return h.Elements("Security-Client") }

// SecurityServer returns the mechanisms of Security-Server.
func (h *Header) SecurityServer() iter.Seq2[Element, error] { return h.Elements("Security-Server") }

// SecurityVerify returns the mechanisms of Security-Verify.
func (h *Header) SecurityVerify() iter.Seq2[Element, error] { return h.Elements("Security-Verify") }
