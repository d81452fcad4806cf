package amr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// randomFrame makes a frame of the given type with random bits.
func randomFrame(r *rand.Rand, c Codec, ft FrameType) Frame {
	f := Frame{Type: ft, Bad: r.IntN(4) == 0}
	if n := c.Octets(ft); n > 0 {
		f.Data = make([]byte, n)
		for i := range f.Data {
			f.Data[i] = byte(r.Uint32())
		}
		f.Data[n-1] &^= 1<<(-c.Bits(ft)&7) - 1
	}
	return f
}

func types(c Codec) (all []FrameType) {
	for ft := range FrameType(16) {
		if c.Bits(ft) >= 0 {
			all = append(all, ft)
		}
	}
	return all
}

func formats(c Codec) (all []PayloadFormat) {
	for _, channels := range []int{0, 2} {
		all = append(all, PayloadFormat{Codec: c, Channels: channels}, PayloadFormat{Codec: c, Channels: channels, OctetAligned: true})
		for i := 1; i < 8; i++ {
			all = append(all, PayloadFormat{Codec: c, Channels: channels, CRC: i&1 != 0, RobustSorting: i&2 != 0, Interleaving: i >> 2 * 30})
		}
	}
	return all
}

// Whatever is packed comes back, in every format and with every type of frame.
func TestPayloadRoundTrip(t *testing.T) {
	for _, c := range []Codec{NB, WB} {
		for _, format := range formats(c) {
			t.Run(fmt.Sprintf("%v %+v", c, format), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				reader := PayloadReader{Format: format}
				kinds := types(c)
				for range 300 {
					p := Payload{CMR: FrameType(r.IntN(16))}
					blocks := 1 + r.IntN(5)
					if format.Interleaving > 0 {
						p.ILL = uint8(r.IntN(6))
						p.ILP = uint8(r.IntN(int(p.ILL) + 1))
					}
					for range blocks * format.channels() {
						p.Frames = append(p.Frames, randomFrame(r, c, kinds[r.IntN(len(kinds))]))
					}
					b, err := format.AppendPayload([]byte("x"), p)
					if err != nil {
						t.Fatal(err)
					}
					got, err := reader.Read(b[1:])
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(p, got); diff != "" {
						t.Fatal(diff)
					}
				}
			})
		}
	}
}

// The layouts of RFC 4867 section 4.3.5 and 4.4.5, bit by bit.
func TestPayloadLayout(t *testing.T) {
	ones := func(c Codec, ft FrameType) Frame {
		f := Frame{Type: ft, Data: bytes.Repeat([]byte{0xff}, c.Octets(ft))}
		if n := len(f.Data); n > 0 {
			f.Data[n-1] &^= 1<<(-c.Bits(ft)&7) - 1
		}
		return f
	}
	for _, tc := range []struct {
		name   string
		format PayloadFormat
		p      Payload
		want   []byte
	}{
		{"one frame of 7.40, 4.3.5.1", PayloadFormat{Codec: NB}, Payload{CMR: NoRequest, Frames: []Frame{ones(NB, Mode740)}},
			// 1111 | 0 0100 1 | 148 bits | 2 bits of padding
			append(append([]byte{0xf2, 0x7f}, bytes.Repeat([]byte{0xff}, 17)...), 0xfc)},
		{"three frames of WB, 4.3.5.2: 6.60, 8.85 bad, NO_DATA", PayloadFormat{Codec: WB},
			Payload{CMR: Mode885, Frames: []Frame{{Type: Mode660, Data: make([]byte, 17)}, {Type: Mode885, Bad: true, Data: make([]byte, 23)}, {Type: NoData}}},
			// 0001 | 1 0000 1 | 1 0001 0 | 0 1111 1 | 309 zeros | 6 bits of padding
			append([]byte{0x18, 0x62, 0x7c}, make([]byte, (4+18+309+7)/8-3)...)},
		{"octet-aligned, 4.4.5", PayloadFormat{Codec: NB, OctetAligned: true}, Payload{CMR: Mode670, Frames: []Frame{ones(NB, SIDNB), {Type: NoData}}},
			[]byte{0x30, 0xc4, 0x7c, 0xff, 0xff, 0xff, 0xff, 0xfe}},
		{"robust sorting", PayloadFormat{Codec: NB, RobustSorting: true},
			Payload{CMR: NoRequest, Frames: []Frame{{Type: SIDNB, Data: []byte{1, 2, 3, 4, 0x10}}, {Type: SIDNB, Data: []byte{6, 7, 8, 9, 0x20}}}},
			[]byte{0xf0, 0xc4, 0x44, 1, 6, 2, 7, 3, 8, 4, 9, 0x10, 0x20}},
		{"interleaving", PayloadFormat{Codec: NB, Interleaving: 6}, Payload{CMR: NoRequest, ILL: 2, ILP: 1, Frames: []Frame{{Type: NoData}, {Type: NoData}}},
			[]byte{0xf0, 0x21, 0xfc, 0x7c}},
		// The CRC by hand: a single 1 as the last class A bit leaves the polynomial's 10111000.
		{"CRC", PayloadFormat{Codec: NB, CRC: true}, Payload{CMR: NoRequest, Frames: []Frame{{Type: SIDNB, Data: []byte{0, 0, 0, 0, 2}}}},
			[]byte{0xf0, 0x44, 0xb8, 0, 0, 0, 0, 2}},
	} {
		got, err := tc.format.AppendPayload(nil, tc.p)
		if err != nil || !bytes.Equal(got, tc.want) {
			t.Errorf("%s: % x, %v, want % x", tc.name, got, err, tc.want)
		}
		p, err := (&PayloadReader{Format: tc.format}).Read(tc.want)
		if diff := cmp.Diff(tc.p, p); diff != "" || err != nil {
			t.Errorf("%s: %v %s", tc.name, err, diff)
		}
	}
}

func TestPayloadRefusals(t *testing.T) {
	oa, il, two := PayloadFormat{OctetAligned: true}, PayloadFormat{Interleaving: 4}, PayloadFormat{OctetAligned: true, Channels: 2}
	for _, tc := range []struct {
		format PayloadFormat
		b      []byte
		want   error
		at     int
	}{
		{PayloadFormat{}, nil, ErrTruncated, 0},
		{PayloadFormat{}, []byte{0xf4}, ErrTruncated, 0},
		{PayloadFormat{}, []byte{0xf4, 0xc0}, ErrReserved, 1},                                // FT 9
		{PayloadFormat{}, append([]byte{0xf3, 0xc0}, make([]byte, 20)...), ErrTruncated, 22}, // 12.2 wants 32
		{PayloadFormat{}, append([]byte{0xf4, 0x40}, make([]byte, 10)...), ErrTrailing, 7},   // SID wants 7
		{PayloadFormat{Codec: WB}, []byte{0xf5, 0x00}, ErrReserved, 1},                       // FT 10
		{oa, []byte{0xf0}, ErrTruncated, 1},
		{oa, []byte{0xf0, 0xc4}, ErrTruncated, 2},
		{oa, []byte{0xf0, 0x44, 1, 2, 3, 4}, ErrTruncated, 6},
		{oa, []byte{0xf0, 0x44, 1, 2, 3, 4, 5, 6}, ErrTrailing, 7},
		{oa, []byte{0xf0, 0x74}, ErrReserved, 1}, // FT 14, of WB only
		{two, []byte{0xf0, 0x7c}, ErrBlocks, 1},
		{il, []byte{0xf0}, ErrTruncated, 1},
		{il, []byte{0xf0, 0x12, 0x7c}, ErrInterleaved, 1},
		{il, []byte{0xf0, 0x40, 0x7c}, ErrInterleaved, 1}, // a group of 5, at most 4
		{PayloadFormat{CRC: true}, []byte{0xf0, 0x44}, ErrTruncated, 2},
		{oa, append([]byte{0xf0}, bytes.Repeat([]byte{0xfc}, 100)...), ErrTooMany, 1 + MaxFrames},
	} {
		_, err := (&PayloadReader{Format: tc.format}).Read(tc.b)
		var e *PayloadError
		if !errors.As(err, &e) || !errors.Is(err, tc.want) || e.Offset != tc.at {
			t.Errorf("%+v, % x: %v, want %v at %d", tc.format, tc.b, err, tc.want, tc.at)
		}
	}
	for name, p := range map[string]Payload{
		"no frame":     {},
		"short frame":  {Frames: []Frame{{Type: Mode475, Data: make([]byte, 11)}}},
		"padding set":  {Frames: []Frame{{Type: Mode475, Data: bytes.Repeat([]byte{255}, 12)}}},
		"foreign type": {Frames: []Frame{{Type: SpeechLost}}},
		"bad CMR":      {CMR: 16, Frames: []Frame{{Type: NoData}}},
		"many":         {Frames: make([]Frame, MaxFrames+1)},
	} {
		if b, err := oa.AppendPayload(nil, p); err == nil || len(b) != 0 {
			t.Errorf("%s: % x, %v", name, b, err)
		}
	}
	if _, err := il.AppendPayload(nil, Payload{ILL: 1, ILP: 2, Frames: []Frame{{Type: NoData}}}); !errors.Is(err, ErrInterleaved) {
		t.Errorf("a place outside the group: %v", err)
	}
}

// A wrong CRC marks the frame as bad, and only that frame.
func TestPayloadCRC(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	format := PayloadFormat{Codec: WB, CRC: true}
	p := Payload{CMR: NoRequest, Frames: []Frame{randomFrame(r, WB, Mode1265), randomFrame(r, WB, Mode1265)}}
	p.Frames[0].Bad, p.Frames[1].Bad = false, false
	b, err := format.AppendPayload(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 253 {
		damaged := bytes.Clone(b)
		damaged[5+bit/8] ^= 0x80 >> (bit % 8)
		got, err := (&PayloadReader{Format: format}).Read(damaged)
		if err != nil || got.Frames[0].Bad != (bit < 72) || got.Frames[1].Bad {
			t.Fatalf("bit %d: bad %v, %v, %v", bit, got.Frames[0].Bad, got.Frames[1].Bad, err)
		}
	}
}

func TestPayloadAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, format := range formats(WB)[:9] {
		p := Payload{CMR: NoRequest, Frames: []Frame{randomFrame(r, WB, Mode2385), randomFrame(r, WB, SIDWB)}}
		reader := PayloadReader{Format: format}
		var b []byte
		if n := testing.AllocsPerRun(100, func() {
			var err error
			if b, err = format.AppendPayload(b[:0], p); err != nil {
				t.Fatal(err)
			}
			if _, err := reader.Read(b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%+v: %g allocations", format, n)
		}
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte{0xf4, 0x40, 0, 0, 0, 0, 0}, uint8(0))
	f.Add([]byte{0xf0, 0x44, 0xb8, 0, 0, 0, 0, 2}, uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		all := append(formats(NB), formats(WB)...)
		format := all[int(kind)%len(all)]
		p, err := (&PayloadReader{Format: format}).Read(b)
		if err != nil {
			var e *PayloadError
			if !errors.As(err, &e) || e.Offset > len(b) {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := format.AppendPayload(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&PayloadReader{Format: format}).Read(again)
		if diff := cmp.Diff(p, got); diff != "" || err != nil {
			t.Fatal(err, diff)
		}
	})
}

func TestFileRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, c := range []Codec{NB, WB} {
		for _, channels := range []int{1, 2, 15} {
			var file bytes.Buffer
			w, err := NewFileWriter(&file, c, channels)
			if err != nil {
				t.Fatal(err)
			}
			var want []Frame
			for range 20 * channels {
				all := types(c)
				f := randomFrame(r, c, all[r.IntN(len(all))])
				want = append(want, f)
				if err := w.Write(f); err != nil {
					t.Fatal(err)
				}
			}
			got, err := readFile(bytes.NewReader(file.Bytes()), c, channels)
			if diff := cmp.Diff(want, got); diff != "" || err != io.EOF {
				t.Errorf("%v, %d channels: %v %s", c, channels, err, diff)
			}
		}
	}
	if _, err := NewFileWriter(io.Discard, NB, 16); !errors.Is(err, ErrChannels) {
		t.Errorf("16 channels: %v", err)
	}
}

func readFile(r io.Reader, c Codec, channels int) (all []Frame, err error) {
	f, err := NewFileReader(r)
	if err != nil {
		return nil, err
	}
	if f.Codec() != c || f.Channels() != channels {
		return nil, fmt.Errorf("%v with %d channels", f.Codec(), f.Channels())
	}
	for {
		fr, err := f.Next()
		if err != nil {
			return all, err
		}
		fr.Data = append([]byte(nil), fr.Data...)
		all = append(all, fr)
	}
}

func TestFileRefusals(t *testing.T) {
	for _, tc := range []struct {
		file string
		want error
		at   int64
	}{
		{"", ErrMagic, 0},
		{"#!AMR", ErrMagic, 0},
		{"RIFF....WAVE", ErrMagic, 0},
		{"#!AMR_MC1.0\n\x00\x00", ErrTruncated, 12},
		{"#!AMR_MC1.0\n\x00\x00\x00\x00", ErrChannels, 12},
		{"#!AMR\n\x44\x01\x02", ErrTruncated, 7},
		{"#!AMR\n\x4c", ErrReserved, 6},
		{"#!AMR-WB\n\x7c\x54", ErrReserved, 10},
	} {
		f, err := NewFileReader(bytes.NewReader([]byte(tc.file)))
		for err == nil {
			_, err = f.Next()
		}
		var e *FileError
		if !errors.As(err, &e) || !errors.Is(err, tc.want) || e.Offset != tc.at {
			t.Errorf("%q: %v, want %v at %d", tc.file, err, tc.want, tc.at)
		}
	}
}

// The files of the reference encoder read, and are written back octet for octet.
func TestFilesOfReference(t *testing.T) {
	files, _ := filepath.Glob("testdata/public/*.a??")
	if len(files) == 0 {
		t.Skip("no files in testdata/public: they come with a clone, not with the module")
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := NB
		if filepath.Ext(name) == ".awb" {
			c = WB
		}
		frames, err := readFile(bytes.NewReader(b), c, 1)
		if err != io.EOF || len(frames) < 2900 {
			t.Errorf("%s: %d frames, %v", name, len(frames), err)
		}
		var again bytes.Buffer
		w, err := NewFileWriter(&again, c, 1)
		for i := 0; err == nil && i < len(frames); i++ {
			err = w.Write(frames[i])
		}
		if err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%s: does not come back: %v", name, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("#!AMR\n\x44\x01\x02\x03\x04\x06\x7c"))
	f.Add([]byte("#!AMR-WB_MC1.0\n\x00\x00\x00\x02\x7c\x7c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewFileReader(bytes.NewReader(b))
		for n := 0; err == nil; n++ {
			if n > len(b) {
				t.Fatal("more frames than octets")
			}
			_, err = r.Next()
		}
	})
}
