package m3ua

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
)

var dest = []mtp3.Destination{{PC: 8232, Wild: 3}, {PC: 2067}}

// everyMessage holds each message of RFC 4666 with all its parameters.
var everyMessage = []Message{
	&ERR{Code: InvalidRoutingContext, RoutingContexts: []uint32{7, 8}, Diagnostic: []byte{1, 0, 4, 1, 0, 0, 0, 8}},
	&ERR{Code: DestinationStatusUnknown, NetworkAppearance: Some(1), RoutingContexts: []uint32{7}, Affected: dest},
	&NTFY{Status: NotifyASPFailure, ASPIdentifier: Some(3), RoutingContexts: []uint32{7}, Info: "gone"},
	&DATA{NetworkAppearance: Some(1), RoutingContext: Some(7), CorrelationID: Some(9), MSU: mtp3.MSU{
		NI: mtp3.National, SI: mtp3.SCCP, Priority: 1, Label: mtp3.Label{DPC: 8238, OPC: 2067, SLS: 5}, Data: sccpUDT}},
	&DATA{MSU: mtp3.MSU{NI: mtp3.National, SI: mtp3.ISUP, Label: mtp3.Label{DPC: 8238, OPC: 2067, SLS: 5}, Data: []byte{1, 0, 12, 2, 0, 2, 131, 144}}},
	&DUNA{NetworkAppearance: Some(1), RoutingContexts: []uint32{7, 8}, Affected: dest, Info: "why"},
	&DAVA{NetworkAppearance: Some(1), RoutingContexts: []uint32{7}, Affected: dest, Info: "why"},
	&DAUD{NetworkAppearance: Some(1), RoutingContexts: []uint32{7}, Affected: dest, Info: "why"},
	&SCON{NetworkAppearance: Some(1), RoutingContexts: []uint32{7}, Affected: dest[:1], Concerned: Some(2067), Level: Some(2), Info: "why"},
	&DUPU{NetworkAppearance: Some(1), RoutingContexts: []uint32{7}, Affected: 8238, Cause: CauseInaccessible, User: mtp3.ISUP, Info: "why"},
	&DRST{NetworkAppearance: Some(1), RoutingContexts: []uint32{7}, Affected: dest, Info: "why"},
	&ASPUp{ASPIdentifier: Some(3), Info: "hello"},
	&ASPDown{Info: "bye"},
	&BEAT{Data: []byte("M3UA rocks")},
	&ASPUpAck{ASPIdentifier: Some(3), Info: "hello"},
	&ASPDownAck{Info: "bye"},
	&BEATAck{Data: []byte("M3UA rocks")},
	&ASPActive{TrafficMode: Loadshare, RoutingContexts: []uint32{7, 8}, Info: "go"},
	&ASPInactive{RoutingContexts: []uint32{7, 8}, Info: "stop"},
	&ASPActiveAck{TrafficMode: Loadshare, RoutingContexts: []uint32{7, 8}, Info: "go"},
	&ASPInactiveAck{RoutingContexts: []uint32{7, 8}, Info: "stop"},
	&REGREQ{Keys: []RoutingKeyRequest{
		{LocalID: 1, RoutingContext: Some(7), TrafficMode: Override, Key: RoutingKey{NetworkAppearance: Some(1), Groups: []KeyGroup{
			{DPC: 2067, SIs: []mtp3.ServiceIndicator{mtp3.SCCP, mtp3.ISUP, mtp3.TUP, mtp3.BroadbandISUP, mtp3.SatelliteISUP}, OPCs: dest}, {DPC: 2068}}}},
		{LocalID: 2, Key: RoutingKey{Groups: []KeyGroup{{DPC: 2069}}}}}},
	&REGRSP{Results: []RegistrationResult{{LocalID: 1, RoutingContext: 7}, {LocalID: 2, Status: RegInvalidDPC}}},
	&DEREGREQ{RoutingContexts: []uint32{7, 8}},
	&DEREGRSP{Results: []DeregistrationResult{{RoutingContext: 7}, {RoutingContext: 8, Status: DeregASPActive}}},
}

// sccpUDT is a whole SCCP UDT, so that dissectors have nothing to object to.
var sccpUDT, _ = hex.DecodeString("0900030507024206024206" + "02" + "6200")

func TestRoundTrip(t *testing.T) {
	for _, m := range everyMessage {
		b, err := m.AppendBinary([]byte("kept"))
		if err != nil {
			t.Errorf("%v: %v", m.Type(), err)
			continue
		}
		if string(b[:4]) != "kept" || len(b)%4 != 0 {
			t.Errorf("%v: % x", m.Type(), b)
		}
		got, err := Parse(b[4:])
		if err != nil {
			t.Errorf("%v: %v", m.Type(), err)
		} else if d := cmp.Diff(m, got); d != "" {
			t.Errorf("%v: %s", m.Type(), d)
		}
	}
	seen := map[MessageType]bool{}
	for _, m := range everyMessage {
		seen[m.Type()] = true
	}
	for typ := range typeNames {
		if !seen[typ] {
			t.Errorf("no %v here", typ)
		}
	}
}

func msg(h string) []byte {
	b, err := hex.DecodeString(h)
	if err != nil {
		panic(err)
	}
	return b
}

func TestParseWire(t *testing.T) {
	tests := []struct {
		hex  string
		want Message
	}{
		{"0100030100000008", &ASPUp{}},
		{"0100030100000010" + "0011000800000003", &ASPUp{ASPIdentifier: Some(3)}},
		{"01ff030100000008", &ASPUp{}}, // the reserved octet is ignored (section 3.1.3)
		{"0100030200000010" + "0004000762796500", &ASPDown{Info: "bye"}},
		{"010003020000000f" + "0004000762796500", &ASPDown{Info: "bye"}}, // the length leaves the padding out
		{"010003020000000f" + "00040007627965", &ASPDown{Info: "bye"}},   // and so does the message
		{"0100030300000008", &BEAT{}},
		{"010003030000000c" + "00090004", &BEAT{Data: []byte{}}}, // a value of no octets is there
		{"0100020100000010" + "0012000803002028", &DUNA{Affected: []mtp3.Destination{{PC: 8232, Wild: 3}}}},
		// Any order of parameters (section 3.2), and one that nobody knows.
		{"0100040100000024" + "0006000c0000000700000008" + "fff000050a000000" + "000b000800000002",
			&ASPActive{TrafficMode: Loadshare, RoutingContexts: []uint32{7, 8}, Unknown: []Param{{0xfff0, []byte{10}}}}},
	}
	for _, tt := range tests {
		got, err := Parse(msg(tt.hex))
		if err != nil {
			t.Errorf("%s: %v", tt.hex, err)
		} else if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.hex, d)
		}
	}
}

// TestParseErrors: the error of RFC 4666 section 3.8.1 for each way a message can be broken.
func TestParseErrors(t *testing.T) {
	tests := []struct {
		name, hex string
		code      ErrorCode
		tag       Tag
	}{
		{"empty", "", ProtocolError, 0},
		{"short header", "01000301000000", ProtocolError, 0},
		{"version 2", "0200030100000008", InvalidVersion, 0},
		{"class 5", "0100050100000008", UnsupportedMessageClass, 0},
		{"class 10", "01000a0100000008", UnsupportedMessageClass, 0},
		{"ASPSM 7", "0100030700000008", UnsupportedMessageType, 0},
		{"ASPTM 5", "0100040500000008", UnsupportedMessageType, 0},
		{"Transfer 0", "0100010000000008", UnsupportedMessageType, 0},
		{"RKM 0", "0100090000000008", UnsupportedMessageType, 0},
		{"length under 8", "0100030100000004", ProtocolError, 0},
		{"length over the message", "010003010000000c", ProtocolError, 0},
		{"length far over", "01000301ffffffff", ProtocolError, 0},
		{"octets behind the length", "010003010000000800000000", ProtocolError, 0},
		{"stray octets", "010003010000000a" + "0004", ProtocolError, 0},
		{"parameter length 3", "010003010000000c" + "00040003", ParameterFieldError, TagInfoString},
		{"parameter over the end", "010003010000000c" + "00040009", ParameterFieldError, TagInfoString},
		{"ASP Identifier of 3 octets", "0100030100000010" + "0011000700000300", ParameterFieldError, TagASPIdentifier},
		{"no Routing Context in it", "010004010000000c" + "00060004", ParameterFieldError, TagRoutingContext},
		{"Routing Context of 5 octets", "0100040100000014" + "000600090000000700000000", ParameterFieldError, TagRoutingContext},
		{"DUNA of nothing", "0100020100000008", MissingParameter, TagAffectedPointCode},
		{"DUPU without User/Cause", "0100020500000010" + "0012000800002028", MissingParameter, TagUserCause},
		{"DUPU with a mask", "0100020500000018" + "0012000803002028" + "0204000800020005", InvalidParameterValue, TagAffectedPointCode},
		{"DUPU of user 16", "0100020500000018" + "0012000800002028" + "0204000800020010", InvalidParameterValue, TagUserCause},
		{"SCON level 4", "0100020400000018" + "0012000800002028" + "0205000800000004", InvalidParameterValue, TagCongestionIndications},
		{"ERR without code", "0100000000000008", MissingParameter, TagErrorCode},
		{"NTFY without status", "0100000100000008", MissingParameter, TagStatus},
		{"REG REQ without key", "0100090100000008", MissingParameter, TagRoutingKey},
		{"key without Local-RK-Identifier", "0100090100000014" + "0207000c" + "020b000800000813", MissingParameter, TagLocalRKIdentifier},
		{"DEREG REQ of nothing", "0100090300000008", MissingParameter, TagRoutingContext},
		{"DATA without Protocol Data", "0100010100000010" + "0006000800000007", MissingParameter, TagProtocolData},
		{"Protocol Data of 11 octets", "0100010100000018" + "0210000f" + "000008130000202e05020000", ParameterFieldError, TagProtocolData},
		{"OPC of 25 bits", "0100010100000018" + "02100010" + "010008130000202e05020000", InvalidParameterValue, TagProtocolData},
		{"DPC of 25 bits", "0100010100000018" + "02100010" + "000008130100202e05020000", InvalidParameterValue, TagProtocolData},
		{"SI 16", "0100010100000018" + "02100010" + "000008130000202e10020000", InvalidParameterValue, TagProtocolData},
		{"NI 4", "0100010100000018" + "02100010" + "000008130000202e05040000", InvalidParameterValue, TagProtocolData},
		{"MP 4", "0100010100000018" + "02100010" + "000008130000202e05020400", InvalidParameterValue, TagProtocolData},
	}
	for _, tt := range tests {
		m, err := Parse(msg(tt.hex))
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%s: %+v, %v", tt.name, m, err)
		} else if pe.Code != tt.code || pe.Tag != tt.tag {
			t.Errorf("%s: %v, want %v of %v", tt.name, err, tt.code, tt.tag)
		}
	}
}

func TestUnexpected(t *testing.T) {
	for hex, want := range map[string]Tag{
		"0100030100000018" + "0011000800000003" + "0011000800000004": TagASPIdentifier, // twice
		"0100030100000010" + "000b000800000001":                      TagTrafficModeType,
		"0100030100000010" + "ff00000800000001":                      0,
		"0100030100000008":                                           0,
	} {
		m, err := Parse(msg(hex))
		if err != nil {
			t.Fatal(err)
		}
		if tag, ok := Unexpected(m); tag != want || ok != (want != 0) {
			t.Errorf("%s: %v, %v", hex, tag, ok)
		}
	}
}

// TestRoutingKeys: what is wrong with one key is the outcome of its registration only.
func TestRoutingKeys(t *testing.T) {
	const id = "020a000800000001"
	tests := []struct {
		name, hex string
		want      RegistrationStatus
	}{
		{"DPC", "020b000800000813", Registered},
		{"no DPC", "", RegInvalidRoutingKey},
		{"DPC with a mask", "020b000803000813", RegInvalidDPC},
		{"DPC of 3 octets", "020b000700081300", RegInvalidRoutingKey},
		{"SI before DPC", "020c000505000000020b000800000813", RegInvalidRoutingKey},
		{"SI 0", "020b000800000813020c000500000000", RegInvalidRoutingKey},
		{"SI 16", "020b000800000813020c000510000000", RegInvalidRoutingKey},
		{"no SI in it", "020b000800000813020c0004", RegInvalidRoutingKey},
		{"OPC of 3 octets", "020b000800000813020e000700081300", RegInvalidRoutingKey},
		{"traffic mode 4", "000b000800000004020b000800000813", RegUnsupportedTrafficMode},
		{"NA twice", "020b0008000008130200000800000001" + "0200000800000001", RegInvalidRoutingKey},
		{"circuit range", "020b000800000813020f000800000813", RegUnsupportedParameter},
	}
	for _, tt := range tests {
		inner := msg(id + tt.hex)
		b := appendParam([]byte{1, 0, 9, 1, 0, 0, 0, 0}, TagRoutingKey, inner)
		b[7] = byte(len(b))
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if k := m.(*REGREQ).Keys[0]; k.LocalID != 1 || k.Invalid != tt.want {
			t.Errorf("%s: %+v, want %v", tt.name, k, tt.want)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	long := make([]byte, 70000)
	for _, m := range []Message{
		&DATA{MSU: mtp3.MSU{Data: long}},
		&BEAT{Data: long},
		&ASPUp{Info: string(long[:256])},
		&DUNA{},
		&DUNA{Affected: make([]mtp3.Destination, 20000)},
		&REGREQ{},
		&REGRSP{},
		&DEREGREQ{},
		&ASPDown{Unknown: []Param{{0xff00, long}}},
		&DATA{Unknown: []Param{{0xff00, long}}},
		&REGREQ{Keys: []RoutingKeyRequest{{Key: RoutingKey{Groups: make([]KeyGroup, 9000)}}}},
	} {
		if b, err := m.AppendBinary([]byte{9}); err == nil || !bytes.Equal(b, []byte{9}) {
			t.Errorf("%v: %d octets, %v", m.Type(), len(b), err)
		}
	}
}

func TestDATADoesNotAllocate(t *testing.T) {
	d := everyMessage[3].(*DATA)
	b, _ := d.AppendBinary(nil)
	buf := make([]byte, 0, 256)
	var got DATA
	if n := testing.AllocsPerRun(100, func() {
		buf, _ = d.AppendBinary(buf[:0])
		if got.Parse(b) != nil {
			t.Fatal("parse")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range everyMessage {
		b, _ := m.AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		Unexpected(m)
		if r, ok := m.(*REGREQ); ok {
			for _, k := range r.Keys {
				if k.Invalid != Registered {
					return // such a key cannot be written
				}
				_ = k.Key.String()
			}
		}
		out, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("%+v: % x: %v", m, out, err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Fatal(d)
		}
	})
}

func BenchmarkDATA(b *testing.B) {
	d := DATA{RoutingContext: Some(7), MSU: mtp3.MSU{SI: mtp3.SCCP, NI: 2, Label: mtp3.Label{DPC: 8238, OPC: 2067, SLS: 5}, Data: make([]byte, 80)}}
	wire, _ := d.AppendBinary(nil)
	b.Run("append", func(b *testing.B) {
		buf := make([]byte, 0, 256)
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = d.AppendBinary(buf[:0])
		}
	})
	b.Run("parse", func(b *testing.B) {
		var got DATA
		b.ReportAllocs()
		for b.Loop() {
			if got.Parse(wire) != nil {
				b.Fatal("parse")
			}
		}
	})
}
