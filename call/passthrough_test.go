package call

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/trace"
)

// wire keeps the frames of a stream.
type wire struct {
	mu     sync.Mutex
	frames [][]byte // type and data
	cmr    amr.FrameType
	reader amr.PayloadReader
}

func (w *wire) watch(e trace.Event) {
	if e.Dir != trace.Sent || e.Proto != trace.RTP || e.Data[1]&0x7f == 101 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p, err := w.reader.Read(e.Data[12:])
	if err != nil {
		w.frames = append(w.frames, []byte(err.Error()))
		return
	}
	w.cmr = p.CMR
	for _, f := range p.Frames {
		w.frames = append(w.frames, append([]byte{byte(f.Type)}, f.Data...))
	}
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.frames)
}

// of returns how many frames of w from one on were sent by from too.
func (w *wire) of(from *wire, start int) (same, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	from.mu.Lock()
	defer from.mu.Unlock()
	sent := map[string]bool{}
	for _, f := range from.frames {
		sent[string(f)] = true
	}
	for _, f := range w.frames[start:] {
		if sent[string(f)] {
			same++
		}
	}
	return same, len(w.frames) - start
}

// Between two legs of one codec, though in two forms of the payload, frames go through as they are; as soon as somebody listens they
// are coded anew, and after that they go through again. Keys and requests for modes go through all the time.
func TestPassthrough(t *testing.T) {
	for _, codec := range []amr.Codec{amr.NB, amr.WB} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Latency: 2 * time.Millisecond})
			left, right := amrFormat(AMRConfig{Codec: codec, DTX: true}), amrFormat(AMRConfig{Codec: codec, OctetAligned: true})
			for _, c := range []*MediaConfig{&left, &right} {
				c.SendEvent, c.ReceiveEvent = 101, 101
			}
			c := &chain{wheel: NewWheel()}
			said, passed := &wire{reader: amr.PayloadReader{Format: amr.PayloadFormat{Codec: codec}}}, &wire{reader: amr.PayloadReader{Format: amr.PayloadFormat{Codec: codec, OctetAligned: true}}}
			back := &wire{reader: said.reader}
			traced := func(cfg MediaConfig, w *wire) MediaConfig { cfg.Trace = w.watch; return cfg }
			c.a = newMedia(t, n, c.wheel, addr(1, 4000), addr(2, 5000), traced(left, said))
			c.legA = newMedia(t, n, c.wheel, addr(2, 5000), addr(1, 4000), traced(left, back))
			c.legB = newMedia(t, n, c.wheel, addr(2, 5002), addr(3, 6000), traced(right, passed))
			c.b = newMedia(t, n, c.wheel, addr(3, 6000), addr(2, 5002), right)
			defer c.close()
			if err := Bridge(c.legA, c.legB); err != nil {
				t.Fatal(err)
			}
			heard := &capture{}
			c.b.AddSink(heard)
			rate := c.a.SampleRate()
			c.a.SetSource(Tone(rate, 440, 8000))
			c.b.SetSource(Tone(rate, 620, 8000))
			time.Sleep(time.Second)
			start := passed.count()
			time.Sleep(3 * time.Second)
			if same, all := passed.of(said, start); same < all-2 || all < 140 {
				t.Errorf("%v: %d of %d frames passed", codec, same, all)
			}
			if share := sound.Tone(heard.samples()[rate:], rate, 440); share < 0.98 {
				t.Errorf("%.3f of it is the tone", share)
			}
			// Somebody listens.
			ear := &capture{}
			c.legA.AddSink(ear)
			time.Sleep(100 * time.Millisecond)
			start = passed.count()
			time.Sleep(2 * time.Second)
			if same, all := passed.of(said, start); same > all/2 {
				t.Errorf("%v: %d of %d frames passed though somebody listens", codec, same, all)
			}
			if got := part(ear, rate, 440); got < 7000 {
				t.Errorf("who listens hears %.0f", got)
			}
			if got := part(heard, rate, 440); got < 6000 {
				t.Errorf("coded anew: %.0f", got)
			}
			c.legA.RemoveSink(ear)
			time.Sleep(100 * time.Millisecond)
			start = passed.count()
			// A key goes through, in the place of speech.
			var keys bytes.Buffer
			c.b.OnEvent(func(e rtp.EventReport) {
				if e.End {
					keys.WriteByte(e.Code.Key())
				}
			})
			c.a.SendEvent(5, 100*time.Millisecond)
			time.Sleep(2 * time.Second)
			if same, all := passed.of(said, start); same < all-8 { // during the key there is nothing
				t.Errorf("%v: %d of %d frames passed after that", codec, same, all)
			}
			if keys.String() != "5" {
				t.Errorf("keys %q", &keys)
			}
			// What B wants, A is asked for, and sends.
			c.b.mu.Lock()
			c.b.decoders[0].Decoder.(*amrDecoder).asks = nil
			c.b.decoders[0].Decoder.(*amrDecoder).advice = 2
			c.b.mu.Unlock()
			time.Sleep(time.Second)
			said.mu.Lock()
			passed.mu.Lock()
			back.mu.Lock()
			if a, p := said.frames[len(said.frames)-1][0], passed.frames[len(passed.frames)-1][0]; back.cmr != 2 || a != 2 || p != 2 {
				t.Errorf("asked for mode %v, A sends %d, B gets %d", back.cmr, a, p)
			}
			back.mu.Unlock()
			passed.mu.Unlock()
			said.mu.Unlock()
		})
	}
}

// Pauses stay pauses, and what is lost on the way is concealed at the far end.
func TestPassthroughPausesAndLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Seed: 4, Loss: 0.03})
		cfg := amrFormat(AMRConfig{DTX: true})
		cfg.Playout.Fixed = true // or the length of pauses changes
		c := bridged(t, n, cfg, cfg)
		defer c.close()
		heard := &capture{}
		c.b.AddSink(heard)
		if err := c.a.Play(t.Context(), Samples(append(speech.Caller(), make([]int16, 3*8000)...))); err != nil {
			t.Fatal(err)
		}
		s, b := c.legA.Stats(), c.b.Stats()
		if b.Pauses < 100 || s.Concealed < 3 || b.Concealed > 5*s.Concealed || b.RTP.PacketsReceived > s.RTP.PacketsReceived+s.Concealed {
			t.Errorf("%+v\n%+v", s, b)
		}
		if h := sound.Find(heard.samples(), speech.Caller(), 8000); h.SNR < -2 || h.Gain < 0.4 { // transcoded it has -4 dB
			t.Errorf("%+v", h)
		}
	})
}

// Legs with other modes, or whose peers bear changes of mode but every other frame, are transcoded.
func TestNoPassthrough(t *testing.T) {
	with := func(cfg AMRConfig, fmtp string) MediaConfig {
		c := amrFormat(cfg)
		c.Send.FMTP = fmtp
		return c
	}
	all := amrFormat(AMRConfig{})
	long := all
	long.Ptime = 60 * time.Millisecond
	for _, tc := range []struct {
		name        string
		left, right MediaConfig
		want        bool
	}{
		{"the same", all, all, true},
		{"the same set", with(AMRConfig{}, "mode-set=0,2,4,7"), with(AMRConfig{}, "mode-set=0,2,4,7"), true},
		{"other modes", all, with(AMRConfig{}, "mode-set=0,2,4,7"), false},
		{"every other frame", all, with(AMRConfig{}, "mode-change-period=2"), false},
		{"neighbours", all, with(AMRConfig{}, "mode-change-neighbor=1"), false},
		{"another codec", all, amrFormat(AMRConfig{Codec: amr.WB}), false},
		{"longer packets", all, long, false},
		{"not wanted", all, amrFormat(AMRConfig{Transcode: true}), false},
		{"lower rates", all, amrFormat(AMRConfig{Max: amr.Mode795}), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := bridged(t, memnet.New(memnet.Config{}), tc.left, tc.right)
			defer c.close()
			heard := &capture{}
			c.b.AddSink(heard)
			c.a.SetSource(Tone(8000, 440, 8000))
			time.Sleep(2 * time.Second)
			c.legB.mu.Lock()
			got := c.legB.pass.forwarding
			c.legB.mu.Unlock()
			if got != tc.want {
				t.Errorf("%s: passes: %v", tc.name, got)
			}
			if got := part(heard, c.b.SampleRate(), 440); got < 6000 {
				t.Errorf("%s: heard with %.0f", tc.name, got)
			}
		})
	}
}
