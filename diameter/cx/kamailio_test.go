package cx

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/gotelco/telco/diameter"
)

// exchanged returns the messages of testdata/kamailio-5.6.3.txt, with the node that sent each.
func exchanged(t testing.TB) (senders []string, messages []diameter.Message) {
	text, err := os.ReadFile("testdata/kamailio-5.6.3.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		sender, digits, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || sender == "#" {
			continue
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		m, err := diameter.ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		senders, messages = append(senders, sender), append(messages, m)
	}
	return senders, messages
}

// parse reads a message of Cx or of the base protocol into its typed command.
func parse(m diameter.Message) (encoding.BinaryAppender, error) {
	switch Dictionary().CommandName(m.Header) {
	case "CER":
		c, err := diameter.ParseCER(m)
		return &c, err
	case "CEA":
		c, err := diameter.ParseCEA(m)
		return &c, err
	case "DWR":
		c, err := diameter.ParseDWR(m)
		return &c, err
	case "DWA":
		c, err := diameter.ParseDWA(m)
		return &c, err
	case "UAR":
		c, err := ParseUAR(m)
		return &c, err
	case "UAA":
		c, err := ParseUAA(m)
		return &c, err
	case "SAR":
		c, err := ParseSAR(m)
		return &c, err
	case "SAA":
		c, err := ParseSAA(m)
		return &c, err
	case "LIR":
		c, err := ParseLIR(m)
		return &c, err
	case "LIA":
		c, err := ParseLIA(m)
		return &c, err
	case "MAR":
		c, err := ParseMAR(m)
		return &c, err
	case "MAA":
		c, err := ParseMAA(m)
		return &c, err
	case "RTR":
		c, err := ParseRTR(m)
		return &c, err
	case "RTA":
		c, err := ParseRTA(m)
		return &c, err
	}
	return nil, &diameter.ProtocolError{ResultCode: diameter.CommandUnsupported}
}

// TestKamailio parses, validates and appends what Kamailio's CSCFs and an HSS said to each other. All AVPs of a message have a
// place in its struct, and come out of it with the data that they had.
func TestKamailio(t *testing.T) {
	senders, messages := exchanged(t)
	count := map[string]int{}
	for i, m := range messages {
		name := Dictionary().CommandName(m.Header)
		if senders[i] != "hss" {
			count[name]++
		}
		c, err := parse(m)
		if err != nil {
			t.Errorf("message %d, %s of %s: %v\n%s", i, name, senders[i], err, Dictionary().AppendText(nil, m))
			continue
		}
		b, err := c.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := diameter.ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if again.Header != m.Header {
			t.Errorf("message %d, %s: header %v, want %v", i, name, again.Header, m.Header)
		}
		sameAVPs(t, name, m.AVPs, again.AVPs)
	}
	for name, want := range map[string]int{"CER": 2, "UAR": 9, "MAR": 5, "SAR": 3, "LIR": 1, "RTA": 1} {
		if count[name] != want {
			t.Errorf("%d %s of Kamailio, want %d", count[name], name, want)
		}
	}
}

// sameAVPs compares two sequences in any order, groups alike.
func sameAVPs(t *testing.T, name string, want, got diameter.AVPs) {
	t.Helper()
	for _, s := range [][2]diameter.AVPs{{want, got}, {got, want}} {
		for a := range s[0].All() {
			found := false
			for b := range s[1].All() {
				if a.Code == b.Code && a.VendorID == b.VendorID && (bytes.Equal(a.Data, b.Data) || Dictionary().IsGrouped(a.Code, a.VendorID) && len(a.Data) == len(b.Data)) {
					found = true
				}
			}
			if !found {
				t.Errorf("%s: %s is on one side only", name, Dictionary().AVPName(a.Code, a.VendorID))
			}
		}
	}
}

// TestRequestFields looks at values that Kamailio is known to have sent.
func TestRequestFields(t *testing.T) {
	_, messages := exchanged(t)
	for _, m := range messages {
		if Dictionary().CommandName(m.Header) != "MAR" {
			continue
		}
		c, err := ParseMAR(m)
		if err != nil {
			t.Fatal(err)
		}
		const realm = "ims.mnc001.mcc001.3gppnetwork.org"
		if c.UserName != "001010000000001@"+realm || c.PublicIdentity != "sip:001010000000001@"+realm ||
			c.ServerName != "sip:scscf."+realm+":6060" && !strings.HasPrefix(c.ServerName, "sip:scscf."+realm) || c.SIPNumberAuthItems != 1 ||
			c.SIPAuthDataItem.SIPAuthenticationScheme.Value != "Digest-AKAv1-MD5" || c.AuthSessionState != diameter.AuthSessionStateNoStateMaintained ||
			c.VendorSpecificApplicationID.AuthApplicationID.Value != Application || c.VendorSpecificApplicationID.VendorID != diameter.Vendor3GPP {
			t.Errorf("%+v", c)
		}
		a := c.Answer("hss."+realm, realm)
		if a.Header.IsRequest() || a.Header.HopByHopID != m.HopByHopID || a.Header.EndToEndID != m.EndToEndID || a.SessionID != c.SessionID || a.OriginRealm != realm {
			t.Errorf("answer %+v", a)
		}
		return
	}
	t.Error("no MAR")
}

func answer(t testing.TB) diameter.Message {
	_, messages := exchanged(t)
	for _, m := range messages {
		if Dictionary().CommandName(m.Header) == "MAA" {
			return m
		}
	}
	t.Fatal("no MAA")
	return diameter.Message{}
}

func TestAllocations(t *testing.T) {
	m := answer(t)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := ParseMAA(m); err != nil {
			t.Fatal(err)
		}
	}); n > 3 {
		t.Errorf("ParseMAA: %v allocations", n)
	}
	c, _ := ParseMAA(m)
	b := make([]byte, 0, 2*m.Len())
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.AppendBinary(b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("AppendBinary: %v allocations", n)
	}
}

func BenchmarkParseMAA(b *testing.B) {
	raw, err := answer(b).AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		m, err := diameter.ParseMessage(raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseMAA(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendMAA(b *testing.B) {
	c, err := ParseMAA(answer(b))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.AppendBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
}
