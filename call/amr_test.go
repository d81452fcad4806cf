package call

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
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

// bridged is two phones with two legs of a bridge between them, each side with a codec of its own.
func bridged(t *testing.T, n *memnet.Network, left, right MediaConfig) *chain {
	c := &chain{wheel: NewWheel()}
	c.a = newMedia(t, n, c.wheel, addr(1, 4000), addr(2, 5000), left)
	c.legA = newMedia(t, n, c.wheel, addr(2, 5000), addr(1, 4000), left)
	c.legB = newMedia(t, n, c.wheel, addr(2, 5002), addr(3, 6000), right)
	c.b = newMedia(t, n, c.wheel, addr(3, 6000), addr(2, 5002), right)
	if err := Bridge(c.legA, c.legB); err != nil {
		t.Fatal(err)
	}
	return c
}

func amrFormat(cfg AMRConfig) MediaConfig {
	c := AMR(cfg)
	return MediaConfig{Send: Format{Codec: c, PayloadType: c.PayloadType, FMTP: c.FMTP}}
}

// Tones of both ends go through bridges between codecs and sample rates, and the peers hear them as loud as they are.
func TestBridgeAMR(t *testing.T) {
	pcma := MediaConfig{Send: format(PCMA)}
	oa := AMRConfig{OctetAligned: true, DTX: true}
	for _, tc := range []struct {
		name        string
		left, right MediaConfig
	}{
		{"PCMA and AMR", pcma, amrFormat(AMRConfig{DTX: true})},
		{"AMR octet-aligned and AMR-WB", amrFormat(oa), amrFormat(AMRConfig{Codec: amr.WB})},
		{"AMR-WB octet-aligned and PCMA", amrFormat(AMRConfig{Codec: amr.WB, OctetAligned: true, DTX: true}), pcma},
		{"AMR-WB in packets of 200 ms and PCMA", func() MediaConfig {
			c := amrFormat(AMRConfig{Codec: amr.WB})
			c.Ptime = 200 * time.Millisecond
			return c
		}(), pcma},
		{"AMR in packets of 60 ms and AMR", func() MediaConfig { c := amrFormat(oa); c.Ptime = 60 * time.Millisecond; return c }(), amrFormat(AMRConfig{ModeSet: amr.ModesOf(0, 2, 4)})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := bridged(t, memnet.New(memnet.Config{Latency: 5 * time.Millisecond}), tc.left, tc.right)
				defer c.close()
				heardA, heardB := &capture{}, &capture{}
				c.a.AddSink(heardA)
				c.b.AddSink(heardB)
				c.a.SetSource(Tone(c.a.SampleRate(), 440, 8000))
				c.b.SetSource(Tone(c.b.SampleRate(), 1000, 8000))
				time.Sleep(4 * time.Second)
				for _, x := range []struct {
					who  *Media
					got  *capture
					hz   float64
					name string
				}{{c.a, heardA, 1000, "caller"}, {c.b, heardB, 440, "callee"}} {
					rate := x.who.SampleRate()
					pcm := x.got.samples()
					if len(pcm) < 3*rate {
						t.Fatalf("%s hears %d samples", x.name, len(pcm))
					}
					pcm = pcm[rate : 3*rate]
					if share, rms := sound.Tone(pcm, rate, x.hz), sound.RMS(pcm); share < 0.9 || rms < 4500 || rms > 6500 {
						t.Errorf("%s hears %.0f %% of the tone, level %.0f", x.name, 100*share, rms)
					}
				}
				for _, m := range []*Media{c.a, c.legA, c.legB, c.b} {
					if s := m.Stats(); s.Errors != 0 || s.Dropped != 0 || s.Concealed > 2 || s.Played < 180 {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

// Speech with pauses goes from AMR with DTX to PCMU: pauses are heard as pauses, not as losses, and nothing is sent in them.
func TestBridgeDTX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := bridged(t, memnet.New(memnet.Config{}), amrFormat(AMRConfig{DTX: true}), MediaConfig{Send: format(PCMU)})
		defer c.close()
		heard := &capture{}
		c.b.AddSink(heard)
		said := append(append([]int16(nil), speech.Caller()...), make([]int16, 3*8000)...)
		if err := c.a.Play(t.Context(), Samples(said)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if m := sound.Find(heard.samples(), speech.Caller(), 8000); m.SNR < 4 || m.Gain < 0.8 || m.Gain > 1.2 {
			t.Errorf("heard %+v", m)
		}
		s, sent := c.legA.Stats(), c.a.Stats().RTP.PacketsSent
		if s.Concealed > 2 || s.Pauses < 100 || s.Errors != 0 || sent > s.Played+10 {
			t.Errorf("%d packets, %+v", sent, s)
		}
	})
}

// Losses are concealed once each, also with DTX, and time does not shift.
func TestAMROverABadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Seed: 5, Loss: 0.05, Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond})
		wb := amrFormat(AMRConfig{Codec: amr.WB, DTX: true})
		wb.Playout.Fixed = true // or the length of pauses changes
		c := bridged(t, n, wb, MediaConfig{Send: format(PCMA), Playout: rtp.BufferConfig{Fixed: true}})
		defer c.close()
		heard := &capture{}
		c.b.AddSink(heard)
		c.a.SetSource(Tone(16000, 440, 8000))
		time.Sleep(20 * time.Second)
		if s := c.legA.Stats(); s.Concealed < 20 || s.Concealed > 120 || s.Pauses > 5 || s.Played < 880 {
			t.Errorf("%+v", s)
		}
		if share := sound.Tone(heard.samples()[8000:], 8000, 440); share < 0.7 {
			t.Errorf("%.2f of the energy is the tone", share)
		}
	})
}

// The peer's mode requests are obeyed, within its mode set, in steps to the neighbour every other frame.
func TestAMRRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		w := NewWheel()
		defer w.Close()
		codec := AMR(AMRConfig{OctetAligned: true})
		var mu sync.Mutex
		var modes []amr.FrameType
		cfg := MediaConfig{
			Send: Format{Codec: codec, PayloadType: 97, FMTP: "octet-align=1;mode-set=0,2,4,7;mode-change-period=2;mode-change-neighbor=1"},
			Trace: func(e trace.Event) {
				if e.Dir == trace.Sent && e.Proto == trace.RTP {
					mu.Lock()
					modes = append(modes, amr.FrameType(e.Data[13]>>3&15))
					mu.Unlock()
				}
			},
		}
		m := newMedia(t, n, w, addr(1, 4000), addr(2, 5000), cfg)
		defer m.Close()
		m.SetSource(Tone(8000, 440, 8000))
		peer, err := n.ListenPacket(addr(2, 5000))
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		seq := uint16(0)
		say := func(cmr amr.FrameType) {
			for range 25 {
				b := []byte{0x80, 97}
				b = binary.BigEndian.AppendUint16(b, seq)
				b = binary.BigEndian.AppendUint32(b, uint32(seq)*160)
				b = binary.BigEndian.AppendUint32(b, 99)
				b, err := amr.PayloadFormat{OctetAligned: true}.AppendPayload(b, amr.Payload{CMR: cmr, Frames: []amr.Frame{{Type: amr.Mode475, Data: make([]byte, 12)}}})
				if err != nil {
					t.Fatal(err)
				}
				peer.WriteTo(b, net.UDPAddrFromAddrPort(addr(1, 4000)))
				seq++
				time.Sleep(20 * time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond)
		}
		check := func(step string, want amr.FrameType) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if last := modes[len(modes)-1]; last != want {
				t.Errorf("%s: mode %d, want %d", step, last, want)
			}
		}
		time.Sleep(100 * time.Millisecond)
		check("at first", 7)
		say(0)
		check("CMR 0", 0)
		say(6)
		check("a request outside the mode set", 0)
		say(4)
		check("CMR 4", 4)
		say(amr.NoRequest)
		check("no request", 7)
		mu.Lock()
		defer mu.Unlock()
		index := map[amr.FrameType]int{0: 0, 2: 1, 4: 2, 7: 3}
		for i := 1; i < len(modes); i++ {
			a, known := index[modes[i]]
			if d := a - index[modes[i-1]]; !known || d > 1 || d < -1 || d != 0 && i > 1 && modes[i-1] != modes[i-2] {
				t.Fatalf("modes %v at %d", modes, i)
			}
		}
	})
}

// Reports of losses bring the mode down step by step, and good ones up again.
func TestAMRAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		w := NewWheel()
		defer w.Close()
		var mu sync.Mutex
		var mode amr.FrameType
		var ssrc uint32
		cfg := amrFormat(AMRConfig{OctetAligned: true})
		cfg.Mux = true
		cfg.Trace = func(e trace.Event) {
			if e.Dir == trace.Sent && e.Proto == trace.RTP {
				mu.Lock()
				mode, ssrc = amr.FrameType(e.Data[13]>>3&15), binary.BigEndian.Uint32(e.Data[8:])
				mu.Unlock()
			}
		}
		m := newMedia(t, n, w, addr(1, 4000), addr(2, 5000), cfg)
		defer m.Close()
		m.SetSource(Tone(8000, 440, 8000))
		peer, err := n.ListenPacket(addr(2, 5000))
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		report := func(lost byte) amr.FrameType {
			mu.Lock()
			b := []byte{0x81, 201, 0, 7, 0, 0, 0, 99} // a receiver report of SSRC 99
			b = binary.BigEndian.AppendUint32(b, ssrc)
			mu.Unlock()
			b = append(b, lost, 0, 0, 0)
			b = append(b, make([]byte, 16)...)
			b = append(b, 0x81, 202, 0, 2, 0, 0, 0, 99, 1, 1, 'p', 0) // SDES
			peer.WriteTo(b, net.UDPAddrFromAddrPort(addr(1, 4000)))
			time.Sleep(2 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			return mode
		}
		time.Sleep(time.Second)
		var got []amr.FrameType
		for _, lost := range []byte{0, 40, 40, 0, 0, 0, 0, 0, 0} {
			got = append(got, report(lost))
		}
		if want := []amr.FrameType{7, 6, 5, 5, 5, 6, 6, 6, 7}; !slices.Equal(got, want) {
			t.Errorf("modes %v, want %v", got, want)
		}
	})
}

// The marker is at the beginning of talkspurts alone, not at comfort noise.
func TestAMRMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		w := NewWheel()
		defer w.Close()
		var mu sync.Mutex
		var types []amr.FrameType
		var marked []bool
		cfg := amrFormat(AMRConfig{OctetAligned: true, DTX: true})
		cfg.Trace = func(e trace.Event) {
			if e.Dir == trace.Sent && e.Proto == trace.RTP {
				mu.Lock()
				types = append(types, amr.FrameType(e.Data[13]>>3&15))
				marked = append(marked, e.Data[1]&0x80 != 0)
				mu.Unlock()
			}
		}
		m := newMedia(t, n, w, addr(1, 4000), addr(2, 5000), cfg)
		defer m.Close()
		for range 2 {
			if err := m.Play(t.Context(), Samples(speech.Caller())); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		spurts := 0
		for i := range types {
			want := types[i] < amr.SIDNB && (i == 0 || types[i-1] >= amr.SIDNB)
			if want {
				spurts++
			}
			if i > 0 && marked[i] != want {
				t.Errorf("packet %d of type %d after %d: marker %v", i, types[i], types[i-1], marked[i])
			}
		}
		if spurts < 2 {
			t.Errorf("%d talkspurts", spurts)
		}
	})
}

// A re-INVITE from AMR-WB to PCMA and back leaves the bridge up, whose rates change under way.
func TestUpdateRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wb := amrFormat(AMRConfig{Codec: amr.WB})
		pcma := MediaConfig{Send: format(PCMA)}
		c := bridged(t, memnet.New(memnet.Config{}), wb, pcma)
		defer c.close()
		c.b.SetSource(Tone(8000, 440, 8000))
		heard := &capture{}
		c.a.AddSink(heard)
		for _, to := range []MediaConfig{wb, pcma, wb} {
			for m, remote := range map[*Media]netip.AddrPort{c.a: addr(2, 5000), c.legA: addr(1, 4000)} {
				to.Remote = remote
				if err := m.Update(to); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second)
			rate := c.a.SampleRate()
			pcm := heard.samples()
			pcm = pcm[len(pcm)-rate:]
			if share, rms := sound.Tone(pcm, rate, 440), sound.RMS(pcm); share < 0.9 || rms < 4500 {
				t.Errorf("at %d Hz: %.2f of the energy is the tone, level %.0f", rate, share, rms)
			}
		}
	})
}

func TestAMRCodecs(t *testing.T) {
	types := map[uint8]bool{}
	for _, c := range append(AMRNB(), AMRWB()...) {
		types[c.PayloadType] = true
		enc, err := c.NewEncoder(c.FMTP)
		if err != nil {
			t.Fatal(err)
		}
		dec, err := c.NewDecoder(c.FMTP)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, c.SampleRate/10)
		Tone(c.SampleRate, 440, 8000).ReadSamples(pcm)
		b, err := enc.Encode(nil, pcm)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := dec.Decode(nil, b); err != nil || len(got) != len(pcm) || sound.RMS(got) < 3000 || len(dec.Conceal(nil)) != len(pcm) {
			t.Errorf("%s: %d samples, %v", c.Name, len(got), err)
		}
		if _, err := dec.Decode(nil, nil); err == nil {
			t.Errorf("%s: an empty payload", c.Name)
		}
		if _, err := enc.Encode(nil, pcm[1:]); err == nil {
			t.Errorf("%s: half a frame", c.Name)
		}
		if _, err := c.NewEncoder("mode-set=x"); err == nil {
			t.Errorf("%s: bad parameters", c.Name)
		}
	}
	if len(types) != 4 {
		t.Errorf("payload types %v", types)
	}
	if err := convertible(8000, 44100); err == nil {
		t.Error("a bridge to 44.1 kHz")
	}
	c := AMR(AMRConfig{ModeSet: amr.ModesOf(0, 2)})
	if answer, ok := c.Match(c.FMTP, ""); !ok || answer == "" {
		t.Errorf("answer %q, %v", answer, ok)
	}
	if _, ok := c.Match(c.FMTP, "octet-align=1"); ok {
		t.Error("one form of the payload is taken for the other")
	}
}
