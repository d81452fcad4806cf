package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/s6a"
	"github.com/gotelco/telco/diameter/sh"
	"github.com/gotelco/telco/examples/kit/logs"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// options are what the flags of several commands say.
type options struct {
	host, realm string
	apps        string
	peer        string // the Origin-Host that the peer should have
	timeout     time.Duration
	tls         tlsOptions
	sctp        string
	show        string
	dicts       files
	capture     string
	verbose     bool
	log         *logs.Options

	dict   *dictionary
	writer *pcapng.Writer
}

type tlsOptions struct {
	use, inband, insecure  bool
	ca, cert, key, hasName string
}

// files is a flag that may be given several times.
type files []string

func (f *files) String() string     { return strings.Join(*f, ",") }
func (f *files) Set(s string) error { *f = append(*f, s); return nil }

// textFlags are those of commands that print messages.
func (o *options) textFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.show, "show", "", "show these secret `AVPs`, by name, separated by commas, or all")
	fs.Var(&o.dicts, "dict", "a further dictionary `file`, in the language of command diagen; may be given several times")
}

// nodeFlags are those of commands that have peers.
func (o *options) nodeFlags(fs *flag.FlagSet) {
	o.textFlags(fs)
	fs.StringVar(&o.host, "host", "diacat.localdomain", "our `Origin-Host`")
	fs.StringVar(&o.realm, "realm", "localdomain", "our `Origin-Realm`")
	fs.StringVar(&o.apps, "app", "Cx,Sh,S6a", "`applications` that we advertise: names, or NUMBER, NUMBER@VENDOR, NUMBER/acct; relay for all")
	fs.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for the connection, and for an answer")
	o.secureFlags(fs)
	fs.StringVar(&o.capture, "w", "", "write a capture (pcapng) to `file`, without the secrets that -show does not name")
	fs.BoolVar(&o.verbose, "v", false, "print every message, watchdogs and capabilities too")
	o.log = logs.Flags(fs)
	o.log.Level.Set(100) // what goes wrong is explained; the log is for the curious
}

func (o *options) secureFlags(fs *flag.FlagSet) {
	fs.BoolVar(&o.tls.use, "tls", false, "TLS from the start of the connection")
	fs.BoolVar(&o.tls.inband, "tls-inband", false, "TLS after the capabilities exchange, as RFC 3588 has it")
	fs.StringVar(&o.tls.ca, "ca", "", "`file` of the authorities to trust (PEM); the system's if not given")
	fs.StringVar(&o.tls.cert, "cert", "", "our certificate's `file` (PEM)")
	fs.StringVar(&o.tls.key, "key", "", "our key's `file` (PEM)")
	fs.StringVar(&o.tls.hasName, "tls-name", "", "`name` that the peer's certificate has to have; the peer's address if not given")
	fs.BoolVar(&o.tls.insecure, "insecure", false, "take any certificate")
	fs.StringVar(&o.sctp, "sctp", "", "SCTP instead of TCP: kernel, or udp (a stack of our own over UDP, RFC 6951), or raw (the same over IP, root)")
}

// prepare reads the files that the flags name.
func (o *options) prepare() error {
	var err error
	if o.dict, err = newDictionary(o.dicts, o.show); err != nil {
		return invalid{err}
	}
	if o.capture != "" {
		if o.writer, err = pcapng.Create(o.capture, pcapng.Config{IncludeSecrets: o.show == "all", Application: "diacat"}); err != nil {
			return err
		}
	}
	return nil
}

// close ends what prepare began.
func (o *options) close() error {
	if o.writer != nil {
		return o.writer.Close()
	}
	return nil
}

// config makes the configuration of a node.
func (o *options) config(p *program, watch trace.Func) (diameter.Config, error) {
	cfg := diameter.Config{OriginHost: o.host, OriginRealm: o.realm, ProductName: "diacat", AnyCertificateName: o.tls.insecure,
		Timers: diameter.Timers{Connect: o.timeout, CER: o.timeout, Request: o.timeout, Tw: 6 * time.Second, Tc: 5 * time.Second, ReopenWatchdogs: -1}}
	var err error
	if cfg.Applications, cfg.Relay, err = o.dict.applications(o.apps); err != nil {
		return cfg, invalid{err}
	}
	if t := o.tls; t.use || t.inband || t.cert != "" || t.ca != "" {
		if cfg.TLS, err = o.tls.config(); err != nil {
			return cfg, invalid{err}
		}
	}
	if o.tls.inband {
		cfg.InbandSecurity = diameter.RequireInbandTLS
	}
	switch o.sctp {
	case "":
	case "kernel":
		if err := kernel.Available(); err != nil {
			return cfg, fmt.Errorf("%w; -sctp udp or raw do without", err)
		}
		cfg.SCTP = kernel.Network{}
	case "udp":
		cfg.SCTP = user.New(user.Config{})
	case "raw":
		cfg.SCTP = user.New(user.Config{Carrier: user.Raw{}})
	default:
		return cfg, invalid{fmt.Errorf("-sctp %s: want kernel, udp or raw", o.sctp)}
	}
	if o.log != nil {
		cfg.Logger = o.log.Logger(p.err)
	}
	cfg.Trace = watch
	if o.writer != nil {
		cfg.Trace = trace.Tee(watch, o.writer.Trace)
	}
	return cfg, nil
}

func (t *tlsOptions) config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.insecure, ServerName: t.hasName}
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM", t.ca)
		}
		cfg.ClientCAs = cfg.RootCAs
	}
	if t.cert != "" || t.key != "" {
		c, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{c}
	}
	if cfg.ClientCAs != nil && !t.insecure {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// transport is the peer's.
func (o *options) transport() diameter.Transport {
	switch {
	case o.sctp != "":
		return diameter.SCTP
	case o.tls.use:
		return diameter.TLS
	}
	return diameter.TCP
}

// peerAt is the peer at an address, whatever it calls itself unless -peer says so.
func (o *options) peerAt(address string) (diameter.Peer, error) {
	p := diameter.Peer{Host: o.peer, Addresses: []string{address}, Transport: o.transport(), DialOnly: true}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if p.Transport == diameter.SCTP {
		at, err := sctp.ParseAddr(address)
		if err != nil { // without a port
			if at, err = sctp.ParseAddr(net.JoinHostPort(host, "3868")); err != nil {
				return p, invalid{fmt.Errorf("%s: SCTP wants IP addresses: %w", address, err)}
			}
		}
		if o.sctp == "udp" && at.UDP == 0 {
			at.UDP = user.DefaultPort
		}
		p.Addresses[0] = at.String()
	}
	if p.Host == "" {
		p.Host, p.AnyHost = host, true
	}
	return p, nil
}

// dictionary is what the programs know of names: each application sees its own AVPs first, for some names stand for
// different AVPs in different applications.
type dictionary struct {
	all   *diameter.Dictionary
	byApp map[diameter.ApplicationID]*diameter.Dictionary
	show  func(diameter.AVPCode, diameter.VendorID) bool
}

func newDictionary(names []string, show string) (*dictionary, error) {
	known := []*diameter.Dictionary{s6a.Dictionary(), sh.Dictionary(), cx.Dictionary()}
	d := &dictionary{byApp: map[diameter.ApplicationID]*diameter.Dictionary{}}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		more, err := diameter.ParseDictionary(name, string(text), append([]*diameter.Dictionary{diameter.BaseDictionary()}, known...)...)
		if err != nil {
			return nil, err
		}
		known = append(known, more)
	}
	d.all = diameter.MergeDictionaries(known...)
	for app, own := range map[string]*diameter.Dictionary{"Cx": cx.Dictionary(), "Sh": sh.Dictionary(), "S6a": s6a.Dictionary()} {
		a, ok := d.all.LookupApplication(app)
		if !ok {
			return nil, fmt.Errorf("application %s has no number", app)
		}
		// The last one that is merged counts, so that its AVPs go by their names.
		d.byApp[a.ID] = diameter.MergeDictionaries(append(others(known, own), own)...)
	}
	if show != "" {
		shown := map[[2]uint32]bool{}
		for name := range strings.SplitSeq(show, ",") {
			if name == "all" {
				continue
			}
			def, ok := d.all.LookupAVP(name)
			if !ok || !diameter.IsSecret(def.Code, def.VendorID) {
				return nil, fmt.Errorf("-show: no secret AVP is called %q", name)
			}
			shown[[2]uint32{uint32(def.VendorID), uint32(def.Code)}] = true
		}
		all := show == "all"
		d.show = func(c diameter.AVPCode, v diameter.VendorID) bool {
			return all || shown[[2]uint32{uint32(v), uint32(c)}]
		}
	}
	return d, nil
}

func others(all []*diameter.Dictionary, one *diameter.Dictionary) []*diameter.Dictionary {
	var rest []*diameter.Dictionary
	for _, d := range all {
		if d != one {
			rest = append(rest, d)
		}
	}
	return rest
}

// of is the dictionary as an application sees it.
func (d *dictionary) of(app diameter.ApplicationID) *diameter.Dictionary {
	if own := d.byApp[app]; own != nil {
		return own
	}
	return d.all
}

// tree prints a message.
func (d *dictionary) tree(m diameter.Message) []byte {
	return d.of(m.ApplicationID).AppendTextWith(nil, m, d.show)
}

// applications reads the flag -app.
func (d *dictionary) applications(text string) (apps []diameter.Application, relay bool, err error) {
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case strings.EqualFold(name, "relay"):
			relay = true
		default:
			a, err := d.parseApplication(name)
			if err != nil {
				return nil, false, err
			}
			apps = append(apps, a)
		}
	}
	return apps, relay, nil
}

// parseApplication reads NAME, NUMBER or NUMBER@VENDOR, with /acct behind it for accounting.
func (d *dictionary) parseApplication(text string) (diameter.Application, error) {
	name, acct := strings.CutSuffix(text, "/acct")
	a, ok := d.all.LookupApplication(name)
	if !ok {
		number, vendor, has := strings.Cut(name, "@")
		id, err := strconv.ParseUint(number, 0, 32)
		if err != nil {
			return a, fmt.Errorf("no application is called %q", text)
		}
		if a, ok = d.all.Application(diameter.ApplicationID(id)); !ok || has {
			a = diameter.Application{ID: diameter.ApplicationID(id)}
		}
		if has {
			v, err := strconv.ParseUint(vendor, 0, 32)
			if err != nil {
				return a, fmt.Errorf("application %q: vendor %q is no number", text, vendor)
			}
			a.VendorID = diameter.VendorID(v)
		}
	}
	a.Accounting = a.Accounting || acct
	return a, nil
}

// application is an application's number and name.
func (d *dictionary) application(id diameter.ApplicationID) string {
	if id == diameter.Relay {
		return "relay"
	}
	if a, ok := d.all.Application(id); ok {
		return fmt.Sprintf("%d (%s)", uint32(a.ID), d.all.ApplicationName(id))
	}
	return strconv.FormatUint(uint64(id), 10)
}
