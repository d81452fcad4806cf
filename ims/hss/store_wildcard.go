package hss

import (
	"regexp"
	"slices"
	"strings"
)

// wildcards finds the wildcarded identity that an identity matches (TS 23.003 sections 13.4A and 13.5), by the text before its regular
// expression, so that it takes no longer with many of them. Of several the one with the longest such text is taken.
type wildcards struct {
	byPrefix map[string][]*wildcard
	longest  int
}

type wildcard struct {
	text  string
	after string
	re    *regexp.Regexp
	e     *entry
}

func (w *wildcards) add(text string, e *entry) {
	before, rest, _ := strings.Cut(text, "!")
	at := strings.LastIndexByte(rest, '!')
	if at < 0 {
		return
	}
	re, err := regexp.Compile("^(?:" + rest[:at] + ")$")
	if err != nil {
		return
	}
	w.remove(text, nil)
	w.byPrefix[before] = append(w.byPrefix[before], &wildcard{text, rest[at+1:], re, e})
	w.longest = max(w.longest, len(before))
}

// remove removes the wildcard of an entry, of any if e is nil.
func (w *wildcards) remove(text string, e *entry) {
	before, _, _ := strings.Cut(text, "!")
	list := slices.DeleteFunc(w.byPrefix[before], func(c *wildcard) bool { return c.text == text && (e == nil || c.e == e) })
	if len(list) == 0 {
		delete(w.byPrefix, before)
	} else {
		w.byPrefix[before] = list
	}
}

func (w *wildcards) find(identity string) (*entry, string) {
	if len(w.byPrefix) == 0 {
		return nil, ""
	}
	for n := min(len(identity), w.longest); n >= 0; n-- {
		for _, c := range w.byPrefix[identity[:n]] {
			rest := identity[n:]
			if len(rest) >= len(c.after) && strings.HasSuffix(rest, c.after) && c.re.MatchString(rest[:len(rest)-len(c.after)]) {
				return c.e, c.text
			}
		}
	}
	return nil, ""
}
