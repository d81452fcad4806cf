package esl

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

// socket is the application "socket": "host[:port][/path][|host…] [async] [full]". The channel connects to a program,
// which controls it until either ends the connection.
func (s *Server) socket(ctx context.Context, ch *control.Channel, args string) error {
	words := split(args, 80)
	if len(words) == 0 {
		return errors.New("esl: socket: no host")
	}
	conn, err := s.dial(ctx, ch, words[0])
	if err != nil {
		return err
	}
	c := s.newClient(conn)
	c.outbound, c.ch = true, ch
	for _, w := range words[1:] {
		c.full = c.full || strings.EqualFold(w, "full")
		c.async = c.async || strings.EqualFold(w, "async")
	}
	c.authed.Store(true)
	s.outboundConn.Add(1)
	c.r.MaxHeader, c.r.MaxBody = s.cfg.MaxHeader, s.cfg.MaxBody
	if !s.start(c) {
		conn.Close()
		return errClosed
	}
	// When the program has gone, the dialplan goes on. When the channel is transferred or bridged by a command, the
	// program keeps its connection until the channel ends.
	return ch.Serve(ctx, c.ctx.Done())
}

// start runs a connection that a channel has made.
func (s *Server) start(c *client) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	s.work.Add(1)
	s.mu.Unlock()
	s.welcome(c)
	go func() {
		defer s.work.Done()
		defer c.close()
		timer := time.AfterFunc(s.cfg.AuthTimeout, func() {
			c.mu.Lock()
			silent := !c.spoke
			c.mu.Unlock()
			if silent {
				c.cut(errors.New("esl: no command in time"))
			}
		})
		defer timer.Stop()
		c.run()
	}()
	return true
}

// dial connects to the first of the hosts that answers.
func (s *Server) dial(ctx context.Context, ch *control.Channel, hosts string) (net.Conn, error) {
	var errs []error
	for host := range strings.SplitSeq(hosts, "|") {
		addr, path, hasPath := strings.Cut(host, "/")
		if addr == "" {
			continue
		}
		name, _, err := net.SplitHostPort(addr)
		if err != nil {
			name = addr
			addr = net.JoinHostPort(strings.Trim(addr, "[]"), "8084")
		}
		if hasPath {
			ch.SetVar("socket_path", path)
		}
		ch.SetVar("socket_host", name)
		ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
		conn, err := s.cfg.Dial(ctx, "tcp", addr)
		cancel()
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		s.log.Warn("no connection", "uuid", ch.UUID(), "addr", addr, "err", err)
	}
	if len(errs) == 0 {
		return nil, errors.New("esl: socket: no host")
	}
	return nil, errors.Join(errs...)
}
