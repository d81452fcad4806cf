package amr

import (
	"bytes"
	"errors"
	"testing"
)

// homing is the decoder homing frame of 4.75 kbit/s (TS 26.090 section 8).
var homing = []byte{0xf8, 0x9d, 0x67, 0xf1, 0x16, 0x09, 0x35, 0xbd, 0xe1, 0x99, 0x68, 0x40}

func TestDecodeHoming(t *testing.T) {
	d, err := NewDecoder(DecoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, NB.FrameSamples())
	for range 3 {
		if err := d.Decode(pcm, Frame{Type: Mode475, Data: homing}); err != nil {
			t.Fatal(err)
		}
		for i, v := range pcm {
			if v != 8 {
				t.Fatalf("sample %d = %d, want the homing sample 8", i, v)
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	d, err := NewDecoder(DecoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, NB.FrameSamples())
	for _, f := range []Frame{{Type: 9}, {Type: 14}, {Type: 16}, {Type: 7, Data: homing}, {Type: 8}} {
		var fe *FrameError
		if err := d.Decode(pcm, f); !errors.As(err, &fe) || fe.Type != f.Type {
			t.Errorf("Decode(%v) = %v, want a FrameError", f, err)
		}
	}
	if err := d.Decode(pcm[1:], Frame{Type: NoData}); err == nil {
		t.Error("Decode into 159 samples: no error")
	}
	var ce *ConfigError
	if _, err := NewDecoder(DecoderConfig{Codec: 7}); !errors.As(err, &ce) {
		t.Errorf("NewDecoder = %v, want a ConfigError", err)
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	d, err := NewDecoder(DecoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, NB.FrameSamples())
	data := bytes.Repeat([]byte{0x5a}, 31)
	n := testing.AllocsPerRun(20, func() {
		for ft := range FrameType(9) {
			for q := range 2 * (Missing + 1) {
				if err := d.Decode(pcm, Frame{Type: ft, Bad: q&1 != 0, Quality: q >> 1, Data: data}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzDecode feeds any frames: three bytes of type, quality and seed, then data.
func FuzzDecode(f *testing.F) {
	for ft := range byte(9) {
		f.Add([]byte{ft, 0}, homing)
	}
	f.Add([]byte{8, 1, 15, 0, 0, 3, 7, 4}, bytes.Repeat([]byte{0xa5}, 31))
	f.Fuzz(func(t *testing.T, kinds, data []byte) {
		d, err := NewDecoder(DecoderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, NB.FrameSamples())
		for i := 0; i+1 < len(kinds) && i < 200; i += 2 {
			fr := Frame{Type: FrameType(kinds[i] & 15), Bad: kinds[i+1]&1 != 0, Quality: Quality(kinds[i+1] >> 1 & 3)}
			if n := max(NB.Octets(fr.Type), 0); n <= len(data) {
				fr.Data = data[:n]
				data = append(data[n:len(data):len(data)], data[:n]...)
			}
			err := d.Decode(pcm, fr)
			var fe *FrameError
			if err != nil && !errors.As(err, &fe) {
				t.Fatal(err)
			}
			for _, v := range pcm {
				if v&7 != 0 {
					t.Fatalf("sample %d has more than 13 bits", v)
				}
			}
		}
	})
}
