package esl

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// textCommands compute something from text. They are mostly used as functions: ${regex(…)}.
var textCommands = map[string]apiCommand{
	"cond": {syntaxCond, "Evaluate a conditional", func(_ *Server, _ context.Context, args string) string { return cond(args) }},
	"md5": {"<data>", "Return md5 hash", func(_ *Server, _ context.Context, args string) string {
		sum := md5.Sum([]byte(args))
		return hex.EncodeToString(sum[:])
	}},
	"regex":   {syntaxRegex, "Evaluate a regex", func(_ *Server, _ context.Context, args string) string { return regex(args) }},
	"tolower": {"<string>", "Lower Case a string", func(_ *Server, _ context.Context, args string) string { return strings.ToLower(args) }},
	"toupper": {"<string>", "Upper Case a string", func(_ *Server, _ context.Context, args string) string { return strings.ToUpper(args) }},
}

const (
	syntaxCond  = "<expr> ? <true val> : <false val>"
	syntaxRegex = "<data>|<pattern>[|<subst string>][|(n|b)]"
)

// delimited splits at the delimiter, or at the character that follows m: at the beginning.
func delimited(args, delimiter string) []string {
	if len(args) > 3 && strings.HasPrefix(args, "m:") {
		args, delimiter = args[3:], args[2:3]
	}
	return strings.Split(args, delimiter)
}

// regex says whether data matches a pattern or, given a substitute with $1 or %1, what it becomes. Without a match that is
// data as it was, or nothing with the flag n; with the flag b it is true or false in any case.
func regex(args string) string {
	words := delimited(args, "|")
	if len(words) < 2 {
		return usage(syntaxRegex)
	}
	re, err := regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(words[1], "/"), "/"))
	if err != nil {
		return "-ERR " + err.Error() + "\n"
	}
	found := re.FindStringSubmatch(words[0])
	flags := arg(words, 3)
	switch {
	case len(words) < 3, strings.Contains(flags, "b"):
		return strconv.FormatBool(found != nil)
	case found != nil:
		return substitute(words[2], found)
	case strings.Contains(flags, "n"):
		return ""
	}
	return words[0]
}

// substitute replaces $0 to $9 and %0 to %9 by what was found.
func substitute(s string, found []string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if (s[i] == '$' || s[i] == '%') && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			i++
			if n := int(s[i] - '0'); n < len(found) {
				b.WriteString(found[n])
			}
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// cond is A == B ? YES : NO, with != > >= < <= as well. Numbers are compared as such, and so is the length of other text where
// more or less is asked for.
func cond(args string) string {
	words := []string{}
	if strings.HasPrefix(args, "m:") {
		words = delimited(args, "?")
	} else if expr, rest, ok := strings.Cut(args, "?"); ok {
		yes, no, _ := strings.Cut(rest, ":")
		words = []string{expr, yes, no}
	}
	if len(words) != 3 {
		return "-ERR\n"
	}
	at := strings.IndexAny(words[0], "=!<>")
	if at < 0 {
		return "-ERR\n"
	}
	plain := func(s string) string {
		if s = strings.TrimSpace(s); len(s) > 1 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
			s = s[1 : len(s)-1]
		}
		return s
	}
	end := at + 1
	if end < len(words[0]) && words[0][end] == '=' {
		end++
	}
	a, operator, b := plain(words[0][:at]), words[0][at:end], plain(words[0][end:])
	order, equal := len(a)-len(b), a == b
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			order, equal = cmp.Compare(x, y), x == y
		}
	}
	var yes bool
	switch operator {
	case "==":
		yes = equal
	case "!=":
		yes = !equal
	case ">":
		yes = order > 0
	case ">=":
		yes = order >= 0
	case "<":
		yes = order < 0
	case "<=":
		yes = order <= 0
	default:
		return "-ERR\n"
	}
	if yes {
		return plain(words[1])
	}
	return plain(words[2])
}
