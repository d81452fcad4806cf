package as

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Job is something to be done at certain times: exactly one of Cron, Every and At says when, and
// one of Originate, Message and HTTP what.
type Job struct {
	// Name is that of its state, which is kept under it: letters, digits, '-', '_' and '.'.
	Name string `json:"name" yaml:"name"`

	Cron  string    `json:"cron,omitempty" yaml:"cron"`   // see [Cron]
	Every Duration  `json:"every,omitempty" yaml:"every"` // at least a second, counted from the time before
	At    time.Time `json:"at,omitzero" yaml:"at"`        // once
	// Zone is that of Cron, "Europe/Berlin". If empty, that of JobsConfig.
	Zone string `json:"zone,omitempty" yaml:"zone"`

	// Originate is what call control's originate takes: "{vars}sofia/gateway/carrier/+4930123
	// &playback(hello.wav)". The job lasts until the call has ended.
	Originate string      `json:"originate,omitempty" yaml:"originate"`
	Message   *JobMessage `json:"message,omitempty" yaml:"message"`
	HTTP      *JobHTTP    `json:"http,omitempty" yaml:"http"`

	// Missed says what becomes of times that have passed by more than a minute, because nothing ran
	// then: "skip", or "once", which makes one run of them all. If empty, "once" with At, and else
	// "skip".
	Missed string `json:"missed,omitempty" yaml:"missed"`
	// Again has the job of an At run once more if the program ended while it ran. By default it
	// does not: a call or a message may have got through.
	Again bool `json:"again,omitempty" yaml:"again"`
	// Timeout ends a run. If zero, an hour.
	Timeout Duration `json:"timeout,omitempty" yaml:"timeout"`
}

// JobMessage is a message that a job sends.
type JobMessage struct {
	To          string `json:"to" yaml:"to"`
	From        string `json:"from,omitempty" yaml:"from"`
	Text        string `json:"text,omitempty" yaml:"text"`
	ContentType string `json:"content_type,omitempty" yaml:"content_type"` // with Body
	Body        []byte `json:"body,omitempty" yaml:"body"`
}

// JobHTTP is a request that a job makes: a POST, whose answer has to be a 2xx.
type JobHTTP struct {
	URL         string `json:"url" yaml:"url"`
	ContentType string `json:"content_type,omitempty" yaml:"content_type"` // if empty, application/json
	Body        string `json:"body,omitempty" yaml:"body"`
	Secret      string `json:"secret,omitempty" yaml:"secret"` // see [webhook.Sign]
}

// Duration is a time.Duration that is written as text, "1h30m".
type Duration time.Duration

// MarshalText returns the duration as time.Duration writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// The policies of Job.Missed.
const (
	missedSkip = "skip"
	missedOnce = "once"
)

// schedule is the checked timing of a Job.
type schedule struct {
	cron   Cron
	every  time.Duration
	at     time.Time
	missed string
}

func (j *Job) check(zone *time.Location) (schedule, error) {
	var s schedule
	if j.Name == "" || len(j.Name) > 100 {
		return s, errors.New("a name of 1 to 100 characters is needed")
	}
	for _, c := range j.Name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return s, fmt.Errorf("%q is not allowed in a name", c)
		}
	}
	when, what := 0, 0
	for _, set := range []bool{j.Cron != "", j.Every != 0, !j.At.IsZero()} {
		if set {
			when++
		}
	}
	for _, set := range []bool{j.Originate != "", j.Message != nil, j.HTTP != nil} {
		if set {
			what++
		}
	}
	switch {
	case when != 1:
		return s, errors.New("exactly one of cron, every and at is needed")
	case what != 1:
		return s, errors.New("exactly one of originate, message and http is needed")
	case j.Every != 0 && time.Duration(j.Every) < time.Second:
		return s, fmt.Errorf("every %v is less than a second", time.Duration(j.Every))
	case j.Timeout < 0:
		return s, fmt.Errorf("timeout %v", time.Duration(j.Timeout))
	}
	s.every, s.at = time.Duration(j.Every), j.At
	var err error
	if j.Zone != "" {
		if zone, err = time.LoadLocation(j.Zone); err != nil {
			return s, fmt.Errorf("time zone: %w", err)
		}
	}
	if j.Cron != "" {
		if s.cron, err = ParseCron(j.Cron, zone); err != nil {
			return s, err
		}
	}
	switch s.missed = j.Missed; s.missed {
	case missedSkip, missedOnce:
	case "":
		s.missed = missedSkip
		if !j.At.IsZero() {
			s.missed = missedOnce
		}
	default:
		return s, fmt.Errorf("missed: %q is neither skip nor once", j.Missed)
	}
	if j.Message != nil {
		if _, err := j.Message.message(); err != nil {
			return s, err
		}
	}
	if j.HTTP != nil {
		if u, err := url.Parse(j.HTTP.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return s, fmt.Errorf("%q is no URL of HTTP", j.HTTP.URL)
		}
	}
	return s, nil
}

// next returns the first time of the schedule after t; last is the time before it, if there was
// one.
func (s *schedule) next(t, last time.Time) time.Time {
	switch {
	case s.every > 0:
		if last.IsZero() {
			return t.Add(s.every)
		}
		next := last.Add(s.every)
		if late := t.Sub(next); late >= 0 {
			next = next.Add((late/s.every + 1) * s.every)
		}
		return next
	case !s.at.IsZero():
		if last.IsZero() {
			return s.at
		}
		return time.Time{}
	}
	return s.cron.Next(t)
}

func (m *JobMessage) message() (*Message, error) {
	out := &Message{ContentType: m.ContentType, Body: m.Body}
	var err error
	switch out.Called, err = partyOfText(m.To); {
	case err != nil:
		return nil, fmt.Errorf("to: %w", err)
	case out.Called.IsZero():
		return nil, errors.New("to is missing")
	case m.Text != "" && (m.Body != nil || m.ContentType != ""), m.Body != nil && m.ContentType == "":
		return nil, errors.New("either text, or content_type and body are needed")
	case m.Text != "":
		out.Body = []byte(m.Text)
	}
	if out.Calling, err = partyOfText(m.From); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	return out, nil
}

// JobState is what is known of a job.
type JobState struct {
	Name    string    `json:"name"`
	Added   bool      `json:"added,omitempty"`   // by Add, not by the configuration
	Next    time.Time `json:"next,omitzero"`     // zero if it does not run again
	Due     time.Time `json:"due,omitzero"`      // when the last run should have begun
	Begun   time.Time `json:"begun,omitzero"`    // and when it did
	Ended   time.Time `json:"ended,omitzero"`    // the last run that has ended
	Running bool      `json:"running,omitempty"` //
	Error   string    `json:"error,omitempty"`   // of the last run that has ended; "" if it went well
	Runs    uint64    `json:"runs"`              // begun
	Failed  uint64    `json:"failed"`            // of those that have ended
	Missed  uint64    `json:"missed"`            // times that nothing ran at, as far as they are known
	Skipped uint64    `json:"skipped"`           // times that came while it ran
	Job     *Job      `json:"job,omitempty"`     // of Added ones, without secrets
}

// finished tells whether an At has had its run.
func (j *job) finished() bool {
	return !j.sched.at.IsZero() && !j.state.Due.IsZero() && !j.state.Running
}

func timeout(j *Job) time.Duration { return cmp.Or(time.Duration(j.Timeout), time.Hour) }
