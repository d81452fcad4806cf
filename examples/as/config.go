package main

import (
	"crypto/tls"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/sip"
)

// Config is what the YAML file says; see sample.
type Config struct {
	Domain   string            `yaml:"domain"`
	Listen   []Listen          `yaml:"listen"`
	TLS      TLS               `yaml:"tls"`
	Users    map[string]string `yaml:"users"`
	Digest   []string          `yaml:"digest"`
	Trunks   []netip.Prefix    `yaml:"trunks"`
	Routes   []Route           `yaml:"routes"`
	Codecs   []string          `yaml:"codecs"`
	Media    Media             `yaml:"media"`
	Record   string            `yaml:"record"`
	RingTime time.Duration     `yaml:"ring_time"`
	MaxCalls int               `yaml:"max_calls"`
	Admin    string            `yaml:"admin"`
}

// Listen is a place to listen for SIP.
type Listen struct {
	Transport string `yaml:"transport"`
	Addr      string `yaml:"addr"`
	Advertise string `yaml:"advertise"`
}

// TLS names the files of the certificate, PEM.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Route sends numbers to a URI.
type Route struct {
	Match string `yaml:"match"`
	To    string `yaml:"to"`
}

// Media is where RTP is received.
type Media struct {
	Address   netip.Addr `yaml:"address"`
	Advertise netip.Addr `yaml:"advertise"`
	FirstPort uint16     `yaml:"first_port"`
	LastPort  uint16     `yaml:"last_port"`
}

func defaults() Config {
	return Config{
		Domain: "localhost",
		Listen: []Listen{{Transport: "udp", Addr: "127.0.0.1:5060"}, {Transport: "tcp", Addr: "127.0.0.1:5060"}},
		Users:  map[string]string{"alice": "telco", "bob": "telco"},
		Digest: []string{"SHA-256", "MD5"},
		Codecs: []string{"PCMA", "PCMU"},
		Admin:  "127.0.0.1:8080",
	}
}

const sample = `# A configuration to start from. "as validate FILE" says what is wrong with one.

domain: localhost                # of the users' addresses; also the realm of their passwords

listen:                          # where SIP comes in: udp, tcp or tls
  - {transport: udp, addr: "127.0.0.1:5060"}
  - {transport: tcp, addr: "127.0.0.1:5060"}
# - {transport: tls, addr: "192.0.2.1:5061", advertise: sip.example.org}
# tls: {cert: cert.pem, key: key.pem}        # read again when the files change

users:                           # who may register and call, with their passwords
  alice: telco
  bob: telco
digest: [SHA-256, MD5]           # in this order; some old phones want MD5 alone

# trunks: [192.0.2.128/25]       # whose calls are taken without a password
# routes:                        # where other numbers go; $1 is what the parentheses enclose
#   - {match: '^00(\d+)$', to: "sip:+$1@192.0.2.130"}

codecs: [PCMA, PCMU]             # in order of preference; also AMR and AMR-WB

# media:                         # by default the address that a call's SIP uses, and any ports
#   {address: 192.0.2.1, first_port: 20000, last_port: 29999}

# record: recordings             # a folder for a WAV file of each leg
ring_time: 60s                   # then a caller gets 480
max_calls: 1000                  # then a caller gets 503

admin: 127.0.0.1:8080            # /healthz /readyz /metrics /trace.pcapng /events
`

// Validate says what YAML cannot.
func (c *Config) Validate() error {
	var bad config.Problems
	if c.Domain == "" {
		bad.Add("domain", "is missing")
	}
	if len(c.Listen) == 0 {
		bad.Add("listen", "names no address")
	}
	for i, l := range c.Listen {
		switch strings.ToLower(l.Transport) {
		case "udp", "tcp":
		case "tls":
			if c.TLS.Cert == "" || c.TLS.Key == "" {
				bad.Add(config.Path("listen", i), "wants tls.cert and tls.key")
			}
		default:
			bad.Add(config.Path("listen", i, "transport"), "%q is none of udp, tcp and tls", l.Transport)
		}
		if _, err := netip.ParseAddrPort(l.Addr); err != nil && !strings.HasPrefix(l.Addr, ":") {
			bad.Add(config.Path("listen", i, "addr"), "%q is no address with a port, such as 192.0.2.1:5060 or :5060", l.Addr)
		}
	}
	for i, r := range c.Routes {
		if _, err := regexp.Compile(r.Match); err != nil || r.Match == "" || strings.Contains(r.Match, " ") {
			bad.Add(config.Path("routes", i, "match"), "%q is no pattern", r.Match)
		}
		if _, err := sip.ParseURI(r.To); err != nil {
			bad.Add(config.Path("routes", i, "to"), "%v", err)
		}
	}
	for i, name := range c.Digest {
		if a := sip.DigestAlgorithm(name); !a.Known() || a.AKA() != 0 {
			bad.Add(config.Path("digest", i), "%q is none of SHA-256, SHA-512-256 and MD5", name)
		}
	}
	if len(c.Codecs) == 0 {
		bad.Add("codecs", "names none")
	}
	for i, name := range c.Codecs {
		if _, ok := codecs[name]; !ok {
			bad.Add(config.Path("codecs", i), "%q is none of PCMA, PCMU, AMR and AMR-WB", name)
		}
	}
	if m := c.Media; m.FirstPort > m.LastPort || (m.FirstPort == 0) != (m.LastPort == 0) {
		bad.Add("media", "no ports from %d to %d", m.FirstPort, m.LastPort)
	}
	if c.RingTime < 0 {
		bad.Add("ring_time", "is negative")
	}
	if c.MaxCalls < 0 {
		bad.Add("max_calls", "is negative")
	}
	return bad.Err()
}

// sip returns the listener's configuration.
func (l Listen) sip(t TLS) (sip.ListenConfig, error) {
	lc := sip.ListenConfig{Addr: l.Addr, Advertise: l.Advertise}
	switch strings.ToLower(l.Transport) {
	case "udp":
		lc.Transport = sip.UDP
	case "tcp":
		lc.Transport = sip.TCP
	case "tls":
		lc.Transport = sip.TLS
		files, err := sip.NewCertificateFiles(t.Cert, t.Key)
		if err != nil {
			return lc, err
		}
		lc.TLS = &tls.Config{GetCertificate: files.GetCertificate}
	}
	return lc, nil
}
