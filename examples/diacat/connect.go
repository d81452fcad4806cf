package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/gotelco/telco/diameter"
)

func (p *program) connect(args []string) error {
	fs := p.flags("connect", `[flags] ADDRESS

Connects, exchanges capabilities, prints what the peer advertises and parts with DPR. If it fails, the reason is
explained, as far as it can be known from here.

    diacat connect 10.0.0.1
    diacat connect -app 16777251@10415 -host mme1.epc.example -realm epc.example hss.epc.example
    diacat connect -tls -ca ca.pem -cert me.pem -key me.key hss.example
    diacat connect -sctp kernel 10.0.0.1,10.1.0.1:3868
    diacat connect -hold 5m -v 10.0.0.1          # stay, answer and send watchdogs, print everything
`)
	p.nodeFlags(fs)
	fs.StringVar(&p.peer, "peer", "", "the `Origin-Host` that the peer must have; any if not given")
	hold := fs.Duration("hold", 0, "stay connected for so `long`")
	if err := p.parse(fs, args, 1, 1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	defer p.close()
	s, err := p.dial(fs.Arg(0), nil, nil)
	if err != nil {
		return err
	}
	p.printPeer(s)
	if *hold > 0 {
		if err := p.hold(s, *hold); err != nil {
			s.node.Close()
			return err
		}
	}
	s.close()
	return nil
}

// hold keeps the connection, and fails when it ends.
func (p *program) hold(s *session, how time.Duration) error {
	until := time.NewTimer(how)
	defer until.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-until.C:
			st := s.status()
			fmt.Fprintf(p.out, "watchdogs   %d sent, %d received\n", st.WatchdogsSent, st.WatchdogsReceived)
			return nil
		case <-p.ctx.Done():
			return nil
		case <-look.C:
			if st := s.status(); !st.Usable {
				s.failed("the connection was lost", fmt.Errorf("%s", st.Reason))
				return errFailed
			}
		}
	}
}

func (p *program) printPeer(s *session) {
	st := s.status()
	c := st.Capabilities
	line := func(name, format string, args ...any) {
		fmt.Fprintf(p.out, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("connected", "to %v over %s from %v", st.Remote, st.Transport, st.Local)
	line("host", "%s", c.OriginHost)
	line("realm", "%s", c.OriginRealm)
	product := c.ProductName
	if c.FirmwareRevision != 0 {
		product += fmt.Sprintf(", firmware %d", c.FirmwareRevision)
	}
	line("product", "%s, vendor %d", product, c.VendorID)
	var addrs []string
	for _, a := range c.HostIPAddresses {
		addrs = append(addrs, a.String())
	}
	line("addresses", "%s", strings.Join(addrs, " "))
	if c.OriginStateID != 0 {
		line("state", "Origin-State-Id %d", c.OriginStateID)
	}
	security := "none in band"
	if c.InbandTLS {
		security = "TLS in band"
	}
	line("security", "%s", security)
	if len(c.SupportedVendorIDs) > 0 {
		line("vendors", "%s", strings.Trim(fmt.Sprint(c.SupportedVendorIDs), "[]"))
	}
	for _, a := range c.Applications {
		kind := "auth"
		if a.Accounting {
			kind = "acct"
		}
		vendor := ""
		if a.VendorID != 0 {
			vendor = fmt.Sprintf(" of vendor %d", a.VendorID)
		}
		line("application", "%s %s%s", p.dict.application(a.ID), kind, vendor)
	}
	if c.Relay {
		line("application", "%s", p.dict.application(diameter.Relay))
	}
}
