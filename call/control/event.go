package control

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Field is one header of an [Event].
type Field struct{ Name, Value string }

// Event is something that has happened, under the names that FreeSWITCH's event socket gives it. Those who get one
// share it: it must not be changed, but by its maker before [Switch.Emit].
type Event struct {
	Name     string // CHANNEL_ANSWER, …
	Subclass string // of CUSTOM
	Time     time.Time
	UUID     string  // of the channel; empty where there is none
	Fields   []Field // in their order, unescaped, Event-Name first
	Body     string
}

// Field returns the value of a header, whose name is case-insensitive; empty if there is none.
func (e *Event) Field(name string) string {
	for _, f := range e.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Add adds a header.
func (e *Event) Add(name, value string) { e.Fields = append(e.Fields, Field{name, value}) }

// Set adds a header in the place of those with its name.
func (e *Event) Set(name, value string) {
	e.Fields = slices.DeleteFunc(e.Fields, func(f Field) bool { return strings.EqualFold(f.Name, name) })
	e.Add(name, value)
}

// AppendText appends the event as the event socket writes it with the format plain: a line for each header, with
// its value escaped as in URLs, Content-Length if there is a body, an empty line, the body.
func (e *Event) AppendText(b []byte) ([]byte, error) {
	for _, f := range e.Fields {
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = appendEscaped(b, f.Value)
		b = append(b, '\n')
	}
	if e.Body != "" {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(e.Body)), 10)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, e.Body...), nil
}

// Escape escapes a value as FreeSWITCH does: as in a URL, a space being %20.
func Escape(s string) string {
	for i := 0; i < len(s); i++ {
		if unsafe(s[i]) {
			return string(appendEscaped(make([]byte, 0, len(s)+16), s))
		}
	}
	return s
}

func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; unsafe(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func unsafe(c byte) bool {
	return c <= ' ' || c >= 0x7f || strings.IndexByte("\"#%&+:;<=>?@[\\]^`{|}", c) >= 0
}

// Unescape undoes [Escape]; what is no escape stays as it is.
func Unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// stamp is a time as the event socket writes it: microseconds since 1970, 0 for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// NewEvent returns an event with the headers that all have. subclass is for CUSTOM.
func (s *Switch) NewEvent(name, subclass string) *Event {
	now := time.Now()
	e := &Event{Name: name, Subclass: subclass, Time: now, Fields: make([]Field, 0, 64)}
	e.Add("Event-Name", name)
	e.Add("Core-UUID", s.uuid)
	e.Add("FreeSWITCH-Hostname", s.cfg.Hostname)
	e.Add("FreeSWITCH-Switchname", s.cfg.Hostname)
	e.Add("FreeSWITCH-IPv4", s.cfg.Address)
	e.Add("Event-Date-Local", now.Format(time.DateTime))
	e.Add("Event-Date-GMT", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	e.Add("Event-Date-Timestamp", stamp(now))
	e.Add("Event-Sequence", strconv.FormatUint(s.sequence.Add(1), 10))
	if subclass != "" {
		e.Add("Event-Subclass", subclass)
	}
	return e
}

// Emit hands an event to those who watch. It does not block: what is more than MaxEvents behind is thrown away, and
// counted.
func (s *Switch) Emit(e *Event) {
	if s.watching.Load() == 0 {
		return
	}
	s.later(func() { s.deliver(e) })
}

// later has f called on the goroutine of the watchers.
func (s *Switch) later(f func()) {
	select {
	case s.events <- f:
	default:
		s.lost.Add(1)
	}
}

func (s *Switch) deliver(e *Event) {
	s.watchMu.Lock()
	watchers := s.watchers
	s.watchMu.Unlock()
	for _, w := range watchers {
		if !w.stopped.Load() {
			w.f(e)
		}
	}
}

type watcher struct {
	f       func(*Event)
	stopped atomic.Bool
}

// Watch has f called with each event from now on, in order, until stop is called. f has a goroutine that all
// watchers share: media goes on while it takes its time, but other watchers wait, and beyond MaxEvents events are lost.
func (s *Switch) Watch(f func(*Event)) (stop func()) {
	w := &watcher{f: f}
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	s.watchers = append(slices.Clone(s.watchers), w)
	s.watching.Add(1)
	return func() {
		s.watchMu.Lock()
		defer s.watchMu.Unlock()
		if w.stopped.CompareAndSwap(false, true) {
			s.watchers = slices.DeleteFunc(slices.Clone(s.watchers), func(o *watcher) bool { return o == w })
			s.watching.Add(-1)
		}
	}
}

// watch is the goroutine of the watchers.
func (s *Switch) watch() {
	defer s.work.Done()
	for {
		select {
		case f := <-s.events:
			f()
		case <-s.ctx.Done():
			for { // what happened before the end
				select {
				case f := <-s.events:
					f()
				default:
					return
				}
			}
		}
	}
}
