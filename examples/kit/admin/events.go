package admin

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/ladder"
)

// Event is what a line of /events holds, as JSON.
type Event struct {
	N           uint64    `json:"n"` // counts up from 1; a gap says that the reader was too slow
	Time        time.Time `json:"time"`
	Dir         string    `json:"dir"`
	Interface   string    `json:"interface,omitempty"`
	Proto       string    `json:"proto,omitempty"`
	Transport   string    `json:"transport,omitempty"`
	Local       string    `json:"local,omitempty"`
	Remote      string    `json:"remote,omitempty"`
	Label       string    `json:"label,omitempty"`
	Detail      string    `json:"detail,omitempty"`
	Bad         bool      `json:"bad,omitempty"`
	Correlation string    `json:"correlation,omitempty"`
	Comment     string    `json:"comment,omitempty"`
	Text        string    `json:"text,omitempty"` // the message, of text protocols; secrets overwritten
}

const maxText = 16 << 10

// events keeps the last events and hands new ones to readers. Media packets are left out: nobody
// reads fifty lines a second.
type events struct {
	mu      sync.Mutex
	n       uint64
	ring    [][]byte
	next    int
	readers map[chan []byte]struct{}
}

const (
	maxEventReaders = 16
	eventQueue      = 256
)

func newEvents(backlog int) *events {
	if backlog <= 0 {
		backlog = 500
	}
	return &events{ring: make([][]byte, 0, backlog), readers: make(map[chan []byte]struct{})}
}

func (v *events) trace(e trace.Event) {
	if e.Proto == trace.RTP || e.Proto == trace.RTCP {
		return
	}
	out := Event{
		Time: e.Time, Dir: e.Dir.String(), Interface: e.Interface, Local: addr(e.Local), Remote: addr(e.Remote),
		Correlation: e.Correlation, Comment: e.Comment,
	}
	if e.Proto != trace.NoProto {
		out.Proto = e.Proto.String()
	}
	if e.Transport != trace.NoTransport {
		out.Transport = e.Transport.String()
	}
	if e.Dir != trace.State {
		e.Data = trace.Redacted(e.Data, e.Secrets)
		s := ladder.Summarize(e)
		out.Label, out.Detail, out.Bad = s.Label, s.Detail, s.Bad
		switch e.Proto {
		case trace.SIP, trace.SDP, trace.HTTP, trace.ESL:
			out.Text = string(e.Data[:min(len(e.Data), maxText)])
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.n++
	out.N = v.n
	line, err := json.Marshal(out)
	if err != nil {
		return // a time outside years 0 to 9999: nothing to show
	}
	if len(v.ring) < cap(v.ring) {
		v.ring = append(v.ring, line)
	} else {
		v.ring[v.next] = line
		v.next = (v.next + 1) % len(v.ring)
	}
	for r := range v.readers {
		select {
		case r <- line:
		default: // it sees the gap in N
		}
	}
}

func addr(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// subscribe returns what has been and a channel for what comes; nil if there are too many readers.
func (v *events) subscribe() ([][]byte, chan []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.readers) >= maxEventReaders {
		return nil, nil
	}
	past := append(append([][]byte(nil), v.ring[v.next:]...), v.ring[:v.next]...)
	c := make(chan []byte, eventQueue)
	v.readers[c] = struct{}{}
	return past, c
}

func (v *events) unsubscribe(c chan []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.readers, c)
}

// stream serves /events. A browser that comes back says in Last-Event-ID what it has.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	past, c := s.events.subscribe()
	if c == nil {
		http.Error(w, "too many readers", http.StatusServiceUnavailable)
		return
	}
	defer s.events.unsubscribe(c)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := patient(w)
	have, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	for _, line := range past {
		if !send(out, line, have) {
			return
		}
	}
	out.Flush()
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C: // a comment: it finds out that the reader has gone
			if _, err := out.Write([]byte(":\n\n")); err != nil {
				return
			}
		case line := <-c:
			if !send(out, line, have) {
				return
			}
		}
		out.Flush()
	}
}

func send(out *patientWriter, line []byte, have uint64) bool {
	var id struct {
		N uint64 `json:"n"`
	}
	if json.Unmarshal(line, &id) != nil || id.N <= have {
		return true
	}
	b := append(strconv.AppendUint([]byte("id: "), id.N, 10), "\ndata: "...)
	b = append(append(b, line...), "\n\n"...)
	_, err := out.Write(b)
	return err == nil
}
