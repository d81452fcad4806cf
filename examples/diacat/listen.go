package main

import (
	"context"
	"encoding"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/examples/kit/config"
)

const listenHelp = `[flags] FILE.yaml

Accepts peers, prints the requests that come and answers them with what stands in the file:

    origin-host: hss.ims.example
    origin-realm: ims.example
    listen: ["127.0.0.1:3868"]           # "tls:..." with -cert and -key, "sctp:..." with -sctp
    applications: [Cx, Sh]
    accept: ["*"]                        # Origin-Hosts: whole names, ".ims.example", "*"
    from: [10.0.0.0/8]                   # any address if left out
    peers: []                            # to connect to, with host, addresses, transport
    answers:                             # the first that fits counts
      - command: UAR
        when: {User-Name: bob@ims.example}     # top-level AVPs, compared as text
        result: 5001@10415               # a Result-Code, or CODE@VENDOR for an Experimental-Result
        error: no such user              # Error-Message
      - command: UAR
        delay: 20ms
        avps:
          Server-Name: sip:scscf.ims.example
      - command: LIR
        drop: true                       # never answered
    otherwise: 2001                      # for commands that are not in the list; 3001 if left out

Values may hold ${request:AVP-NAME}, the text of an AVP of the request, beside the variables of "diacat send".
Session-Id, Origin-Host, Origin-Realm and what else the grammar requires is filled in.
`

// listenFile is a file of listen.
type listenFile struct {
	NodeFile  `yaml:",inline"`
	Answers   []answerFile `yaml:"answers"`
	Otherwise resultText   `yaml:"otherwise"`

	dict *dictionary
}

type answerFile struct {
	Command string        `yaml:"command"`
	When    avps          `yaml:"when"`
	Result  resultText    `yaml:"result"`
	Error   string        `yaml:"error"`
	Delay   time.Duration `yaml:"delay"`
	Drop    bool          `yaml:"drop"`
	AVPs    avps          `yaml:"avps"`

	request diameter.Header
	answer  *command
}

// resultText is CODE or CODE@VENDOR.
type resultText struct{ diameter.Result }

// UnmarshalText reads it.
func (r *resultText) UnmarshalText(b []byte) error {
	code, vendor, has := strings.Cut(string(b), "@")
	n, err := strconv.ParseUint(code, 10, 32)
	if err != nil {
		return fmt.Errorf("want CODE or CODE@VENDOR")
	}
	r.Code = diameter.ResultCode(n)
	if has {
		if n, err = strconv.ParseUint(vendor, 10, 32); err != nil {
			return fmt.Errorf("vendor %q is no number", vendor)
		}
		r.VendorID = diameter.VendorID(n)
	}
	return nil
}

// Validate finds what the dictionary doesn't know.
func (f *listenFile) Validate() error {
	var bad config.Problems
	f.validate(&bad)
	for i := range f.Answers {
		a := &f.Answers[i]
		at := config.Path("answers", i)
		h, ok := f.dict.all.LookupCommand(a.Command)
		if !ok || !h.IsRequest() {
			bad.Add(at+".command", "no request is called %q", a.Command)
			continue
		}
		a.request = h
		name := f.dict.of(h.ApplicationID).CommandName(h.Answer())
		a.answer = &command{Command: name, AVPs: a.AVPs, dict: f.dict}
		if _, err := a.answer.header(); err != nil {
			bad.Add(at, "%v", err)
			continue
		}
		a.answer.check(at+".avps", a.AVPs, &bad)
		a.answer.check(at+".when", a.When, &bad)
		if len(bad) == 0 {
			for _, list := range []avps{a.AVPs, a.When} {
				if err := a.answer.note(list); err != nil {
					bad.Add(at, "%v", err)
				}
			}
		}
	}
	return bad.Err()
}

func (p *program) listen(args []string) error {
	fs := p.flags("listen", listenHelp)
	p.textFlags(fs)
	p.secureFlags(fs)
	fs.StringVar(&p.capture, "w", "", "write a capture (pcapng) to `file`, without the secrets that -show does not name")
	quiet := fs.Bool("q", false, "print one line for a request, and none of its AVPs")
	if err := p.parse(fs, args, 1, 1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.close()
	f := &listenFile{dict: p.dict}
	text, err := p.read(fs.Arg(0))
	if err != nil {
		return err
	}
	if err := config.Parse(fs.Arg(0), text, f); err != nil {
		return invalid{err}
	}
	cfg, err := p.config(p, nil)
	if err != nil {
		return err
	}
	if err := f.apply(&cfg, p.dict); err != nil {
		return err
	}
	cfg.PeerChanged = p.peerChanges
	seen := map[diameter.ApplicationID]bool{}
	for _, a := range cfg.Applications {
		if !seen[a.ID] {
			seen[a.ID] = true
			cfg.Services = append(cfg.Services, diameter.Service{Application: a.ID, Goroutine: true,
				Handler: func(ctx context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
					return p.canned(ctx, f, r, *quiet)
				}})
		}
	}
	return p.serve(&f.NodeFile, cfg)
}

var printing sync.Mutex

// print writes what goroutines print, whole.
func (p *program) print(out io.Writer, b []byte) {
	printing.Lock()
	defer printing.Unlock()
	out.Write(b)
}

// canned answers a request from the file.
func (p *program) canned(ctx context.Context, f *listenFile, r *diameter.Incoming, quiet bool) (encoding.BinaryAppender, error) {
	d := p.dict.of(r.ApplicationID)
	p.printIncoming(r, quiet)
	for i := range f.Answers {
		a := &f.Answers[i]
		if a.request.Code != r.Code || a.request.ApplicationID != r.ApplicationID && a.request.ApplicationID != 0 || !a.fits(r.Message) {
			continue
		}
		if a.Delay > 0 {
			select {
			case <-time.After(a.Delay):
			case <-ctx.Done():
			}
		}
		if a.Drop {
			return nil, nil
		}
		m, err := a.message(f, r)
		if err != nil {
			p.print(p.err, fmt.Appendf(nil, "answers[%d]: %v\n", i, err))
			return nil, &diameter.ProtocolError{ResultCode: diameter.UnableToComply, Text: "the answer cannot be made"}
		}
		return m, nil
	}
	if f.Otherwise.Code == 0 {
		return nil, &diameter.ProtocolError{ResultCode: diameter.CommandUnsupported, Text: d.CommandName(r.Header) + " has no answer here"}
	}
	return f.plain(r, f.Otherwise.Result, ""), nil
}

func (p *program) printIncoming(r *diameter.Incoming, quiet bool) {
	name := p.dict.of(r.ApplicationID).CommandName(r.Header)
	b := fmt.Appendf(nil, "%s from %s by way of %s\n", name, r.Text(diameter.AVPOriginHost, 0), r.Peer)
	if !quiet {
		b = append(b, p.dict.tree(r.Message)...)
	}
	p.print(p.out, b)
}

// succeed answers anything with success, for clients of whom something is asked.
func (p *program) succeed(_ context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
	p.printIncoming(r, false)
	f := listenFile{dict: p.dict}
	return f.plain(r, diameter.Result{Code: diameter.Success}, ""), nil
}

// fits tells whether the request has all that the answer is for.
func (a *answerFile) fits(m diameter.Message) bool {
	for _, w := range a.When {
		def, err := a.answer.definition(w.name)
		if err != nil {
			return false
		}
		for _, v := range w.values {
			want, err := a.answer.data(def, v, variables{})
			if err != nil {
				return false
			}
			found := false
			for x := range m.AVPs.All() {
				found = found || x.Code == def.Code && x.VendorID == def.VendorID && string(x.Data) == string(want)
			}
			if !found {
				return false
			}
		}
	}
	return true
}

func (a *answerFile) message(f *listenFile, r *diameter.Incoming) (diameter.Message, error) {
	result := a.Result.Result
	if result.Code == 0 {
		result.Code = diameter.Success
	}
	d := f.dict.of(r.ApplicationID)
	v := variables{values: map[string]string{"origin-host": f.OriginHost, "origin-realm": f.OriginRealm}, call: func(name string) (string, bool) {
		asked, ok := strings.CutPrefix(name, "request:")
		def, known := d.LookupAVP(asked)
		if !ok || !known {
			return "", false
		}
		v, ok := r.Find(def.Code, def.VendorID)
		return string(v.Data), ok
	}}
	b, err := a.answer.appendAVPs(nil, a.AVPs, v)
	if err != nil {
		return diameter.Message{}, err
	}
	text, err := v.expand(a.Error)
	if err != nil {
		return diameter.Message{}, err
	}
	m := f.plain(r, result, text)
	// What the file has is not filled in, a result included.
	own := diameter.AVPs(b)
	given := own.Has(diameter.AVPResultCode, 0) || own.Has(diameter.AVPExperimentalResult, 0)
	var out []byte
	for x := range m.AVPs.All() {
		isResult := x.VendorID == 0 && (x.Code == diameter.AVPResultCode || x.Code == diameter.AVPExperimentalResult)
		if !own.Has(x.Code, x.VendorID) && !(isResult && given) {
			out = diameter.AppendAVP(out, x)
		}
	}
	m.AVPs = append(out, b...)
	return m, nil
}

// plain is an answer with a result and what the grammar requires.
func (f *listenFile) plain(r *diameter.Incoming, result diameter.Result, text string) diameter.Message {
	h := r.Header.Answer()
	var b []byte
	if result.VendorID != 0 {
		var at int
		b, at = diameter.BeginAVP(b, diameter.AVPExperimentalResult, diameter.Mandatory, 0)
		b = diameter.AppendUint32(b, diameter.AVPVendorID, diameter.Mandatory, 0, uint32(result.VendorID))
		b = diameter.EndAVP(diameter.AppendUint32(b, diameter.AVPExperimentalResultCode, diameter.Mandatory, 0, uint32(result.Code)), at)
	} else {
		b = diameter.AppendUint32(b, diameter.AVPResultCode, diameter.Mandatory, 0, uint32(result.Code))
		if result.Code.IsProtocolError() {
			h.Flags |= diameter.ErrorFlag
		}
	}
	if text != "" {
		b = diameter.AppendText(b, diameter.AVPErrorMessage, 0, 0, text)
	}
	d := f.dict.of(h.ApplicationID)
	c := &command{Command: d.CommandName(h), dict: f.dict}
	if _, err := c.header(); err == nil {
		session := r.Text(diameter.AVPSessionID, 0)
		v := variables{values: map[string]string{"session": session, "origin-host": f.OriginHost, "origin-realm": f.OriginRealm}}
		if f.OriginHost == "" { // the node fills it in
			v.values = map[string]string{"session": session}
		}
		if filled, err := c.fill(h, b, v); err == nil {
			b = filled
		}
	}
	return diameter.Message{Header: h, AVPs: b}
}
