package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gotelco/telco/diameter"
)

const sendHelp = `[flags] ADDRESS FILE.yaml...

Sends each command and prints its answer. The status is 0 if all answers are successes (2xxx); a failure is explained.

    command: MAR                  # as "diacat names" lists them, or a number: code of a request
    application: Cx               # optional: name, NUMBER or NUMBER@VENDOR
    flags: RP                     # optional: R, P, E, T; the command's own if left out
    bare: false                   # true: fill nothing in
    avps:
      Destination-Realm: ims.example
      User-Name: alice@ims.example
      Public-Identity: [sip:alice@ims.example, "tel:+15551"]       # twice
      Session-Id: ${origin-host};${run};1
      SIP-Auth-Data-Item:                                         # a group
        SIP-Authentication-Scheme: Digest-AKAv1-MD5
        SIP-Authorization: 0x00112233                             # octets
      Server-Assignment-Type: REGISTRATION                        # or its number
      999@10415/VM: 0x0102          # any AVP: CODE or CODE@VENDOR, flags of VMP behind a slash
      601@10415/-: no M flag

Unless "bare" says otherwise, required AVPs that are not in the file are put before the others: Session-Id,
Vendor-Specific-Application-Id, Auth-Application-Id, Auth-Session-State (NO_STATE_MAINTAINED), Origin-Host, Origin-Realm,
Destination-Realm and Destination-Host (the peer's).

Variables: ${session} a new Session-Id, ${origin-host} ${origin-realm} ours, ${peer-host} ${peer-realm} the peer's,
${n} counts requests from 1, ${run} the time in seconds, ${random:8} eight octets in hexadecimal digits, ${file:NAME} a
file's text, and those of -var. $$ is a dollar sign.
`

func (p *program) send(args []string) error {
	fs := p.flags("send", sendHelp)
	p.nodeFlags(fs)
	fs.StringVar(&p.peer, "peer", "", "the `Origin-Host` that the peer must have; any if not given")
	vars := assignments{}
	fs.Var(vars, "var", "`NAME=VALUE` of a variable; may be given several times")
	print := fs.Bool("print", false, "print the requests in hexadecimal digits instead of sending them; no ADDRESS then")
	quiet := fs.Bool("q", false, "print the answers' results only")
	linger := fs.Duration("linger", 0, "stay so `long` after the last answer, and answer what the peer asks")
	if err := fs.Parse(args); err != nil {
		return p.parse(fs, args, 0, -1)
	}
	files := fs.Args()
	if !*print && len(files) > 0 {
		files = files[1:]
	}
	if len(files) == 0 {
		fs.Usage()
		return errUsage
	}
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.close()
	var commands []*command
	var apps []diameter.Application
	for _, name := range files {
		c, err := p.loadCommand(name)
		if err != nil {
			return err
		}
		commands = append(commands, c)
		apps = append(apps, c.app)
	}
	if *print {
		return p.printRequests(commands, vars)
	}
	s, err := p.dial(fs.Arg(0), apps, p.politely(apps))
	if err != nil {
		return err
	}
	defer s.close()
	v := s.variables(vars)
	v.values["run"] = fmt.Sprint(time.Now().Unix())
	failed := false
	for i, c := range commands {
		v.values["n"] = fmt.Sprint(i + 1)
		m, err := c.message(v)
		if err != nil {
			return invalid{fmt.Errorf("%s: %w", files[i], err)}
		}
		ok, err := p.exchange(s, m, *quiet)
		if err != nil {
			return err
		}
		failed = failed || !ok
	}
	if *linger > 0 {
		select {
		case <-time.After(*linger):
		case <-p.ctx.Done():
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// exchange sends a request, prints its answer, and explains it if it is a failure.
func (p *program) exchange(s *session, m diameter.Message, quiet bool) (bool, error) {
	began := time.Now()
	a, err := s.node.Do(p.ctx, m)
	name := p.dict.of(m.ApplicationID).CommandName(diameter.Header{Flags: diameter.Request, Code: m.Code, ApplicationID: m.ApplicationID})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return false, errFailed
		}
		s.failed(name, err)
		return false, nil
	}
	r := resultOf(a.Message)
	if quiet {
		fmt.Fprintf(p.out, "%s %s\n", name, resultName(r, m.ApplicationID))
	} else {
		fmt.Fprintf(p.out, "%s in %v: %s\n%s", name, time.Since(began).Round(10*time.Microsecond), resultName(r, m.ApplicationID), p.dict.tree(a.Message))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.x.write(p.err)
	return r.IsSuccess(), nil
}

// politely answers what a server may ask its clients: it is printed, and answered with success.
func (p *program) politely(apps []diameter.Application) []diameter.Service {
	var services []diameter.Service
	seen := map[diameter.ApplicationID]bool{}
	for _, a := range apps {
		if !seen[a.ID] && a.ID != 0 {
			seen[a.ID] = true
			services = append(services, diameter.Service{Application: a.ID, Handler: p.succeed})
		}
	}
	return services
}

// printRequests prints messages as hexadecimal digits, for "diacat decode".
func (p *program) printRequests(commands []*command, given assignments) error {
	v := variables{values: map[string]string{"origin-host": p.host, "origin-realm": p.realm, "peer-host": "peer.invalid", "peer-realm": "invalid",
		"run": fmt.Sprint(time.Now().Unix()), "session": p.host + ";1;1"}}
	for name, value := range given {
		v.values[name] = value
	}
	for i, c := range commands {
		v.values["n"] = fmt.Sprint(i + 1)
		m, err := c.message(v)
		if err != nil {
			return err
		}
		b, err := m.AppendBinary(nil)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, hex.EncodeToString(b))
	}
	return nil
}
