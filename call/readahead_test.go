package call

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// stalling gives samples that count up, and stands still for a while in the middle.
type stalling struct {
	n, end int
	at     int
	stall  time.Duration
}

func (s *stalling) ReadSamples(pcm []int16) (int, error) {
	if s.n == s.at {
		time.Sleep(s.stall)
	}
	for i := range pcm {
		if s.n == s.end {
			return i, io.EOF
		}
		pcm[i] = int16(s.n)
		s.n++
	}
	return len(pcm), nil
}

// A disk that stands still costs nothing for two seconds, and silence after that; nothing is lost.
func TestReadAhead(t *testing.T) {
	for _, stall := range []time.Duration{time.Second, 4 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			src := &stalling{end: 4*8000 + 100, at: 2*8000 + 160*100, stall: stall}
			r, err := NewReadAhead(src, 8000)
			if err != nil {
				t.Fatal(err)
			}
			pcm := make([]int16, 160)
			next, silent := 0, 0
			for turn := 0; ; turn++ {
				start := time.Now()
				n, err := r.ReadSamples(pcm)
				if time.Since(start) != 0 {
					t.Fatal("reading blocks")
				}
				for _, v := range pcm[:n] {
					if int(v) != int(int16(next)) {
						t.Fatalf("turn %d: sample %d, want %d", turn, v, next)
					}
					next++
				}
				if err == io.EOF {
					break
				}
				if err != nil || turn > 1000 {
					t.Fatal(err, turn)
				}
				if n < 160 {
					silent += 160 - n
				}
				time.Sleep(20 * time.Millisecond)
			}
			if next != src.end || uint64(silent) != r.Late() || (silent > 0) != (stall > 2*time.Second) {
				t.Errorf("%d samples, %d silent, %d late", next, silent, r.Late())
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if _, err := r.ReadSamples(pcm); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// The rate that is asked for may change, and errors come after what was read before them.
func TestReadAheadRates(t *testing.T) {
	r, err := NewReadAhead(Tone(8000, 440, 8000), 8000)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{160, 320, 160, 960} {
		if got, err := r.ReadSamples(make([]int16, n)); got != n || err != nil {
			t.Errorf("%d samples of %d, %v", got, n, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if r, err = NewReadAhead(failing{broken}, 16000); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadSamples(make([]int16, 160)); err != broken {
		t.Error(err)
	}
	if err := r.Close(); err != broken {
		t.Error(err)
	}
	if _, err := NewReadAhead(failing{nil}, 44100); err == nil {
		t.Error("44.1 kHz")
	}
	if r, err = NewReadAhead(failing{nil}, 8000); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// A disk that hangs from the first is silence, and what it gives in the end is heard.
func TestReadAheadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r, err := NewReadAhead(&stalling{end: 8000, stall: time.Minute}, 8000)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != firstWait {
			t.Errorf("it took %v", took)
		}
		pcm := make([]int16, 160)
		if n, err := r.ReadSamples(pcm); n != 0 || err != nil || r.Late() != 160 {
			t.Error(n, err, r.Late())
		}
		time.Sleep(time.Minute)
		if n, err := r.ReadSamples(pcm); n != 160 || err != nil {
			t.Error(n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
