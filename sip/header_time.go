package sip

import (
	"strconv"
	"strings"
	"time"
)

// Expires returns the Expires field in seconds; ok is false if there is none or it is malformed
// (which RFC 3261 section 20.19 leaves to a default). Values over 2**32-1 count as 2**32-1.
func (h *Header) Expires() (seconds uint32, ok bool) { return h.seconds("Expires") }

// MinExpires returns the Min-Expires field in seconds; ok is false if there is none or it is
// malformed.
func (h *Header) MinExpires() (seconds uint32, ok bool) { return h.seconds("Min-Expires") }

func (h *Header) seconds(name string) (uint32, bool) {
	v, ok := h.Nth(name, 0)
	if !ok {
		return 0, false
	}
	return deltaSeconds(v)
}

// dateLayout is SIP-date (RFC 3261 section 20.17), which is always in GMT.
const dateLayout = "Mon, 02 Jan 2006 15:04:05 GMT"

// ParseDate reads a SIP date: "Sat, 13 Nov 2010 23:29:00 GMT". No other zone is allowed.
func ParseDate(s string) (time.Time, error) {
	t, err := parseDate(s, false)
	return t, asError(err)
}

func parseDate(s string, _ bool) (time.Time, *ParseError) {
	t, err := time.ParseInLocation(dateLayout, unfold(s), time.UTC)
	if err != nil {
		return time.Time{}, bad(0, "not a date in GMT")
	}
	return t, nil
}

// FormatDate returns a time as the value of a Date field.
func FormatDate(t time.Time) string { return t.UTC().Format(dateLayout) }

// Date returns the Date field.
func (h *Header) Date() (time.Time, error) { return one(h, "Date", parseDate) }

// RetryAfter is the Retry-After field (RFC 3261 section 20.33).
type RetryAfter struct {
	Seconds uint32
	Comment string // without its parentheses
	Params  Params
}

// ParseRetryAfter reads a Retry-After value: "18000;duration=3600", "120 (in a meeting)".
func ParseRetryAfter(s string) (RetryAfter, error) {
	v, err := parseRetryAfter(s, false)
	return v, asError(err)
}

func parseRetryAfter(s string, strict bool) (RetryAfter, *ParseError) {
	i := skipLWS(s, 0)
	j := i
	for j < len(s) && s[j]-'0' <= 9 {
		j++
	}
	var r RetryAfter
	n, ok := deltaSeconds(s[i:j])
	if !ok {
		return r, bad(i, "not a number of seconds")
	}
	r.Seconds = n
	i = skipLWS(s, j)
	if i < len(s) && s[i] == '(' {
		end := commentEnd(s, i)
		if end < 0 {
			return r, bad(i, "comment without an end")
		}
		r.Comment = unfold(s[i+1 : end-1])
		i = skipLWS(s, end)
	}
	end := trimRight(s, i, len(s))
	if i < end && s[i] != ';' {
		return r, bad(i, "text after the number")
	}
	p, err := parseParams(s[i:end], strict)
	if err != nil {
		return r, err.within("", i)
	}
	r.Params = p
	return r, nil
}

// commentEnd returns the index after the comment that starts at s[i] == '(', or -1. Comments
// nest.
func commentEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// Duration returns the duration parameter in seconds; ok is false if there is none.
func (r RetryAfter) Duration() (seconds uint32, ok bool) {
	v, ok := r.Params.Value("duration")
	if !ok {
		return 0, false
	}
	return deltaSeconds(v)
}

// String returns the value as text.
func (r RetryAfter) String() string {
	s := strconv.FormatUint(uint64(r.Seconds), 10)
	if r.Comment != "" {
		s += " (" + r.Comment + ")"
	}
	return s + r.Params.text
}

// AppendText appends the value as text.
func (r RetryAfter) AppendText(b []byte) ([]byte, error) { return append(b, r.String()...), nil }

// RetryAfter returns the Retry-After field.
func (h *Header) RetryAfter() (RetryAfter, error) { return one(h, "Retry-After", parseRetryAfter) }

// Warning is a value of the Warning field (RFC 3261 section 20.43).
type Warning struct {
	Code  int    // three digits: 399 is miscellaneous
	Agent string // host or pseudonym of who added it
	Text  string
}

// ParseWarning reads a Warning value: 307 isi.edu "Session parameter 'foo' not understood".
func ParseWarning(s string) (Warning, error) {
	w, err := parseWarning(s, false)
	return w, asError(err)
}

func parseWarning(s string, _ bool) (Warning, *ParseError) {
	s = trimLWS(s)
	code, rest, ok := strings.Cut(s, " ")
	n, ok2 := number(code, 999)
	if !ok || !ok2 || len(code) != 3 {
		return Warning{}, bad(0, "bad warning code")
	}
	rest = trimLWS(rest)
	agent, text, ok := strings.Cut(rest, " ")
	text = trimLWS(text)
	if !ok || agent == "" || strings.IndexByte(agent, '"') >= 0 || strings.IndexByte(agent, '\n') >= 0 {
		return Warning{}, bad(4, "bad warning agent")
	}
	if text == "" || text[0] != '"' || quotedEnd(text, 0) != len(text) {
		return Warning{}, bad(len(s)-len(text), "warning text is not a quoted string")
	}
	return Warning{int(n), agent, unquote(text)}, nil
}

// String returns the value as text.
func (w Warning) String() string {
	b, _ := w.AppendText(nil)
	return string(b)
}

// AppendText appends the value as text.
func (w Warning) AppendText(b []byte) ([]byte, error) {
	b = append(b, byte('0'+w.Code/100%10), byte('0'+w.Code/10%10), byte('0'+w.Code%10))
	b = append(append(append(b, ' '), w.Agent...), ' ')
	return appendQuoted(b, w.Text), nil
}

// Warning returns the first Warning value.
func (h *Header) Warning() (Warning, error) { return one(h, "Warning", parseWarning) }
