package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
)

// promises are what the program has acknowledged, of each user.
type promises struct {
	mu       sync.Mutex
	sqn      map[string]map[aka.SQN]bool // given out, by IMPI
	changes  map[string]int              // the last change that was acknowledged, by ID
	sent     map[string]int              // the last change that was sent
	assigned map[string]bool             // registered, as the last SAA said; absent while a SAR is unanswered
	acks     [3]int                      // vectors, changes, assignments
}

// TestKilled kills the program with SIGKILL in the middle of its work, over and over: no sequence number is given out twice, and
// nothing that it acknowledged is lost. TELCO_HSS_KILLS says how often, 3 times without it.
func TestKilled(t *testing.T) {
	kills := 3
	if s := os.Getenv("TELCO_HSS_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	cfg := write(t, filepath.Join(dir, "hss.yaml"), testConfig+"subscribers: [users.csv]\n")
	const users = 8
	file := "id,impi,k,opc,impus\n"
	p := &promises{sqn: map[string]map[aka.SQN]bool{}, changes: map[string]int{}, sent: map[string]int{}, assigned: map[string]bool{}}
	for i := range users {
		file += fmt.Sprintf("u%d,u%d@ims.example,%s,%s,sip:u%d@ims.example\n", i, i, demoK, demoOPc, i)
		p.sqn[fmt.Sprintf("u%d@ims.example", i)] = map[aka.SQN]bool{}
	}
	write(t, filepath.Join(dir, "users.csv"), file)
	for n := range kills + 1 {
		x := start(t, cfg)
		if n == 0 { // what the file says must not undo later changes
			write(t, cfg, testConfig)
		}
		p.check(t, x)
		if n == kills || t.Failed() {
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range users {
			wg.Go(func() { p.work(ctx, t, x, i) })
		}
		// Work goes on until something has been acknowledged, and then for a while.
		before := p.total()
		for p.total() < before+5 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		if err := x.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-x.end
		cancel()
		wg.Wait()
	}
	t.Logf("%d kills; acknowledged: %d vectors, %d changes over HTTP, %d assignments", kills, p.acks[0], p.acks[1], p.acks[2])
}

func (p *promises) total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acks[0] + p.acks[1] + p.acks[2]
}

// check holds what is there after a start against what was acknowledged.
func (p *promises) check(t *testing.T, x *process) {
	t.Helper()
	c := &client{server: &x.http}
	for id, want := range p.changes {
		var s hss.Subscriber
		if err := c.do(t.Context(), http.MethodGet, subscriberPath(id), nil, &s); err != nil {
			t.Fatal(err)
		}
		got, err := strconv.Atoi(s.PublicIdentities[0].DisplayName)
		if err != nil || got < want || got > p.sent[id] {
			t.Errorf("%s has change %q, acknowledged was %d, sent %d", id, s.PublicIdentities[0].DisplayName, want, p.sent[id])
		}
		p.sent[id], p.changes[id] = got, got
	}
	for id, registered := range p.assigned {
		sum, err := c.find(t.Context(), id)
		if err != nil || sum.Registered != registered {
			t.Errorf("%s registered: %v, acknowledged was %v (%v)", id, sum.Registered, registered, err)
		}
	}
}

// work asks for vectors, changes a user, and registers and deregisters him, until the program is gone.
func (p *promises) work(ctx context.Context, t *testing.T, x *process, i int) {
	id := fmt.Sprintf("u%d", i)
	impi, impu := id+"@ims.example", "sip:"+id+"@ims.example"
	s, err := newSCSCF(fmt.Sprintf("scscf%d.ims.example", i), "sip:"+id+".scscf.ims.example", "ims.example", "hss.ims.example", x.tcp, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.node.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a request that nobody answers is not waited for
		select {
		case <-x.end:
			cancel()
		case <-ctx.Done():
		}
	}()
	if s.node.Ready(ctx, "hss.ims.example") != nil {
		return
	}
	card := aka.NewMilenage(demoKey(demoK), demoKey(demoOPc))
	c := &client{server: &x.http}
	registered := false
	for ctx.Err() == nil {
		v, err := s.vector(ctx, impi, impu, nil)
		if err != nil {
			p.gone(t, ctx, x, "MAR", err)
			return
		}
		sqn, err := aka.CheckAUTN(card, [16]byte(v.SIPAuthenticate), [16]byte(v.SIPAuthenticate[16:]))
		if err != nil {
			t.Error(err)
			return
		}
		p.mu.Lock()
		if p.sqn[impi][sqn] {
			t.Errorf("%s: SQN %v was given out twice", impi, sqn)
		}
		p.sqn[impi][sqn] = true
		p.acks[0]++
		p.sent[id]++
		change := p.sent[id]
		p.mu.Unlock()

		body := fmt.Sprintf(`{"privateIdentities": [{"impi": %q, "aka": {"k": "***", "opc": "***"}}], "publicIdentities": [{"identity": %q, "displayName": "%d"}]}`, impi, impu, change)
		if err := c.do(ctx, http.MethodPut, subscriberPath(id), []byte(body), nil); err != nil {
			p.gone(t, ctx, x, "PUT", err)
			return
		}
		p.mu.Lock()
		p.changes[id] = change
		p.acks[1]++
		delete(p.assigned, id) // until it is answered nobody knows
		p.mu.Unlock()

		kind := cx.ServerAssignmentTypeRegistration
		if registered {
			kind = cx.ServerAssignmentTypeUserDeregistration
		}
		if err := s.assign(ctx, impi, impu, kind); err != nil {
			p.gone(t, ctx, x, "SAR", err)
			return
		}
		registered = !registered
		p.mu.Lock()
		p.assigned[id] = registered
		p.acks[2]++
		p.mu.Unlock()
	}
}

// gone takes an error for what the kill makes of a request, unless the program has said no.
func (p *promises) gone(t *testing.T, ctx context.Context, x *process, what string, err error) {
	t.Helper()
	select {
	case <-x.end:
		return
	case <-time.After(5 * time.Second): // the program's end is seen later than that of its connections
	}
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%s: %v", what, err)
	}
}
