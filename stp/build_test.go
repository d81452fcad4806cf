package stp

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
)

func TestOwnersAndRoutes(t *testing.T) {
	c := parse(t, `
node: {point-code: 1.2.1, aliases: 1.2.2}
linkset: [{name: l, adjacent: 4.5.1}, {name: m, adjacent: 4.5.2}]
as:
- {name: one, point-code: 1.2.3}
- {name: calls, keys: [{dpc: 1.2.4, si: isup}, {dpc: 1.2.5}]}
- {name: texts, keys: {dpc: 1.2.4, si: sccp}}
- {name: self, point-code: 1.2.2}
gateway: {name: g, connect: 10.0.0.1, point-codes: 1.2.7}
route:
- {to: 4.5.0/11, via: [l, m], priority: 2}
- {to: 4.5.0/11, via: g}
- {to: 4.5.0/11, via: l}
- {to: 7.7.7, via: texts}
`)
	wantOwners := []ownerPlan{
		{Name: "as one", Item: "one", Members: []string{"one"}, Points: []mtp3.PointCode{2067}},
		{Name: "as calls", Item: "calls", Members: []string{"calls"}, Points: []mtp3.PointCode{2069}},
		{Name: "as texts", Item: "texts", Members: []string{"texts"}},
		{Name: "as self", Item: "self", Members: []string{"self"}},
		{Kind: ownerPoint, Name: "point 1.2.4", Members: []string{"calls", "texts"}, Points: []mtp3.PointCode{2068}},
		{Kind: ownerGateway, Name: "gateway g", Item: "g", Members: []string{"g"}, Points: []mtp3.PointCode{2071}},
	}
	if diff := cmp.Diff(wantOwners, c.owners()); diff != "" {
		t.Error(diff)
	}
	behind := mtp3.Destination{PC: 8232, Wild: 3}
	wantRoutes := []routePlan{
		{To: mtp3.Destination{PC: 2067}, Owner: "as one", Implicit: true},
		{To: mtp3.Destination{PC: 2069}, Owner: "as calls", Implicit: true},
		{To: mtp3.Destination{PC: 2068}, Owner: "point 1.2.4", Implicit: true},
		{To: mtp3.Destination{PC: 2071}, Owner: "gateway g", Implicit: true},
		{To: behind, Linkset: "l", Priority: 2},
		{To: behind, Linkset: "m", Priority: 2},
		{To: behind, Owner: "gateway g", Priority: 5},
		{To: mtp3.Destination{PC: 14399}, Owner: "as texts", Priority: 5},
	}
	if diff := cmp.Diff(wantRoutes, c.routes(), ignorePos); diff != "" {
		t.Error(diff)
	}
}
