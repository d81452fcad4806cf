package nb

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// public is the folder of our own cases, which is there in a clone only.
const public = "../../testdata/public"

// A publicCase is an entry of expected.json.
type publicCase struct {
	Stream     string
	Mode       any
	DTX        int
	VAD        int
	Input      string
	StreamMD5  string `json:"stream_md5"`
	DecodedMD5 string `json:"decoded_md5"`
	RxTypes    string `json:"rx_types"`
	Loss       string
}

func publicCases(t *testing.T) []publicCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(public, "expected.json"))
	if err != nil {
		t.Skip("the public cases are not here: ", err)
	}
	var all []publicCase
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	var nb []publicCase
	for _, c := range all {
		if filepath.Ext(c.Stream) == ".amr" {
			nb = append(nb, c)
		}
	}
	return nb
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A rxFrame is what a decoder is given.
type rxFrame struct {
	mode Mode
	rx   RxType
	data []byte
}

// readStorage reads an .amr file.
func readStorage(t testing.TB, name string) (frames []rxFrame) {
	t.Helper()
	const magic = "#!AMR\n"
	data := readFile(t, name)
	if string(data[:len(magic)]) != magic {
		t.Fatalf("%s: no AMR file", name)
	}
	for data = data[len(magic):]; len(data) > 0; {
		ft, good := data[0]>>3&15, data[0]&4 != 0
		f := rxFrame{mode: Mode(ft), rx: NoData}
		n := 0
		switch {
		case ft <= 8:
			n = Mode(ft).Bytes()
			f.data = data[1 : 1+n]
			if ft < 8 {
				f.rx = SpeechGood
				if !good {
					f.rx = SpeechBad
				}
				break
			}
			var update bool
			update, f.mode = SIDInfo(f.data)
			f.rx = SIDFirst
			if update {
				f.rx = SIDUpdate
			}
			if !good {
				f.rx = SIDBad
			}
		case ft != 15:
			t.Fatalf("%s: frame type %d", name, ft)
		}
		frames = append(frames, f)
		data = data[1+n:]
	}
	return frames
}

func decodeAll(frames []rxFrame) []byte {
	var d Decoder
	d.Reset()
	var pcm [FrameLen]int16
	var out []byte
	for _, f := range frames {
		d.Decode(&pcm, f.mode, f.rx, f.data)
		for _, v := range pcm {
			out = binary.LittleEndian.AppendUint16(out, uint16(v))
		}
	}
	return out
}

func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

func TestDecodePublic(t *testing.T) {
	for _, c := range publicCases(t) {
		name := c.Stream + "/" + c.RxTypes
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames := readStorage(t, filepath.Join(public, c.Stream))
			if c.RxTypes != "" {
				for i, rx := range readFile(t, filepath.Join(public, c.RxTypes)) {
					frames[i].rx = RxType(rx)
				}
			}
			if got := md5Hex(decodeAll(frames)); got != c.DecodedMD5 {
				t.Errorf("decoded md5 = %s, want %s", got, c.DecodedMD5)
			}
		})
	}
}

// vectors returns the folder of the sequences of 3GPP TS 26.073 and TS 26.074.
func vectors(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TELCO_AMR_VECTORS")
	if dir == "" {
		t.Skip("TELCO_AMR_VECTORS, the folder with the sequences of the standard (nb/spch_dos.cod ...), is not set")
	}
	return filepath.Join(dir, "nb")
}

const codWords = 1 + maxBits + 1 + 4 // of a frame in the standard's file format

// readCod reads the standard's file format: words of frame type, bits in codec order and mode.
func readCod(t *testing.T, name string) (frames []rxFrame) {
	t.Helper()
	data := readFile(t, name)
	for ; len(data) >= 2*codWords; data = data[2*codWords:] {
		word := func(i int) int16 { return int16(binary.LittleEndian.Uint16(data[2*i:])) }
		var bits [maxBits]byte
		for i := range bits {
			bits[i] = byte(word(1 + i))
		}
		var packed [MaxBytes]byte
		f := rxFrame{mode: Mode(word(1+maxBits)) & 7, rx: [...]RxType{SpeechGood, SIDFirst, SIDUpdate, NoData}[word(0)]}
		switch f.rx {
		case SpeechGood:
			Pack(f.mode, &bits, &packed)
		default:
			PackSID(&bits, f.rx == SIDUpdate, f.mode, &packed)
		}
		f.data = packed[:]
		frames = append(frames, f)
	}
	return frames
}

func TestDecodeVectors(t *testing.T) {
	dir := vectors(t)
	for _, name := range [][2]string{{"spch_dos.cod", "spch_dos.out"}, {"spch_do2.cod", "spch_do2.out"}, {"T01_122.COD", "T01_122.OUT"}} {
		t.Run(name[0], func(t *testing.T) {
			got := decodeAll(readCod(t, filepath.Join(dir, name[0])))
			comparePCM(t, got, readFile(t, filepath.Join(dir, name[1])))
		})
	}
}

// comparePCM reports the first sample that differs.
func comparePCM(t *testing.T, got, want []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("frame %d sample %d differs", i/2/FrameLen, i/2%FrameLen)
		}
	}
}
