package control

import "strings"

// closing is the bracket that ends what an opening one begins.
func closing(open byte) byte {
	switch open {
	case '{':
		return '}'
	case '[':
		return ']'
	case '<':
		return '>'
	}
	return ')'
}

// endOfBracket is where the bracket ends that s begins with, -1 if nowhere. Quotes keep brackets apart, and so does
// nesting.
func endOfBracket(s string) int {
	open, shut := s[0], closing(s[0])
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\'':
			quoted = !quoted && strings.IndexByte(s[i+1:], '\'') >= 0
		case quoted:
		case c == open:
			depth++
		case c == shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// index is where sep first stands in s: not quoted, not escaped, and not within brackets that one of opens begins. It is
// -1 if it stands nowhere.
func index(s, sep, opens string) (int, error) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\'':
			quoted = !quoted && strings.IndexByte(s[i+1:], '\'') >= 0
		case quoted:
		case strings.HasPrefix(s[i:], sep):
			return i, nil
		case strings.IndexByte(opens, c) >= 0:
			end := endOfBracket(s[i:])
			if end < 0 {
				return -1, errBracket
			}
			i += end
		}
	}
	return -1, nil
}

// splitOutside splits at sep where it is within no bracket and not quoted.
func splitOutside(s, sep string) (parts []string, err error) {
	for {
		i, err := index(s, sep, "{[<")
		if err != nil {
			return nil, err
		}
		if i < 0 {
			return append(parts, s), nil
		}
		parts, s = append(parts, s[:i]), s[i+len(sep):]
	}
}

// splitQuoted splits at sep where it is neither quoted nor escaped.
func splitQuoted(s string, sep byte) (parts []string) {
	for {
		i, _ := index(s, string([]byte{sep}), "")
		if i < 0 {
			return append(parts, s)
		}
		parts, s = append(parts, s[:i]), s[i+1:]
	}
}

// splitWords splits at spaces outside of brackets, parentheses and quotes.
func splitWords(s string) (words []string, err error) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end, err := index(s, " ", "{[<(")
		if err != nil {
			return nil, err
		}
		if end < 0 {
			end = len(s)
		}
		words, s = append(words, s[:end]), s[end:]
	}
	return words, nil
}

// unquote takes quotes away, and the backslash from what it escapes: sep, if not 0, among others.
func unquote(s string, sep byte) string {
	if strings.IndexByte(s, '\'') < 0 && strings.IndexByte(s, '\\') < 0 {
		return strings.TrimSpace(s)
	}
	s = strings.TrimSpace(s)
	b := make([]byte, 0, len(s))
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			switch e := s[i]; {
			case e == sep && sep != 0, strings.IndexByte("'\\, \"|[]{}", e) >= 0:
				b = append(b, e)
			case e == 'n':
				b = append(b, '\n')
			default:
				b = append(b, c, e)
			}
		case c == '\'' && (quoted || strings.IndexByte(s[i+1:], '\'') >= 0):
			quoted = !quoted
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// unquoteWhole takes away quotes around the whole.
func unquoteWhole(s string) string {
	if s = strings.TrimSpace(s); len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	return s
}
