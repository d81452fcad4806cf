package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// Validate says what YAML cannot.
func (c *Config) Validate() error {
	var bad config.Problems
	if c.Domain == "" {
		bad.Add("domain", "is missing")
	}
	c.checkListen(&bad)
	for i, name := range c.Phones.Digest {
		if a := sip.DigestAlgorithm(name); !a.Known() || a.AKA() != 0 {
			bad.Add(config.Path("phones", "digest", i), "%q is none of SHA-256, SHA-512-256 and MD5", name)
		}
	}
	for user := range c.Phones.Numbers {
		if _, ok := c.Phones.Users[user]; !ok {
			bad.Add(config.Path("phones", "numbers", user), "there is no such user")
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
	if _, ok := srtp[c.Media.SRTP]; !ok {
		bad.Add("media.srtp", "%q is none of off, optional and required", c.Media.SRTP)
	}
	if c.Media.DSCP < 0 || c.Media.DSCP > 63 {
		bad.Add("media.dscp", "%d is not between 0 and 63", c.Media.DSCP)
	}
	if l := c.Limits; l.Calls < 0 || l.Late < 0 || l.Busy < 0 || l.Busy > 1 || l.CPU < 0 || l.CPU > 1 || l.RingTime < 0 || l.RouteTime < 0 {
		bad.Add("limits", "a negative one, or busy or cpu is above 1")
	}
	c.checkTrunks(&bad)
	c.checkFiles(&bad)
	if a := c.Admin; a != "" {
		if _, err := netip.ParseAddrPort(a); err != nil && !strings.HasPrefix(a, ":") {
			bad.Add("admin", "%q is no address with a port, such as 127.0.0.1:8080", a)
		}
	}
	for _, b := range []struct {
		path   string
		border as.BorderConfig
	}{{"ims", c.IMS.Border}, {"phones", c.Phones.Border}} {
		if _, err := as.NewBorder(b.border); err != nil {
			bad.Add(b.path+".border", "%s", trim(err))
		}
	}
	names := c.names()
	for i, t := range c.Emergency.Alerts {
		if t.Trunk != "" && !slices.Contains(names, t.Trunk) {
			bad.Add(config.Path("emergency", "alerts", i), "there is no trunk or phone %q", t.Trunk)
		}
	}
	if e := c.EventSocket; e.Listen != "" {
		if _, err := netip.ParseAddrPort(e.Listen); err != nil && !strings.HasPrefix(e.Listen, ":") {
			bad.Add("event_socket.listen", "%q is no address with a port", e.Listen)
		}
		if e.Password == "" {
			bad.Add("event_socket.password", "is missing: without one nobody could log in")
		}
	}
	if c.Webhook.URL != "" {
		if w, err := webhook.NewClient(c.Webhook); err != nil {
			bad.Add("webhook", "%s", trim(err))
		} else {
			w.Close()
		}
	}
	if c.MaxDiversions < 0 {
		bad.Add("max_diversions", "is negative")
	}
	if c.Drain < 0 {
		bad.Add("drain", "is negative")
	}
	if len(bad) == 0 { // what the library says about the whole
		c.checkWhole(&bad)
	}
	return bad.Err()
}

func (c *Config) checkListen(bad *config.Problems) {
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
}

func (c *Config) checkTrunks(bad *config.Problems) {
	for i, t := range c.Trunks {
		switch {
		case t.Name == "":
			bad.Add(config.Path("trunks", i, "name"), "is missing")
		case strings.ContainsAny(t.Name, "/,|[]{} "):
			bad.Add(config.Path("trunks", i, "name"), "%q has a blank or one of / , | [ ] { }, which dial strings need", t.Name)
		case slices.ContainsFunc(c.Trunks[:i], func(o Trunk) bool { return o.Name == t.Name }):
			bad.Add(config.Path("trunks", i, "name"), "there is another %q", t.Name)
		}
		if _, ok := c.Phones.Users[t.Name]; ok {
			bad.Add(config.Path("trunks", i, "name"), "%q is a phone's already", t.Name)
		}
		for k, s := range t.Servers {
			if _, err := sip.ParseURI(s.URI); err != nil {
				bad.Add(config.Path("trunks", i, "servers", k, "uri"), "%s", trim(err))
			}
		}
	}
}

func (c *Config) checkFiles(bad *config.Problems) {
	r := c.Recordings
	if r.Name != "" && r.Dir == "" && r.Spool == "" {
		bad.Add("recordings.name", "wants recordings.dir or recordings.spool")
	}
	if r.URL != "" {
		if u, err := url.Parse(r.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			bad.Add("recordings.url", "is no URL of HTTP")
		}
		if r.Spool == "" {
			bad.Add("recordings.url", "wants recordings.spool, a folder for what is not uploaded yet")
		}
	}
	if m := strings.ToUpper(r.Method); m != "" && m != "PUT" && m != "POST" {
		bad.Add("recordings.method", "%q is neither PUT nor POST", r.Method)
	}
	for i, d := range c.CDR {
		if d.Dir == "" {
			bad.Add(config.Path("cdr", i, "dir"), "is missing")
		}
	}
}

// files says which files that the configuration names are not there, or of no use: those of the machine where the server runs.
func (c *Config) files() error {
	var errs []error
	if c.Sounds != "" {
		if st, err := os.Stat(c.Sounds); err != nil {
			errs = append(errs, fmt.Errorf("sounds: %w", err))
		} else if !st.IsDir() {
			errs = append(errs, fmt.Errorf("sounds: %s is no folder", c.Sounds))
		}
	}
	if slices.ContainsFunc(c.Listen, func(l Listen) bool { return strings.EqualFold(l.Transport, "tls") }) {
		if _, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key); err != nil {
			errs = append(errs, fmt.Errorf("tls: %w", err))
		}
	}
	return errors.Join(errs...)
}

// notes are what is right and yet may not be meant.
func (c *Config) notes() (notes []string) {
	for _, t := range c.Trunks {
		named := func(s Server) bool {
			u, err := sip.ParseURI(s.URI)
			_, ok := u.Addr()
			return err == nil && !ok
		}
		if len(t.Sources) == 0 && slices.ContainsFunc(t.Servers, named) {
			notes = append(notes, fmt.Sprintf("trunk %s: a server of it is a name, which is not looked up for calls that come in: set sources to take them", t.Name))
		}
		if len(t.Servers) == 0 {
			notes = append(notes, fmt.Sprintf("trunk %s has no servers: calls only come from it", t.Name))
		}
	}
	for i, r := range c.Rules {
		if r.Then != nil && reflect.ValueOf(r.Match).IsZero() && i < len(c.Rules)-1 {
			notes = append(notes, fmt.Sprintf("rules[%d] decides about every call: those behind it are never tried", i))
		}
	}
	return notes
}

// checkWhole makes what the server would be made of, and throws it away.
func (c *Config) checkWhole(bad *config.Problems) {
	rules, err := c.rules(c.names(), nil)
	if err != nil {
		bad.Add(c.ruleAt(trim(err)))
		return
	}
	rules.Close()
	emergency, err := c.emergency(nil)
	if err != nil {
		bad.Add("emergency", "%s", trim(err))
		return
	}
	if m, err := c.messages(nil, rules); err != nil {
		bad.Add("messages", "%s", trim(err))
		return
	} else {
		m.Close()
	}
	look := Config{Zone: c.Zone}
	for _, j := range c.Jobs.List {
		if !j.At.IsZero() {
			j.At = time.Now().Add(time.Hour) // nothing is done here
		}
		look.Jobs.List = append(look.Jobs.List, j)
	}
	if j, err := look.jobs(nil); err != nil {
		bad.Add("jobs", "%s", trim(err))
		return
	} else {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		j.Close(ctx)
	}
	s, err := as.New(c.server(nil, rules, emergency))
	if err != nil {
		var e *as.ConfigError
		if errors.As(err, &e) {
			path := e.Field
			if strings.HasPrefix(path, "ims route") {
				path = "ims.routes"
			}
			for i, t := range c.Trunks {
				if rest, ok := strings.CutPrefix(e.Field, "trunk "+t.Name); ok {
					path = config.Path("trunks", i) + strings.ReplaceAll(rest, ": ", ".")
				}
			}
			bad.Add(path, "%s", trim(e.Err))
			return
		}
		bad.Add("", "%s", trim(err))
		return
	}
	apps := append(s.Switch().Apps(), "webhook", "socket")
	c.eachDecision(func(path string, d *as.Decision) {
		for i, a := range d.Apps {
			if !slices.Contains(apps, a.Name) {
				bad.Add(config.Path(path, "apps", i, "app"), "there is no application %q", a.Name)
			}
		}
	})
	closeNow(s)
}

// eachDecision calls f with the decisions of the file.
func (c *Config) eachDecision(f func(path string, d *as.Decision)) {
	for i, r := range c.Rules {
		if r.Then != nil {
			f(config.Path("rules", i, "then"), r.Then)
		}
		for k, s := range r.Split {
			if s.Then != nil {
				f(config.Path("rules", i, "split", k, "then"), s.Then)
			}
		}
	}
	f("default", &c.Default)
}

// ruleAt finds the place of what is wrong with routing.
func (c *Config) ruleAt(message string) (path, format string, rest any) {
	for i, r := range c.Rules {
		name := r.Name
		if name == "" {
			name = fmt.Sprintf("rule %d", i+1)
		}
		if rest, ok := strings.CutPrefix(message, name+": "); ok {
			return config.Path("rules", i), "%s", rest
		}
	}
	for name := range c.Ask {
		if rest, ok := strings.CutPrefix(message, fmt.Sprintf("ask %q: ", name)); ok {
			return config.Path("ask", name), "%s", rest
		}
	}
	for name := range c.ENUM {
		if rest, ok := strings.CutPrefix(message, fmt.Sprintf("enum %q: ", name)); ok {
			return config.Path("enum", name), "%s", rest
		}
	}
	if rest, ok := strings.CutPrefix(message, "default: "); ok {
		return "default", "%s", rest
	}
	if rest, ok := strings.CutPrefix(message, "rules: time zone: "); ok {
		return "zone", "%s", rest
	}
	return "rules", "%s", message
}

// trim is an error without the names of packages.
func trim(err error) string { return packages.ReplaceAllString(err.Error(), "$1") }

var packages = regexp.MustCompile(`(^|: )(?:(?:as|sip|webhook|messages): )+`)

var errRestart = errors.New("cannot change while the program runs: restart it")

// fixed says what a new configuration changes that needs a restart.
func (c *Config) fixed(n *Config) error {
	for _, x := range []struct {
		name     string
		old, now any
	}{
		{"listen", c.Listen, n.Listen}, {"tls", c.TLS, n.TLS}, {"domain", c.Domain, n.Domain}, {"event_socket.listen", c.EventSocket, n.EventSocket},
		{"api", c.API, n.API}, {"webhook", c.Webhook, n.Webhook}, {"admin", c.Admin, n.Admin}, {"recordings", c.Recordings, n.Recordings},
		{"sounds", c.Sounds, n.Sounds}, {"cdr", c.CDR, n.CDR}, {"variables", c.Variables, n.Variables},
		{"messages", c.Messages, n.Messages}, {"jobs", c.Jobs, n.Jobs},
	} {
		if fmt.Sprintf("%#v", x.old) != fmt.Sprintf("%#v", x.now) {
			return fmt.Errorf("%s %w", x.name, errRestart)
		}
	}
	return nil
}
