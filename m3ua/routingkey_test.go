package m3ua

import (
	"errors"
	"testing"

	"github.com/gotelco/telco/mtp3"
)

func TestOverlaps(t *testing.T) {
	key := func(s string) RoutingKey { return unbriefKey("1:" + s).Key }
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"7", "8", false},
		{"7", "7", true},
		{"7:si=5", "7", true},
		{"7:si=5", "7:si=3", false},
		{"7:si=5:si=3", "7:si=3", true},
		{"7:opc=16/3", "7:opc=20", true},
		{"7:opc=16/3", "7:opc=24", false},
		{"7:opc=16/3", "7:opc=0/5", true},
		{"7:opc=16/3", "7:opc=0/24", true},
		{"7:opc=1,2", "7:opc=3,2", true},
		{"7:opc=1:si=5", "7:opc=1:si=3", false},
		{"7:na=1", "7:na=2", false},
		{"7:na=1", "7", true},
	} {
		a, b := key(tt.a), key(tt.b)
		if a.Overlaps(b) != tt.want || b.Overlaps(a) != tt.want {
			t.Errorf("%v and %v: %v", a, b, !tt.want)
		}
		if !a.Equal(a.clone()) || a.Equal(b) != (tt.a == tt.b) {
			t.Errorf("%v = %v", a, b)
		}
	}
	if a, b := key("7:opc=1,9/3:si=3:si=5"), key("7:opc=8/3,1:si=5:si=3"); !a.Equal(b) {
		t.Errorf("%v and %v are the same", a, b)
	}
	k := key("7:opc=16/3:si=5")
	m := &mtp3.MSU{SI: mtp3.ISUP, Label: mtp3.Label{DPC: 7, OPC: 17}}
	if !k.Groups[0].Match(m) {
		t.Errorf("%v does not match %+v", k, m)
	}
	if m.Label.OPC = 15; k.Groups[0].Match(m) {
		t.Errorf("%v matches %+v", k, m)
	}
	if s := key("7:opc=16/3:si=5:na=2").String(); s != "NA 2 DPC 7 SI [ISUP] OPC 16/3" {
		t.Error(s)
	}
}

// TestDATAParse: what is no DATA message is refused for the reason that Parse gives.
func TestDATAParse(t *testing.T) {
	for _, h := range []string{"", "0200010100000008", "0100010200000008", "0100030100000008", "01000a0100000008", "0100010100000004", "010001010000000c", "0100010100000008"} {
		var d DATA
		var got, want *ParseError
		err := d.Parse(msg(h))
		_, all := Parse(msg(h))
		if !errors.As(err, &got) {
			t.Errorf("%s: %v", h, err)
		} else if errors.As(all, &want) && got.Code != want.Code || all == nil && got.Code != UnexpectedMessage {
			t.Errorf("%s: %v, %v", h, err, all)
		}
	}
}
