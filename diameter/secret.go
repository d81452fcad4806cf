package diameter

import "github.com/gotelco/telco/trace"

type avpKey struct {
	code   AVPCode
	vendor VendorID
}

// secretAVPs are keys, and what keys follow from.
var secretAVPs = map[avpKey]bool{
	{2, 0}:             true, // User-Password
	{121, 0}:           true, // Digest-HA1 (RFC 5090)
	{464, 0}:           true, // EAP-Master-Session-Key (RFC 4072)
	{583, 0}:           true, // Keying-Material (RFC 6734)
	{609, Vendor3GPP}:  true, // SIP-Authenticate
	{610, Vendor3GPP}:  true, // SIP-Authorization
	{663, Vendor3GPP}:  true, // Alternate-Digest-HA1
	{625, Vendor3GPP}:  true, // Confidentiality-Key
	{626, Vendor3GPP}:  true, // Integrity-Key
	{1448, Vendor3GPP}: true, // XRES
	{1450, Vendor3GPP}: true, // KASME
	{1453, Vendor3GPP}: true, // Kc
	{1454, Vendor3GPP}: true, // SRES
}

// IsSecret tells whether an AVP is a key, or something that a key follows from, such as SIP-Authorization,
// Confidentiality-Key or KASME. Traces and trees leave them out.
func IsSecret(code AVPCode, vendor VendorID) bool { return secretAVPs[avpKey{code, vendor}] }

// secretGroups are grouped AVPs that may have them inside.
var secretGroups = map[avpKey]bool{
	{279, 0}:           true, // Failed-AVP
	{581, 0}:           true, // Key (RFC 6734)
	{612, Vendor3GPP}:  true, // SIP-Auth-Data-Item
	{635, Vendor3GPP}:  true, // SIP-Digest-Authenticate
	{1413, Vendor3GPP}: true, // Authentication-Info
	{1414, Vendor3GPP}: true, // E-UTRAN-Vector
	{1415, Vendor3GPP}: true, // UTRAN-Vector
	{1416, Vendor3GPP}: true, // GERAN-Vector
}

// secrets are the parts of a message that sinks of traces overwrite.
func secrets(msg []byte) []trace.Span {
	if len(msg) <= HeaderLen {
		return nil
	}
	return appendSecrets(nil, AVPs(msg[HeaderLen:]), HeaderLen, 0)
}

func appendSecrets(spans []trace.Span, avps AVPs, at, depth int) []trace.Span {
	for len(avps) > 0 {
		a, k, ok := avps.first()
		if !ok {
			return spans
		}
		start := at + a.Len() - len(a.Data)
		switch key := (avpKey{a.Code, a.VendorID}); {
		case secretAVPs[key]:
			spans = append(spans, trace.Span{Start: start, End: start + len(a.Data)})
		case secretGroups[key] && depth < 4:
			spans = appendSecrets(spans, a.Grouped(), start, depth+1)
		}
		avps, at = avps[k:], at+k
	}
	return spans
}
