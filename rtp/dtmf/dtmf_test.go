package dtmf

import (
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gotelco/telco/examples/kit/speech"
)

const all = "0123456789*#ABCD"

func generate(t testing.TB, cfg GeneratorConfig, keys string) (pcm []int16) {
	t.Helper()
	g, err := NewGenerator(cfg, keys)
	if err != nil {
		t.Fatal(err)
	}
	for frame := make([]int16, 160); ; {
		n, err := g.ReadSamples(frame)
		pcm = append(pcm, frame[:n]...)
		if err == io.EOF {
			return pcm
		}
	}
}

// detect returns the keys that were found, in frames of 20 ms.
func detect(d *Detector, pcm []int16) (keys string, events []Event) {
	for len(pcm) > 0 {
		n := min(len(pcm), 160)
		d.Write(pcm[:n])
		pcm = pcm[n:]
		for e, ok := d.Next(); ok; e, ok = d.Next() {
			events = append(events, e)
			if !e.End {
				keys += string(e.Key)
			}
		}
	}
	return keys, events
}

// two is a pair of tones of any frequency, level and length between silence.
func two(low, high, lowLevel, highLevel float64, length time.Duration, offset int) []int16 {
	pcm := make([]int16, 8000)
	a, b := newOscillator(low, lowLevel, 8000), newOscillator(high, highLevel, 8000)
	for i := range int(length * 8 / time.Millisecond) {
		pcm[offset+i] = int16(a.next() + b.next())
	}
	return pcm
}

func TestKeys(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		pcm := append(generate(t, GeneratorConfig{SampleRate: rate, On: 60 * time.Millisecond, Off: 50 * time.Millisecond}, all+",1122"), make([]int16, 1000)...)
		keys, events := detect(NewDetector(Config{SampleRate: rate}), pcm)
		if keys != all+"1122" || len(events) != 2*len(keys) {
			t.Fatalf("%d Hz: %q, %d events", rate, keys, len(events))
		}
		for i, e := range events {
			if i%2 == 1 && (!e.End || e.Duration < 37*time.Millisecond || e.Duration > 65*time.Millisecond) || e.Level < -9 || e.Level > -7 {
				t.Errorf("%d Hz: %+v", rate, e)
			}
		}
	}
	if _, err := NewGenerator(GeneratorConfig{}, "12x"); err == nil {
		t.Error("x is no key")
	}
	if _, err := NewGenerator(GeneratorConfig{RowLevel: -1}, "1"); err == nil {
		t.Error("too loud")
	}
}

// The values of Q.24: for each key and at many phases against the blocks, it is found or it is not.
func TestQ24(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name                string
		low, high           float64 // relative frequencies
		lowLevel, highLevel float64
		length              time.Duration
		found               bool
	}{
		{"ordinary", 1, 1, -10, -8, 50 * ms, true},
		{"40 ms", 1, 1, -10, -8, 40 * ms, true},
		{"20 ms", 1, 1, -10, -8, 20 * ms, false},
		{"21 ms", 1, 1, -10, -8, 21 * ms, false},
		{"-25 dBm0", 1, 1, -25, -25, 50 * ms, true},
		{"-30 dBm0", 1, 1, -30, -30, 50 * ms, false},
		{"0 dBm0 together", 1, 1, -3, -3, 50 * ms, true},
		{"forward twist of 4 dB", 1, 1, -14, -10, 50 * ms, true},
		{"forward twist of 8 dB", 1, 1, -18, -10, 50 * ms, true},
		{"forward twist of 12 dB", 1, 1, -22, -10, 50 * ms, false},
		{"reverse twist of 8 dB", 1, 1, -10, -18, 50 * ms, true},
		{"reverse twist of 12 dB", 1, 1, -10, -22, 50 * ms, false},
		{"1.5 % high", 1.015, 1.015, -10, -10, 50 * ms, true},
		{"1.5 % low", 0.985, 0.985, -10, -10, 50 * ms, true},
		{"1.5 % apart", 0.985, 1.015, -10, -10, 50 * ms, true},
		{"3.5 % high", 1.035, 1.035, -10, -10, 100 * ms, false},
		{"3.5 % low", 0.965, 0.965, -10, -10, 100 * ms, false},
		{"row 3.5 % off", 1.035, 1, -10, -10, 100 * ms, false},
		{"column 3.5 % off", 1, 0.965, -10, -10, 100 * ms, false},
		{"one tone", 1, 1, -10, -90, 100 * ms, false},
	} {
		wrong, tried := 0, 0
		for i := range 16 {
			for offset := 1000; offset < 1102; offset += 17 {
				want := ""
				if c.found {
					want = keys[i : i+1]
				}
				tried++
				if got, _ := detect(NewDetector(Config{}), two(rows[i/4]*c.low, columns[i%4]*c.high, c.lowLevel, c.highLevel, c.length, offset)); got != want {
					wrong++
					if wrong == 1 {
						t.Logf("%s: key %c at %d: %q", c.name, keys[i], offset, got)
					}
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d are wrong", c.name, wrong, tried)
		}
	}
}

// A gap of up to 10 ms does not cut a key in two; a pause of 40 ms does. Noise 15 dB below a key does not hide it, and without one is none.
func TestGapsAndNoise(t *testing.T) {
	key := generate(t, GeneratorConfig{On: 200 * time.Millisecond}, "5")
	for gap, want := range map[int]string{5: "5", 10: "5", 40: "55", 60: "55"} {
		for at := 600; at < 702; at += 6 {
			pcm := append([]int16(nil), key...)
			clear(pcm[at : at+8*gap])
			if got, _ := detect(NewDetector(Config{}), pcm); got != want {
				t.Errorf("a gap of %d ms at %d: %q", gap, at, got)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	pcm := generate(t, GeneratorConfig{On: 50 * time.Millisecond, Off: 50 * time.Millisecond}, all+all+all+all)
	for i := range pcm {
		pcm[i] += int16(r.NormFloat64() * 32767 * math.Pow(10, (-6-15-fullScale)/20) / math.Sqrt2)
	}
	if got, _ := detect(NewDetector(Config{}), pcm); got != all+all+all+all {
		t.Errorf("in noise: %q", got)
	}
	pcm = make([]int16, 600*8000) // ten minutes
	for i := range pcm {
		pcm[i] = int16(r.NormFloat64() * 3000)
	}
	if got, _ := detect(NewDetector(Config{}), pcm); got != "" {
		t.Errorf("in noise alone: %q", got)
	}
}

// Talk-off: no keys in speech; in a folder of raw recordings (16-bit, 8 kHz) that TELCO_SPEECH names, less than one a
// minute.
func TestTalkOff(t *testing.T) {
	for name, pcm := range map[string][]int16{"caller": speech.Caller(), "callee": speech.Callee()} {
		for _, gain := range []float64{0.1, 1, 3} { // and clipped
			loud := make([]int16, len(pcm))
			for i, v := range pcm {
				loud[i] = int16(min(max(float64(v)*gain, -32768), 32767))
			}
			if keys, _ := detect(NewDetector(Config{}), loud); keys != "" {
				t.Errorf("%s, %v times as loud: %q", name, gain, keys)
			}
		}
	}
	dir := os.Getenv("TELCO_SPEECH")
	if dir == "" {
		t.Skip("TELCO_SPEECH names no folder of further recordings")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.raw"))
	found, samples := 0, 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, len(b)/2)
		for i := range pcm {
			pcm[i] = int16(uint16(b[2*i]) | uint16(b[2*i+1])<<8)
		}
		keys, _ := detect(NewDetector(Config{}), pcm)
		found, samples = found+len(keys), samples+len(pcm)
	}
	t.Logf("%d keys in %d s", found, samples/8000)
	if found > samples/8000/60 {
		t.Errorf("%d keys in %d s of speech", found, samples/8000)
	}
}

func TestNoAllocations(t *testing.T) {
	d := NewDetector(Config{})
	pcm := generate(t, GeneratorConfig{}, "1")[:160]
	if n := testing.AllocsPerRun(100, func() { d.Write(pcm) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkDetector(b *testing.B) {
	d := NewDetector(Config{})
	pcm := generate(b, GeneratorConfig{}, "1")[:160]
	b.ReportAllocs()
	for b.Loop() {
		d.Write(pcm)
	}
}
