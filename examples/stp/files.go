package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/stp"
)

// load reads a configuration.
func load(file string) (*stp.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return stp.ParseConfig(file, text)
}

// print writes a value as JSON.
func (p *program) print(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// check prints what is wrong with files, and with the network that they make. The status is 1 if one of them cannot be run.
func (p *program) check(files []string) error {
	bad := false
	all := []stp.Finding{}
	var network []*stp.Config
	for _, file := range files {
		c, err := load(file)
		if err != nil {
			fmt.Fprintln(p.stderr, prefixed(err))
			bad = true
			continue
		}
		found := c.Check()
		all = append(all, found...)
		if len(stp.Errors(found)) == 0 {
			network = append(network, c)
		}
		if p.json {
			continue
		}
		for _, f := range found {
			fmt.Fprintln(p.stdout, f)
		}
		links := 0
		for _, l := range c.Linksets {
			links += len(l.Links)
		}
		if len(stp.Errors(found)) == 0 {
			fmt.Fprintf(p.stdout, "%s: ok: %s %s, %d linksets with %d links, %d as, %d routes\n", file, c.Name(), c.Node.Format.PointCodeString(c.Node.PointCode),
				len(c.Linksets), links, len(c.AS), len(c.Routes))
		}
	}
	together := stp.CheckNetwork(network...)
	all = append(all, together...)
	if p.json {
		if err := p.print(findings(all)); err != nil {
			return err
		}
	} else {
		for _, f := range together {
			fmt.Fprintln(p.stdout, f)
		}
	}
	if bad || len(stp.Errors(all)) > 0 {
		return exitStatus(1)
	}
	return nil
}

// finding is a finding in JSON.
type finding struct {
	Kind   string `json:"kind"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
}

func findings(all []stp.Finding) []finding {
	out := make([]finding, 0, len(all))
	for _, f := range all {
		out = append(out, finding{f.Kind.String(), f.File, f.Pos.Line, f.Pos.Column, f.Text})
	}
	return out
}

func (p *program) config(file string) error {
	c, err := load(file)
	if err != nil {
		return err
	}
	text := c.Text()
	if p.full {
		text = c.Full()
	}
	_, err = p.stdout.Write(text)
	return err
}

func (p *program) importOsmo(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	c, found, err := stp.ImportOsmo(file, f)
	if err != nil {
		return err
	}
	for _, x := range append(found, c.Check()...) {
		fmt.Fprintln(p.stderr, x)
	}
	if _, err := fmt.Fprintf(p.stdout, "# from %s\n%s", file, c.Text()); err != nil {
		return err
	}
	if len(stp.Errors(found)) > 0 {
		return exitStatus(1)
	}
	return nil
}

// explain prints what becomes of a message, by a file or by the node that runs.
func (p *program) explain(a []string) error {
	if len(a) == 4 && a[3] != "live" {
		c, err := load(a[3])
		if err != nil {
			return err
		}
		q, err := p.query(c.Node.Format, a)
		if err != nil {
			return err
		}
		e, err := c.Explain(q, p.down...)
		if err != nil {
			return err
		}
		return p.explained(e)
	}
	if len(p.down) > 0 {
		return &usageError{"-down is for explaining a file"}
	}
	q, err := p.query(mtp3.Format{}, []string{"0", "0", a[2]}) // the node reads the point codes, in its own format
	if err != nil {
		return err
	}
	values := map[string]string{"opc": a[0], "dpc": a[1], "sls": a[2], "si": strconv.Itoa(int(q.SI)), "from": p.from, "called": p.called}
	var e stp.Explanation
	if err := p.get("explain", values, &e); err != nil {
		return err
	}
	return p.explained(e)
}

func (p *program) explained(e stp.Explanation) error {
	if p.json {
		return p.print(e)
	}
	_, err := io.WriteString(p.stdout, e.String())
	return err
}

var services = map[string]mtp3.ServiceIndicator{"sccp": mtp3.SCCP, "tup": mtp3.TUP, "isup": mtp3.ISUP, "mtp-test": mtp3.MTPTest, "b-isup": mtp3.BroadbandISUP}

func (p *program) query(f mtp3.Format, a []string) (q stp.Query, err error) {
	if q.Label.OPC, err = f.ParsePointCode(a[0]); err != nil {
		return q, err
	}
	if q.Label.DPC, err = f.ParsePointCode(a[1]); err != nil {
		return q, err
	}
	sls, err := strconv.ParseUint(a[2], 10, 8)
	if err != nil {
		return q, &usageError{fmt.Sprintf("an SLS is a number up to %d, not %q", f.SLSValues()-1, a[2])}
	}
	q.Label.SLS, q.From = mtp3.SLS(sls), p.from
	si, ok := services[strings.ToLower(p.si)]
	if n, err := strconv.ParseUint(p.si, 10, 4); err == nil {
		si, ok = mtp3.ServiceIndicator(n), true
	}
	if !ok {
		return q, &usageError{fmt.Sprintf("%q is no service indicator", p.si)}
	}
	q.SI = si
	if p.called != "" {
		d, err := sccp.ParseDigits(p.called)
		if err != nil {
			return q, err
		}
		q.SI = mtp3.SCCP
		q.Called = &sccp.Address{GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.InternationalNumber, Digits: d}}
	}
	return q, nil
}

// plan prints what a new configuration changes: in place of another file, or of what a node runs with.
func (p *program) plan(files []string) error {
	if len(files) == 1 {
		return p.send("plan", files[0])
	}
	old, err := load(files[0])
	if err != nil {
		return err
	}
	c, err := load(files[1])
	if err != nil {
		return err
	}
	return p.steps(stp.Plan(old, c))
}

func (p *program) steps(all []stp.Step) error {
	if p.json {
		return p.print(all)
	}
	kept := map[string]int{}
	var order []string
	for _, s := range all {
		if s.Kind != stp.StepKeep {
			fmt.Fprintln(p.stdout, s)
			continue
		}
		if kept[s.What] == 0 {
			order = append(order, s.What)
		}
		n := 1
		if s.Name == "" { // many in one step
			_, _ = fmt.Sscan(s.Text, &n) // else it is one
		}
		kept[s.What] += n
	}
	var parts []string
	for _, what := range order {
		parts = append(parts, fmt.Sprintf("%d %s", kept[what], what))
	}
	if len(parts) > 0 {
		fmt.Fprintf(p.stdout, "untouched: %s\n", strings.Join(parts, ", "))
	}
	return nil
}
