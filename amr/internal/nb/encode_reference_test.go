package nb

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func samples(data []byte) []int16 {
	s := make([]int16, len(data)/2)
	for i := range s {
		s[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return s
}

// A txFrame is what an encoder has made.
type txFrame struct {
	mode Mode
	tx   TxType
	data []byte
}

func encodeAll(pcm []int16, modes func(i int) Mode, dtx bool, vad int) (frames []txFrame) {
	var e Encoder
	e.Reset(dtx, vad)
	for i := 0; len(pcm) >= FrameLen; i++ {
		var out [MaxBytes]byte
		tx := e.Encode((*[FrameLen]int16)(pcm), modes(i), &out)
		f := txFrame{modes(i), tx, nil}
		switch tx {
		case TxSpeech:
			f.data = out[:f.mode.Bytes()]
		case TxSIDFirst, TxSIDUpdate:
			f.data = out[:MRDTX.Bytes()]
		}
		frames = append(frames, f)
		pcm = pcm[FrameLen:]
	}
	return frames
}

// storage makes an .amr file.
func storage(frames []txFrame) []byte {
	out := []byte("#!AMR\n")
	for _, f := range frames {
		ft := byte(f.mode)
		switch f.tx {
		case TxSIDFirst, TxSIDUpdate:
			ft = byte(MRDTX)
		case TxNoData:
			ft = 15
		}
		out = append(append(out, ft<<3|4), f.data...)
	}
	return out
}

func TestEncodePublic(t *testing.T) {
	for _, c := range publicCases(t) {
		if c.Input == "" || testing.Short() && c.Mode != "switch" {
			continue
		}
		t.Run(c.Stream, func(t *testing.T) {
			t.Parallel()
			modes := func(int) Mode { return Mode(c.Mode.(float64)) }
			if name, ok := c.Mode.(string); ok {
				if !strings.HasSuffix(name, ".txt") {
					name = "modes-nb.txt"
				}
				lines := strings.Fields(string(readFile(t, filepath.Join(public, name))))
				modes = func(i int) Mode {
					m, err := strconv.Atoi(lines[i])
					if err != nil {
						t.Fatal(err)
					}
					return Mode(m)
				}
			}
			got := storage(encodeAll(samples(readFile(t, filepath.Join(public, c.Input))), modes, c.DTX != 0, max(c.VAD, 1)))
			if md5Hex(got) != c.StreamMD5 {
				t.Error(firstDifference(t, got, filepath.Join(public, c.Stream)))
			}
		})
	}
}

// firstDifference tells which frame differs.
func firstDifference(t *testing.T, got []byte, name string) string {
	want := readFile(t, name)
	size := [16]int{12, 13, 15, 17, 19, 20, 26, 31, 5}
	for p, n := 6, 0; p < len(want) && p < len(got); n++ {
		end := p + 1 + size[want[p]>>3]
		if end > len(got) || string(got[p:end]) != string(want[p:end]) {
			return fmt.Sprintf("frame %d is\n% x, want\n% x", n, got[p:min(end, len(got))], want[p:end])
		}
		p = end
	}
	return fmt.Sprintf("%d bytes, want %d", len(got), len(want))
}

// TestEncodeVectors compares frame types and bits with the sequences of the standard, 425 frames with a mode a frame and
// DTX, and 12.2 with homing frames.
func TestEncodeVectors(t *testing.T) {
	dir := vectors(t)
	names := strings.Fields(string(readFile(t, filepath.Join(dir, "spch_modes.txt"))))
	switching := func(i int) Mode {
		return map[string]Mode{"MR475": MR475, "MR515": MR515, "MR59": MR59, "MR67": MR67, "MR74": MR74, "MR795": MR795, "MR102": MR102, "MR122": MR122}[names[i]]
	}
	for _, c := range []struct {
		in, want string
		modes    func(int) Mode
		dtx      bool
		vad      int
	}{
		{"spch_dos.inp", "spch_dos.cod", switching, true, 1},
		{"spch_dos.inp", "spch_do2.cod", switching, true, 2},
		{"T01.INP", "T01_122.COD", func(int) Mode { return MR122 }, false, 1},
	} {
		t.Run(c.want, func(t *testing.T) {
			frames := encodeAll(samples(readFile(t, filepath.Join(dir, c.in))), c.modes, c.dtx, c.vad)
			want := readCod(t, filepath.Join(dir, c.want))
			if len(frames) != len(want) {
				t.Fatalf("%d frames, want %d", len(frames), len(want))
			}
			for i, f := range frames {
				w := want[i]
				rx := [...]RxType{SpeechGood, SIDFirst, SIDUpdate, NoData}[f.tx]
				if rx != w.rx || string(f.data) != string(w.data[:len(f.data)]) {
					t.Fatalf("frame %d is %v % x, want %v % x", i, rx, f.data, w.rx, w.data)
				}
			}
		})
	}
}
