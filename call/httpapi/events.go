package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call/control"
)

// Event is something that has happened, as /v1/events sends it.
type Event struct {
	Name     string            `json:"name"`               // such as CHANNEL_ANSWER
	Subclass string            `json:"subclass,omitempty"` // of CUSTOM
	Time     time.Time         `json:"time"`
	UUID     string            `json:"uuid,omitempty"` // of the channel
	Fields   map[string]string `json:"fields"`
	Body     string            `json:"body,omitempty"`
}

// events streams what happens (server-sent events) until the client leaves.
func (h *Handler) events(w http.ResponseWriter, r *http.Request) error {
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		return &Problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("%d clients watch already", cap(h.streams))}
	}
	q := r.URL.Query()
	wanted := func(have string, want []string) bool {
		for _, s := range want {
			if s == have {
				return true
			}
		}
		return len(want) == 0
	}
	pending := make(chan *control.Event, h.cfg.MaxPending)
	var lost atomic.Uint64
	stop := h.cfg.Switch.Watch(func(e *control.Event) {
		if !wanted(e.Name, q["name"]) || !wanted(e.UUID, q["uuid"]) {
			return
		}
		select {
		case pending <- e:
		default:
			lost.Add(1)
		}
	})
	defer stop()
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	write := func(text string) bool {
		rc.SetWriteDeadline(time.Now().Add(30 * time.Second)) // an error means that the server has deadlines of its own
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !write(": watching\n\n") {
		return nil
	}
	for {
		text := ""
		select {
		case <-r.Context().Done():
			return nil
		case <-alive.C:
			text = ": still here\n\n"
		case e := <-pending:
			text = stream(e)
		}
		if n := lost.Swap(0); n > 0 {
			text += fmt.Sprintf(": %d events were left out\n\n", n)
		}
		if !write(text) {
			return nil
		}
	}
}

func stream(e *control.Event) string {
	out := Event{Name: e.Name, Subclass: e.Subclass, Time: e.Time.UTC(), UUID: e.UUID, Body: e.Body, Fields: make(map[string]string, len(e.Fields))}
	for _, f := range e.Fields {
		out.Fields[f.Name] = f.Value
	}
	b, err := json.Marshal(out)
	if err != nil {
		return ""
	}
	return "event: " + e.Name + "\ndata: " + string(b) + "\n\n"
}
