package amr

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/tsharktest"
)

// The layouts bit by bit: TS 26.101 section 4.2 and annex A, TS 26.201 section 4.2 and annex A.
func TestInterfaceLayout(t *testing.T) {
	sid := Frame{Type: SIDNB, Data: []byte{0x80, 0, 0, 0, 0x12}} // STI set, mode 4.75 … bits 0, 35 and 38
	for _, tc := range []struct {
		name string
		got  func() ([]byte, error)
		want []byte
	}{
		{"IF2 of AMR, SID", func() ([]byte, error) { return NB.AppendIF2(nil, sid) },
			// type 8 in the low half; bit 0 is bit 4 of the first octet, bit 35 bit 7 of the fifth, bit 38 bit 2 of the sixth
			[]byte{0x18, 0, 0, 0, 0x80, 0x04}},
		{"IF2 of AMR, NO_DATA", func() ([]byte, error) { return NB.AppendIF2(nil, Frame{Type: NoData}) }, []byte{0x0f}},
		{"IF2 of AMR-WB, SID", func() ([]byte, error) {
			return WB.AppendIF2(nil, Frame{Type: SIDWB, Data: []byte{0x80, 0, 0, 0, 0x18}})
		},
			// 1001 | 1 | 1 0 0, and 35 bits on: STI in the top bit of the sixth octet, then 1000
			[]byte{0x9c, 0, 0, 0, 0, 0xc0}},
		{"IF2 of AMR-WB, lost", func() ([]byte, error) { return WB.AppendIF2(nil, Frame{Type: SpeechLost}) }, []byte{0xe8}},
		{"IF1 of AMR", func() ([]byte, error) {
			return NB.AppendIF1(nil, InterfaceFrame{Frame: Frame{Type: SIDNB, Data: []byte{0, 0, 0, 0, 2}}, ModeIndication: Mode670, ModeRequest: Mode102})
		}, []byte{0x8b, 0xc0, 0xb8, 0, 0, 0, 0, 2}},
		{"IF1 of AMR-WB, damaged", func() ([]byte, error) {
			return WB.AppendIF1(nil, InterfaceFrame{Frame: Frame{Type: SIDWB, Bad: true, Data: []byte{0, 0, 0, 0, 1}}, ModeIndication: Mode2385, ModeRequest: 15})
		}, []byte{0x90, 0x8f, 0xb8, 0, 0, 0, 0, 1}},
	} {
		got, err := tc.got()
		if err != nil || !bytes.Equal(got, tc.want) {
			t.Errorf("%s: % x, %v, want % x", tc.name, got, err, tc.want)
		}
	}
}

func TestInterfaceRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []Codec{NB, WB} {
		for range 50 {
			for _, ft := range types(c) {
				f := InterfaceFrame{Frame: randomFrame(r, c, ft), ModeIndication: FrameType(r.IntN(8)), ModeRequest: FrameType(r.IntN(8))}
				if int(ft) < c.Modes() {
					f.ModeIndication = ft
				}
				b, err := c.AppendIF1([]byte{7}, f)
				if err != nil {
					t.Fatal(err)
				}
				got, n, err := c.ParseIF1(nil, append(b, 0xff)[1:])
				if diff := cmp.Diff(f, got); diff != "" || err != nil || n != len(b)-1 {
					t.Fatalf("%v type %d: %d, %v, %s", c, ft, n, err, diff)
				}
				if _, _, err := c.ParseIF1(nil, b[1:len(b)-1]); !errors.Is(err, ErrTruncated) {
					t.Fatalf("cut: %v", err)
				}
				if !f.Bad && len(f.Data) > 0 {
					b[4] ^= 1
					if got, _, err := c.ParseIF1(nil, b[1:]); err != nil || !got.Bad {
						t.Fatalf("%v type %d: a wrong CRC, %+v, %v", c, ft, got, err)
					}
				}
				f.Bad = f.Bad && c == WB
				b, err = c.AppendIF2([]byte{7}, f.Frame)
				if err != nil {
					t.Fatal(err)
				}
				back, n, err := c.ParseIF2([]byte{1, 2}, append(b, 0xff)[1:])
				if diff := cmp.Diff(f.Frame, back); diff != "" || err != nil || n != len(b)-1 {
					t.Fatalf("%v type %d: %d, %v, %s", c, ft, n, err, diff)
				}
				if _, _, err := c.ParseIF2(nil, b[1:len(b)-1]); !errors.Is(err, ErrTruncated) {
					t.Fatalf("cut: %v", err)
				}
			}
		}
	}
}

func TestInterfaceErrors(t *testing.T) {
	var fe *FrameError
	if _, err := NB.AppendIF2(nil, Frame{Type: NoData, Bad: true}); !errors.As(err, &fe) {
		t.Errorf("damaged: %v", err)
	}
	for _, f := range []InterfaceFrame{{Frame: Frame{Type: 9}}, {Frame: Frame{Type: NoData}, ModeRequest: 8}, {Frame: Frame{Type: NoData}, ModeIndication: 8}, {Frame: Frame{Type: 0}}} {
		var pe *PayloadError
		if _, err := NB.AppendIF1(nil, f); !errors.As(err, &pe) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if _, err := WB.AppendIF1(nil, InterfaceFrame{Frame: Frame{Type: NoData}, ModeRequest: 16}); err == nil {
		t.Error("a mode of five bits")
	}
	if _, _, err := WB.ParseIF1(nil, []byte{0xa0, 0, 0, 0, 0}); !errors.Is(err, ErrReserved) {
		t.Error(err)
	}
	if _, _, err := NB.ParseIF2(nil, []byte{0x0c}); !errors.Is(err, ErrReserved) {
		t.Error(err)
	}
}

// tshark reads the fields of both formats as we wrote them.
func TestTSharkInterface(t *testing.T) {
	tsharktest.Need(t)
	for _, c := range []Codec{NB, WB} {
		family := map[Codec]string{NB: "nb", WB: "wb"}[c]
		r := rand.New(rand.NewPCG(7, 8))
		var if1, if2 [][]byte
		var want1, want2 [][]string
		for range 10 {
			for _, ft := range types(c) {
				f := InterfaceFrame{Frame: randomFrame(r, c, ft), ModeIndication: FrameType(r.IntN(8)), ModeRequest: FrameType(r.IntN(8))}
				b, err := c.AppendIF1(nil, f)
				if err != nil {
					t.Fatal(err)
				}
				if1 = append(if1, b)
				mode, sti, sidMode := fmt.Sprint(int(f.ModeIndication)), "", ""
				if int(ft) < c.Modes() {
					mode = fmt.Sprint(int(ft))
				}
				if ft == c.SID() {
					mode, sti = "", fmt.Sprint(f.Data[4]>>4&1)
					sidMode = fmt.Sprint(f.Data[4] & 15)
					if c == NB {
						sidMode = fmt.Sprint(f.Data[4] >> 1 & 7)
					}
				}
				want1 = append(want1, []string{fmt.Sprint(int(ft)), fmt.Sprint(bit(!f.Bad)), mode, fmt.Sprint(int(f.ModeRequest)), sti, sidMode})
				f.Bad = false
				if b, err = c.AppendIF2(nil, f.Frame); err != nil {
					t.Fatal(err)
				}
				if2 = append(if2, b)
				if c == NB && ft == SIDNB { // the first bit is the lowest
					sidMode = fmt.Sprint(f.Data[4]>>3&1 | f.Data[4]>>1&2 | f.Data[4]<<1&4)
				}
				want2 = append(want2, []string{fmt.Sprint(int(ft)), sti, sidMode})
			}
		}
		for _, x := range []struct {
			encoding string
			payloads [][]byte
			want     [][]string
			fields   []string
		}{
			{"AMR IF1", if1, want1, []string{"amr." + family + ".if1.ft", "amr.fqi", "amr." + family + ".if1.modeind", "amr." + family + ".if1.modereq", "amr.if1.sti", "amr." + family + ".if1.stimodeind"}},
			{"AMR IF2", if2, want2, []string{"amr." + family + ".if2.ft", "amr.if2.sti", "amr." + family + ".if2.stimodeind"}},
		} {
			name, args := capturePayloads(t, c, x.encoding, x.payloads)
			got := tsharktest.Fields(t, name, "", x.fields, args...)
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("%v, %s: %s", c, x.encoding, diff)
			}
			if bad := tsharktest.Fields(t, name, "amr.spare_bit_not0 || _ws.expert.severity >= error", []string{"frame.number"}, args...); x.encoding == "AMR IF1" && len(bad) > 0 {
				t.Errorf("%v, %s: tshark complains of frames %v", c, x.encoding, bad)
			}
		}
	}
}

// FuzzInterface holds that what parses is written as it came, but for spare bits and the CRC.
func FuzzInterface(f *testing.F) {
	f.Add([]byte{0x8b, 0xc0, 0xb8, 0, 0, 0, 0, 2}, false)
	f.Add([]byte{0x9c, 0, 0, 0, 0, 0xc0}, true)
	f.Fuzz(func(t *testing.T, b []byte, wide bool) {
		c := NB
		if wide {
			c = WB
		}
		if f, n, err := c.ParseIF1(nil, b); err == nil && (f.ModeIndication == f.Type || int(f.Type) >= c.Modes()) {
			again, err := c.AppendIF1(nil, f)
			if err != nil || len(again) != n {
				t.Fatalf("%+v: %d octets of %d, %v", f, len(again), n, err)
			}
			if g, _, err := c.ParseIF1(nil, again); err != nil || !cmp.Equal(f, g) {
				t.Fatalf("%+v became %+v, %v", f, g, err)
			}
		}
		if f, n, err := c.ParseIF2(nil, b); err == nil {
			again, err := c.AppendIF2(nil, f)
			if err != nil || len(again) != n {
				t.Fatalf("%+v: %d octets of %d, %v", f, len(again), n, err)
			}
			if g, _, err := c.ParseIF2(nil, again); err != nil || !cmp.Equal(f, g) {
				t.Fatalf("%+v became %+v, %v", f, g, err)
			}
		}
	})
}
