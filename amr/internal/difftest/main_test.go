package main

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/gotelco/telco/amr/internal/nb"
)

// TestOracle runs a few batches, where the reference's programs are.
func TestOracle(t *testing.T) {
	dir := os.Getenv("TELCO_AMR_NB_ORACLE")
	if dir == "" {
		t.Skip("TELCO_AMR_NB_ORACLE, the folder with the programs of the reference, is not set")
	}
	var total counts
	for seed := range uint64(4) {
		b := batch{seed: seed, frames: 300, oracle: dir, tmp: t.TempDir()}
		if err := b.run(&total); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	if total.encoded != 1200 || total.decoded != 1200 {
		t.Errorf("compared %v", total)
	}
}

func TestSignalRepeats(t *testing.T) {
	a := signal(rand.New(rand.NewPCG(5, 6)), 3000)
	b := signal(rand.New(rand.NewPCG(5, 6)), 3000)
	if len(a) != 3000*nb.FrameLen || !slices.Equal(a, b) {
		t.Error("a seed does not make its signal again")
	}
	home := 0
	for at := 0; at < len(a); at += nb.FrameLen {
		if !slices.ContainsFunc(a[at:at+nb.FrameLen], func(v int16) bool { return v != 8 }) {
			home++
		}
	}
	if home == 0 {
		t.Error("3000 frames have no homing frame")
	}
}

func TestFrames(t *testing.T) {
	var data []byte
	want := []frame{{mode: nb.MR122, rx: nb.SpeechGood}, {mode: nb.MR475, rx: nb.SpeechBad}}
	for i := range want {
		want[i].bits[i] = 1
		data = want[i].appendRx(data)
	}
	got, err := parseFrames(data)
	if err != nil || len(got) != 2 || got[1].mode != nb.MR475 || got[1].bits != want[1].bits || got[1].tx != nb.TxType(nb.SpeechBad) {
		t.Errorf("parseFrames = %+v, %v", got, err)
	}
	if _, err := parseFrames(data[1:]); err == nil {
		t.Error("part of a frame: no error")
	}
}
