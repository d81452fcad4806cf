package sip

import (
	"iter"
	"strconv"
	"strings"
)

// Reason is a value of the Reason field (RFC 3326): Protocol is "SIP", "Q.850", …
type Reason struct {
	Protocol string
	Params   Params
}

// NewReason makes a Reason value; text "" is left out.
func NewReason(protocol string, cause int, text string) Reason {
	r := Reason{Protocol: protocol}
	r.Params.Set("cause", strconv.Itoa(cause))
	if text != "" {
		r.Params.SetQuoted("text", text)
	}
	return r
}

// ParseReason reads a Reason value.
func ParseReason(s string) (Reason, error) {
	r, err := parseReason(s, false)
	return r, asError(err)
}

func parseReason(s string, strict bool) (Reason, *ParseError) {
	e, err := parseElement(s, strict)
	if err == nil && !token(e.Value) {
		err = bad(0, "bad protocol")
	}
	return Reason{e.Value, e.Params}, err
}

// Cause returns the cause: a status code, or a Q.850 cause value; 0 if there is none.
func (r Reason) Cause() int {
	v, _ := r.Params.Value("cause")
	n, _ := number(v, 1<<31-1)
	return int(n)
}

// Text returns the text; "" if there is none.
func (r Reason) Text() string { v, _ := r.Params.Value("text"); return v }

// String returns the value as text.
func (r Reason) String() string { return r.Protocol + r.Params.text }

// AppendText appends the value as text.
func (r Reason) AppendText(b []byte) ([]byte, error) { return append(b, r.String()...), nil }

// Reasons returns the Reason values.
func (h *Header) Reasons() iter.Seq2[Reason, error] { return many(h, "Reason", parseReason) }

// SessionExpires is the Session-Expires field, or Min-SE (RFC 4028 sections 4 and 5).
type SessionExpires struct {
	Seconds uint32
	Params  Params
}

// ParseSessionExpires reads a Session-Expires or Min-SE value.
func ParseSessionExpires(s string) (SessionExpires, error) {
	v, err := parseSessionExpires(s, false)
	return v, asError(err)
}

func parseSessionExpires(s string, strict bool) (SessionExpires, *ParseError) {
	e, err := parseElement(s, strict)
	if err != nil {
		return SessionExpires{}, err
	}
	n, ok := deltaSeconds(e.Value)
	if !ok {
		return SessionExpires{}, bad(0, "not a number of seconds")
	}
	return SessionExpires{n, e.Params}, nil
}

// Refresher returns who refreshes: "uac", "uas", or "" if that is open.
func (s SessionExpires) Refresher() string {
	v, _ := s.Params.Value("refresher")
	return lowered(v)
}

// String returns the value as text.
func (s SessionExpires) String() string {
	return strconv.FormatUint(uint64(s.Seconds), 10) + s.Params.text
}

// AppendText appends the value as text.
func (s SessionExpires) AppendText(b []byte) ([]byte, error) { return append(b, s.String()...), nil }

// SessionExpires returns the Session-Expires field.
func (h *Header) SessionExpires() (SessionExpires, error) {
	return one(h, "Session-Expires", parseSessionExpires)
}

// MinSE returns the Min-SE field in seconds; ok is false if there is none or it is malformed.
func (h *Header) MinSE() (seconds uint32, ok bool) {
	v, err := one(h, "Min-SE", parseSessionExpires)
	return v.Seconds, err == nil
}

// RSeq returns the RSeq field of a reliable provisional response (RFC 3262 section 7.1).
func (h *Header) RSeq() (uint32, error) {
	return one(h, "RSeq", func(s string, _ bool) (uint32, *ParseError) {
		n, ok := number(s, 1<<32-1)
		if !ok || n == 0 {
			return 0, bad(0, "not a response number")
		}
		return uint32(n), nil
	})
}

// RAck is the RAck field of a PRACK (RFC 3262 section 7.2).
type RAck struct {
	RSeq uint32 // of the response
	CSeq        // of the response
}

// ParseRAck reads a RAck value.
func ParseRAck(s string) (RAck, error) {
	r, err := parseRAck(s, false)
	return r, asError(err)
}

func parseRAck(s string, strict bool) (RAck, *ParseError) {
	i := skipLWS(s, 0)
	j := i
	for j < len(s) && s[j]-'0' <= 9 {
		j++
	}
	n, ok := number(s[i:j], 1<<32-1)
	if !ok {
		return RAck{}, bad(i, "not a response number")
	}
	if skipLWS(s, j) == j {
		return RAck{}, bad(j, "no white space after the response number")
	}
	c, err := parseCSeq(s[j:], strict)
	if err != nil {
		return RAck{}, err.within("", j)
	}
	return RAck{uint32(n), c}, nil
}

// String returns "776656 1 INVITE".
func (r RAck) String() string { return strconv.FormatUint(uint64(r.RSeq), 10) + " " + r.CSeq.String() }

// AppendText appends what String returns.
func (r RAck) AppendText(b []byte) ([]byte, error) { return append(b, r.String()...), nil }

// RAck returns the RAck field.
func (h *Header) RAck() (RAck, error) { return one(h, "RAck", parseRAck) }

// DialogID names a dialog in a Replaces (RFC 3891), Join (RFC 3911) or Target-Dialog (RFC 4538)
// field. Its tags are those of the user agent that receives the field: ToTag (local-tag) is its
// own, FromTag (remote-tag) its peer's.
type DialogID struct {
	CallID    string
	ToTag     string
	FromTag   string
	EarlyOnly bool // Replaces: only while the dialog is early
}

// ParseReplaces reads a Replaces or Join value.
func ParseReplaces(s string) (DialogID, error) {
	d, err := parseReplaces(s, false)
	return d, asError(err)
}

func parseReplaces(s string, strict bool) (DialogID, *ParseError) {
	return parseDialogID(s, strict, "to-tag", "from-tag")
}

func parseTargetDialog(s string, strict bool) (DialogID, *ParseError) {
	return parseDialogID(s, strict, "local-tag", "remote-tag")
}

func parseDialogID(s string, strict bool, to, from string) (DialogID, *ParseError) {
	i := skipLWS(s, 0)
	j := strings.IndexByte(s, ';')
	if j < 0 {
		return DialogID{}, bad(len(s), "no tags")
	}
	hi := trimRight(s, i, j)
	if err := checkCallID(s[i:hi], strict); err != nil {
		return DialogID{}, err.within("", i)
	}
	p, err := parseParams(s[j:trimRight(s, j, len(s))], strict)
	if err != nil {
		return DialogID{}, err.within("", j)
	}
	d := DialogID{CallID: s[i:hi], EarlyOnly: p.Has("early-only")}
	var ok, ok2 bool
	d.ToTag, ok = p.Value(to)
	d.FromTag, ok2 = p.Value(from)
	if !ok || !ok2 {
		return DialogID{}, bad(j, "tag missing")
	}
	return d, nil
}

// String returns the value of a Replaces field.
func (d DialogID) String() string {
	s := d.CallID + ";to-tag=" + d.ToTag + ";from-tag=" + d.FromTag
	if d.EarlyOnly {
		s += ";early-only"
	}
	return s
}

// AppendText appends what String returns.
func (d DialogID) AppendText(b []byte) ([]byte, error) { return append(b, d.String()...), nil }

// Replaces returns the Replaces field.
func (h *Header) Replaces() (DialogID, error) { return one(h, "Replaces", parseReplaces) }

// Join returns the Join field.
func (h *Header) Join() (DialogID, error) { return one(h, "Join", parseReplaces) }

// TargetDialog returns the Target-Dialog field.
func (h *Header) TargetDialog() (DialogID, error) { return one(h, "Target-Dialog", parseTargetDialog) }

// SessionID is the Session-ID field (RFC 7989): UUIDs as 32 hexadecimal digits.
type SessionID struct {
	Local  string // of the sender
	Remote string // of its peer; "" in the form of RFC 7329
}

// ParseSessionID reads a Session-ID value.
func ParseSessionID(s string) (SessionID, error) {
	v, err := parseSessionID(s, false)
	return v, asError(err)
}

func parseSessionID(s string, strict bool) (SessionID, *ParseError) {
	e, err := parseElement(s, strict)
	if err != nil {
		return SessionID{}, err
	}
	v := SessionID{Local: e.Value}
	v.Remote, _ = e.Params.Value("remote")
	if !uuid(v.Local) || v.Remote != "" && !uuid(v.Remote) {
		return SessionID{}, bad(0, "not 32 hexadecimal digits")
	}
	return v, nil
}

func uuid(s string) bool {
	for i := 0; i < len(s); i++ {
		if hexDigit(s[i]) < 0 {
			return false
		}
	}
	return len(s) == 32
}

// String returns the value as text.
func (s SessionID) String() string {
	if s.Remote == "" {
		return s.Local
	}
	return s.Local + ";remote=" + s.Remote
}

// AppendText appends the value as text.
func (s SessionID) AppendText(b []byte) ([]byte, error) { return append(b, s.String()...), nil }

// SessionID returns the Session-ID field.
func (h *Header) SessionID() (SessionID, error) { return one(h, "Session-ID", parseSessionID) }

// ResourcePriority is a value of Resource-Priority or Accept-Resource-Priority (RFC 4412), such as
// "wps.3": equal values compare without regard to case.
type ResourcePriority struct {
	Namespace string
	Priority  string
}

// ParseResourcePriority reads a Resource-Priority value.
func ParseResourcePriority(s string) (ResourcePriority, error) {
	v, err := parseResourcePriority(s, false)
	return v, asError(err)
}

func parseResourcePriority(s string, _ bool) (ResourcePriority, *ParseError) {
	s = trimLWS(s)
	ns, prio, ok := strings.Cut(s, ".")
	if !ok || !token(ns) || !token(prio) || strings.IndexByte(prio, '.') >= 0 {
		return ResourcePriority{}, bad(0, "want namespace.priority")
	}
	return ResourcePriority{ns, prio}, nil
}

// String returns the value as text.
func (r ResourcePriority) String() string { return r.Namespace + "." + r.Priority }

// AppendText appends the value as text.
func (r ResourcePriority) AppendText(b []byte) ([]byte, error) { return append(b, r.String()...), nil }

// ResourcePriorities returns the Resource-Priority values.
func (h *Header) ResourcePriorities() iter.Seq2[ResourcePriority, error] {
	return many(h, "Resource-Priority", parseResourcePriority)
}
