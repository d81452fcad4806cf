package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/sctp"
)

// NodeFile is what the files of listen and relay share.
type NodeFile struct {
	OriginHost   string         `yaml:"origin-host"`
	OriginRealm  string         `yaml:"origin-realm"`
	Realms       []string       `yaml:"realms"` // further ones that are served here
	Listen       []string       `yaml:"listen"` // IP:PORT; "sctp:IP:PORT", "tls:IP:PORT"
	Applications []string       `yaml:"applications"`
	Accept       []string       `yaml:"accept"` // Origin-Hosts: names, ".example.com", "*"
	From         []netip.Prefix `yaml:"from"`   // and the addresses that they may come from; any if empty
	Peers        []peerFile     `yaml:"peers"`
}

type peerFile struct {
	Host      string   `yaml:"host"`
	Addresses []string `yaml:"addresses"`
	Transport string   `yaml:"transport"` // tcp, tls, sctp
}

var transports = map[string]diameter.Transport{"": diameter.TCP, "tcp": diameter.TCP, "tls": diameter.TLS, "sctp": diameter.SCTP}

func (f *NodeFile) validate(bad *config.Problems) {
	for path, v := range map[string]string{"origin-host": f.OriginHost, "origin-realm": f.OriginRealm} {
		if v == "" {
			bad.Add(path, "is missing")
		}
	}
	if len(f.Listen) == 0 && len(f.Peers) == 0 {
		bad.Add("listen", "neither listens nor has peers to connect to")
	}
	for i, p := range f.Peers {
		if p.Host == "" {
			bad.Add(config.Path("peers", i, "host"), "is missing")
		}
		if _, ok := transports[p.Transport]; !ok {
			bad.Add(config.Path("peers", i, "transport"), "%q: want tcp, tls or sctp", p.Transport)
		}
	}
}

// apply makes the node's configuration say what the file says.
func (f *NodeFile) apply(cfg *diameter.Config, d *dictionary) error {
	cfg.OriginHost, cfg.OriginRealm, cfg.Realms = f.OriginHost, f.OriginRealm, f.Realms
	cfg.Applications, cfg.Relay = nil, false
	for _, name := range f.Applications {
		apps, relay, err := d.applications(name)
		if err != nil {
			return invalid{err}
		}
		cfg.Applications, cfg.Relay = append(cfg.Applications, apps...), cfg.Relay || relay
	}
	cfg.Accept = diameter.Accept{Hosts: f.Accept, From: f.From}
	for _, p := range f.Peers {
		cfg.Peers = append(cfg.Peers, diameter.Peer{Host: p.Host, Addresses: p.Addresses, Transport: transports[p.Transport], From: nil})
	}
	return nil
}

// serve runs a node on the file's addresses until the program is interrupted.
func (p *program) serve(f *NodeFile, cfg diameter.Config) error {
	n, err := diameter.New(cfg)
	if err != nil {
		return invalid{err}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		n.Shutdown(ctx, diameter.DisconnectCauseRebooting)
	}()
	failed := make(chan error, len(f.Listen))
	for _, address := range f.Listen {
		if rest, ok := strings.CutPrefix(address, "sctp:"); ok {
			at, err := sctp.ParseAddr(rest)
			if err != nil {
				return invalid{err}
			}
			if cfg.SCTP == nil {
				return invalid{fmt.Errorf("%s: which SCTP? -sctp says", address)}
			}
			l, err := cfg.SCTP.Listen(p.ctx, at, cfg.SCTPConfig)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.err, "listening on sctp:%v\n", l.Addr())
			go func() { failed <- n.ServeSCTP(l) }()
			continue
		}
		rest, withTLS := strings.CutPrefix(address, "tls:")
		l, err := net.Listen("tcp", rest)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.err, "listening on %v\n", l.Addr())
		if withTLS {
			if cfg.TLS == nil || len(cfg.TLS.Certificates) == 0 {
				l.Close()
				return invalid{fmt.Errorf("%s: TLS needs -cert and -key", address)}
			}
			l = tls.NewListener(l, cfg.TLS)
		}
		go func() { failed <- n.Serve(l) }()
	}
	select {
	case <-p.ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// peerChanges prints the states of peers.
func (p *program) peerChanges(st diameter.PeerStatus) {
	p.print(p.err, fmt.Appendf(nil, "* %s %v: %s\n", st.Host, st.State, st.Reason))
}
