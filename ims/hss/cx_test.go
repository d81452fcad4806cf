package hss

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
)

const (
	s1 = "sip:s1.ims.example:6060"
	s2 = "sip:s2.ims.example:6060"

	aliceIMPI = "001010000000001@ims.example"
	aliceWork = "alice@ims.example"
	aliceIMPU = "sip:alice@ims.example"
	aliceTel  = "tel:+15551234567"
)

// fixture is an HSS with two subscriptions: alice, and bob, who has services while he is not registered and whose identities but one
// are barred.
func fixture(t testing.TB, change func(*Config)) *HSS {
	t.Helper()
	store := NewMemoryStore()
	bob := &Subscriber{
		ID:                "bob",
		PrivateIdentities: []PrivateIdentity{{IMPI: "bob@ims.example", AKA: alice(t).PrivateIdentities[0].AKA}},
		PublicIdentities: []PublicIdentity{
			{Identity: "sip:bob@ims.example"},
			{Identity: "sip:bob-barred@ims.example", Barred: true},
			{Identity: "sip:bob-alone@ims.example", Barred: true, ImplicitSet: 1},
			{Identity: "sip:bob-!.*!@ims.example", Type: WildcardedIMPU, ImplicitSet: 2},
			{Identity: "sip:bob-psi@ims.example", Type: DistinctPSI},
			{Identity: "sip:bob-asleep@ims.example", Type: DistinctPSI, Inactive: true},
		},
		ServiceProfiles: []ServiceProfile{{Name: "p", InitialFilterCriteria: []InitialFilterCriteria{
			{Priority: 2, ApplicationServer: "sip:as2.ims.example", ProfilePart: "registered"}, {Priority: 1, ApplicationServer: "sip:as1.ims.example", ProfilePart: "unregistered"}}}},
	}
	must(t, bob.Validate())
	a := alice(t)
	// Alice has no services while she is not registered.
	a.ServiceProfiles[0].InitialFilterCriteria[0].ProfilePart = "registered"
	must(t, store.Commit(Change{Put: a}, Change{Put: bob},
		Change{PutSharedIFCSet: &SharedIFCSet{ID: 7, InitialFilterCriteria: []InitialFilterCriteria{{Priority: 0, ApplicationServer: "sip:shared.ims.example", ProfilePart: "registered"}}}}))
	cfg := Config{Host: "hss.ims.example", Realm: "ims.example", Store: store}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	must(t, err)
	t.Cleanup(func() { h.Close(); store.Close() })
	return h
}

// outcome is what the tests look at in an answer.
type outcome struct {
	result       string
	server       string
	capabilities bool
	profile      bool
	wildcard     string
	restoration  int // SCSCF-Restoration-Infos
	user         string
}

func resultOf(r diameter.Result, err error) string {
	var p *diameter.ProtocolError
	if errors.As(err, &p) {
		return p.ResultCode.String()
	}
	if err != nil {
		return err.Error()
	}
	return strings.TrimPrefix(strings.TrimPrefix(resultName(r), "DIAMETER_"), "ERROR_")
}

// ask gives a request to the HSS as its node would, on the wire.
func ask(t testing.TB, h *HSS, req any) outcome {
	t.Helper()
	switch q := req.(type) {
	case *cx.UAR:
		a, err := h.uar(q, call{encode(t, q), true})
		if err != nil {
			return outcome{result: resultOf(diameter.Result{}, err)}
		}
		b := wire(t, a, cx.ParseUAA)
		return outcome{result: resultOf(b.Result(), nil), server: b.ServerName.Value, capabilities: b.ServerCapabilities != nil}
	case *cx.LIR:
		a, err := h.lir(q, call{encode(t, q), true})
		if err != nil {
			return outcome{result: resultOf(diameter.Result{}, err)}
		}
		b := wire(t, a, cx.ParseLIA)
		return outcome{result: resultOf(b.Result(), nil), server: b.ServerName.Value, capabilities: b.ServerCapabilities != nil, wildcard: b.WildcardedPublicIdentity.Value}
	case *cx.MAR:
		a, err := h.mar(q, call{encode(t, q), true})
		if err != nil {
			return outcome{result: resultOf(diameter.Result{}, err)}
		}
		b := wire(t, a, cx.ParseMAA)
		return outcome{result: resultOf(b.Result(), nil), user: b.UserName.Value}
	case *cx.SAR:
		a, err := h.sar(q, call{encode(t, q), true})
		if err != nil {
			return outcome{result: resultOf(diameter.Result{}, err)}
		}
		b := wire(t, a, cx.ParseSAA)
		return outcome{result: resultOf(b.Result(), nil), server: b.ServerName.Value, profile: b.UserData != nil, wildcard: b.WildcardedPublicIdentity.Value,
			restoration: len(b.SCSCFRestorationInfo), user: b.UserName.Value}
	case func(*HSS):
		q(h)
		return outcome{}
	}
	t.Fatalf("%T", req)
	return outcome{}
}

func encode(t testing.TB, c interface {
	AppendBinary([]byte) ([]byte, error)
}) diameter.Message {
	t.Helper()
	m, err := diameter.NewMessage(c)
	must(t, err)
	return m
}

// wire sends an answer through its encoding: what the HSS says has to be valid.
func wire[T any](t testing.TB, a interface {
	AppendBinary([]byte) ([]byte, error)
}, parse func(diameter.Message) (T, error)) T {
	t.Helper()
	b, err := parse(encode(t, a))
	if err != nil {
		t.Errorf("the answer is not valid: %v", err)
	}
	return b
}

func head() (string, diameter.VendorSpecificApplicationID, diameter.AuthSessionState) {
	return "x;1;1", vendorApplication(cx.Application), diameter.AuthSessionStateNoStateMaintained
}

func uar(impi, impu string, change ...func(*cx.UAR)) *cx.UAR {
	q := &cx.UAR{OriginHost: "icscf.ims.example", OriginRealm: "ims.example", DestinationRealm: "ims.example", UserName: impi, PublicIdentity: impu, VisitedNetworkIdentifier: []byte("ims.example")}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = head()
	for _, f := range change {
		f(q)
	}
	return q
}

func uat(v cx.UserAuthorizationType) func(*cx.UAR) {
	return func(q *cx.UAR) { q.UserAuthorizationType = diameter.Some(v) }
}

func lir(impu string, change ...func(*cx.LIR)) *cx.LIR {
	q := &cx.LIR{OriginHost: "icscf.ims.example", OriginRealm: "ims.example", DestinationRealm: "ims.example", PublicIdentity: impu}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = head()
	for _, f := range change {
		f(q)
	}
	return q
}

func originating(q *cx.LIR) { q.OriginatingRequest = diameter.Some(cx.OriginatingRequestOriginating) }
func relocate(q *cx.LIR) {
	q.UserAuthorizationType = diameter.Some(cx.UserAuthorizationTypeRegistrationAndCapabilities)
}

func hostOf(server string) string {
	return strings.TrimSuffix(strings.TrimPrefix(server, "sip:"), ":6060")
}

func mar(impi, impu, server string, change ...func(*cx.MAR)) *cx.MAR {
	q := &cx.MAR{OriginHost: hostOf(server), OriginRealm: "ims.example", DestinationRealm: "ims.example", UserName: impi, PublicIdentity: impu, ServerName: server, SIPNumberAuthItems: 1,
		SIPAuthDataItem: cx.SIPAuthDataItem{SIPAuthenticationScheme: diameter.Some(schemeAKAv1)}}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = head()
	for _, f := range change {
		f(q)
	}
	return q
}

func withScheme(s string) func(*cx.MAR) {
	return func(q *cx.MAR) { q.SIPAuthDataItem.SIPAuthenticationScheme = diameter.Some(s) }
}

func sar(kind cx.ServerAssignmentType, server, impi string, change ...any) *cx.SAR {
	q := &cx.SAR{OriginHost: hostOf(server), OriginRealm: "ims.example", DestinationRealm: "ims.example", ServerName: server, ServerAssignmentType: kind}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = head()
	if impi != "" {
		q.UserName = diameter.Some(impi)
	}
	for _, c := range change {
		switch c := c.(type) {
		case string:
			q.PublicIdentity = append(q.PublicIdentity, c)
		case func(*cx.SAR):
			c(q)
		}
	}
	return q
}

const (
	noAssignment  = cx.ServerAssignmentTypeNoAssignment
	registration  = cx.ServerAssignmentTypeRegistration
	reRegister    = cx.ServerAssignmentTypeReRegistration
	unregistered  = cx.ServerAssignmentTypeUnregisteredUser
	timeout       = cx.ServerAssignmentTypeTimeoutDeregistration
	userDereg     = cx.ServerAssignmentTypeUserDeregistration
	timeoutStore  = cx.ServerAssignmentTypeTimeoutDeregistrationStoreServerName
	userStore     = cx.ServerAssignmentTypeUserDeregistrationStoreServerName
	adminDereg    = cx.ServerAssignmentTypeAdministrativeDeregistration
	authFailure   = cx.ServerAssignmentTypeAuthenticationFailure
	authTimeout   = cx.ServerAssignmentTypeAuthenticationTimeout
	tooMuchData   = cx.ServerAssignmentTypeDeregistrationTooMuchData
	regAndCaps    = cx.UserAuthorizationTypeRegistrationAndCapabilities
	deregister    = cx.UserAuthorizationTypeDeRegistration
	badVisited    = "far.away"
	roomIdentity  = "sip:room-12@ims.example"
	roomWildcard  = "sip:room-!.*!@ims.example"
	bobIMPI       = "bob@ims.example"
	bobIMPU       = "sip:bob@ims.example"
	mismatch      = "IDENTITIES_DONT_MATCH"
	unknown       = "USER_UNKNOWN"
	ok            = "SUCCESS"
	first         = "FIRST_REGISTRATION"
	subsequent    = "SUBSEQUENT_REGISTRATION"
	notRegistered = "IDENTITY_NOT_REGISTERED"
	already       = "IDENTITY_ALREADY_REGISTERED"
	assignment    = "IN_ASSIGNMENT_TYPE"
	cannot        = "UNABLE_TO_COMPLY"
)

func available(q *cx.SAR) {
	q.UserDataAlreadyAvailable = cx.UserDataAlreadyAvailableUserDataAlreadyAvailable
}

func restorable(q *cx.SAR) {
	q.SCSCFRestorationInfo = &cx.SCSCFRestorationInfo{UserName: q.UserName.Value, RestorationInfo: []cx.RestorationInfo{{Path: []byte("<sip:p>"), Contact: []byte("<sip:c>")}}}
}

func multiple(q *cx.SAR) {
	q.MultipleRegistrationIndication = diameter.Some(cx.MultipleRegistrationIndicationMultipleRegistration)
}

func noRestoration(c *Config) { c.NoRestoration = true }

type step struct {
	req  any
	want outcome
}

// TestCx goes through the branches of TS 29.228 section 6. The state of a case is what its steps before have made.
func TestCx(t *testing.T) {
	registered := step{sar(registration, s1, aliceIMPI, aliceIMPU), outcome{result: ok, profile: true, user: aliceIMPI}}
	served := step{sar(unregistered, s1, "", bobIMPU), outcome{result: ok, profile: true, user: bobIMPI}}
	for _, c := range []struct {
		name   string
		config func(*Config)
		steps  []step
	}{
		// 6.1.1.1 User registration status query. Alice needs capabilities of her S-CSCF, bob none.
		{"6.1.1.1 step 2: unknown public identity", nil, []step{{uar(aliceIMPI, "sip:nobody@ims.example"), outcome{result: unknown}}}},
		{"6.1.1.1 step 2: unknown private identity", nil, []step{{uar("nobody@ims.example", aliceIMPU), outcome{result: unknown}}}},
		{"6.1.1.1 step 3: a PSI is no public user identity", nil, []step{{uar(aliceIMPI, "sip:chat@ims.example"), outcome{result: unknown}}}},
		{"6.1.1.1 step 3: one of many is no distinct identity", nil, []step{{uar(bobIMPI, "sip:bob-7@ims.example"), outcome{result: unknown}}}},
		{"6.1.1.1 step 4: of another subscription", nil, []step{{uar(bobIMPI, aliceIMPU), outcome{result: mismatch}}}},
		{"6.1.1.1 step 4: of another private identity", nil, []step{{uar(aliceIMPI, "sip:alice-work@ims.example"), outcome{result: mismatch}}}},
		{"6.1.1.1 step 5: barred, the set is not", nil, []step{{uar(bobIMPI, "sip:bob-barred@ims.example"), outcome{result: first}}}},
		{"6.1.1.1 step 5: all of the set are barred", nil, []step{{uar(bobIMPI, "sip:bob-alone@ims.example"), outcome{result: "AUTHORIZATION_REJECTED"}}}},
		{"6.1.1.1 step 5: barred, emergency", nil, []step{{uar(bobIMPI, "sip:bob-alone@ims.example", func(q *cx.UAR) { q.UARFlags = diameter.Some(cx.UARFlagsIMSEmergencyRegistration) }), outcome{result: first}}}},
		{"6.1.1.1 step 6: roaming", nil, []step{
			{uar(aliceIMPI, aliceIMPU, func(q *cx.UAR) { q.VisitedNetworkIdentifier = []byte(badVisited) }), outcome{result: "ROAMING_NOT_ALLOWED"}},
			{uar(aliceIMPI, aliceIMPU, uat(regAndCaps), func(q *cx.UAR) { q.VisitedNetworkIdentifier = []byte(badVisited) }), outcome{result: "ROAMING_NOT_ALLOWED"}},
			{uar(aliceIMPI, aliceIMPU, func(q *cx.UAR) {
				q.VisitedNetworkIdentifier = []byte(badVisited)
				q.UARFlags = diameter.Some(cx.UARFlagsIMSEmergencyRegistration)
			}), outcome{result: first, capabilities: true}},
			{uar(aliceIMPI, aliceIMPU, uat(deregister), func(q *cx.UAR) { q.VisitedNetworkIdentifier = []byte(badVisited) }), outcome{result: notRegistered}},
			{uar(aliceIMPI, aliceIMPU, func(q *cx.UAR) { q.VisitedNetworkIdentifier = []byte(`"IMS.example"`) }), outcome{result: first, capabilities: true}},
		}},
		{"6.1.1.1 step 6: no such type", nil, []step{{uar(aliceIMPI, aliceIMPU, uat(9)), outcome{result: "DIAMETER_INVALID_AVP_VALUE"}}}},
		{"6.1.1.1 step 7: registered", nil, []step{
			registered,
			{uar(aliceIMPI, aliceIMPU), outcome{result: subsequent, server: s1}},
			{uar(aliceIMPI, aliceTel, uat(cx.UserAuthorizationTypeRegistration)), outcome{result: subsequent, server: s1}},
			{uar(aliceIMPI, aliceIMPU, uat(deregister)), outcome{result: ok, server: s1}},
			{uar(aliceIMPI, aliceIMPU, uat(regAndCaps)), outcome{result: ok, capabilities: true}},
		}},
		{"6.1.1.1 step 7: unregistered", nil, []step{
			served,
			{uar(bobIMPI, bobIMPU), outcome{result: subsequent, server: s1}},
			{uar(bobIMPI, bobIMPU, uat(deregister)), outcome{result: ok, server: s1}},
		}},
		{"6.1.1.1 step 7: not registered, another identity is", nil, []step{registered, {uar(aliceWork, "sip:alice-work@ims.example"), outcome{result: subsequent, server: s1}}}},
		{"6.1.1.1 step 7: not registered, authentication pending", nil, []step{
			{mar(aliceIMPI, aliceIMPU, s1), outcome{result: ok, user: aliceIMPI}},
			{uar(aliceIMPI, aliceIMPU), outcome{result: subsequent, server: s1}},
			{uar(aliceIMPI, aliceIMPU, uat(deregister)), outcome{result: notRegistered}},
		}},
		{"6.1.1.1 step 7: not registered", nil, []step{{uar(aliceIMPI, aliceIMPU), outcome{result: first, capabilities: true}}}},

		// 6.1.4.1 User location query.
		{"6.1.4.1 step 1: unknown", nil, []step{{lir("sip:nobody@ims.example"), outcome{result: unknown}}}},
		{"6.1.4.1 step 2: direct routing to a PSI", nil, []step{
			{lir("sip:chat@ims.example"), outcome{result: ok, server: "sip:as.ims.example"}},
			{lir("sip:chat@ims.example", originating), outcome{result: "UNREGISTERED_SERVICE", capabilities: true}},
		}},
		{"6.1.4.1 step 2: inactive PSI", nil, []step{{lir("sip:bob-asleep@ims.example"), outcome{result: unknown}}}},
		{"6.1.4.1 step 2: wildcarded PSI", nil, []step{{lir(roomIdentity), outcome{result: notRegistered, wildcard: roomWildcard}}}},
		{"6.1.4.1 step 2: PSI with services", nil, []step{
			{lir("sip:bob-psi@ims.example"), outcome{result: "UNREGISTERED_SERVICE"}},
			{sar(unregistered, s1, "", "sip:bob-psi@ims.example"), outcome{result: ok, profile: true, user: bobIMPI}},
			{lir("sip:bob-psi@ims.example"), outcome{result: ok, server: s1}},
			{lir(bobIMPU), outcome{result: "UNREGISTERED_SERVICE"}},
		}},
		{"6.1.4.1 step 3: the S-CSCF is out of reach", nil, []step{
			registered,
			{lir(aliceIMPU, relocate), outcome{result: ok, capabilities: true}},
			{sar(unregistered, s2, "", aliceIMPU), outcome{result: ok, profile: true, user: aliceIMPI}},
		}},
		{"6.1.4.1 step 3: without restoration", noRestoration, []step{registered, {lir(aliceIMPU, relocate), outcome{result: ok, server: s1}}}},
		{"6.1.4.1 step 4: registered", nil, []step{registered, {lir(aliceTel), outcome{result: ok, server: s1}}}},
		{"6.1.4.1 step 4: unregistered", nil, []step{served, {lir(bobIMPU), outcome{result: ok, server: s1}}}},
		{"6.1.4.1 step 4: not registered, with services", nil, []step{{lir(bobIMPU), outcome{result: "UNREGISTERED_SERVICE"}}}},
		{"6.1.4.1 step 4: not registered, with services, the subscription has an S-CSCF", nil, []step{served, {lir("sip:bob-7@ims.example"), outcome{result: ok, server: s1, wildcard: "sip:bob-!.*!@ims.example"}}}},
		{"6.1.4.1 step 4: not registered, without services", nil, []step{{lir(aliceIMPU), outcome{result: notRegistered}}}},
		{"6.1.4.1 step 4: not registered, originating", nil, []step{{lir(aliceIMPU, originating), outcome{result: "UNREGISTERED_SERVICE", capabilities: true}}}},

		// 6.3.1 Authentication.
		{"6.3.1 step 1: unknown", nil, []step{{mar(aliceIMPI, "sip:nobody@ims.example", s1), outcome{result: unknown}}, {mar("nobody", aliceIMPU, s1), outcome{result: unknown}}}},
		{"6.3.1 step 2: a PSI", nil, []step{{mar(aliceIMPI, "sip:chat@ims.example", s1), outcome{result: unknown}}}},
		{"6.3.1 step 2: one of many", nil, []step{{mar(bobIMPI, "sip:bob-7@ims.example", s1), outcome{result: unknown}}}},
		{"6.3.1 step 3: of another", nil, []step{{mar(bobIMPI, aliceIMPU, s1), outcome{result: mismatch}}}},
		{"6.3.1 step 4: schemes", nil, []step{
			{mar(aliceIMPI, aliceIMPU, s1, withScheme(schemeDigest)), outcome{result: "AUTH_SCHEME_NOT_SUPPORTED"}},
			{mar(aliceIMPI, aliceIMPU, s1, withScheme("NASS-Bundled")), outcome{result: "AUTH_SCHEME_NOT_SUPPORTED"}},
			{mar(aliceIMPI, aliceIMPU, s1, withScheme(cx.SchemeUnknown)), outcome{result: "AUTH_SCHEME_NOT_SUPPORTED"}},
			{mar(aliceIMPI, aliceIMPU, s1, withScheme(schemeAKAv2)), outcome{result: ok, user: aliceIMPI}},
			{mar(aliceWork, aliceIMPU, s1, withScheme(cx.SchemeUnknown)), outcome{result: ok, user: aliceWork}},
			{mar(aliceWork, aliceIMPU, s1, withScheme(schemeDigest)), outcome{result: ok, user: aliceWork}},
			{mar(aliceWork, aliceIMPU, s1), outcome{result: "AUTH_SCHEME_NOT_SUPPORTED"}},
		}},
		{"6.3.1 step 5: registered, another S-CSCF", nil, []step{
			registered,
			{mar(aliceIMPI, aliceIMPU, s2), outcome{result: ok, user: aliceIMPI}},
			{uar(aliceIMPI, aliceIMPU), outcome{result: subsequent, server: s2}},
			{sar(reRegister, s1, aliceIMPI, aliceIMPU), outcome{result: already, server: s2, user: aliceIMPI}},
			{sar(registration, s2, aliceIMPI, aliceIMPU), outcome{result: ok, profile: true, user: aliceIMPI}},
			{func(h *HSS) { owed(t, h, "RTR s1.ims.example NEW_SERVER_ASSIGNED") }, outcome{}},
		}},

		// 6.1.2.1 S-CSCF registration and deregistration notification.
		{"6.1.2.1 step 1: unknown", nil, []step{
			{sar(registration, s1, aliceIMPI, "sip:nobody@ims.example"), outcome{result: unknown}},
			{sar(userDereg, s1, "nobody@ims.example"), outcome{result: unknown}},
			{sar(registration, s1, bobIMPI, aliceIMPU), outcome{result: mismatch}},
			{sar(userDereg, s1, "", aliceIMPU, bobIMPU), outcome{result: mismatch}},
		}},
		{"6.1.2.1: what has to be there", nil, []step{
			{sar(registration, s1, aliceIMPI), outcome{result: "DIAMETER_MISSING_AVP"}},
			{sar(registration, s1, "", aliceIMPU), outcome{result: "DIAMETER_MISSING_AVP"}},
			{sar(userDereg, s1, ""), outcome{result: "DIAMETER_MISSING_AVP"}},
			{sar(12, s1, aliceIMPI, aliceIMPU), outcome{result: "DIAMETER_INVALID_AVP_VALUE"}},
			{sar(99, s1, aliceIMPI, aliceIMPU), outcome{result: "DIAMETER_INVALID_AVP_VALUE"}},
		}},
		{"6.1.2.1 step 2: more than one identity", nil, []step{{sar(registration, s1, aliceIMPI, aliceIMPU, aliceTel), outcome{result: "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES"}}}},
		{"6.1.2.1 step 3: inactive PSI", nil, []step{{sar(unregistered, s1, "", "sip:bob-asleep@ims.example"), outcome{result: unknown}}}},
		{"6.1.2.1 step 4: types for a PSI", nil, []step{
			{sar(registration, s1, aliceIMPI, "sip:chat@ims.example"), outcome{result: assignment}},
			{sar(userDereg, s1, aliceIMPI, "sip:chat@ims.example"), outcome{result: assignment}},
			{sar(unregistered, s1, "", roomIdentity), outcome{result: ok, profile: true, wildcard: roomWildcard, user: aliceIMPI}},
			{sar(timeout, s1, "", roomIdentity), outcome{result: ok, wildcard: roomWildcard, user: aliceIMPI}},
			{lir(roomIdentity), outcome{result: notRegistered, wildcard: roomWildcard}},
		}},
		{"6.1.2.1: wildcarded identity by name", nil, []step{{sar(unregistered, s1, "", "sip:whoever@ims.example", func(q *cx.SAR) { q.WildcardedPublicIdentity = diameter.Some(roomWildcard) }), outcome{result: ok, profile: true, wildcard: roomWildcard, user: aliceIMPI}}}},
		{"6.1.2.1 REGISTRATION: another S-CSCF has the user", nil, []step{
			registered,
			{sar(registration, s2, aliceIMPI, aliceIMPU), outcome{result: already, server: s1, user: aliceIMPI}},
			{sar(reRegister, s2, aliceIMPI, aliceTel), outcome{result: already, server: s1, user: aliceIMPI}},
			{sar(registration, s2, aliceWork, "sip:alice-work@ims.example"), outcome{result: already, server: s1, user: aliceWork}},
		}},
		{"6.1.2.1 REGISTRATION: reassignment pending", nil, []step{
			registered,
			{uar(aliceIMPI, aliceIMPU, uat(regAndCaps)), outcome{result: ok, capabilities: true}},
			{sar(registration, s2, aliceIMPI, aliceIMPU), outcome{result: ok, profile: true, user: aliceIMPI}},
			{sar(registration, s1, aliceIMPI, aliceIMPU), outcome{result: already, server: s2, user: aliceIMPI}},
		}},
		{"6.1.2.1 REGISTRATION: reassignment without restoration", noRestoration, []step{
			registered,
			{uar(aliceIMPI, aliceIMPU, uat(regAndCaps)), outcome{result: ok, capabilities: true}},
			{sar(registration, s2, aliceIMPI, aliceIMPU), outcome{result: already, server: s1, user: aliceIMPI}},
		}},
		{"6.1.2.1 REGISTRATION: profile already available", nil, []step{{sar(registration, s1, aliceIMPI, aliceIMPU, available), outcome{result: ok, user: aliceIMPI}}}},
		{"6.1.2.1 REGISTRATION: multiple registration of a lost one", nil, []step{
			{sar(registration, s1, aliceIMPI, aliceIMPU, restorable), outcome{result: ok, profile: true, user: aliceIMPI}},
			{sar(registration, s1, aliceIMPI, aliceIMPU, multiple, restorable, available), outcome{result: assignment, profile: true, restoration: 1, user: aliceIMPI}},
			{sar(registration, s1, aliceIMPI, aliceIMPU, restorable), outcome{result: ok, profile: true, user: aliceIMPI}},
		}},
		{"6.1.2.1 UNREGISTERED_USER: registered, with restoration", nil, []step{
			{sar(registration, s1, aliceIMPI, aliceIMPU, restorable), outcome{result: ok, profile: true, user: aliceIMPI}},
			{sar(unregistered, s1, "", aliceIMPU), outcome{result: assignment, profile: true, restoration: 1, user: aliceIMPI}},
			{uar(aliceIMPI, aliceIMPU, uat(regAndCaps)), outcome{result: ok, capabilities: true}},
			{sar(unregistered, s2, "", aliceIMPU), outcome{result: assignment, profile: true, restoration: 1, user: aliceIMPI}},
			{lir(aliceIMPU), outcome{result: ok, server: s2}},
		}},
		{"6.1.2.1 UNREGISTERED_USER: registered, without restoration", noRestoration, []step{
			registered, {sar(unregistered, s1, "", aliceIMPU), outcome{result: ok, profile: true, user: aliceIMPI}},
		}},
		{"6.1.2.1 UNREGISTERED_USER: another S-CSCF", nil, []step{served, {sar(unregistered, s2, "", bobIMPU), outcome{result: already, server: s1, user: bobIMPI}}}},
		{"6.1.2.1 NO_ASSIGNMENT", nil, []step{
			{sar(noAssignment, s1, aliceIMPI, aliceIMPU), outcome{result: cannot, user: aliceIMPI}},
			{sar(registration, s1, aliceIMPI, aliceIMPU, restorable), outcome{result: ok, profile: true, user: aliceIMPI}},
			{sar(noAssignment, s1, aliceIMPI, aliceIMPU), outcome{result: ok, profile: true, restoration: 1, user: aliceIMPI}},
			{sar(noAssignment, s2, aliceIMPI, aliceIMPU), outcome{result: cannot, user: aliceIMPI}},
			{uar(aliceIMPI, aliceIMPU, uat(regAndCaps)), outcome{result: ok, capabilities: true}},
			{sar(noAssignment, s2, aliceIMPI, aliceIMPU), outcome{result: ok, profile: true, restoration: 1, user: aliceIMPI}},
		}},
		{"6.1.2.1 USER_DEREGISTRATION", nil, []step{
			registered,
			{sar(userDereg, s2, aliceIMPI, aliceIMPU), outcome{result: cannot, user: aliceIMPI}},
			{sar(userDereg, s1, aliceIMPI, aliceTel), outcome{result: ok, user: aliceIMPI}},
			{uar(aliceIMPI, aliceIMPU), outcome{result: first, capabilities: true}},
			{sar(userDereg, s1, aliceIMPI, aliceTel), outcome{result: ok, user: aliceIMPI}},
		}},
		{"6.1.2.1 USER_DEREGISTRATION: another private identity stays", nil, []step{
			registered,
			{sar(registration, s1, aliceWork, aliceIMPU), outcome{result: ok, profile: true, user: aliceWork}},
			{sar(userDereg, s1, aliceIMPI, aliceIMPU), outcome{result: ok, user: aliceIMPI}},
			{lir(aliceIMPU), outcome{result: ok, server: s1}},
			{sar(timeout, s1, aliceWork, aliceIMPU), outcome{result: ok, user: aliceWork}},
			{lir(aliceIMPU), outcome{result: notRegistered}},
		}},
		{"6.1.2.1 deregistration of all of a private identity", nil, []step{
			registered,
			{sar(registration, s1, aliceWork, "sip:alice-work@ims.example"), outcome{result: ok, profile: true, user: aliceWork}},
			{sar(registration, s1, aliceWork, aliceIMPU), outcome{result: ok, profile: true, user: aliceWork}},
			{sar(adminDereg, s1, aliceWork), outcome{result: ok, user: aliceWork}},
			{lir("sip:alice-work@ims.example"), outcome{result: notRegistered}},
			{lir(aliceIMPU), outcome{result: ok, server: s1}},
		}},
		{"6.1.2.1 USER_DEREGISTRATION_STORE_SERVER_NAME", nil, []step{
			registered,
			{sar(userStore, s1, aliceIMPI, aliceIMPU), outcome{result: ok, user: aliceIMPI}},
			{lir(aliceIMPU), outcome{result: ok, server: s1}},
			{uar(aliceIMPI, aliceIMPU, uat(deregister)), outcome{result: ok, server: s1}},
			{sar(timeout, s1, "", aliceIMPU), outcome{result: ok, user: aliceIMPI}},
			{lir(aliceIMPU), outcome{result: notRegistered}},
		}},
		{"6.1.2.1 TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME: not kept", func(c *Config) { c.DropServerNames = true }, []step{
			registered,
			{sar(timeoutStore, s1, aliceIMPI, aliceIMPU), outcome{result: "SUCCESS_SERVER_NAME_NOT_STORED", user: aliceIMPI}},
			{lir(aliceIMPU), outcome{result: notRegistered}},
		}},
		{"6.1.2.1 DEREGISTRATION_TOO_MUCH_DATA", nil, []step{registered, {sar(tooMuchData, s1, aliceIMPI, aliceIMPU), outcome{result: ok, user: aliceIMPI}}, {lir(aliceIMPU), outcome{result: notRegistered}}}},
		{"6.1.2.1 AUTHENTICATION_FAILURE", nil, []step{
			{mar(aliceIMPI, aliceIMPU, s1), outcome{result: ok, user: aliceIMPI}},
			{sar(authFailure, s2, aliceIMPI, aliceIMPU), outcome{result: cannot, user: aliceIMPI}},
			{sar(authFailure, s1, aliceIMPI, aliceIMPU), outcome{result: ok, user: aliceIMPI}},
			{uar(aliceIMPI, aliceIMPU), outcome{result: first, capabilities: true}},
		}},
		{"6.1.2.1 AUTHENTICATION_TIMEOUT: registered", nil, []step{
			registered, {mar(aliceIMPI, aliceIMPU, s1), outcome{result: ok, user: aliceIMPI}},
			{sar(authTimeout, s1, aliceIMPI, aliceIMPU), outcome{result: ok, user: aliceIMPI}},
			{lir(aliceIMPU), outcome{result: ok, server: s1}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fixture(t, c.config)
			for i, s := range c.steps {
				if got := ask(t, h, s.req); got != s.want {
					t.Fatalf("step %d, %T: %+v, want %+v", i, s.req, got, s.want)
				}
			}
		})
	}
}

// owed checks what the HSS owes to others, each as command, host and what else matters.
func owed(t testing.TB, h *HSS, want ...string) {
	t.Helper()
	var got []string
	for _, p := range h.Pushes() {
		m, err := diameter.ParseMessage(p.Message)
		must(t, err)
		s := p.Kind.String() + " " + p.Host
		switch p.Kind {
		case PushRTR:
			q, err := cx.ParseRTR(m)
			must(t, err)
			s += " " + q.DeregistrationReason.ReasonCode.String()
		case PushPPR:
			q, err := cx.ParsePPR(m)
			must(t, err)
			for name, there := range map[string]bool{"profile": q.UserData != nil} {
				if there {
					s += " " + name
				}
			}
			if q.ChargingInformation != nil {
				s += " charging"
			}
			if q.SIPAuthDataItem != nil {
				s += " digest"
			}
		}
		got = append(got, s)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("owed: %q, want %q", got, want)
	}
}

// TestVectors checks vectors against the card: each is accepted, resynchronisation goes on from the card's number, and a wrong AUTS
// changes nothing.
func TestVectors(t *testing.T) {
	h := fixture(t, nil)
	s, _ := h.store.Find(Key{KeyIMPI, aliceIMPI})
	alg, err := s.Subscriber.PrivateIdentities[0].AKA.algorithm()
	must(t, err)
	card := aka.NewSIM(alg, aka.SQNScheme{}, 0)
	challenge := func(n int, auts []byte) []cx.SIPAuthDataItem {
		t.Helper()
		q := mar(aliceIMPI, aliceIMPU, s1, func(q *cx.MAR) {
			q.SIPNumberAuthItems = uint32(n)
			q.SIPAuthDataItem.SIPAuthorization = auts
		})
		a, err := h.mar(q, call{encode(t, q), true})
		must(t, err)
		if a.Result() != success() {
			t.Fatal(resultName(a.Result()))
		}
		if int(a.SIPNumberAuthItems.Value) != len(a.SIPAuthDataItem) {
			t.Errorf("%d items said, %d there", a.SIPNumberAuthItems.Value, len(a.SIPAuthDataItem))
		}
		return a.SIPAuthDataItem
	}
	for _, n := range []int{0, 1, 3, 5, 100} {
		items := challenge(n, nil)
		if want := min(max(n, 1), 5); len(items) != want {
			t.Errorf("%d vectors for %d, want %d", len(items), n, want)
		}
		for i, v := range items {
			if v.SIPItemNumber.Value != uint32(i+1) {
				t.Errorf("item %d has number %d", i, v.SIPItemNumber.Value)
			}
			answer, err := card.Answer([16]byte(v.SIPAuthenticate), [16]byte(v.SIPAuthenticate[16:]))
			if err != nil || !bytes.Equal(answer.RES, v.SIPAuthorization) || !bytes.Equal(answer.CK, v.ConfidentialityKey) || !bytes.Equal(answer.IK, v.IntegrityKey) {
				t.Fatalf("the card says %v", err)
			}
		}
	}
	// A card that is ahead.
	ahead := aka.NewSIM(alg, aka.SQNScheme{}, aka.SQNScheme{}.Join(1<<30, 3))
	v := challenge(1, nil)[0]
	_, err = ahead.Answer([16]byte(v.SIPAuthenticate), [16]byte(v.SIPAuthenticate[16:]))
	var sync *aka.SyncFailure
	if !errors.As(err, &sync) {
		t.Fatal(err)
	}
	info := append(slices.Clone(v.SIPAuthenticate[:16]), sync.AUTS[:]...)
	bad := slices.Clone(info)
	bad[len(bad)-1] ^= 1
	for name, auth := range map[string][]byte{"wrong": bad, "short": info[:20], "long": append(slices.Clone(info), 0)} {
		before := h.store.SQN(aliceIMPI)
		q := mar(aliceIMPI, aliceIMPU, s1, func(q *cx.MAR) { q.SIPAuthDataItem.SIPAuthorization = auth })
		if got := ask(t, h, q); got.result != cannot || h.store.SQN(aliceIMPI) != before {
			t.Errorf("%s AUTS: %v, SQN %d, was %d", name, got, h.store.SQN(aliceIMPI), before)
		}
	}
	other := mar(aliceIMPI, aliceIMPU, s2, func(q *cx.MAR) { q.SIPAuthDataItem.SIPAuthorization = info })
	if got := ask(t, h, other); got.result != cannot {
		t.Errorf("AUTS from another S-CSCF: %v", got)
	}
	v = challenge(1, info)[0]
	if _, err := ahead.Answer([16]byte(v.SIPAuthenticate), [16]byte(v.SIPAuthenticate[16:])); err != nil {
		t.Errorf("after resynchronisation: %v", err)
	}
	if st := h.Stats(); st.Resynchronised != 1 || st.ResyncFailed != 3 {
		t.Errorf("%+v", st)
	}
}

// Cards that answer at random times, for several S-CSCFs, accept everything, as each S-CSCF uses its vectors in order.
func TestVectorsOfSeveralNodes(t *testing.T) {
	h := fixture(t, nil)
	s, _ := h.store.Find(Key{KeyIMPI, aliceIMPI})
	alg, err := s.Subscriber.PrivateIdentities[0].AKA.algorithm()
	must(t, err)
	card := aka.NewSIM(alg, aka.SQNScheme{}, 0)
	nodes := []string{}
	inds := map[uint64]bool{}
	for i := 0; len(nodes) < 6; i++ { // with INDs of their own
		name := fmt.Sprintf("node%d", i)
		if ind := hash(name) % 32; !inds[ind] {
			inds[ind] = true
			nodes = append(nodes, name)
		}
	}
	held := map[string][]aka.Vector{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		node := nodes[rnd.IntN(len(nodes))]
		if len(held[node]) == 0 {
			if held[node], err = h.vectors(&s.Subscriber.PrivateIdentities[0], 1+rnd.IntN(5), 0, node, true); err != nil {
				t.Fatal(err)
			}
		}
		v := held[node][0]
		held[node] = held[node][1:]
		if _, err := card.Answer(v.RAND, v.AUTN); err != nil {
			t.Fatal(err)
		}
	}
}
