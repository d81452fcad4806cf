package httpapi

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/gotelco/telco/ims/hss"
)

// Trail keeps the last events of the audit log for reading. Its method Event goes into hss.Config.Audit. Its methods may be called by
// several goroutines at once.
type Trail struct {
	next func(hss.AuditEvent)

	mu   sync.Mutex
	n    uint64 // of the last event
	ring []AuditEntry
	at   int
}

// AuditEntry is an event with its number, which grows from 1.
type AuditEntry struct {
	N uint64 `json:"n"`
	hss.AuditEvent
}

// NewTrail returns one that keeps as many events as size says, 10000 if it is zero, and hands each to next, which may be nil.
func NewTrail(size int, next func(hss.AuditEvent)) *Trail {
	if size <= 0 {
		size = 10000
	}
	return &Trail{next: next, ring: make([]AuditEntry, 0, size)}
}

// Load takes events as hss.AuditLog wrote them, and returns how many. A last line that a crash tore is passed over.
func (t *Trail) Load(r io.Reader) (n int, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var e hss.AuditEvent
		if json.Unmarshal(s.Bytes(), &e) == nil {
			t.keep(e)
			n++
		}
	}
	return n, s.Err()
}

// Event keeps an event.
func (t *Trail) Event(e hss.AuditEvent) {
	t.keep(e)
	if t.next != nil {
		t.next(e)
	}
}

func (t *Trail) keep(e hss.AuditEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	x := AuditEntry{t.n, e}
	if len(t.ring) < cap(t.ring) {
		t.ring = append(t.ring, x)
		return
	}
	t.ring[t.at] = x
	t.at = (t.at + 1) % len(t.ring)
}

// Before returns events that came before number n, the newest first; n of zero stands for the end.
func (t *Trail) Before(n uint64, limit int) []AuditEntry {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []AuditEntry{}
	for i := range t.ring {
		x := t.ring[(t.at+2*len(t.ring)-1-i)%len(t.ring)]
		if n != 0 && x.N >= n {
			continue
		}
		if len(out) == limit {
			break
		}
		out = append(out, x)
	}
	return out
}

// AuditPage is a page of the audit log, the newest events first.
type AuditPage struct {
	Events []AuditEntry `json:"events"`
	// Next is the value of before for the next page, zero at the end.
	Next uint64 `json:"next,omitempty"`
}

func (h *Handler) readAudit(w http.ResponseWriter, r *http.Request) error {
	if h.cfg.Audit == nil {
		return notFound("audit log")
	}
	q, err := query(r, "before", "limit")
	if err != nil {
		return err
	}
	limit, err := limitOf(q)
	if err != nil {
		return err
	}
	var before uint64
	if q.Has("before") {
		if before, err = strconv.ParseUint(q.Get("before"), 10, 64); err != nil {
			return badRequest("before is the number of an event")
		}
	}
	page := AuditPage{Events: h.cfg.Audit.Before(before, limit+1)}
	if len(page.Events) > limit {
		page.Events = page.Events[:limit]
		page.Next = page.Events[limit-1].N
	}
	return h.api.Answer(w, http.StatusOK, page)
}
