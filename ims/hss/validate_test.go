package hss

import (
	"errors"
	"testing"
)

// TestValidate breaks one thing at a time and looks which field is named.
func TestValidate(t *testing.T) {
	number := func(n int) *int { return &n }
	for _, c := range []struct {
		field string
		spoil func(*Subscriber)
	}{
		{"id", func(s *Subscriber) { s.ID = "a b" }},
		{"privateIdentities[0].impi", func(s *Subscriber) { s.PrivateIdentities[0].IMPI = "x\n" }},
		{"privateIdentities[1].impi", func(s *Subscriber) { s.PrivateIdentities[1].IMPI = s.PrivateIdentities[0].IMPI }},
		{"privateIdentities[0].imsi", func(s *Subscriber) { s.PrivateIdentities[0].IMSI = "12a456" }},
		{"privateIdentities[0].aka.k", func(s *Subscriber) { s.PrivateIdentities[0].AKA.K = NewSecret([]byte{1}) }},
		{"privateIdentities[0].aka.opc", func(s *Subscriber) { s.PrivateIdentities[0].AKA.OP = s.PrivateIdentities[0].AKA.K }},
		{"privateIdentities[0].aka.amf", func(s *Subscriber) { s.PrivateIdentities[0].AKA.AMF = "80" }},
		{"privateIdentities[0].aka.sqn", func(s *Subscriber) { s.PrivateIdentities[0].AKA.SQN = 1 << 48 }},
		{"privateIdentities[0].aka.algorithm", func(s *Subscriber) { s.PrivateIdentities[0].AKA.Algorithm = "xor" }},
		{"privateIdentities[0].aka.opc", func(s *Subscriber) { s.PrivateIdentities[0].AKA.Algorithm = TUAK }}, // of 16 octets
		{"privateIdentities[0].aka.resLen", func(s *Subscriber) { s.PrivateIdentities[0].AKA.RESLen = 8 }},
		{"privateIdentities[0].scheme", func(s *Subscriber) { s.PrivateIdentities[0].Scheme = "SIP Digest" }},
		{"privateIdentities[1].digest.realm", func(s *Subscriber) { s.PrivateIdentities[1].Digest.Realm = "" }},
		{"privateIdentities[1].digest.ha1", func(s *Subscriber) { s.PrivateIdentities[1].Digest.Algorithm = "SHA-256" }},
		{"privateIdentities[1].digest.algorithm", func(s *Subscriber) { s.PrivateIdentities[1].Digest.Algorithm = "SHA-1" }},
		{"privateIdentities[1].digest.qop", func(s *Subscriber) { s.PrivateIdentities[1].Digest.QoP = "x" }},
		{"publicIdentities[0].identity", func(s *Subscriber) { s.PublicIdentities[0].Identity = "alice" }},
		{"publicIdentities[1].identity", func(s *Subscriber) { s.PublicIdentities[1].Identity = "sip:alice@IMS.example:5060" }},
		{"publicIdentities[5].identity", func(s *Subscriber) { s.PublicIdentities[5].Identity = "sip:room-!(!@ims.example" }},
		{"publicIdentities[0].type", func(s *Subscriber) { s.PublicIdentities[0].Type = "robot" }},
		{"publicIdentities[1].default", func(s *Subscriber) { s.PublicIdentities[1].Default = true }},
		{"publicIdentities[3].privateIdentities[0]", func(s *Subscriber) { s.PublicIdentities[3].PrivateIdentities = []string{"bob"} }},
		{"publicIdentities[0].servicePriorityLevel", func(s *Subscriber) { s.PublicIdentities[0].ServicePriorityLevel = number(5) }},
		{"publicIdentities[0].maxRegistrations", func(s *Subscriber) { s.PublicIdentities[0].MaxRegistrations = number(0) }},
		{"publicIdentities[0].serverName", func(s *Subscriber) { s.PublicIdentities[0].ServerName = "sip:as" }},
		{"publicIdentities[0].inactive", func(s *Subscriber) { s.PublicIdentities[0].Inactive = true }},
		{"serviceProfiles[0].name", func(s *Subscriber) { s.ServiceProfiles[0].Name = "" }},
		{"serviceProfiles[0].initialFilterCriteria[0]", func(s *Subscriber) { s.ServiceProfiles[0].InitialFilterCriteria[0].DefaultHandling = "x" }},
		{"msisdns[0]", func(s *Subscriber) { s.MSISDNs[0] = "+1555" }},
		{"capabilities.serverNames[0]", func(s *Subscriber) { s.Capabilities.ServerNames = []string{"scscf"} }},
		{"charging.primaryChargingCollectionFunctionName", func(s *Subscriber) { s.Charging.PrimaryChargingCollectionFunctionName = "ccf" }},
		{"eps", func(s *Subscriber) { s.PrivateIdentities[0].IMSI = "" }},
		{"eps.apns[0].pdnType", func(s *Subscriber) { s.EPS.APNs[0].PDNType = "X.25" }},
		{"eps.apns[1].addresses[0]", func(s *Subscriber) { s.EPS.APNs[1].Addresses[0] = "somewhere" }},
		{"eps.defaultAPN", func(s *Subscriber) { s.EPS.DefaultAPN = "none" }},
		{"eps.visitedPLMNs[0]", func(s *Subscriber) { s.EPS.VisitedPLMNs = []string{"1"} }},
	} {
		s := alice(t)
		c.spoil(s)
		var e *ValidationError
		if err := s.Validate(); !errors.As(err, &e) || e.Fields[0].Field != c.field {
			t.Errorf("%v, want %s", err, c.field)
		}
	}
}
