package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/gotelco/telco/diameter"
)

func (p *program) decode(args []string) error {
	fs := p.flags("decode", `[flags] FILE...

Prints messages as trees. FILE is a capture (pcap or pcapng; TCP and SCTP on any port), or text with messages in
hexadecimal digits: plain, with colons, or as hexdump, xxd, tcpdump -x and Wireshark print them. "-" is standard input.

    diacat decode trace.pcapng
    tcpdump -w - port 3868 | diacat decode -
    echo 0100001480000118... | diacat decode -
`)
	p.textFlags(fs)
	check := fs.Bool("check", false, "say what in a message is against its grammar")
	only := fs.String("only", "", "print only these `commands`, separated by commas, such as MAR,MAA")
	if err := p.parse(fs, args, 1, -1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(*only, ",") {
		if name != "" {
			wanted[name] = true
		}
	}
	bad := false
	for _, name := range fs.Args() {
		err := p.messages(name, func(f frame) {
			if len(wanted) > 0 && !wanted[p.dict.of(f.msg.ApplicationID).CommandName(f.msg.Header)] {
				return
			}
			if f.number > 0 {
				fmt.Fprintf(p.out, "frame %d %s%s -> %s\n", f.number, clock(f.at), f.from, f.to)
			}
			p.out.Write(p.dict.tree(f.msg))
			if f.err != nil {
				bad = true
				fmt.Fprintf(p.out, "  ! %s\n", trimmed(f.err))
			} else if *check {
				for _, s := range p.dict.check(f.msg) {
					bad = true
					fmt.Fprintf(p.out, "  ! %s\n", s)
				}
			}
		}, func(string, string, string) {})
		if err != nil {
			return err
		}
	}
	if bad {
		return errFailed
	}
	return nil
}

func (p *program) explain(args []string) error {
	fs := p.flags("explain", `[flags] FILE...|CODE

Says why exchanges of a capture failed: refused capabilities, missing and unknown AVPs, realms without a route, requests
without an answer, peers that part or fall silent. With a number, what that result code means. The status is 1 if
something failed.

    diacat explain trace.pcapng
    diacat explain 5010
`)
	p.textFlags(fs)
	wait := fs.Duration("wait", 2*time.Second, "how long before the capture's end a request must be to count as not answered")
	if err := p.parse(fs, args, 1, -1); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	if _, err := os.Stat(fs.Arg(0)); err != nil && fs.Arg(0) != "-" && fs.NArg() == 1 {
		return p.explainCode(fs.Arg(0))
	}
	any := false
	for _, name := range fs.Args() {
		x := newExplainer(p.dict)
		count := 0
		err := p.messages(name, func(f frame) { count++; x.add(f) }, x.closing)
		if err != nil {
			return err
		}
		x.finish(*wait)
		if x.write(p.out) {
			any = true
		} else {
			fmt.Fprintf(p.out, "%s: %d messages, nothing failed\n", name, count)
		}
	}
	if any {
		return errFailed
	}
	return nil
}

// messages calls found for each message of a file.
func (p *program) messages(name string, found func(frame), closed func(who, other, how string)) error {
	b, err := p.read(name)
	if err != nil {
		return err
	}
	if isCapture(b) {
		x := newExtractor(found, closed)
		if err := readCapture(b, x.packet); err != nil {
			fmt.Fprintf(p.err, "%s: %v after %d packets\n", name, err, x.packets)
		}
		if x.gaps > 0 {
			fmt.Fprintf(p.err, "%s: packets are missing in %d places\n", name, x.gaps)
		}
		if x.messages == 0 {
			return fmt.Errorf("%s: no Diameter in %d packets", name, x.packets)
		}
		return nil
	}
	octets, err := parseHex(string(b))
	if err != nil {
		return invalid{fmt.Errorf("%s: neither a capture nor hexadecimal digits: %w", name, err)}
	}
	for len(octets) > 0 {
		h, n, err := diameter.ParseHeader(octets)
		if err == nil && n > len(octets) {
			err = fmt.Errorf("%d octets are missing", n-len(octets))
			n = len(octets)
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m, bad := diameter.ParseMessage(octets[:n])
		if err == nil {
			err = bad
		} else {
			m.Header = h
			m.AVPs = diameter.AVPs(octets[diameter.HeaderLen:n])
		}
		// Who sent it isn't known: requests come from one side, answers from the other.
		f := frame{from: "client", to: "server", msg: m, err: err}
		if !h.IsRequest() {
			f.from, f.to = f.to, f.from
		}
		found(f)
		octets = octets[n:]
	}
	return nil
}

var (
	dumpOffset = regexp.MustCompile(`(?m)^\s*(?:0x)?[0-9a-fA-F]{4,8}(?::\s+|\s{2,})`)
	between    = strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "", ":", "", "0x", "", ",", "", "\\x", "")
)

// parseHex reads hexadecimal digits as people copy them.
func parseHex(text string) ([]byte, error) {
	if dumpOffset.MatchString(text) {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if at := dumpOffset.FindStringIndex(line); at != nil && at[0] == 0 {
				b.WriteString(dumpLine(line[at[1]:]))
			}
		}
		text = b.String()
	}
	digits := between.Replace(text)
	if digits == "" {
		return nil, errors.New("nothing in it")
	}
	return hex.DecodeString(digits)
}

// dumpLine returns the digits of a line of a dump: up to 16 octets, in groups. The text behind them is not of it.
func dumpLine(line string) string {
	line, _, _ = strings.Cut(line, "|")
	line, _, _ = strings.Cut(line, "   ")
	var digits strings.Builder
	for group := range strings.FieldsSeq(line) {
		if _, err := hex.DecodeString(group); err != nil || digits.Len()+len(group) > 32 {
			break
		}
		digits.WriteString(group)
	}
	return digits.String()
}

// check compares a message with its grammar.
func (d *dictionary) check(m diameter.Message) []string {
	own := d.of(m.ApplicationID)
	g, ok := own.Grammar(m.Header)
	if !ok {
		return nil
	}
	if m.Flags&diameter.ErrorFlag != 0 { // an answer-message, whose grammar is another
		return nil
	}
	var bad []string
	counts := map[[2]uint32]int{}
	for a := range m.AVPs.All() {
		counts[[2]uint32{uint32(a.VendorID), uint32(a.Code)}]++
	}
	for _, member := range g.Members {
		def, ok := own.LookupAVP(member.Name)
		if !ok {
			continue
		}
		switch n := counts[[2]uint32{uint32(def.VendorID), uint32(def.Code)}]; {
		case n < member.Min:
			bad = append(bad, fmt.Sprintf("%v is missing", member))
		case member.Max >= 0 && n > member.Max:
			bad = append(bad, fmt.Sprintf("%v is there %d times", member, n))
		}
	}
	if err := own.CheckFlags(m); err != nil {
		bad = append(bad, trimmed(err))
	}
	return bad
}
