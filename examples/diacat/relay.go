package main

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/examples/kit/config"
)

const relayHelp = `[flags] FILE.yaml

A relay agent: requests go on by Destination-Host and realm, with a Route-Record, to another peer when one fails.

    origin-host: relay.example
    origin-realm: example
    listen: ["127.0.0.1:3868"]           # "tls:..." with -cert and -key, "sctp:..." with -sctp
    accept: ["*"]                        # Origin-Hosts: whole names, ".ims.example", "*"
    peers:
      - {host: hss1.ims.example, addresses: ["10.0.0.1:3868"]}
      - {host: hss2.ims.example, addresses: ["10.0.0.2:3868"], transport: sctp}
    routes:
      - realm: ims.example
        applications: [Cx]               # any if left out
        peers: [{host: hss1.ims.example, weight: 3}, {host: hss2.ims.example, priority: 1}]   # the lowest priority first
      - realm: "*"
        redirect: ["aaa://dra.example:3868;transport=tcp"]   # tell the client where to ask instead
        cache: 1h

Each request is a line of output, with -v each message a tree.
`

type relayFile struct {
	NodeFile `yaml:",inline"`
	Routes   []routeFile `yaml:"routes"`

	dict *dictionary
}

type routeFile struct {
	Realm        string          `yaml:"realm"`
	Applications []string        `yaml:"applications"`
	Peers        []routePeerFile `yaml:"peers"`
	Redirect     []string        `yaml:"redirect"`
	Cache        time.Duration   `yaml:"cache"`
}

type routePeerFile struct {
	Host     string `yaml:"host"`
	Priority int    `yaml:"priority"`
	Weight   int    `yaml:"weight"`
}

// Validate refuses what YAML cannot.
func (f *relayFile) Validate() error {
	var bad config.Problems
	f.validate(&bad)
	for i, r := range f.Routes {
		at := config.Path("routes", i)
		switch {
		case r.Realm == "":
			bad.Add(at, `wants a realm; "*" stands for all`)
		case len(r.Peers) == 0 && len(r.Redirect) == 0:
			bad.Add(at, "wants peers or redirect")
		case len(r.Peers) > 0 && len(r.Redirect) > 0:
			bad.Add(at, "either peers or redirect")
		}
		for j, p := range r.Peers {
			if p.Host == "" {
				bad.Add(config.Path("routes", i, "peers", j), "wants a host")
			}
		}
		for j, a := range r.Applications {
			if _, err := f.dict.parseApplication(a); err != nil {
				bad.Add(config.Path("routes", i, "applications", j), "%v", err)
			}
		}
		for j, u := range r.Redirect {
			if _, err := diameter.ParseURI(u); err != nil {
				bad.Add(config.Path("routes", i, "redirect", j), "%v", err)
			}
		}
	}
	return bad.Err()
}

func (p *program) relay(args []string) error {
	fs := p.flags("relay", relayHelp)
	p.textFlags(fs)
	p.secureFlags(fs)
	fs.StringVar(&p.capture, "w", "", "write a capture (pcapng) to `file`, without the secrets that -show does not name")
	fs.BoolVar(&p.verbose, "v", false, "print every message")
	if err := p.parse(fs, args, 1, 1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.close()
	f := &relayFile{dict: p.dict}
	text, err := p.read(fs.Arg(0))
	if err != nil {
		return err
	}
	if err := config.Parse(fs.Arg(0), text, f); err != nil {
		return invalid{err}
	}
	cfg, err := p.config(p, p.traceRelay)
	if err != nil {
		return err
	}
	if err := f.apply(&cfg, p.dict); err != nil {
		return err
	}
	cfg.Relay = true
	cfg.PeerChanged = p.peerChanges
	for _, r := range f.Routes {
		route := diameter.Route{Realm: r.Realm, RedirectHosts: r.Redirect}
		for _, a := range r.Applications {
			app, err := p.dict.parseApplication(a)
			if err != nil {
				return invalid{err}
			}
			route.Applications = append(route.Applications, app.ID)
		}
		if len(r.Redirect) > 0 {
			route.Action, route.RedirectCache = diameter.RedirectRequests, r.Cache
			if r.Cache > 0 {
				route.RedirectUsage = diameter.RedirectHostUsageRealmAndApplication
			}
		}
		for _, rp := range r.Peers {
			route.Peers = append(route.Peers, diameter.RoutePeer{Host: rp.Host, Priority: rp.Priority, Weight: rp.Weight})
		}
		cfg.Routes = append(cfg.Routes, route)
	}
	fmt.Fprintf(p.err, "relay %s of %d routes\n", f.OriginHost, len(f.Routes))
	return p.serve(&f.NodeFile, cfg)
}
