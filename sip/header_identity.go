package sip

import (
	"iter"
	"strings"
)

// AssertedIdentities returns the P-Asserted-Identity values (RFC 3325 section 9.1).
func (h *Header) AssertedIdentities() iter.Seq2[Address, error] {
	return h.Addresses("P-Asserted-Identity")
}

// PreferredIdentities returns the P-Preferred-Identity values (RFC 3325 section 9.2).
func (h *Header) PreferredIdentities() iter.Seq2[Address, error] {
	return h.Addresses("P-Preferred-Identity")
}

// AssociatedURIs returns the P-Associated-URI values (RFC 7315 section 4.1).
func (h *Header) AssociatedURIs() iter.Seq2[Address, error] { return h.Addresses("P-Associated-URI") }

// CalledPartyID returns the P-Called-Party-ID (RFC 7315 section 4.2).
func (h *Header) CalledPartyID() (Address, error) { return one(h, "P-Called-Party-ID", parseAddress) }

// ReferTo returns the Refer-To field (RFC 3515). A Replaces header within its URI is found with
// URI.HeaderFields.
func (h *Header) ReferTo() (Address, error) { return one(h, "Refer-To", parseAddress) }

// ReferredBy returns the Referred-By field (RFC 3892).
func (h *Header) ReferredBy() (Address, error) { return one(h, "Referred-By", parseAddress) }

// ServedUser is the P-Served-User field (RFC 5502).
type ServedUser struct{ Address }

// ParseServedUser reads a P-Served-User value.
func ParseServedUser(s string) (ServedUser, error) {
	a, err := ParseAddress(s)
	return ServedUser{a}, err
}

// SessionCase returns sescase: "orig", "term", or "" if it is not there.
func (u ServedUser) SessionCase() string { v, _ := u.Params.Value("sescase"); return v }

// RegState returns regstate: "reg", "unreg", or "" if it is not there.
func (u ServedUser) RegState() string { v, _ := u.Params.Value("regstate"); return v }

// OrigCDIV reports orig-cdiv, the session case of a call that was diverted (RFC 8498).
func (u ServedUser) OrigCDIV() bool { return u.Params.Has("orig-cdiv") }

// ServedUser returns the P-Served-User field.
func (h *Header) ServedUser() (ServedUser, error) {
	a, err := one(h, "P-Served-User", parseAddress)
	return ServedUser{a}, err
}

// Privacy returns the values of the Privacy field: "id", "header", "session", "user", "none",
// "critical", "history" (RFC 3323 section 4.2, RFC 3325, RFC 7044).
func (h *Header) Privacy() []string {
	var list []string
	for v := range strings.FieldsFuncSeq(h.Value("Privacy"), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		list = append(list, v)
	}
	return list
}

// HasPrivacy reports whether the Privacy field has a value.
func (h *Header) HasPrivacy(value string) bool { return contains(h.Privacy(), value) }

// Diversion is a value of the Diversion field (RFC 5806).
type Diversion struct{ Address }

// ParseDiversion reads a Diversion value.
func ParseDiversion(s string) (Diversion, error) {
	a, err := ParseAddress(s)
	return Diversion{a}, err
}

// Reason returns why the call was diverted: "unconditional", "user-busy", "no-answer", …
func (d Diversion) Reason() string { v, _ := d.Params.Value("reason"); return v }

// Counter returns how often it was diverted on this step; 1 if that is not said.
func (d Diversion) Counter() int {
	v, _ := d.Params.Value("counter")
	if n, ok := number(v, 1<<16); ok {
		return int(n)
	}
	return 1
}

// Privacy returns the privacy parameter: "full", "name", "uri", "off", or "".
func (d Diversion) Privacy() string { v, _ := d.Params.Value("privacy"); return v }

// Screen returns the screen parameter: "yes", "no", or "".
func (d Diversion) Screen() string { v, _ := d.Params.Value("screen"); return v }

// Diversions returns the Diversion values, the most recent first.
func (h *Header) Diversions() iter.Seq2[Diversion, error] {
	return many(h, "Diversion", func(s string, strict bool) (Diversion, *ParseError) {
		a, err := parseAddress(s, strict)
		return Diversion{a}, err
	})
}

// HistoryInfo is a value of the History-Info field (RFC 7044).
type HistoryInfo struct{ Address }

// ParseHistoryInfo reads a History-Info value.
func ParseHistoryInfo(s string) (HistoryInfo, error) {
	a, err := ParseAddress(s)
	return HistoryInfo{a}, err
}

// Index returns the index, "1.1.2"; "" if it is missing.
func (i HistoryInfo) Index() string { v, _ := i.Params.Value("index"); return v }

// Target returns how the target came to be: the parameter "rc", "mp" or "np" and the index it
// refers to, or "" and "".
func (i HistoryInfo) Target() (kind, index string) {
	for _, kind := range [...]string{"rc", "mp", "np"} {
		if v, ok := i.Params.Value(kind); ok {
			return kind, v
		}
	}
	return "", ""
}

// Cause returns the cause parameter of the URI, which says why a call was diverted (RFC 4458);
// 0 if there is none.
func (i HistoryInfo) Cause() int {
	v, _ := i.URI.Params.Value("cause")
	n, _ := number(v, 999)
	return int(n)
}

// Reason returns the Reason header within the URI, which says why the request was retargeted.
func (i HistoryInfo) Reason() (Reason, bool) {
	if v, ok := i.uriHeader("Reason"); ok {
		r, err := parseReason(v, false)
		return r, err == nil
	}
	return Reason{}, false
}

// Private reports a Privacy header other than "none" within the URI.
func (i HistoryInfo) Private() bool {
	v, ok := i.uriHeader("Privacy")
	return ok && !fold(v, "none")
}

func (i HistoryInfo) uriHeader(name string) (string, bool) {
	for n, v := range i.URI.HeaderFields() {
		if fold(n, name) {
			return v, true
		}
	}
	return "", false
}

// HistoryInfos returns the History-Info values, the oldest first.
func (h *Header) HistoryInfos() iter.Seq2[HistoryInfo, error] {
	return many(h, "History-Info", func(s string, strict bool) (HistoryInfo, *ParseError) {
		a, err := parseAddress(s, strict)
		return HistoryInfo{a}, err
	})
}
