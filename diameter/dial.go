package diameter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gotelco/telco/sctp"
)

// dial makes the initiator's connection (I-Snd-Conn-Req) and reports how it went.
func (p *peer) dial(ctx context.Context, attempt int) {
	l, err := p.connectLink(ctx)
	var c *conn
	p.do(func(now time.Time) {
		if attempt != p.dialed || (p.m.state != PeerWaitConnAck && p.m.state != PeerWaitConnAckElect) {
			if l != nil {
				p.later(func() { l.close(true) })
			}
			return
		}
		if err != nil {
			p.because(err.Error())
			p.event(now, evIRcvConnNack)
			return
		}
		c = p.n.newConn(l, true)
		c.peer = p
		p.iconn = c
		p.event(now, evIRcvConnAck)
	})
	if c != nil {
		c.start()
	}
}

// connectLink tries the peer's addresses in turn.
func (p *peer) connectLink(ctx context.Context) (link, error) {
	var errs []error
	for i, address := range p.cfg.Addresses {
		one, cancel := ctx, func() {}
		if deadline, ok := ctx.Deadline(); ok {
			share := time.Until(deadline) / time.Duration(len(p.cfg.Addresses)-i)
			one, cancel = context.WithTimeout(ctx, share)
		}
		l, err := p.connectTo(one, address)
		cancel()
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (p *peer) connectTo(ctx context.Context, address string) (link, error) {
	n := p.n
	if p.cfg.Transport == SCTP {
		remote, err := sctp.ParseAddr(address)
		if err != nil {
			return nil, err
		}
		assoc, err := n.cfg.SCTP.Dial(ctx, sctp.Addr{}, remote, n.sctpConfig())
		if err != nil {
			return nil, err
		}
		return newSCTPLink(assoc, n.cfg.Limits.MaxMessage), nil
	}
	port := defaultPort
	if p.cfg.Transport == TLS {
		port = defaultPortTLS
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, port)
	}
	dial := n.cfg.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if p.cfg.Transport == TLS {
		t := tls.Client(nc, p.tlsConfig())
		if err := t.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, fmt.Errorf("diameter: TLS with %s: %w", address, err)
		}
		nc = t
	}
	return newStreamLink(nc, n.cfg.Limits.MaxMessage), nil
}

// sctpConfig asks for what Diameter needs: long messages.
func (n *Node) sctpConfig() sctp.Config {
	cfg := n.cfg.SCTPConfig
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = n.cfg.Limits.MaxMessage
		if m := n.cfg.SCTP; m != nil {
			if most := m.Capabilities().MaxMessage; most > 0 {
				cfg.MaxMessage = min(cfg.MaxMessage, most)
			}
		}
	}
	return cfg
}
