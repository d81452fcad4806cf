package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// variables are what ${NAME} stands for in values.
type variables struct {
	values map[string]string
	call   func(name string) (string, bool) // of those that are made when asked for; may be nil
}

// expand replaces ${NAME}, ${random:OCTETS} (hexadecimal digits) and ${file:NAME}; $$ is a dollar sign.
func (v variables) expand(text string) (string, error) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "$")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
			continue
		case !strings.HasPrefix(rest, "{"):
			b.WriteByte('$')
			text = rest
			continue
		}
		name, after, ok := strings.Cut(rest[1:], "}")
		if !ok {
			return "", fmt.Errorf("${%s has no end", rest[1:])
		}
		value, err := v.value(name)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = after
	}
}

func (v variables) value(name string) (string, error) {
	if s, ok := v.values[name]; ok {
		return s, nil
	}
	if v.call != nil {
		if s, ok := v.call(name); ok {
			return s, nil
		}
	}
	what, arg, _ := strings.Cut(name, ":")
	switch what {
	case "random":
		n, err := strconv.ParseUint(arg, 10, 16)
		if err != nil || n == 0 {
			return "", fmt.Errorf("${%s}: how many octets?", name)
		}
		octets := make([]byte, n)
		rand.Read(octets)
		return hex.EncodeToString(octets), nil
	case "file":
		text, err := os.ReadFile(arg)
		return string(text), err
	}
	return "", fmt.Errorf("${%s} has no value here; -var %s=VALUE gives it one", name, name)
}

// assignments are the flag -var.
type assignments map[string]string

func (a assignments) String() string { return "" }

func (a assignments) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=VALUE")
	}
	a[name] = value
	return nil
}
