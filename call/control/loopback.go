package control

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// loopback is the endpoint whose calls come back to the switch: loopback/EXTENSION[/CONTEXT[/DIALPLAN]]. They are calls as all
// others, but over a network in memory, of an agent that calls itself.
type loopback struct {
	agent *call.Agent

	mu   sync.Mutex
	ends map[string]loopEnd // calls on their way, by the user part of their Request-URI
}

// loopEnd is the other end of a call to ourselves.
type loopEnd struct {
	ext  Extension
	vars []Var
}

// maxLoops is how many calls to ourselves may follow from one another.
const maxLoops = 50

// newLoopback makes the agent; media turns with that of the switch, so that legs can be bridged.
func newLoopback(s *Switch) (*loopback, error) {
	l := &loopback{ends: map[string]loopEnd{}}
	network := memnet.New(memnet.Config{})
	at := netip.MustParseAddrPort("127.0.0.1:5060")
	agent, err := call.NewAgent(call.Config{
		SIP:    sip.UserAgentConfig{Address: "<sip:loopback@127.0.0.1>", Redirects: 1},
		OnCall: func(c *call.Call) { s.serveLoop(l, c) }, Address: at.Addr(), Wheel: s.cfg.Agent.Wheel(), Logger: s.log,
		ListenPacket: func(a netip.AddrPort) (net.PacketConn, error) { return network.ListenPacket(a) },
	})
	if err != nil {
		return nil, err
	}
	conn, err := network.ListenPacket(at)
	if err == nil {
		_, err = agent.UserAgent().Endpoint().ServePacketConn(conn, sip.ListenConfig{})
	}
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}
	l.agent = agent
	return l, nil
}

// loop returns the endpoint, which is made when it is first used.
func (s *Switch) loop() (*loopback, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.looped == nil {
		var err error
		if s.looped, err = newLoopback(s); err != nil {
			return nil, err
		}
	}
	return s.looped, nil
}

// parseLoopback reads EXTENSION[/CONTEXT[/DIALPLAN]]. An extension app=NAME:ARGS is one application.
func parseLoopback(dest string) Extension {
	if app, ok := strings.CutPrefix(dest, "app="); ok {
		name, args, _ := strings.Cut(app, ":")
		return Extension{Number: "&" + name + "(" + args + ")"}
	}
	number, rest, _ := strings.Cut(dest, "/")
	context, dialplan, _ := strings.Cut(rest, "/")
	return Extension{Number: number, Context: context, Dialplan: dialplan}
}

// loopTarget is where the leg c of a loopback endpoint calls. Variables that loopback_export of the leg lists are those of the other end
// too.
func (s *Switch) loopTarget(c *Channel, ep Endpoint) ([]Target, error) {
	l, err := s.loop()
	if err != nil {
		return nil, err
	}
	hops, _ := strconv.Atoi(c.Var("loopback_hops"))
	if from := s.Channel(c.Var("originator")); from != nil {
		n, _ := strconv.Atoi(from.Var("loopback_hops"))
		hops = max(hops, n)
	}
	if hops++; hops > maxLoops {
		return nil, ExchangeRoutingError
	}
	ext := parseLoopback(ep.Dest)
	name := "loopback/" + ext.Number
	c.set("loopback_leg", "A", "is_loopback", "1", "loopback_hops", strconv.Itoa(hops))
	end := loopEnd{ext, []Var{{"channel_name", name + "-b"}, {"destination_number", ext.Number}, {"loopback_leg", "B"}, {"is_loopback", "1"},
		{"loopback_hops", strconv.Itoa(hops)}, {"other_loopback_leg_uuid", c.uuid}}}
	for _, v := range splitList(c.Var("loopback_export")) {
		end.vars = append(end.vars, Var{v, c.Var(v)})
	}
	token := NewUUID()
	l.mu.Lock()
	l.ends[token] = end
	l.mu.Unlock()
	return []Target{{
		URI: "sip:" + token + "@127.0.0.1:5060", Agent: l.agent, FromDomain: "127.0.0.1",
		Done: func(*call.Call, error) bool {
			l.take(token)
			return false
		},
	}}, nil
}

// take returns the other end of a call, once.
func (l *loopback) take(token string) (loopEnd, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end, ok := l.ends[token]
	delete(l.ends, token)
	return end, ok
}

// serveLoop is Serve for the other end of a call to ourselves.
func (s *Switch) serveLoop(l *loopback, c *call.Call) {
	token := ""
	if u, err := c.Request().URI(); err == nil {
		token = u.User
	}
	end, ok := l.take(token)
	if !ok {
		c.Refuse(404, "")
		return
	}
	ch, err := s.adopt(c, end.vars)
	if err != nil {
		s.log.Warn("control: call refused", "err", err)
		return
	}
	if a := s.Channel(ch.Var("other_loopback_leg_uuid")); a != nil {
		a.set("other_loopback_leg_uuid", ch.uuid)
	}
	ch.next = &end.ext
	go ch.run()
	<-ch.Done()
}

// close ends the agent, after all channels are over.
func (l *loopback) close(ctx context.Context) error {
	l.agent.HangUp(ctx)
	return l.agent.Close()
}
