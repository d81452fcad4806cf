package amr

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/gotelco/telco/amr/internal/nb"
	"github.com/gotelco/telco/amr/internal/wb"
)

func newEncoder(t testing.TB, cfg EncoderConfig) *Encoder {
	t.Helper()
	e, err := NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newDecoder(t testing.TB, c Codec) *Decoder {
	t.Helper()
	d, err := NewDecoder(DecoderConfig{Codec: c})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEncoderConfig(t *testing.T) {
	for _, cfg := range []EncoderConfig{{Codec: 2}, {Mode: 8}, {Codec: WB, Mode: 9}, {VAD: 3}, {VAD: -1}, {Codec: WB, VAD: 2}} {
		var ce *ConfigError
		if _, err := NewEncoder(cfg); !errors.As(err, &ce) {
			t.Errorf("NewEncoder(%+v) = %v, want a ConfigError", cfg, err)
		}
	}
	e := newEncoder(t, EncoderConfig{Codec: WB, Mode: Mode1265})
	if err := e.SetMode(9); err == nil || e.Mode() != Mode1265 {
		t.Errorf("SetMode(9) = %v, mode %d", err, e.Mode())
	}
	if _, err := e.Encode(nil, make([]int16, 319)); err == nil {
		t.Error("Encode of 319 samples: no error")
	}
}

// TestHomingRoundTrip holds that every encoder makes the decoder homing frame of the second homing frame it gets.
func TestHomingRoundTrip(t *testing.T) {
	for _, c := range []Codec{NB, WB} {
		pcm := make([]int16, c.FrameSamples())
		out := make([]int16, c.FrameSamples())
		for i := range pcm {
			pcm[i] = 8
		}
		for m := range c.Modes() {
			e, d := newEncoder(t, EncoderConfig{Codec: c, Mode: FrameType(m)}), newDecoder(t, c)
			for range 4 {
				f, err := e.Encode(nil, pcm)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Decode(out, f); err != nil {
					t.Fatal(err)
				}
			}
			for i, v := range out {
				if v != 8 {
					t.Fatalf("%v mode %d: sample %d is %d, want the homing sample", c, m, i, v)
				}
			}
		}
	}
}

func TestEncodeAppends(t *testing.T) {
	pcm := make([]int16, 320)
	for _, c := range []Codec{NB, WB} {
		e, again := newEncoder(t, EncoderConfig{Codec: c, Mode: 3}), newEncoder(t, EncoderConfig{Codec: c, Mode: 3})
		buf := append(make([]byte, 0, 100), "head"...)
		f, err := e.Encode(buf, pcm)
		if err != nil || len(f.Data) != c.Octets(3) || &f.Data[0] != &buf[:5][4] {
			t.Errorf("%v: Encode = %+v, %v", c, f, err)
		}
		g, err := again.Encode(nil, pcm)
		if err != nil || !bytes.Equal(f.Data, g.Data) {
			t.Errorf("%v: Encode(nil) = % x, %v, want % x", c, g.Data, err, f.Data)
		}
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pcm := make([]int16, 320)
	for i := range pcm {
		pcm[i] = int16(8000*math.Sin(float64(i)/5)) + int16(r.IntN(2000))
	}
	buf := make([]byte, 0, 64)
	for _, c := range []Codec{NB, WB} {
		for vad := 1; vad <= 2-int(c); vad++ {
			e := newEncoder(t, EncoderConfig{Codec: c, DTX: true, VAD: vad})
			n := testing.AllocsPerRun(3, func() {
				for m := range c.Modes() {
					if err := e.SetMode(FrameType(m)); err != nil {
						t.Fatal(err)
					}
					if _, err := e.Encode(buf, pcm); err != nil {
						t.Fatal(err)
					}
				}
			})
			if n != 0 {
				t.Errorf("%v, VAD %d: %v allocations", c, vad, n)
			}
		}
	}
}

// TestStateSize bounds the memory that a stream takes.
func TestStateSize(t *testing.T) {
	for name, n := range map[string]uintptr{
		"nb.Encoder": unsafe.Sizeof(nb.Encoder{}), "nb.Decoder": unsafe.Sizeof(nb.Decoder{}),
		"wb.Encoder": unsafe.Sizeof(wb.Encoder{}), "wb.Decoder": unsafe.Sizeof(wb.Decoder{}),
	} {
		if n > 16<<10 {
			t.Errorf("%s has %d bytes, want at most 16 KiB", name, n)
		}
	}
}

// TestPublicCases runs some of the public cases through the package: every mode switch, with and without DTX.
func TestPublicCases(t *testing.T) {
	const dir = "testdata/public"
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Skip("the public cases are not here: ", err)
	}
	var cases []struct {
		Stream, Input string
		Mode          any
		DTX, VAD      int
		StreamMD5     string `json:"stream_md5"`
		DecodedMD5    string `json:"decoded_md5"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Input == "" || c.Mode != "switch" {
			continue
		}
		t.Run(c.Stream, func(t *testing.T) {
			t.Parallel()
			codec, magic, list := NB, "#!AMR\n", "modes-nb.txt"
			if filepath.Ext(c.Stream) == ".awb" {
				codec, magic, list, c.VAD = WB, "#!AMR-WB\n", "modes-wb.txt", 0
			}
			in, err := os.ReadFile(filepath.Join(dir, c.Input))
			if err != nil {
				t.Fatal(err)
			}
			modes, err := os.ReadFile(filepath.Join(dir, list))
			if err != nil {
				t.Fatal(err)
			}
			e, d := newEncoder(t, EncoderConfig{Codec: codec, DTX: c.DTX != 0, VAD: c.VAD}), newDecoder(t, codec)
			pcm := make([]int16, codec.FrameSamples())
			stream := []byte(magic)
			var decoded []byte
			for i := 0; len(in) >= 2*len(pcm); i++ {
				for k := range pcm {
					pcm[k] = int16(binary.LittleEndian.Uint16(in[2*k:]))
				}
				in = in[2*len(pcm):]
				if err := e.SetMode(FrameType(modes[2*i] - '0')); err != nil {
					t.Fatal(err)
				}
				f, err := e.Encode(nil, pcm)
				if err != nil {
					t.Fatal(err)
				}
				stream = append(append(stream, byte(f.Type)<<3|4), f.Data...)
				if err := d.Decode(pcm, f); err != nil {
					t.Fatal(err)
				}
				for _, v := range pcm {
					decoded = binary.LittleEndian.AppendUint16(decoded, uint16(v))
				}
			}
			for _, x := range []struct {
				what, want string
				data       []byte
			}{{"stream", c.StreamMD5, stream}, {"decoded", c.DecodedMD5, decoded}} {
				if sum := md5.Sum(x.data); hex.EncodeToString(sum[:]) != x.want {
					t.Errorf("%s md5 = %x, want %s", x.what, sum, x.want)
				}
			}
		})
	}
}

// FuzzEncode feeds any samples, with any change of mode.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{0, 255, 1, 128, 0, 0}, []byte{7, 0, 3}, false)
	f.Add(bytes.Repeat([]byte{0xff, 0x7f, 0, 0x80}, 80), []byte{7, 6, 5, 4, 3, 2, 1, 0}, true)
	f.Fuzz(func(t *testing.T, in, modes []byte, dtx bool) {
		if len(in) < 2 {
			return
		}
		for _, c := range []Codec{NB, WB} {
			for vad := 1; vad <= 2-int(c); vad++ {
				e, d := newEncoder(t, EncoderConfig{Codec: c, DTX: dtx, VAD: vad}), newDecoder(t, c)
				pcm := make([]int16, c.FrameSamples())
				at := 0
				for i := 0; i < len(modes) && i < 30; i++ {
					for k := range pcm {
						pcm[k] = int16(in[at]) | int16(in[(at+1)%len(in)])<<8
						at = (at + 2) % len(in)
					}
					if err := e.SetMode(FrameType(modes[i]) % FrameType(c.Modes())); err != nil {
						t.Fatal(err)
					}
					fr, err := e.Encode(nil, pcm)
					if err != nil || len(fr.Data) != c.Octets(fr.Type) {
						t.Fatalf("Encode = %+v, %v", fr, err)
					}
					if err := d.Decode(pcm, fr); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func ExampleEncoder() {
	enc, err := NewEncoder(EncoderConfig{Codec: NB, Mode: Mode122, DTX: true})
	if err != nil {
		panic(err)
	}
	pcm := make([]int16, NB.FrameSamples()) // 20 ms of silence
	buf := make([]byte, 0, 64)
	for range 12 {
		f, err := enc.Encode(buf, pcm)
		if err != nil {
			panic(err)
		}
		switch f.Type {
		case NoData:
			fmt.Print("- ")
		case SIDNB:
			fmt.Print("SID ")
		default:
			fmt.Print("speech ")
		}
	}
	// Output: speech speech speech speech speech speech speech SID - - SID -
}
