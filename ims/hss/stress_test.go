package hss

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

// TestStress lets many ask and change at the same time while the store is compacted. No SEQ is given out twice, an S-CSCF is never
// told of a registration that it does not have, and the store that is opened afterwards is the one that was closed. TELCO_SOAK
// says for how long.
func TestStress(t *testing.T) {
	length := 300 * time.Millisecond
	if d, err := time.ParseDuration(os.Getenv("TELCO_SOAK")); err == nil {
		length = d
	}
	seed, err := strconv.ParseUint(os.Getenv("TELCO_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("TELCO_SEED=%d", seed)
	dir := t.TempDir()
	store, err := OpenStore(StoreConfig{Dir: dir, CompactAt: 100 << 10, Cache: 3})
	must(t, err)
	h, err := New(Config{Host: "hss", Realm: "realm", Store: store})
	must(t, err)
	const users = 6
	impi := func(i int) string { return fmt.Sprintf("u%d@ims.example", i) }
	impu := func(i int) string { return fmt.Sprintf("sip:u%d@ims.example", i) }
	put := func(i int, name string) error {
		s := &Subscriber{ID: fmt.Sprint(i), PrivateIdentities: []PrivateIdentity{{IMPI: impi(i), AKA: alice(t).PrivateIdentities[0].AKA}},
			PublicIdentities: []PublicIdentity{{Identity: impu(i), DisplayName: name}, {Identity: fmt.Sprintf("sip:many%d-!.*!@ims.example", i), Type: WildcardedPSI}}}
		_, err := h.As("test").Put(s, PutOptions{})
		return err
	}
	for i := range users {
		must(t, put(i, ""))
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	until := time.Now().Add(length)
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rnd := rand.New(rand.NewPCG(seed, uint64(w)))
			for time.Now().Before(until) {
				i := rnd.IntN(users)
				server := []string{s1, s2}[rnd.IntN(2)]
				var err error
				switch rnd.IntN(10) {
				case 0:
					err = put(i, fmt.Sprint(rnd.IntN(100)))
				case 1:
					if err = h.As("test").Delete(fmt.Sprint(i)); errors.Is(err, ErrNotFound) {
						err = nil
					}
				case 2:
					if err = h.As("test").Deregister(fmt.Sprint(i), Deregistration{}); errors.Is(err, ErrNotFound) {
						err = nil
					}
				case 3, 4:
					q := mar(impi(i), impu(i), server)
					a, e := h.mar(q, call{encode(t, q), true})
					if err = e; err == nil && a.Result() == success() {
						auth := fmt.Sprintf("%d %x", i, a.SIPAuthDataItem[0].SIPAuthenticate)
						mu.Lock()
						if seen[auth] {
							t.Errorf("a vector came twice")
						}
						seen[auth] = true
						mu.Unlock()
					}
				case 5, 6:
					q := sar(registration, server, impi(i), impu(i))
					_, err = h.sar(q, call{encode(t, q), true})
				case 7:
					q := sar(userDereg, server, impi(i), impu(i))
					_, err = h.sar(q, call{encode(t, q), true})
				case 8:
					q := uar(impi(i), impu(i))
					a, e := h.uar(q, call{encode(t, q), true})
					if err = e; err == nil && (a.Result() == cx.SubsequentRegistration) != a.ServerName.Present {
						t.Errorf("%v with the S-CSCF %v", a.Result(), a.ServerName)
					}
				case 9:
					if got := write(t, h, pur(as1, impu(i), sh.DataReferenceRepositoryData, repository("x", rnd.IntN(3), "<x/>"))); got != ok && got != unknown && named(got) != "OUT_OF_SYNC" {
						t.Error(got)
					}
					ask(t, h, lir(fmt.Sprintf("sip:many%d-x@ims.example", i)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	h.Close()
	type held struct {
		Subscriber *Subscriber
		State      *State
		Revision   uint64
		SQN        bool
	}
	contents := func(s *JournalStore) map[string]held {
		m := map[string]held{}
		for e := range s.All() {
			name := e.Subscriber.PrivateIdentities[0].IMPI
			m[e.ID()] = held{e.Subscriber, e.State, e.Revision, s.SQN(name) > 0}
		}
		return m
	}
	before, pushes := contents(store), store.Pushes()
	numbers := map[string]uint64{}
	for i := range users {
		numbers[impi(i)] = store.SQN(impi(i))
	}
	must(t, store.Close())
	again := open(t, dir)
	if diff := cmp.Diff(before, contents(again), compareSecrets); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(pushes, again.Pushes()); diff != "" {
		t.Error(diff)
	}
	for name, n := range numbers {
		if again.SQN(name) < n {
			t.Errorf("%s: SEQ %d after %d", name, again.SQN(name), n)
		}
	}
}
