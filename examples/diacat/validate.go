package main

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/gotelco/telco/examples/kit/config"
)

func (p *program) validate(args []string) error {
	fs := p.flags("validate", `[flags] FILE...

Says what is wrong with files for send, load, listen and relay, with line and column. A file with "command" is a command,
one with "routes" a relay's, any other one for listen. The status is 2 if something is wrong.
`)
	p.textFlags(fs)
	if err := p.parse(fs, args, 1, -1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	bad := false
	for _, name := range fs.Args() {
		kind, err := p.check(name)
		if err != nil {
			bad = true
			fmt.Fprintln(p.err, err)
			continue
		}
		fmt.Fprintf(p.out, "%s: a good file for %s\n", name, kind)
	}
	if bad {
		return errUsage
	}
	return nil
}

// check reads a file as the command that it is for would.
func (p *program) check(name string) (kind string, err error) {
	text, err := p.read(name)
	if err != nil {
		return "", err
	}
	var keys map[string]any
	if yaml.Unmarshal(text, &keys) != nil {
		keys = nil // the strict reader says where
	}
	var v any = &listenFile{dict: p.dict}
	kind = "listen"
	if _, ok := keys["command"]; ok {
		kind, v = "send and load", &command{dict: p.dict}
	} else if _, ok := keys["routes"]; ok {
		kind, v = "relay", &relayFile{dict: p.dict}
	}
	return kind, config.Parse(name, text, v)
}
