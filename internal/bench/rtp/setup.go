//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/sip"
)

// call is two legs: a is the caller's.
type call struct {
	name     string
	a, b     *socket
	in, out  codec          // of a, of b
	aTo, bTo netip.AddrPort // where each leg sends
	dialog   *sip.Dialog
}

// A setter sets calls up and takes them down.
type setter interface {
	setup(ctx context.Context, c *call) error
	end(c *call)
	close()
}

// direct connects the legs with each other: what the generator itself can do.
type direct struct{}

func (direct) setup(_ context.Context, c *call) error {
	c.aTo, c.bTo = c.b.addr, c.a.addr
	c.out = c.in
	return nil
}
func (direct) end(*call) {}
func (direct) close()    {}

// viaSIP calls itself through a back-to-back user agent, which keeps the From of the caller.
type viaSIP struct {
	caller, callee *sip.UserAgent
	target         string

	mu      sync.Mutex
	waiting map[string]*call
}

func newSIP(target, caller, callee string) (*viaSIP, error) {
	s := &viaSIP{target: target, waiting: map[string]*call{}}
	var err error
	if s.caller, err = agent(caller, nil); err != nil {
		return nil, err
	}
	s.callee, err = agent(callee, s.answer)
	return s, err
}

func agent(addr string, onInvite func(*sip.Incoming)) (*sip.UserAgent, error) {
	ua, err := sip.NewUserAgent(sip.UserAgentConfig{OnInvite: onInvite, OnRequest: func(in *sip.Incoming) { in.Reply(200, nil, "") }})
	if err != nil {
		return nil, err
	}
	_, err = ua.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: addr})
	return ua, err
}

func (s *viaSIP) setup(ctx context.Context, c *call) error {
	s.mu.Lock()
	s.waiting[c.name] = c
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, c.name)
		s.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	d, resp, err := s.caller.Invite(ctx, "sip:anyone@"+s.target, sip.InviteOptions{
		RequestOptions: sip.RequestOptions{Body: c.in.describe(c.a.addr)}, From: "<sip:" + c.name + "@load.invalid>",
	})
	if err != nil {
		return err
	}
	c.dialog = d
	if c.aTo, c.in.payloadType, err = c.in.described(string(resp.Body)); err == nil && !c.bTo.IsValid() {
		err = errors.New("answered, but the callee has seen nothing of it")
	}
	return err
}

// answer is the callee.
func (s *viaSIP) answer(in *sip.Incoming) {
	from := in.Request.Value("From")
	_, name, _ := strings.Cut(from, "sip:")
	name, _, _ = strings.Cut(name, "@")
	s.mu.Lock()
	c := s.waiting[name]
	s.mu.Unlock()
	if c == nil {
		in.Reply(404, nil, "")
		return
	}
	at, pt, err := c.out.described(string(in.Request.Body))
	if err != nil {
		in.Reply(488, nil, "")
		return
	}
	c.bTo, c.out.payloadType = at, pt
	in.Reply(180, nil, "")
	if in.Reply(200, c.out.describe(c.b.addr), "") == nil {
		in.ACK(context.Background())
	}
}

func (s *viaSIP) end(c *call) {
	if c.dialog != nil {
		c.dialog.Bye(context.Background(), sip.RequestOptions{})
	}
}

func (s *viaSIP) close() {
	s.caller.Close()
	s.callee.Close()
}

// viaNG asks rtpengine for the legs, by its NG protocol: bencoded dictionaries over UDP.
type viaNG struct {
	conn net.Conn
	n    int
	set  string // codec-set, such as AMR/8000/1/12200
}

// dialNG waits until rtpengine answers.
func dialNG(addr, set string) (*viaNG, error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 1500)
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err = conn.Write([]byte("p d7:command4:pinge")); err != nil {
			continue
		}
		if _, err = conn.Read(buf); err == nil {
			break
		}
	}
	return &viaNG{conn: conn, set: set}, err
}

func (v *viaNG) ask(c *call, command string, more ...string) (string, error) {
	v.n++
	pairs := append([]string{"call-id", c.name, "command", command, "from-tag", "a"}, more...)
	var b strings.Builder
	fmt.Fprintf(&b, "%d_%d d", time.Now().UnixNano(), v.n) // a cookie that comes twice is answered from memory
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%d:%s", len(pairs[i]), pairs[i])
		if strings.HasPrefix(pairs[i+1], "\x00") { // a list or dictionary, encoded
			b.WriteString(pairs[i+1][1:])
		} else {
			fmt.Fprintf(&b, "%d:%s", len(pairs[i+1]), pairs[i+1])
		}
	}
	b.WriteString("e")
	v.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := v.conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	buf := make([]byte, 65536)
	n, err := v.conn.Read(buf)
	if err != nil {
		return "", err
	}
	_, sdp, ok := strings.Cut(string(buf[:n]), "3:sdp")
	if !ok {
		if command == "delete" {
			return "", nil
		}
		return "", fmt.Errorf("rtpengine: %s", buf[:n])
	}
	_, sdp, _ = strings.Cut(sdp, ":")
	return sdp, nil
}

func (v *viaNG) setup(_ context.Context, c *call) error {
	list := func(s ...string) string {
		out := "\x00l"
		for _, x := range s {
			out += fmt.Sprintf("%d:%s", len(x), x)
		}
		return out + "e"
	}
	codecs := fmt.Sprintf("\x00d4:maskl%d:%se9:transcodel%d:%see", len(c.in.name), c.in.name, len(c.out.name), c.out.name)
	if c.in.name == c.out.name {
		codecs = "\x00de"
	}
	if v.set != "" {
		codecs = fmt.Sprintf("\x00d4:maskl%d:%se3:setl%d:%se9:transcodel%d:%see", len(c.in.name), c.in.name, len(v.set), v.set, len(c.out.name), c.out.name)
	}
	replace, flags := list("origin"), list("trust-address")
	body, err := v.ask(c, "offer", "ICE", "remove", "codec", codecs, "replace", replace, "flags", flags, "sdp", string(c.in.describe(c.a.addr)))
	if err != nil {
		return err
	}
	if c.bTo, c.out.payloadType, err = c.out.described(body); err != nil {
		return err
	}
	if body, err = v.ask(c, "answer", "ICE", "remove", "replace", replace, "flags", flags, "sdp", string(c.out.describe(c.b.addr)), "to-tag", "b"); err != nil {
		return err
	}
	c.aTo, c.in.payloadType, err = c.in.described(body)
	return err
}

func (v *viaNG) end(c *call) { v.ask(c, "delete") }
func (v *viaNG) close()      { v.conn.Close() }
