// Package codec compares reading and writing a Multimedia-Auth-Answer with go-diameter.
package codec

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// answer is a Multimedia-Auth-Answer of the capture that package cx has.
func answer(b testing.TB) []byte {
	text, err := os.ReadFile("../../../../diameter/cx/testdata/kamailio-5.6.3.txt")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) < 20 || raw[4]&0x80 != 0 || raw[6] != 1 || raw[7] != 303-256 {
			continue
		}
		return raw
	}
	b.Fatal("no MAA")
	return nil
}

// theirDictionary is what go-diameter needs to know of Cx.
const theirDictionary = `<?xml version="1.0" encoding="UTF-8"?>
<diameter><application id="16777216" type="auth" name="Cx">
<vendor id="10415" name="TGPP"/>
<command code="303" short="MA" name="Multimedia-Auth">
<request><rule avp="Session-Id" required="true" max="1"/></request>
<answer><rule avp="Session-Id" required="true" max="1"/></answer></command>
<avp name="Public-Identity" code="601" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="UTF8String"/></avp>
<avp name="SIP-Number-Auth-Items" code="607" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="Unsigned32"/></avp>
<avp name="SIP-Authentication-Scheme" code="608" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="UTF8String"/></avp>
<avp name="SIP-Authenticate" code="609" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="OctetString"/></avp>
<avp name="SIP-Authorization" code="610" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="OctetString"/></avp>
<avp name="SIP-Auth-Data-Item" code="612" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="Grouped">
<rule avp="SIP-Item-Number" required="false" max="1"/></data></avp>
<avp name="SIP-Item-Number" code="613" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="Unsigned32"/></avp>
<avp name="Confidentiality-Key" code="625" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="OctetString"/></avp>
<avp name="Integrity-Key" code="626" must="V,M" may="P" must-not="-" may-encrypt="N" vendor-id="10415"><data type="OctetString"/></avp>
</application></diameter>`

// theirMAA is the struct that go-diameter's Unmarshal fills.
type theirMAA struct {
	SessionID                   datatype.UTF8String `avp:"Session-Id"`
	VendorSpecificApplicationID struct {
		VendorID          datatype.Unsigned32 `avp:"Vendor-Id"`
		AuthApplicationID datatype.Unsigned32 `avp:"Auth-Application-Id"`
	} `avp:"Vendor-Specific-Application-Id"`
	ResultCode         datatype.Unsigned32       `avp:"Result-Code"`
	AuthSessionState   datatype.Enumerated       `avp:"Auth-Session-State"`
	OriginHost         datatype.DiameterIdentity `avp:"Origin-Host"`
	OriginRealm        datatype.DiameterIdentity `avp:"Origin-Realm"`
	UserName           datatype.UTF8String       `avp:"User-Name"`
	PublicIdentity     datatype.UTF8String       `avp:"Public-Identity"`
	SIPNumberAuthItems datatype.Unsigned32       `avp:"SIP-Number-Auth-Items"`
	SIPAuthDataItem    []struct {
		SIPItemNumber           datatype.Unsigned32  `avp:"SIP-Item-Number"`
		SIPAuthenticationScheme datatype.UTF8String  `avp:"SIP-Authentication-Scheme"`
		SIPAuthenticate         datatype.OctetString `avp:"SIP-Authenticate"`
		SIPAuthorization        datatype.OctetString `avp:"SIP-Authorization"`
		ConfidentialityKey      datatype.OctetString `avp:"Confidentiality-Key"`
		IntegrityKey            datatype.OctetString `avp:"Integrity-Key"`
	} `avp:"SIP-Auth-Data-Item"`
}

var loadTheirs = sync.OnceValue(func() error { return dict.Default.Load(strings.NewReader(theirDictionary)) })

func theirParser(b testing.TB) *dict.Parser {
	if err := loadTheirs(); err != nil {
		b.Fatal(err)
	}
	return dict.Default
}

// TestSame holds that both read the same values.
func TestSame(t *testing.T) {
	raw := answer(t)
	m, err := diameter.ParseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := cx.ParseMAA(m)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := diam.ReadMessage(bytes.NewReader(raw), theirParser(t))
	if err != nil {
		t.Fatal(err)
	}
	var theirs theirMAA
	if err := msg.Unmarshal(&theirs); err != nil {
		t.Fatal(err)
	}
	if string(theirs.SessionID) != ours.SessionID || string(theirs.UserName) != ours.UserName.Value || len(theirs.SIPAuthDataItem) != 1 ||
		string(theirs.SIPAuthDataItem[0].IntegrityKey) != string(ours.SIPAuthDataItem[0].IntegrityKey) || len(ours.SIPAuthDataItem[0].IntegrityKey) != 16 {
		t.Errorf("%+v\n%+v", theirs, ours)
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := answer(b)
	p := theirParser(b)
	b.Run("telco", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := diameter.ParseMessage(raw)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := cx.ParseMAA(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-diameter", func(b *testing.B) {
		b.ReportAllocs()
		r := bytes.NewReader(raw)
		for b.Loop() {
			r.Reset(raw)
			m, err := diam.ReadMessage(r, p)
			if err != nil {
				b.Fatal(err)
			}
			var c theirMAA
			if err := m.Unmarshal(&c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	raw := answer(b)
	b.Run("telco", func(b *testing.B) {
		m, err := diameter.ParseMessage(raw)
		if err != nil {
			b.Fatal(err)
		}
		c, err := cx.ParseMAA(m)
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, 2*len(raw))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.AppendBinary(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-diameter", func(b *testing.B) {
		m, err := diam.ReadMessage(bytes.NewReader(raw), theirParser(b))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Serialize(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
