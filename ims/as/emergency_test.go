package as

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/sip"
)

func TestEmergencyMatch(t *testing.T) {
	std, err := NewEmergency(EmergencyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := NewEmergency(EmergencyConfig{Numbers: map[string]string{"110": "urn:service:sos.police", "*112#": "urn:service:sos"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ uri, std, own string }{
		{"urn:service:sos", "urn:service:sos", "urn:service:sos"},
		{"URN:Service:SOS.Fire", "urn:service:sos.fire", "urn:service:sos.fire"},
		{"urn:service:sosx", "", ""},
		{"urn:service:counseling", "", ""},
		{"tel:112;phone-context=example.org", "urn:service:sos", ""},
		{"tel:1-1-2;phone-context=+49", "urn:service:sos", ""},
		{"sip:911@192.0.2.1", "urn:service:sos", ""},
		{"sip:110;phone-context=x@h;user=phone", "", "urn:service:sos.police"},
		{"sip:*112%23@h", "", "urn:service:sos"},
		{"tel:+112", "", ""},
		{"sip:1122@h", "", ""},
		{"sip:alice@112.example", "", ""},
	} {
		u, err := sip.ParseURI(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := std.Match(u); got != c.std {
			t.Errorf("%s: %q, want %q", c.uri, got, c.std)
		}
		if got := own.Match(u); got != c.own {
			t.Errorf("%s with own numbers: %q, want %q", c.uri, got, c.own)
		}
	}
	for _, c := range []EmergencyConfig{{Numbers: map[string]string{"x": "urn:service:sos"}}, {Numbers: map[string]string{"1-1": "urn:service:sos"}},
		{Numbers: map[string]string{"1": "urn:service:other"}}, {Alerts: []Target{{IMS: true}}}, {Alerts: []Target{{}}}, {Calling: "x"}} {
		if _, err := NewEmergency(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

const pidf = `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gml="http://www.opengis.net/gml"><tuple id="1"><status><gp:geopriv>
<gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>
 52.5163   13.3779 </gml:pos></gml:Point></gp:geopriv></status></tuple></presence>`

func emergencyCall() *Request {
	r := sip.NewRequest("INVITE", "urn:service:sos.police")
	r.Add("Geolocation", "<cid:a@b>, <https://lis.example/1>")
	r.Add("P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=262011234567890A;network-provided")
	r.Add("Content-Type", "multipart/mixed;boundary=b")
	r.Body = []byte("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/pidf+xml\r\nContent-ID: <a@b>\r\n\r\n" + pidf + "\r\n--b--\r\n")
	return &Request{ID: "call-1", Time: time.Date(2026, 11, 23, 16, 0, 0, 0, time.FixedZone("CET", 3600)), Calling: Party{Number: Number{Digits: "+4930123"}, Name: "Al\r\nice", Private: true},
		Called: Party{URI: "urn:service:sos.police"}, Emergency: "urn:service:sos.police", SIP: r}
}

func TestAlertText(t *testing.T) {
	want := `EMERGENCY CALL
Caller: +4930123 (Al  ice)
Called: urn:service:sos.police
Time: 2026-11-23T15:00:00Z
Location: <cid:a@b>
Location: <https://lis.example/1>
Position: 52.5163 13.3779
Access: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=262011234567890A;network-provided
Call: call-1
`
	r := emergencyCall()
	if d := cmp.Diff(want, alertText(r, r.Time)); d != "" {
		t.Error(d)
	}
	got := alertText(&Request{Called: Party{Number: Number{Digits: "112"}}, Emergency: "urn:service:sos"}, r.Time)
	if got != "EMERGENCY CALL\nCaller: unknown\nCalled: 112 (urn:service:sos)\nTime: 2026-11-23T15:00:00Z\n" {
		t.Errorf("%q", got)
	}
	r.SIP.Del("P-Access-Network-Info")
	r.SIP.Add("P-Access-Network-Info", strings.Repeat("ä", 5000))
	r.Calling.Name = strings.Repeat("n", 5000)
	if got := alertText(r, r.Time); len(got) > 1300 {
		t.Errorf("%d octets", len(got))
	}
}

// The call waits for nothing; targets that do not answer are tried again until they do.
func TestAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log []string
		var results []AlertResult
		start := time.Now()
		tries := map[string]int{}
		e, err := NewEmergency(EmergencyConfig{
			Alerts: []Target{{Trunk: "desk", Called: "+4930100"}, {URI: "sip:police@h"}, {IMS: true, Called: "4711"}}, MaxPending: 4,
			Tries: 3, MinRetry: 8 * time.Second, Timeout: time.Minute,
			OnAlert: func(r AlertResult) { mu.Lock(); results = append(results, r); mu.Unlock() },
			Send: func(ctx context.Context, to Target, m *Message) (*sip.Response, error) {
				mu.Lock()
				tries[to.String()]++
				n := tries[to.String()]
				log = append(log, to.String()+" to "+m.Called.String())
				mu.Unlock()
				if m.Calling.String() != "+4930123" || m.Calling.Private || m.Header.Value("Priority") != "emergency" ||
					m.Header.Value("Geolocation") != "<https://lis.example/1>" || !strings.HasPrefix(string(m.Body), "EMERGENCY CALL\n") {
					t.Errorf("%+v", m)
				}
				switch {
				case to.IMS:
					<-ctx.Done()
					return nil, ctx.Err()
				case to.Trunk != "" && n < 3:
					return nil, &sip.ResponseError{Response: &sip.Response{StatusCode: 503}}
				}
				return &sip.Response{StatusCode: 200}, nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		e.Alert(emergencyCall())
		if time.Since(start) != 0 {
			t.Error("the call waited")
		}
		synctest.Wait()
		if s := e.Stats(); s.Calls != 1 || s.Delivered != 1 || s.Pending != 2 {
			t.Errorf("%+v", s)
		}
		e.Alert(emergencyCall()) // room for two
		synctest.Wait()
		if s := e.Stats(); s.Dropped != 1 || s.Delivered != 2 || s.Pending != 3 {
			t.Errorf("%+v", s)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 3*time.Minute+24*time.Second || took > 3*time.Minute+34*time.Second {
			t.Errorf("three tries of a minute each and two waits took %v", took)
		}
		for _, r := range results {
			switch r.Target {
			case "trunk/desk/+4930100":
				if r.Err != nil || r.CallID != "call-1" {
					t.Errorf("%+v", r)
				}
			case "sip:police@h":
				if r.Err != nil || r.Tries != 1 {
					t.Errorf("%+v", r)
				}
			default:
				if !errors.Is(r.Err, context.DeadlineExceeded) || r.Tries != 3 {
					t.Errorf("%+v", r)
				}
			}
		}
		if s := e.Stats(); len(results) != 5 || s.Delivered != 4 || s.Failed != 1 || s.Pending != 0 {
			t.Errorf("%+v %+v\n%v", results, s, log)
		}
		e.Alert(emergencyCall())
		if s := e.Stats(); s.Dropped != 4 {
			t.Errorf("after Close: %+v", s)
		}
	})
}

// Close does not wait longer than it may.
func TestAlertClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := NewEmergency(EmergencyConfig{Alerts: []Target{{IMS: true}}, Send: func(ctx context.Context, _ Target, _ *Message) (*sip.Response, error) {
			return nil, errors.New("nobody there")
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.Alert(emergencyCall())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func FuzzAlertText(f *testing.F) {
	f.Add("<cid:a@b>", "3GPP-E-UTRAN", []byte(pidf), "name")
	f.Fuzz(func(t *testing.T, geo, pani string, body []byte, name string) {
		r := sip.NewRequest("INVITE", "urn:service:sos")
		r.Add("Geolocation", geo)
		r.Add("P-Access-Network-Info", pani)
		r.Add("Content-Type", "application/pidf+xml")
		r.Body = body
		text := alertText(&Request{SIP: r, Calling: Party{URI: name, Name: name}, Called: Party{URI: name}, ID: name}, time.Unix(0, 0))
		if lines := strings.Count(text, "\n"); lines > 12 || len(text) > 1300 {
			t.Fatalf("%d lines, %d octets: %q", lines, len(text), text)
		}
	})
}
