package isup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func national(digits string) Number {
	return Number{Nature: NationalNumber, Plan: E164, Digits: MustDigits(digits)}
}

func calling(digits string) CallingPartyNumber {
	n := national(digits)
	n.Screening = NetworkProvided
	return CallingPartyNumber{n}
}

var (
	firstSupervision = MaintenanceOriented
	noStatus         = RangeAndStatus{Range: 3}
	twoOfFour        = RangeAndStatus{Range: 3, Status: []byte{0x05}}
	ordinary         = BackwardCallIndicators{Charge: ChargeIt, Status: SubscriberFree, Category: OrdinarySubscriber, ISUPAllTheWay: true, ISDNAccess: true}
)

// everyMessage has one of each type, written by hand after the tables of Q.763: what is on the wire, and what it means.
var everyMessage = func() (all []sample) {
	add := func(hex string, m Message) { all = append(all, sample{hex, m}) }
	add("0500 01 00 2001 0a 00 02 09  07 8310 0800214305  0a 04 8313 2103  00",
		New(IAM, 5, NatureOfConnection{}, ForwardCallIndicators{ISUPAllTheWay: true, ISDNAccess: true}, OrdinaryCaller, Speech,
			CalledPartyNumber{national("800012345")}, calling("123")))
	add("ff0f 01 15 6b00 0f 03 02 05  03 0490 21  3d 01 1f  1d 03 8090a3 03 04 7d029181  00",
		New(IAM, MaxCIC, NatureOfConnection{Satellites: 1, Check: CheckRequired, EchoDevice: true},
			ForwardCallIndicators{International: true, EndToEnd: 1, Interworking: true, ISUPAllTheWay: true, Preference: ISUPNotRequired},
			PayphoneCaller, Audio31, CalledPartyNumber{Number{Nature: InternationalNumber, Plan: E164, NoINN: true, Digits: MustDigits("12")}},
			HopCounter(31), UserServiceInformation{Rate: 16, More: []byte{0xa3}}, AccessTransport{0x7d, 2, 0x91, 0x81}))
	add("0500 02 02 00 03 80 210f", Message{Type: SAM, CIC: 5, Params: []Param{{PSubsequentNumber, []byte{0x80, 0x21, 0x0f}}}})
	add("0500 03 0900 00", New(INR, 5, InformationRequestIndicators{CallingNumber: true, Category: true}))
	add("0500 04 2300 01 0a 04 8313 2103 00", New(INF, 5, InformationIndicators{CallingNumber: 3, Category: true}, calling("123")))
	add("0500 05 01", New(COT, 5, ContinuityIndicators{true}))
	add("0500 06 1614 01 29 01 01 00", New(ACM, 5, ordinary, OptionalBackwardIndicators{InBand: true}))
	add("0500 07 1614 01 21 04 0313 2143 00",
		New(CON, 5, ordinary, ConnectedNumber{Number{Nature: NationalNumber, Plan: E164, Screening: NetworkProvided, Digits: MustDigits("1234")}}))
	add("0500 08 00", New(FOT, 5))
	add("0500 09 00", New(ANM, 5))
	add("0500 0c 02 00 02 8290", New(REL, 5, Cause{Value: NormalClearing, Location: PublicLocal}))
	add("0500 0d 01 00", New(SUS, 5, SuspendResumeIndicators{Network: true}))
	add("0500 0e 00 00", New(RES, 5, SuspendResumeIndicators{}))
	add("0500 10 00", New(RLC, 5))
	for i, t := range []MessageType{CCR, RSC, BLO, UBL, BLA, UBA} {
		add(fmt.Sprintf("0500 %02x", 0x11+i), New(t, 5))
	}
	add("0500 17 01 01 03", New(GRS, 5, noStatus))
	add("0500 18 00 01 02 0305", New(CGB, 5, firstSupervision, twoOfFour))
	add("0500 19 01 01 02 0305", New(CGU, 5, HardwareFailure, twoOfFour))
	add("0500 1a 00 01 02 0305", New(CGBA, 5, MaintenanceOriented, twoOfFour))
	add("0500 1b 01 01 02 0305", New(CGUA, 5, HardwareFailure, twoOfFour))
	add("0500 24", New(LPA, 5))
	add("0500 29 01 02 0305", New(GRA, 5, twoOfFour))
	add("0500 2a 01 01 03", New(CQM, 5, noStatus))
	add("0500 2b 02 03 01 03 04 0c 03 3c 08",
		New(CQR, 5, noStatus, CircuitState{NewState(Idle, false, false, false, false), UnequippedState, NewState(Idle, false, false, true, true), NewState(OutgoingBusy, false, false, false, false)}))
	add("0500 2c 01 00", New(CPG, 5, EventInformation{Event: Alerting}))
	add("0500 2d 02 00 03 04 4142", New(USR, 5, UserToUserInformation{4, 'A', 'B'}))
	add("0500 2e", New(UCIC, 5))
	add("0500 2f 02 00 03 82e1 7f", New(CFN, 5, Cause{Value: MessageTypeUnknown, Location: PublicLocal, Diagnostics: []byte{0x7f}}))
	add("0500 30", New(OLM, 5))
	add("0500 32 00", New(NRM, 5))
	add("0500 33 00", New(FAC, 5))
	add("0500 34 01 39 02 0a90 00", New(UPT, 5, ParameterCompatibility{{Parameter: PCallingPartyNumber, Instruction: DiscardParameter}}))
	add("0500 35 00", New(UPA, 5))
	add("0500 38 01 38 01 86 00", New(SGM, 5, MessageCompatibility{Instruction: ReleaseCall | SendNotification}))
	return all
}()

type sample struct {
	hex string
	m   Message
}

func TestMessages(t *testing.T) {
	for _, c := range everyMessage {
		want := unhex(t, c.hex)
		b, err := c.m.AppendBinary([]byte{1})
		if err != nil || !bytes.Equal(b[1:], want) {
			t.Errorf("%v: % x, want % x: %v", c.m.Type, b[1:], want, err)
		}
		m, err := Parse(want)
		if err != nil {
			t.Errorf("%v: %v", c.m.Type, err)
			continue
		}
		if d := cmp.Diff(c.m, m); d != "" {
			t.Errorf("%v: (-want +got)\n%s", c.m.Type, d)
		}
		// No part of it panics, and what is cut within what is mandatory does not parse.
		for n := range want {
			if _, err := Parse(want[:n]); err == nil && n < 3 {
				t.Errorf("%v: parses with %d octets", c.m.Type, n)
			} else if e := (*ParseError)(nil); err != nil && !errors.As(err, &e) {
				t.Errorf("%v: %d octets: %v", c.m.Type, n, err)
			}
		}
	}
}

// TestTshark: Wireshark reads each message under the name it has here, with the same parameters, and objects to nothing.
func TestTshark(t *testing.T) {
	tsharktest.Need(t)
	file := t.TempDir() + "/isup.pcapng"
	w, err := pcapng.Create(file, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range everyMessage {
		w.Trace(event(t, c.m))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Check(t, file)
	rows := tsharktest.Fields(t, file, "", []string{"isup.message_type", "isup.cic", "isup.parameter_type"})
	if len(rows) != len(everyMessage) {
		t.Fatalf("%d frames for %d messages", len(rows), len(everyMessage))
	}
	for i, c := range everyMessage {
		var codes []string
		for _, p := range c.m.Params {
			codes = append(codes, fmt.Sprint(uint8(p.Code)))
		}
		if c.m.Type.format().optional && len(c.m.Params) > len(c.m.Type.format().fixed)+len(c.m.Type.format().variable) {
			codes = append(codes, "0")
		}
		if want := []string{fmt.Sprint(uint8(c.m.Type)), fmt.Sprint(c.m.CIC), strings.Join(codes, ",")}; !cmp.Equal(rows[i], want) {
			t.Errorf("%v: tshark has %q, want %q", c.m.Type, rows[i], want)
		}
	}
	// What it reads out of the first.
	got := tsharktest.Fields(t, file, "frame.number==1", []string{"isup.called", "isup.calling", "isup.forw_call_isdn_user_part_indicator", "isup.forw_call_isdn_access_indicator",
		"isup.calling_partys_category", "isup.called_party_nature_of_address_indicator"})
	want := [][]string{{"800012345", "123", "1", "1", "0x0a", "3"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// event is a message as M3UA carries it.
func event(t testing.TB, m Message) trace.Event {
	t.Helper()
	data, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return trace.Event{Time: time.Unix(0, 0), Dir: trace.Sent, Proto: trace.M3UA, Transport: trace.OverSCTP, Stream: 1, PPID: 3,
		Local: netip.MustParseAddrPort("127.0.0.1:2905"), Remote: netip.MustParseAddrPort("127.0.0.2:2905"), Data: m3uaData(m.CIC, data)}
}

// m3uaData is an M3UA DATA message with a message of ISUP in it (RFC 4666 section 3.3.1).
func m3uaData(cic CIC, data []byte) []byte {
	n := 12 + len(data)
	b := []byte{1, 0, 1, 1, 0, 0, 0, byte(8 + 4 + (n+3)&^3), 0x02, 0x10, 0, byte(4 + n),
		0, 0, 0x08, 0x13, 0, 0, 0x20, 0x2e, byte(mtp3.ISUP), byte(mtp3.National), 0, byte(cic.SLS())}
	b = append(b, data...)
	return append(b, make([]byte, -n&3)...)
}

// TestNames: the codes of this package and those of Wireshark's tables have the same names.
func TestNames(t *testing.T) {
	for v := range 256 {
		if n := MessageType(v).String(); MessageType(v).Known() != !strings.HasPrefix(n, "MessageType(") {
			t.Errorf("%d is %q", v, n)
		}
		_ = fmt.Sprint(CauseValue(v), Location(v), Nature(v), Plan(v), TransmissionMedium(v), CallingPartyCategory(v), Event(v), Supervision(v), ParameterCode(v))
	}
	for _, c := range []struct {
		v    fmt.Stringer
		want string
	}{
		{TransmissionMedium(16), "3x64 kbit/s unrestricted"}, {TransmissionMedium(42), "29x64 kbit/s unrestricted"}, {NormalClearing, "16 (normal call clearing)"},
		{CauseValue(126), "126"}, {PHopCounter, "hop counter"}, {ParameterCode(0x99), "parameter 0x99"},
		{everyMessage[0].m, "IAM CIC 5 to 800012345 from 123"}, {everyMessage[2].m, "SAM CIC 5 digits 12F"},
	} {
		if c.v.String() != c.want {
			t.Errorf("%q, want %q", c.v, c.want)
		}
	}
}

// TestUnknown: what is not known goes out as it came.
func TestUnknown(t *testing.T) {
	for _, h := range []string{
		"0500 fe 01 38 01 86 e0 02 0102 00", // an unknown message with message compatibility information
		"0500 fe 77",                        // one that is no list of parameters
		"0500 fe",                           // an empty one
		"0500 28 01 00 6001",                // pass-along
		"0500 10 01 e0 00 e1 03 010203 e0 01 09 00", // unknown parameters, one twice, one empty
		"0500 0c 02 06 04 8290 0102 e0 01 05 00",
	} {
		b := unhex(t, h)
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", h, err)
			continue
		}
		if got, err := m.AppendBinary(nil); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s became % x: %v", h, got, err)
		}
		if got, err := m.Clone().AppendBinary(nil); err != nil || !bytes.Equal(got, b) {
			t.Errorf("the clone of %s became % x: %v", h, got, err)
		}
	}
	// A later version's longer mandatory part is read over: the pointer tells where the optional part is.
	m, err := Parse(unhex(t, "0500 06 1614 03 aaaa 29 01 01 00"))
	if d := cmp.Diff(New(ACM, 5, ordinary, OptionalBackwardIndicators{InBand: true}), m); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	// An RLC without the pointer to its optional part.
	if m, err := Parse(unhex(t, "0500 10")); err != nil || m.Type != RLC {
		t.Errorf("%v %v", m, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		hex   string
		field string
		err   error
	}{
		{"", "circuit identification code", ErrTruncated},
		{"05", "circuit identification code", ErrTruncated},
		{"0500", "message type", ErrTruncated},
		{"0500 01 00 20", "forward call indicators", ErrTruncated},
		{"0500 01 00 2001 0a 00 09 00 01", "called party number", ErrPointer},
		{"0500 01 00 2001 0a 00 02 00 09 83", "called party number", ErrTruncated},
		{"0500 0c 00 00 02 8290", "cause indicators", ErrPointer},
		{"0500 09 05", "optional part", ErrPointer},
		{"0500 09 01 0a", "optional part", ErrTruncated},
		{"0500 09 01 0a 04 8313", "optional part", ErrTruncated},
		{"0500 09 01 0a 02 8313", "optional part", ErrTruncated},
	} {
		_, err := Parse(unhex(t, c.hex))
		var e *ParseError
		if !errors.As(err, &e) || e.Field != c.field || !errors.Is(err, c.err) {
			t.Errorf("%q: %v", c.hex, err)
		}
	}
	for _, c := range []struct {
		m   Message
		err error
	}{
		{Message{Type: IAM, Params: []Param{{PNatureOfConnection, []byte{0}}}}, ErrMissing},
		{Message{Type: REL}, ErrMissing},
		{Message{Type: COT, Params: []Param{{PContinuityIndicators, []byte{0, 1}}}}, ErrLength},
		{Message{Type: BLO, Params: []Param{{PHopCounter, []byte{1}}}}, ErrNotHere},
		{Message{Type: ANM, Params: []Param{{PAccessTransport, make([]byte, 256)}}}, ErrTooLong},
		{Message{Type: REL, Params: []Param{{PCause, make([]byte, 256)}}}, ErrTooLong},
		{Message{Type: REL, Params: []Param{{PCause, make([]byte, 255)}, {PHopCounter, []byte{1}}}}, ErrTooLong},
		{Message{Type: ANM, Params: []Param{{0, nil}}}, ErrValue},
		{Message{Type: ANM, CIC: 4096}, ErrValue},
	} {
		b, err := c.m.AppendBinary([]byte{7})
		if !errors.Is(err, c.err) || len(b) != 1 {
			t.Errorf("%v: %v, % x", c.m.Type, err, b)
		}
	}
	var m Message
	for _, p := range []Parameter{HopCounter(32), Cause{Value: 128}, EventInformation{Event: 128}, NatureOfConnection{Satellites: 4}, ForwardCallIndicators{EndToEnd: 4},
		BackwardCallIndicators{Charge: 4}, OptionalForwardIndicators{ClosedUserGroup: 4}, InformationIndicators{CallingNumber: 4}, RedirectionInformation{Count: 8},
		CalledPartyNumber{Number{Plan: 8}}, Supervision(4), RangeAndStatus{Range: 8, Status: []byte{0}}, CircuitState{}, ParameterCompatibility{}, AccessTransport{},
		UserServiceInformation{Rate: 32}} {
		if err := m.Set(p); err == nil {
			t.Errorf("%T %v can be written", p, p)
		}
	}
	if len(m.Params) != 0 {
		t.Errorf("what failed stands in the message: %v", m.Params)
	}
	if _, err := ParseDigits("12x"); err == nil {
		t.Error("x is a digit")
	}
}

// decoders are the types that a parameter is read with.
func decoders() []ParameterDecoder {
	return []ParameterDecoder{new(CalledPartyNumber), new(CallingPartyNumber), new(ConnectedNumber), new(RedirectingNumber), new(OriginalCalledNumber), new(RedirectionNumber),
		new(LocationNumber), new(GenericNumber), new(SubsequentNumber), new(NatureOfConnection), new(ForwardCallIndicators), new(BackwardCallIndicators),
		new(OptionalForwardIndicators), new(OptionalBackwardIndicators), new(CallingPartyCategory), new(TransmissionMedium), new(EventInformation), new(ContinuityIndicators),
		new(SuspendResumeIndicators), new(InformationRequestIndicators), new(InformationIndicators), new(RedirectionInformation), new(HopCounter), new(PropagationDelay),
		new(CongestionLevel), new(Cause), new(Supervision), new(RangeAndStatus), new(CircuitState), new(MessageCompatibility), new(ParameterCompatibility),
		new(AccessTransport), new(UserToUserInformation), new(UserTeleservice), new(UserServiceInformation)}
}

func TestParameters(t *testing.T) {
	n := func(s string) Number {
		return Number{Nature: InternationalNumber, Plan: E164, Presentation: PresentationRestricted, Digits: MustDigits(s)}
	}
	screened := n("4930123")
	screened.Screening = UserVerified
	incomplete, inn := screened, screened
	incomplete.Incomplete = true
	inn.NoINN = true
	for _, c := range []struct {
		hex string
		p   Parameter
	}{
		{"84 95 94 03 21 03", CallingPartyNumber{incomplete}},
		{"84 15 94 03 21 03", ConnectedNumber{screened}},
		{"84 14 94 03 21 03", RedirectingNumber{n("4930123")}},
		{"84 14 94 03 21 03", OriginalCalledNumber{n("4930123")}},
		{"84 95 94 03 21 03", LocationNumber{inn}},
		{"06 84 95 94 03 21 03", GenericNumber{6, incomplete}},
		{"03 90 21", RedirectionNumber{Number{Nature: NationalNumber, Plan: E164, NoINN: true, Digits: MustDigits("12")}}},
		{"00 0b", CallingPartyNumber{Number{Presentation: NotAvailable, Screening: NetworkProvided}}},
		{"00 21 f3", SubsequentNumber{MustDigits("123F")}},
		{"33 31", RedirectionInformation{Indicator: 3, OriginalReason: 3, Count: 1, Reason: 3}},
		{"01f4", PropagationDelay(500)},
		{"02", CongestionLevel(2)},
		{"86", OptionalForwardIndicators{ClosedUserGroup: 2, Segmentation: true, ConnectedLine: true}},
		{"0f", OptionalBackwardIndicators{true, true, true, true}},
		{"8a81 0102", Cause{Value: Unallocated, Location: BeyondInterworking, Diagnostics: []byte{1, 2}}},
		{"81", EventInformation{Alerting, true}},
		{"e0 06 81 e1 83", ParameterCompatibility{{0xe0, ReleaseCall | SendNotification, []byte{0x81}}, {0xe1, EndNodeInterpretation | ReleaseCall, nil}}},
		{"19 82", MessageCompatibility{EndNodeInterpretation | DiscardMessage | DiscardParameter, []byte{0x82}}},
		{"7d 02 91 81", UserTeleservice{0x7d, 2, 0x91, 0x81}},
		{"88 90", UserServiceInformation{Capability: UnrestrictedData, Rate: 16}},
	} {
		want := unhex(t, c.hex)
		b, err := c.p.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, want) {
			t.Errorf("%T: % x, want % x: %v", c.p, b, want, err)
		}
		for _, d := range decoders() {
			if fmt.Sprintf("%T", d) != "*"+fmt.Sprintf("%T", c.p) {
				continue
			}
			if err := d.UnmarshalBinary(want); err != nil {
				t.Errorf("%T: %v", c.p, err)
			}
			if got := reflect.ValueOf(d).Elem().Interface(); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.p) {
				t.Errorf("%T: %+v, want %+v", c.p, got, c.p)
			}
		}
	}
	for _, d := range decoders() {
		if err := d.UnmarshalBinary(nil); err == nil {
			t.Errorf("%T reads nothing", d)
		}
		if (d.Code() == 0) || !d.Code().Known() {
			t.Errorf("%T has the code %v", d, d.Code())
		}
	}
	i, ok := ParameterCompatibility{{PHopCounter, SendNotification | DiscardParameter, nil}}.Of(PHopCounter)
	if !ok || !i.Transit() || i.ReleaseCall() || !i.SendNotification() || i.DiscardMessage() || !i.DiscardParameter() {
		t.Errorf("%v %v", i, ok)
	}
	var c Cause
	if err := c.UnmarshalBinary([]byte{0x02, 0x80, 0x90}); err != nil || c.Value != NormalClearing {
		t.Errorf("with a recommendation: %v %v", c, err)
	}
	m := New(REL, 1, Cause{Value: UserBusy}, HopCounter(3))
	if err := m.Set(Cause{Value: NoAnswer}); err != nil || len(m.Params) != 2 {
		t.Errorf("%v %v", m, err)
	}
	m.Remove(PHopCounter)
	if ok, err := m.Decode(&c); !ok || err != nil || c.Value != NoAnswer || len(m.Params) != 1 {
		t.Errorf("%v %v", m, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range everyMessage {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		_ = m.String()
		out, err := m.AppendBinary(nil)
		if err != nil {
			if errors.Is(err, ErrTooLong) { // parts that overlap can be read, but not be written
				return
			}
			t.Fatalf("%v parses, but cannot be written: %v", m, err)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("% x: %v", out, err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Fatal(d)
		}
		for _, d := range decoders() {
			for _, p := range m.Params {
				if p.Code != d.Code() || d.UnmarshalBinary(p.Value) != nil {
					continue
				}
				v, err := d.(Parameter).AppendBinary(nil)
				if err != nil {
					t.Fatalf("%T %+v cannot be written: %v", d, d, err)
				}
				if err := d.UnmarshalBinary(v); err != nil {
					t.Fatalf("%T: % x: %v", d, v, err)
				}
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	iam := unhex(b, everyMessage[0].hex)
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Parse(iam); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := everyMessage[0].m
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = m.AppendBinary(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
