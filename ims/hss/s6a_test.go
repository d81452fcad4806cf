package hss

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/s6a"
	"github.com/gotelco/telco/ims/aka"
)

const aliceIMSI = "001010000000001"

var plmn00101 = []byte{0x00, 0xf1, 0x10}

func air(imsi string, n uint32) *s6a.AIR {
	v := vendorApplication(s6a.Application)
	q := &s6a.AIR{SessionID: "x;1;2", VendorSpecificApplicationID: &v, AuthSessionState: diameter.AuthSessionStateNoStateMaintained, OriginHost: "mme1.example", OriginRealm: "example",
		DestinationRealm: "example", UserName: imsi, VisitedPLMNID: plmn00101,
		RequestedEUTRANAuthenticationInfo: &s6a.RequestedEUTRANAuthenticationInfo{NumberOfRequestedVectors: diameter.Some(n)}}
	return q
}

func ulr(imsi, host string, flags s6a.ULRFlags) *s6a.ULR {
	v := vendorApplication(s6a.Application)
	return &s6a.ULR{SessionID: "x;1;2", VendorSpecificApplicationID: &v, AuthSessionState: diameter.AuthSessionStateNoStateMaintained, OriginHost: host, OriginRealm: "example",
		DestinationRealm: "example", UserName: imsi, VisitedPLMNID: plmn00101, RATType: s6a.RATTypeEUTRAN, ULRFlags: flags}
}

// TestAIR authenticates as an MME does, with the card's answers.
func TestAIR(t *testing.T) {
	h := fixture(t, nil)
	e, _ := h.store.Find(Key{KeyIMSI, aliceIMSI})
	alg, err := e.Subscriber.PrivateIdentities[0].AKA.algorithm()
	must(t, err)
	card := aka.NewSIM(alg, aka.SQNScheme{}, 0)
	get := func(q *s6a.AIR) *s6a.AIA {
		t.Helper()
		a, err := h.air(q, call{encode(t, q), true})
		must(t, err)
		b := wire(t, a, s6a.ParseAIA)
		return &b
	}
	for _, n := range []uint32{1, 3, 50} {
		a := get(air(aliceIMSI, n))
		if want := min(int(n), 5); a.Result() != success() || len(a.AuthenticationInfo.EUTRANVector) != want {
			t.Fatalf("%v, %+v", a.Result(), a.AuthenticationInfo)
		}
		for _, v := range a.AuthenticationInfo.EUTRANVector {
			answer, err := card.Answer([16]byte(v.RAND), [16]byte(v.AUTN))
			if err != nil || !bytes.Equal(answer.RES, v.XRES) {
				t.Fatalf("the card says %v", err)
			}
			if v.AUTN[6]&0x80 == 0 {
				t.Error("no separation bit in the AMF")
			}
			if !bytes.Equal(v.KASME, kasme(answer.CK, answer.IK, plmn00101, v.AUTN[:6])) {
				t.Error("KASME")
			}
			if v.ItemNumber.Present != (n > 1) {
				t.Errorf("item number %v", v.ItemNumber)
			}
		}
	}
	ahead := aka.NewSIM(alg, aka.SQNScheme{}, aka.SQNScheme{}.Join(99999, 0))
	q := air(aliceIMSI, 1)
	v := get(q).AuthenticationInfo.EUTRANVector[0]
	auts := aka.NewAUTS(alg, [16]byte(v.RAND), ahead.SQNMS())
	q.RequestedEUTRANAuthenticationInfo.ReSynchronizationInfo = append(bytes.Clone(v.RAND), auts[:]...)
	v = get(q).AuthenticationInfo.EUTRANVector[0]
	if _, err := ahead.Answer([16]byte(v.RAND), [16]byte(v.AUTN)); err != nil {
		t.Errorf("after resynchronisation: %v", err)
	}
	q.RequestedEUTRANAuthenticationInfo.ReSynchronizationInfo[29] ^= 1
	if a := get(q); a.Result() != s6a.AuthenticationDataUnavailable {
		t.Errorf("wrong AUTS: %v", a.Result())
	}
	if a := get(air("999", 1)); a.Result() != s6a.UserUnknown {
		t.Error(a.Result())
	}
	must(t, h.store.Commit(Change{Put: &Subscriber{ID: "ims only", PrivateIdentities: []PrivateIdentity{{IMSI: "001019"}}}}))
	if a := get(air("001019", 1)); a.Result() != s6a.UnknownEPSSubscription {
		t.Error(a.Result())
	}
	utran := air(aliceIMSI, 1)
	utran.RequestedEUTRANAuthenticationInfo = nil
	utran.RequestedUTRANGERANAuthenticationInfo = &s6a.RequestedUTRANGERANAuthenticationInfo{NumberOfRequestedVectors: diameter.Some(uint32(2))}
	if a := get(utran); len(a.AuthenticationInfo.UTRANVector) != 2 || len(a.AuthenticationInfo.UTRANVector[0].IntegrityKey) != 16 {
		t.Errorf("%+v", a.AuthenticationInfo)
	}
}

// TestKASME compares with the key derivation of TS 33.220 Annex B worked out by "openssl dgst -sha256 -mac hmac" over the octets that
// TS 33.401 Annex A.2 lists: 10, 00f110, 0003, the concealed SQN, 0006.
func TestKASME(t *testing.T) {
	ck, _ := hex.DecodeString("b40ba9a3c58b2a05bbf0d987b21bf8cb")
	ik, _ := hex.DecodeString("f769bcd751044604127672711c6d3441")
	sqn, _ := hex.DecodeString("55f328b43577")
	const want = "48579af8781c742d5120e6ed8ccac13193f38c53ab7aa69396f49ca6e1b0562d"
	if got := hex.EncodeToString(kasme(ck, ik, plmn00101, sqn)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestULR moves a user from MME to MME (TS 29.272 section 5.2.1).
func TestULR(t *testing.T) {
	h := fixture(t, nil)
	get := func(q *s6a.ULR) *s6a.ULA {
		t.Helper()
		a, err := h.ulr(q, call{encode(t, q), true})
		must(t, err)
		b := wire(t, a, s6a.ParseULA)
		return &b
	}
	a := get(ulr(aliceIMSI, "mme1.example", s6a.ULRFlagsS6aS6dIndicator|s6a.ULRFlagsInitialAttachIndicator))
	d := a.SubscriptionData
	if a.Result() != success() || d == nil || bcdDigits(d.MSISDN) != "15551234567" || d.AMBR.MaxRequestedBandwidthUL != 1e6 ||
		d.AMBR.MaxRequestedBandwidthDL != 1<<32-1 || d.AMBR.ExtendedMaxRequestedBWDL.Value != 5e6 || len(d.APNConfigurationProfile.APNConfiguration) != 2 {
		t.Fatalf("%v %+v", a.Result(), d)
	}
	ims := d.APNConfigurationProfile.APNConfiguration[1]
	if ims.ServiceSelection != "ims" || ims.PDNType != s6a.PDNTypeIPv4v6 || ims.EPSSubscribedQoSProfile.QoSClassIdentifier != 5 || ims.ServedPartyIPAddress[0].String() != "10.0.0.1" {
		t.Errorf("%+v", ims)
	}
	if a := get(ulr(aliceIMSI, "mme1.example", s6a.ULRFlagsS6aS6dIndicator|s6a.ULRFlagsSkipSubscriberData)); a.SubscriptionData != nil {
		t.Error("data that nobody asked for")
	}
	owed(t, h)
	get(ulr(aliceIMSI, "mme2.example", s6a.ULRFlagsS6aS6dIndicator))
	owed(t, h, "CLR mme1.example")
	view, err := h.As("test").Find(Key{KeyIMSI, aliceIMSI})
	must(t, err)
	if m := view.State.MME; m.Host != "mme2.example" || m.VisitedPLMN != "00101" {
		t.Errorf("%+v", m)
	}
	purge := func(host string) s6a.PUAFlags {
		q := &s6a.PUR{SessionID: "x;1;2", AuthSessionState: 1, OriginHost: host, OriginRealm: "example", DestinationRealm: "example", UserName: aliceIMSI}
		a, err := h.purge(q, call{encode(t, q), true})
		must(t, err)
		return wire(t, a, s6a.ParsePUA).PUAFlags.Value
	}
	notify := func(host string) diameter.Result {
		q := &s6a.NOR{SessionID: "x;1;2", AuthSessionState: 1, OriginHost: host, OriginRealm: "example", DestinationRealm: "example", UserName: aliceIMSI,
			TerminalInformation: &s6a.TerminalInformation{IMEI: diameter.Some("35342100000000")}}
		a, err := h.nor(q, call{encode(t, q), true})
		must(t, err)
		b := wire(t, a, s6a.ParseNOA)
		return b.Result()
	}
	if r := notify("mme1.example"); r != s6a.UnknownServingNode {
		t.Error(r)
	}
	if r := notify("mme2.example"); r != success() {
		t.Error(r)
	}
	// A change is told to the MME, the end of the subscription, too; not to one that has purged the user.
	s := view.Subscriber
	s.EPS.MaxBitRateUL = 2e6
	_, err = h.As("test").Put(s, PutOptions{})
	must(t, err)
	owed(t, h, "CLR mme1.example", "IDR mme2.example")
	if f := purge("mme1.example"); f != 0 {
		t.Errorf("flags %v for a node that is not serving", f)
	}
	if f := purge("mme2.example"); f != s6a.PUAFlagsFreezeMTMSI {
		t.Errorf("flags %v", f)
	}
	s.EPS.MaxBitRateUL = 3e6
	_, err = h.As("test").Put(s, PutOptions{})
	must(t, err)
	owed(t, h, "CLR mme1.example", "IDR mme2.example")
	get(ulr(aliceIMSI, "mme3.example", s6a.ULRFlagsS6aS6dIndicator))
	must(t, h.As("test").CancelLocation("alice"))
	owed(t, h, "CLR mme1.example", "IDR mme2.example", "CLR mme3.example")

	s.EPS.VisitedPLMNs = []string{"99999"}
	s.EPS.AccessRestriction = 1 << 4
	_, err = h.As("test").Put(s, PutOptions{})
	must(t, err)
	if a := get(ulr(aliceIMSI, "mme1.example", 2)); a.Result() != s6a.RoamingNotAllowed {
		t.Error(a.Result())
	}
	s.EPS.VisitedPLMNs = []string{"00101"}
	_, err = h.As("test").Put(s, PutOptions{})
	must(t, err)
	if a := get(ulr(aliceIMSI, "mme1.example", 2)); a.Result() != s6a.RATNotAllowed {
		t.Error(a.Result())
	}
}
