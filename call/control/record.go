package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/record"
	"github.com/gotelco/telco/call/soundfile"
)

// recording is a channel that is being recorded.
type recording struct {
	c       *Channel
	name    string // as it was asked for
	begin   time.Time
	rate    int
	samples atomic.Int64 // per channel
	mode    atomic.Int32 // a RecordMode

	tap    *call.Tap
	writer *soundfile.Writer
	file   *os.File
	upload *record.Recording

	timer *time.Timer
	once  sync.Once // of the end
	told  sync.Once // of the event about it
	err   error
	done  chan struct{}
}

var errRecording = errors.New("control: it is being recorded there already")

// Record begins to record the channel, both directions, to what name says: a file in the folder for recordings, or
// http://(file=NAME.wav,method=POST)host/path to be uploaded by the Spool. It goes on until StopRecord, the end of the
// channel, or limit, if that is not zero. The variables RECORD_STEREO, record_sample_rate and those that begin with
// RECORD_ are heeded, see the package documentation.
func (c *Channel) Record(name string, limit time.Duration) error {
	_, err := c.record(name, limit, false)
	return err
}

// record is Record; mono mixes both directions whatever the variable says.
func (c *Channel) record(name string, limit time.Duration, mono bool) (*recording, error) {
	m := c.media()
	if m == nil {
		return nil, errNoMedia
	}
	r := &recording{c: c, name: name, begin: time.Now(), done: make(chan struct{})}
	stereo := isTrue(c.Var("RECORD_STEREO")) && !mono
	r.rate = m.SampleRate()
	if v, err := strconv.Atoi(c.Var("record_sample_rate")); err == nil && (v == 8000 || v == 16000 || v == 48000) {
		r.rate = v
	}
	c.recMu.Lock()
	defer c.recMu.Unlock()
	if c.recordings[name] != nil {
		return nil, fmt.Errorf("%w: %s", errRecording, name)
	}
	if len(c.recordings) >= 16 {
		return nil, errTooManyRecordings
	}
	var err error
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		err = r.toSpool(m, stereo, limit)
	} else {
		err = r.toFile(m, stereo)
	}
	if err != nil {
		return nil, err
	}
	c.recordings[name] = r
	if shown := redact(name); len(c.recorded) < 50 && !slices.Contains(c.recorded, shown) {
		c.recorded = append(c.recorded, shown)
	}
	if limit > 0 {
		r.timer = time.AfterFunc(limit, func() { c.stopRecording(r) })
	}
	c.emit("RECORD_START", "Record-File-Path", redact(name))
	return r, nil
}

var errTooManyRecordings = errors.New("control: the channel is recorded too often")

// redact takes a password out of a URL.
func redact(name string) string {
	if i := strings.Index(name, "@"); i > 0 && strings.Contains(name, "://") {
		if t, err := parseUpload(name); err == nil {
			if u, err := url.Parse(t.URL); err == nil {
				return u.Redacted()
			}
		}
	}
	return name
}

// toFile records to a local file.
func (r *recording) toFile(m *call.Media, stereo bool) error {
	s := r.c.sw
	kind, ok := soundfile.KindOf(r.name)
	if !ok {
		return fmt.Errorf("control: %q: recordings end in .wav, .amr or .awb", path.Base(r.name))
	}
	f, _, err := s.recordings.create(r.name)
	if err != nil {
		return err
	}
	cfg := soundfile.Config{Kind: kind, Channels: 1, SampleRate: kind.SampleRateOf(r.rate)}
	if stereo {
		cfg.Channels = 2
	}
	r.rate = cfg.SampleRate
	if r.writer, err = soundfile.NewWriter(f, cfg); err != nil {
		f.Close()
		return err
	}
	r.file = f
	r.tap, err = call.NewTap(m, &counted{r, r.writer, cfg.Channels}, call.TapOptions{Stereo: stereo, SampleRate: cfg.SampleRate, Edit: r.edit})
	if err != nil {
		r.writer.Close()
		f.Close()
	}
	return err
}

// counted counts what goes into a file.
type counted struct {
	r        *recording
	to       call.Sink
	channels int
}

func (w *counted) WriteSamples(pcm []int16) error {
	w.r.samples.Add(int64(len(pcm) / w.channels))
	return w.to.WriteSamples(pcm)
}

// toSpool records to the spool, to be uploaded.
func (r *recording) toSpool(m *call.Media, stereo bool, limit time.Duration) error {
	spool := r.c.sw.cfg.Spool
	if spool == nil {
		return errors.New("control: there is no spool for uploads")
	}
	t, err := parseUpload(r.name)
	if err != nil {
		return err
	}
	opts := record.Options{Stereo: stereo, SampleRate: r.rate, MaxTime: limit, Edit: r.edit, To: t}
	opts.Meta = map[string]string{
		"uuid": r.c.uuid, "caller_id_number": r.c.Var("caller_id_number"), "destination_number": r.c.Var("destination_number"),
	}
	r.upload, err = spool.Record(m, opts)
	return err
}

// stop ends the recording.
func (r *recording) stop() error {
	r.once.Do(func() {
		defer close(r.done)
		if r.timer != nil {
			r.timer.Stop()
		}
		if r.upload != nil {
			r.err = r.upload.Stop()
			return
		}
		err := r.tap.Close()
		if lost := r.tap.Lost(); err == nil && lost > 0 {
			err = fmt.Errorf("control: %d samples are silent: the disk was too slow", lost)
		}
		err = errors.Join(err, r.writer.Close())
		r.err = errors.Join(err, r.file.Close())
	})
	<-r.done
	return r.err
}

// length is how long the recording is.
func (r *recording) length() time.Duration {
	if r.upload != nil || r.rate == 0 {
		return time.Since(r.begin)
	}
	return time.Duration(r.samples.Load()) * time.Second / time.Duration(r.rate)
}

// stopRecording ends a recording and tells of it.
func (c *Channel) stopRecording(r *recording) error {
	err := r.stop()
	r.told.Do(func() {
		c.recMu.Lock()
		if c.recordings[r.name] == r {
			delete(c.recordings, r.name)
		}
		c.recMu.Unlock()
		about := []string{"Record-File-Path", redact(r.name)}
		if err != nil {
			c.sw.log.Error("control: recording is incomplete", "uuid", c.uuid, "file", redact(r.name), "err", err)
			about = append(about, "Record-Error", err.Error())
		}
		d := r.length()
		c.set("record_seconds", strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10), "record_ms", millis(d), "record_samples", strconv.FormatInt(r.samples.Load(), 10))
		c.emit("RECORD_STOP", about...)
	})
	return err
}

// StopRecord ends a recording by its name, or all of them if name is "all". An error says that there is none, or that
// it lacks something.
func (c *Channel) StopRecord(name string) error {
	c.recMu.Lock()
	var which []*recording
	for n, r := range c.recordings {
		if name == "all" || n == name {
			which = append(which, r)
		}
	}
	c.recMu.Unlock()
	if len(which) == 0 && name != "all" {
		return fmt.Errorf("control: nothing is recorded to %.100q", redact(name))
	}
	var errs []error
	for _, r := range which {
		errs = append(errs, c.stopRecording(r))
	}
	return errors.Join(errs...)
}

func (c *Channel) stopRecordings() { c.StopRecord("all") }

// Recordings returns the names of what the channel is recorded to.
func (c *Channel) Recordings() []string {
	c.recMu.Lock()
	defer c.recMu.Unlock()
	var out []string
	for n := range c.recordings {
		out = append(out, n)
	}
	return out
}

// Recorded returns the names of what the channel is and was recorded to, the first 50, without passwords: for call records.
func (c *Channel) Recorded() []string {
	c.recMu.Lock()
	defer c.recMu.Unlock()
	return slices.Clone(c.recorded)
}

// RecordMode says what becomes of what is said and heard while a channel is being recorded.
type RecordMode uint8

const (
	RecordAll    RecordMode = iota
	RecordMasked            // silence is recorded instead, so that times stay
	RecordPaused            // nothing is recorded
)

// SetRecordMode masks or pauses a recording, by its name, or has it go on.
func (c *Channel) SetRecordMode(name string, mode RecordMode) error {
	c.recMu.Lock()
	defer c.recMu.Unlock()
	r := c.recordings[name]
	if r == nil {
		return fmt.Errorf("control: nothing is recorded to %.100q", redact(name))
	}
	r.mode.Store(int32(mode))
	return nil
}

// edit is called with each frame, on the wheel's goroutine.
func (r *recording) edit(pcm []int16) (keep bool) {
	switch RecordMode(r.mode.Load()) {
	case RecordPaused:
		return false
	case RecordMasked:
		clear(pcm)
	}
	return true
}

// recordMode is an application that sets the mode of a recording: its name.
func recordMode(mode RecordMode) App {
	return func(_ context.Context, c *Channel, args string) error {
		return c.SetRecordMode(unquoteWhole(args), mode)
	}
}

// parseUpload reads a URL as users of mod_httapi write it: http://(file=NAME,method=POST,name=FIELD)host/path.
func parseUpload(name string) (record.Destination, error) {
	var to record.Destination
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return to, parseError("URL", name, errors.New("no http or https"))
	}
	if rest != "" && (rest[0] == '(' || rest[0] == '{') {
		vars, after, err := parseVars(rest)
		if err != nil {
			return to, parseError("URL", name, err)
		}
		rest = after
		to.File, to.Method, to.FileField = find(vars, "file"), strings.ToUpper(find(vars, "method")), find(vars, "name")
	}
	to.URL = scheme + "://" + rest
	parsed, err := url.Parse(to.URL)
	if err != nil || parsed.Host == "" {
		return to, parseError("URL", scheme, errors.New("no address"))
	}
	if to.File != "" {
		to.File = strings.Map(func(r rune) rune { // as a spool takes it
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
				return r
			}
			return '_'
		}, strings.TrimLeft(path.Base(to.File), "."))
	}
	switch to.Method {
	case "", "PUT", "POST":
		return to, nil
	}
	return to, parseError("URL", to.Method, errors.New("recordings go by PUT or POST"))
}

// recordUntil waits for the end of a recording that an application makes: its limit, a terminator, silence, or ctx.
func (c *Channel) recordUntil(ctx context.Context, r *recording) error {
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
