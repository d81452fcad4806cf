package amr

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ffmpeg plays our files: as long as what was encoded, and as loud as what we ourselves decode. Its decoders are written
// in floating point, so that samples differ a little.
func TestFFmpegPlaysFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ffmpeg, left out with -short")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("needs ffmpeg (Debian: apt-get install ffmpeg)")
	}
	for _, c := range []Codec{NB, WB} {
		for _, mode := range []FrameType{0, FrameType(c.Modes() - 1)} {
			t.Run(fmt.Sprintf("%v mode %d", c, mode), func(t *testing.T) {
				enc, err := NewEncoder(EncoderConfig{Codec: c, Mode: mode})
				if err != nil {
					t.Fatal(err)
				}
				dec, err := NewDecoder(DecoderConfig{Codec: c})
				if err != nil {
					t.Fatal(err)
				}
				var file bytes.Buffer
				w, err := NewFileWriter(&file, c, 1)
				if err != nil {
					t.Fatal(err)
				}
				speech := publicSpeech(t, c)
				n := c.FrameSamples()
				frames := len(speech) / n
				out := make([]int16, n)
				var own []int16
				for k := range frames {
					pcm := speech[k*n : k*n+n]
					f, err := enc.Encode(nil, pcm)
					if err != nil {
						t.Fatal(err)
					}
					if err := w.Write(f); err != nil {
						t.Fatal(err)
					}
					if err := dec.Decode(out, f); err != nil {
						t.Fatal(err)
					}
					own = append(own, out...)
				}
				ext := map[Codec]string{NB: ".amr", WB: ".awb"}[c]
				name := filepath.Join(t.TempDir(), "speech"+ext)
				if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				var stderr bytes.Buffer
				cmd := exec.Command("ffmpeg", "-v", "error", "-i", name, "-f", "s16le", "-")
				cmd.Stderr = &stderr
				raw, err := cmd.Output()
				if err != nil || stderr.Len() > 0 {
					t.Fatalf("ffmpeg: %v: %s", err, stderr.Bytes())
				}
				got := make([]int16, len(raw)/2)
				for i := range got {
					got[i] = int16(raw[2*i]) | int16(raw[2*i+1])<<8
				}
				if len(got) != frames*n {
					t.Fatalf("ffmpeg decodes %d samples, want %d", len(got), frames*n)
				}
				if a, b := level(got), level(own); math.Abs(a-b) > 0.5 || b < -40 {
					t.Errorf("ffmpeg plays at %.2f dB, we at %.2f dB", a, b)
				}
			})
		}
	}
}

// publicSpeech is what one of the public cases decodes to.
func publicSpeech(t *testing.T, c Codec) (pcm []int16) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "public", map[Codec]string{NB: "nb-m7-dtx0.amr", WB: "wb-m8-dtx0.awb"}[c]))
	if err != nil {
		t.Skipf("the public cases are not here: %v", err)
	}
	defer f.Close()
	r, err := NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewDecoder(DecoderConfig{Codec: c})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, c.FrameSamples())
	for {
		fr, err := r.Next()
		if err == io.EOF {
			return pcm
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := dec.Decode(out, fr); err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, out...)
	}
}

// level is the root mean square in dB of the full scale.
func level(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(pcm))/(1<<30))
}
