package rtp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/gotelco/telco/rtp/srtp"
)

// Session runs a [Stream] on a socket: one goroutine reads RTP and sends the RTCP reports, a
// second one reads RTCP if it has a socket of its own; with a [Poller], one goroutine does so for many Sessions. The clock of what is sent and played
// stays with the caller, who calls Send and Pop every 20 ms or so. All methods are safe for
// concurrent use.
type Session struct {
	mu     sync.Mutex
	stream *Stream
	rtp    socket
	rtcp   *socket // nil if RTCP shares the port or there is none
	out    []byte
	closed bool
	err    error
	errors int // failed reads in a row
	wg     sync.WaitGroup
	poller *Poller // nil if the Session reads by itself
	polled []int32 // kept by it
	port   *Port   // nil if the socket is the Session's own

	polls bool      // Poll reads
	now   time.Time // of the last Poll
	turns uint      // of Poll
}

// NewSession starts a Session on rtp and, unless cfg.Mux or cfg.NoRTCP is set, on rtcp, which may
// be nil if there is no such socket; then no reports are sent. It takes the sockets over: Close
// closes them.
func NewSession(rtp, rtcp net.PacketConn, cfg Config) *Session {
	if c, ok := rtp.(*portConn); ok && c.session == nil {
		if s, err := c.port.session(cfg, cfg.Mux); err == nil {
			return s
		}
	}
	if rtcp == nil && !cfg.Mux {
		cfg.NoRTCP = true
	}
	if !cfg.Local.IsValid() {
		cfg.Local = addrPort(rtp.LocalAddr())
	}
	s := &Session{stream: NewStream(time.Now(), cfg), rtp: newSocket(rtp)}
	if rtcp != nil {
		c := newSocket(rtcp)
		s.rtcp = &c
	}
	if cfg.Polled && s.detach() {
		s.polls, s.now = true, time.Now()
		return s
	}
	if cfg.Poller != nil && cfg.Poller.add(s) {
		s.poller = cfg.Poller
		return s
	}
	if rtcp != nil {
		s.wg.Go(func() { s.read(s.rtcp, true) })
	}
	s.wg.Go(func() { s.read(&s.rtp, false) })
	return s
}

// detach takes the sockets away from the runtime, if they are of the kind that can be.
func (s *Session) detach() bool {
	rtp, ok := s.rtp.conn.(*net.UDPConn)
	if !ok {
		return false
	}
	var rtcp *net.UDPConn
	if s.rtcp != nil {
		if rtcp, ok = s.rtcp.conn.(*net.UDPConn); !ok {
			return false
		}
	}
	raw, err := newRawSocket(rtp)
	if err != nil {
		return false
	}
	s.rtp.raw = raw
	if rtcp != nil {
		// If this fails the Session is as good as closed for reports.
		if s.rtcp.raw, err = newRawSocket(rtcp); err != nil {
			s.stream.stats.ReadErrors++
		}
	}
	return true
}

// maxDatagram is more than any RTP packet on a path with an ordinary MTU; longer ones are cut and
// then dropped as malformed or concealed by the codec.
const maxDatagram = 2048

// maxErrors is how many failed reads in a row end a reader, so that a broken socket is not spun on.
const maxErrors = 100

func (s *Session) read(c *socket, rtcp bool) {
	buf := make([]byte, maxDatagram)
	var deadline time.Time
	for {
		if !rtcp {
			s.mu.Lock()
			due := s.stream.Deadline()
			s.mu.Unlock()
			if due != deadline {
				deadline = due
				c.conn.SetReadDeadline(deadline)
			}
		}
		n, from, err := c.read(buf)
		now := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.mu.Lock()
			if s.closed {
				s.mu.Unlock()
				return
			}
			s.sendReport(now)
			s.mu.Unlock()
			deadline = time.Time{} // it has fired: set it again even if it is the same
		case err != nil:
			if !s.failed(err) {
				return
			}
		default:
			s.deliver(now, rtcp, from, buf[:n])
		}
	}
}

// deliver hands a datagram to the stream.
func (s *Session) deliver(now time.Time, rtcp bool, from netip.AddrPort, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors = 0
	switch {
	case s.closed:
	case rtcp:
		s.stream.ReceiveRTCP(now, from, data)
	default:
		s.stream.Receive(now, from, data)
		if due := s.stream.Deadline(); !due.IsZero() && !now.Before(due) {
			s.sendReport(now) // a busy socket may never reach its deadline
		}
	}
}

// failed counts a failed read, and says whether to go on.
func (s *Session) failed(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail(err)
}

// fail is failed with the lock held.
func (s *Session) fail(err error) bool {
	if s.closed {
		return false
	}
	s.stream.stats.ReadErrors++
	if s.errors++; s.errors > maxErrors || errors.Is(err, net.ErrClosed) {
		if s.err == nil {
			s.err = err
		}
		return false
	}
	return true
}

// sendReport is called with the lock held.
func (s *Session) sendReport(now time.Time) {
	b, to, err := s.stream.AppendReport(s.out[:0], now)
	s.out = b
	if err == nil {
		s.writeRTCP(b, to)
	}
}

func (s *Session) writeRTCP(b []byte, to netip.AddrPort) {
	c := s.rtcp
	if c == nil {
		c = &s.rtp
	}
	if c.write(b, to) != nil {
		s.stream.stats.SendErrors++
	}
}

// check returns why nothing can be done any more. It is called with the lock held.
func (s *Session) check() error {
	if s.closed {
		return net.ErrClosed
	}
	return s.err
}

// Send sends payload, which stands for samples units of the clock of [Config.Send], such as 160.
// While a telephone-event is being sent, its packets go out instead. It returns [ErrNoRemote] while
// there is nowhere to send to, the socket's error, or net.ErrClosed.
func (s *Session) Send(payload []byte, samples uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(); err != nil {
		return err
	}
	b, to, err := s.stream.AppendAudio(s.out[:0], s.clock(), payload, samples)
	s.out = b
	if err != nil {
		return err
	}
	if err := s.rtp.write(b, to); err != nil {
		s.stream.stats.SendErrors++
		return err
	}
	return nil
}

// SendNoise sends a packet of comfort noise; see [Stream.AppendNoise].
func (s *Session) SendNoise(payload []byte, samples uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(); err != nil {
		return err
	}
	b, to, err := s.stream.AppendNoise(s.out[:0], s.clock(), payload, samples)
	s.out = b
	if err != nil {
		return err
	}
	if err := s.rtp.write(b, to); err != nil {
		s.stream.stats.SendErrors++
		return err
	}
	return nil
}

// Skip lets samples units of the clock pass in silence. While a telephone-event is being sent,
// its next packet goes out.
func (s *Session) Skip(samples uint32) error { return s.pass(samples, false) }

// Rest is Skip without a marker on the next packet: see [Sender.Rest].
func (s *Session) Rest(samples uint32) error { return s.pass(samples, true) }

func (s *Session) pass(samples uint32, rest bool) error {
	s.mu.Lock()
	event := s.stream.InEvent()
	if !event {
		defer s.mu.Unlock()
		if rest {
			s.stream.Rest(samples)
		} else {
			s.stream.Skip(samples)
		}
		return s.check()
	}
	s.mu.Unlock()
	return s.Send(nil, samples)
}

// Mark lets the next packet of audio carry the marker.
func (s *Session) Mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.Mark()
}

// StartEvent begins a telephone-event; see [Stream.StartEvent]. The following calls of Send or Skip
// send it.
func (s *Session) StartEvent(code EventCode, volume uint8, length time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(); err != nil {
		return err
	}
	return s.stream.StartEvent(code, volume, length)
}

// InEvent says whether a telephone-event is being sent.
func (s *Session) InEvent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.InEvent()
}

// EndEvent ends an event that was started with length zero.
func (s *Session) EndEvent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.EndEvent()
}

// Pop gives out the next frame that is due, its payload appended to dst[:0]. See [Buffer.Pop].
func (s *Session) Pop(dst []byte) (Frame, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.Pop(s.clock(), dst)
}

// PopEvent gives out the next report of a received telephone-event.
func (s *Session) PopEvent() (EventReport, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.PopEvent(s.clock())
}

// SetRemote changes where the peer receives; see [Stream.SetRemote].
func (s *Session) SetRemote(remote, rtcp netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.SetRemote(time.Now(), remote, rtcp)
	if s.port != nil {
		s.port.mu.Lock()
		s.port.signal(s, remote)
		s.port.mu.Unlock()
	}
}

// SetFormats changes what is sent and expected; see [Stream.SetFormats].
func (s *Session) SetFormats(send, event Format, receive []Format) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.SetFormats(send, event, receive)
}

// SetNoise changes the format of the comfort noise that is sent.
func (s *Session) SetNoise(f Format) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.SetNoise(f)
}

// SetQuality changes what reports hold; see [Stream.SetQuality].
func (s *Session) SetQuality(xr bool, codec Impairment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.SetQuality(xr, codec)
}

// LastHeard is when something was last taken from the peer; see [Stream.LastHeard].
func (s *Session) LastHeard() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.LastHeard()
}

// SetSRTP changes the keys; see [Stream.SetSRTP].
func (s *Session) SetSRTP(encrypt, decrypt *srtp.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.SetSRTP(time.Now(), encrypt, decrypt)
}

// Relatch lets another source take over; see [Stream.Relatch].
func (s *Session) Relatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.Relatch(time.Now())
}

// Stats returns a snapshot.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.Stats()
}

// LocalAddr is the address of the RTP socket.
func (s *Session) LocalAddr() net.Addr { return s.rtp.conn.LocalAddr() }

// Close says goodbye to the peer, closes the sockets and waits for the goroutines. Closing again
// returns nil.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	if b, to, err := s.stream.AppendBye(s.out[:0], time.Now()); err == nil {
		s.writeRTCP(b, to)
	}
	s.closed = true
	s.stream.buffer.release()
	s.out = nil
	s.mu.Unlock()
	if s.poller != nil {
		s.poller.remove(s)
	}
	err := s.rtp.close()
	if s.rtcp != nil {
		err = errors.Join(err, s.rtcp.close())
	}
	s.wg.Wait()
	return err
}
