package call

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/g711"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/rtp"
)

// capture is a Sink that keeps everything.
type capture struct {
	mu  sync.Mutex
	pcm []int16
	err error
}

func (c *capture) WriteSamples(pcm []int16) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pcm = append(c.pcm, pcm...)
	return c.err
}

func (c *capture) samples() []int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int16(nil), c.pcm...)
}

func addr(host byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), port)
}

func format(c Codec) Format { return Format{Codec: c, PayloadType: c.PayloadType} }

// newMedia makes a leg at one address that talks to another.
func newMedia(t *testing.T, n *memnet.Network, w *Wheel, local, remote netip.AddrPort, cfg MediaConfig) *Media {
	t.Helper()
	conn, err := n.ListenPacket(local)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Remote = remote
	m, err := NewMedia(w, conn, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// chain is two phones, and two legs of a bridge between them: PCMA on one side, PCMU on the other.
type chain struct {
	wheel            *Wheel
	a, legA, legB, b *Media
}

func newChain(t *testing.T, n *memnet.Network) *chain {
	c := &chain{wheel: NewWheel()}
	pcma, pcmu := MediaConfig{Send: format(PCMA), SendEvent: 101, ReceiveEvent: 101}, MediaConfig{Send: format(PCMU), SendEvent: 96, ReceiveEvent: 96, Ptime: 30 * time.Millisecond}
	c.a = newMedia(t, n, c.wheel, addr(1, 4000), addr(2, 5000), pcma)
	c.legA = newMedia(t, n, c.wheel, addr(2, 5000), addr(1, 4000), pcma)
	c.legB = newMedia(t, n, c.wheel, addr(2, 5002), addr(3, 6000), pcmu)
	c.b = newMedia(t, n, c.wheel, addr(3, 6000), addr(2, 5002), pcmu)
	if err := Bridge(c.legA, c.legB); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *chain) close() {
	for _, m := range []*Media{c.a, c.legA, c.legB, c.b} {
		m.Close()
	}
	c.wheel.Close()
}

// Speech goes through the bridge both ways at once, from A-law to mu-law in packets of another
// length, and comes out as clean as two such codecs leave it.
func TestBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, memnet.New(memnet.Config{}))
		defer c.close()
		heardA, heardB := &capture{}, &capture{}
		c.a.AddSink(heardA)
		c.b.AddSink(heardB)
		var wg sync.WaitGroup
		for m, pcm := range map[*Media][]int16{c.a: speech.Caller(), c.b: speech.Callee()} {
			wg.Go(func() {
				if err := m.Play(t.Context(), Samples(pcm)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		for _, x := range []struct {
			who  string
			got  *capture
			want []int16
		}{{"caller", heardA, speech.Callee()}, {"callee", heardB, speech.Caller()}} {
			if m := sound.Find(x.got.samples(), x.want, 8000); m.SNR < 30 || m.Gain < 0.98 || m.Gain > 1.02 {
				t.Errorf("%s hears %+v", x.who, m)
			}
		}
		if s := c.legA.Stats(); s.Errors != 0 || s.Dropped != 0 || s.Concealed != 0 || s.Played < 300 {
			t.Errorf("%+v", s)
		}
	})
}

// A DTMF key goes through the bridge although the payload types differ.
func TestBridgeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, memnet.New(memnet.Config{}))
		defer c.close()
		var mu sync.Mutex
		var got []rtp.EventReport
		c.b.OnEvent(func(e rtp.EventReport) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, e)
		})
		time.Sleep(200 * time.Millisecond)
		for _, key := range "5#" {
			code, _ := rtp.DTMF(byte(key))
			if err := c.a.SendEvent(code, 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		mu.Lock()
		defer mu.Unlock()
		var keys []byte
		for _, e := range got {
			if e.End {
				keys = append(keys, e.Code.Key())
				if e.Duration < 60*time.Millisecond || e.Duration > 200*time.Millisecond {
					t.Errorf("key %c for %v", e.Code.Key(), e.Duration)
				}
			}
		}
		if string(keys) != "5#" {
			t.Errorf("keys %q, events %+v", keys, got)
		}
	})
}

// When one leg goes the other stays, in silence.
func TestBridgeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, memnet.New(memnet.Config{}))
		defer c.close()
		c.a.SetSource(Tone(8000, 440, 8000))
		heard := &capture{}
		c.b.AddSink(heard)
		time.Sleep(time.Second)
		if p := sound.Tone(heard.samples()[4000:], 8000, 440); p < 0.9 {
			t.Errorf("%g of the energy is the tone", p)
		}
		c.legA.Close()
		time.Sleep(time.Second)
		all := heard.samples()
		if r := sound.RMS(all[len(all)-2000:]); r > 20 {
			t.Errorf("still sound of level %g after the end", r)
		}
		if n := c.wheel.Stats().Media; n != 3 {
			t.Errorf("%d on the wheel, want 3", n)
		}
		if err := Bridge(c.legA, c.legB); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a bridge to a closed leg: %v", err)
		}
		if err := Bridge(c.legB, c.legB); err == nil {
			t.Error("a bridge to itself")
		}
		if err := c.legA.Play(t.Context(), Samples(nil)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("playing on a closed leg: %v", err)
		}
	})
}

func TestPlayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, memnet.New(memnet.Config{}))
		defer c.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.a.Play(ctx, Tone(8000, 440, 1000)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			c.a.SetSource(nil)
		}()
		if err := c.a.Play(t.Context(), Tone(8000, 440, 1000)); !errors.Is(err, ErrReplaced) {
			t.Errorf("replaced: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			c.a.Close()
		}()
		if err := c.a.Play(t.Context(), Tone(8000, 440, 1000)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		broken := errors.New("broken")
		if err := c.b.Play(t.Context(), failing{broken}); !errors.Is(err, broken) {
			t.Errorf("a source that fails: %v", err)
		}
	})
}

type failing struct{ err error }

func (f failing) ReadSamples([]int16) (int, error) { return 0, f.err }

// Loss and jitter on the way: what was lost is concealed, time does not shift, and nothing piles up.
func TestMediaOverABadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Seed: 7, Loss: 0.05, Latency: 20 * time.Millisecond, Jitter: 30 * time.Millisecond})
		c := newChain(t, n)
		defer c.close()
		heard := &capture{}
		c.b.AddSink(heard)
		c.a.SetSource(Tone(8000, 440, 8000))
		time.Sleep(20 * time.Second)
		s := c.legA.Stats()
		if s.Concealed < 20 || s.Concealed > 100 || s.Dropped > 8000 || s.Underruns > 50 {
			t.Errorf("%+v", s)
		}
		if got := len(heard.samples()); got < 20*8000-160 || got > 20*8000+160 {
			t.Errorf("%d samples in 20 s", got)
		}
	})
}

// A re-INVITE: hold, resume, another codec.
func TestUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		w := NewWheel()
		defer w.Close()
		cfg := MediaConfig{Send: format(PCMA), Receive: []Format{format(PCMA), format(PCMU)}}
		a, b := newMedia(t, n, w, addr(1, 4000), addr(2, 5000), cfg), newMedia(t, n, w, addr(2, 5000), addr(1, 4000), cfg)
		defer a.Close()
		defer b.Close()
		heard := &capture{}
		b.AddSink(heard)
		a.SetSource(Tone(8000, 440, 8000))
		level := func() float64 {
			time.Sleep(time.Second)
			all := heard.samples()
			return sound.RMS(all[len(all)-4000:])
		}
		if r := level(); r < 5000 {
			t.Errorf("before: level %g", r)
		}
		cfg.Remote = addr(2, 5000)
		hold := cfg
		hold.Hold = true
		if err := a.Update(hold); err != nil {
			t.Fatal(err)
		}
		if r := level(); r != 0 {
			t.Errorf("on hold: level %g", r)
		}
		cfg.Send = format(PCMU)
		if err := a.Update(cfg); err != nil {
			t.Fatal(err)
		}
		if r := level(); r < 5000 {
			t.Errorf("after: level %g", r)
		}
		if err := a.Update(MediaConfig{}); err == nil {
			t.Error("media without a codec")
		}
		wide := PCMA
		wide.SampleRate = 16000
		if err := a.Update(MediaConfig{Send: format(wide), Receive: []Format{format(PCMA)}}); err == nil {
			t.Error("two sample rates in one leg")
		}
		if r := level(); r < 5000 {
			t.Errorf("after a refused update: level %g", r)
		}
	})
}

// The wheel catches up after a short stop and gives up on a long one.
func TestWheelStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		w := NewWheel()
		m := newMedia(t, n, w, addr(1, 4000), addr(2, 5000), MediaConfig{Send: format(PCMA)})
		time.Sleep(10*time.Second + time.Millisecond)
		if s := w.Stats(); s.Turns != 501 || s.Media != 1 || s.Skipped != 0 {
			t.Errorf("%+v", s)
		}
		m.Close()
		time.Sleep(time.Hour) // an empty wheel stands still
		if s := w.Stats(); s.Turns != 501 {
			t.Errorf("%d turns without media", s.Turns)
		}
		m = newMedia(t, n, w, addr(1, 4000), addr(2, 5000), MediaConfig{Send: format(PCMA)})
		time.Sleep(time.Second)
		if s := w.Stats(); s.Turns < 550 {
			t.Errorf("%d turns: the wheel did not start again", s.Turns)
		}
		m.Close()
		m.Close()
		w.Close()
		w.Close()
	})
}

// A slow disk costs silence, never time.
func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		to := &slow{gate: gate}
		r := NewRecorder(to)
		frame := []int16{1, 2, 3, 4}
		for range recorderDepth + 100 {
			if err := r.WriteSamples(frame); err != nil {
				t.Fatal(err)
			}
		}
		lost := r.Lost()
		if lost == 0 || lost > 400 {
			t.Errorf("%d samples lost", lost)
		}
		close(gate)
		synctest.Wait()
		if err := r.WriteSamples(frame); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if got := to.samples(); len(got) != 4*(recorderDepth+101) || got[len(got)-1] != 4 || got[len(got)-5] != 0 {
			t.Errorf("%d samples written, end %v", len(got), got[len(got)-8:])
		}
		if err := r.WriteSamples(frame); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		r = NewRecorder(&capture{err: io.ErrShortWrite})
		r.WriteSamples(frame)
		if err := r.Close(); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("Close after an error: %v", err)
		}
	})
}

type slow struct {
	capture
	gate chan struct{}
}

func (s *slow) WriteSamples(pcm []int16) error {
	<-s.gate
	return s.capture.WriteSamples(pcm)
}

// turn lets everything on a wheel that is closed advance by 20 ms.
func turn(w *Wheel) {
	for slot := range slots {
		for _, s := range w.spokes {
			s.turn(slot, 0, 0)
		}
	}
}

// A turn of the wheel allocates nothing.
func TestTurnAllocates(t *testing.T) {
	n := memnet.New(memnet.Config{})
	c := newChain(t, n)
	c.wheel.Close() // turned by hand below
	defer c.close()
	c.a.SetSource(Tone(8000, 440, 8000))
	for range 100 {
		turn(c.wheel)
		time.Sleep(time.Millisecond)
	}
	if got := testing.AllocsPerRun(100, func() { turn(c.wheel) }); got > 12 {
		// memnet itself allocates for each packet
		t.Errorf("%g allocations for a turn of four legs", got)
	}
}

func TestG711Codecs(t *testing.T) {
	for _, c := range []Codec{PCMA, PCMU} {
		enc, _ := c.NewEncoder("")
		dec, _ := c.NewDecoder("")
		b, err := enc.Encode(nil, speech.Caller())
		if err != nil {
			t.Fatal(err)
		}
		got, err := dec.Decode(nil, b)
		if m := sound.Find(got, speech.Caller(), 100); err != nil || m.SNR < 30 {
			t.Errorf("%s: %+v, %v", c.Name, m, err)
		}
		if n := len(dec.Conceal(nil)); n != len(b) {
			t.Errorf("%s: %d samples conceal %d", c.Name, n, len(b))
		}
	}
	if PCMA.PayloadType != 8 || PCMU.PayloadType != 0 || PCMA.ClockRate != g711.Rate {
		t.Error("wrong payload types")
	}
}

// What the wheel leaves out, because the process stood still for long, is silence in the timestamps: those of the packets that follow
// say when they were sent.
func TestSkippedTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		w := newWheel(1)
		conn, err := n.ListenPacket(addr(2, 5000))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		m := newMedia(t, n, w, addr(1, 4000), addr(2, 5000), MediaConfig{Send: format(PCMA)})
		defer m.Close()
		time.Sleep(time.Millisecond)
		w.Close()
		timestamp := func() uint32 {
			b := make([]byte, 2000)
			k, _, err := conn.ReadFrom(b)
			if err != nil || k < 12 {
				t.Fatal(k, err)
			}
			return binary.BigEndian.Uint32(b[4:])
		}
		first := timestamp()
		w.spokes[0].turn(m.place.slot, 210*time.Millisecond, 10)
		if got := timestamp() - first; got != 11*160 {
			t.Errorf("the timestamp moved by %d", got)
		}
		if s := w.Stats(); s.Skipped != 10 {
			t.Errorf("%+v", s)
		}
	})
}

// All that comes in long packets is played. A packet more or less, as the delay adapts, leaves a tone of 500 Hz as it is.
func TestLongPackets(t *testing.T) {
	for _, ptime := range []time.Duration{10, 20, 60, 120, 200} {
		t.Run(fmt.Sprint(int(ptime)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, w := memnet.New(memnet.Config{}), NewWheel()
				defer w.Close()
				cfg := MediaConfig{Send: format(PCMA), Ptime: ptime * time.Millisecond}
				from := newMedia(t, n, w, addr(1, 4000), addr(2, 4000), cfg)
				defer from.Close()
				to := newMedia(t, n, w, addr(2, 4000), addr(1, 4000), cfg)
				defer to.Close()
				from.SetSource(Tone(8000, 500, 8000))
				time.Sleep(2 * time.Second)
				heard := &capture{}
				to.AddSink(heard)
				before := to.Stats()
				time.Sleep(4 * time.Second)
				if s := to.Stats(); s.Dropped != before.Dropped || s.Underruns-before.Underruns > 20 {
					t.Errorf("%d samples dropped, %d of 200 frames missing", s.Dropped-before.Dropped, s.Underruns-before.Underruns)
				}
				if share := sound.Tone(heard.samples(), 8000, 500); share < 0.9 {
					t.Errorf("%.3f of it is the tone", share)
				}
			})
		})
	}
}
