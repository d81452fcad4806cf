package cx

import (
	"regexp"
	"strings"
)

// MatchWildcard tells whether an identity matches a wildcarded one: text with one regular expression between two "!", such as
// "sip:chat-!.*!@example.com" (TS 23.003 sections 13.4A and 13.5). A wildcard without such an expression matches nothing.
func MatchWildcard(wildcard, identity string) bool {
	before, rest, ok := strings.Cut(wildcard, "!")
	at := strings.LastIndexByte(rest, '!')
	if !ok || at < 0 {
		return false
	}
	expression, after := rest[:at], rest[at+1:]
	if len(identity) < len(before)+len(after) || !strings.HasPrefix(identity, before) || !strings.HasSuffix(identity, after) {
		return false
	}
	r, err := regexp.Compile("^(?:" + expression + ")$")
	return err == nil && r.MatchString(identity[len(before):len(identity)-len(after)])
}
