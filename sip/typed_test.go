package sip

import (
	"encoding"
	"fmt"
	"testing"
)

// typedParser reads a value and returns its text.
type typedParser struct {
	name  string
	parse func(s string) (string, error)
}

// textValue is what every typed value can do.
type textValue interface {
	fmt.Stringer
	encoding.TextAppender
}

func typed[T textValue](name string, parse func(string) (T, error)) typedParser {
	return typedParser{name, func(s string) (string, error) {
		v, err := parse(s)
		if err != nil {
			return "", err
		}
		b, err := v.AppendText([]byte("x"))
		if text := v.String(); string(b) != "x"+text {
			return "", fmt.Errorf("AppendText gives %q, String %q", b, text)
		}
		return v.String(), err
	}}
}

var typedParsers = []typedParser{
	typed("CSeq", ParseCSeq), typed("Element", ParseElement), typed("Reason", ParseReason),
	typed("SessionExpires", ParseSessionExpires), typed("RAck", ParseRAck), typed("Replaces", ParseReplaces),
	typed("SessionID", ParseSessionID), typed("ResourcePriority", ParseResourcePriority), typed("Event", ParseEvent),
	typed("SubscriptionState", ParseSubscriptionState), typed("RetryAfter", ParseRetryAfter), typed("Warning", ParseWarning),
	typed("ChargingVector", ParseChargingVector), typed("ChargingFunctionAddresses", ParseChargingFunctionAddresses),
	typed("AccessNetworkInfo", ParseAccessNetworkInfo), typed("ServedUser", ParseServedUser), typed("Diversion", ParseDiversion),
	typed("HistoryInfo", ParseHistoryInfo), typed("ContactPreference", ParseContactPreference),
	typed("Via", ParseVia), typed("Address", ParseAddress), typed("URI", ParseURI), typed("Params", ParseParams),
	{"Date", func(s string) (string, error) { d, err := ParseDate(s); return FormatDate(d), err }},
}

// typedSeeds has a value for each of typedParsers.
var typedSeeds = []string{
	"1 INVITE", `"a b";c="d"`, `Q.850;cause=16;text="Terminated"`, "1800;refresher=uac", "776656 1 INVITE",
	"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only",
	"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2", "wps.3", "presence.winfo;id=1",
	"active;expires=600", "18000 (in a (long) meeting);duration=3600", `307 isi.edu "Session parameter 'foo' not understood"`,
	`icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=023551024";icid-generated-at=192.0.6.8;orig-ioi=home1.net`,
	`ccf=192.1.1.1;ccf=192.1.1.2;ecf="aaa://x"`, "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2340103008a01;network-provided",
	"<sip:user@example.com>;sescase=orig;regstate=reg", "<sip:a@b>;reason=user-busy;counter=2",
	"<sip:a@b;cause=302?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1", `*;+g.3gpp.icsi-ref="urn%3Aurn-7";require;explicit`,
	"SIP/2.0/UDP a;branch=z9hG4bK1", `"A" <sip:a>;tag=1`, "sip:a@b;lr", ";a=b", "Sat, 13 Nov 2010 23:29:00 GMT",
}

func TestTypedValues(t *testing.T) {
	if len(typedSeeds) != len(typedParsers) {
		t.Fatalf("%d seeds for %d parsers", len(typedSeeds), len(typedParsers))
	}
	for i, p := range typedParsers {
		text, err := p.parse(typedSeeds[i])
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		again, err := p.parse(text)
		if err != nil || again != text {
			t.Errorf("%s: %q, then %q, %v", p.name, text, again, err)
		}
		for _, s := range []string{"", ";", `"`, ","} {
			if text, err := p.parse(s); err == nil && p.name != "Params" {
				t.Errorf("%s: %q parses as %q", p.name, s, text)
			}
		}
	}
}
