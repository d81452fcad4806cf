package esl

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const syntaxSofia = "status [gateway [<name>]|profile <name> [reg [<contact str>]|user <user>@<domain>]]"

const line = "================================================================================================="

// A Profile is what "sofia status" tells of a part of the SIP side: mostly a set of listeners and the trunks beyond.
type Profile struct {
	Name     string
	URL      string // where it listens, such as sip:mod_sofia@192.0.2.1:5060
	Context  string // of the dialplan
	Codecs   string // such as PCMA,PCMU
	Calls    int    // that there are
	Gateways []Gateway
	// CallsIn, FailedIn, CallsOut and FailedOut are counted since the start.
	CallsIn, FailedIn, CallsOut, FailedOut uint64
}

// A Gateway is what "sofia status gateway" tells of a trunk.
type Gateway struct {
	Name                string
	Realm, Username     string
	From, Contact       string
	To                  string // whom it is registered as, or calls: sip:user@host
	Proxy               string
	Context             string
	Expires             time.Duration
	State               string // NOREG, UNREGED, TRYING, REGED, FAILED, FAIL_WAIT, EXPIRED, DOWN; if empty, NOREG
	Down                bool
	Since               time.Time // that it is up
	Ping                time.Duration
	Retry               time.Time // when it is tried again
	CallsIn, FailedIn   uint64
	CallsOut, FailedOut uint64
}

func (g *Gateway) state() string {
	if g.State == "" {
		return "NOREG"
	}
	return g.State
}

// retry is what FreeSWITCH adds to the state of a gateway that has failed.
func (g *Gateway) retry() string {
	switch g.State {
	case "FAILED", "FAIL_WAIT", "TRYING":
		if d := time.Until(g.Retry); d >= 0 {
			return fmt.Sprintf(" (retry: %ds)", int(d/time.Second))
		}
		return " (retry: NEVER)"
	}
	return ""
}

func (s *Server) profiles() []Profile {
	if s.cfg.Profiles == nil {
		return nil
	}
	return s.cfg.Profiles()
}

func (s *Server) sofia(_ context.Context, args string) string {
	words := split(args, 6)
	switch strings.ToLower(arg(words, 0)) {
	case "status":
		return s.sofiaStatus(words[1:])
	case "profile":
		switch strings.ToLower(arg(words, 2)) {
		case "rescan", "restart", "start", "stop", "flush_inbound_reg", "killgw", "register", "unregister", "siptrace", "capture", "watchdog", "gwlist":
			return "-ERR sofia profile " + strings.ToLower(words[2]) + " is not supported: change the configuration and use reloadxml\n"
		}
	case "loglevel", "tracelevel", "global", "recover":
		return "-ERR sofia " + strings.ToLower(words[0]) + " is not supported\n"
	}
	return usage(syntaxSofia)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (s *Server) sofiaStatus(words []string) string {
	var b strings.Builder
	switch strings.ToLower(arg(words, 0)) {
	case "":
		fmt.Fprintf(&b, "%25s\t%s\t  %40s\t%s\n%s\n", "Name", "   Type", "Data", "State", line)
		profiles := s.profiles()
		for _, p := range profiles {
			fmt.Fprintf(&b, "%25s\t%s\t  %40s\t%s (%d)\n", p.Name, "profile", p.URL, "RUNNING", p.Calls)
			for _, g := range p.Gateways {
				fmt.Fprintf(&b, "%25s\t%s\t  %40s\t%s%s\n", p.Name+"::"+g.Name, "gateway", g.To, g.state(), g.retry())
			}
		}
		fmt.Fprintf(&b, "%s\n%d %s 0 aliases\n", line, len(profiles), plural(len(profiles), "profile", "profiles"))
	case "gateway":
		if len(words) == 1 {
			return s.gatewaySummary()
		}
		for _, p := range s.profiles() {
			for _, g := range p.Gateways {
				if words[1] == g.Name || words[1] == p.Name+"::"+g.Name {
					return g.text(p.Name)
				}
			}
		}
		return "Invalid Gateway!\n"
	case "profile":
		for _, p := range s.profiles() {
			if p.Name == arg(words, 1) {
				return s.profileText(&p, words[2:])
			}
		}
		return "Invalid Profile!\n"
	default:
		return "Invalid Syntax!\n"
	}
	return b.String()
}

func (s *Server) gatewaySummary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%25s\t%32s\t%s\t%9s\t%s\t%s\n%s\n", "Profile::Gateway-Name", "    Data    ", "State", "Ping Time", "IB Calls(F/T)", "OB Calls(F/T)", line)
	n := 0
	var in, inFailed, out, outFailed uint64
	for _, p := range s.profiles() {
		for _, g := range p.Gateways {
			n++
			in, inFailed, out, outFailed = in+g.CallsIn, inFailed+g.FailedIn, out+g.CallsOut, outFailed+g.FailedOut
			fmt.Fprintf(&b, "%25s\t%32s\t%s\t%6.2f\t%d/%d\t%d/%d%s\n", p.Name+"::"+g.Name, g.To, g.state(), millis(g.Ping), g.FailedIn, g.CallsIn,
				g.FailedOut, g.CallsOut, g.retry())
		}
	}
	fmt.Fprintf(&b, "%s\n%d %s: Inbound(Failed/Total): %d/%d,Outbound(Failed/Total):%d/%d\n", line, n, plural(n, "gateway", "gateways"), inFailed, in,
		outFailed, out)
	return b.String()
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (g *Gateway) text(profile string) string {
	status, up := "UP", 0
	if g.Down {
		status = "DOWN"
	} else if !g.Since.IsZero() {
		up = int(time.Since(g.Since) / time.Second)
	}
	password := "no"
	if g.Username != "" {
		password = "yes"
	}
	var b strings.Builder
	b.WriteString(line + "\n")
	for _, f := range [][2]string{
		{"Name    ", g.Name}, {"Profile ", profile}, {"Scheme  ", "Digest"}, {"Realm   ", g.Realm}, {"Username", g.Username}, {"Password", password},
		{"From    ", g.From}, {"Contact ", g.Contact}, {"Exten   ", ""}, {"To      ", g.To}, {"Proxy   ", g.Proxy}, {"Context ", g.Context},
		{"Expires ", fmt.Sprint(int(g.Expires / time.Second))}, {"Freq    ", fmt.Sprint(int(g.Expires / time.Second))}, {"Ping    ", "0"},
		{"PingFreq", "0"}, {"PingTime", fmt.Sprintf("%0.2f", millis(g.Ping))}, {"PingState", "0/0/0"}, {"State   ", g.state()}, {"Status  ", status},
		{"Uptime  ", fmt.Sprintf("%ds", up)}, {"CallsIN ", fmt.Sprint(g.CallsIn)}, {"CallsOUT", fmt.Sprint(g.CallsOut)},
		{"FailedCallsIN", fmt.Sprint(g.FailedIn)}, {"FailedCallsOUT", fmt.Sprint(g.FailedOut)},
	} {
		fmt.Fprintf(&b, "%s\t%s\n", f[0], f[1])
	}
	b.WriteString(line + "\n")
	return b.String()
}

func (s *Server) profileText(p *Profile, words []string) string {
	var b strings.Builder
	mode := strings.ToLower(arg(words, 0))
	var regs []Registration
	for _, r := range s.registrations() {
		if r.Profile == "" || r.Profile == p.Name {
			regs = append(regs, r)
		}
	}
	if mode != "reg" && mode != "user" {
		b.WriteString(line + "\n")
		for _, f := range [][2]string{
			{"Name             ", p.Name}, {"Domain Name      ", "N/A"}, {"Context          ", p.Context}, {"URL              ", p.URL},
			{"BIND-URL         ", p.URL}, {"CODECS IN        ", p.Codecs}, {"CODECS OUT       ", p.Codecs}, {"DTMF-MODE        ", "rfc2833"},
			{"CALLS-IN         ", fmt.Sprint(p.CallsIn)}, {"FAILED-CALLS-IN  ", fmt.Sprint(p.FailedIn)}, {"CALLS-OUT        ", fmt.Sprint(p.CallsOut)},
			{"FAILED-CALLS-OUT ", fmt.Sprint(p.FailedOut)}, {"REGISTRATIONS    ", fmt.Sprint(len(regs))},
		} {
			fmt.Fprintf(&b, "%s\t%s\n", f[0], f[1])
		}
		return b.String()
	}
	fmt.Fprintf(&b, "\nRegistrations:\n%s\n", line)
	n := 0
	for _, r := range regs {
		want := arg(words, 1)
		switch user, domain, ok := strings.Cut(want, "@"); {
		case want == "":
		case mode == "reg" && !strings.Contains(r.Contact, want),
			mode == "user" && !ok && r.Realm != want,
			mode == "user" && ok && (user != "" && r.User != user || domain != "" && r.Realm != domain):
			continue
		}
		n++
		host, port, _ := strings.Cut(r.Network, ":")
		if i := strings.LastIndexByte(r.Network, ':'); i >= 0 {
			host, port = r.Network[:i], r.Network[i+1:]
		}
		fmt.Fprintf(&b, "Call-ID:    \t%s\nUser:       \t%s@%s\nContact:    \t<%s>\nAgent:      \t%s\nStatus:     \tRegistered(%s)(unknown) EXP(%s) EXPSECS(%d)\n"+
			"Ping-Status:\tReachable\nPing-Time:\t0.00\nHost:       \t%s\nIP:         \t%s\nPort:       \t%s\nAuth-User:  \t%s\nAuth-Realm: \t%s\nMWI-Account:\t%s@%s\n\n",
			r.CallID, r.User, r.Realm, r.Contact, r.UserAgent, strings.ToUpper(r.Transport), r.Expires.Format(time.DateTime),
			int(time.Until(r.Expires)/time.Second), s.hostname(), host, port, r.User, r.Realm, r.User, r.Realm)
	}
	fmt.Fprintf(&b, "Total items returned: %d\n%s\n", n, line)
	return b.String()
}

// sofiaContact gives the dial string of a registered user, or one that fails.
func (s *Server) sofiaContact(_ context.Context, args string) string {
	name := args
	if i := strings.IndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	user, realm, _ := strings.Cut(name, "@")
	var found []string
	for _, r := range s.registrations() {
		if r.User == user && (realm == "" || r.Realm == realm) {
			profile := r.Profile
			if profile == "" {
				profile = "external"
			}
			found = append(found, "sofia/"+profile+"/"+r.Contact)
		}
	}
	if len(found) == 0 {
		return "error/user_not_registered"
	}
	return strings.Join(found, ",")
}
