package hss

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// silent is an S-CSCF that never answers a PPR, as some do.
type silent struct{ peers }

func (p *silent) Do(ctx context.Context, req encoding.BinaryAppender) (diameter.Answer, error) {
	if m, err := diameter.NewMessage(req); err == nil && m.Code == cx.CommandPushProfile {
		p.mu.Lock()
		p.sent = append(p.sent, "PPR "+m.Text(diameter.AVPUserName, 0))
		p.mu.Unlock()
		<-ctx.Done()
		return diameter.Answer{}, ctx.Err()
	}
	return p.peers.Do(ctx, req)
}

// A PPR that nobody answers holds up neither other users nor a RTR; it is not sent any more when the user is gone.
func TestPushSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fixture(t, nil)
		p := &silent{peers{answer: func(diameter.Message, int) (diameter.Result, error) { return success(), nil }}}
		h.Attach(p)
		admin := h.As("test")
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		ask(t, h, sar(registration, s1, bobIMPI, bobIMPU))
		for i := range 3 {
			v, err := admin.Get("alice")
			must(t, err)
			v.Subscriber.PublicIdentities[0].DisplayName = fmt.Sprint(i)
			_, err = admin.Put(v.Subscriber, PutOptions{})
			must(t, err)
		}
		time.Sleep(time.Second)
		must(t, admin.Deregister("bob", Deregistration{}))
		time.Sleep(time.Second)
		must(t, admin.Deregister("alice", Deregistration{}))
		time.Sleep(time.Second)
		want := []string{"PPR " + aliceIMPI, "RTR " + bobIMPI}
		if got := p.list(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", got, want)
		}
		time.Sleep(time.Minute)
		want = append(want, "RTR "+aliceIMPI)
		if got := p.list(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", got, want)
		}
		owed(t, h)
		if n := h.Stats().PushesOwed; n != 0 {
			t.Errorf("%d are owed", n)
		}
		h.Close()
	})
}

// What is sent of a profile is what it is then.
func TestPushCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fixture(t, nil)
		admin := h.As("test")
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		for _, name := range []string{"Old", "New"} {
			v, err := admin.Get("alice")
			must(t, err)
			v.Subscriber.PublicIdentities[0].DisplayName = name
			_, err = admin.Put(v.Subscriber, PutOptions{})
			must(t, err)
		}
		var got []string
		h.Attach(&peers{answer: func(m diameter.Message, _ int) (diameter.Result, error) {
			q, err := cx.ParsePPR(m)
			must(t, err)
			profile, err := cx.ParseIMSSubscription(q.UserData)
			must(t, err)
			got = append(got, profile.ServiceProfiles[0].PublicIdentities[0].DisplayName)
			return success(), nil
		}})
		time.Sleep(time.Second)
		h.Close()
		if fmt.Sprint(got) != "[New New]" {
			t.Errorf("%q", got)
		}
	})
}

// A node that cannot be reached is left alone, with all that is owed to it.
func TestPushUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := fixture(t, func(c *Config) { c.Push.Max = 3 })
		p := &peers{answer: func(_ diameter.Message, n int) (diameter.Result, error) {
			if n < 3 {
				return diameter.Result{}, &diameter.RouteError{ResultCode: diameter.UnableToDeliver, Host: "s1"}
			}
			return success(), nil
		}}
		h.Attach(p)
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		ask(t, h, sar(registration, s1, bobIMPI, bobIMPU))
		admin := h.As("test")
		for i := range 5 { // two are too many
			v, err := admin.Get("alice")
			must(t, err)
			v.Subscriber.PublicIdentities[0].DisplayName = fmt.Sprint(i)
			_, err = admin.Put(v.Subscriber, PutOptions{})
			must(t, err)
			time.Sleep(time.Millisecond)
		}
		must(t, admin.Deregister("bob", Deregistration{}))
		time.Sleep(4 * time.Second)
		if got := p.list(); len(got) != 1 {
			t.Errorf("%q", got)
		}
		time.Sleep(time.Minute)
		if got := p.list(); len(got) != 7 || got[1] != "RTR "+bobIMPI {
			t.Errorf("%q", got)
		}
		if s := h.Stats(); s.PushesOwed != 0 || s.PushesGivenUp != 2 || s.PushesDone != 4 {
			t.Errorf("%+v", s)
		}
		h.Close()
	})
}

// peers answers pushes as the test wants.
type peers struct {
	mu     sync.Mutex
	answer func(m diameter.Message, n int) (diameter.Result, error) // n counts from 0
	sent   []string
}

func (p *peers) Do(_ context.Context, req encoding.BinaryAppender) (diameter.Answer, error) {
	m, err := diameter.NewMessage(req)
	if err != nil {
		return diameter.Answer{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.answer(m, len(p.sent))
	p.sent = append(p.sent, fmt.Sprintf("%s %s", cx.Dictionary().CommandName(m.Header), m.Text(diameter.AVPUserName, 0)))
	if err != nil {
		return diameter.Answer{}, err
	}
	// Code 304 or 305: the answers are alike where the HSS looks.
	a := cx.RTA{Header: m.Header.Answer()}
	a.SetResult(r)
	b, err := diameter.NewMessage(&a)
	return diameter.Answer{Message: b}, err
}

func (p *peers) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.sent...)
}

// A push is sent until it is answered, later each time, and is owed until then, also by the HSS that opens the store next.
func TestPushRetry(t *testing.T) {
	store := NewMemoryStore()
	synctest.Test(t, func(t *testing.T) {
		must(t, store.Commit(Change{Put: alice(t)}))
		h, err := New(Config{Host: "hss", Realm: "realm", Store: store})
		must(t, err)
		p := &peers{answer: func(_ diameter.Message, n int) (diameter.Result, error) {
			switch n {
			case 0, 1:
				return diameter.Result{}, errors.New("no peer")
			case 2:
				return baseResult(diameter.TooBusy), nil
			}
			return success(), nil
		}}
		h.Attach(p)
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		start := time.Now()
		must(t, h.As("test").Deregister("alice", Deregistration{}))
		for h.Stats().PushesOwed > 0 {
			time.Sleep(time.Second)
		}
		if d := time.Since(start); len(p.list()) != 4 || d < 35*time.Second || d > 36*time.Second {
			t.Errorf("%q after %v, want after 5, 10 and 20 s", p.list(), d)
		}
		if s := h.Stats(); s.PushesRetried != 3 || s.PushesDone != 1 {
			t.Errorf("%+v", s)
		}
		// Without anybody to send it stays owed.
		p.answer = func(diameter.Message, int) (diameter.Result, error) { return diameter.Result{}, errors.New("no peer") }
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		must(t, h.As("test").Delete("alice"))
		time.Sleep(time.Minute)
		h.Close()

		h, err = New(Config{Host: "hss", Realm: "realm", Store: store})
		must(t, err)
		p = &peers{answer: func(diameter.Message, int) (diameter.Result, error) { return success(), nil }}
		h.Attach(p)
		for h.Stats().PushesOwed > 0 {
			time.Sleep(time.Second)
		}
		if len(p.list()) != 1 {
			t.Errorf("%q", p.list())
		}
		// What nobody answers in time is given up.
		must(t, store.Commit(Change{Put: alice(t)}))
		ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
		p.mu.Lock()
		p.answer = func(diameter.Message, int) (diameter.Result, error) { return diameter.Result{}, errors.New("no peer") }
		p.mu.Unlock()
		must(t, h.As("test").Deregister("alice", Deregistration{}))
		time.Sleep(25 * time.Hour)
		if s := h.Stats(); s.PushesOwed != 0 || s.PushesGivenUp != 1 || len(h.Pushes()) != 0 {
			t.Errorf("%+v", s)
		}
		h.Close()
	})
}

// What a PPR that is refused leads to (TS 29.228 section 6.2.2.1).
func TestPushRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		result diameter.Result
		want   []string
	}{
		{"user unknown: another private identity", cx.UserUnknown, []string{"PPR " + aliceIMPI, "PPR " + aliceWork}},
		{"too much data: another S-CSCF", cx.TooMuchData, []string{"PPR " + aliceIMPI, "RTR " + aliceIMPI}},
		{"not supported", cx.NotSupportedUserData, []string{"PPR " + aliceIMPI}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := fixture(t, nil)
			p := &peers{answer: func(m diameter.Message, n int) (diameter.Result, error) {
				if n == 0 {
					return c.result, nil
				}
				return success(), nil
			}}
			h.Attach(p)
			ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
			ask(t, h, sar(registration, s1, aliceWork, aliceIMPU))
			e, _ := h.store.Find(Key{KeyID, "alice"})
			s := e.Subscriber.Clone()
			s.PublicIdentities[0].DisplayName = "A"
			_, err := h.As("test").Put(s, PutOptions{})
			must(t, err)
			time.Sleep(time.Second)
			if got := p.list(); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			h.Close()
		})
	}
}

// TestPutPushes changes a subscription while it is registered, and looks who is told.
func TestPutPushes(t *testing.T) {
	digest := func(password string) Secret { return DigestHA1("MD5", aliceWork, "ims.example", password) }
	for _, c := range []struct {
		name   string
		change func(*Subscriber)
		want   []string
		state  RegistrationState // of the first identity, afterwards
	}{
		{"nothing", func(*Subscriber) {}, nil, Registered},
		{"what no S-CSCF sees", func(s *Subscriber) { s.VisitedNetworks = nil }, nil, Registered},
		{"profile", func(s *Subscriber) { s.ServiceProfiles[0].InitialFilterCriteria[0].Priority = 9 }, []string{"PPR s1.ims.example profile"}, Registered},
		{"profile and charging", func(s *Subscriber) {
			s.ServiceProfiles[0].InitialFilterCriteria = nil
			s.Charging = &Charging{PrimaryEventChargingFunctionName: "aaa://ocf.example"}
		}, []string{"PPR s1.ims.example profile charging"}, Registered},
		{"another identity of the set", func(s *Subscriber) {
			s.PublicIdentities = append(s.PublicIdentities, PublicIdentity{Identity: "sip:new@ims.example"})
		}, []string{"PPR s1.ims.example profile"}, Registered},
		{"an identity less", func(s *Subscriber) { s.PublicIdentities = append(s.PublicIdentities[:1], s.PublicIdentities[2:]...) }, []string{"PPR s1.ims.example profile"}, Registered},
		{"the default identity", func(s *Subscriber) { s.PublicIdentities[0].Default, s.PublicIdentities[1].Default = false, true }, []string{"RTR s1.ims.example SERVER_CHANGE"}, NotRegistered},
		{"the set is gone", func(s *Subscriber) { s.PublicIdentities = s.PublicIdentities[3:] }, []string{"RTR s1.ims.example PERMANENT_TERMINATION"}, NotRegistered},
		{"a private identity is gone", func(s *Subscriber) {
			s.PrivateIdentities, s.EPS = s.PrivateIdentities[1:], nil
		}, []string{"RTR s1.ims.example PERMANENT_TERMINATION"}, Registered},
		{"the password", func(s *Subscriber) { s.PrivateIdentities[1].Digest.HA1 = digest("new") }, []string{"PPR s1.ims.example digest"}, Registered},
		{"capabilities that the S-CSCF has", func(s *Subscriber) { s.Capabilities.Mandatory = []uint32{1, 2} }, nil, Registered},
		{"capabilities that the S-CSCF lacks", func(s *Subscriber) { s.Capabilities.Mandatory = []uint32{3} }, []string{"RTR s1.ims.example SERVER_CHANGE"}, NotRegistered},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fixture(t, func(c *Config) { c.SCSCFs = []SCSCF{{Name: s1, Capabilities: []uint32{1, 2}}} })
			ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
			ask(t, h, sar(registration, s1, aliceWork, aliceIMPU))
			v, err := h.As("test").Get("alice")
			must(t, err)
			c.change(v.Subscriber)
			_, err = h.As("test").Put(v.Subscriber, PutOptions{IfRevision: v.Revision})
			must(t, err)
			owed(t, h, c.want...)
			e, _ := h.store.Find(Key{KeyID, "alice"})
			got := NotRegistered
			if r := e.State.registration(&PublicIdentity{}); r != nil {
				got = r.State
			}
			if got != c.state {
				t.Errorf("the set is %v, want %v", got, c.state)
			}
		})
	}
}
