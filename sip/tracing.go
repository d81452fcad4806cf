package sip

import (
	"bytes"
	"time"

	"github.com/gotelco/telco/trace"
)

// traceMessage tells Trace of a message on the wire. Without a Call-ID it looks for it.
func (e *Endpoint) traceMessage(now time.Time, dir trace.Dir, f Flow, data []byte, comment string) {
	e.cfg.Trace(trace.Event{
		Time: now, Dir: dir, Proto: trace.SIP, Transport: f.Transport.Trace(), Local: f.Local, Remote: f.Remote,
		Data: data, Secrets: secrets(data), Correlation: callIDOf(data), Comment: comment,
	})
}

// traceState tells Trace of a decision.
func (e *Endpoint) traceState(now time.Time, f Flow, callID, comment string) {
	e.cfg.Trace(trace.Event{
		Time: now, Dir: trace.State, Proto: trace.SIP, Transport: f.Transport.Trace(), Local: f.Local, Remote: f.Remote,
		Correlation: callID, Comment: comment,
	})
}

// headLines calls f with each line of a message's header and its offset, until f returns false.
func headLines(data []byte, f func(line []byte, off int) bool) {
	for off := 0; off < len(data); {
		n := bytes.IndexByte(data[off:], '\n')
		if n < 0 {
			n = len(data) - off - 1
		}
		line := data[off : off+n+1]
		if off > 0 && len(bytes.TrimRight(line, "\r\n")) == 0 {
			return
		}
		if !f(line, off) {
			return
		}
		off += n + 1
	}
}

// fieldIs tells whether a header line has one of the names.
func fieldIs(line []byte, names ...string) (value int, ok bool) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return 0, false
	}
	name := bytes.TrimRight(line[:colon], " \t")
	for _, n := range names {
		if len(n) == len(name) && bytes.EqualFold(name, []byte(n)) {
			return colon + 1, true
		}
	}
	return 0, false
}

// callIDOf finds the Call-ID in the text of a message.
func callIDOf(data []byte) (id string) {
	headLines(data, func(line []byte, _ int) bool {
		v, ok := fieldIs(line, "Call-ID", "i")
		if ok {
			id = string(bytes.TrimSpace(line[v:]))
		}
		return !ok
	})
	return id
}

// secrets finds the keys in a message: those of media, and the ck and ik parameters of an AKA challenge, with which
// an S-CSCF gives CK and IK to the P-CSCF (3GPP TS 24.229 section 5.4.1.2.2).
func secrets(data []byte) (spans []trace.Span) {
	inChallenge := false
	headLines(data, func(line []byte, off int) bool {
		if line[0] != ' ' && line[0] != '\t' { // a folded line goes on with the field before
			_, inChallenge = fieldIs(line, "WWW-Authenticate", "Proxy-Authenticate", "Authorization", "Proxy-Authorization")
		}
		if !inChallenge {
			return true
		}
		for i := 0; i < len(line); i++ {
			if i > 0 && paramChar(line[i-1]) || !keyParam(line[i:]) {
				continue
			}
			j := i + 2
			for j < len(line) && (line[j] == ' ' || line[j] == '\t') {
				j++
			}
			if j == len(line) || line[j] != '=' {
				continue
			}
			j++
			for j < len(line) && (line[j] == ' ' || line[j] == '\t' || line[j] == '"') {
				j++
			}
			start := j
			for j < len(line) && !bytes.ContainsRune([]byte("\",; \t\r\n"), rune(line[j])) {
				j++
			}
			if j > start {
				spans = append(spans, trace.Span{Start: off + start, End: off + j})
			}
			i = j
		}
		return true
	})
	return appendMediaKeys(spans, data)
}

// appendMediaKeys finds the keys of SRTP in descriptions (RFC 4568 section 9): what follows "inline:" in lines a=crypto, and lines k=.
func appendMediaKeys(spans []trace.Span, data []byte) []trace.Span {
	inline := []byte("inline:")
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			return spans
		}
		at += n + 1
		line := data[at:]
		if end := bytes.IndexAny(line, "\r\n"); end >= 0 {
			line = line[:end]
		}
		switch {
		case len(line) > 9 && bytes.EqualFold(line[:9], []byte("a=crypto:")):
			for i := 9; ; {
				k := bytes.Index(line[i:], inline)
				if k < 0 {
					break
				}
				i += k + len(inline)
				end := bytes.IndexAny(line[i:], "|; \t")
				if end < 0 {
					end = len(line) - i
				}
				spans = append(spans, trace.Span{Start: at + i, End: at + i + end})
				i += end
			}
		case len(line) > 2 && line[0] == 'k' && line[1] == '=':
			if i := bytes.IndexByte(line, ':'); i >= 0 {
				spans = append(spans, trace.Span{Start: at + i + 1, End: at + len(line)})
			}
		}
	}
}

func keyParam(b []byte) bool {
	return len(b) >= 3 && (b[0]|0x20 == 'c' || b[0]|0x20 == 'i') && b[1]|0x20 == 'k'
}

func paramChar(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
