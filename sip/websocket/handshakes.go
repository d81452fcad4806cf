package websocket

import (
	"net"
	"net/http"
	"sync"
)

// handshakes bounds the connections of a web server that have not become WebSockets: those that hang
// make room for others, the oldest first.
type handshakes struct {
	max int

	mu      sync.Mutex
	waiting map[net.Conn]struct{}
	queue   []net.Conn // in the order in which they came; some have left
}

// state is the server's ConnState.
func (h *handshakes) state(c net.Conn, s http.ConnState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch s {
	case http.StateNew:
		h.waiting[c] = struct{}{}
		h.queue = append(h.queue, c)
		for len(h.waiting) > h.max {
			oldest := h.queue[0]
			h.queue = h.queue[1:]
			if _, ok := h.waiting[oldest]; ok {
				delete(h.waiting, oldest)
				go oldest.Close() // may wait for a TLS alert to leave
			}
		}
		if len(h.queue) > 2*h.max {
			h.compact()
		}
	case http.StateHijacked, http.StateClosed:
		delete(h.waiting, c)
	}
}

// compact takes those that have left out of the queue.
func (h *handshakes) compact() {
	kept := h.queue[:0:0]
	for _, c := range h.queue {
		if _, ok := h.waiting[c]; ok {
			kept = append(kept, c)
		}
	}
	h.queue = kept
}
