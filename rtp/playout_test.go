package rtp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// network is a path that a stream of packets takes; times in milliseconds.
type network struct {
	loss    float64 // share of packets
	jitter  int     // each is late by 0 to jitter
	drift   float64 // ppm, the sender's clock is slow by this
	reorder float64 // share that is late by another 50 ms
	twice   float64 // share that comes twice
	spike   int     // packet from which 12 come at once
	step    int     // from half-time on all are late by another step
	pauses  bool    // 1 s of speech, 600 ms of silence
}

type delivery struct {
	at        time.Duration
	ext       int64
	timestamp uint32
	marker    bool
}

// send returns n packets of 20 ms as they arrive.
func (w network) send(n int, seed uint64) []delivery {
	r := rand.New(rand.NewPCG(seed, 7))
	var out []delivery
	stamp := uint32(r.Uint32())
	var sent, spikeEnd time.Duration
	for i := range n {
		marker := false
		packet := time.Duration(20 * float64(time.Millisecond) * (1 + w.drift/1e6))
		sent += packet
		stamp += 160
		if w.pauses && i%50 == 0 {
			sent, stamp, marker = sent+30*packet, stamp+30*160, true
		}
		at := sent + 10*time.Millisecond
		if w.jitter > 0 {
			at += time.Duration(r.IntN(w.jitter*1000)) * time.Microsecond
		}
		if r.Float64() < w.reorder {
			at += 50 * time.Millisecond
		}
		if w.step > 0 && i > n/2 {
			at += time.Duration(w.step) * time.Millisecond
		}
		if w.spike > 0 && i == w.spike {
			spikeEnd = sent + 240*time.Millisecond
		}
		at = max(at, spikeEnd)
		if r.Float64() < w.loss {
			continue
		}
		d := delivery{at, int64(i) + 1<<16, stamp, marker}
		out = append(out, d)
		if r.Float64() < w.twice {
			d.at += time.Duration(r.IntN(30)) * time.Millisecond
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b delivery) int { return int(a.at - b.at) })
	return out
}

// Networks of many kinds, three seeds each, polled every 20 ms as a mixer would: how many packets come too
// late, what the delay is at the end (within two and a half packets of the target where nobody pauses), and how
// often speech is stretched or cut.
func TestAdaptivePlayout(t *testing.T) {
	const n = 6000 // two minutes
	ms := time.Millisecond
	for _, c := range []struct {
		name              string
		net               network
		late              float64 // at most, share of what was sent
		minDelay, delay   time.Duration
		inserted, skipped uint64 // at most
	}{
		{"quiet", network{}, 0, 20 * ms, 65 * ms, 0, 2},
		{"quiet, pauses", network{pauses: true}, 0, 20 * ms, 21 * ms, 0, 0},
		{"30 ms jitter", network{jitter: 30}, 0.005, 25 * ms, 80 * ms, 2, 3},
		{"30 ms jitter, 5 % loss", network{jitter: 30, loss: 0.05}, 0.005, 25 * ms, 80 * ms, 2, 3},
		{"30 ms jitter, 5 % loss, pauses", network{jitter: 30, loss: 0.05, pauses: true}, 0.005, 25 * ms, 40 * ms, 1, 1},
		{"100 ms jitter", network{jitter: 100}, 0.01, 80 * ms, 150 * ms, 6, 4},
		{"100 ms jitter, pauses", network{jitter: 100, pauses: true}, 0.01, 80 * ms, 120 * ms, 4, 2},
		{"slow clock", network{drift: 200, jitter: 10}, 0.003, 20 * ms, 70 * ms, 4, 2},
		{"fast clock", network{drift: -200, jitter: 10}, 0.003, 20 * ms, 70 * ms, 1, 5},
		{"fast clock, pauses", network{drift: -200, jitter: 10, pauses: true}, 0.003, 20 * ms, 40 * ms, 0, 0},
		{"10 % reordered by 50 ms", network{reorder: 0.1, jitter: 5}, 0.005, 50 * ms, 100 * ms, 4, 2},
		{"duplicates", network{twice: 0.3, jitter: 20}, 0.005, 20 * ms, 70 * ms, 1, 3},
		{"one spike of 240 ms", network{spike: 3000, jitter: 10}, 0.002, 20 * ms, 70 * ms, 2, 14},
		{"150 ms longer from half-time on", network{step: 150, jitter: 10}, 0.002, 20 * ms, 60 * ms, 8, 12},
		{"all of it", network{loss: 0.05, jitter: 30, drift: 200, reorder: 0.02, twice: 0.01, pauses: true, spike: 1500}, 0.01, 40 * ms, 110 * ms, 6, 6},
	} {
		for seed := range uint64(3) {
			b := NewBuffer(BufferConfig{})
			in := c.net.send(n, seed)
			sent := len(in)
			distinct := map[int64]bool{}
			for _, d := range in {
				distinct[d.ext] = true
			}
			end := in[len(in)-1].at
			var s BufferStats
			for now := time.Duration(seed) * 3 * ms; now < end; now += 20 * ms {
				for len(in) > 0 && in[0].at <= now {
					d := in[0]
					b.push(t0.Add(d.at), packet{ext: d.ext, timestamp: d.timestamp, rate: 8000, marker: d.marker})
					in = in[1:]
				}
				for _, ok := b.Pop(t0.Add(now), nil); ok; _, ok = b.Pop(t0.Add(now), nil) {
				}
				s = b.Stats()
			}
			late := float64(s.Late) / n
			t.Logf("%-32s seed %d: late %.2f %%, delay %v, target %v, %+v", c.name, seed, late*100, s.Delay, s.Target, s)
			if late > c.late || s.Delay < c.minDelay-ms || s.Delay > c.delay || s.Inserted > c.inserted || s.Skipped > c.skipped {
				t.Errorf("%s, seed %d: late %.2f %% (at most %.2f), delay %v (%v to %v), %+v", c.name, seed, late*100, c.late*100, s.Delay, c.minDelay, c.delay, s)
			}
			if lost := uint64(n - len(distinct)); s.Dropped != 0 || s.Duplicates > uint64(sent-len(distinct)) || s.Concealed > lost+s.Late {
				t.Errorf("%s, seed %d: %+v", c.name, seed, s)
			}
		}
	}
}
