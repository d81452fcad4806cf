package diameter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func message(t testing.TB, c interface {
	AppendBinary([]byte) ([]byte, error)
}) Message {
	t.Helper()
	m, err := NewMessage(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testCER() *CER {
	return &CER{
		Header:                      Header{Flags: Request, Code: CommandCapabilitiesExchange, HopByHopID: 1, EndToEndID: 2},
		OriginHost:                  "hss.ims.example",
		OriginRealm:                 "ims.example",
		HostIPAddress:               []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		VendorID:                    10415,
		ProductName:                 "telco",
		OriginStateID:               Some(uint32(7)),
		SupportedVendorID:           []VendorID{10415, 13019},
		AuthApplicationID:           []ApplicationID{Relay},
		InbandSecurityID:            []InbandSecurityID{InbandSecurityIDNoInbandSecurity},
		VendorSpecificApplicationID: []VendorSpecificApplicationID{{VendorID: 10415, AuthApplicationID: Some(ApplicationID(16777216))}},
		FirmwareRevision:            Some(uint32(1)),
		AVPs:                        []AVP{{Code: 9999, Flags: 0, Data: []byte("kept")}},
	}
}

func TestCommandRoundTrip(t *testing.T) {
	cer := testCER()
	m := message(t, cer)
	got, err := ParseCER(m)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*cer, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	acr := &ACR{
		Header:    Header{Flags: Request | Proxiable, Code: CommandAccounting, ApplicationID: 3},
		SessionID: "a;1;2", OriginHost: "a.x", OriginRealm: "x", DestinationRealm: "y",
		AccountingRecordType: AccountingRecordTypeEventRecord, AccountingRecordNumber: 9,
		AcctSessionID: []byte{}, EventTimestamp: Some(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)),
		AccountingSubSessionID: Some(uint64(1 << 40)),
		ProxyInfo:              []ProxyInfo{{ProxyHost: "p", ProxyState: []byte{1, 2}, AVPs: []AVP{{Code: 9999, Data: []byte{1}}}}},
		RouteRecord:            []string{"r1", "r2"},
	}
	back, err := ParseACR(message(t, acr))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*acr, back); d != "" {
		t.Error(d)
	}
	aca := back.Answer("b.y", "y")
	aca.ResultCode = Success
	if aca.Header != (Header{Proxiable, CommandAccounting, 3, 0, 0}) || aca.SessionID != "a;1;2" || aca.AccountingRecordNumber != 9 || len(aca.ProxyInfo) != 1 || !aca.Result().IsSuccess() {
		t.Errorf("%+v", aca)
	}
}

func TestHeaderOfCommand(t *testing.T) {
	for name, c := range map[string]struct {
		got  Message
		want Header
	}{
		"filled in":        {message(t, &RAR{Header: Header{ApplicationID: 16777236, HopByHopID: 3}}), Header{Request | Proxiable, CommandReAuth, 16777236, 3, 0}},
		"from the request": {message(t, &RAA{Header: Header{Request, CommandReAuth, 5, 3, 4}.Answer()}), Header{0, CommandReAuth, 5, 3, 4}},
		"retransmitted":    {message(t, &RAR{Header: Header{Flags: Retransmitted, ApplicationID: 1}}), Header{Request | Proxiable | Retransmitted, CommandReAuth, 1, 0, 0}},
	} {
		if c.got.Header != c.want {
			t.Errorf("%s: %v, want %v", name, c.got.Header, c.want)
		}
	}
}

// TestValidation holds what is wrong with a request against the result code and Failed-AVP of RFC 6733 section 7.1.
func TestValidation(t *testing.T) {
	raw := func(code AVPCode, data string) AVP { return AVP{Code: code, Flags: Mandatory, Data: []byte(data)} }
	u32 := func(code AVPCode, v uint32) AVP { return raw(code, string(binary.BigEndian.AppendUint32(nil, v))) }
	group := func(code AVPCode, avps ...AVP) AVP { return raw(code, string(AppendAVPs(nil, avps))) }
	host, realm, cause := raw(AVPOriginHost, "h"), raw(AVPOriginRealm, "r"), u32(AVPDisconnectCause, 0)
	vsai := func(avps ...AVP) AVP { return group(AVPVendorSpecificApplicationID, avps...) }
	cer := []AVP{host, realm, raw(AVPHostIPAddress, "\x00\x01\x7f\x00\x00\x01"), u32(AVPVendorID, 0), {Code: AVPProductName, Data: []byte("p")}}
	for _, c := range []struct {
		name   string
		header Header
		avps   []AVP
		code   ResultCode
		failed []AVP
	}{
		{"good", Header{Flags: Request, Code: 282}, []AVP{host, realm, cause}, 0, nil},
		{"in another order", Header{Flags: Request, Code: 282}, []AVP{cause, realm, host}, 0, nil},
		{"other command", Header{Flags: Request, Code: 280}, []AVP{host, realm, cause}, CommandUnsupported, nil},
		{"an answer", Header{Code: 282}, []AVP{host, realm, cause}, CommandUnsupported, nil},
		{"a request with E", Header{Flags: Request | ErrorFlag, Code: 282}, []AVP{host, realm, cause}, InvalidHdrBits, nil},
		{"unknown mandatory AVP", Header{Flags: Request, Code: 282}, []AVP{host, raw(9999, "x"), realm, cause}, AVPUnsupported, []AVP{raw(9999, "x")}},
		{"unknown AVP", Header{Flags: Request, Code: 282}, []AVP{host, {Code: 9999, Data: []byte("x")}, realm, cause}, 0, nil},
		{"AVP of another command", Header{Flags: Request, Code: 282}, []AVP{host, u32(AVPOriginStateID, 1), realm, cause}, 0, nil},
		{"not UTF-8", Header{Flags: Request, Code: 282}, []AVP{raw(AVPOriginHost, "\xff"), realm, cause}, InvalidAVPValue, []AVP{raw(AVPOriginHost, "\xff")}},
		{"missing text", Header{Flags: Request, Code: 282}, []AVP{realm, cause}, MissingAVP, []AVP{raw(AVPOriginHost, "")}},
		{"missing number", Header{Flags: Request, Code: 282}, []AVP{host, realm}, MissingAVP, []AVP{u32(AVPDisconnectCause, 0)}},
		{"twice", Header{Flags: Request, Code: 282}, []AVP{host, raw(AVPOriginHost, "again"), realm, cause}, AVPOccursTooManyTimes, []AVP{raw(AVPOriginHost, "again")}},
		{"short number", Header{Flags: Request, Code: 282}, []AVP{host, realm, raw(AVPDisconnectCause, "\x01")}, InvalidAVPLength, []AVP{raw(AVPDisconnectCause, "\x01\x00\x00\x00")}},
		{"missing address", Header{Flags: Request, Code: 257}, append(cer[:2:2], cer[3:]...), MissingAVP, []AVP{raw(AVPHostIPAddress, "\x00\x00\x00\x00\x00\x00")}},
		{"missing in a group", Header{Flags: Request, Code: 257}, append(cer[:5:5], vsai(u32(AVPAuthApplicationID, 4))), MissingAVP, []AVP{vsai(u32(AVPVendorID, 0))}},
		{"not allowed in a group", Header{Flags: Request, Code: 257}, append(cer[:5:5], vsai(u32(AVPVendorID, 1), u32(AVPAuthApplicationID, 4), host)), AVPNotAllowed, []AVP{vsai(host)}},
		{"no application", Header{Flags: Request, Code: 257}, append(cer[:5:5], vsai(u32(AVPVendorID, 1))), MissingAVP,
			[]AVP{vsai(u32(AVPAuthApplicationID, 0), u32(AVPAcctApplicationID, 0))}},
		{"two applications", Header{Flags: Request, Code: 257}, append(cer[:5:5], vsai(u32(AVPVendorID, 1), u32(AVPAcctApplicationID, 5), u32(AVPAuthApplicationID, 4))), AVPOccursTooManyTimes,
			[]AVP{vsai(u32(AVPAuthApplicationID, 4), u32(AVPAcctApplicationID, 5))}},
		{"cut AVP in a group", Header{Flags: Request, Code: 257}, append(cer[:5:5], raw(AVPVendorSpecificApplicationID, "\x00\x00\x01\x0a\x40\x00\x00\x0d\x00\x00\x00\x01")), InvalidAVPLength,
			[]AVP{vsai(AVP{Code: AVPVendorID, Flags: Mandatory})}},
	} {
		m := Message{Header: c.header, AVPs: AppendAVPs(nil, c.avps)}
		var err error
		if c.name == "other command" || m.Code != CommandCapabilitiesExchange {
			_, err = ParseDPR(m)
		} else {
			_, err = ParseCER(m)
		}
		if c.code == 0 {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var got *ProtocolError
		if !errors.As(err, &got) || got.ResultCode != c.code || got.Text == "" {
			t.Errorf("%s: %v, want %v", c.name, err, c.code)
			continue
		}
		if d := cmp.Diff(c.failed, got.FailedAVP); d != "" {
			t.Errorf("%s: Failed-AVP: %s", c.name, d)
		}
	}
}

func TestErrorAnswerNeedNotBeComplete(t *testing.T) {
	m := Message{Header: Header{Flags: ErrorFlag, Code: CommandReAuth}}
	m.AVPs = AppendUint32(m.AVPs, AVPResultCode, Mandatory, 0, uint32(UnableToDeliver))
	raa, err := ParseRAA(m)
	if err != nil || raa.Result() != (Result{Code: UnableToDeliver}) {
		t.Errorf("%v %v", raa.Result(), err)
	}
	m.Flags = 0
	if _, err := ParseRAA(m); err == nil {
		t.Error("nothing is missing in an answer without the E flag")
	}
}

// TestKeptAVPs shows that what the grammar doesn't hold is sent again: unknown AVPs, those that came once too often, addresses
// of other families.
func TestKeptAVPs(t *testing.T) {
	m := message(t, testCER())
	m.AVPs = AppendText(m.AVPs, AVPOriginHost, Mandatory, 0, "second")
	m.AVPs = AppendOctets(m.AVPs, AVPHostIPAddress, Mandatory, 0, []byte{0, 8, '4', '9'})
	c, err := ParseCER(m)
	var p *ProtocolError
	if !errors.As(err, &p) || p.ResultCode != AVPOccursTooManyTimes {
		t.Errorf("%v", err)
	}
	if c.OriginHost != "hss.ims.example" || len(c.HostIPAddress) != 2 {
		t.Errorf("%+v", c)
	}
	again := message(t, &c)
	if !bytes.Equal(again.AVPs, m.AVPs) {
		t.Errorf("%x, want\n%x", again.AVPs, m.AVPs)
	}
}

func TestTextOutlivesMessage(t *testing.T) {
	m := message(t, testCER())
	c, err := ParseCER(m)
	clear(m.AVPs)
	if err != nil || c.OriginHost != "hss.ims.example" {
		t.Errorf("%q %v", c.OriginHost, err)
	}
}

func FuzzCommands(f *testing.F) {
	f.Add([]byte(message(f, testCER()).AVPs))
	f.Add([]byte(message(f, &RAA{FailedAVP: []AVP{{Code: 1}}, RedirectHostUsage: Some(RedirectHostUsageAllHost)}).AVPs))
	f.Fuzz(func(t *testing.T, avps []byte) {
		m := Message{Header{Flags: Request, Code: CommandCapabilitiesExchange}, avps}
		if c, err := ParseCER(m); err == nil {
			back := message(t, &c)
			again, err := ParseCER(back)
			if err != nil {
				t.Fatalf("%v after %x", err, back.AVPs)
			}
			if d := cmp.Diff(c, again, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Fatal(d)
			}
		}
		m.Header = Header{Code: CommandAccounting}
		if c, err := ParseACA(m); err == nil {
			back := message(t, &c)
			if again, err := ParseACA(back); err != nil || cmp.Diff(c, again) != "" {
				t.Fatal(err, cmp.Diff(c, again))
			}
		}
	})
}
