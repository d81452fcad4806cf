package call

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/trace"
)

// room is what a microphone hears: noise of the given level without end, and speech in it at first.
type room struct {
	speech []int16
	level  float64
	random *rand.Rand
}

func newRoom(speech []int16, level float64) *room {
	return &room{speech, level, rand.New(rand.NewPCG(1, 2))}
}

func (r *room) ReadSamples(pcm []int16) (int, error) {
	n := copy(pcm, r.speech)
	r.speech = r.speech[n:]
	clear(pcm[n:])
	for i := range pcm {
		pcm[i] = clip(int32(pcm[i]) + int32(r.random.NormFloat64()*r.level))
	}
	return len(pcm), nil
}

func noisy(c Codec, dtx bool) MediaConfig {
	return MediaConfig{Send: format(c), SendNoise: 13, ReceiveNoise: 13, DTX: dtx}
}

// Noise of a pause goes from each side to the other with few packets, sounds as loud as it was, and speech around it is whole.
func TestNoiseAcrossBridge(t *testing.T) {
	for _, tc := range []struct {
		name        string
		left, right MediaConfig
	}{
		{"PCMA and PCMU", noisy(PCMA, true), noisy(PCMU, true)},
		{"AMR and PCMA", amrFormat(AMRConfig{DTX: true}), noisy(PCMA, true)},
		{"AMR-WB and PCMU", amrFormat(AMRConfig{Codec: amr.WB, DTX: true}), noisy(PCMU, true)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.left.Playout.Fixed, tc.right.Playout.Fixed = true, true // or the length of pauses changes
				c := bridged(t, memnet.New(memnet.Config{Latency: 3 * time.Millisecond}), tc.left, tc.right)
				defer c.close()
				heardA, heardB := &capture{}, &capture{}
				c.a.AddSink(heardA)
				c.b.AddSink(heardB)
				const level = 60 // -55 dBov
				said := speech.Caller()
				c.a.SetSource(newRoom(nil, 0))
				c.b.SetSource(newRoom(said, level))
				time.Sleep(time.Duration(len(said))*time.Second/8000 + 4*time.Second)
				before := []uint64{c.b.Stats().RTP.PacketsSent, c.legA.Stats().RTP.PacketsSent}
				time.Sleep(10 * time.Second)
				after := []uint64{c.b.Stats().RTP.PacketsSent, c.legA.Stats().RTP.PacketsSent}
				for i, who := range []string{"the one who is silent", "the bridge"} {
					if n := after[i] - before[i]; n > 100 {
						t.Errorf("%s sends %d packets in 10 s of silence", who, n)
					}
				}
				rate := c.a.SampleRate()
				pcm := heardA.samples()
				// AMR-WB makes less of noise, and a resampler of what is above 3.4 kHz.
				if rms := sound.RMS(pcm[len(pcm)-5*rate:]); rms < level/2.5 || rms > level*1.5 {
					t.Errorf("noise of %.0f, was %d", rms, level)
				}
				if s := c.legB.Stats(); s.Pauses < 400 || s.Underruns > 20 || s.Concealed != 0 || s.Errors != 0 {
					t.Errorf("%+v", s)
				}
				if rate == 8000 {
					if m := sound.Find(pcm, said, 8000); m.SNR < 4 || tc.left.Send.Codec.Noise && m.SNR < 20 {
						t.Errorf("speech: %+v", m)
					}
				}
				// And it talks again.
				c.b.SetSource(Tone(8000, 440, 8000))
				time.Sleep(time.Second)
				if got := part(heardA, rate, 440); got < 6500 {
					t.Errorf("after the pause: %.0f", got)
				}
			})
		})
	}
}

// The comfort noise of AMR becomes that of G.711, though the G.711 side never hears a pause as its own energy detector has it.
func TestSIDBecomesNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right := noisy(PCMA, true)
		var sids atomic.Int32 // both ends of the leg are traced
		right.Trace = func(e trace.Event) {
			if e.Dir == trace.Received && e.Proto == trace.RTP && e.Data[1] == 13 {
				sids.Add(1)
			}
		}
		c := bridged(t, memnet.New(memnet.Config{}), amrFormat(AMRConfig{DTX: true}), right)
		defer c.close()
		heard := &capture{}
		c.b.AddSink(heard)
		c.a.SetSource(newRoom(speech.Caller(), 50))
		time.Sleep(15 * time.Second)
		s := c.b.Stats()
		if sids.Load() < 2 || s.Pauses < 200 || s.RTP.PacketsReceived > 500 {
			t.Errorf("%d packets of noise, %+v", sids.Load(), s)
		}
		pcm := heard.samples()
		if rms := sound.RMS(pcm[len(pcm)-16000:]); rms < 20 || rms > 90 {
			t.Errorf("noise of %.0f", rms)
		}
	})
}

// What is soft music or a tone is no pause, whatever its length.
func TestVAD(t *testing.T) {
	count := func(src Source, frames int) (silent int) {
		var v vad
		pcm := make([]int16, 160)
		for range frames {
			src.ReadSamples(pcm)
			if v.silent(pcm) {
				silent++
			}
		}
		return silent
	}
	if n := count(Tone(8000, 440, 400), 3000); n != 0 {
		t.Errorf("a tone is silent %d times", n)
	}
	if n := count(newRoom(nil, 40), 500); n < 480 {
		t.Errorf("noise is silent %d times of 500", n)
	}
	if n := count(newRoom(speech.Caller(), 40), len(speech.Caller())/160); n > len(speech.Caller())/160/2 {
		t.Errorf("speech is silent %d times of %d", n, len(speech.Caller())/160)
	}
	if n := count(Samples(make([]int16, 1600)), 100); n < 90 {
		t.Errorf("digital silence is silent %d times", n)
	}
}

// Comfort noise is used where both want it, and not beside codecs that have their own.
func TestNoiseAgreed(t *testing.T) {
	for _, tc := range []struct {
		a, b Config
		want uint8
	}{
		{Config{}, Config{}, 13},
		{Config{NoNoise: true}, Config{}, 0},
		{Config{}, Config{NoNoise: true}, 0},
		{Config{Codecs: append(AMRNB(), PCMA)}, Config{Codecs: append(AMRNB(), PCMA)}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{})
			tc.b.OnCall = func(c *Call) { c.Answer(t.Context()); <-c.Context().Done() }
			b := newAgent(t, n, 2, tc.b)
			defer b.Close()
			a := newAgent(t, n, 1, tc.a)
			defer a.Close()
			c, err := a.Dial(t.Context(), "sip:b@10.0.0.2", DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if cfg := c.Media().cfg; cfg.SendNoise != tc.want || cfg.ReceiveNoise != tc.want {
				t.Errorf("noise %d and %d, want %d", cfg.SendNoise, cfg.ReceiveNoise, tc.want)
			}
		})
	}
}
