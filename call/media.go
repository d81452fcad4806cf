package call

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/trace"
)

// Source gives samples to send. It is read every 20 ms, on a goroutine of the wheel, and must not
// block: a Source that has nothing now returns 0 and nil. At io.EOF the Media lets go of it.
type Source interface {
	ReadSamples(pcm []int16) (int, error)
}

// Sink takes the samples that were received, 20 ms at a time, on a goroutine of the wheel. It must not
// block: see [Recorder] for files. After an error the Media lets go of it.
type Sink interface {
	WriteSamples(pcm []int16) error
}

// Format is what a Media sends or receives under a payload type.
type Format struct {
	Codec       Codec
	PayloadType uint8
	FMTP        string // as the peer described it
}

// MediaConfig configures a [Media].
type MediaConfig struct {
	Remote     netip.AddrPort // where the peer receives; may be unknown
	RemoteRTCP netip.AddrPort // see [rtp.Config]
	Mux        bool           // RTP and RTCP share the ports (RFC 5761)
	NoRTCP     bool           // no reports are wanted

	Send    Format   // what is sent
	Receive []Format // what may come; if empty, Send
	// SendEvent and ReceiveEvent are the payload types of telephone-events, at the clock rate of
	// Send (RFC 4733). If zero, there are none.
	SendEvent, ReceiveEvent uint8
	// EventRate is the clock rate of telephone-events in Hz, for peers that have but that of 8000 Hz beside a wideband
	// codec. If zero, that of Send.
	EventRate int
	// Tones looks for keys in the audio that is received (Q.23), and sends keys that way if SendEvent is zero.
	Tones bool
	// SendKey, if not nil, sends keys where there are neither SendEvent nor Tones. It must not block.
	SendKey func(code rtp.EventCode, length time.Duration)
	// SendNoise and ReceiveNoise are the payload types of comfort noise (RFC 3389), for codecs that have none of
	// their own. If zero, there is none.
	SendNoise, ReceiveNoise uint8
	// DTX sends comfort noise in pauses, where there is SendNoise. If false, pauses are coded like speech.
	DTX bool
	// Ptime is the time that a packet sent should cover. If zero, 20 ms. It is rounded to a
	// multiple of 10 ms, between 10 and 200 ms.
	Ptime time.Duration
	// Playout configures the playout buffer; by default its delay adapts to the network, with a MinDelay of 40 ms
	// because a wheel that has no processor for a moment sends late.
	Playout rtp.BufferConfig
	// Hold stops sending, Mute ignores what comes: the two halves of a=inactive, sendonly and
	// recvonly.
	Hold, Mute bool

	// XR sends the VoIP metrics of what is received (RFC 3611), as the peer's a=rtcp-xr:voip-metrics asks for.
	XR bool
	// Encrypt and Decrypt are the keys of SRTP for what is sent and received (RFC 3711): both or none.
	Encrypt, Decrypt SRTPKey

	Correlation string       // for Trace, such as the Call-ID
	Interface   string       // for Trace
	Logger      *slog.Logger // if nil, nothing is logged
	Trace       trace.Func   // if nil, not called
}

// Media is the audio of one leg of a call: it decodes what its RTP session receives, hands it to
// sinks and to the Media that it is bridged to, and encodes and sends what its source gives.
type Media struct {
	wheel    *Wheel
	session  *rtp.Session
	position // on the wheel, kept by it

	mu       sync.Mutex
	cfg      MediaConfig
	enc      Encoder
	encrypt  *srtp.Context
	decrypt  *srtp.Context
	decoders []decoder
	decoding int // the decoder of the last packet
	source   Source
	sourced  chan struct{} // closed when source is let go of
	sinks    []Sink
	sent     []Sink    // of what is sent
	peer     *Media    // gets what we receive, if it is bridged to us
	bridge   *received // the source that peer is
	turns    uint64    // of send
	reports  uint64    // of the peer that the encoder knows
	onEvent  func(rtp.EventReport)
	stats    MediaStats
	closed   bool
	ended    atomic.Bool // closed, without mu
	watch    watch
	pass     passage
	noise    noiseIn
	dtx      *noiseOut // nil without DTX
	keys     keysIn
	told     []rtp.EventReport // of this turn

	keyed     keysOut
	tonesOnly atomic.Bool // keys are sent as tones

	in      []int16 // received, not yet played
	packet  int     // samples of the last packet in it
	pause   bool    // the peer pauses in this turn: frame is comfort noise
	playing bool    // in has not run dry since there were two frames in it
	frame   []int16 // what was received in this turn
	out     []int16 // to send, not yet sent
}

// MediaStats is a snapshot of a [Media].
type MediaStats struct {
	RTP       rtp.Stats      // with the quality of what is received (Quality.MOS) and what the peer reports of ours (RemoteMetrics)
	Remote    netip.AddrPort // where the peer's description has us send
	Played    uint64         // frames of 20 ms that were received in time
	Pauses    uint64         // frames of 20 ms that the peer did not send because there was silence
	Underruns uint64         // turns in which nothing was there to play
	Dropped   uint64         // samples thrown away because the peer's clock is faster than ours
	Concealed uint64         // packets that were lost
	Errors    uint64         // payloads that the decoder refused
}

// NewMedia starts the audio of a leg on wheel, over an RTP socket and an RTCP socket, which may be
// nil. It takes the sockets over, also when it fails.
func NewMedia(wheel *Wheel, conn, rtcp net.PacketConn, cfg MediaConfig) (*Media, error) {
	m := &Media{wheel: wheel}
	m.pass.limit.Store(uint32(amr.NoRequest))
	if err := m.configure(cfg); err != nil {
		conn.Close()
		if rtcp != nil {
			rtcp.Close()
		}
		return nil, err
	}
	if cfg.Playout.MinDelay == 0 {
		cfg.Playout.MinDelay = 2 * FrameTime
	}
	send, event, receive := m.formats()
	m.session = rtp.NewSession(conn, rtcp, rtp.Config{
		Remote: cfg.Remote, RemoteRTCP: cfg.RemoteRTCP, Mux: cfg.Mux, NoRTCP: cfg.NoRTCP,
		Send: send, SendEvent: event, SendNoise: m.sendNoise(), Receive: receive, Buffer: cfg.Playout, Polled: true,
		Encrypt: m.encrypt, Decrypt: m.decrypt, XR: cfg.XR, Impairment: cfg.Send.Codec.Impairment,
		Correlation: cfg.Correlation, Interface: cfg.Interface, Logger: cfg.Logger, Trace: cfg.Trace,
	})
	wheel.add(m)
	return m, nil
}

// SampleRate is the rate of what sources give and sinks take, in Hz.
func (m *Media) SampleRate() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.Send.Codec.SampleRate
}

// OnHold reports whether the peer does not want to hear us now.
func (m *Media) OnHold() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.Hold
}

// LocalAddr is the address that receives RTP.
func (m *Media) LocalAddr() netip.AddrPort {
	if u, ok := m.session.LocalAddr().(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	a, _ := netip.ParseAddrPort(m.session.LocalAddr().String())
	return a
}

// Stats returns a snapshot.
func (m *Media) Stats() MediaStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.RTP, s.Remote = m.session.Stats(), m.cfg.Remote
	return s
}

// Close ends the audio and closes the sockets. Sinks are let go of, not closed.
func (m *Media) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.ended.Store(true)
	peer := m.peer
	m.peer, m.onEvent, m.sinks, m.sent, m.watch.f = nil, nil, nil, nil, nil
	m.setSource(nil)
	m.mu.Unlock()
	if peer != nil {
		peer.unbridge(m)
	}
	m.wheel.remove(m)
	// A Call that has ended is held for long, by its transactions and by who wants to know its Stats.
	m.mu.Lock()
	m.enc, m.decoders, m.in, m.out, m.frame = nil, nil, nil, nil, nil
	m.mu.Unlock()
	return m.session.Close()
}

func (m *Media) warn(what string, err error) {
	if m.cfg.Logger != nil {
		m.cfg.Logger.Warn("media: "+what, "call_id", m.cfg.Correlation, "err", err)
	}
}
