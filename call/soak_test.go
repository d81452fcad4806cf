package call

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/sip"
)

// Short calls through a back-to-back user agent over real sockets, many at a time: answered and ended by either side, refused, cancelled,
// with early media, transcoded. What they used is given back: at the end there are no more goroutines, descriptors and transactions than
// before the first, and not more memory than when the soak was under way. TELCO_CALL_SOAK is how many calls; it
// takes minutes for 100,000, and the plot goes to the test's log.
func TestSoak(t *testing.T) {
	n, parallel := 300, 30
	timers := sip.Timers{T1: 100 * time.Millisecond, T4: time.Second}
	if v := os.Getenv("TELCO_CALL_SOAK"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil || n <= 0 {
			t.Fatalf("TELCO_CALL_SOAK=%q", v)
		}
		parallel, timers = 80, sip.Timers{}
	} else if testing.Short() {
		n = 100
	}
	before := use(0)
	s := newSoak(t, timers, false)
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	var samples []usage
	stop := make(chan struct{})
	for range parallel {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || failed.Load() > 20 {
					return
				}
				if err := s.call(i); err != nil {
					failed.Add(1)
					t.Errorf("call %d, %s: %v", i, s.kind(i), err)
				}
			}
		})
	}
	var watch sync.WaitGroup
	watch.Go(func() {
		for step := max(n/40, 1); ; {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			if done := min(int(next.Load()), n); done >= (len(samples)+1)*step {
				samples = append(samples, use(done))
			}
		}
	})
	wg.Wait()
	close(stop)
	watch.Wait()

	// Transactions linger, by the RFC. What is left after that is left for good.
	deadline := time.Now().Add(3 * time.Minute)
	for s.busy() != "" && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	if left := s.busy(); left != "" {
		t.Errorf("left after the last call: %s", left)
	}
	idle := use(n)
	s.close()
	after := use(n)
	for after.goroutines > before.goroutines+2 && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
		after = use(n)
	}
	if after.goroutines > before.goroutines+2 {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before.goroutines, after.goroutines, buf[:runtime.Stack(buf, true)])
	}
	if after.descriptors > before.descriptors+2 {
		t.Errorf("%d descriptors before, %d after", before.descriptors, after.descriptors)
	}
	if len(samples) > 20 {
		// Half of the soak has been enough to grow to what it needs. What transactions hold is in there, while they linger.
		half, end := samples[len(samples)/2].heap, samples[len(samples)-1].heap
		if os.Getenv("TELCO_CALL_SOAK") != "" && end > half+half/5+4<<20 || idle.heap > half {
			t.Errorf("%d MB in use half way, %d MB at the end, %d MB without calls", half>>20, end>>20, idle.heap>>20)
		}
	}
	t.Log(plot(append(append([]usage{before}, samples...), idle, after)))
	t.Logf("%d calls, %v", n, &s.count)
}

// usage is what a process uses.
type usage struct {
	calls, goroutines, descriptors int
	heap, rss                      uint64
}

func use(calls int) usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{calls: calls, goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc}
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.descriptors = len(list)
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			pages, _ := strconv.ParseUint(f[1], 10, 64)
			u.rss = pages * uint64(os.Getpagesize())
		}
	}
	return u
}

// plot is a table with bars.
func plot(all []usage) string {
	var b strings.Builder
	fmt.Fprintln(&b, "\n   calls goroutines descriptors heap/MB resident/MB")
	most := uint64(1)
	for _, u := range all {
		most = max(most, u.heap)
	}
	for _, u := range all {
		fmt.Fprintf(&b, "%8d %10d %11d %7.1f %11.1f %s\n", u.calls, u.goroutines, u.descriptors, float64(u.heap)/(1<<20), float64(u.rss)/(1<<20),
			strings.Repeat("#", int(u.heap*50/most)))
	}
	return b.String()
}

// soak is a caller, a back-to-back user agent and a callee.
type soak struct {
	caller, amrCaller, middle, callee *Agent
	uri                               string // of the middle
	count                             soakCount
}

type soakCount struct{ answered, refused, cancelled, heard atomic.Int64 }

func (c *soakCount) String() string {
	return fmt.Sprintf("%d answered, %d refused, %d cancelled, %d RTP packets heard", c.answered.Load(), c.refused.Load(), c.cancelled.Load(), c.heard.Load())
}

func newSoak(t *testing.T, timers sip.Timers, shared bool) *soak {
	t.Helper()
	s := &soak{}
	ip := netip.MustParseAddr("127.0.0.1")
	listen := func(cfg Config) (*Agent, string) {
		cfg.Address = ip
		cfg.SIP.Endpoint.Timers = timers
		cfg.SIP.Endpoint.Limits = sip.Limits{Transactions: 1 << 20, PerSource: 1 << 20}
		a, err := NewAgent(cfg)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadBuffer(4 << 20)
		if _, err := a.UserAgent().Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
			t.Fatal(err)
		}
		return a, conn.LocalAddr().String()
	}
	narrow := AMR(AMRConfig{Codec: amr.NB, OctetAligned: true})
	var to string
	s.callee, to = listen(Config{OnCall: s.onCall})
	s.middle, s.uri = listen(Config{SharedPort: shared, Codecs: []Codec{PCMA, PCMU, narrow}, OnCall: func(c *Call) {
		user, _, _ := strings.Cut(strings.TrimPrefix(c.Request().RequestURI, "sip:"), "@")
		c.agent.Connect(context.Background(), c, "sip:"+user+"@"+to, ConnectOptions{})
	}})
	s.caller, _ = listen(Config{Codecs: []Codec{PCMU}})
	s.amrCaller, _ = listen(Config{Codecs: []Codec{narrow}})
	return s
}

func (s *soak) agents() []*Agent { return []*Agent{s.caller, s.amrCaller, s.middle, s.callee} }

func (s *soak) close() {
	for _, a := range s.agents() {
		a.Close()
	}
}

// busy says what is in use still.
func (s *soak) busy() string {
	var left []string
	for i, a := range s.agents() {
		e := a.UserAgent().Endpoint().Stats()
		if n := a.Calls() + a.Wheel().Stats().Media + a.UserAgent().Dialogs() + e.ClientTransactions + e.ServerTransactions; n > 0 {
			left = append(left, fmt.Sprintf("agent %d: %d calls, %d media, %d dialogs, %d client and %d server transactions",
				i, a.Calls(), a.Wheel().Stats().Media, a.UserAgent().Dialogs(), e.ClientTransactions, e.ServerTransactions))
		}
	}
	return strings.Join(left, "; ")
}

// kind is what happens to a call; the callee knows it by the user that is called.
func (s *soak) kind(i int) string {
	return [...]string{"plain", "plain", "callee", "plain", "amr", "busy", "plain", "cancel", "early", "plain"}[i%10]
}

// onCall is the callee.
func (s *soak) onCall(c *Call) {
	user, _, _ := strings.Cut(strings.TrimPrefix(c.Request().RequestURI, "sip:"), "@")
	switch user {
	case "busy":
		c.Refuse(486, "")
		return
	case "cancel":
		c.Ring()
		<-c.Context().Done()
		return
	case "early":
		if c.Progress() != nil {
			return
		}
		c.Media().SetSource(Tone(8000, 425, 8000))
		time.Sleep(50 * time.Millisecond)
	default:
		c.Ring()
	}
	if c.Answer(context.Background()) != nil {
		return
	}
	c.Media().SetSource(Tone(8000, 440, 8000))
	if user == "callee" {
		hear(c)
		time.Sleep(200 * time.Millisecond)
		c.HangUp(context.Background())
		return
	}
	<-c.Context().Done()
}

// hear waits until the peer has been heard, or the call has ended. Half a minute is more than a busy machine takes.
func hear(c *Call) {
	for range 3000 {
		if c.Media().Stats().RTP.PacketsReceived > 0 || c.Context().Err() != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// call makes a call and returns what was wrong with it.
func (s *soak) call(i int) error {
	kind, agent := s.kind(i), s.caller
	if kind == "amr" {
		agent = s.amrCaller
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	opts := DialOptions{}
	if kind == "cancel" {
		opts.OnProgress = func(_ *Call, r *sip.Response) {
			if r.StatusCode == 180 {
				stop()
			}
		}
	}
	c, err := agent.Dial(ctx, "sip:"+kind+"@"+s.uri, opts)
	switch kind {
	case "busy":
		if sip.StatusCode(err) != 486 {
			return fmt.Errorf("not refused: %w", err)
		}
		s.count.refused.Add(1)
		return nil
	case "cancel":
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("not cancelled: %w", err)
		}
		s.count.cancelled.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	c.Media().SetSource(Tone(8000, 1000, 8000))
	media := c.Media()
	if kind == "callee" {
		<-c.Context().Done()
	} else {
		hear(c)
		time.Sleep(200 * time.Millisecond)
	}
	heard := media.Stats().RTP.PacketsReceived
	if err := c.HangUp(ctx); err != nil && kind != "callee" {
		return err
	}
	if heard == 0 && kind != "callee" { // the callee may have been quicker than our wheel
		return errors.New("nothing was heard")
	}
	s.count.heard.Add(int64(heard))
	s.count.answered.Add(1)
	return nil
}
