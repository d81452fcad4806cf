package esl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// A Client is a program's side of the event socket: of a connection that it has made ([Dial]), or that a channel has
// made to it ([NewClient]). Its methods may be called by any goroutine.
type Client struct {
	conn    net.Conn
	onEvent func(*Message)
	done    chan struct{}

	writing sync.Mutex // held from the place in the queue until the command is written
	mu      sync.Mutex
	waiting []chan *Message // for replies, which come in the order of the commands
	err     error
	auth    chan struct{} // closed when the server has asked for the password
}

// A ReplyError is an answer that begins with "-ERR" or "-USAGE".
type ReplyError struct {
	Command string // its first word
	Text    string
}

func (e *ReplyError) Error() string { return "esl: " + e.Command + ": " + e.Text }

// Dial connects to a server and logs in. onEvent is called with each message that is no answer: events
// ([Message.Event]), log/data and text/disconnect-notice, one after the other; it must not wait for an answer of the
// same Client. It may be nil.
func Dial(ctx context.Context, addr, password string, onEvent func(*Message)) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := NewClient(conn, onEvent)
	select {
	case <-c.auth:
	case <-c.done:
		return nil, c.Err()
	case <-ctx.Done():
		c.Close()
		return nil, context.Cause(ctx)
	}
	if _, err := c.Send(ctx, &Command{Line: "auth " + password}); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// NewClient is the program's side of a connection that a channel has made: see [Client.Connect]. For onEvent see [Dial].
func NewClient(conn net.Conn, onEvent func(*Message)) *Client {
	c := &Client{conn: conn, onEvent: onEvent, done: make(chan struct{}), auth: make(chan struct{})}
	go c.read()
	return c
}

func (c *Client) read() {
	r := NewReader(c.conn)
	r.MaxHeader, r.MaxBody = 1<<20, 16<<20
	asked := false
	for {
		m, err := r.ReadMessage()
		if err != nil {
			c.mu.Lock()
			c.err = fmt.Errorf("esl: connection lost: %w", err)
			c.mu.Unlock()
			c.conn.Close()
			close(c.done)
			return
		}
		switch m.Type() {
		case "command/reply", "api/response":
			c.mu.Lock()
			var w chan *Message
			if len(c.waiting) > 0 {
				w, c.waiting = c.waiting[0], c.waiting[1:]
			}
			c.mu.Unlock()
			if w != nil {
				w <- m
			}
		case "auth/request":
			if !asked {
				asked = true
				close(c.auth)
			}
		default:
			if c.onEvent != nil {
				c.onEvent(m)
			}
		}
	}
}

// Send sends a command and waits for its answer. Where that says that the command has failed the error is a
// *ReplyError. Where ctx is done before the command is sent, the connection ends.
func (c *Client) Send(ctx context.Context, cmd *Command) (*Message, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w := make(chan *Message, 1)
	c.writing.Lock()
	c.mu.Lock()
	err := c.err
	c.waiting = append(c.waiting, w)
	c.mu.Unlock()
	if err == nil {
		err = c.write(ctx, cmd.Append(nil))
	}
	c.writing.Unlock()
	if err != nil {
		c.conn.Close()
		return nil, err
	}
	var m *Message
	select {
	case m = <-w:
	case <-c.done:
		select {
		case m = <-w:
		default:
			return nil, c.Err()
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	text := m.Header.Get("Reply-Text")
	if m.Type() == "api/response" {
		text = string(m.Body)
	}
	if strings.HasPrefix(text, "-ERR") || strings.HasPrefix(text, "-USAGE") {
		return m, &ReplyError{cmd.Name(), strings.TrimSpace(text)}
	}
	return m, nil
}

// write sends octets, and fails when ctx is done first: a server that does not read must not hold up the caller.
func (c *Client) write(ctx context.Context, b []byte) error {
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.conn.SetWriteDeadline(time.Unix(1, 0))
		close(expired)
	})
	_, err := c.conn.Write(b)
	if !stop() {
		<-expired
		c.conn.SetWriteDeadline(time.Time{})
	}
	return err
}

// API carries out an API command and returns what it says.
func (c *Client) API(ctx context.Context, line string) (string, error) {
	m, err := c.Send(ctx, &Command{Line: "api " + line})
	if err != nil {
		return "", err
	}
	return string(m.Body), nil
}

// Connect is the first command on a connection that a channel has made. It returns what the channel is.
func (c *Client) Connect(ctx context.Context) (Header, error) {
	m, err := c.Send(ctx, &Command{Line: "connect"})
	if err != nil {
		return nil, err
	}
	return m.Header, nil
}

// Execute has a channel execute an application. An empty uuid is the channel of the connection. It waits for the end
// of the application where the connection is one that a channel has made without "async".
func (c *Client) Execute(ctx context.Context, uuid, app, args string) error {
	cmd := &Command{Line: strings.TrimSpace("sendmsg " + uuid), Body: []byte(args)}
	cmd.Header.Add("call-command", "execute")
	cmd.Header.Add("execute-app-name", app)
	cmd.Header.Add("event-lock", "true")
	cmd.Header.Add("Content-Type", "text/plain")
	_, err := c.Send(ctx, cmd)
	return err
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the connection has ended, nil before.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection.
func (c *Client) Close() error {
	err := c.conn.Close()
	<-c.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
