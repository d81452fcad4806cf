package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gotelco/telco/stp"
)

// show prints a part of the status of the node that runs.
func (p *program) show(a []string) error {
	var s stp.Status
	if err := p.get("status", nil, &s); err != nil {
		return err
	}
	part := a[0]
	if part == "route" {
		return p.route(s, a[1:])
	}
	if len(a) > 1 {
		return &usageError{"show " + part + " wants no more words"}
	}
	parts := map[string]any{"all": s, "links": s.Links, "linksets": s.Linksets, "as": s.AS, "asp": s.ASPs, "gateways": s.Gateways,
		"routes": s.Routes, "traffic": s.Traffic, "alarms": s.Alarms}
	v, ok := parts[part]
	if !ok {
		return &usageError{fmt.Sprintf("there is no %q to show", part)}
	}
	if p.json {
		return p.print(v)
	}
	names := []string{part}
	if part == "all" {
		fmt.Fprintf(p.stdout, "%s %s, network %s, up for %s\n", s.Name, s.PointCode, s.Network, ago(s.Now, s.Since))
		names = []string{"linksets", "links", "as", "asp", "gateways", "routes", "traffic", "alarms"}
	}
	for _, n := range names {
		if part == "all" {
			fmt.Fprintf(p.stdout, "\n%s\n", strings.ToUpper(n))
		}
		table(p.stdout, s, n)
	}
	return nil
}

// ago is how long something has been so.
func ago(now, since time.Time) string {
	if since.IsZero() {
		return "always"
	}
	switch d := now.Sub(since); {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < 24*time.Hour:
		return d.Round(time.Second).String()
	default:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// table writes a part of a status as operators want it.
func table(out io.Writer, s stp.Status, part string) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	row := func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, c)
		}
		fmt.Fprintln(w)
	}
	fail := func(why string, at time.Time) string {
		if why == "" {
			return ""
		}
		return why + ", " + ago(s.Now, at) + " ago"
	}
	switch part {
	case "links":
		row("LINK", "STATE", "FOR", "SLS", "MSUS IN", "OUT", "QUEUE", "CHANGEOVERS", "LAST FAILURE")
		for _, l := range s.Links {
			state := l.State
			if l.Congestion > 0 {
				state += fmt.Sprintf(", congested %d", l.Congestion)
			}
			row(l.Name, state, ago(s.Now, l.Since), numbers(l.SLS), l.MSUsIn, l.MSUsOut, l.Queued+l.Unacknowledged, l.Changeovers, fail(l.Failure, l.FailedAt))
		}
	case "linksets":
		row("LINKSET", "ADJACENT", "STATE", "FOR", "LINKS", "IN SERVICE")
		for _, l := range s.Linksets {
			row(l.Name, l.Adjacent, l.State, ago(s.Now, l.Since), l.Links, l.InService)
		}
	case "as":
		row("AS", "POINTS", "RC", "STATE", "FOR", "MODE", "ASPS", "TRANSFERRED", "REFUSED", "WAITING")
		for _, a := range s.AS {
			var asps []string
			for _, name := range slices.Sorted(maps.Keys(a.ASPs)) {
				asps = append(asps, name+" "+a.ASPs[name])
			}
			row(a.Name, strings.Join(a.PointCodes, " "), a.RoutingContext, blocked(a.State, a.Blocked), ago(s.Now, a.Since), a.Mode, strings.Join(asps, ", "), a.Transferred, a.Refused, a.Waiting)
		}
	case "asp":
		row("ASP", "STATE", "FOR", "FROM", "MESSAGES IN", "OUT", "QUEUE", "DROPPED", "LAST FAILURE")
		for _, a := range s.ASPs {
			row(a.Name, blocked(a.State, a.Blocked), ago(s.Now, a.Since), cmp.Or(a.Remote, "-"), a.MessagesIn, a.Messages, a.Queued, a.Dropped, fail(a.Failure, a.FailedAt))
		}
	case "gateways":
		row("GATEWAY", "STATE", "FOR", "ACTIVE", "OF", "LAST FAILURE")
		for _, g := range s.Gateways {
			row(g.Name, g.State, ago(s.Now, g.Since), g.Active, g.Of, fail(g.Failure, g.FailedAt))
		}
	case "routes":
		row("TO", "STATE", "FOR", "VIA", "PRIORITY", "WAY", "SLS")
		for _, r := range s.Routes {
			state := r.State
			if r.Congestion > 0 {
				state += fmt.Sprintf(", congested %d", r.Congestion)
			}
			if r.Diverting {
				state += ", diverting"
			}
			for i, v := range r.Ways {
				if i == 0 {
					row(r.To, state, ago(s.Now, r.Since), v.Via, v.Priority, v.State, v.SLS)
				} else {
					row("", "", "", v.Via, v.Priority, v.State, v.SLS)
				}
			}
			if len(r.Ways) == 0 {
				row(r.To, state, ago(s.Now, r.Since), "-", "", "", "")
			}
		}
	case "traffic":
		t := s.Traffic
		for _, x := range []struct {
			name string
			n    uint64
		}{{"from links", t.FromLinks}, {"to links", t.ToLinks}, {"from AS", t.FromAS}, {"to AS", t.ToAS}, {"to users of this node", t.ToUsers},
			{"from users of this node", t.FromUsers}, {"changeovers", t.Changeovers}, {"changebacks", t.Changebacks}, {"retrieved at changeover", t.Retrieved}, {"held for diversions now", uint64(t.Held)}} {
			row(x.name, x.n)
		}
		for _, reason := range slices.Sorted(maps.Keys(t.Dropped)) {
			row("not forwarded: "+reason, t.Dropped[reason])
		}
	case "alarms":
		if len(s.Alarms) == 0 {
			row("none")
			return
		}
		row("SEVERITY", "ABOUT", "FOR", "ALARM")
		for _, a := range s.Alarms {
			row(a.Severity, a.Kind+" "+a.About, ago(s.Now, a.Since), a.Text)
		}
	}
}

func blocked(state string, b bool) string {
	if b {
		return state + ", blocked"
	}
	return state
}

// numbers writes small numbers with ranges: 0 4-7 9.
func numbers(n []int) string {
	if len(n) == 0 {
		return "-"
	}
	n = slices.Sorted(slices.Values(n))
	var parts []string
	for i := 0; i < len(n); {
		j := i
		for j+1 < len(n) && n[j+1] == n[j]+1 {
			j++
		}
		switch {
		case j > i+1:
			parts = append(parts, fmt.Sprintf("%d-%d", n[i], n[j]))
		case j == i+1:
			parts = append(parts, strconv.Itoa(n[i]), strconv.Itoa(n[j]))
		default:
			parts = append(parts, strconv.Itoa(n[i]))
		}
		i = j + 1
	}
	return strings.Join(parts, " ")
}

// route prints the ways to a point, and what happens to an SLS if one is given.
func (p *program) route(s stp.Status, a []string) error {
	if len(a) != 1 && (len(a) != 3 || a[1] != "sls") {
		return &usageError{"show route wants PC, or PC sls N"}
	}
	sls := "0"
	if len(a) == 3 {
		sls = a[2]
	}
	var e stp.Explanation
	if err := p.get("explain", map[string]string{"opc": s.PointCode, "dpc": a[0], "sls": sls}, &e); err != nil {
		return err
	}
	if p.json {
		return p.print(e)
	}
	for _, step := range e.Steps {
		if step.Title == "origin" || step.Title == "screening" || step.Title == "discrimination" && len(e.Steps) > 3 || step.Title == "link" && len(a) == 1 {
			continue
		}
		fmt.Fprintf(p.stdout, "%s: %s\n", step.Title, step.Text)
		for _, d := range step.Details {
			fmt.Fprintln(p.stdout, "  "+d)
		}
	}
	if len(a) == 3 {
		fmt.Fprintf(p.stdout, "SLS %s: %s\n", sls, e.Conclusion)
	}
	return nil
}
