package pcapng

import (
	"encoding/binary"
	"io"
	"net/netip"
	"sync"

	"github.com/gotelco/telco/trace"
)

// Config sets what a [Writer] or a [Live] writes. The zero value works.
type Config struct {
	// IncludeSecrets leaves secret octets as they are. If false, they are overwritten.
	IncludeSecrets bool

	// Names of addresses, for Wireshark's name column (View, Name Resolution, Resolve Network
	// Addresses). May be nil.
	Names map[netip.Addr]string

	// Application is written into the section header. If empty, "telco".
	Application string

	// MaxFlows is how many TCP connections and SCTP associations are remembered for their sequence
	// numbers; beyond it one is forgotten, and its numbers start again. If zero, 16384.
	MaxFlows int

	// MaxInterfaces is how many interface names are told apart; the events of further ones are
	// shown on an interface without a name. If zero, 1024.
	MaxInterfaces int

	// QueueSize is how many octets a [Live] holds for a reader before it drops events. If zero, 4 MiB.
	QueueSize int

	// MaxReaders is how many readers a [Live] serves at once. If zero, 16.
	MaxReaders int
}

func or(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// Stats counts what a [Writer] did.
type Stats struct {
	Events  uint64 // events given to Trace
	Packets uint64 // packets written
	Octets  uint64 // octets written, the blocks' own included
	Lost    uint64 // events not written, for an error of the writer below or a slow reader
}

// A Writer turns events into a pcapng stream. Its methods may be called by several goroutines.
type Writer struct {
	cfg Config

	mu     sync.Mutex
	out    io.Writer
	err    error
	stats  Stats
	buf    []byte // the blocks of the event at hand
	ifaces map[iface]uint32
	flows  map[flowKey]*flow
	late   uint64 // events lost since the last one written
	flush  func() error
	close  func() error
	synced int64 // when it was last flushed, by the events' clock, in seconds
}

type iface struct {
	name string
	link uint16
}

// NewWriter writes the head of a capture to out and returns a Writer for the rest. Each event
// makes one call of out.Write.
func NewWriter(out io.Writer, cfg Config) (*Writer, error) {
	w := &Writer{
		cfg:    cfg,
		out:    out,
		ifaces: make(map[iface]uint32),
		flows:  make(map[flowKey]*flow),
		buf:    make([]byte, 0, 2048),
	}
	w.buf = appendSectionHeader(w.buf, cfg.Application)
	w.buf = appendNames(w.buf, cfg.Names)
	return w, w.emit()
}

// Trace writes an event. It is a [trace.Func]. Errors are kept for [Writer.Err]; after the first
// one nothing more is written.
func (w *Writer) Trace(e trace.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Events++
	if w.err != nil {
		w.stats.Lost++
		return
	}
	w.buf = w.buf[:0]
	w.event(e)
	if w.emit() != nil {
		w.stats.Lost++
		return
	}
	if now := e.Time.Unix(); w.flush != nil && now != w.synced {
		w.synced = now
		w.keep(w.flush())
	}
}

// KeyLog returns a writer for tls.Config.KeyLogWriter whose lines go into the capture as
// Decryption Secrets Blocks. Without Config.IncludeSecrets it returns nil, which TLS takes for
// "no log".
func (w *Writer) KeyLog() io.Writer {
	if !w.cfg.IncludeSecrets {
		return nil
	}
	return keyLog{w}
}

type keyLog struct{ w *Writer }

func (k keyLog) Write(line []byte) (int, error) {
	w := k.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	w.buf = appendSecrets(w.buf[:0], line)
	if err := w.emit(); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Err returns the first error of the writer below, or nil.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Stats returns the counters so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// Flush writes out what a Writer made by [Create] holds back; others hold nothing back. It
// returns the first error so far.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flush != nil && w.err == nil {
		w.keep(w.flush())
	}
	return w.err
}

func (w *Writer) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

// emit writes the blocks in buf.
func (w *Writer) emit() error {
	n, err := w.out.Write(w.buf)
	w.stats.Octets += uint64(n)
	w.keep(err)
	if cap(w.buf) > 1<<18 { // one huge message must not cost its size forever
		w.buf = make([]byte, 0, 2048)
	}
	return err
}

// ifaceID returns the number of an interface, and describes it in the stream when it is new.
func (w *Writer) ifaceID(name string, link uint16) uint32 {
	id, ok := w.ifaces[iface{name, link}]
	if ok {
		return id
	}
	if name != "" && len(w.ifaces) >= or(w.cfg.MaxInterfaces, 1024) {
		return w.ifaceID("", link)
	}
	id = uint32(len(w.ifaces))
	w.ifaces[iface{string([]byte(name)), link}] = id
	w.buf = appendInterface(w.buf, name, link)
	return id
}

// packet writes an Enhanced Packet Block around what build appends.
func (w *Writer) packet(e *trace.Event, link uint16, comment bool, build func(w *Writer)) {
	id := w.ifaceID(e.Interface, link)
	start := len(w.buf)
	w.buf = appendPacketHead(w.buf, id, e.Time)
	body := len(w.buf)
	build(w)
	w.buf = finishPacketData(w.buf, start, len(w.buf)-body)
	if comment {
		w.comments(e)
	}
	w.buf = appendDirection(w.buf, e.Dir)
	w.buf = finishBlock(w.buf, start)
	w.stats.Packets++
}

// comments appends what an event says in words.
func (w *Writer) comments(e *trace.Event) {
	if e.Comment != "" && e.Dir != trace.State {
		w.buf = appendOption(w.buf, optComment, e.Comment)
	}
	if e.Correlation != "" && !ownCorrelation(e) {
		w.buf = appendOption(w.buf, optComment, e.Correlation)
	}
	switch e.Transport {
	case trace.TLS:
		w.buf = appendOption(w.buf, optComment, "carried by TLS")
	case trace.WS:
		w.buf = appendOption(w.buf, optComment, "carried by WebSocket")
	case trace.WSS:
		w.buf = appendOption(w.buf, optComment, "carried by WebSocket over TLS")
	}
	if w.late > 0 {
		w.buf = appendLost(w.buf, w.late)
		w.late = 0
	}
}

// ownCorrelation tells whether Wireshark finds by itself what an event belongs to: SIP has the
// Call-ID in it, and media is described by SDP. State events have it in their line.
func ownCorrelation(e *trace.Event) bool {
	return e.Dir == trace.State || e.Proto == trace.SIP || e.Proto == trace.RTP || e.Proto == trace.RTCP
}

// payload appends Data[from:to], its secrets overwritten.
func (w *Writer) payload(e *trace.Event, from, to int) {
	at := len(w.buf)
	w.buf = append(w.buf, e.Data[from:to]...)
	if w.cfg.IncludeSecrets {
		return
	}
	for _, s := range e.Secrets {
		for i := max(s.Start, from); i < min(s.End, to); i++ {
			w.buf[at+i-from] = 'x'
		}
	}
}

var be = binary.BigEndian
