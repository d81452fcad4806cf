package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/internal/disk"
)

// Config configures a [Spool]. Dir must be set.
type Config struct {
	// Dir is the folder, which is made if it does not exist. One process at a time may have it open.
	Dir string
	// URL is where recordings go: http or https. If empty they stay in Dir.
	URL string
	// Method is PUT or POST; see the package documentation. If empty, PUT.
	Method string
	// FileField is the name of the part with the file, for POST. If empty, "file".
	FileField string
	// Header is sent with each upload to the server of URL, such as Authorization; not to other servers.
	Header http.Header
	// Client sends. If nil, one with a time limit of Timeout.
	Client *http.Client
	// Timeout bounds an upload. If zero, 5 min.
	Timeout time.Duration
	// MinRetry and MaxRetry are the shortest and the longest time between tries. If zero, 1 s and 5 min.
	MinRetry, MaxRetry time.Duration
	// Parallel is how many uploads go on at once. If zero, 4.
	Parallel int
	// OnUpload, if not nil, is called with the name of each recording that the server has, after it was
	// deleted here. It must not block.
	OnUpload func(name string)
	Logger   *slog.Logger // if nil, nothing is logged
}

// Spool is a folder of recordings. Its methods may be called by any goroutine.
type Spool struct {
	cfg    Config
	base   *url.URL
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	lock   io.Closer

	mu     sync.Mutex
	active map[string]*Recording // being written
	queue  []waiting             // complete, nobody works on them
	kept   []string              // names, complete, without a destination
	hosts  map[string]*server    // that did not take something
	wake   chan struct{}
	stats  Stats
	closed bool
}

// waiting is a recording that is to be uploaded.
type waiting struct {
	name string
	to   Destination
}

// Stats is a snapshot of a [Spool].
type Stats struct {
	Active     int    // being written
	Waiting    int    // for their upload, or uploading
	Uploaded   uint64 // since Open
	Failures   uint64 // tries that failed
	Incomplete uint64 // that lack something: a full disk, or the end of the process
	LastError  error  // of the last try that failed
}

// The names of files: NAME.part is being written, NAME.wav is complete, NAME.json describes either, and NAME.to says
// where it goes, if that is not where the Config says.
const (
	partial     = ".part"
	complete    = ".wav"
	description = ".json"
)

// ErrClosed says that the spool was closed.
var ErrClosed = errors.New("record: the spool is closed")

// Open opens a spool: what an earlier process left is completed, and uploaded.
func Open(cfg Config) (*Spool, error) {
	if cfg.Dir == "" {
		return nil, errors.New("record: a spool needs a folder")
	}
	if cfg.Method == "" {
		cfg.Method = http.MethodPut
	}
	if cfg.Method != http.MethodPut && cfg.Method != http.MethodPost {
		return nil, fmt.Errorf("record: recordings are uploaded by PUT or POST, not by %s", cfg.Method)
	}
	if cfg.FileField == "" {
		cfg.FileField = "file"
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&cfg.Timeout, 5*time.Minute)
	set(&cfg.MinRetry, time.Second)
	set(&cfg.MaxRetry, 5*time.Minute)
	if cfg.Parallel <= 0 {
		cfg.Parallel = 4
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Spool{cfg: cfg, active: map[string]*Recording{}, hosts: map[string]*server{}, wake: make(chan struct{}, 1)}
	if cfg.URL != "" {
		u, err := url.Parse(cfg.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("record: %q is no address to upload to", redacted(cfg.URL))
		}
		s.base = u
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	lock, err := disk.Lock(filepath.Join(cfg.Dir, ".lock")) // another's recordings would seem to be left over
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	s.lock = lock
	if err := s.recover(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("record: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for range cfg.Parallel {
		s.work.Go(s.upload)
	}
	return s, nil
}

// redacted is an address without its password.
func redacted(s string) string {
	if u, err := url.Parse(s); err == nil {
		return u.Redacted()
	}
	return "the address"
}

// recover completes what an earlier process was writing, and queues all that is complete.
func (s *Spool) recover() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, isPart := strings.CutSuffix(e.Name(), partial)
		if !isPart || !e.Type().IsRegular() {
			continue
		}
		if err := mend(s.path(name, partial)); err != nil {
			s.cfg.Logger.Warn("recording is of no use", "name", name, "err", err)
			if err := os.Remove(s.path(name, partial)); err != nil {
				return err
			}
			os.Remove(s.path(name, description))
			continue
		}
		d, err := s.describe(name)
		if err != nil {
			d = Description{Name: name}
		}
		d.Incomplete = "the program ended during the call"
		if err := s.finish(name, d); err != nil {
			return err
		}
		s.stats.Incomplete++
	}
	if entries, err = os.ReadDir(s.cfg.Dir); err != nil {
		return err
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), complete); ok && e.Type().IsRegular() {
			s.enqueue(name)
			continue
		}
		for _, suffix := range []string{description, destination} {
			if name, ok := strings.CutSuffix(e.Name(), suffix); ok {
				if _, err := os.Stat(s.path(name, complete)); errors.Is(err, fs.ErrNotExist) {
					os.Remove(s.path(name, suffix)) // of one that the server has
				}
			}
		}
	}
	return nil
}

func (s *Spool) path(name, suffix string) string { return filepath.Join(s.cfg.Dir, name+suffix) }

// finish makes a file that was being written complete: its description is on disk before its name says so.
func (s *Spool) finish(name string, d Description) error {
	if err := s.writeDescription(name, d); err != nil {
		return err
	}
	if err := os.Rename(s.path(name, partial), s.path(name, complete)); err != nil {
		return err
	}
	return disk.SyncDir(s.cfg.Dir)
}

// Description is what goes with a recording.
type Description struct {
	Name       string            `json:"name"`
	Start      time.Time         `json:"start"`
	Seconds    float64           `json:"seconds"`
	SampleRate int               `json:"sample_rate"`
	Channels   int               `json:"channels"` // 2: what the peer said on the left, what it heard on the right
	Incomplete string            `json:"incomplete,omitempty"`
	Meta       map[string]string `json:"meta,omitempty"`
}

func (s *Spool) describe(name string) (d Description, err error) {
	b, err := os.ReadFile(s.path(name, description))
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	return d, err
}

// writeDescription replaces the description of a recording, whole or not at all.
func (s *Spool) writeDescription(name string, d Description) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	tmp := s.path(name, description+".new")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(tmp, s.path(name, description))
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// Stats returns a snapshot.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Active = len(s.active)
	st.Waiting += len(s.queue) + len(s.kept)
	return st
}

// Close ends the recordings that are being written, and the uploads; what is not uploaded is by the next
// Open.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	active := make([]*Recording, 0, len(s.active))
	for _, r := range s.active {
		active = append(active, r)
	}
	s.mu.Unlock()
	var errs []error
	for _, r := range active {
		errs = append(errs, r.Stop())
	}
	s.cancel()
	s.work.Wait()
	return errors.Join(append(errs, s.lock.Close())...)
}

// Drain waits until everything that is complete was uploaded, or ctx is done.
func (s *Spool) Drain(ctx context.Context) error {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		s.mu.Lock()
		left := len(s.queue) + s.stats.Waiting
		s.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// push queues a recording that is complete.
func (s *Spool) push(name string) {
	s.mu.Lock()
	s.enqueue(name)
	s.mu.Unlock()
	s.wakeUp()
}

// enqueue is push with mu held. What has failed goes to the end, so that it does not hold up the others.
func (s *Spool) enqueue(name string) {
	to, ok, err := s.destinationOf(name)
	if err != nil {
		s.cfg.Logger.Error("recording stays here", "name", name, "err", err)
	}
	if !ok {
		s.kept = append(s.kept, name)
		return
	}
	if !slices.ContainsFunc(s.queue, func(w waiting) bool { return w.name == name }) {
		s.queue = append(s.queue, waiting{name, to})
	}
}

func (s *Spool) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
