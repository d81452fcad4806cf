package hss

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter/cx"
)

// TestSoakKill ends with SIGKILL, again and again, an HSS that gives out vectors, registers, deregisters, changes subscriptions and
// compacts its store: no SQN comes twice, and no change is lost that was acknowledged. TELCO_KILLS says how often.
func TestSoakKill(t *testing.T) {
	if dir := os.Getenv("TELCO_HSS_CHILD"); dir != "" {
		killed(t, dir)
		return
	}
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("TELCO_KILLS")); err == nil {
		kills = n
	} else if testing.Short() {
		kills = 3
	}
	dir := t.TempDir()
	highest := map[string]uint64{}   // of each card, the last SEQ that was given out
	acked := map[string]string{}     // of each user, the last state that was acknowledged
	started := map[string][]string{} // of each user, the changes under way since
	torn, vectors, changes := 0, 0, 0
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSoakKill$")
		cmd.Env = append(os.Environ(), "TELCO_HSS_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		kill := time.AfterFunc(time.Hour, func() {})
		for lines.Scan() {
			f := strings.Fields(lines.Text())
			switch {
			case len(f) == 1 && f[0] == "ready":
				kill = time.AfterFunc(time.Duration(rand.IntN(20000))*time.Microsecond, func() { cmd.Process.Kill() })
			case len(f) == 3 && f[0] == "sqn":
				seq, err := strconv.ParseUint(f[2], 10, 64)
				if err != nil {
					continue // cut off
				}
				if seq <= highest[f[1]] {
					t.Fatalf("kill %d: %s got SEQ %d after %d", i, f[1], seq, highest[f[1]])
				}
				highest[f[1]] = seq
				vectors++
			case len(f) == 4 && f[0] == "begin" && f[3] == ".":
				started[f[1]] = append(started[f[1]], f[2])
			case len(f) == 4 && f[0] == "done" && f[3] == ".":
				acked[f[1]], started[f[1]] = f[2], nil
				changes++
			case len(f) > 0 && f[0] == "failed":
				t.Fatalf("kill %d: %s", i, lines.Text())
			}
		}
		kill.Stop()
		cmd.Process.Kill()
		cmd.Wait()
		s := open(t, dir)
		if s.Report().Torn > 0 {
			torn++
		}
		for user, want := range acked {
			got := stateOf(s, user)
			if got != want && !slices.Contains(started[user], got) {
				t.Fatalf("kill %d: %s was acknowledged as %s, is %s; begun since: %v", i, user, want, got, started[user])
			}
			acked[user], started[user] = got, nil
		}
		must(t, s.Close())
	}
	t.Logf("%d kills, %d torn tails, %d vectors, %d changes acknowledged", kills, torn, vectors, changes)
}

const killUsers = 4

// stateOf puts what is kept of a user into a word: his display name, which the administration changes, and his S-CSCF.
func stateOf(s Store, id string) string {
	e, ok := s.Find(Key{KeyID, id})
	if !ok {
		return "none"
	}
	p := &e.Subscriber.PublicIdentities[0]
	scscf := "-"
	if r := e.State.registration(p); r != nil {
		scscf = r.SCSCF + "/" + strings.ReplaceAll(r.State.String(), " ", "-")
	}
	return p.DisplayName + "/" + scscf
}

// killed works on the store in dir until the process ends. A line tells of each SQN before anybody else could see it, and of each
// change before it is made and after it has been acknowledged.
func killed(t *testing.T, dir string) {
	s, err := OpenStore(StoreConfig{Dir: dir, CompactAt: -1})
	must(t, err)
	h, err := New(Config{Host: "hss", Realm: "realm", Store: s})
	must(t, err)
	fmt.Println("ready")
	var out sync.Mutex
	say := func(format string, a ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", a...)
	}
	for w := range killUsers {
		id := fmt.Sprintf("user%d", w)
		impi, impu := id+"@ims.example", "sip:"+id+"@ims.example"
		go func() { // vectors
			for {
				e, ok := s.Find(Key{KeyID, id})
				if !ok {
					time.Sleep(time.Millisecond)
					continue
				}
				first, err := s.NextSQN(e.Subscriber.PrivateIdentities[0].Name(), 1+rand.IntN(3), 0, true)
				if err != nil {
					say("failed %v", err)
					return
				}
				say("sqn %s %d", id, first)
				if rand.IntN(500) == 0 {
					if err := s.RaiseSQN(impi, first+uint64(rand.IntN(1000))); err != nil {
						say("failed %v", err)
						return
					}
				}
			}
		}()
		go func() { // changes
			name := 0
			if p := strings.Split(stateOf(s, id), "/"); p[0] != "none" {
				name, _ = strconv.Atoi(p[0])
			}
			for {
				current := stateOf(s, id)
				var err error
				_, rest, _ := strings.Cut(current, "/")
				switch n := rand.IntN(10); {
				case current == "none" || n < 4:
					name++
					if current == "none" {
						rest = "-"
					}
					say("begin %s %d/%s .", id, name, rest)
					sub := &Subscriber{ID: id, PrivateIdentities: []PrivateIdentity{{IMPI: impi}},
						PublicIdentities: []PublicIdentity{{Identity: impu, DisplayName: strconv.Itoa(name)}}}
					_, err = h.As("test").Put(sub, PutOptions{})
				case n == 4:
					say("begin %s none .", id)
					err = h.As("test").Delete(id)
				case n < 8:
					say("begin %s %d/%s/registered .", id, name, s1)
					q := sar(cx.ServerAssignmentTypeRegistration, s1, impi, impu)
					_, err = h.sar(q, call{encode(t, q), true})
				default:
					say("begin %s %d/- .", id, name)
					q := sar(cx.ServerAssignmentTypeUserDeregistration, s1, impi, impu)
					_, err = h.sar(q, call{encode(t, q), true})
				}
				if err != nil {
					say("failed %v", err)
					return
				}
				say("done %s %s .", id, stateOf(s, id))
			}
		}()
	}
	for range 10000 {
		s.Compact()
		time.Sleep(time.Millisecond)
	}
}
