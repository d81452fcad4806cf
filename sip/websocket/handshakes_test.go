package websocket

import (
	"net"
	"net/http"
	"testing"
	"testing/synctest"
)

// watched is a connection that says whether it was closed.
type watched struct {
	net.Conn
	closed chan struct{}
}

func (w *watched) Close() error {
	close(w.closed)
	return nil
}

func (w *watched) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// Of the connections that hang in their handshake the oldest go; those that became WebSockets, or have
// gone, don't count.
func TestHandshakesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handshakes{max: 4, waiting: make(map[net.Conn]struct{})}
		var all []*watched
		for i := range 100 {
			c := &watched{closed: make(chan struct{})}
			all = append(all, c)
			h.state(c, http.StateNew)
			switch i % 10 {
			case 0:
				h.state(c, http.StateHijacked)
			case 1:
				h.state(c, http.StateClosed)
			}
		}
		synctest.Wait()
		for i, c := range all {
			if want := i%10 > 1 && i < 96; c.isClosed() != want {
				t.Errorf("connection %d: closed %v", i, !want)
			}
		}
		if len(h.waiting) != 4 || len(h.queue) > 9 {
			t.Errorf("%d are waiting, %d in the queue", len(h.waiting), len(h.queue))
		}
	})
}

// A server counts its own.
func TestServeCountsHandshakes(t *testing.T) {
	l, err := Listen("127.0.0.1:0", Config{Handshakes: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.server.ConnState == nil {
		t.Error("nobody counts")
	}
}
