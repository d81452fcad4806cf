package soundfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/soundfile"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/memnet"
)

// all reads what a file holds.
func all(r *soundfile.Reader) (pcm []int16, err error) {
	buf := make([]int16, 171) // no frame of anything
	for {
		n, err := r.ReadSamples(buf)
		pcm = append(pcm, buf[:n]...)
		if err == io.EOF {
			return pcm, nil
		}
		if err != nil || len(pcm) > 1<<22 {
			return pcm, err
		}
	}
}

// write makes a file of each kind, from pieces of any length.
func write(t *testing.T, w io.Writer, cfg soundfile.Config, pcm []int16) {
	t.Helper()
	f, err := soundfile.NewWriter(w, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; len(pcm) > 0; pcm = pcm[n:] {
		n = min(2*77, len(pcm))
		if err := f.WriteSamples(pcm[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKinds(t *testing.T) {
	mono := speech.Caller()
	stereo := make([]int16, 0, 2*len(mono))
	for _, v := range mono {
		stereo = append(stereo, v, v)
	}
	for _, tc := range []struct {
		cfg  soundfile.Config
		rate int
		snr  float64
	}{
		{soundfile.Config{}, 8000, 100},
		{soundfile.Config{Kind: soundfile.WAVALaw}, 8000, 30},
		{soundfile.Config{Kind: soundfile.WAVULaw, Channels: 2}, 8000, 30},
		{soundfile.Config{Kind: soundfile.WAV, SampleRate: 16000, Channels: 2}, 16000, 100},
		{soundfile.Config{Kind: soundfile.AMR}, 8000, 4},
		{soundfile.Config{Kind: soundfile.AMR, Channels: 2, DTX: true, Mode: amr.Mode795}, 8000, 2},
		{soundfile.Config{Kind: soundfile.AMRWB}, 16000, 5},
	} {
		t.Run(fmt.Sprint(tc.cfg), func(t *testing.T) {
			var b bytes.Buffer
			in := mono
			if tc.cfg.Channels == 2 {
				in = stereo
			}
			write(t, &b, tc.cfg, in)
			r, err := soundfile.NewReader(&b)
			if err != nil {
				t.Fatal(err)
			}
			if r.SampleRate() != tc.rate {
				t.Errorf("%d samples a second", r.SampleRate())
			}
			got, err := all(r)
			if err != nil {
				t.Fatal(err)
			}
			if m := sound.Find(got, mono, 200); m.SNR < tc.snr || len(got) < len(mono) || len(got) >= len(mono)+tc.rate/50 {
				t.Errorf("%+v, %d samples of %d", m, len(got), len(mono))
			}
		})
	}
	for _, cfg := range []soundfile.Config{{Kind: 99}, {Kind: soundfile.AMR, SampleRate: 16000}, {Kind: soundfile.AMR, Channels: 16}} {
		if _, err := soundfile.NewWriter(io.Discard, cfg); err == nil {
			t.Errorf("%+v is written", cfg)
		}
	}
}

func TestNotPlayed(t *testing.T) {
	var cd bytes.Buffer
	w, _ := wav.NewWriter(&cd, wav.Format{SampleRate: 44100})
	w.Close()
	if _, err := soundfile.NewReader(&cd); !errors.Is(err, soundfile.ErrUnsupported) {
		t.Error(err)
	}
	for _, s := range []string{"", "#!AMR", "#!AMR-XX\n", "nonsense that is long enough"} {
		if _, err := soundfile.NewReader(bytes.NewReader([]byte(s))); err == nil {
			t.Errorf("%q is played", s)
		}
	}
	r, err := soundfile.NewReader(bytes.NewReader([]byte("#!AMR\n\x3c\x00")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all(r); !errors.Is(err, amr.ErrTruncated) {
		t.Error(err)
	}
	if _, err := soundfile.Open(filepath.Join(t.TempDir(), "x.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// A file is played to one leg, and both directions are recorded at the other end, in stereo and mixed.
func TestPlayAndRecord(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "caller.amr")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, soundfile.Config{Kind: soundfile.AMR}, speech.Caller())
	f.Close()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		wheel := call.NewWheel()
		defer wheel.Close()
		media := func(codec call.Codec, host byte) *call.Media {
			at := func(h byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, h}), 4000) }
			conn, err := n.ListenPacket(at(host))
			if err != nil {
				t.Fatal(err)
			}
			m, err := call.NewMedia(wheel, conn, nil, call.MediaConfig{Remote: at(3 - host), Send: call.Format{Codec: codec, PayloadType: codec.PayloadType}})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		a, b := media(call.PCMA, 1), media(call.PCMA, 2)
		defer a.Close()
		defer b.Close()
		var recs []*soundfile.Recording
		files := []string{"stereo.wav", "mixed.wav", "mixed.awb", "stereo.amr"}
		for i, name := range files {
			r, err := soundfile.Record(b, filepath.Join(dir, name), soundfile.Options{Stereo: i%3 == 0})
			if err != nil {
				t.Fatal(err)
			}
			recs = append(recs, r)
		}
		b.SetSource(call.Tone(8000, 1000, 3000))
		if err := soundfile.Play(t.Context(), a, name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, r := range recs {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := soundfile.Record(b, filepath.Join(dir, "x.mp3"), soundfile.Options{}); err == nil {
			t.Error("an .mp3 is recorded")
		}
	})
	pcm, format, err := wav.ReadFile(filepath.Join(dir, "stereo.wav"))
	if err != nil || format.Channels != 2 {
		t.Fatal(err, format)
	}
	var said, heard []int16
	for i := 0; i+1 < len(pcm); i += 2 {
		said, heard = append(said, pcm[i]), append(heard, pcm[i+1])
	}
	if m := sound.Find(said, speech.Caller(), 8000); m.SNR < 4 {
		t.Errorf("said: %+v", m)
	}
	if share := sound.Tone(heard[8000:], 8000, 1000); share < 0.95 {
		t.Errorf("heard: %.2f of it is the tone", share)
	}
	for _, name := range []string{"mixed.wav", "mixed.awb", "stereo.amr"} {
		r, err := soundfile.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := all(r)
		r.Close()
		quiet := got[len(got)-r.SampleRate()/2 : len(got)-r.SampleRate()/10] // nothing is said, the tone goes on
		if share := sound.Tone(quiet, r.SampleRate(), 1000); err != nil || share < 0.9 || sound.RMS(got) < 1000 {
			t.Errorf("%s: %.2f of the end is the tone, level %.0f, %v", name, share, sound.RMS(got), err)
		}
	}
}

// FFmpeg hears in our files what we have put there.
func TestFFmpegPlaysThem(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ffmpeg: left out with -short")
	}
	lab.Need(t, "ffmpeg", "ffmpeg")
	dir := t.TempDir()
	for name, cfg := range map[string]soundfile.Config{
		"x.wav": {Channels: 2}, "x.amr": {Kind: soundfile.AMR, DTX: true}, "x.awb": {Kind: soundfile.AMRWB, DTX: true}, "a.wav": {Kind: soundfile.WAVALaw},
	} {
		w, err := soundfile.Create(filepath.Join(dir, name), cfg)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, 4*16000)
		call.Tone(16000, 500, 8000).ReadSamples(pcm)
		w.WriteSamples(pcm)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, name+".out.wav")
		if b, err := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-i", filepath.Join(dir, name), "-ac", "1", "-c:a", "pcm_s16le", out).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		got, f, err := wav.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		hz := 500.0 * float64(f.SampleRate) / 16000 // written with a rate of 8000, it plays at half the speed
		if cfg.Channels == 2 {
			hz *= 2 // and every other sample is another channel's
		}
		if share := sound.Tone(got[len(got)/2:], f.SampleRate, hz); share < 0.9 {
			t.Errorf("%s: %.2f of it is the tone", name, share)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, cfg := range []soundfile.Config{{}, {Kind: soundfile.WAVULaw, Channels: 2}, {Kind: soundfile.AMR, Channels: 2}, {Kind: soundfile.AMRWB}} {
		var b bytes.Buffer
		w, _ := soundfile.NewWriter(&b, cfg)
		w.WriteSamples(make([]int16, 640))
		w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 4096)]
		r, err := soundfile.NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		if pcm, _ := all(r); len(pcm) > len(b)*320 {
			t.Errorf("%d samples of %d octets", len(pcm), len(b))
		}
	})
}
