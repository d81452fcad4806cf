package control

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// parseSeconds reads a number of seconds, which may have a fraction, up to a year.
func parseSeconds(s string) (time.Duration, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(f >= 0 && f < 366*86400) {
		return 0, errors.New("no number of seconds")
	}
	return time.Duration(f * float64(time.Second)), nil
}

// parseMillis reads a number of milliseconds up to a year.
func parseMillis(s string) (time.Duration, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil || n >= 366*86400*1000 {
		return 0, errors.New("no number of milliseconds")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// isTrue reads a variable as FreeSWITCH does: true, yes, on, enabled, active, allow, t or a number but 0.
func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "enabled", "active", "allow", "t":
		return true
	}
	n, err := strconv.ParseFloat(s, 64)
	return err == nil && n != 0
}

// isFalse is true for what says no; neither isTrue nor isFalse holds for an empty text.
func isFalse(s string) bool {
	switch strings.ToLower(s) {
	case "false", "no", "off", "disabled", "inactive", "disallow", "f":
		return true
	}
	n, err := strconv.ParseFloat(s, 64)
	return err == nil && n == 0
}

const (
	maxExpanded = 1 << 16 // octets
	maxNesting  = 8       // of ${${…}}
)

// expansion says what stands for ${name} and, if call is not nil, for ${name(args)}.
type expansion struct {
	lookup func(name string) string
	call   func(name, args string) string
}

// expand replaces ${name}, ${name:offset:length} and $${name} by what lookup says; a negative offset counts from the
// end. ${name(args)} is replaced by what call says to args, in which variables are replaced first: what they have is never a
// function. \${name} stays, without its backslash.
func expand(s string, x expansion) string { return x.expand(s, maxNesting) }

func (x expansion) expand(s string, depth int) string {
	if depth == 0 || !strings.Contains(s, "${") {
		return s
	}
	var b strings.Builder
	for s != "" && b.Len() < maxExpanded {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			break
		}
		escaped := i > 0 && s[i-1] == '\\'
		at := i + 1
		if strings.HasPrefix(s[i:], "$${") {
			at++
		}
		if at >= len(s) || s[at] != '{' {
			b.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		end := endOfBracket(s[at:])
		if end < 0 {
			break
		}
		if escaped {
			b.WriteString(s[:i-1])
			b.WriteString(s[i : at+end+1])
		} else {
			b.WriteString(s[:i])
			b.WriteString(x.value(s[at+1:at+end], depth-1))
		}
		s = s[at+end+1:]
	}
	b.WriteString(s)
	return b.String()
}

// value is what stands for what is between the brackets.
func (x expansion) value(text string, depth int) string {
	name, args, ok := strings.Cut(text, "(")
	if args, closed := strings.CutSuffix(args, ")"); ok && closed && x.call != nil && isFunction(name) {
		return x.call(name, x.expand(args, depth))
	}
	return lookupPart(x.expand(text, depth), x.lookup)
}

func isFunction(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

func lookupPart(name string, lookup func(string) string) string {
	parts := strings.Split(name, ":")
	value := lookup(parts[0])
	if len(parts) == 1 {
		return value
	}
	offset, err := strconv.Atoi(parts[1])
	if err != nil {
		return value
	}
	if offset < 0 {
		offset = max(len(value)+offset, 0)
	}
	value = value[min(offset, len(value)):]
	if len(parts) > 2 {
		if n, err := strconv.Atoi(parts[2]); err == nil && n >= 0 {
			value = value[:min(n, len(value))]
		}
	}
	return value
}
