package wb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// vectorDir returns the folder wb of the standard's test sequences, named by TELCO_AMR_VECTORS.
func vectorDir(t testing.TB) string {
	dir := os.Getenv("TELCO_AMR_VECTORS")
	if dir == "" {
		t.Skip("TELCO_AMR_VECTORS names no folder of 3GPP test sequences")
	}
	return filepath.Join(dir, "wb")
}

func readWords(t testing.TB, name string) []int16 {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	w := make([]int16, len(b)/2)
	if err := binary.Read(bytes.NewReader(b[:2*len(w)]), binary.LittleEndian, w); err != nil {
		t.Fatal(err)
	}
	return w
}

// codFrame is a frame of the standard's own file format.
type codFrame struct {
	rx   RxType
	mode Mode
	bits codecBits
	n    int
}

// parseCod takes a frame from the words of a .cod file.
func parseCod(t testing.TB, w []int16) (f codFrame, rest []int16) {
	if w[0] != 0x6b21 {
		t.Fatalf("sync word %#x", w[0])
	}
	f.mode = Mode(w[2])
	f.n = f.mode.Bits()
	switch w[1] {
	case 0:
		f.rx = SpeechGood
	case 1:
		f.rx, f.n = SIDFirst, SIDBits
	case 2:
		f.rx, f.n = SIDUpdate, SIDBits
	case 3:
		f.rx, f.n = NoData, SIDBits
	}
	for i, b := range w[3 : 3+f.n] {
		if b == 127 {
			f.bits[i] = 1
		}
	}
	return f, w[3+f.n:]
}

// payload returns the frame's bits as sent.
func (f *codFrame) payload() []byte {
	m := f.mode
	if f.rx >= SIDFirst {
		m = ModeSID
	}
	return f.bits.sort(m, nil)
}

func TestVectorsDecode(t *testing.T) {
	dir := vectorDir(t)
	for _, name := range []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "md"} {
		t.Run(name, func(t *testing.T) {
			in := readWords(t, filepath.Join(dir, "tst_"+name+".cod"))
			want := readWords(t, filepath.Join(dir, "tst_"+name+".out"))
			d := NewDecoder()
			var pcm [FrameSamples]int16
			for n := 0; len(in) > 0; n++ {
				var f codFrame
				f, in = parseCod(t, in)
				d.Decode(f.rx, f.mode, f.payload(), &pcm)
				if err := equal(pcm[:], want[:FrameSamples]); err != nil {
					t.Fatalf("frame %d: %v", n, err)
				}
				want = want[FrameSamples:]
			}
		})
	}
}

func equal(got, want []int16) error {
	for i, v := range want {
		if got[i] != v {
			return fmt.Errorf("sample %d is %d, want %d", i, got[i], v)
		}
	}
	return nil
}

func TestVectorsEncode(t *testing.T) {
	dir := vectorDir(t)
	for _, name := range []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "md"} {
		t.Run(name, func(t *testing.T) {
			in, mode := readWords(t, filepath.Join(dir, "tst.inp")), Mode(name[1]-'0')
			if name == "md" {
				in, mode = readWords(t, filepath.Join(dir, "dtx.inp")), Mode1265
			}
			want := readWords(t, filepath.Join(dir, "tst_"+name+".cod"))
			e := NewEncoder()
			e.DTX = true
			for n := 0; len(in) >= FrameSamples; n++ {
				var f codFrame
				f, want = parseCod(t, want)
				got, tx := e.Encode((*[FrameSamples]int16)(in), mode, nil)
				in = in[FrameSamples:]
				types := [...]RxType{TxSpeech: SpeechGood, TxSIDFirst: SIDFirst, TxSIDUpdate: SIDUpdate, TxNoData: NoData}
				if types[tx] != f.rx {
					t.Fatalf("frame %d: type %d, want receive type %d", n, tx, f.rx)
				}
				if tx == TxSpeech || tx == TxSIDUpdate {
					want := f.payload()
					if tx == TxSIDUpdate {
						want[4] |= 0x10 | byte(mode)
					}
					if !bytes.Equal(got, want) {
						var g, w codecBits
						g.unsort(mode, got)
						w.unsort(mode, want)
						i := 0
						for i < maxBits-1 && g[i] == w[i] {
							i++
						}
						t.Fatalf("frame %d: codec bit %d differs", n, i)
					}
				}
			}
			if len(want) > 0 {
				t.Errorf("%d words expected beyond the last frame", len(want))
			}
		})
	}
}
