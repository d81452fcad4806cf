package as_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// TestSoak makes short calls of every kind through a server, over real sockets: bridged ones with transcoding, some that are let go on, some
// that are served, refused or given up. Nothing is left of them. TELCO_AS_SOAK says how many; by default they are few.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds (-short)")
	}
	n := 200
	if v, err := strconv.Atoi(os.Getenv("TELCO_AS_SOAK")); err == nil && v > 0 {
		n = v
	}
	before := runtime.NumGoroutine()
	endpoint := func(a *call.Agent, addr string) string {
		f, err := a.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		return f.Local.String()
	}
	agent := func(cfg call.Config) *call.Agent {
		a, err := call.NewAgent(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	answers := func(c *call.Call) {
		c.Ring()
		if c.Answer(context.Background()) == nil {
			<-c.Context().Done()
		}
	}
	carrier := agent(call.Config{OnCall: answers, Codecs: []call.Codec{call.PCMU}})
	core := agent(call.Config{OnCall: answers})
	caller := agent(call.Config{Codecs: []call.Codec{call.PCMA}})
	carrierAt, coreAt, callerAt := endpoint(carrier, "127.0.0.3:0"), endpoint(core, "127.0.0.1:0"), endpoint(caller, "127.0.0.1:0")
	var told atomic.Int64
	server, err := as.New(as.Config{
		Call:   call.Config{Codecs: []call.Codec{call.PCMA, call.PCMU}},
		IMS:    as.IMS{Peers: []as.Source{source(t, callerAt), source(t, coreAt)}, RecordRoute: true},
		Trunks: []as.Trunk{{Name: "carrier", Servers: []as.TrunkServer{{URI: "sip:" + carrierAt}}}},
		Router: kinds{}, OnEnd: func(*as.CallInfo) { told.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := server.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	next := sip.URI{Scheme: "sip", Host: "127.0.0.1", Port: int(f.Local.Port())}
	var count [6]atomic.Int64
	var made atomic.Int64
	var usage strings.Builder
	use := func(done int) {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		fds, _ := os.ReadDir("/proc/self/fd")
		fmt.Fprintf(&usage, "%7d calls: %5d goroutines %5d descriptors %4d MB\n", done, runtime.NumGoroutine(), len(fds), m.HeapAlloc>>20)
	}
	one := func(i int) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if i%6 == 5 { // gives up
			time.AfterFunc(time.Duration(i%20)*time.Millisecond, cancel)
		}
		c, err := caller.Dial(ctx, "tel:+4930"+strconv.Itoa(i%6), call.DialOptions{Send: sip.SendOptions{NextHop: next}, Edit: func(r *sip.Request) {
			r.Del("Route")
			r.Add("Route", "<sip:"+f.Local.String()+";lr>")
			r.Add("Route", "<sip:odi@"+coreAt+";lr>")
		}})
		if err == nil {
			time.Sleep(time.Duration(i%5) * 10 * time.Millisecond)
			c.HangUp(ctx)
		}
		status := sip.StatusCode(err)
		switch want := [...]int{0, 0, 0, 404, 0, 0}[i%6]; {
		case i%6 == 5:
		case status != want || err != nil && status == 0:
			t.Errorf("call %d: %v", i, err)
			return
		}
		count[i%6].Add(1)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for !t.Failed() {
				i := int(made.Add(1)) - 1
				if i >= n {
					return
				}
				if i%max(n/10, 1) == 0 && n > 1000 {
					use(i)
				}
				one(i)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Drain(ctx); err != nil {
		t.Errorf("drain: %v %+v", err, server.Stats())
	}
	st := server.Stats()
	// Given up before the INVITE went out is no call.
	if st.Calls != 0 || st.Control.Channels != 0 || st.Trunks[0].Calls != 0 || st.Received != uint64(told.Load()) || !t.Failed() && st.Received < uint64(n*5/6) {
		t.Errorf("%d were told of, %+v", told.Load(), st)
	}
	use(n)
	if err := server.Close(ctx); err != nil {
		t.Error(err)
	}
	for _, a := range []*call.Agent{caller, core, carrier} {
		a.HangUp(ctx)
		a.Close()
	}
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+2 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > before+2 {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, now, buf[:runtime.Stack(buf, true)])
	}
	use(n)
	t.Logf("%d calls, %+v\n%s", n, st, usage.String())
}

// kinds decides by the last digit.
type kinds struct{}

func (kinds) Route(_ context.Context, r *as.Request) (as.Decision, error) {
	switch d := r.Called.Number.Digits; d[len(d)-1] {
	case '1':
		return as.Decision{Action: as.Proxy}, nil
	case '2':
		return as.Decision{Action: as.Run, Apps: []as.App{{Name: "answer"}, {Name: "sleep", Args: "100000"}}}, nil
	case '3':
		return as.Decision{Action: as.Refuse, Cause: 1}, nil
	case '4':
		return as.Decision{Action: as.Bridge, Targets: []as.Target{{IMS: true}}}, nil
	}
	return as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "carrier"}}}, nil
}
