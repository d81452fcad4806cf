package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/sctp"
)

// Config is what the YAML file says; see sample.
type Config struct {
	Host        string        `yaml:"host"`
	Realm       string        `yaml:"realm"`
	Realms      []string      `yaml:"realms"`
	Listen      []Listen      `yaml:"listen"`
	TLS         TLS           `yaml:"tls"`
	Peers       []Peer        `yaml:"peers"`
	Accept      Accept        `yaml:"accept"`
	Data        string        `yaml:"data"`
	Subscribers []string      `yaml:"subscribers"`
	SCSCFs      []SCSCF       `yaml:"scscfs"`
	Charging    *Charging     `yaml:"charging"`
	SQN         SQN           `yaml:"sqn"`
	AuthPending time.Duration `yaml:"auth_pending"`
	Watchdog    time.Duration `yaml:"watchdog"`
	Admin       Admin         `yaml:"admin"`
	Audit       string        `yaml:"audit"`
}

// Listen is a place to listen for Diameter.
type Listen struct {
	Transport string `yaml:"transport"`
	Addr      string `yaml:"addr"`
}

// TLS names PEM files.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"` // of the peers' certificates
}

// Peer is a peer known by name.
type Peer struct {
	Host      string         `yaml:"host"`
	From      []netip.Prefix `yaml:"from"`
	Connect   []string       `yaml:"connect"`
	Transport string         `yaml:"transport"`
}

// Accept says who else may connect.
type Accept struct {
	Hosts []string       `yaml:"hosts"`
	From  []netip.Prefix `yaml:"from"`
}

// SCSCF is an S-CSCF that users can be assigned to.
type SCSCF struct {
	Name         string   `yaml:"name"`
	Capabilities []uint32 `yaml:"capabilities"`
	Priority     int      `yaml:"priority"`
}

// Charging holds the charging functions of users without their own.
type Charging struct {
	Event      []string `yaml:"event"` // primary, secondary
	Collection []string `yaml:"collection"`
}

// SQN says how sequence numbers are made up.
type SQN struct {
	INDBits  int `yaml:"ind_bits"`
	INDFirst int `yaml:"ind_first"`
	INDs     int `yaml:"inds"`
}

// Admin is the HTTP listener.
type Admin struct {
	Addr      string   `yaml:"addr"`
	Hosts     []string `yaml:"hosts"`
	TokenFile string   `yaml:"token_file"`
}

func defaults() Config {
	return Config{
		Host: "hss.ims.example", Realm: "ims.example",
		Listen: []Listen{{"tcp", "127.0.0.1:3868"}},
		Accept: Accept{Hosts: []string{"*"}, From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		Admin:  Admin{Addr: "127.0.0.1:8080"},
	}
}

const sample = `# A configuration to start from. "hss validate FILE" says what is wrong with one.

host: hss.ims.example            # our Origin-Host
realm: ims.example               # our Origin-Realm
# realms: [ims.mnc001.mcc001.3gppnetwork.org]     # served, too

listen:                          # where Diameter comes in: tcp, tls or sctp
  - {transport: tcp, addr: "127.0.0.1:3868"}
# - {transport: tls, addr: "192.0.2.1:5868"}
# - {transport: sctp, addr: "192.0.2.1,198.51.100.1:3868"}
# tls: {cert: cert.pem, key: key.pem, ca: peers.pem}   # peers show a certificate of that CA

# peers:                         # known by name: who they are, where they come from, where to connect to
#   - {host: scscf1.ims.example, from: [192.0.2.16/28]}
#   - {host: mme.epc.example, connect: ["192.0.2.40:3868"], transport: tcp}
accept:                          # who else may connect: both must hold; without hosts nobody
  hosts: [.ims.example]          # names, or everything below one
  from: [127.0.0.0/8]

data: hss-data                   # a folder for what must survive; without it everything is lost at the end
# subscribers: [users.yaml, more.csv]   # files to read at the start and at SIGHUP; see "hss import -h"
# audit: hss-audit.log           # who has changed what, a line of JSON each

scscfs:                          # which users can be assigned to, by capabilities and priority
  - {name: "sip:scscf1.ims.example:6060", capabilities: [1, 2]}
# charging: {event: ["aaa://ocs.ims.example"], collection: ["aaa://cdf1.ims.example", "aaa://cdf2.ims.example"]}

# sqn: {ind_bits: 5, ind_first: 0, inds: 16}   # when two HSSs serve a card, each has some of the IND
auth_pending: 4m                 # how long an authentication may take
watchdog: 30s                    # Tw; at least 6s

admin:
  addr: 127.0.0.1:8080           # a page, the API, /healthz /readyz /metrics /trace.pcapng /events
# token_file: hss.token          # its content has to come as "Authorization: Bearer"; needed beyond this machine
# hosts: [hss-admin.example]     # names that the page may be asked under
`

// Validate says what YAML cannot.
func (c *Config) Validate() error {
	var bad config.Problems
	for field, v := range map[string]string{"host": c.Host, "realm": c.Realm} {
		if v == "" || strings.ContainsAny(v, " /:@") {
			bad.Add(field, "%q is no DiameterIdentity, such as hss.ims.example", v)
		}
	}
	if len(c.Listen) == 0 && len(c.Peers) == 0 {
		bad.Add("listen", "names no address, and there are no peers to connect to")
	}
	for i, l := range c.Listen {
		c.checkAddress(&bad, config.Path("listen", i), l.Transport, l.Addr)
	}
	for i, p := range c.Peers {
		at := config.Path("peers", i)
		if p.Host == "" {
			bad.Add(at, "wants a host")
		}
		if _, ok := transports[strings.ToLower(p.Transport)]; !ok && p.Transport != "" {
			bad.Add(at+".transport", "%q is none of tcp, tls and sctp", p.Transport)
		}
	}
	for i, s := range c.SCSCFs {
		if !strings.HasPrefix(s.Name, "sip:") && !strings.HasPrefix(s.Name, "sips:") {
			bad.Add(config.Path("scscfs", i, "name"), "%q is no SIP URI", s.Name)
		}
	}
	if c.Charging != nil && (len(c.Charging.Event) > 2 || len(c.Charging.Collection) > 2) {
		bad.Add("charging", "at most a primary and a secondary function of each kind")
	}
	slots := aka.SQNScheme{INDBits: c.SQN.INDBits}.Slots()
	if s := c.SQN; s.INDBits < 0 || s.INDBits > 16 || s.INDFirst < 0 || s.INDs < 0 || s.INDFirst+s.INDs > slots {
		bad.Add("sqn", "ind_first %d and inds %d of %d", s.INDFirst, s.INDs, slots)
	}
	if c.AuthPending < 0 {
		bad.Add("auth_pending", "is negative")
	}
	if c.Watchdog < 0 || c.Watchdog > 0 && c.Watchdog < 6*time.Second {
		bad.Add("watchdog", "%v is less than the 6s of RFC 3539", c.Watchdog)
	}
	if _, err := netip.ParseAddrPort(c.Admin.Addr); err != nil && !strings.HasPrefix(c.Admin.Addr, ":") {
		bad.Add("admin.addr", "%q is no address with a port", c.Admin.Addr)
	} else if err == nil && !netip.MustParseAddrPort(c.Admin.Addr).Addr().IsLoopback() && c.Admin.TokenFile == "" || strings.HasPrefix(c.Admin.Addr, ":") && c.Admin.TokenFile == "" {
		bad.Add("admin", "%s can be reached from elsewhere and so wants a token_file", c.Admin.Addr)
	}
	return bad.Err()
}

// checkAddress checks a place to listen.
func (c *Config) checkAddress(bad *config.Problems, at, transport, addr string) {
	switch t, ok := transports[strings.ToLower(transport)]; {
	case !ok:
		bad.Add(at+".transport", "%q is none of tcp, tls and sctp", transport)
	case t == diameter.SCTP:
		if _, err := sctp.ParseAddr(addr); err != nil {
			bad.Add(at+".addr", "%v", err)
		}
	default:
		if _, err := netip.ParseAddrPort(addr); err != nil && !strings.HasPrefix(addr, ":") {
			bad.Add(at+".addr", "%q is no address with a port, such as 192.0.2.1:3868 or :3868", addr)
		}
		if t == diameter.TLS && (c.TLS.Cert == "" || c.TLS.Key == "" || c.TLS.CA == "") {
			bad.Add(at, "wants tls.cert, tls.key and tls.ca")
		}
	}
}

var transports = map[string]diameter.Transport{"tcp": diameter.TCP, "tls": diameter.TLS, "sctp": diameter.SCTP}

// token reads the token, which must be a line of at least 16 characters.
func (c *Config) token() (string, error) {
	if c.Admin.TokenFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(c.Admin.TokenFile)
	if err != nil {
		return "", err
	}
	t := strings.TrimSpace(string(b))
	if len(t) < 16 || strings.ContainsAny(t, " \t\r\n") {
		return "", fmt.Errorf("%s: a token is one line of at least 16 characters", c.Admin.TokenFile)
	}
	return t, nil
}

// node is the configuration of the Diameter node, but for its services.
func (c *Config) node(certs *certificates) diameter.Config {
	d := diameter.Config{
		OriginHost: c.Host, OriginRealm: c.Realm, Realms: c.Realms, ProductName: "telco-hss",
		Accept: diameter.Accept{Hosts: c.Accept.Hosts, From: c.Accept.From},
		Timers: diameter.Timers{Tw: c.Watchdog},
	}
	if certs != nil {
		d.TLS = certs.config()
	}
	for _, p := range c.Peers {
		d.Peers = append(d.Peers, diameter.Peer{Host: p.Host, From: p.From, Addresses: p.Connect, Transport: transports[strings.ToLower(p.Transport)]})
	}
	return d
}

// hss is the configuration of the HSS, but for its store.
func (c *Config) hss() hss.Config {
	h := hss.Config{
		Host: c.Host, Realm: c.Realm, AuthPending: c.AuthPending,
		SQN: aka.SQNScheme{INDBits: c.SQN.INDBits}, INDFirst: c.SQN.INDFirst, INDs: c.SQN.INDs,
	}
	for _, s := range c.SCSCFs {
		h.SCSCFs = append(h.SCSCFs, hss.SCSCF{Name: s.Name, Capabilities: s.Capabilities, Priority: s.Priority})
	}
	if ch := c.Charging; ch != nil {
		nth := func(list []string, i int) string {
			if i < len(list) {
				return list[i]
			}
			return ""
		}
		h.Charging = &hss.Charging{
			PrimaryEventChargingFunctionName: nth(ch.Event, 0), SecondaryEventChargingFunctionName: nth(ch.Event, 1),
			PrimaryChargingCollectionFunctionName: nth(ch.Collection, 0), SecondaryChargingCollectionFunctionName: nth(ch.Collection, 1),
		}
	}
	return h
}

// certificates are the files of TLS, read again when they have changed.
type certificates struct {
	files TLS
	roots *x509.CertPool
}

func newCertificates(t TLS) (*certificates, error) {
	if t.Cert == "" {
		return nil, nil
	}
	c := &certificates{files: t, roots: x509.NewCertPool()}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		return nil, err
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		if !c.roots.AppendCertsFromPEM(pem) {
			return nil, errors.New(t.CA + ": no certificate in it")
		}
	}
	return c, nil
}

// config is a configuration for both directions: whoever connects shows a certificate, and so do we. The files are read for each
// connection, of which Diameter makes few.
func (c *certificates) config() *tls.Config {
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
		return &pair, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: c.roots, ClientCAs: c.roots, ClientAuth: tls.RequireAndVerifyClientCert,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() },
	}
}
