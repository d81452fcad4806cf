package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var errSay = errors.New("this is not said")

const maxSaid = 128 // characters of what is said

// appSay is MODULE[:LANGUAGE] TYPE METHOD [GENDER] TEXT: it plays the recorded words of a number or the characters of a
// name, from the folders that FreeSWITCH's sounds have (digits/20.wav, ascii/97.wav), which are in the folder of the variable
// sound_prefix.
func appSay(ctx context.Context, c *Channel, line string) error {
	args, err := splitWords(line)
	if err != nil {
		return parseError("say", line, err)
	}
	if len(args) > 4 && slices.Contains([]string{"MASCULINE", "FEMININE", "NEUTER"}, strings.ToUpper(args[3])) {
		args = slices.Delete(args, 3, 4)
	}
	if len(args) < 4 {
		return parseError("say", line, errEmpty)
	}
	language, _, _ := strings.Cut(strings.ToLower(args[0]), ":")
	names, err := sayWords(language, strings.ToUpper(args[1]), strings.ToUpper(args[2]), unquoteWhole(strings.Join(args[3:], " ")))
	if err != nil {
		return parseError("say", line, err)
	}
	prefix := strings.TrimSuffix(c.Lookup("sound_prefix"), "/")
	for i, name := range names {
		if names[i] = name + ".wav"; prefix != "" {
			names[i] = prefix + "/" + names[i]
		}
	}
	_, err = c.playFile(ctx, "file_string://"+strings.Join(names, "!"), c.terminators())
	return err
}

// sayWords returns the names of the sounds.
func sayWords(language, what, method, text string) (names []string, err error) {
	if text == "" || len(text) > maxSaid {
		return nil, errSay
	}
	switch what {
	case "NUMBER", "ITEMS", "PERSONS", "MESSAGES":
		if method == "ITERATED" {
			return sayCharacters("digits/%c", text)
		}
		// Numbers are put together in another way in each language.
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n >= 1e9 || language != "en" || method != "PRONOUNCED" && method != "COUNTED" {
			return nil, errSay
		}
		names = sayNumber(int(n))
		if method == "COUNTED" { // the first, the second
			last := &names[len(names)-1]
			*last = strings.Replace(*last, "digits/", "digits/h-", 1)
		}
		return names, nil
	case "TELEPHONE_NUMBER", "TELEPHONE_EXTENSION":
		return sayCharacters("digits/%c", strings.TrimPrefix(text, "+"))
	case "NAME_SPELLED":
		return sayCharacters("ascii/%d", strings.ToLower(text))
	case "NAME_PHONETIC":
		return sayCharacters("phonetic-ascii/%d", strings.ToLower(text))
	}
	return nil, errSay
}

// sayCharacters says one after the other. Of numbers, what is no digit is left out but * and #, and a point.
func sayCharacters(format, text string) (names []string, err error) {
	for _, r := range text {
		switch {
		case r <= ' ' || r > '~':
		case !strings.HasPrefix(format, "digits"), r >= '0' && r <= '9':
			names = append(names, fmt.Sprintf(format, r))
		case r == '*':
			names = append(names, "digits/star")
		case r == '#':
			names = append(names, "digits/pound")
		case r == '.':
			names = append(names, "digits/dot")
		}
	}
	if len(names) == 0 {
		return nil, errSay
	}
	return names, nil
}

// sayNumber says a number below a milliard in English.
func sayNumber(n int) (names []string) {
	if n == 0 {
		return []string{"digits/0"}
	}
	say := func(word any) { names = append(names, fmt.Sprint("digits/", word)) }
	for _, group := range []struct {
		of   int
		word string
	}{{1e6, "million"}, {1e3, "thousand"}, {1, ""}} {
		part := n / group.of
		n %= group.of
		if part == 0 {
			continue
		}
		if part >= 100 {
			say(part / 100)
			say("hundred")
			part %= 100
		}
		if part >= 20 {
			say(part / 10 * 10)
			part %= 10
		}
		if part > 0 {
			say(part)
		}
		if group.word != "" {
			say(group.word)
		}
	}
	return names
}
