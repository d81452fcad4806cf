package sip

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// messageConn is what connections of WS and WSS may have beyond net.Conn: a message is read when one
// has come, so that an idle connection holds no buffer. What is returned is valid until the next call.
type messageConn interface {
	ReadMessage(limit int) ([]byte, error)
}

// input reads from a connection, into a buffer that grows with what comes and goes when nothing does.
type input struct {
	nc       net.Conn
	stream   bool
	framer   Framer      // of a stream
	messages messageConn // of WebSocket, or nil
	limit    int         // of a message
	buf      []byte
	deadline time.Time
}

const (
	readBufferMin = 4 << 10
	readBufferMax = 64 << 10
	// releaseAfter is when an idle connection gives its larger buffers back.
	releaseAfter = time.Second
)

// read waits for octets, or for one message of WebSocket, until the deadline; zero means for ever.
func (in *input) read(now, until time.Time) ([]byte, error) {
	want, brief := until, false
	if in.stream && len(in.buf)+cap(in.framer.buf) > 3*readBufferMin {
		if release := now.Add(releaseAfter); until.IsZero() || release.Before(until) {
			want, brief = release, true
		}
	}
	for {
		// The deadline moves when it is due to be a fresh one by an eighth, not at each read.
		if d := in.deadline; want.IsZero() != d.IsZero() || want.Before(d) || want.Sub(d) > want.Sub(now)/8 {
			in.deadline = want
			in.nc.SetReadDeadline(want)
		}
		if in.messages != nil {
			return in.messages.ReadMessage(in.limit)
		}
		k, err := in.nc.Read(in.buf)
		if !brief || k > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return in.buf[:k], err
		}
		in.release()
		want, brief, now = until, false, time.Now()
	}
}

// release gives buffers back, but for what is in them.
func (in *input) release() {
	in.buf = make([]byte, readBufferMin)
	in.framer.buf = append([]byte(nil), in.framer.buf[in.framer.pos:]...)
	in.framer.scan -= in.framer.pos
	in.framer.pos = 0
}

// grow makes room for more at once, where the last read filled the buffer.
func (in *input) grow(k int) {
	if k == len(in.buf) && k < readBufferMax {
		in.buf = make([]byte, 4*len(in.buf))
	}
}

// readMessages hands on messages until an error.
func (c *conn) readMessages() error {
	n := c.network
	in := input{nc: c.nc, limit: n.cfg.MaxMessage, framer: Framer{MaxSize: n.cfg.MaxMessage}}
	if in.stream = c.flow.Transport == TCP || c.flow.Transport == TLS; in.stream {
		in.buf = make([]byte, readBufferMin)
	} else if in.messages, _ = c.nc.(messageConn); in.messages == nil {
		in.buf = make([]byte, n.cfg.MaxMessage+1)
	}
	now := time.Now()
	var partial time.Time // since when a message is incomplete
	if c.listener != nil {
		partial = now // who connects has something to say
	}
	for {
		data, err := in.read(now, c.readDeadline(now, partial))
		now = time.Now()
		if len(data) > 0 {
			c.lastRead.Store(now.UnixNano())
			var incomplete bool
			var ferr error
			if in.stream {
				in.framer.Write(data)
				var whole bool
				if whole, ferr = c.deliverFrames(&in.framer); whole {
					partial = time.Time{} // what is incomplete now is another message
				}
				incomplete = in.framer.Buffered() > 0
				in.grow(len(data))
			} else {
				ferr = c.deliver(data)
			}
			switch {
			case ferr != nil:
				n.stats.framingErrors.Add(1)
				return ferr
			case !incomplete && c.spoke.Load():
				partial = time.Time{}
			case partial.IsZero():
				partial = now
			}
		}
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF
			}
			return err
		case !partial.IsZero():
			n.stats.slowSenders.Add(1)
			return errSlowSender
		default:
			n.stats.idle.Add(1)
			return errIdle
		}
	}
}

// readDeadline is when a read must have ended.
func (c *conn) readDeadline(now, partial time.Time) time.Time {
	switch cfg := &c.network.cfg; {
	case !partial.IsZero():
		return partial.Add(cfg.MessageTimeout)
	case cfg.IdleTimeout < 0:
		return time.Time{}
	default:
		return now.Add(cfg.IdleTimeout)
	}
}

// deliverFrames hands on the messages that are complete, and reports whether there was one. Where a
// message ends nobody knows, its header still is handed on, and the connection stays for the answer
// that it may get.
func (c *conn) deliverFrames(in *Framer) (whole bool, err error) {
	for {
		kind, msg, err := in.Next()
		switch {
		case err != nil && len(msg) > 0:
			c.network.receive(c.flow, msg)
			t := time.NewTimer(drainTimeout)
			defer t.Stop()
			select {
			case <-t.C:
			case <-c.network.ctx.Done():
			}
			return whole, err
		case err != nil:
			return whole, err
		case kind == MessageFrame:
			whole = true
			if err := c.deliver(msg); err != nil {
				return whole, err
			}
		case kind == PingFrame, kind == PongFrame:
			if c.keepAlive(kind == PingFrame) {
				in.halfway = false // a pong that was awaited is not half a ping
			}
		default:
			return whole, nil
		}
	}
}

// deliver hands on one whole message, or answers a keep-alive within a WebSocket message.
func (c *conn) deliver(data []byte) error {
	n := c.network
	if len(data) > n.cfg.MaxMessage {
		return errMessageTooLong
	}
	if len(data) <= 4 && isKeepAlive(data) {
		c.keepAlive(len(data) == 4)
		return nil
	}
	c.spoke.Store(true)
	n.stats.received[c.flow.Transport].Add(1)
	n.receive(c.flow, data)
	return nil
}
