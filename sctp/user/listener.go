package user

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/gotelco/telco/sctp"
)

// listener accepts associations (RFC 9260 section 5.1).
type listener struct {
	n      *Network
	cfg    sctp.Config
	addr   sctp.Addr
	socks  []*socket
	locals []netip.AddrPort

	queue chan *Conn
	done  chan struct{}
	mu    sync.Mutex
	over  bool
}

func (l *listener) hasRoom() bool { return len(l.queue) < cap(l.queue) }

// offer queues an association for Accept.
func (l *listener) offer(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	select {
	case l.queue <- c:
		return true
	default:
		return false
	}
}

// Accept waits for an association. Its error is a net.ErrClosed after Close.
func (l *listener) Accept(ctx context.Context) (sctp.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, fmt.Errorf("sctp/user: accept: %w", net.ErrClosed)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Addr() sctp.Addr { return l.addr }

// Close stops listening. Associations that nobody accepted are aborted.
func (l *listener) Close() error {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	l.over = true
	close(l.done)
	l.mu.Unlock()
	l.n.mu.Lock()
	for _, a := range l.addr.IPs {
		delete(l.n.listeners, endpoint{a, l.addr.Port})
	}
	l.n.mu.Unlock()
	for {
		select {
		case c := <-l.queue:
			c.Abort("nobody accepted")
		default:
			l.n.close(l.socks)
			return nil
		}
	}
}
