package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// RegistrationState is where a registration of a [RegistrationTable] stands.
type RegistrationState uint8

// The states.
const (
	RegistrationTrying   RegistrationState = iota // the first REGISTER is under way, or has its turn soon
	Registered                                    // the binding is there
	RegistrationStale                             // a refresh failed; the binding may still be there until Expires
	RegistrationFailed                            // there is no binding; the next try is at Next
	RegistrationRejected                          // the credentials are wrong: nothing is tried until they change
	RegistrationRemoving                          // it is being taken back
)

func (s RegistrationState) String() string {
	switch s {
	case RegistrationTrying:
		return "trying"
	case Registered:
		return "registered"
	case RegistrationStale:
		return "stale"
	case RegistrationFailed:
		return "failed"
	case RegistrationRejected:
		return "rejected"
	case RegistrationRemoving:
		return "removing"
	}
	return fmt.Sprintf("RegistrationState(%d)", uint8(s))
}

// RegistrationStatus is one row of a [RegistrationTable].
type RegistrationStatus struct {
	Name     string
	State    RegistrationState
	Since    time.Time // of State
	Expires  time.Time // of the binding; zero without one
	Next     time.Time // of the next try, where State is RegistrationFailed
	Failures int       // in a row
	Err      error     // of the last try, nil if it succeeded
}

// RegistrationTable keeps an agent registered with many servers, each under a name: trunks, or the lines
// of a gateway. What fails is tried again, later each time; wrong credentials are not, lest the
// account be locked. Its methods may be called by any goroutine.
type RegistrationTable struct {
	ua       *UserAgent
	onChange func(RegistrationStatus)
	tell     sync.Mutex // orders onChange

	mu     sync.Mutex
	rows   map[string]*registrationRow
	closed bool
}

type registrationRow struct {
	table  *RegistrationTable
	opts   RegisterOptions
	cancel context.CancelFunc
	done   chan struct{}

	// Guarded by the table.
	status RegistrationStatus
	reg    *Registration // nil without a binding
	keep   bool          // the binding is left to who comes after
}

// NewRegistrationTable returns an empty table of ua's. onChange, which may be nil, is called with each
// change of a state, one at a time; it must not block.
func NewRegistrationTable(ua *UserAgent, onChange func(RegistrationStatus)) *RegistrationTable {
	return &RegistrationTable{ua: ua, onChange: onChange, rows: map[string]*registrationRow{}}
}

// Set adds a registration, or changes one: to other credentials, or another server. What there was under
// the name is forgotten without being taken back where the binding stays the same, and taken back
// where it does not. The OnChange of opts is not used. Set does not wait for the server.
func (t *RegistrationTable) Set(name string, opts RegisterOptions) error {
	if u, err := ParseURI(opts.Registrar); err != nil {
		return err
	} else if !u.IsSIP() || u.User != "" {
		return fmt.Errorf("sip: %q is no registrar", opts.Registrar)
	}
	if opts.Address != "" {
		if _, err := ParseAddress(opts.Address); err != nil {
			return err
		}
	}
	if opts.Contact != "" {
		if _, err := ParseAddress(opts.Contact); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	old := t.rows[name]
	ctx, cancel := context.WithCancel(context.Background())
	row := &registrationRow{table: t, opts: opts, cancel: cancel, done: make(chan struct{})}
	row.status = RegistrationStatus{Name: name, State: RegistrationTrying, Since: time.Now()}
	t.rows[name] = row
	// Those that are added together don't all begin at once.
	spread := time.Duration(min(len(t.rows), 1000)) * 10 * time.Millisecond
	go func() {
		defer close(row.done)
		if old != nil {
			same := old.opts.Registrar == opts.Registrar && old.opts.Address == opts.Address && old.opts.Contact == opts.Contact
			old.end(!same)
			spread = 0
		}
		row.run(ctx, spread)
	}()
	return nil
}

// Remove takes a registration back, and waits for that until ctx is done. Removing what is not there is no
// error.
func (t *RegistrationTable) Remove(ctx context.Context, name string) error {
	t.mu.Lock()
	row := t.rows[name]
	t.mu.Unlock()
	if row == nil {
		return nil
	}
	row.change(func(s *RegistrationStatus) { s.State = RegistrationRemoving })
	ended := make(chan struct{})
	go func() {
		row.end(true)
		t.mu.Lock()
		if t.rows[name] == row {
			delete(t.rows, name)
		}
		t.mu.Unlock()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Status returns all rows, ordered by name.
func (t *RegistrationTable) Status() []RegistrationStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]RegistrationStatus, 0, len(t.rows))
	for _, r := range t.rows {
		s := r.status
		if r.reg != nil {
			s.Expires, _ = r.reg.Expires()
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b RegistrationStatus) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Close takes all registrations back, and waits for that until ctx is done.
func (t *RegistrationTable) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	names := make([]string, 0, len(t.rows))
	for name := range t.rows {
		names = append(names, name)
	}
	t.mu.Unlock()
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = t.Remove(ctx, name) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// change changes the status and tells of it.
func (r *registrationRow) change(f func(*RegistrationStatus)) {
	t := r.table
	t.tell.Lock()
	defer t.tell.Unlock()
	t.mu.Lock()
	was := r.status.State
	f(&r.status)
	changed := was != r.status.State
	if changed {
		r.status.Since = time.Now()
	}
	status, known := r.status, t.rows[r.status.Name] == r
	t.mu.Unlock()
	if changed && known && t.onChange != nil {
		t.onChange(status)
	}
}

// removeWithin bounds how long the server is waited for when a binding is taken back.
const removeWithin = 10 * time.Second

// end stops the row, and takes its binding back.
func (r *registrationRow) end(remove bool) {
	r.table.mu.Lock()
	r.keep = !remove
	r.table.mu.Unlock()
	r.cancel()
	<-r.done
}

// run registers and keeps registered until ctx is done.
func (r *registrationRow) run(ctx context.Context, spread time.Duration) {
	if spread > 0 && !pause(ctx, rand.N(spread)) {
		return
	}
	for failures := 0; ; {
		changed := make(chan struct{}, 1) // the state itself is the registration's
		opts := r.opts
		opts.OnChange = func(error) {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
		reg, err := r.table.ua.Register(ctx, opts)
		if ctx.Err() != nil && reg == nil {
			return
		}
		if err == nil {
			failures = 0
			if r.registered(ctx, reg, changed) {
				return
			}
			err = ErrAuthRejected
		}
		failures++
		if errors.Is(err, ErrAuthRejected) {
			r.change(func(s *RegistrationStatus) {
				s.State, s.Err, s.Failures, s.Expires = RegistrationRejected, err, failures, time.Time{}
			})
			<-ctx.Done()
			return
		}
		wait := max(retryAfterFailure(failures), askedToWait(err))
		r.change(func(s *RegistrationStatus) {
			s.State, s.Err, s.Failures, s.Expires, s.Next = RegistrationFailed, err, failures, time.Time{}, time.Now().Add(wait)
		})
		if !pause(ctx, wait) {
			return
		}
	}
}

// registered watches a binding. It returns false when the credentials are wrong now.
func (r *registrationRow) registered(ctx context.Context, reg *Registration, changed <-chan struct{}) bool {
	update := func() {
		until, err := reg.Expires()
		r.change(func(s *RegistrationStatus) {
			s.Expires, s.Err, s.Next = until, err, time.Time{}
			if err == nil {
				s.State, s.Failures = Registered, 0
			} else {
				s.State, s.Failures = RegistrationStale, s.Failures+1
			}
		})
	}
	set := func(reg *Registration) {
		r.table.mu.Lock()
		r.reg = reg
		r.table.mu.Unlock()
	}
	set(reg)
	defer set(nil)
	update()
	for {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.Background(), removeWithin)
			defer cancel()
			r.table.mu.Lock()
			keep := r.keep
			r.table.mu.Unlock()
			if keep {
				reg.drop()
			} else {
				reg.Close(end)
			}
			return true
		case <-changed:
			if _, err := reg.Expires(); errors.Is(err, ErrAuthRejected) {
				reg.drop()
				return false
			}
			update()
		}
	}
}

// pause waits, and reports false where ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// askedToWait is the Retry-After of a refusal.
func askedToWait(err error) time.Duration {
	var refused *ResponseError
	if !errors.As(err, &refused) {
		return 0
	}
	after, err := refused.Response.RetryAfter()
	if err != nil {
		return 0
	}
	return min(time.Duration(after.Seconds)*time.Second, time.Hour)
}
