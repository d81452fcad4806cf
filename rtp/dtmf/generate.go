package dtmf

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// GeneratorConfig configures a [Generator]. The zero value works.
type GeneratorConfig struct {
	// SampleRate in Hz, at least 8000. If zero, 8000.
	SampleRate int
	// RowLevel and ColumnLevel are those of the two tones, in dBm0, at most -3 each. If zero, -10 and -8: the column is the louder one because
	// lines attenuate it more.
	RowLevel, ColumnLevel float64
	// On and Off are how long a tone and the pause after it last. If zero, 100 ms each.
	On, Off time.Duration
}

// Generator makes the tones of keys, one after the other. It is a source of samples: see [Generator.ReadSamples].
type Generator struct {
	cfg     GeneratorConfig
	keys    string
	on, off int // samples
	at      int // in the tone and pause of keys[0]
	row     oscillator
	column  oscillator
}

// NewGenerator returns a Generator of the given keys: 0-9, *, #, A-D (or a-d), and ',' for a pause of one second.
func NewGenerator(cfg GeneratorConfig, sequence string) (*Generator, error) {
	sequence = strings.ToUpper(sequence)
	for i := range len(sequence) {
		if sequence[i] != ',' && strings.IndexByte(keys, sequence[i]) < 0 {
			return nil, fmt.Errorf("dtmf: %q is no key", sequence[i])
		}
	}
	if cfg.SampleRate < 8000 {
		cfg.SampleRate = 8000
	}
	if cfg.RowLevel == 0 {
		cfg.RowLevel = -10
	}
	if cfg.ColumnLevel == 0 {
		cfg.ColumnLevel = -8
	}
	if cfg.RowLevel > -3 || cfg.ColumnLevel > -3 {
		return nil, fmt.Errorf("dtmf: levels of %v and %v dBm0 are too much together", cfg.RowLevel, cfg.ColumnLevel)
	}
	if cfg.On <= 0 {
		cfg.On = 100 * time.Millisecond
	}
	if cfg.Off <= 0 {
		cfg.Off = 100 * time.Millisecond
	}
	g := &Generator{cfg: cfg, keys: sequence}
	g.on = int(cfg.On * time.Duration(cfg.SampleRate) / time.Second)
	g.off = int(cfg.Off * time.Duration(cfg.SampleRate) / time.Second)
	return g, nil
}

// ReadSamples fills pcm with tones and pauses. After the pause of the last key it returns io.EOF.
func (g *Generator) ReadSamples(pcm []int16) (n int, err error) {
	for n < len(pcm) && len(g.keys) > 0 {
		on, length := g.on, g.on+g.off
		if g.keys[0] == ',' {
			on, length = 0, g.cfg.SampleRate
		}
		if g.at == 0 && on > 0 {
			i := strings.IndexByte(keys, g.keys[0])
			g.row = newOscillator(rows[i/4], g.cfg.RowLevel, g.cfg.SampleRate)
			g.column = newOscillator(columns[i%4], g.cfg.ColumnLevel, g.cfg.SampleRate)
		}
		for ; n < len(pcm) && g.at < length; n, g.at = n+1, g.at+1 {
			pcm[n] = 0
			if g.at < on {
				pcm[n] = int16(math.Round(g.row.next() + g.column.next()))
			}
		}
		if g.at == length {
			g.keys, g.at = g.keys[1:], 0
		}
	}
	if n == 0 && len(pcm) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// oscillator makes a sine by the recurrence sin(n+1) = 2 cos(w) sin(n) - sin(n-1).
type oscillator struct{ coeff, s1, s2 float64 }

func newOscillator(freq, level float64, rate int) oscillator {
	w := 2 * math.Pi * freq / float64(rate)
	return oscillator{coeff: 2 * math.Cos(w), s1: 0, s2: -32767 * math.Pow(10, (level-fullScale)/20) * math.Sin(w)}
}

func (o *oscillator) next() float64 {
	v := o.s1
	o.s1, o.s2 = o.coeff*o.s1-o.s2, o.s1
	return v
}
