package main

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/trace"
)

// traceRelay prints a line for each request and answer that a relay receives, or each message.
func (p *program) traceRelay(e trace.Event) {
	if e.Dir == trace.State {
		return
	}
	m, _ := diameter.ParseMessage(e.Data)
	name := p.dict.of(m.ApplicationID).CommandName(m.Header)
	if p.verbose {
		p.print(p.out, fmt.Appendf(nil, "%v %v -> %v\n%s", e.Dir, e.Local, e.Remote, p.dict.tree(m)))
		return
	}
	if e.Dir != trace.Received || isBase(m.Code) {
		return
	}
	if m.IsRequest() {
		p.print(p.out, fmt.Appendf(nil, "%s from %v to realm %s %s\n", name, e.Remote, m.Text(diameter.AVPDestinationRealm, 0), m.Text(diameter.AVPSessionID, 0)))
		return
	}
	p.print(p.out, fmt.Appendf(nil, "%s from %v: %s %s\n", name, e.Remote, resultName(resultOf(m), m.ApplicationID), m.Text(diameter.AVPSessionID, 0)))
}
