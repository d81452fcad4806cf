package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// capture writes what passes the node: all of it, a file for each link, or only what came before an alarm.
type capture struct {
	cfg  stp.CaptureConfig // with its defaults
	node string
	log  *slog.Logger

	mu      sync.Mutex
	ring    []trace.Event
	octets  int
	writers map[string]*pcapng.Writer // by name of the file
}

func newCapture(cfg stp.CaptureConfig, node string, log *slog.Logger) (*capture, error) {
	c := &capture{cfg: cfg, node: node, log: log, writers: map[string]*pcapng.Writer{}}
	if cfg.Directory == "" {
		return c, nil
	}
	return c, os.MkdirAll(cfg.Directory, 0o750)
}

// trace takes an event.
func (c *capture) trace(e trace.Event) {
	if c.cfg.Directory == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Continuous == stp.On {
		if w := c.writer(&e); w != nil {
			w.Trace(e)
		}
	}
	if c.cfg.Ring <= 0 {
		return
	}
	e.Data = slices.Clone(e.Data)
	c.ring = append(c.ring, e)
	c.octets += size(&e)
	old := 0
	for old < len(c.ring) && (c.octets > c.cfg.RingOctets || e.Time.Sub(c.ring[old].Time) > c.cfg.Ring) {
		c.octets -= size(&c.ring[old])
		c.ring[old] = trace.Event{}
		old++
	}
	c.ring = c.ring[old:]
}

func size(e *trace.Event) int { return len(e.Data) + len(e.Comment) + 100 }

// writer is the file of an event.
func (c *capture) writer(e *trace.Event) *pcapng.Writer {
	name := c.node
	if c.cfg.PerLink == stp.On && e.Interface != "" {
		name = e.Interface
	}
	name = filepath.Join(c.cfg.Directory, safe(name)+".pcapng")
	w, ok := c.writers[name]
	if !ok {
		var err error
		if w, err = pcapng.Create(name, pcapng.Config{}); err != nil {
			c.log.Error("capture", "err", err)
		}
		c.writers[name] = w // or none: it is not tried again
	}
	return w
}

// safe is a name that can be one of a file.
func safe(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, name)
}

// run writes what came before each alarm, until ctx is done; then it closes the files.
func (c *capture) run(ctx context.Context, node *stp.Node) error {
	changes, stop := node.Watch()
	defer stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return c.close()
		case x := <-changes:
			if x.Severity != stp.Major || c.cfg.Directory == "" || c.cfg.Ring <= 0 || x.Time.Sub(last) < time.Second {
				continue // one file for what goes down together
			}
			last = x.Time
			name, err := c.dump(x)
			if err != nil {
				c.log.Error("capture before an alarm", "err", err)
				continue
			}
			c.log.Info("capture before an alarm", "file", name, "alarm", x.Text)
		}
	}
}

// dump writes the ring to a file of its own, and removes the oldest of such files.
func (c *capture) dump(x stp.Change) (string, error) {
	c.mu.Lock()
	events := slices.Clone(c.ring)
	c.mu.Unlock()
	name := filepath.Join(c.cfg.Directory, "alarm-"+x.Time.UTC().Format("20060102T150405.000")+"-"+safe(x.Kind+"-"+x.About)+".pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		return "", err
	}
	for _, e := range events {
		w.Trace(e)
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	old, err := filepath.Glob(filepath.Join(c.cfg.Directory, "alarm-*.pcapng"))
	if err != nil {
		return "", err
	}
	slices.Sort(old)
	for _, o := range old[:max(0, len(old)-c.cfg.MaxFiles)] {
		if err := os.Remove(o); err != nil {
			return "", err
		}
	}
	return name, nil
}

func (c *capture) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, w := range c.writers {
		if w == nil {
			continue
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("capture: %s: %w", name, err)
		}
	}
	return nil
}

// hub gives captures of the messages of single points to those who ask: GET /trace/4.5.6.
type hub struct {
	format  mtp3.Format
	mu      sync.Mutex
	readers atomic.Pointer[[]*reader]
}

type reader struct {
	point mtp3.Destination
	live  *pcapng.Live
}

func newHub(f mtp3.Format) *hub {
	h := &hub{format: f}
	h.readers.Store(&[]*reader{})
	return h
}

func (h *hub) trace(e trace.Event) {
	readers := *h.readers.Load()
	if len(readers) == 0 || e.Dir == trace.State {
		return
	}
	l, ok := h.label(&e)
	if !ok {
		return
	}
	for _, r := range readers {
		if r.point.Contains(l.DPC) || r.point.Contains(l.OPC) {
			r.live.Trace(e)
		}
	}
}

// label is the routing label of the message in an event, if it has one.
func (h *hub) label(e *trace.Event) (mtp3.Label, bool) {
	switch e.Proto {
	case trace.M3UA:
		var d m3ua.DATA
		if d.Parse(e.Data) != nil {
			return mtp3.Label{}, false
		}
		return d.MSU.Label, true
	case trace.M2PA:
		m, err := m2pa.Parse(e.Data)
		if err != nil || m.Type != m2pa.UserData || len(m.Data) == 0 {
			return mtp3.Label{}, false
		}
		msu, err := h.format.ParseMSU(m.Data)
		return msu.Label, err == nil
	}
	return mtp3.Label{}, false
}

func (h *hub) change(f func([]*reader) []*reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := f(slices.Clone(*h.readers.Load()))
	h.readers.Store(&all)
}

const maxReaders = 16

// ServeHTTP streams a capture until the reader leaves.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d, err := h.format.ParseDestination(strings.ReplaceAll(r.PathValue("pc"), "_", "/"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(*h.readers.Load()) >= maxReaders {
		http.Error(w, "too many readers", http.StatusServiceUnavailable)
		return
	}
	x := &reader{d, pcapng.NewLive(pcapng.Config{})}
	h.change(func(all []*reader) []*reader { return append(all, x) })
	defer h.change(func(all []*reader) []*reader {
		return slices.DeleteFunc(all, func(o *reader) bool { return o == x })
	})
	w.Header().Set("Content-Type", "application/octet-stream")
	_ = x.live.Stream(r.Context(), w) // the reader left
}
