package main

import (
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/stp"
)

func (d *demo) inService() {
	d.title("1. Links align and prove that they work, then carry traffic; ASPs become active")
	d.check(d.wait(func() bool { return d.links() == 4 && d.ready() && d.even() }), "four links in service, every destination can be reached")
	d.table("links")
	d.say("SLS, the signalling link selection, divides the traffic: messages with one SLS take one link, and keep their order.")
}

func (d *demo) aCall() {
	d.title("2. Exchange A calls a subscriber of exchange B, behind both STPs")
	a, b := d.exchange("A"), d.exchange("B")
	for _, c := range []struct {
		from, to *exchange
		m        isup.Message
	}{
		{a, b, isup.New(isup.IAM, 5, isup.NatureOfConnection{}, isup.ForwardCallIndicators{ISUPAllTheWay: true}, isup.OrdinaryCaller, isup.Speech,
			isup.CalledPartyNumber{Number: isup.Number{Nature: isup.NationalNumber, Plan: isup.E164, Digits: isup.MustDigits("301234F")}})},
		{b, a, isup.New(isup.ACM, 5, isup.BackwardCallIndicators{Status: isup.SubscriberFree})},
		{b, a, isup.New(isup.ANM, 5)},
		{a, b, isup.New(isup.REL, 5, isup.Cause{Value: 16})},
		{b, a, isup.New(isup.RLC, 5)},
	} {
		data, err := c.m.AppendBinary(nil)
		before := c.to.count()
		if err == nil {
			err = c.from.send(c.to.pc, c.m.CIC.SLS(), mtp3.ISUP, data)
		}
		ok := err == nil && d.wait(func() bool { return c.to.count() > before })
		arrived := "nothing"
		if ok {
			got := c.to.messages()[before]
			if m, err := isup.Parse(got.Data); err == nil {
				arrived = m.String()
			}
		}
		d.check(ok && arrived == c.m.String(), "%s -> %s: %s", c.from.name, c.to.name, arrived)
	}
	if e, err := d.stpA.node.Explain(d.ctx, stp.Query{Label: mtp3.Label{OPC: pcA, DPC: pcB, SLS: 5}}); err == nil {
		d.say("Why it goes this way is no secret (stp explain 1.2.3 4.5.6 5):")
		for line := range strings.Lines(e.String()) {
			d.say("| %s", strings.TrimRight(line, "\n"))
		}
	}
}

func (d *demo) oneLinkFails() {
	d.title("3. One link of four is cut while 4000 messages flow; later it is mended")
	a, b := d.exchange("A"), d.exchange("B")
	b.forget()
	const n = 4000
	done := make(chan int, 1)
	go func() { done <- a.flood(d.ctx, pcB, n) }()
	pause(d.ctx, 500*time.Millisecond)
	d.cut(2, true)
	failed := d.wait(func() bool { return d.links() == 3 })
	d.check(failed, "the link is out of service: changeover moves its SLS to the others, with what it had not delivered")
	d.table("links")
	d.cut(2, false)
	d.check(d.wait(func() bool { return d.links() == 4 && d.even() }), "it is back: changeback returns its SLS")
	d.arrived(a, b, n, <-done)
}

// arrived checks a flood.
func (d *demo) arrived(from, to *exchange, n, sent int) {
	d.wait(func() bool { lost, _, _ := tally(to.messages(), n); return lost == 0 })
	lost, doubled, disordered := tally(to.messages(), n)
	d.check(sent == n && lost == 0 && doubled == 0 && disordered == 0, "%s sent %d messages to %s: %d lost, %d doubled, %d out of order within their SLS",
		from.name, sent, to.name, lost, doubled, disordered)
}

func (d *demo) allLinksFail() {
	d.title("4. All four links are cut")
	a, c := d.exchange("A"), d.exchange("C")
	a.forget()
	c.forget()
	stop := make(chan struct{})
	go func() { // links without traffic would notice it a little later
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				_ = a.send(pcE, mtp3.SLS(i%16), mtp3.MTPTest, number(i)) // the STP may have told us to stop
			}
		}
	}()
	for slc := range byte(4) {
		d.cut(slc, true)
	}
	told := d.wait(func() bool { return d.links() == 0 && a.said("MTP-PAUSE 4.5.0/11") && c.said("MTP-PAUSE 4.5.0/11") })
	close(stop)
	d.check(told, "STP-A tells its exchanges that 4.5.0/11 cannot be reached (M3UA: DUNA; MTP-PAUSE)")
	before := d.status().Traffic.Dropped["destination unavailable"]
	for i := range 10 {
		_ = a.send(pcB, mtp3.SLS(i), mtp3.MTPTest, number(i)) // on purpose
	}
	d.check(d.wait(func() bool { return d.status().Traffic.Dropped["destination unavailable"] >= before+10 }), "who sends all the same is refused, and it is counted why: destination unavailable")
	b := d.exchange("B")
	for slc := range byte(4) {
		d.cut(slc, false)
	}
	d.check(d.wait(func() bool { return d.links() == 4 && d.ready() && a.said("MTP-RESUME 4.5.0/11") }), "the links are mended: after the MTP restart of both sides the exchanges hear MTP-RESUME")
	b.forget()
	d.arrived(a, b, 160, a.flood(d.ctx, pcB, 160))
}

func (d *demo) oneDestinationFails() {
	d.title("5. Exchange B alone goes down")
	a, b, e := d.exchange("A"), d.exchange("B"), d.exchange("E")
	a.forget()
	e.forget()
	ok := b.asp.Down(d.ctx) == nil
	d.check(ok && d.wait(func() bool { return a.said("MTP-PAUSE 4.5.6") }), "STP-B tells STP-A (TFP), STP-A tells exchange A: 4.5.6 cannot be reached")
	d.check(!a.said("MTP-PAUSE 4.5.3") && !a.said("MTP-PAUSE 4.5.0"), "of 4.5.3, which shares the route, nothing is said")
	d.arrived(a, e, 160, a.flood(d.ctx, pcE, 160))
	ok = b.asp.Active(d.ctx) == nil
	d.check(ok && d.wait(func() bool { return a.said("MTP-RESUME 4.5.6") && d.ready() }), "it comes back, and exchange A hears of that too")
}

func (d *demo) oneServerFails() {
	d.title("6. Exchange C has two processes, of which one works at a time; it fails")
	a, c1 := d.exchange("A"), d.exchange("C")
	ok := c1.asp.Inactive(d.ctx) == nil
	sent := 0
	for i := range 64 {
		if a.send(pcC, mtp3.SLS(i%16), mtp3.MTPTest, number(i)) == nil {
			sent++
		}
	}
	waits := 0
	d.wait(func() bool {
		for _, s := range d.status().AS {
			if s.Name == "C" {
				waits = s.Waiting
			}
		}
		return waits == 64
	})
	d.check(ok && waits == 64, "messages for it wait at the STP, up to T(r): %d", waits)
	c2, err := d.attach("C", pcC, "10.1.0.44", "10.1.0.1", 2)
	if d.check(err == nil, "the other process becomes active in time%s", orError(err)) {
		d.arrived(a, c2, 64, sent)
	}
}

func orError(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func (d *demo) congestion() {
	d.title("7. Exchange D has two processes that share its traffic by SLS; one of them stops reading")
	a, dd, e := d.exchange("A"), d.exchange("D"), d.exchange("E")
	a.forget()
	e.forget()
	stuck := make(chan struct{})
	dd.mu.Lock()
	dd.stuck = stuck
	dd.mu.Unlock()
	told := false
	others := 0
	for i := 0; i < 5000 && !told; i++ {
		_ = a.send(pcD, mtp3.SLS(i%16), mtp3.MTPTest, number(i)) // until it is too much
		if i < 500 && a.send(pcE, mtp3.SLS(i%16), mtp3.MTPTest, number(i)) == nil {
			others++
		}
		if i%10 == 9 {
			pause(d.ctx, 5*time.Millisecond)
			told = a.said("MTP-STATUS 1.2.5 congested")
		}
	}
	told = told || d.wait(func() bool { return a.said("MTP-STATUS 1.2.5 congested") })
	d.check(told, "its queue fills; who sends there is told of congestion (M3UA: SCON; MTP-STATUS)")
	d.arrived(a, e, others, others)
	d.say("Nobody else was harmed. D reads again:")
	dd.mu.Lock()
	dd.stuck = nil
	dd.mu.Unlock()
	close(stuck)
	d.check(d.wait(func() bool {
		return !slices.ContainsFunc(d.status().ASPs, func(s stp.ASPStatus) bool { return s.Congestion > 0 || s.Queued > 0 })
	}), "the queue is empty")
}

func (d *demo) translation() {
	d.title("8. Which point answers for 0800 12345? Exchange A need not know: STP-A translates the number (SCCP)")
	a, scp := d.exchange("A"), d.exchange("SCP")
	scp.forget()
	a.forget()
	ask := func(m sccp.Message, digits string) error {
		data, err := unitdata(m, digits)
		if err != nil {
			return err
		}
		return a.send(pcSTPA, 7, mtp3.SCCP, data)
	}
	err := ask(sccp.Message{Type: sccp.UDT}, "080012345")
	ok := err == nil && d.wait(func() bool { return scp.count() == 1 })
	d.check(ok, "the question reaches the SCP at 1.2.6%s", orError(err))
	var codec sccp.Codec
	if ok {
		m, err := codec.Parse(scp.messages()[0].Data)
		d.check(err == nil && m.Called.SSN == 12, "it arrives for %v%s", m.Called, orError(err))
	}
	err = ask(sccp.Message{Type: sccp.XUDT, HopCounter: 9, ReturnOnError: true}, "6661")
	d.say("Two STPs that translate 666 to one another would send it in a circle for ever; a hop counter ends that.")
	back := func() bool {
		return slices.ContainsFunc(a.messages(), func(m mtp3.MSU) bool {
			x, err := codec.Parse(m.Data)
			return err == nil && m.SI == mtp3.SCCP && x.Type == sccp.XUDTS
		})
	}
	d.check(err == nil && d.wait(back), "it comes back to A as undeliverable (XUDTS)%s", orError(err))
}

// unitdata is a message for a number, from one of exchange A's own.
func unitdata(m sccp.Message, digits string) ([]byte, error) {
	called, err := sccp.ParseDigits(digits)
	if err != nil {
		return nil, err
	}
	m.Called = sccp.Address{GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.NationalNumber, Digits: called}}
	m.Calling = sccp.Address{RouteOnSSN: true, HasPC: true, PC: pcA, HasSSN: true, SSN: sccp.INAP}
	m.Data = []byte{0x64, 0x06, 0x49, 0x04, 0, 0, 0, 1} // the End of a TCAP transaction
	var codec sccp.Codec
	return codec.Append(nil, m)
}

func (d *demo) newConfiguration() {
	d.title("9. STP-A gets a new configuration (SIGHUP, or stp apply FILE): another exchange, other routes")
	text := strings.Replace(yamlA, "  - { to: 4.5.0/11, via: to-B, priority: 1 }\n", "  - { to: 4.5.3, via: to-B, priority: 1 }\n  - { to: 4.5.6, via: to-B, priority: 1 }\n", 1)
	text = strings.Replace(text, "\nm3ua:", "  - { name: G, point-code: 1.2.7, routing-context: 5, asps: [ { name: g1, peer: 10.1.0.7 } ] }\n\nm3ua:", 1)
	cfg, err := stp.ParseConfig("stp-a.yaml", []byte(text))
	if !d.check(err == nil, "the file can be read%s", orError(err)) {
		return
	}
	since := func() (all []time.Time) {
		s := d.status()
		for _, l := range s.Links {
			all = append(all, l.Since)
		}
		for _, a := range s.ASPs {
			if a.Name != "g1" {
				all = append(all, a.Since)
			}
		}
		return all
	}
	before := since()
	a, b := d.exchange("A"), d.exchange("B")
	b.forget()
	done := make(chan int, 1)
	go func() { done <- a.flood(d.ctx, pcB, 400) }()
	pause(d.ctx, 100*time.Millisecond)
	steps, err := d.stpA.node.Apply(d.ctx, cfg)
	for _, s := range stp.Changes(steps) {
		d.say("| %v", s)
	}
	d.check(err == nil && len(stp.Changes(steps)) > 0, "applied%s", orError(err))
	d.check(slices.EqualFunc(before, since(), time.Time.Equal), "no link and no ASP that was there has noticed")
	d.arrived(a, b, 400, <-done)
	g, err := d.attach("G", pcA+4, "10.1.0.7", "10.1.0.1", 5)
	if d.check(err == nil, "the new exchange G comes up%s", orError(err)) {
		d.arrived(b, g, 64, b.flood(d.ctx, pcA+4, 64))
	}
}
