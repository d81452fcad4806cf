package wb

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// publicDir returns the folder of the public cases: TELCO_AMR_CASES, or the one of a clone of this repository.
func publicDir(t testing.TB) string {
	dir := os.Getenv("TELCO_AMR_CASES")
	if dir == "" {
		dir = "../../testdata/public"
	}
	if _, err := os.Stat(filepath.Join(dir, "expected.json")); err != nil {
		t.Skip("no public AMR cases: neither TELCO_AMR_CASES nor testdata of a clone holds them")
	}
	return dir
}

// publicCase is an entry of expected.json.
type publicCase struct {
	Stream     string
	Mode       any
	DTX        int
	Input      string
	Loss       string
	Kind       string
	StreamMD5  string `json:"stream_md5"`
	DecodedMD5 string `json:"decoded_md5"`
}

func publicCases(t testing.TB, dir string) (cases []publicCase) {
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []publicCase
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if strings.HasPrefix(c.Stream, "wb") {
			cases = append(cases, c)
		}
	}
	return cases
}

const storageMagic = "#!AMR-WB\n"

// storageFrame takes a frame from a storage file (RFC 4867 section 5.3).
func storageFrame(b []byte) (rx RxType, mode Mode, data, rest []byte) {
	ft, q := b[0]>>3&15, b[0]>>2&1 != 0
	n := int(packedSize[ft])
	data, rest = b[1:1+n], b[1+n:]
	switch {
	case ft <= 8 && q:
		return SpeechGood, Mode(ft), data, rest
	case ft <= 8:
		return SpeechBad, Mode(ft), data, rest
	case ft == 9 && !q:
		return SIDBad, ModeUnknown, data, rest
	case ft == 9 && SIDIsUpdate(data):
		return SIDUpdate, ModeUnknown, data, rest
	case ft == 9:
		return SIDFirst, ModeUnknown, data, rest
	case ft == 14:
		return SpeechLost, ModeUnknown, nil, rest
	}
	return NoData, ModeUnknown, nil, rest
}

func TestPublicDecode(t *testing.T) {
	dir := publicDir(t)
	for i, c := range publicCases(t, dir) {
		if testing.Short() && i%5 != 0 {
			continue
		}
		t.Run(fmt.Sprint(c.Stream, c.Kind), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(filepath.Join(dir, c.Stream))
			if err != nil {
				t.Fatal(err)
			}
			b = bytes.TrimPrefix(b, []byte(storageMagic))
			var loss []byte
			if c.Loss != "" {
				if loss, err = os.ReadFile(filepath.Join(dir, c.Loss)); err != nil {
					t.Fatal(err)
				}
			}
			d := NewDecoder()
			h := md5.New()
			for n := 0; len(b) > 0; n++ {
				var rx RxType
				var mode Mode
				var data []byte
				rx, mode, data, b = storageFrame(b)
				if rx == SpeechGood && loss != nil && loss[n] != 0 {
					switch c.Kind {
					case "nodata":
						rx = NoData
					case "lost":
						rx = SpeechLost
					case "q0":
						rx = SpeechBad
					}
				}
				var pcm [FrameSamples]int16
				d.Decode(rx, mode, data, &pcm)
				binary.Write(h, binary.LittleEndian, pcm[:])
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != c.DecodedMD5 {
				t.Errorf("decoded PCM has MD5 %s, want %s", got, c.DecodedMD5)
			}
		})
	}
}

// publicModes returns the mode of each frame of a case.
func publicModes(t testing.TB, dir string, c publicCase) func(n int) Mode {
	if m, ok := c.Mode.(float64); ok {
		return func(int) Mode { return Mode(m) }
	}
	b, err := os.ReadFile(filepath.Join(dir, "modes-wb.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var modes []Mode
	for _, f := range strings.Fields(string(b)) {
		m, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		modes = append(modes, Mode(m))
	}
	return func(n int) Mode { return modes[min(n, len(modes)-1)] }
}

func TestPublicEncode(t *testing.T) {
	dir := publicDir(t)
	for i, c := range publicCases(t, dir) {
		if c.StreamMD5 == "" || testing.Short() && i%6 != 0 {
			continue
		}
		t.Run(c.Stream, func(t *testing.T) {
			t.Parallel()
			in := readWords(t, filepath.Join(dir, c.Input))
			mode := publicModes(t, dir, c)
			e := NewEncoder()
			e.DTX = c.DTX != 0
			out := []byte(storageMagic)
			want, err := os.ReadFile(filepath.Join(dir, c.Stream))
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; len(in) >= FrameSamples; n++ {
				m := mode(n)
				at := len(out)
				var tx TxType
				out, tx = e.Encode((*[FrameSamples]int16)(in), m, append(out, 0))
				ft := byte(m)
				switch tx {
				case TxSIDFirst, TxSIDUpdate:
					ft = 9
				case TxNoData:
					ft = 15
				}
				out[at] = ft<<3 | 4
				if !bytes.HasPrefix(want, out) {
					t.Fatalf("frame %d of type %d, mode %d differs", n, tx, m)
				}
				in = in[FrameSamples:]
			}
			sum := md5.Sum(out)
			if got := hex.EncodeToString(sum[:]); got != c.StreamMD5 {
				t.Errorf("stream has MD5 %s, want %s", got, c.StreamMD5)
			}
		})
	}
}
