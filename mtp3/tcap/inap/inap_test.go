package inap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3/tcap"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInitialDP(t *testing.T) {
	want := unhex(t, "30 1a 80 02 0320 82 04 03102143 83 03 831321 85 01 0a 9f1c 01 03 8a 02 aabb")
	a := InitialDPArg{ServiceKey: 800, CalledPartyNumber: unhex(t, "03102143"), CallingPartyNumber: unhex(t, "831321"), Category: 10, Event: AnalyzedInformation, Other: unhex(t, "8a02aabb")}
	b, err := a.AppendBinary(nil)
	if err != nil || !bytes.Equal(b, want) {
		t.Errorf("% x, want % x: %v", b, want, err)
	}
	got, err := ParseInitialDP(want)
	if d := cmp.Diff(a, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	for h, field := range map[string]string{"": "InitialDPArg", "3100": "InitialDPArg", "3000": "serviceKey", "30028000": "serviceKey", "3003800180": "serviceKey",
		"30 06 800101 8502 0a": "InitialDPArg", "30 07 800101 85020a0a": "callingPartysCategory", "30 07 800101 9f1c0100": "eventTypeBCSM"} {
		_, err := ParseInitialDP(unhex(t, h))
		if e := (*ArgumentError)(nil); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", h, err)
		}
	}
	if _, err := (InitialDPArg{ServiceKey: 1 << 31}).AppendBinary(nil); !errors.Is(err, ErrValue) {
		t.Error(err)
	}
}

func TestConnect(t *testing.T) {
	want := unhex(t, "30 0c a0 08 04 02 0310 04 02 0311 81 00")
	a := ConnectArg{Destinations: [][]byte{{3, 0x10}, {3, 0x11}}, Other: []byte{0x81, 0}}
	b, err := a.AppendBinary(nil)
	if err != nil || !bytes.Equal(b, want) {
		t.Errorf("% x, want % x: %v", b, want, err)
	}
	got, err := ParseConnect(want)
	if d := cmp.Diff(a, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	for _, h := range []string{"", "3000", "3002a000", "3004a0020500", "300aa008 0400 0400 0400 0400", "3001a0"} {
		if _, err := ParseConnect(unhex(t, h)); err == nil {
			t.Errorf("%s parses", h)
		}
	}
	if _, err := (ConnectArg{}).AppendBinary(nil); err == nil {
		t.Error("to nowhere")
	}
}

func TestReleaseCall(t *testing.T) {
	b, err := AppendReleaseCall(nil, []byte{0x82, 0x81})
	if err != nil || !bytes.Equal(b, []byte{4, 2, 0x82, 0x81}) {
		t.Errorf("% x %v", b, err)
	}
	cause, err := ParseReleaseCall(b)
	if err != nil || !bytes.Equal(cause, []byte{0x82, 0x81}) {
		t.Errorf("% x %v", cause, err)
	}
	for _, h := range []string{"", "0400", "30028281", "0402828100"} {
		if _, err := ParseReleaseCall(unhex(t, h)); err == nil {
			t.Errorf("%s parses", h)
		}
	}
	if _, err := AppendReleaseCall(nil, nil); err == nil {
		t.Error("no cause")
	}
	if ErrorName(MissingCustomerRecord) != "missing customer record" || ErrorName(tcap.Code{Local: 99}) != "error 99" {
		t.Error("names")
	}
}

func FuzzArguments(f *testing.F) {
	f.Add(unhex(f, "30 1a 80 02 0320 82 04 03102143 83 03 831321 85 01 0a 9f1c 01 03 8a 02 aabb"))
	f.Add(unhex(f, "30 0c a0 08 04 02 0310 04 02 0311 81 00"))
	f.Add([]byte{4, 2, 0x82, 0x81})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := ParseInitialDP(b); err == nil {
			out, err := a.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseInitialDP(out)
			if d := cmp.Diff(a, again); err != nil || d != "" {
				t.Fatalf("%v\n%s", err, d)
			}
		}
		if a, err := ParseConnect(b); err == nil {
			out, err := a.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseConnect(out)
			if d := cmp.Diff(a, again); err != nil || d != "" {
				t.Fatalf("%v\n%s", err, d)
			}
		}
		if cause, err := ParseReleaseCall(b); err == nil {
			if out, err := AppendReleaseCall(nil, cause); err != nil || len(out) != len(cause)+2 {
				t.Fatal(err)
			}
		}
	})
}
