package main

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/gotelco/telco/sip"
)

// dump prints what was understood of a message: its start line, the values of its fields taken
// apart, and its body.
func dump(w io.Writer, m sip.Message) {
	switch m := m.(type) {
	case *sip.Request:
		fmt.Fprintf(w, "  request %s\n", m.Method)
		u, err := m.URI()
		uri(w, "Request-URI", u, err)
	case *sip.Response:
		fmt.Fprintf(w, "  response %d %q\n", m.StatusCode, m.Reason)
	}
	done := map[string]bool{}
	for name := range m.Head().Fields() {
		if name = sip.CanonicalName(name); !done[strings.ToLower(name)] {
			done[strings.ToLower(name)] = true
			field(w, m.Head(), name)
		}
	}
	body(w, m)
}

// field prints every value of a field.
func field(w io.Writer, h *sip.Header, name string) {
	switch name {
	case "Via":
		for v, err := range h.Vias() {
			if fault(w, name, err) {
				continue
			}
			fmt.Fprintf(w, "  Via: transport %s, sent by %s%s\n", v.Transport, v.SentBy(), params(v.Params))
		}
	case "From", "To", "Contact", "Route", "Record-Route", "Path", "Service-Route", "P-Asserted-Identity",
		"P-Preferred-Identity", "P-Associated-URI", "P-Called-Party-ID", "P-Served-User", "Refer-To", "Referred-By",
		"Reply-To", "Diversion", "History-Info":
		addresses(w, name, h.Addresses(name))
	case "CSeq":
		c, err := h.CSeq()
		if !fault(w, name, err) {
			fmt.Fprintf(w, "  CSeq: number %d, method %s\n", c.Seq, c.Method)
		}
	case "Accept", "Accept-Contact", "Reject-Contact", "Content-Type", "Content-Disposition", "Event", "Feature-Caps",
		"P-Access-Network-Info", "P-Visited-Network-ID", "Reason", "Security-Client", "Security-Server", "Security-Verify",
		"Session-Expires", "Session-ID", "Subscription-State":
		for e, err := range h.Elements(name) {
			if !fault(w, name, err) {
				fmt.Fprintf(w, "  %s: %q%s\n", name, e.Text(), params(e.Params))
			}
		}
	default:
		for v := range h.Values(name) {
			fmt.Fprintf(w, "  %s: %q\n", name, v)
		}
	}
}

func addresses(w io.Writer, name string, seq iter.Seq2[sip.Address, error]) {
	for a, err := range seq {
		if fault(w, name, err) {
			continue
		}
		if a.URI.IsZero() {
			fmt.Fprintf(w, "  %s: *\n", name)
			continue
		}
		fmt.Fprintf(w, "  %s: display %q%s\n", name, a.Display, params(a.Params))
		uri(w, "  URI", a.URI, nil)
	}
}

func uri(w io.Writer, name string, u sip.URI, err error) {
	if fault(w, name, err) {
		return
	}
	switch {
	case u.IsSIP():
		fmt.Fprintf(w, "  %s: %s, user %q, host %s%s\n", name, u.Scheme, sip.Unescape(u.User), u.HostPort(), params(u.Params))
		for n, v := range u.HeaderFields() {
			fmt.Fprintf(w, "    header %s: %q\n", n, v)
		}
	case u.Scheme == "tel":
		fmt.Fprintf(w, "  %s: tel, number %s%s\n", name, u.Number(), params(u.Params))
	default:
		fmt.Fprintf(w, "  %s: %s, %q\n", name, u.Scheme, u.Opaque)
	}
}

func params(p sip.Params) string {
	var b strings.Builder
	for n, v := range p.All() {
		if v == "" {
			fmt.Fprintf(&b, ", %s", n)
		} else {
			fmt.Fprintf(&b, ", %s=%q", n, v)
		}
	}
	return b.String()
}

func fault(w io.Writer, name string, err error) bool {
	if err != nil {
		fmt.Fprintf(w, "  %s: %s\n", name, strings.TrimPrefix(err.Error(), "sip: "))
	}
	return err != nil
}

func body(w io.Writer, m sip.Message) {
	content := m.Content()
	if len(content) == 0 {
		return
	}
	fmt.Fprintf(w, "  body: %d octets\n", len(content))
	parts, err := sip.ParseMultipart(m.Head().ContentType(), content)
	if err != nil {
		return // it is one piece
	}
	for i := range parts {
		fmt.Fprintf(w, "    part %d: %q, %d octets\n", i+1, parts[i].ContentType(), len(parts[i].Body))
	}
}
