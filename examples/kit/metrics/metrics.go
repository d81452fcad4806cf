// Package metrics writes the counters of a program in the text format that Prometheus reads.
//
// The libraries count for themselves and give out snapshots (their Stats methods); a program
// turns those into lines when it is asked:
//
//	m := metrics.NewWriter(rw)
//	s := endpoint.Stats()
//	m.Counter("sip_requests_total", "Requests received.", float64(s.Requests), "method", "INVITE")
//	m.Gauge("sip_transactions", "Transactions now.", float64(s.Transactions))
//	err := m.Err()
//
// Samples of one name have to be written one after the other. [Histogram] counts what no
// library counts.
package metrics

import (
	"io"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
)

// ContentType is the media type of what a [Writer] writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Writer writes samples.
type Writer struct {
	out  io.Writer
	err  error
	last string
	buf  []byte
}

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Counter writes a value that only grows; by convention its name ends in "_total". labels are
// names and values in turn.
func (w *Writer) Counter(name, help string, value float64, labels ...string) {
	w.head(name, help, "counter")
	w.sample(name, "", value, labels)
}

// Gauge writes a value that goes up and down.
func (w *Writer) Gauge(name, help string, value float64, labels ...string) {
	w.head(name, help, "gauge")
	w.sample(name, "", value, labels)
}

// Raw writes samples that are in the text format already, such as those of a library that writes its own.
func (w *Writer) Raw(text []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(text)
	}
	w.last = ""
}

// Histogram writes a histogram.
func (w *Writer) Histogram(name, help string, h *Histogram, labels ...string) {
	w.head(name, help, "histogram")
	sum := uint64(0)
	with := append(append([]string(nil), labels...), "le", "")
	for i := range h.counts {
		sum += h.counts[i].Load()
		with[len(with)-1] = "+Inf"
		if i < len(h.bounds) {
			with[len(with)-1] = strconv.FormatFloat(h.bounds[i], 'g', -1, 64)
		}
		w.sample(name, "_bucket", float64(sum), with)
	}
	w.sample(name, "_sum", math.Float64frombits(h.sum.Load()), labels)
	w.sample(name, "_count", float64(sum), labels)
}

// Err returns the first error of the writer below.
func (w *Writer) Err() error { return w.err }

func (w *Writer) head(name, help, kind string) {
	if name == w.last {
		return
	}
	w.last = name
	w.write("# HELP " + name + " " + strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(help) + "\n# TYPE " + name + " " + kind + "\n")
}

func (w *Writer) sample(name, suffix string, value float64, labels []string) {
	b := append(append(w.buf[:0], name...), suffix...)
	for i := 0; i+1 < len(labels); i += 2 {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(append(b, labels[i]...), `="`...)
		b = append(append(b, escape.Replace(labels[i+1])...), '"')
	}
	if len(labels) > 1 {
		b = append(b, '}')
	}
	b = append(b, ' ')
	b = strconv.AppendFloat(b, value, 'g', -1, 64)
	w.buf = append(b, '\n')
	w.write(string(w.buf))
}

var escape = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)

func (w *Writer) write(s string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.out, s)
	}
}

// Histogram counts values by size. Its methods may be called by several goroutines.
type Histogram struct {
	bounds []float64
	counts []atomic.Uint64 // one more than bounds
	sum    atomic.Uint64   // the bits of a float64
}

// NewHistogram returns a histogram with these upper bounds, which must increase. Prometheus wants
// seconds and octets: base units.
func NewHistogram(bounds ...float64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts a value.
func (h *Histogram) Observe(v float64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}
