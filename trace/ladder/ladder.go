package ladder

import (
	"hash/maphash"
	"io"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gotelco/telco/trace"
)

// Config sets how a [Ladder] draws. The zero value works.
type Config struct {
	// Names of addresses, the columns' heads. An entry with port 0 stands for all ports of its
	// address that have no entry of their own. Participants without a name show their address.
	Names map[netip.AddrPort]string

	// ByInterface names the local end of an event by its Interface, where Names doesn't know it.
	ByInterface bool

	// Participants are columns that stand there from the start, in this order. Others follow as
	// they appear.
	Participants []string

	// MaxParticipants bounds the columns; who comes later shares one named "others". If zero, 12.
	MaxParticipants int

	// Width is how many characters a line may have. If zero, what the environment variable COLUMNS
	// says, or else 120.
	Width int

	// Color says whether to use the terminal's colours. If zero, ColorAuto.
	Color Color

	// Summaries say what stands on a message's line, by protocol. They add to the built-in ones
	// and replace them.
	Summaries map[trace.Proto]func(trace.Event) Summary

	// Show leaves out the events for which it returns false. If nil, all are shown.
	Show func(trace.Event) bool
}

// Color says when to use colours.
type Color uint8

// The uses of colour.
const (
	ColorAuto   Color = iota // when writing to a terminal, TERM is not "dumb" and NO_COLOR is not set
	ColorNever               // plain text
	ColorAlways              // ANSI escape sequences, whatever is written to
)

// Summary is what a message's line says.
type Summary struct {
	Label  string // a word or two on the arrow: "INVITE", "200 OK"
	Detail string // the rest, to the right of the columns
	Bad    bool   // a refusal or failure
}

// A Ladder draws events as they come. Its methods may be called by several goroutines.
type Ladder struct {
	cfg   Config
	color bool

	mu      sync.Mutex
	out     io.Writer
	err     error
	start   time.Time
	columns []string
	index   map[string]int
	known   map[netip.AddrPort]string // names learned from Interface
	drawn   int                       // how many columns the last head had
	layout  layout
	seen    seen
	streams map[streamKey]*stream
	order   []streamKey
	buf     []byte
}

// New returns a Ladder that writes each line to out as its event comes.
func New(out io.Writer, cfg Config) *Ladder {
	if cfg.Width <= 0 {
		cfg.Width, _ = strconv.Atoi(os.Getenv("COLUMNS"))
	}
	if cfg.Width <= 0 {
		cfg.Width = 120
	}
	if cfg.MaxParticipants <= 0 {
		cfg.MaxParticipants = 12
	}
	l := &Ladder{
		cfg:     cfg,
		color:   cfg.Color == ColorAlways || cfg.Color == ColorAuto && terminal(out),
		out:     out,
		index:   make(map[string]int),
		known:   make(map[netip.AddrPort]string),
		streams: make(map[streamKey]*stream),
		seen:    seen{seed: maphash.MakeSeed(), count: make(map[uint64]*times)},
	}
	for _, p := range cfg.Participants {
		l.column(p)
	}
	return l
}

// Text draws events that have been collected.
func Text(events []trace.Event, cfg Config) string {
	var b builder
	l := New(&b, cfg)
	for _, e := range events {
		l.Trace(e)
	}
	l.Close()
	return string(b)
}

type builder []byte

func (b *builder) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// Trace draws an event. It is a [trace.Func].
func (l *Ladder) Trace(e trace.Event) {
	if l.cfg.Show != nil && !l.cfg.Show(e) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.start.IsZero() {
		l.start = e.Time
	}
	if e.Dir == trace.State {
		l.state(e)
		return
	}
	src, dst := e.Local, e.Remote
	if e.Dir == trace.Received {
		src, dst = dst, src
	}
	from, to := l.participant(src, e, e.Dir != trace.Received), l.participant(dst, e, e.Dir == trace.Received)
	if e.Proto == trace.RTP || e.Proto == trace.RTCP {
		if !l.first(streamKey{e.Proto, src, dst}, e.Dir) {
			return
		}
	}
	show, again := l.seen.message(&e, src, dst)
	if !show {
		return
	}
	e.Data = trace.Redacted(e.Data, e.Secrets)
	s := l.summary(e)
	if again && e.Proto == trace.SIP {
		s.Detail = join(s.Detail, "again")
	}
	s.Detail = join(s.Detail, e.Comment)
	l.message(e, from, to, s)
}

// Close draws how many packets each RTP stream had. It returns the first error of the writer.
func (l *Ladder) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.order {
		st := l.streams[k]
		l.buf = append(l.buf[:0], "          "...)
		l.buf = append(l.buf, clean(st.from+" -> "+st.to, 60)...)
		l.buf = append(append(append(l.buf, ": "...), k.proto.String()...), ' ')
		l.buf = strconv.AppendUint(l.buf, max(st.sent, st.received), 10)
		l.buf = append(l.buf, " packets"...)
		if st.sent > st.received && st.received > 0 {
			l.buf = append(strconv.AppendUint(append(l.buf, ", "...), st.received, 10), " received"...)
		}
		l.emit()
	}
	clear(l.streams)
	l.order = nil
	return l.err
}

// Err returns the first error of the writer, or nil.
func (l *Ladder) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// participant returns the column of an address.
func (l *Ladder) participant(a netip.AddrPort, e trace.Event, local bool) int {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	name := l.name(a)
	if name == "" && local && l.cfg.ByInterface && e.Interface != "" {
		name = e.Interface
		if a.IsValid() && len(l.known) < maxNames {
			l.known[a] = name
			l.rename(a.String(), name)
		}
	}
	if name == "" {
		switch {
		case a.IsValid():
			name = a.String()
		case local && e.Interface != "":
			name = e.Interface
		case local:
			name = "here"
		default:
			name = "peer"
			if e.Interface != "" {
				name = "peer of " + e.Interface
			}
		}
	}
	return l.column(name)
}

// rename gives a column that stood there under its address the name that is learned now.
func (l *Ladder) rename(old, name string) {
	i, ok := l.index[old]
	if _, taken := l.index[name]; !ok || taken {
		return
	}
	delete(l.index, old)
	l.index[name] = i
	l.columns[i] = name
	l.drawn = 0
}

func (l *Ladder) name(a netip.AddrPort) string {
	if n := l.cfg.Names[a]; n != "" {
		return n
	}
	if n := l.cfg.Names[netip.AddrPortFrom(a.Addr(), 0)]; n != "" {
		return n
	}
	return l.known[a]
}

const (
	maxNames    = 1024 // learned names
	maxMessages = 1024 // messages remembered to find the other end's event and what is sent again
	maxStreams  = 256  // RTP streams counted
)

func (l *Ladder) column(name string) int {
	if i, ok := l.index[name]; ok {
		return i
	}
	if len(l.columns) >= l.cfg.MaxParticipants {
		if name == "others" {
			l.columns = append(l.columns, name)
			l.index[name] = len(l.columns) - 1
			return len(l.columns) - 1
		}
		return l.column("others")
	}
	l.columns = append(l.columns, name)
	l.index[name] = len(l.columns) - 1
	return len(l.columns) - 1
}

// seen remembers the last messages, to draw one arrow for the two events of its ends, and to tell
// what is sent again.
type seen struct {
	seed  maphash.Seed
	count map[uint64]*times
	fifo  []uint64
	next  int
}

type times struct{ sent, received int }

// message counts an event. show is false for the second end's event of a message already drawn.
func (s *seen) message(e *trace.Event, src, dst netip.AddrPort) (show, again bool) {
	if len(e.Data) == 0 || !src.IsValid() || !dst.IsValid() {
		return true, false
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	maphash.WriteComparable(&h, src)
	maphash.WriteComparable(&h, dst)
	h.Write(e.Data)
	k := h.Sum64()
	t := s.count[k]
	if t == nil {
		t = new(times)
		if len(s.fifo) < maxMessages {
			s.fifo = append(s.fifo, k)
		} else {
			delete(s.count, s.fifo[s.next])
			s.fifo[s.next] = k
			s.next = (s.next + 1) % maxMessages
		}
		s.count[k] = t
	}
	if e.Dir == trace.Received {
		t.received++
		return t.received > t.sent, t.received > 1
	}
	t.sent++
	return t.sent > t.received, t.sent > 1
}

type streamKey struct {
	proto    trace.Proto
	src, dst netip.AddrPort
}

type stream struct {
	from, to       string
	sent, received uint64
}

// first counts a packet of a stream and tells whether it is the first one.
func (l *Ladder) first(k streamKey, d trace.Dir) bool {
	st := l.streams[k]
	if st == nil {
		if len(l.streams) >= maxStreams {
			return false
		}
		st = &stream{from: l.label(k.src), to: l.label(k.dst)}
		l.streams[k] = st
		l.order = append(l.order, k)
	}
	if d == trace.Received {
		st.received++
	} else {
		st.sent++
	}
	return st.sent+st.received == 1
}

func (l *Ladder) label(a netip.AddrPort) string {
	if n := l.name(netip.AddrPortFrom(a.Addr().Unmap(), a.Port())); n != "" {
		return n
	}
	return a.String()
}
