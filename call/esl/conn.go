package esl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/trace"
)

const goodbye = "Disconnected, goodbye.\n"

// A client is one connection: a program that has connected (inbound mode), or one that a channel has connected to
// (outbound mode). One goroutine reads commands and carries them out, one writes events. What is written by either
// goes out under writeMu, within WriteTimeout, else the connection is cut.
type client struct {
	s        *Server
	conn     net.Conn
	addr     netip.Addr
	local    netip.AddrPort
	remote   netip.AddrPort
	r        *Reader
	ctx      context.Context // done when the connection is
	cancel   context.CancelCauseFunc
	writeMu  sync.Mutex
	commands sync.Mutex // held while one is carried out
	order    sync.Mutex // held while a command and its answer, or events, are written, so that these come after it
	authed   atomic.Bool
	outbound bool
	full     bool

	mu      sync.Mutex
	wake    chan struct{}
	queue   []queued // events and lines of the log, at most Config.Queue
	lost    int      // since the last that was queued
	sub     subscription
	format  Format
	async   bool
	ch      *control.Channel // what the client controls, if anything
	ended   bool             // ch has
	linger  bool
	logging bool
	lingers time.Duration // negative: as long as the server lets it
	spoke   bool          // has sent a command
}

// queued is one thing to be written: an event, a line of the log, or that the channel has ended.
type queued struct {
	event  *control.Event
	format Format
	log    *logLine
	end    bool
}

func (s *Server) newClient(conn net.Conn) *client {
	c := &client{s: s, conn: conn, r: NewReader(conn), wake: make(chan struct{}, 1)}
	c.r.keep = s.cfg.Trace != nil
	c.local, _ = netip.ParseAddrPort(conn.LocalAddr().String())
	c.remote, _ = netip.ParseAddrPort(conn.RemoteAddr().String())
	c.addr = c.remote.Addr()
	c.ctx, c.cancel = context.WithCancelCause(s.ctx)
	return c
}

// write sends octets; a client that doesn't take them in time is cut.
func (c *client) write(b []byte) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	c.trace(trace.Sent, b)
	c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
	if _, err := c.conn.Write(b); err != nil {
		c.cut(fmt.Errorf("write: %w", err))
		return err
	}
	return nil
}

// read takes the next command.
func (c *client) read() (*Command, error) {
	cmd, err := c.r.ReadCommand()
	if err == nil {
		c.trace(trace.Received, c.r.raw)
	}
	return cmd, err
}

// trace tells of what is on the wire. Passwords are secret.
func (c *client) trace(dir trace.Dir, b []byte) {
	if c.s.cfg.Trace == nil {
		return
	}
	e := trace.Event{Time: time.Now(), Dir: dir, Interface: "esl", Proto: trace.ESL, Transport: trace.TCP, Local: c.local, Remote: c.remote, Data: b}
	if dir == trace.Received && !c.outbound {
		line, _, _ := bytes.Cut(bytes.TrimLeft(b, "\r\n"), []byte("\n"))
		if word := bytes.IndexByte(line, ' '); word >= 0 && bytes.Contains(bytes.ToLower(line[:word]), []byte("auth")) {
			start := len(b) - len(bytes.TrimLeft(b, "\r\n"))
			e.Secrets = []trace.Span{{Start: start + word + 1, End: start + len(line)}}
		}
	}
	c.s.cfg.Trace(e)
}

// cut ends the connection at once.
func (c *client) cut(err error) {
	c.cancel(err)
	c.conn.Close()
}

// message sends a message of a type with a body.
func (c *client) message(kind, body string) error {
	b := append([]byte("Content-Type: "), kind...)
	b = append(b, "\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\n\n"...)
	return c.write(append(b, body...))
}

// reply answers a command.
func (c *client) reply(text string) error {
	return c.write([]byte("Content-Type: command/reply\nReply-Text: " + oneLine(text) + "\n\n"))
}

// disconnect tells the client that the connection ends, and why.
func (c *client) disconnect(why string) {
	head := "Content-Type: text/disconnect-notice\n"
	c.mu.Lock()
	if c.ch != nil {
		head += "Controlled-Session-UUID: " + c.ch.UUID() + "\nContent-Disposition: disconnect\n"
	}
	c.mu.Unlock()
	c.write(fmt.Appendf(nil, "%sContent-Length: %d\n\n%s", head, len(why), why))
}

// offer queues an event if the client wants it. It never blocks.
func (c *client) offer(e *control.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sub.wants(e) {
		c.push(queued{event: e, format: c.format})
	}
	if c.ch != nil && e.UUID == c.ch.UUID() && e.Name == "CHANNEL_DESTROY" && !c.ended {
		c.end()
	}
}

// end notes that the channel has ended. c.mu is held.
func (c *client) end() {
	c.ended = true
	c.queue = append(c.queue, queued{end: true})
	c.rouse()
}

func (c *client) queueLog(l *logLine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(queued{log: l})
}

// push queues something, or counts it as lost. A client that has lost too much is cut. c.mu is held.
func (c *client) push(q queued) {
	if len(c.queue) >= c.s.cfg.Queue {
		c.lost++
		c.s.lost.Add(1)
		if c.lost > c.s.cfg.MaxLost {
			c.cut(errBehind)
		}
		return
	}
	c.lost = 0
	c.queue = append(c.queue, q)
	c.rouse()
}

func (c *client) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// flush forgets what waits: log lines, events or both.
func (c *client) flush(log, events bool) {
	kept := c.queue[:0]
	for _, q := range c.queue {
		if q.end || q.log != nil && !log || q.event != nil && !events {
			kept = append(kept, q)
		}
	}
	clear(c.queue[len(kept):])
	c.queue = kept
}

// batch is how many octets of events are written at once; replies go between two batches.
const batch = 32 << 10

// writeEvents is the goroutine that writes what is queued. It returns when the connection is to be closed, with
// what to tell the client, or done.
func (c *client) writeEvents() (why string) {
	var timeout <-chan time.Time
	var buf, body []byte
	for {
		c.mu.Lock()
		waiting := c.queue
		c.queue = nil
		c.mu.Unlock()
		if len(waiting) == 0 {
			select {
			case <-c.wake:
			case <-timeout:
				return goodbye
			case <-c.ctx.Done():
				return ""
			}
			continue
		}
		for i, q := range waiting {
			switch {
			case q.log != nil:
				buf = q.log.append(buf)
			case q.event != nil:
				e := Event{q.event.Fields, q.event.Body}
				body = e.Append(body[:0], q.format)
				buf = fmt.Appendf(buf, "Content-Length: %d\nContent-Type: text/event-%s\n\n", len(body), q.format)
				buf = append(buf, body...)
			case q.end:
				c.idle()
				notice, wait := c.lingering()
				if notice == "" {
					if len(buf) > 0 && c.write(buf) != nil {
						return ""
					}
					return goodbye
				}
				buf = append(buf, notice...)
				timer := time.NewTimer(wait)
				defer timer.Stop()
				timeout = timer.C
			}
			if len(buf) >= batch || i == len(waiting)-1 {
				c.order.Lock()
				err := c.write(buf)
				c.order.Unlock()
				if err != nil {
					return ""
				}
				if buf = buf[:0]; cap(buf) > 8*batch {
					buf = nil
				}
			}
			waiting[i] = queued{}
		}
	}
}

// idle waits for the answer to the command that is carried out: it may be the one that has ended the channel.
func (c *client) idle() {
	c.commands.Lock()
	defer c.commands.Unlock()
}

// lingering returns the notice for a client that lingers after the end of its channel, "" if it doesn't, and how
// long it may.
func (c *client) lingering() (notice string, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.linger {
		return "", 0
	}
	wait, secs := c.s.cfg.MaxLinger, -1
	if c.lingers >= 0 {
		wait, secs = min(wait, c.lingers), int(c.lingers/time.Second)
	}
	return fmt.Sprintf("Content-Type: text/disconnect-notice\nControlled-Session-UUID: %s\nContent-Disposition: linger\nChannel-Name: %s\n"+
		"Linger-Time: %d\nContent-Length: 0\n\n", c.ch.UUID(), oneLine(c.ch.Var("channel_name")), secs), wait
}

var (
	errBehind  = errors.New("esl: too many events lost")
	errBye     = errors.New("esl: the client said bye")
	errRefused = errors.New("esl: refused")
)

// serve runs an inbound connection until it ends.
func (c *client) serve() {
	defer c.close()
	if !c.s.guard.allowed(c.addr) || c.s.guard.blocked(c.addr) {
		c.s.refused.Add(1)
		c.s.log.Warn("client refused", "peer", c.conn.RemoteAddr().String())
		c.message("text/rude-rejection", "Access Denied, go away.\n")
		return
	}
	if c.write([]byte("Content-Type: auth/request\n\n")) != nil || c.auth() != nil {
		return
	}
	c.s.log.Info("client connected", "peer", c.conn.RemoteAddr().String())
	c.run()
}

// run carries out commands until the connection ends.
func (c *client) run() {
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		why := c.writeEvents()
		if why != "" {
			c.disconnect(why)
		}
		c.cut(errBye)
	})
	for {
		cmd, err := c.read()
		if err == nil {
			c.mu.Lock()
			c.spoke = true
			c.mu.Unlock()
			err = c.carryOut(cmd)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, errBye) {
			c.disconnect(goodbye)
		} else if cause := context.Cause(c.ctx); cause != nil {
			err = cause
		}
		if !errors.Is(err, errBye) && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			c.s.log.Warn("client cut", "peer", c.conn.RemoteAddr().String(), "err", err)
		}
		c.cut(err)
		return
	}
}

// carryOut carries out a command and answers it. What the command brings about is told after the answer, but for commands that
// may take long: events go on meanwhile.
func (c *client) carryOut(cmd *Command) error {
	c.commands.Lock()
	defer c.commands.Unlock()
	switch name := cmd.Name(); {
	case name == "api", strings.HasPrefix(name, "sendmsg") && c.outbound && !c.async:
	default:
		c.order.Lock()
		defer c.order.Unlock()
	}
	return c.command(cmd)
}

// close forgets the client.
func (c *client) close() {
	c.cut(net.ErrClosed)
	c.s.taps(c, -1)
	c.s.remove(c)
}
