package mtp3

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestAddRoutes adds the same routes one by one and at once.
func TestAddRoutes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var routes []Route
	for range 2000 {
		d := Destination{PC: PointCode(rnd.IntN(1 << 14)), Wild: uint8(max(0, rnd.IntN(8)-3))}.Canonical()
		routes = append(routes, Route{Destination: d, Owner: OwnerID(1 + rnd.IntN(4)), Priority: uint8(rnd.IntN(3))})
	}
	now := time.Unix(0, 0)
	build := func() *Node {
		n, err := NewNode(Config{PointCode: 16383})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			id, err := n.AddOwner(OwnerConfig{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			n.SetOwner(now, id, Available, nil)
		}
		return n
	}
	one, all := build(), build()
	refused := 0
	for _, r := range routes {
		if _, err := one.AddRoute(now, r, nil); err != nil {
			refused++
		}
	}
	_, err := all.AddRoutes(now, routes, nil)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || refused == 0 || len(joined.Unwrap()) != refused {
		t.Errorf("%d refused one by one, at once: %v", refused, err)
	}
	for _, n := range []*Node{one, all} {
		n.Expire(now.Add(time.Second), nil) // what moves keeps its order for T6
	}
	for pc := range PointCode(1 << 14) {
		for sls := range SLS(16) {
			if want, got := one.Router().Route(pc, sls), all.Router().Route(pc, sls); got != want {
				t.Fatalf("%d SLS %d: %+v, want %+v", pc, sls, got, want)
			}
		}
	}
}
