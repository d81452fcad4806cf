package as

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/call/webhook"
)

// TestMain adds jobs for ever when it is the child of TestJobsKilled, and says which are kept.
func TestMain(m *testing.M) {
	dir := os.Getenv("TELCO_JOBS_CHILD")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := NewJobs(JobsConfig{Dir: dir, Originate: func(context.Context, string) error { return nil }})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		j := Job{Name: fmt.Sprintf("%d-%d", os.Getpid(), i), At: time.Now().Add(time.Hour).Round(0), Originate: "x"}
		if err := s.Add(j); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Stdout.WriteString(j.Name + "\n")
	}
}

// recorder is what jobs do in tests: it notes when, and may take its time.
type recorder struct {
	mu   sync.Mutex
	zone *time.Location
	log  []string
	take time.Duration
	err  error
}

func (r *recorder) originate(ctx context.Context, args string) error {
	r.mu.Lock()
	zone := r.zone
	if zone == nil {
		zone = time.UTC
	}
	r.log = append(r.log, args+" "+time.Now().In(zone).Format("01-02 15:04:05 MST"))
	take, err := r.take, r.err
	r.mu.Unlock()
	select {
	case <-time.After(take):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *recorder) since() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.log
	r.log = nil
	return l
}

func jobs(t *testing.T, cfg JobsConfig) *Jobs {
	t.Helper()
	s, err := NewJobs(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeJobs(t *testing.T, s *Jobs) {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func state(t *testing.T, s *Jobs, name string) JobState {
	t.Helper()
	for _, j := range s.List() {
		if j.Name == name {
			return j
		}
	}
	t.Fatalf("no job %s", name)
	return JobState{}
}

func TestJobsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins on 2000-01-01 at 00:00 UTC
		r := &recorder{}
		s := jobs(t, JobsConfig{Originate: r.originate, Jobs: []Job{
			{Name: "cron", Cron: "*/30 * * * *", Originate: "cron"},
			{Name: "every", Every: Duration(40 * time.Minute), Originate: "every"},
			{Name: "at", At: time.Date(2000, 1, 1, 0, 45, 30, 0, time.UTC), Originate: "at"},
		}})
		time.Sleep(2*time.Hour + time.Second)
		synctest.Wait()
		if d := cmp.Diff([]string{"cron 01-01 00:30:00 UTC", "every 01-01 00:40:00 UTC", "at 01-01 00:45:30 UTC", "cron 01-01 01:00:00 UTC",
			"every 01-01 01:20:00 UTC", "cron 01-01 01:30:00 UTC"}, r.since()[:6]); d != "" {
			t.Error(d)
		}
		at := state(t, s, "at")
		if !at.Next.IsZero() || at.Runs != 1 || at.Ended.IsZero() || at.Running || at.Failed != 0 {
			t.Errorf("%+v", at)
		}
		if c := state(t, s, "cron"); c.Runs != 4 || c.Next.Minute() != 30 {
			t.Errorf("%+v", c)
		}
		closeJobs(t, s)
		time.Sleep(2 * time.Hour)
		if l := r.since(); len(l) != 0 {
			t.Errorf("after Close: %v", l)
		}
		if err := s.Add(Job{Name: "late", Every: Duration(time.Hour), Originate: "x"}); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// A year in Berlin: a fixed time runs once every day, also where it is skipped or comes twice.
func TestJobsSummerTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{zone: berlin}
		s := jobs(t, JobsConfig{Originate: r.originate, Zone: "Europe/Berlin", Jobs: []Job{
			{Name: "daily", Cron: "30 2 * * *", Originate: "daily"},
			{Name: "hourly", Cron: "30 * 26 3 *", Originate: "hourly"},
			{Name: "autumn", Cron: "30 * 29 10 *", Originate: "autumn"},
		}})
		time.Sleep(366 * 24 * time.Hour)
		synctest.Wait()
		closeJobs(t, s)
		counts, odd := map[string]int{}, []string{}
		for _, l := range r.since() {
			name, at, _ := strings.Cut(l, " ")
			counts[name]++
			if strings.HasPrefix(at, "03-26 03") || strings.HasPrefix(at, "03-26 02") || strings.HasPrefix(at, "10-29 02") {
				odd = append(odd, l)
			}
		}
		if d := cmp.Diff(map[string]int{"daily": 366, "hourly": 23, "autumn": 25}, counts); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"daily 03-26 03:00:00 CEST", "hourly 03-26 03:30:00 CEST"}, odd[:2]); d != "" {
			t.Error(d)
		}
		// Both run in the same minute, in either order, and one of them again an hour later.
		twice := strings.Join(odd[2:], "\n")
		if len(odd) != 5 || strings.Count(twice, "daily 10-29 02:30:00 CEST") != 1 || strings.Count(twice, "autumn 10-29 02:30:00 CEST") != 1 || strings.Count(twice, "autumn 10-29 02:30:00 CET") != 1 {
			t.Errorf("%v", odd)
		}
	})
}

// A job that takes longer than to its next time does not run twice at once; one that never ends is ended.
func TestJobsOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{take: 150 * time.Minute, err: errors.New("busy")}
		s := jobs(t, JobsConfig{Originate: r.originate, MaxRunning: 2, Jobs: []Job{
			{Name: "long", Cron: "0 * * * *", Originate: "long", Timeout: Duration(4 * time.Hour)},
			{Name: "ended", Cron: "0 6 * * *", Originate: "ended", Timeout: Duration(time.Minute)}}})
		time.Sleep(7*time.Hour + 30*time.Second)
		synctest.Wait()
		if d := cmp.Diff([]string{"long 01-01 01:00:00 UTC", "long 01-01 04:00:00 UTC"}, r.since()[:2]); d != "" {
			t.Error(d)
		}
		if l := state(t, s, "long"); l.Runs != 3 || l.Skipped != 4 || l.Failed != 2 || l.Error != "busy" || !l.Running {
			t.Errorf("%+v", l)
		}
		if e := state(t, s, "ended"); e.Runs != 1 || e.Failed != 1 || e.Error != context.DeadlineExceeded.Error() {
			t.Errorf("%+v", e)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := s.Close(ctx); err != nil || time.Since(start) > time.Minute+time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestJobsMaxRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{take: 10 * time.Second}
		at := time.Now().Add(time.Minute)
		s := jobs(t, JobsConfig{Originate: r.originate, MaxRunning: 2, Jobs: []Job{{Name: "a", At: at, Originate: "x"}, {Name: "b", At: at, Originate: "x"}, {Name: "c", At: at, Originate: "x"}}})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		closeJobs(t, s)
		if l := r.since(); len(l) != 3 || !strings.Contains(l[1], "00:01:00") || strings.Contains(l[2], "00:01:00") {
			t.Errorf("%v", l)
		}
	})
}

// What an earlier process left: jobs that were added, and times at which nothing ran.
func TestJobsRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := &recorder{}
		cfg := JobsConfig{Dir: dir, Originate: r.originate, Jobs: []Job{
			{Name: "once", Cron: "0 * * * *", Missed: "once", Originate: "once"},
			{Name: "skip", Cron: "0 * * * *", Originate: "skip"},
			{Name: "every", Every: Duration(45 * time.Minute), Missed: "once", Originate: "every"}}}
		start := time.Now()
		s := jobs(t, cfg)
		for _, j := range []Job{
			{Name: "soon", At: start.Add(30 * time.Minute), Originate: "soon"},
			{Name: "while-down", At: start.Add(3 * time.Hour), Originate: "down"},
			{Name: "not-late", At: start.Add(3 * time.Hour), Missed: "skip", Originate: "no"},
			{Name: "later", At: start.Add(24 * time.Hour), Originate: "later", Zone: "UTC"},
			{Name: "removed", At: start.Add(24 * time.Hour), Originate: "no"},
		} {
			if err := s.Add(j); err != nil {
				t.Fatal(err)
			}
			if err := s.Add(j); err != nil { // again
				t.Error(err)
			}
		}
		if err := s.Add(Job{Name: "later", At: start.Add(25 * time.Hour), Originate: "later"}); !errors.Is(err, ErrJobExists) {
			t.Error(err)
		}
		if err := s.Remove("removed"); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"removed", "once"} {
			if err := s.Remove(name); !errors.Is(err, ErrNoJob) {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(time.Hour + time.Minute)
		closeJobs(t, s)
		if d := cmp.Diff(4, len(r.since())); d != "" {
			t.Error(d)
		}

		time.Sleep(5 * time.Hour) // down until 06:01
		s = jobs(t, cfg)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got := strings.Join(r.since(), ", ")
		for _, want := range []string{"once 01-01 06:01:00 UTC", "every 01-01 06:01:00 UTC", "down 01-01 06:01:00 UTC"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%q lacks %q", got, want)
			}
		}
		if strings.Count(got, ",") != 2 {
			t.Errorf("%q", got)
		}
		if j := state(t, s, "not-late"); j.Missed != 1 || j.Runs != 0 || !j.Next.IsZero() {
			t.Errorf("%+v", j)
		}
		if j := state(t, s, "once"); j.Missed != 1 || j.Runs != 2 || j.Next.Hour() != 7 {
			t.Errorf("%+v", j)
		}
		if j := state(t, s, "soon"); j.Runs != 1 || !j.Next.IsZero() || !j.Added || j.Job.Originate != "soon" {
			t.Errorf("%+v", j)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := strings.Join(r.since(), ", "); strings.Count(got, "later 01-02 00:00:00 UTC") != 1 || strings.Contains(got, "no") {
			t.Errorf("%q", got)
		}
		closeJobs(t, s)
	})
}

// A process that ended while a job ran.
func TestJobsDied(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			at := time.Now().Add(time.Minute)
			j := Job{Name: "x", At: at, Again: again, Originate: "x"}
			r := &recorder{}
			s := jobs(t, JobsConfig{Dir: dir, Originate: r.originate})
			if err := s.append(jobRecord{Job: &j, State: JobState{Name: "x", Due: at, Begun: at, Running: true, Runs: 1}}); err != nil {
				t.Fatal(err)
			}
			closeJobs(t, s)
			s = jobs(t, JobsConfig{Dir: dir, Originate: r.originate})
			time.Sleep(time.Second)
			synctest.Wait()
			st := state(t, s, "x")
			closeJobs(t, s)
			if n := len(r.since()); (n == 1) != again || st.Failed != 1 || !again && !strings.Contains(st.Error, "ended while it ran") || again && (st.Runs != 2 || st.Error != "") {
				t.Errorf("again %v: %d runs, %+v", again, n, st)
			}
		})
	}
}

// Jobs that were acknowledged are there after kill -9.
func TestJobsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes, left out with -short")
	}
	dir := t.TempDir()
	var acked []string
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TELCO_JOBS_CHILD="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil { // what has no line feed was not said to the end
				break
			}
			acked = append(acked, strings.TrimSuffix(line, "\n"))
			if n == 50 {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
	}
	s := jobs(t, JobsConfig{Dir: dir, Originate: func(context.Context, string) error { return nil }})
	defer closeJobs(t, s)
	have := map[string]bool{}
	for _, j := range s.List() {
		have[j.Name] = j.Added && time.Until(j.Next) > 50*time.Minute
	}
	for _, name := range acked {
		if !have[name] {
			t.Errorf("job %s is lost", name)
		}
	}
	if len(acked) < 150 {
		t.Errorf("only %d jobs", len(acked))
	}
}

func TestJobsActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []*Message
		var bodies []string
		s := jobs(t, JobsConfig{
			Send: func(ctx context.Context, m *Message) (MessageResult, error) {
				sent = append(sent, m)
				return MessageResult{Status: 404}, &MessageError{Result: MessageResult{Status: 404, Reason: "Not Found"}}
			},
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				b, _ := io.ReadAll(r.Body)
				bodies = append(bodies, r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(b))
				if err := webhook.Verify("s", r.Header.Get(webhook.SignatureHeader), b, time.Now(), 0); err != nil {
					t.Error(err)
				}
				return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
			}),
			Jobs: []Job{
				{Name: "m", Every: Duration(time.Minute), Message: &JobMessage{To: "+4930 1", From: "alice@h", Text: "wake up"}},
				{Name: "h", Every: Duration(time.Minute), HTTP: &JobHTTP{URL: "http://h/x", Body: "{}", Secret: "s"}},
			}})
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if len(sent) != 1 || sent[0].Called.String() != "+49301" || sent[0].Calling.String() != "alice@h" || string(sent[0].Body) != "wake up" {
			t.Errorf("%+v", sent)
		}
		if d := cmp.Diff([]string{"http://h/x application/json {}"}, bodies); d != "" {
			t.Error(d)
		}
		if m, h := state(t, s, "m"), state(t, s, "h"); m.Error != "as: message: 404 Not Found" || h.Error != "" || h.Runs != 1 {
			t.Errorf("%+v %+v", m, h)
		}
		closeJobs(t, s)
	})
}

func TestJobsErrors(t *testing.T) {
	at := time.Now()
	orig := func(context.Context, string) error { return nil }
	for _, c := range []struct {
		job  Job
		want string
	}{
		{Job{At: at, Originate: "x"}, "name"}, {Job{Name: "a b", At: at, Originate: "x"}, "allowed"}, {Job{Name: "a", Originate: "x"}, "cron, every"},
		{Job{Name: "a", At: at, Cron: "@daily", Originate: "x"}, "cron, every"}, {Job{Name: "a", At: at}, "originate, message"},
		{Job{Name: "a", At: at, Originate: "x", HTTP: &JobHTTP{URL: "http://x"}}, "originate, message"}, {Job{Name: "a", Every: 1, Originate: "x"}, "second"},
		{Job{Name: "a", Cron: "x", Originate: "x"}, "fields"}, {Job{Name: "a", Cron: "@daily", Zone: "x/y", Originate: "x"}, "zone"},
		{Job{Name: "a", At: at, Missed: "x", Originate: "x"}, "missed"}, {Job{Name: "a", At: at, Timeout: -1, Originate: "x"}, "timeout"},
		{Job{Name: "a", At: at, HTTP: &JobHTTP{URL: "x"}}, "URL"}, {Job{Name: "a", At: at, Message: &JobMessage{To: "+1", Text: "x"}}, "nothing here"},
		{Job{Name: "a", At: at, Message: &JobMessage{To: "x"}}, "to:"}, {Job{Name: "a", At: at, Message: &JobMessage{}}, "to is missing"},
		{Job{Name: "a", At: at, Message: &JobMessage{To: "+1", From: "x"}}, "from:"}, {Job{Name: "a", At: at, Message: &JobMessage{To: "+1", Body: []byte{1}}}, "content_type"},
	} {
		if _, err := NewJobs(JobsConfig{Originate: orig, Jobs: []Job{c.job}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.job, err)
		}
	}
	ok := Job{Name: "a", At: at.Add(time.Hour), Originate: "x"}
	if _, err := NewJobs(JobsConfig{Originate: orig, Jobs: []Job{ok, ok}}); !errors.Is(err, ErrJobExists) {
		t.Error(err)
	}
	s := jobs(t, JobsConfig{Originate: orig, MaxJobs: 1, Jobs: []Job{ok}})
	defer closeJobs(t, s)
	if err := s.Add(Job{Name: "b", At: at, Originate: "x"}); !errors.Is(err, ErrManyJobs) {
		t.Error(err)
	}
}

func TestJobsHTTP(t *testing.T) {
	s := jobs(t, JobsConfig{Originate: func(context.Context, string) error { return nil }, Dir: t.TempDir(),
		Jobs: []Job{{Name: "cfg", Cron: "0 0 1 1 *", Originate: "x"}}})
	defer closeJobs(t, s)
	do := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	at := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/", `{"name":"a","at":"` + at + `","http":{"url":"http://h","secret":"hush"}}`, 201},
		{"POST", "/", `{"name":"a","at":"` + at + `","http":{"url":"http://h","secret":"hush"}}`, 201},
		{"POST", "/", `{"name":"a","every":"1h30m","originate":"x"}`, 409},
		{"POST", "/", `{"name":"b","every":"1h30m","originate":"x"}`, 201},
		{"POST", "/", `{"name":"c","every":"often","originate":"x"}`, 400},
		{"POST", "/", `{"name":"c","evry":"1h","originate":"x"}`, 400},
		{"POST", "/", `{"name":"c","cron":"* * *","originate":"x"}`, 400},
		{"DELETE", "/?name=b", "", 204}, {"DELETE", "/?name=b", "", 404}, {"DELETE", "/?name=cfg", "", 404}, {"PUT", "/", "", 405},
	} {
		if got, body := do(c.method, c.path, c.body); got != c.want {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got, body)
		}
	}
	status, body := do("GET", "/", "")
	var list []JobState
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 || len(list) != 2 || list[0].Name != "a" || !list[0].Added || list[1].Added {
		t.Errorf("%d %s %v", status, body, err)
	}
	if strings.Contains(body, "hush") {
		t.Error("a secret is shown")
	}
}

func FuzzJob(f *testing.F) {
	f.Add([]byte(`{"name":"a","cron":"0 8 * * mon-fri","message":{"to":"+1","text":"x"}}`))
	f.Add([]byte(`{"name":"a","every":"1h30m","originate":"x","missed":"once"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var j Job
		if json.Unmarshal(b, &j) != nil {
			return
		}
		sched, err := j.check(time.UTC)
		if err != nil {
			return
		}
		again, err := json.Marshal(j)
		if err != nil {
			return // a time that RFC 3339 cannot write
		}
		var back Job
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if next := sched.next(now, now); !next.IsZero() && !next.After(now) {
			t.Fatalf("%s: %v", b, next)
		}
	})
}
