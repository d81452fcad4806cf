package mtp3

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestExplain: every step of a decision is told as Transfer makes it, before, during and after the loss of links.
func TestExplain(t *testing.T) {
	w := newNetwork(t)
	var handed []OwnerID
	a := w.node(Config{Name: "A", PointCode: 2065, Transfer: true, ToOwner: func(id OwnerID, m *MSU, raw []byte) { handed = append(handed, id) }})
	b := w.node(Config{Name: "B", PointCode: 8233, Transfer: true})
	c := w.node(Config{Name: "C", PointCode: 4130, Transfer: true})
	ab, _, links := w.linksets(a, b, 2)
	ac, _, _ := w.linksets(a, c, 1)
	w.route(a, "4.5.0/11", ab, 1)
	w.route(a, "4.5.0/11", ac, 2)
	owner, err := a.AddOwner(OwnerConfig{Name: "x", Screen: Screen{Rules: []Rule{{SI: []ServiceIndicator{SCCP}, Deny: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := a.AddRoute(w.now, Route{Destination: Destination{PC: 2067}, Owner: owner}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.take(a.SetOwner(w.now, owner, Available, out))
	explain := func(dpc PointCode, sls SLS, si ServiceIndicator) Explanation {
		return a.Explain(Query{Label: Label{OPC: 2067, DPC: dpc, SLS: sls}, SI: si, Owner: owner})
	}
	check := func(e Explanation, reason Reason, conclusion string) {
		t.Helper()
		if e.Reason != reason || e.Conclusion != conclusion {
			t.Errorf("%v: %v %q, want %v %q", e.Query.Label, e.Reason, e.Conclusion, reason, conclusion)
		}
	}
	check(explain(8238, 1, ISUP), DestinationUnavailable, "not forwarded: destination unavailable")
	w.start()
	w.run(90 * time.Second)

	e := explain(8238, 1, ISUP)
	check(e, Forwarded, "over link 4.5.1/1 of linkset 4.5.1 to 4.5.1")
	if diff := cmp.Diff([]Destination{{PC: 8232, Wild: 3}}, e.Within); diff != "" {
		t.Error(diff)
	}
	var why []string
	for _, x := range e.Candidates {
		why = append(why, x.Name+": "+x.Why)
		for _, l := range x.Links {
			why = append(why, l.Name+": "+l.Why)
		}
	}
	if diff := cmp.Diff([]string{
		"4.5.1: the best way for this SLS: priority 1, available", "4.5.1/0: it carries other SLS", "4.5.1/1: SLS 1 belongs to it",
		"2.4.2: priority 2 is worse than 1",
	}, why); diff != "" {
		t.Error(diff)
	}
	check(explain(8238, 1, SCCP), ScreenedOut, "not forwarded: screened out")
	check(explain(5, 1, ISUP), UnknownDestination, "not forwarded: unknown destination")
	check(explain(2067, 1, ISUP), CircularRoute, "not forwarded: circular route")
	check(explain(2065, 1, TUP), UserUnavailable, "not forwarded: user unavailable")
	check(a.Explain(Query{Label: Label{OPC: 8238, DPC: 2067}, SI: ISUP, Linkset: ab}), Forwarded, "to x for 1.2.3")
	check(a.Explain(Query{Label: Label{OPC: 2067, DPC: 8238}, SI: ISUP, Linkset: ab}), CircularRoute, "not forwarded: circular route")

	links[1].cut(0, 0)
	for range 1000 {
		if explain(8238, 1, ISUP).Waits != "" {
			break
		}
		w.run(time.Millisecond)
	}
	check(explain(8238, 1, ISUP), Forwarded, "waits: changeover from 4.5.1/1, for its acknowledgement")
	w.run(3 * time.Second)
	e = explain(8238, 1, ISUP)
	check(e, Forwarded, "over link 4.5.1/0 of linkset 4.5.1 to 4.5.1")
	if got := e.Candidates[0].Links; got[0].Why != "it stands in for 4.5.1/1, which is "+got[1].State.String() {
		t.Errorf("%+v", got)
	}
	links[0].cut(0, 0)
	w.run(3 * time.Second)
	e = explain(8238, 1, ISUP)
	check(e, Forwarded, "over link 2.4.2/0 of linkset 2.4.2 to 2.4.2")
	if e.Candidates[0].Why != "no link of the linkset is in service" {
		t.Errorf("%+v", e.Candidates[0])
	}
	if got := a.Links(); len(got) != 3 || got[0].FailedAt.IsZero() || got[0].Failure == UnknownFailure || len(got[2].SLS) != 16 || got[2].State != LinkInService {
		t.Errorf("links %+v", got)
	}
	if got := a.Linksets(); len(got) != 2 || got[0].Available || !got[1].Available || got[0].Usable != 0 || got[0].Since.IsZero() {
		t.Errorf("linksets %+v", got)
	}
	if got := a.Owners(); len(got) != 1 || got[0].State != Available || got[0].Name != "x" {
		t.Errorf("owners %+v", got)
	}
	for _, d := range a.Destinations() {
		if d.Destination.Wild == 3 && (d.Routes[0].SLS != 0 || d.Routes[1].SLS != 16 || d.State != Available) {
			t.Errorf("%+v", d)
		}
	}
	a.take(a.TransferFrom(w.now, owner, MSU{NI: National, SI: ISUP, Label: Label{OPC: 1, DPC: 2065}}, nil))
	m := MSU{NI: National, SI: ISUP, Label: Label{OPC: 2065, DPC: 2067}}
	a.take(a.Transfer(w.now, m, nil))
	if len(handed) != 1 || handed[0] != owner || len(a.toOwner) != 0 {
		t.Errorf("handed to %v, outputs %v", handed, a.toOwner)
	}
}
