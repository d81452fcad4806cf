package wb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestDifferential compares codec and reference on random material: signals, their streams with losses and damage, and as
// many frames of random bits. It needs the programs coder and decoder of TS 26.173
// in the folder that TELCO_AMRWB_REFERENCE names; TELCO_AMRWB_FRAMES (20000 if unset) is how many frames each way and
// TELCO_AMRWB_SEED where the seeds of its batches begin.
func TestDifferential(t *testing.T) {
	dir := os.Getenv("TELCO_AMRWB_REFERENCE")
	if dir == "" {
		t.Skip("TELCO_AMRWB_REFERENCE names no folder with coder and decoder of TS 26.173")
	}
	number := func(name string, n int) int {
		if s := os.Getenv(name); s != "" {
			var err error
			if n, err = strconv.Atoi(s); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	frames := number("TELCO_AMRWB_FRAMES", 20000)
	seed := uint64(number("TELCO_AMRWB_SEED", 1))
	const batch = 2000
	var kinds [8]int
	var modes [9]int
	done := 0
	for ; done < frames; done += batch {
		b := newBatch(t, dir, seed, batch)
		b.encode()
		b.decode(&kinds)
		b.decodeRandom(batch)
		for _, m := range b.modes {
			modes[m]++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		if seed++; seed%50 == 0 {
			t.Logf("%d frames", done+batch)
		}
	}
	t.Logf("%d frames encoded and decoded alike, and as many of random bits decoded; seeds up to %d; frames by mode %v, by receive type %v", done, seed-1, modes, kinds)
}

// batch is a run of frames through the reference and this package.
type batch struct {
	t     *testing.T
	dir   string // of the reference
	tmp   string
	r     *rand.Rand
	dtx   bool
	modes []Mode
	cod   []codFrame
}

func newBatch(t *testing.T, dir string, seed uint64, n int) *batch {
	b := &batch{t: t, dir: dir, tmp: t.TempDir(), r: rand.New(rand.NewPCG(seed, 26173))}
	b.dtx = b.r.IntN(3) > 0
	b.modes = make([]Mode, n)
	hold := []int{1, 20, n}[b.r.IntN(3)] // how long a mode lasts at most
	for i := 0; i < n; {
		m := Mode(b.r.IntN(9))
		for k := 1 + b.r.IntN(hold); k > 0 && i < n; k-- {
			b.modes[i] = m
			i++
		}
	}
	return b
}

func (b *batch) path(name string) string { return filepath.Join(b.tmp, name) }

func (b *batch) write(name string, data any) {
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, data); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(name), buf.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *batch) run(name string, args ...string) {
	cmd := exec.Command(filepath.Join(b.dir, name), args...)
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
}

// encode makes a signal and compares the streams.
func (b *batch) encode() {
	pcm := randomSignal(b.r, len(b.modes))
	b.write("in.pcm", pcm)
	var modes bytes.Buffer
	for _, m := range b.modes {
		fmt.Fprintln(&modes, m)
	}
	if err := os.WriteFile(b.path("modes"), modes.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
	args := []string{"-modefile", b.path("modes"), b.path("in.pcm"), b.path("out.cod")}
	if b.dtx {
		args = append([]string{"-dtx"}, args...)
	}
	b.run("coder", args...)
	want := readWords(b.t, b.path("out.cod"))
	e := NewEncoder()
	e.DTX = b.dtx
	for n, m := range b.modes {
		var f codFrame
		f, want = parseCod(b.t, want)
		got, tx := e.Encode((*[FrameSamples]int16)(pcm[n*FrameSamples:]), m, nil)
		if err := f.compare(got, tx); err != nil {
			b.t.Errorf("encode, frame %d, mode %d, DTX %v: %v", n, m, b.dtx, err)
			return
		}
		b.cod = append(b.cod, f)
	}
}

// compare tells how a frame differs from the reference's.
func (f *codFrame) compare(got []byte, tx TxType) error {
	types := [...]RxType{TxSpeech: SpeechGood, TxSIDFirst: SIDFirst, TxSIDUpdate: SIDUpdate, TxNoData: NoData}
	if types[tx] != f.rx {
		return fmt.Errorf("type %d, want receive type %d", tx, f.rx)
	}
	want := f.payload()
	switch tx {
	case TxSIDFirst, TxNoData:
		return nil
	case TxSIDUpdate:
		want[4] |= 0x10 | byte(f.mode)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("bits %x, want %x", got, want)
	}
	return nil
}

// decodeRandom compares the signals of n frames of random bits in runs of random modes and types.
func (b *batch) decodeRandom(n int) {
	types := []RxType{SpeechGood, SpeechGood, SpeechGood, SpeechGood, SpeechDegraded, SpeechLost, SpeechBad, SIDFirst, SIDUpdate, SIDBad, NoData, NoData}
	b.cod = nil
	for i := range n {
		f := codFrame{rx: types[b.r.IntN(len(types))], mode: b.modes[i%len(b.modes)]}
		for k := range f.bits {
			f.bits[k] = uint8(b.r.IntN(2))
		}
		b.cod = append(b.cod, f)
	}
	b.compareDecoded(0, false, new([8]int))
}

// decode damages the stream and compares the signals.
func (b *batch) decode(kinds *[8]int) {
	b.compareDecoded([]float64{0, 0.02, 0.1, 0.5}[b.r.IntN(4)], b.r.IntN(2) == 0, kinds)
}

// compareDecoded makes a share of the frames bad, in bursts, with wrong bits if flips is set, and decodes them.
func (b *batch) compareDecoded(rate float64, flips bool, kinds *[8]int) {
	var words []int16
	var last codecBits // what the reference's buffer holds
	mode := Mode660
	burst := 0
	for i := range b.cod {
		f := &b.cod[i]
		if b.r.Float64() < rate {
			burst = 1 + b.r.IntN(1+b.r.IntN(12))
		}
		if burst > 0 {
			burst--
			switch {
			case f.rx == SpeechGood:
				f.rx = []RxType{SpeechDegraded, SpeechLost, SpeechBad, NoData}[b.r.IntN(4)]
			case f.rx == NoData:
				f.rx = []RxType{NoData, SpeechLost, SIDBad, SpeechBad}[b.r.IntN(4)]
			default:
				f.rx = []RxType{SIDBad, NoData, SIDFirst, SpeechLost}[b.r.IntN(4)]
			}
		}
		kinds[f.rx]++
		n := f.mode.Bits()
		if f.rx == SIDFirst || f.rx == SIDUpdate || f.rx == SIDBad || f.rx == NoData {
			n = SIDBits
		}
		if f.rx == NoData || f.rx == SpeechLost {
			// The codec doesn't see these bits; the reference's test for homing frames does.
			f.bits = last
			if f.rx == SpeechLost {
				f.mode, n = mode, mode.Bits()
			}
		} else {
			mode = f.mode
			if flips && f.rx != SpeechGood && f.rx != SIDUpdate {
				for range b.r.IntN(20) {
					f.bits[b.r.IntN(n)] ^= 1
				}
			}
		}
		words = append(words, 0x6b20, int16(f.rx), int16(f.mode))
		for k := range n {
			last[k] = f.bits[k]
			words = append(words, 254*int16(f.bits[k])-127)
		}
	}
	b.write("in.cod", words)
	b.run("decoder", b.path("in.cod"), b.path("out.pcm"))
	want := readWords(b.t, b.path("out.pcm"))
	d := NewDecoder()
	var pcm [FrameSamples]int16
	for n := range b.cod {
		f := &b.cod[n]
		m := f.mode
		if f.rx == SIDFirst || f.rx == SIDUpdate || f.rx == SIDBad {
			m = ModeSID
		}
		d.Decode(f.rx, f.mode, f.bits.sort(m, nil), &pcm)
		if err := equal(pcm[:], want[n*FrameSamples:][:FrameSamples]); err != nil {
			b.t.Errorf("decode, frame %d, mode %d, receive type %d: %v", n, f.mode, f.rx, err)
			return
		}
	}
}

// randomSignal returns n frames of talk-like sound, noise, tones, silence, clipped waves and homing frames.
func randomSignal(r *rand.Rand, n int) []int16 {
	pcm := make([]int16, n*FrameSamples)
	var f1, f2 [2]float64
	phase := 0.0
	for at := 0; at < len(pcm); {
		kind := r.IntN(8)
		level := math.Exp2(3 + 13*r.Float64())
		pitch := 60 + 340*r.Float64()
		glide := math.Exp2((r.Float64() - 0.5) / 8000)
		w1, w2 := 2*math.Pi*(200+800*r.Float64())/16000, 2*math.Pi*(900+5000*r.Float64())/16000
		rad1, rad2 := 0.9+0.099*r.Float64(), 0.9+0.095*r.Float64()
		for k := 160 + r.IntN(12000); k > 0 && at < len(pcm); k-- {
			var x float64
			phase += pitch / 16000
			pulse := 0.0
			if phase >= 1 {
				phase -= math.Floor(phase)
				pulse = 1
			}
			noise := r.Float64()*2 - 1
			switch kind {
			case 0, 1, 2: // voiced or whispered talk: a source through two resonances
				x = 3*pulse + 0.05*noise
				if kind == 2 {
					x = 0.3 * noise
				}
				pitch *= glide
				x += 2*rad1*math.Cos(w1)*f1[0] - rad1*rad1*f1[1]
				f1[1], f1[0] = f1[0], x
				x += 2*rad2*math.Cos(w2)*f2[0] - rad2*rad2*f2[1]
				f2[1], f2[0] = f2[0], x
				x *= 0.05
			case 3:
				x = noise
			case 4:
				x = math.Sin(2 * math.Pi * phase)
			case 5:
				x = 0.001 * noise
			case 6:
				x = 1
				if phase > 0.5 {
					x = -1
				}
				level = 1 << 16
			case 7:
				level, x = 1, homingSample
			}
			pcm[at] = int16(min(max(x*level, -32768), 32767))
			at++
		}
		if kind == 7 {
			at = min((at+FrameSamples-1)/FrameSamples*FrameSamples, len(pcm))
		}
	}
	return pcm
}
