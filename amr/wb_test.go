package amr

import (
	"testing"

	"github.com/gotelco/telco/amr/internal/wb"
)

// TestDecodeWB holds that a Decoder hands every kind of frame on as the wideband codec wants it.
func TestDecodeWB(t *testing.T) {
	enc := wb.NewEncoder()
	var in [320]int16
	for i := range in {
		in[i] = int16(i * i << 4)
	}
	data := make([][]byte, 9)
	for m := range data {
		data[m], _ = enc.Encode(&in, wb.Mode(m), nil)
	}
	sid := []byte{0x12, 0x34, 0x56, 0x78, 0x90}
	first := []byte{0, 0, 0, 0, 0x02}
	for _, c := range []struct {
		f    Frame
		rx   wb.RxType
		mode wb.Mode
	}{
		{Frame{Type: Mode1265, Data: data[2]}, wb.SpeechGood, 2},
		{Frame{Type: Mode2385, Data: data[8]}, wb.SpeechGood, 8},
		{Frame{Type: Mode660, Data: data[0], Bad: true}, wb.SpeechBad, 0},
		{Frame{Type: Mode885, Data: data[1], Quality: Degraded}, wb.SpeechDegraded, 1},
		{Frame{Type: SpeechLost}, wb.SpeechLost, 0},
		{Frame{Type: NoData}, wb.NoData, 0},
		{Frame{Type: Mode1265, Quality: Missing}, wb.NoData, 0},
		{Frame{Type: SIDWB, Data: first}, wb.SIDFirst, wb.ModeUnknown},
		{Frame{Type: SIDWB, Data: sid}, wb.SIDUpdate, wb.ModeUnknown},
		{Frame{Type: SIDWB, Data: sid, Bad: true}, wb.SIDBad, wb.ModeUnknown},
		{Frame{Type: NoData}, wb.NoData, 0},
		{Frame{Type: Mode2305, Data: data[7]}, wb.SpeechGood, 7},
	} {
		d, err := NewDecoder(DecoderConfig{Codec: WB})
		if err != nil {
			t.Fatal(err)
		}
		ref := wb.NewDecoder()
		pcm := make([]int16, 320)
		var want [320]int16
		for range 3 { // speech, the frame, speech
			for _, p := range []struct {
				f    Frame
				rx   wb.RxType
				mode wb.Mode
			}{{Frame{Type: Mode1585, Data: data[4]}, wb.SpeechGood, 4}, c} {
				if err := d.Decode(pcm, p.f); err != nil {
					t.Fatal(err)
				}
				ref.Decode(p.rx, p.mode, p.f.Data, &want)
				if [320]int16(pcm) != want {
					t.Fatalf("%+v isn't decoded as receive type %d", p.f, p.rx)
				}
			}
		}
	}
}
