// Command difftest compares the AMR narrowband codec with the reference programs of 3GPP TS 26.073, frame by frame, on
// random signals, modes, losses and bit errors:
//
//	TELCO_AMR_NB_ORACLE=DIR go run ./amr/internal/difftest [-seed N] [-batches N] [-frames N]
//
// DIR holds the reference's programs, built by whoever runs this, under the names encoder-vad1, encoder-vad2 and decoder.
// A batch is one signal: encoded with one option of VAD, DTX and one way to switch modes; and decoded with one way to
// lose frames. Its seed makes it again. The first difference of a batch is printed; the exit status is 1 if there is any.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gotelco/telco/amr/internal/nb"
)

func main() {
	log.SetFlags(0)
	seed := flag.Uint64("seed", 1, "seed of the first batch; the next ones count up")
	batches := flag.Int("batches", 100, "how many signals")
	frames := flag.Int("frames", 2000, "frames of 20 ms in a signal")
	report := flag.Duration("report", time.Minute, "how often to print the counts")
	flag.Parse()
	dir := os.Getenv("TELCO_AMR_NB_ORACLE")
	if dir == "" {
		log.Fatal("difftest: TELCO_AMR_NB_ORACLE is not set")
	}
	tmp, err := os.MkdirTemp("", "difftest")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	var total counts
	start, last := time.Now(), time.Now()
	failed := 0
	for i := range uint64(*batches) {
		b := batch{seed: *seed + i, frames: *frames, oracle: dir, tmp: tmp}
		if err := b.run(&total); err != nil {
			failed++
			fmt.Printf("seed %d: %v\n", b.seed, err)
		}
		if time.Since(last) >= *report {
			last = time.Now()
			fmt.Printf("seeds %d..%d: %v, %d batches differ, %v\n", *seed, b.seed, total, failed, time.Since(start).Round(time.Second))
		}
	}
	fmt.Printf("seeds %d..%d: %v, %d batches differ, %v\n", *seed, *seed+uint64(*batches)-1, total, failed, time.Since(start).Round(time.Second))
	if failed > 0 {
		os.RemoveAll(tmp)
		os.Exit(1)
	}
}

// counts are the frames compared.
type counts struct {
	encoded, decoded int
	modes            [8]int // speech frames encoded
	noise            int    // others encoded
	rx               [8]int // frames decoded by receive type
}

func (c counts) String() string {
	return fmt.Sprintf("%d frames encoded (by mode %v, noise %d), %d decoded (by receive type %v)", c.encoded, c.modes, c.noise, c.decoded, c.rx)
}

// A batch is one signal.
type batch struct {
	seed        uint64
	frames      int
	oracle, tmp string
	r           *rand.Rand
}

func (b *batch) run(total *counts) error {
	b.r = rand.New(rand.NewPCG(b.seed, 26073))
	pcm := signal(b.r, b.frames)
	modes := b.chooseModes()
	dtx, vad := b.r.IntN(2) == 1, 1+b.r.IntN(2)

	want, err := b.referenceEncode(pcm, modes, dtx, vad)
	if err != nil {
		return err
	}
	var e nb.Encoder
	e.Reset(dtx, vad)
	for i, w := range want {
		var out [nb.MaxBytes]byte
		tx := e.Encode((*[nb.FrameLen]int16)(pcm[i*nb.FrameLen:]), modes[i], &out)
		if tx != w.tx || out != w.packed() && tx != nb.TxNoData {
			return fmt.Errorf("encoder, VAD %d, DTX %v: frame %d in mode %d is type %d % x, want type %d % x", vad, dtx, i, modes[i], tx, out, w.tx, w.packed())
		}
		total.encoded++
		if tx == nb.TxSpeech {
			total.modes[modes[i]]++
		} else {
			total.noise++
		}
	}

	b.damage(want)
	synth, err := b.referenceDecode(want)
	if err != nil {
		return err
	}
	var d nb.Decoder
	d.Reset()
	for i, f := range want {
		var out [nb.FrameLen]int16
		packed := f.packed()
		d.Decode(&out, f.mode, f.rx, packed[:])
		for k, v := range synth[i*nb.FrameLen : (i+1)*nb.FrameLen] {
			if out[k] != v {
				return fmt.Errorf("decoder: frame %d, mode %d, receive type %d: sample %d is %d, want %d", i, f.mode, f.rx, k, out[k], v)
			}
		}
		total.decoded++
		total.rx[f.rx]++
	}
	return nil
}

// chooseModes makes one mode for all, or changes of different frequency.
func (b *batch) chooseModes() []nb.Mode {
	modes := make([]nb.Mode, b.frames)
	hold := []int{1, 2, 10, 100, b.frames}[b.r.IntN(5)]
	for i := range modes {
		if i > 0 && b.r.IntN(hold) != 0 {
			modes[i] = modes[i-1]
		} else {
			modes[i] = nb.Mode(b.r.IntN(8))
		}
	}
	return modes
}

// damage gives the frames receive types, and some of them bit errors.
func (b *batch) damage(frames []frame) {
	loss := []int{0, 2, 10, 30, 70}[b.r.IntN(5)]   // per cent of frames
	errors := []int{0, 0, 1, 20, 244}[b.r.IntN(5)] // bits of a damaged frame
	burst := []int{1, 1, 5, 60}[b.r.IntN(4)]       // frames
	speech := []nb.RxType{nb.SpeechDegraded, nb.SpeechBad, nb.NoData, nb.Onset, nb.SpeechGood}
	if b.r.IntN(2) == 0 {
		speech = speech[b.r.IntN(5):][:1]
	}
	left := 0
	for i := range frames {
		f := &frames[i]
		f.rx = [...]nb.RxType{nb.SpeechGood, nb.SIDFirst, nb.SIDUpdate, nb.NoData}[f.tx]
		if left == 0 && b.r.IntN(100*burst) < loss {
			left = 1 + b.r.IntN(burst)
		}
		if left == 0 {
			continue
		}
		left--
		switch f.tx {
		case nb.TxSpeech:
			f.rx = speech[b.r.IntN(len(speech))]
			for range errors {
				f.bits[b.r.IntN(f.mode.Bits())] = byte(b.r.IntN(2))
			}
		case nb.TxSIDFirst, nb.TxSIDUpdate:
			f.rx = []nb.RxType{nb.SIDBad, nb.NoData, nb.SIDUpdate, nb.SIDFirst}[b.r.IntN(4)]
			for range min(errors, 35) {
				f.bits[b.r.IntN(35)] = byte(b.r.IntN(2))
			}
		}
	}
}

func (b *batch) file(name string) string { return filepath.Join(b.tmp, name) }

// call runs a program of the reference.
func (b *batch) call(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(b.oracle, name), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out[max(0, len(out)-300):])
	}
	return nil
}

func (b *batch) referenceEncode(pcm []int16, modes []nb.Mode, dtx bool, vad int) ([]frame, error) {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = [...]string{"MR475", "MR515", "MR59", "MR67", "MR74", "MR795", "MR102", "MR122"}[m]
	}
	args := []string{"-modefile=" + b.file("modes"), b.file("pcm"), b.file("cod")}
	if dtx {
		args = append([]string{"-dtx"}, args...)
	}
	err := errors.Join(
		os.WriteFile(b.file("modes"), []byte(strings.Join(names, "\n")+"\n"), 0o666),
		os.WriteFile(b.file("pcm"), words(pcm), 0o666),
		b.call(fmt.Sprintf("encoder-vad%d", vad), args...))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(b.file("cod"))
	if err != nil {
		return nil, err
	}
	frames, err := parseFrames(data)
	if err == nil && len(frames) != len(modes) {
		err = fmt.Errorf("the reference encoded %d frames of %d", len(frames), len(modes))
	}
	return frames, err
}

func (b *batch) referenceDecode(frames []frame) ([]int16, error) {
	var data []byte
	for _, f := range frames {
		data = f.appendRx(data)
	}
	err := errors.Join(os.WriteFile(b.file("cod"), data, 0o666), b.call("decoder", "-rxframetype", b.file("cod"), b.file("out")))
	if err != nil {
		return nil, err
	}
	out, err := os.ReadFile(b.file("out"))
	if err == nil && len(out) != len(frames)*2*nb.FrameLen {
		err = fmt.Errorf("the reference decoded %d bytes for %d frames", len(out), len(frames))
	}
	return samples(out), err
}
