package as

import (
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/sip"
)

// Whatever a REGISTER has in its body, the user is told, and what is kept is no longer than what came.
func FuzzParseThirdParty(f *testing.F) {
	head := "REGISTER sip:as SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nTo: <sip:alice@x>\r\nFrom: <sip:s@x>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContact: <sip:s@x>\r\n"
	f.Add([]byte(head + "Expires: 600\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n" + thirdPartyBody))
	f.Add([]byte(head + "Contact: <sip:x>;expires=0\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n<ims-3gpp><service-info>x<a/>y</service-info></ims-3gpp>"))
	f.Add([]byte(head + "P-Associated-URI: <sip:a>, <sip:b, tel:c>\r\nContent-Type: message/sip\r\n\r\nSIP/2.0 200 OK\r\nP-Associated-URI: <sip:a>, <sip:b, tel:c>\r\n\r\n"))
	now := time.Now()
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := sip.Parse(data)
		req, ok := m.(*sip.Request)
		if err != nil || !ok {
			return
		}
		r, err := ParseThirdParty(req, now)
		if err != nil {
			return
		}
		if r.User == "" || r.Registered == r.Expires.IsZero() || r.Registered && r.Expires.Sub(now) > maxThirdPartyTTL {
			t.Errorf("%+v", r)
		}
		if len(r.ServiceInfo) > len(data) || len(r.Request) > len(data) || len(r.Response) > len(data) || len(r.Associated) > 100 {
			t.Errorf("more is kept than came: %+v", r)
		}
	})
}

func FuzzParseRegInfo(f *testing.F) {
	f.Add([]byte(`<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full"><registration aor="sip:a@b" id="1" state="active"><contact id="2" state="active" event="registered"><uri>sip:x@y</uri></contact></registration></reginfo>`))
	f.Add([]byte(`<reginfo><registration aor="" state="terminated"/></reginfo>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		states, err := ParseRegInfo(data)
		if err != nil && states != nil || len(states) > 100 {
			t.Errorf("%v %v", states, err)
		}
		for aor := range states {
			if aor == "" {
				t.Error("an address without a name")
			}
		}
	})
}

func FuzzParseSource(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "192.0.2.0/24", "192.0.2.7:5060", "[2001:db8::7]:5060", "2001:db8::/32", "::ffff:192.0.2.7", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSource(text)
		if err != nil {
			return
		}
		again, err := ParseSource(s.String())
		if err != nil || again != s {
			t.Errorf("%q: %v, then %v, %v", text, s, again, err)
		}
	})
}

// What an S-CSCF says about the service is never more than what the request has.
func FuzzParseISC(f *testing.F) {
	f.Add("sip:orig@as;lr", "<sip:alice@x>;sescase=orig;regstate=reg", "sip:bob@y", "<sip:odi@s;lr>")
	f.Add("sip:as;sescase=term;regstate=unreg", "", "tel:+49", "")
	f.Add("sip:as;orig", "<sip:a@b>;orig-cdiv", "sip:b", "<")
	f.Fuzz(func(t *testing.T, own, served, uri, route string) {
		if strings.ContainsAny(served+uri+route, "\r\n") {
			return
		}
		u, _ := sip.ParseURI(own)
		req := sip.NewRequest(sip.INVITE, uri)
		if served != "" {
			req.Add("P-Served-User", served)
		}
		i := ParseISC(req, u, []string{route}, IMS{Case: CaseTerm})
		if i.Case == CaseNone || i.Case > CaseOrigCDIV || i.RegState > Unregistered {
			t.Errorf("%+v", i)
		}
		i.ODI()
		if served == "" && i.ServedUser != "" && i.ServedUser != uri {
			t.Errorf("served user %q of nowhere", i.ServedUser)
		}
	})
}
