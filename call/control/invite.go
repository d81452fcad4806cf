package control

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// options says how to call a target.
func (h *hunt) options(c *Channel, t Target, vars []Var) call.DialOptions {
	info := c.Info()
	all := c.Vars()
	opts := call.DialOptions{From: t.From, To: t.To, Send: t.Send, Digest: t.Digest, Codecs: t.Codecs, Preconditions: t.Preconditions}
	number, name := info.CallerNumber, info.CallerName
	private := strings.Contains(all["origination_privacy"], "hide_number") || all["origination_privacy"] == "full"
	if opts.From == "" && (number != "" || name != "") {
		domain := t.FromDomain
		for _, d := range []string{all["sip_from_host"], all["sip_invite_domain"]} {
			if d != "" && h.caller == nil {
				domain = d
			}
		}
		opts.From = h.sw.from(name, number, domain, private)
	}
	if v := find(vars, "sip_from_uri"); v != "" {
		opts.From = (sip.Address{Display: find(vars, "sip_from_display"), URI: uriOf(v)}).String()
	}
	opts.Edit = func(r *sip.Request) {
		if private {
			r.Set("Privacy", "id")
		}
		if number != "" && (all["sip_cid_type"] == "pid" || private) {
			if asserted := (sip.Address{Display: name, URI: sip.URI{Scheme: "sip", User: escapeUser(number), Host: h.sw.domain(t.FromDomain)}}); t.FromDomain != "" || h.sw.cfg.Domain != "" {
				r.Set("P-Asserted-Identity", asserted.String())
			}
		}
		if isTrue(all["sip_auto_answer"]) {
			r.Set("Call-Info", "<sip:"+h.sw.domain(t.FromDomain)+">;answer-after=0")
		}
		for _, k := range slices.Sorted(maps.Keys(all)) {
			if field, ok := strings.CutPrefix(k, "sip_h_"); ok && allowedField(field) {
				r.Set(field, clean(all[k]))
			}
		}
		if t.Edit != nil {
			t.Edit(r)
		}
	}
	return opts
}

// allowedField keeps variables from overwriting what makes a request work.
func allowedField(name string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-.!%*_+`'~", r))
	}) {
		return false
	}
	switch strings.ToLower(name) {
	case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "content-length", "l", "content-type", "c", "route", "record-route":
		return false
	}
	return true
}

// clean takes line ends from a value that goes into a header field.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func uriOf(s string) sip.URI {
	if !strings.Contains(s, ":") || !strings.HasPrefix(s, "sip") && !strings.HasPrefix(s, "tel") {
		s = "sip:" + s
	}
	u, err := sip.ParseURI(s)
	if err != nil {
		return sip.URI{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}
	}
	return u
}

// escapeUser writes a number or name as the user part of a URI.
func escapeUser(s string) string { return strings.ReplaceAll(url.PathEscape(s), "%2B", "+") }

// domain is the host of our addresses.
func (s *Switch) domain(of string) string {
	if of != "" {
		return of
	}
	if s.cfg.Domain != "" {
		return s.cfg.Domain
	}
	if a, err := s.cfg.Agent.UserAgent().NewRequest(sip.OPTIONS, "sip:anonymous.invalid").From(); err == nil {
		return a.URI.Host
	}
	return "anonymous.invalid"
}

// from makes a From of a caller ID.
func (s *Switch) from(name, number, domain string, private bool) string {
	if private {
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	u := sip.URI{Scheme: "sip", User: escapeUser(number), Host: s.domain(domain)}
	if number == "" {
		u.User = "anonymous"
	}
	if name == number {
		name = ""
	}
	return (sip.Address{Display: clean(name), URI: u}).String()
}
