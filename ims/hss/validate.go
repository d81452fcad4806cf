package hss

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"
)

// FieldError says which field of a subscriber or profile is wrong, by the names that it has in JSON, such as
// "privateIdentities[0].aka.k".
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return "hss: " + e.Field + ": " + e.Reason }

// ValidationError holds all that is wrong, at least one error.
type ValidationError struct{ Fields []*FieldError }

func (e *ValidationError) Error() string {
	s := e.Fields[0].Error()
	if n := len(e.Fields) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// Unwrap returns the errors of the fields.
func (e *ValidationError) Unwrap() []error {
	errs := make([]error, len(e.Fields))
	for i, f := range e.Fields {
		errs[i] = f
	}
	return errs
}

type validator struct{ fields []*FieldError }

func (v *validator) fail(field, format string, a ...any) {
	if len(v.fields) < 20 {
		v.fields = append(v.fields, &FieldError{field, fmt.Sprintf(format, a...)})
	}
}

func (v *validator) err() error {
	if len(v.fields) == 0 {
		return nil
	}
	return &ValidationError{v.fields}
}

const maxText = 1024 // octets of an identity or name

func (v *validator) text(field, s string) bool {
	switch {
	case s == "":
		v.fail(field, "is empty")
	case len(s) > maxText:
		v.fail(field, "is longer than %d octets", maxText)
	case !utf8.ValidString(s):
		v.fail(field, "is not UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		v.fail(field, "holds a space or control character")
	default:
		return true
	}
	return false
}

func (v *validator) uri(field, s string) {
	if !v.text(field, s) {
		return
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips") && !strings.EqualFold(scheme, "tel") {
		v.fail(field, "%q is no SIP or tel URI", s)
	}
}

func (v *validator) digits(field, s string, least, most int) {
	if len(s) < least || len(s) > most {
		v.fail(field, "%d digits, not %d to %d", len(s), least, most)
		return
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			v.fail(field, "%q is not of digits only", s)
			return
		}
	}
}

func oneOf(s string, names ...string) bool {
	for _, n := range names {
		if s == n {
			return true
		}
	}
	return false
}

// Validate tells what is wrong with a subscriber taken by itself: a *[ValidationError], whose fields are all that it found, up to
// 20. Whether its identities and profiles fit the rest of the store is for [Admin.Put] to say.
func (s *Subscriber) Validate() error {
	var v validator
	if s.ID != "" {
		v.text("id", s.ID)
	}
	if len(s.PrivateIdentities) == 0 && len(s.PublicIdentities) == 0 {
		v.fail("privateIdentities", "there is no identity at all")
	}
	seen := map[string]string{}
	unique := func(kind, field, key string) {
		if was, ok := seen[kind+key]; ok {
			v.fail(field, "%q is that of %s, too", key, was)
		}
		seen[kind+key] = field
	}
	impis := map[string]bool{}
	imsi := false
	for i := range s.PrivateIdentities {
		p := &s.PrivateIdentities[i]
		f := fmt.Sprintf("privateIdentities[%d].", i)
		if p.IMPI == "" && p.IMSI == "" {
			v.fail(f+"impi", "neither impi nor imsi is there")
		}
		if p.IMPI != "" {
			v.text(f+"impi", p.IMPI)
			unique("impi ", f+"impi", p.IMPI)
			impis[p.IMPI] = true
		}
		if p.IMSI != "" {
			v.digits(f+"imsi", p.IMSI, 6, 15)
			unique("imsi ", f+"imsi", p.IMSI)
			imsi = true
		}
		v.credentials(f, p)
	}
	profiles := map[string]bool{}
	for i := range s.ServiceProfiles {
		p := &s.ServiceProfiles[i]
		f := fmt.Sprintf("serviceProfiles[%d].", i)
		if profiles[p.Name] {
			v.fail(f+"name", "%q appears twice", p.Name)
		}
		profiles[p.Name] = true
		v.profile(f, p)
	}
	defaults := map[int]bool{}
	for i := range s.PublicIdentities {
		p := &s.PublicIdentities[i]
		f := fmt.Sprintf("publicIdentities[%d].", i)
		v.publicIdentity(f, p)
		unique("impu ", f+"identity", CanonicalIdentity(p.Identity))
		if p.Default {
			if defaults[p.ImplicitSet] {
				v.fail(f+"default", "the set %d has two defaults", p.ImplicitSet)
			}
			defaults[p.ImplicitSet] = true
		}
		for j, impi := range p.PrivateIdentities {
			if !impis[impi] {
				v.fail(fmt.Sprintf("%sprivateIdentities[%d]", f, j), "%q is no impi of this subscription", impi)
			}
		}
	}
	for i, n := range s.MSISDNs {
		f := fmt.Sprintf("msisdns[%d]", i)
		v.digits(f, n, 3, 15)
		unique("msisdn ", f, n)
	}
	for i, n := range s.VisitedNetworks {
		v.text(fmt.Sprintf("visitedNetworks[%d]", i), n)
	}
	for i, n := range s.Capabilities.ServerNames {
		v.uri(fmt.Sprintf("capabilities.serverNames[%d]", i), n)
	}
	if s.Charging != nil {
		v.charging("charging.", s.Charging)
	}
	if s.EPS != nil {
		if !imsi {
			v.fail("eps", "no private identity has an imsi")
		}
		v.eps(s.EPS)
	}
	return v.err()
}

func (v *validator) credentials(f string, p *PrivateIdentity) {
	switch p.Scheme {
	case "":
	case schemeAKAv1, schemeAKAv2:
		if p.AKA == nil {
			v.fail(f+"scheme", "%q needs aka", p.Scheme)
		}
	case schemeDigest:
		if p.Digest == nil {
			v.fail(f+"scheme", "%q needs digest", p.Scheme)
		}
	default:
		v.fail(f+"scheme", "%q is none of %q", p.Scheme, []string{schemeAKAv1, schemeAKAv2, schemeDigest})
	}
	if a := p.AKA; a != nil {
		keyLen, opLen := 16, 16
		switch a.Algorithm {
		case "", Milenage:
			if a.RESLen|a.CKLen|a.IKLen|a.Iterations != 0 {
				v.fail(f+"aka.resLen", "lengths and iterations are for tuak")
			}
		case TUAK:
			opLen = 32
			if a.K.Len() == 32 {
				keyLen = 32
			}
		default:
			v.fail(f+"aka.algorithm", "%q is neither %q nor %q", a.Algorithm, Milenage, TUAK)
		}
		v.key(f+"aka.k", a.K, keyLen)
		switch {
		case a.OPc.IsZero() == a.OP.IsZero():
			v.fail(f+"aka.opc", "one of opc and op has to be there")
		case a.OP.IsZero():
			v.key(f+"aka.opc", a.OPc, opLen)
		default:
			v.key(f+"aka.op", a.OP, opLen)
		}
		if b, err := hex.DecodeString(a.AMF); err != nil || len(b) != 2 && len(b) != 0 {
			v.fail(f+"aka.amf", "%q is not four hexadecimal digits", a.AMF)
		}
		if a.SQN >= 1<<48 {
			v.fail(f+"aka.sqn", "%d has more than 48 bits", a.SQN)
		}
		if a.Algorithm == TUAK && !a.hidden() {
			if _, err := a.algorithm(); err != nil {
				v.fail(f+"aka", "%v", err)
			}
		}
	}
	if d := p.Digest; d != nil {
		if d.Realm == "" || strings.ContainsAny(d.Realm, "\r\n\x00") || len(d.Realm) > maxText {
			v.fail(f+"digest.realm", "%q is no realm", d.Realm)
		}
		length, other := md5.Size, sha256.Size
		switch d.Algorithm {
		case "", "MD5":
		case "SHA-256":
			length, other = other, length
		default:
			v.fail(f+"digest.algorithm", "%q is neither \"MD5\" nor \"SHA-256\"", d.Algorithm)
		}
		if !oneOf(d.QoP, "", "auth", "auth-int") {
			v.fail(f+"digest.qop", "%q is neither \"auth\" nor \"auth-int\"", d.QoP)
		}
		v.key(f+"digest.ha1", d.HA1, length)
		if !d.AlternateHA1.IsZero() {
			v.key(f+"digest.alternateHA1", d.AlternateHA1, other)
		}
		if p.IMPI == "" {
			v.fail(f+"impi", "digest needs an impi")
		}
	}
}

func (v *validator) key(field string, s Secret, octets int) {
	if !s.Hidden() && s.Len() != octets {
		v.fail(field, "%d octets, not %d", s.Len(), octets)
	}
}

func (v *validator) publicIdentity(f string, p *PublicIdentity) {
	switch p.Type {
	case "", UserIdentity, DistinctPSI:
		v.uri(f+"identity", p.Identity)
	case WildcardedPSI, WildcardedIMPU:
		before, rest, ok := strings.Cut(p.Identity, "!")
		at := strings.LastIndexByte(rest, '!')
		if !ok || at < 0 {
			v.fail(f+"identity", "%q has no regular expression between two \"!\"", p.Identity)
			break
		}
		v.uri(f+"identity", before+"x")
		if _, err := regexp.Compile("^(?:" + rest[:at] + ")$"); err != nil {
			v.fail(f+"identity", "%v", err)
		}
	default:
		v.fail(f+"type", "%q is none of %q", p.Type, []IdentityType{UserIdentity, DistinctPSI, WildcardedPSI, WildcardedIMPU})
	}
	if n := p.ServicePriorityLevel; n != nil && (*n < 0 || *n > 4) {
		v.fail(f+"servicePriorityLevel", "%d is not 0 to 4", *n)
	}
	if n := p.MaxRegistrations; n != nil && *n < 1 {
		v.fail(f+"maxRegistrations", "%d is less than 1", *n)
	}
	if p.ImplicitSet < 0 {
		v.fail(f+"implicitSet", "%d is negative", p.ImplicitSet)
	}
	if p.Default && (p.Barred || p.IsPSI()) {
		v.fail(f+"default", "a barred identity or a PSI cannot be the default")
	}
	if p.ServerName != "" {
		v.uri(f+"serverName", p.ServerName)
		if !p.IsPSI() {
			v.fail(f+"serverName", "only a PSI has one")
		}
	}
	if p.Inactive && !p.IsPSI() {
		v.fail(f+"inactive", "only a PSI is active or not")
	}
}

// Validate tells what is wrong with a service profile: a *[ValidationError].
func (p *ServiceProfile) Validate() error {
	var v validator
	v.profile("", p)
	return v.err()
}

// Validate tells what is wrong with a set of criteria: a *[ValidationError].
func (s *SharedIFCSet) Validate() error {
	var v validator
	if s.ID < 0 {
		v.fail("id", "%d is negative", s.ID)
	}
	v.criteria("", s.InitialFilterCriteria)
	return v.err()
}

func (v *validator) profile(f string, p *ServiceProfile) {
	v.text(f+"name", p.Name)
	v.criteria(f, p.InitialFilterCriteria)
	for i, id := range p.SharedIFCSets {
		if id < 0 {
			v.fail(fmt.Sprintf("%ssharedIFCSets[%d]", f, i), "%d is negative", id)
		}
	}
	if n := p.SubscribedMediaProfileID; n != nil && *n < 0 {
		v.fail(f+"subscribedMediaProfileID", "%d is negative", *n)
	}
}

func (v *validator) criteria(f string, list []InitialFilterCriteria) {
	for i := range list {
		c := &list[i]
		at := fmt.Sprintf("%sinitialFilterCriteria[%d]", f, i)
		out, err := c.CX()
		if err != nil {
			v.fail(at, "%v", err)
			continue
		}
		if c.XML != "" && (c.Priority != 0 || c.ApplicationServer != "" || len(c.Triggers) > 0) {
			v.fail(at+".xml", "xml comes with other fields")
		}
		if out.Priority < 0 {
			v.fail(at+".priority", "%d is negative", out.Priority)
		}
		v.uri(at+".applicationServer", out.ApplicationServer.ServerName)
	}
}

func (v *validator) charging(f string, c *Charging) {
	for _, a := range []struct{ name, value string }{
		{"primaryEventChargingFunctionName", c.PrimaryEventChargingFunctionName},
		{"secondaryEventChargingFunctionName", c.SecondaryEventChargingFunctionName},
		{"primaryChargingCollectionFunctionName", c.PrimaryChargingCollectionFunctionName},
		{"secondaryChargingCollectionFunctionName", c.SecondaryChargingCollectionFunctionName},
	} {
		if a.value != "" && v.text(f+a.name, a.value) && !strings.HasPrefix(a.value, "aaa://") && !strings.HasPrefix(a.value, "aaas://") {
			v.fail(f+a.name, "%q is no DiameterURI", a.value)
		}
	}
}

func (v *validator) eps(e *EPS) {
	for i, n := range e.VisitedPLMNs {
		v.digits(fmt.Sprintf("eps.visitedPLMNs[%d]", i), n, 5, 6)
	}
	if e.STNSR != "" {
		v.digits("eps.stnSR", e.STNSR, 3, 15)
	}
	if e.NetworkAccessMode > 2 {
		v.fail("eps.networkAccessMode", "%d is not 0 to 2", e.NetworkAccessMode)
	}
	found := e.DefaultAPN == ""
	for i := range e.APNs {
		a := &e.APNs[i]
		f := fmt.Sprintf("eps.apns[%d].", i)
		v.text(f+"name", a.Name)
		found = found || a.Name == e.DefaultAPN
		if !oneOf(a.PDNType, "", "IPv4", "IPv6", "IPv4v6", "IPv4_OR_IPv6") {
			v.fail(f+"pdnType", "%q is none of \"IPv4\", \"IPv6\", \"IPv4v6\", \"IPv4_OR_IPv6\"", a.PDNType)
		}
		if a.ARPPriority > 15 {
			v.fail(f+"arpPriority", "%d is not 1 to 15", a.ARPPriority)
		}
		if a.PDNGateway != "" {
			if _, err := netip.ParseAddr(a.PDNGateway); err != nil {
				v.fail(f+"pdnGateway", "%q is no IP address", a.PDNGateway)
			}
		}
		if len(a.Addresses) > 2 {
			v.fail(f+"addresses", "%d addresses", len(a.Addresses))
		}
		for j, s := range a.Addresses {
			if _, err := netip.ParseAddr(s); err != nil {
				v.fail(fmt.Sprintf("%saddresses[%d]", f, j), "%q is no IP address", s)
			}
		}
	}
	if !found {
		v.fail("eps.defaultAPN", "%q is none of apns", e.DefaultAPN)
	}
}

// DigestHA1 is the H(A1) of a password (RFC 8760 section 2.5); algorithm is "MD5" or "SHA-256", empty meaning "MD5".
func DigestHA1(algorithm, username, realm, password string) Secret {
	h := md5.New()
	if algorithm == "SHA-256" {
		h = sha256.New()
	}
	io.WriteString(h, username+":"+realm+":"+password)
	return NewSecret(h.Sum(nil))
}
