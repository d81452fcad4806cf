package as

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/internal/journal"
)

// JobsConfig configures Jobs.
type JobsConfig struct {
	Jobs []Job  `yaml:"jobs"`
	Zone string `yaml:"zone"` // of jobs that name none; if empty, UTC

	// Dir is the folder where jobs that were added, and the state of all, survive the end of the
	// process. If empty, nothing does.
	Dir string `yaml:"dir"`
	// MaxJobs bounds jobs, and MaxRunning those that run at a time: further ones wait. If zero,
	// 10,000 and 64.
	MaxJobs    int `yaml:"max_jobs"`
	MaxRunning int `yaml:"max_running"`

	// Originate makes a call and returns when it has ended; Send is [Messages.Send]. They have to be
	// set if there are such jobs.
	Originate func(ctx context.Context, args string) error                 `yaml:"-"`
	Send      func(ctx context.Context, m *Message) (MessageResult, error) `yaml:"-"`
	Transport http.RoundTripper                                            `yaml:"-"` // if nil, that of package http
	Logger    *slog.Logger                                                 `yaml:"-"` // if nil, nothing is logged
}

// late is how much later than due a run may begin without its time being missed.
const late = time.Minute

// maxFinished is how many jobs of Add are remembered after their only run.
const maxFinished = 1000

// Errors of Jobs.
var (
	ErrJobExists  = errors.New("as: there is another job of this name")
	ErrNoJob      = errors.New("as: there is no such job")
	ErrManyJobs   = errors.New("as: there are too many jobs")
	ErrJobRefused = errors.New("as: job refused")
)

// Jobs runs jobs at their times. A job never runs twice at a time: times that come while it runs
// are skipped and counted. Its methods may be called by many goroutines at once.
type Jobs struct {
	cfg     JobsConfig
	zone    *time.Location
	log     *slog.Logger
	journal *journal.Journal
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup
	wake    chan struct{} // capacity 1

	save sync.Mutex // keeps records in the order of the states; before mu

	mu      sync.Mutex
	jobs    map[string]*job
	running int
	closed  bool
}

type job struct {
	Job
	sched schedule
	added bool
	state JobState
}

// jobRecord is what the journal has of a job.
type jobRecord struct {
	State JobState `json:"state"`
	Job   *Job     `json:"job,omitempty"` // of an added one
	Gone  bool     `json:"gone,omitempty"`
}

// NewJobs checks a configuration, reads what an earlier process left in Dir, and begins.
func NewJobs(cfg JobsConfig) (*Jobs, error) {
	zone, err := time.LoadLocation(cmp.Or(cfg.Zone, "UTC"))
	if err != nil {
		return nil, fmt.Errorf("as: jobs: time zone: %w", err)
	}
	cfg.MaxJobs = cmp.Or(max(cfg.MaxJobs, 0), 10_000)
	cfg.MaxRunning = cmp.Or(max(cfg.MaxRunning, 0), 64)
	s := &Jobs{cfg: cfg, zone: zone, log: cfg.Logger, jobs: map[string]*job{}, wake: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, j := range cfg.Jobs {
		if s.jobs[j.Name] != nil {
			return nil, fmt.Errorf("as: job %s: %w", j.Name, ErrJobExists)
		}
		if s.jobs[j.Name], err = s.check(j); err != nil {
			return nil, fmt.Errorf("as: job %s: %w", j.Name, err)
		}
	}
	if cfg.Dir != "" {
		if err := s.restore(); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	for _, j := range s.jobs {
		s.begin(j, now)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.run)
	return s, nil
}

func (s *Jobs) check(j Job) (*job, error) {
	sched, err := j.check(s.zone)
	switch {
	case err != nil:
	case j.Originate != "" && s.cfg.Originate == nil, j.Message != nil && s.cfg.Send == nil:
		err = errors.New("nothing here can do that")
	}
	return &job{Job: j, sched: sched, state: JobState{Name: j.Name}}, err
}

// restore reads the journal.
func (s *Jobs) restore() error {
	kept := map[string]jobRecord{}
	log, report, err := journal.Open(journal.Config{Dir: s.cfg.Dir, Replay: func(b []byte) error {
		var r jobRecord
		if err := json.Unmarshal(b, &r); err != nil {
			return err
		}
		if r.Gone {
			delete(kept, r.State.Name)
		} else {
			kept[r.State.Name] = r
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("as: jobs: %w", err)
	}
	s.journal = log
	if report.Torn > 0 {
		s.log.Warn("jobs: a torn record was cut off", "octets", report.Torn, "kept_in", report.TornFile)
	}
	for name, r := range kept {
		j := s.jobs[name]
		switch {
		case j != nil: // of the configuration, whatever was added under its name
			if r.Job != nil {
				continue
			}
		case r.Job == nil: // no longer in the configuration
			continue
		default:
			if j, err = s.check(*r.Job); err != nil {
				s.log.Error("jobs: one that was added does not run any more", "name", name, "err", err)
				continue
			}
			j.added = true
			s.jobs[name] = j
		}
		j.state = r.State
	}
	return nil
}

// begin finds the first time of a job after a start.
func (s *Jobs) begin(j *job, now time.Time) {
	died := j.state.Running
	if died {
		j.state.Running = false
		j.state.Error = "the program ended while it ran"
		j.state.Failed++
		s.log.Warn("a job was running when the program ended", "name", j.Name, "again", j.Again)
	}
	last := j.state.Due
	switch {
	case died && j.Again && !j.sched.at.IsZero():
		j.state.Next = now
	case j.sched.missed == missedOnce && !last.IsZero():
		j.state.Next = j.sched.next(last, last) // which may have passed: run finds out
	default:
		j.state.Next = j.sched.next(now, last)
	}
}

// run is the clock.
func (s *Jobs) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
		// At least once a minute: somebody may have set the clock.
		wait := time.Minute
		s.mu.Lock()
		now := time.Now()
		for _, j := range s.jobs {
			if next := j.state.Next; !next.IsZero() && !next.After(now) {
				s.due(j, now)
			}
			if next := j.state.Next; !next.IsZero() {
				wait = min(wait, max(next.Sub(now), 0))
			}
		}
		s.mu.Unlock()
		timer.Reset(wait)
	}
}

// due deals with a job whose time has come.
func (s *Jobs) due(j *job, now time.Time) {
	due := j.state.Next
	missed := now.Sub(due) > late
	if !j.state.Running && (!missed || j.sched.missed == missedOnce) {
		if s.running >= s.cfg.MaxRunning {
			s.log.Warn("too many jobs run: another one waits", "name", j.Name, "running", s.running)
			j.state.Next = now.Add(time.Second)
			return
		}
		if missed {
			j.state.Missed++
		}
		s.running++
		j.state.Running, j.state.Due, j.state.Begun = true, due, now
		j.state.Runs++
		j.state.Next = j.sched.next(now, due)
		s.work.Go(func() { s.perform(j) })
		return
	}
	if j.state.Running {
		j.state.Skipped++
		s.log.Warn("a job still runs when its next time comes", "name", j.Name, "due", due)
	} else {
		j.state.Missed++
		s.log.Warn("a job's time was missed", "name", j.Name, "due", due)
		j.state.Due = due
		s.work.Go(func() { s.keep(j) })
	}
	j.state.Next = j.sched.next(now, due)
}

// perform runs a job once.
func (s *Jobs) perform(j *job) {
	if err := s.keep(j); err != nil {
		s.log.Error("a job's state is not kept", "name", j.Name, "err", err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout(&j.Job))
	err := s.do(ctx, &j.Job)
	cancel()
	s.mu.Lock()
	s.running--
	j.state.Running, j.state.Ended, j.state.Error = false, time.Now(), ""
	if err != nil {
		j.state.Failed++
		j.state.Error = err.Error()
	}
	s.mu.Unlock()
	if err != nil {
		s.log.Error("a job failed", "name", j.Name, "err", err)
	} else {
		s.log.Info("a job has run", "name", j.Name)
	}
	if err := s.keep(j); err != nil {
		s.log.Error("a job's state is not kept", "name", j.Name, "err", err)
	}
	s.forget()
}

func (s *Jobs) do(ctx context.Context, j *Job) error {
	switch {
	case j.Originate != "":
		return s.cfg.Originate(ctx, j.Originate)
	case j.Message != nil:
		m, err := j.Message.message()
		if err == nil {
			_, err = s.cfg.Send(ctx, m)
		}
		return err
	}
	p, err := webhook.NewClient(webhook.ClientConfig{URL: j.HTTP.URL, Secret: j.HTTP.Secret, Timeout: timeout(j), Transport: cmp.Or[http.RoundTripper](s.cfg.Transport, http.DefaultTransport)})
	if err == nil {
		_, _, err = p.Post(ctx, cmp.Or(j.HTTP.ContentType, "application/json"), []byte(j.HTTP.Body), nil)
	}
	return err
}

// keep writes the state of a job to the journal.
func (s *Jobs) keep(j *job) error {
	if s.journal == nil {
		return nil
	}
	s.save.Lock()
	defer s.save.Unlock()
	s.mu.Lock()
	if s.jobs[j.Name] != j { // removed meanwhile
		s.mu.Unlock()
		return nil
	}
	r := j.record()
	s.mu.Unlock()
	return s.append(r)
}

func (j *job) record() jobRecord {
	r := jobRecord{State: j.state}
	if j.added {
		r.Job = &j.Job
	}
	return r
}

// append writes a record, and all states anew where many records have come. The save lock is held.
func (s *Jobs) append(r jobRecord) error {
	if s.journal == nil {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := s.journal.Append(b, nil); err != nil {
		return err
	}
	if s.journal.Size() < 1<<20 {
		return nil
	}
	err = s.journal.Compact(func(write func([]byte) error) error {
		s.mu.Lock()
		var all []jobRecord
		for _, j := range s.jobs {
			all = append(all, j.record())
		}
		s.mu.Unlock()
		for _, r := range all {
			b, err := json.Marshal(r)
			if err == nil {
				err = write(b)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // the record is kept all the same
		s.log.Warn("jobs: the journal grows", "err", err)
	}
	return nil
}

// forget removes the oldest of too many jobs of Add that have had their run.
func (s *Jobs) forget() {
	s.mu.Lock()
	var oldest *job
	n := 0
	for _, j := range s.jobs {
		if j.added && j.finished() {
			if n++; oldest == nil || j.state.Ended.Before(oldest.state.Ended) {
				oldest = j
			}
		}
	}
	s.mu.Unlock()
	if n > maxFinished {
		s.Remove(oldest.Name)
	}
}

// Add adds a job. When it returns nil, the job is on disk and will run, whatever happens to the
// process before (without Dir, as long as the process lives). Adding the same job again does
// nothing; another one of the same name is ErrJobExists. A job that is wrong is ErrJobRefused.
func (s *Jobs) Add(j Job) error {
	added, err := s.check(j)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJobRefused, err)
	}
	added.added = true
	s.save.Lock()
	defer s.save.Unlock()
	s.mu.Lock()
	old, n, closed := s.jobs[j.Name], len(s.jobs), s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return fmt.Errorf("as: jobs: %w", net.ErrClosed)
	case old != nil:
		a, _ := json.Marshal(old.Job)
		b, _ := json.Marshal(j)
		if old.added && string(a) == string(b) {
			return nil
		}
		return ErrJobExists
	case n >= s.cfg.MaxJobs:
		return ErrManyJobs
	}
	next := added.sched.next(time.Now(), time.Time{})
	added.state.Next = next
	if err := s.append(added.record()); err != nil {
		return fmt.Errorf("as: jobs: %w", err)
	}
	s.mu.Lock()
	s.jobs[j.Name] = added
	s.mu.Unlock()
	s.log.Info("a job was added", "name", j.Name, "next", next)
	s.look()
	return nil
}

// look has the clock look at the jobs again.
func (s *Jobs) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Remove removes a job that was added; a run that is under way goes on.
func (s *Jobs) Remove(name string) error {
	s.save.Lock()
	defer s.save.Unlock()
	s.mu.Lock()
	j := s.jobs[name]
	s.mu.Unlock()
	if j == nil || !j.added {
		return ErrNoJob
	}
	if err := s.append(jobRecord{State: JobState{Name: name}, Gone: true}); err != nil {
		return fmt.Errorf("as: jobs: %w", err)
	}
	s.mu.Lock()
	delete(s.jobs, name)
	s.mu.Unlock()
	return nil
}

// List returns the state of all jobs by name.
func (s *Jobs) List() []JobState {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]JobState, 0, len(s.jobs))
	for _, j := range s.jobs {
		state := j.state
		if state.Added = j.added; j.added {
			shown := j.Job
			if shown.HTTP != nil {
				h := *shown.HTTP
				h.Secret = ""
				shown.HTTP = &h
			}
			state.Job = &shown
		}
		list = append(list, state)
	}
	slices.SortFunc(list, func(a, b JobState) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Close begins no more runs, ends those under way when ctx is done, and waits for them.
func (s *Jobs) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, j := range s.jobs {
		j.state.Next = time.Time{}
	}
	busy := s.running > 0
	s.mu.Unlock()
	if busy {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				s.mu.Lock()
				n := s.running
				s.mu.Unlock()
				if n == 0 || ctx.Err() != nil {
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		}()
		<-done
	}
	s.cancel()
	s.work.Wait()
	s.save.Lock() // of an Add
	defer s.save.Unlock()
	if s.journal != nil {
		return s.journal.Close()
	}
	return nil
}

// ServeHTTP shows and changes jobs: GET answers with the list of [JobState], POST of a [Job] as
// JSON adds it and answers 201 when it is kept, DELETE removes the job that the query names
// ("?name=x"). Who may do so is up to the program: it wraps the handler.
func (s *Jobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	fail := func(err error) {
		status := http.StatusInternalServerError
		switch {
		case errors.Is(err, ErrJobRefused):
			status = http.StatusBadRequest
		case errors.Is(err, ErrJobExists):
			status = http.StatusConflict
		case errors.Is(err, ErrNoJob):
			status = http.StatusNotFound
		case errors.Is(err, ErrManyJobs), errors.Is(err, net.ErrClosed):
			status = http.StatusServiceUnavailable
		}
		answer(status, map[string]string{"error": err.Error()})
	}
	switch r.Method {
	case http.MethodGet:
		answer(http.StatusOK, s.List())
	case http.MethodPost:
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		dec.DisallowUnknownFields()
		var j Job
		if err := dec.Decode(&j); err != nil {
			fail(fmt.Errorf("%w: %w", ErrJobRefused, err))
		} else if err := s.Add(j); err != nil {
			fail(err)
		} else {
			answer(http.StatusCreated, map[string]string{"name": j.Name})
		}
	case http.MethodDelete:
		if err := s.Remove(r.URL.Query().Get("name")); err != nil {
			fail(err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		answer(http.StatusMethodNotAllowed, map[string]string{"error": "GET, POST or DELETE"})
	}
}
