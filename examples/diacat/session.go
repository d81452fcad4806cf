package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/trace"
)

// session is a node with one peer, and all that was said.
type session struct {
	p    *program
	node *diameter.Node
	peer diameter.Peer

	mu     sync.Mutex
	x      *explainer
	silent atomic.Bool // messages are not followed any more
}

// quiet stops following messages, which a load test has too many of.
func (s *session) quiet() { s.silent.Store(!s.p.verbose) }

// dial makes a node, connects it to the address, and waits until the peer takes requests. If it does not, the reason has
// been printed and the error is errFailed.
func (p *program) dial(address string, apps []diameter.Application, services []diameter.Service) (*session, error) {
	s := &session{p: p, x: newExplainer(p.dict)}
	cfg, err := p.config(p, s.watch)
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		have := false
		for _, b := range cfg.Applications {
			have = have || a.ID == b.ID
		}
		if !have && a.ID != 0 {
			cfg.Applications = append(cfg.Applications, a)
		}
	}
	if s.peer, err = p.peerAt(address); err != nil {
		return nil, err
	}
	cfg.Peers = []diameter.Peer{s.peer}
	cfg.Routes = []diameter.Route{{Realm: "*", Peers: []diameter.RoutePeer{{Host: s.peer.Host}}}}
	cfg.Services = services
	failed := make(chan diameter.PeerStatus, 1)
	tried := false
	cfg.PeerChanged = func(st diameter.PeerStatus) { // the first attempt that fails is the last one
		s.mu.Lock()
		defer s.mu.Unlock()
		tried = tried || st.State != diameter.PeerClosed
		if tried && st.State == diameter.PeerClosed {
			select {
			case failed <- st:
			default:
			}
		}
	}
	if s.node, err = diameter.New(cfg); err != nil {
		return nil, invalid{err}
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- s.node.Ready(ctx, s.peer.Host) }()
	select {
	case err = <-ready:
		if err == nil {
			return s, nil
		}
	case st := <-failed:
		err = errors.New(st.Reason)
	}
	s.node.Close()
	s.failed("connecting to "+address, err)
	return nil, errFailed
}

// watch is the node's trace.
func (s *session) watch(e trace.Event) {
	if s.silent.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Dir == trace.State {
		if s.p.verbose && e.Comment != "" {
			fmt.Fprintln(s.p.err, "*", e.Comment)
		}
		return
	}
	m, err := diameter.ParseMessage(bytes.Clone(e.Data))
	f := frame{at: e.Time, from: "you", to: "peer", msg: m, err: err}
	arrow := "->"
	if e.Dir == trace.Received {
		f.from, f.to, arrow = "peer", "you", "<-"
	}
	if s.p.verbose {
		fmt.Fprintf(s.p.err, "%s %s", arrow, s.p.dict.tree(m))
	}
	s.x.add(f)
}

// failed explains what went wrong on standard error.
func (s *session) failed(what string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.p.err
	fmt.Fprintf(out, "%s: %v\n", what, trimmed(err))
	ended := errors.Is(err, io.EOF) || strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "reset by peer")
	if ended {
		s.x.closing("peer", "you", "closed the connection")
	} else {
		s.x.finish(0)
	}
	if !s.x.write(out) {
		for _, hint := range s.transportHints(err) {
			fmt.Fprintln(out, "    "+hint)
		}
	}
}

func trimmed(err error) string {
	text := strings.ReplaceAll(err.Error(), "diameter: ", "")
	return text
}

// transportHints explain what no message tells.
func (s *session) transportHints(err error) []string {
	text := err.Error()
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) || strings.Contains(text, "no such host"):
		return []string{"the name has no address: is it right, and known to this machine's resolver?"}
	case strings.Contains(text, "connection refused"):
		hint := "nothing listens there: is the peer running, on this port"
		if s.peer.Transport == diameter.SCTP {
			return []string{hint + ", with SCTP?"}
		}
		return []string{hint + "? Some listen on SCTP alone (-sctp), or on 5868 for TLS (-tls)"}
	case strings.Contains(text, "certificate"):
		return []string{"its certificate was refused: -ca names the authority, -tls-name the name in it, -insecure takes any"}
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return []string{"the peer does not begin with TLS: leave -tls out, or use -tls-inband"}
	case strings.Contains(text, "TLS"), strings.Contains(text, "tls"):
		return []string{"it ended the handshake: it does not speak TLS there (leave -tls out), or wants a certificate of ours (-cert, -key)"}
	case strings.Contains(text, "i/o timeout"), strings.Contains(text, "deadline exceeded"), strings.Contains(text, "no answer in time"):
		return []string{"nothing came back: a firewall, a wrong address, or a host that is down"}
	case strings.Contains(text, "it calls itself"):
		return []string{"-peer has to be the peer's Origin-Host; leave it out to take any"}
	}
	return nil
}

// close parts from the peer.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	s.node.Shutdown(ctx, diameter.DisconnectCauseDoNotWantToTalkToYou)
}

// status is the peer's.
func (s *session) status() diameter.PeerStatus {
	st, _ := s.node.Peer(s.peer.Host)
	return st
}

// variables are those of a command.
func (s *session) variables(given assignments) variables {
	st := s.status()
	v := variables{values: map[string]string{
		"origin-host": s.node.OriginHost(), "origin-realm": s.node.OriginRealm(),
		"peer-host": st.Capabilities.OriginHost, "peer-realm": st.Capabilities.OriginRealm,
	}, call: func(name string) (string, bool) {
		if name == "session" {
			return s.node.NewSessionID(""), true
		}
		return "", false
	}}
	for name, value := range given {
		v.values[name] = value
	}
	return v
}
