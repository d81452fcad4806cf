package call

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
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
	pcm     []int16 // scratch
	payload []byte  // scratch
}

type decoder struct {
	Decoder
	player Player // the same, if it is one
	format Format
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
	m := &Media{wheel: wheel, payload: make([]byte, 0, 1024)}
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

// configure takes over a configuration whole, or not at all.
func (m *Media) configure(cfg MediaConfig) error {
	if len(cfg.Receive) == 0 {
		cfg.Receive = []Format{cfg.Send}
	}
	switch {
	case cfg.Ptime == 0:
		cfg.Ptime = FrameTime
	case cfg.Ptime < 0 || cfg.Ptime > 200*time.Millisecond:
		return fmt.Errorf("call: packets of %v cannot be sent", cfg.Ptime)
	}
	unit := cfg.Send.Codec.Frame
	if unit <= 0 {
		unit = 10 * time.Millisecond
	}
	cfg.Ptime = max(cfg.Ptime.Round(unit), unit)
	if cfg.Send.Codec.NewEncoder == nil {
		return errors.New("call: media without a codec")
	}
	// What stays as it was keeps its state.
	enc := m.enc
	if enc == nil || !same(cfg.Send, m.cfg.Send) {
		var err error
		if enc, err = cfg.Send.Codec.NewEncoder(cfg.Send.FMTP); err != nil {
			return fmt.Errorf("call: %s: %w", cfg.Send.Codec.Name, err)
		}
	}
	var decs []decoder
	for _, f := range cfg.Receive {
		if f.Codec.SampleRate != cfg.Send.Codec.SampleRate {
			return fmt.Errorf("call: %s at %d Hz cannot come where %s at %d Hz goes", f.Codec.Name, f.Codec.SampleRate, cfg.Send.Codec.Name, cfg.Send.Codec.SampleRate)
		}
		if i := slices.IndexFunc(m.decoders, func(d decoder) bool { return same(d.format, f) }); i >= 0 {
			decs = append(decs, m.decoders[i])
			continue
		}
		dec, err := f.Codec.NewDecoder(f.FMTP)
		if err != nil {
			return fmt.Errorf("call: %s: %w", f.Codec.Name, err)
		}
		player, _ := dec.(Player)
		decs = append(decs, decoder{dec, player, f})
	}
	encrypt, decrypt, err := m.contexts(&cfg)
	if err != nil {
		return err
	}
	decoding := 0
	if m.decoding < len(m.decoders) {
		was := m.decoders[m.decoding].format
		decoding = max(slices.IndexFunc(decs, func(d decoder) bool { return same(d.format, was) }), 0)
	}
	m.cfg, m.enc, m.decoders, m.decoding = cfg, enc, decs, decoding
	m.encrypt, m.decrypt = encrypt, decrypt
	m.startKeys()
	m.startNoise()
	m.in, m.out = m.in[:0], m.out[:0]
	return nil
}

// same reports whether two formats are of one codec with the same parameters.
func same(a, b Format) bool {
	return a.Codec.Name == b.Codec.Name && a.Codec.SampleRate == b.Codec.SampleRate && a.Codec.ClockRate == b.Codec.ClockRate &&
		a.PayloadType == b.PayloadType && a.FMTP == b.FMTP
}

// formats says to RTP what the configuration means.
func (m *Media) formats() (send, event rtp.Format, receive []rtp.Format) {
	rate := uint32(m.cfg.Send.Codec.ClockRate)
	send = rtp.Format{PayloadType: m.cfg.Send.PayloadType, ClockRate: rate}
	for _, f := range m.cfg.Receive {
		receive = append(receive, rtp.Format{PayloadType: f.PayloadType, ClockRate: uint32(f.Codec.ClockRate)})
	}
	events := rate
	if m.cfg.EventRate > 0 {
		events = uint32(m.cfg.EventRate)
	}
	if m.cfg.SendEvent != 0 {
		event = rtp.Format{PayloadType: m.cfg.SendEvent, ClockRate: events, Event: true}
	}
	if m.cfg.ReceiveEvent != 0 {
		receive = append(receive, rtp.Format{PayloadType: m.cfg.ReceiveEvent, ClockRate: events, Event: true})
	}
	if m.cfg.ReceiveNoise != 0 {
		receive = append(receive, rtp.Format{PayloadType: m.cfg.ReceiveNoise, ClockRate: rate, Noise: true})
	}
	return send, event, receive
}

// Update changes codecs, addresses and direction, as a re-INVITE asks for. On an error nothing is
// changed. Sources, sinks and a bridge stay; sources and sinks have to bear it if the sample rate is another.
func (m *Media) Update(cfg MediaConfig) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return net.ErrClosed
	}
	moved := cfg.Remote != m.cfg.Remote || cfg.RemoteRTCP != m.cfg.RemoteRTCP
	encrypt, decrypt := m.encrypt, m.decrypt
	if err := m.configure(cfg); err != nil {
		return err
	}
	if moved {
		m.session.SetRemote(cfg.Remote, cfg.RemoteRTCP)
	}
	if encrypt != m.encrypt || decrypt != m.decrypt {
		m.session.SetSRTP(m.encrypt, m.decrypt)
	}
	m.session.SetFormats(m.formats())
	m.session.SetNoise(m.sendNoise())
	m.session.SetQuality(cfg.XR, cfg.Send.Codec.Impairment)
	return nil
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
	m.enc, m.decoders, m.in, m.out, m.frame, m.pcm, m.payload = nil, nil, nil, nil, nil, nil, nil
	m.mu.Unlock()
	return m.session.Close()
}

// SetSource lets src be what is sent from now on; nil is silence. It takes the place of a bridge in
// this direction.
func (m *Media) SetSource(src Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.setSource(src)
	}
}

func (m *Media) setSource(src Source) (done <-chan struct{}) {
	if m.sourced != nil {
		close(m.sourced)
	}
	m.source, m.sourced = src, make(chan struct{})
	return m.sourced
}

// AddSink lets s have what is received from now on, silence included: 50 times a second, so that
// sinks of several legs stay in step.
func (m *Media) AddSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.sinks = append(m.sinks, s)
	}
}

// RemoveSink lets go of s. When it returns s is not called any more.
func (m *Media) RemoveSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropSink(s)
}

func (m *Media) dropSink(s Sink) { m.sinks = without(m.sinks, s) }

func without(sinks []Sink, s Sink) []Sink {
	for i, have := range sinks {
		if have == s {
			return append(sinks[:i:i], sinks[i+1:]...)
		}
	}
	return sinks
}

// AddSentSink lets s have what is sent from now on, silence included: 50 times a second, after the sinks of AddSink
// have had what was received.
func (m *Media) AddSentSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.sent = append(m.sent, s)
	}
}

// RemoveSentSink lets go of s. When it returns s is not called any more.
func (m *Media) RemoveSentSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = without(m.sent, s)
}

// OnEvent calls f for each telephone-event that is received, once when it begins and once when it
// ends, on the wheel's goroutine: f must not block. Keys that come as tones or INFO requests are events too. Events also go to a Media that this one is
// bridged to.
func (m *Media) OnEvent(f func(rtp.EventReport)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onEvent = f
}

// SendEvent sends a telephone-event of the given length, such as a DTMF key (RFC 4733), or a key in the form that the leg has
// instead: see [DTMF]. Events wait for those before them. It returns [rtp.ErrNoEvents] where there is no way to send it, and [rtp.ErrBusy]
// where too many wait.
func (m *Media) SendEvent(code rtp.EventCode, length time.Duration) error {
	m.mu.Lock()
	cfg, closed := &m.cfg, m.closed
	can := cfg.SendEvent != 0 || code.Key() != 0 && (cfg.Tones || cfg.SendKey != nil)
	m.mu.Unlock()
	switch {
	case closed:
		return errClosed
	case !can:
		return rtp.ErrNoEvents
	case !m.keyed.push(outKey{code, eventVolume, max(length, minTone)}):
		return rtp.ErrBusy
	}
	return nil
}

const eventVolume = 10 // -10 dBm0

// receive takes in what has arrived: the first half of a turn.
func (m *Media) receive(now time.Time, r *rtp.Reader) {
	m.mu.Lock()
	m.session.Poll(now, r)
	m.take()
	f, told := m.onEvent, m.told
	m.mu.Unlock()
	if f != nil {
		for _, e := range told {
			f(e)
		}
	}
	m.told = told[:0] // only the wheel touches it
}

func (m *Media) take() {
	for {
		f, ok := m.session.Pop(m.payload[:0])
		if !ok {
			break
		}
		m.decode(f)
	}
	m.frame = m.frame[:0]
	if p := m.decoders[m.decoding].player; p != nil {
		m.play(p)
	} else {
		m.pass.passing = false
		m.playIn()
	}
	if m.keys.detector != nil {
		m.hear()
	}
	for _, s := range m.sinks {
		if err := s.WriteSamples(m.frame); err != nil {
			m.warn("recording ends", err)
			m.dropSink(s)
		}
	}
	m.events()
}

// play lets a Player make the frame of this turn.
func (m *Media) play(p Player) {
	n := m.frameLen()
	var state amr.State
	d, isAMR := p.(*amrDecoder)
	switch {
	case isAMR && m.passes(d):
		state = m.takeFrame(d)
	case isAMR:
		m.endPass(d)
		fallthrough
	default:
		m.frame, state = p.Play(m.frame)
	}
	m.pause = state == amr.Pause
	switch state {
	case amr.Playing:
		m.stats.Played++
	case amr.Pause:
		m.stats.Pauses++
	case amr.Lost:
		m.stats.Concealed++
	default:
		m.stats.Underruns++
	}
	if len(m.frame) != n || m.cfg.Mute {
		m.frame = slices.Grow(m.frame[:0], n)[:n]
		clear(m.frame)
	}
	if m.decoders[m.decoding].format.Codec.Name != m.cfg.Send.Codec.Name {
		return
	}
	if from, ok := p.(Requester); ok {
		if to, obeys := m.enc.(Requested); obeys {
			to.TakeRequest(from.Request())
		}
	}
	if to, carries := m.enc.(Advised); carries {
		if isAMR {
			m.advise(d, to)
		} else if from, ok := p.(Advisor); ok {
			to.Advise(from.Advice())
		}
	}
}

// playIn takes the frame of this turn from what was decoded.
func (m *Media) playIn() {
	n := m.frameLen()
	if m.cfg.Mute {
		m.in = m.in[:0]
	}
	if more := max(m.packet-n, 0); len(m.in) > maxWaiting*n+more {
		// The peer's clock is faster than ours, or we stood still: go back to the newest.
		drop := len(m.in) - keepWaiting*n - more
		m.stats.Dropped += uint64(drop)
		m.in = append(m.in[:0], m.in[drop:]...)
	}
	// A turn finds a packet that is due just now, or just not: one frame in hand, from the first
	// on, makes up for it.
	if m.playing = m.playing && len(m.in) >= n || len(m.in) >= 2*n; m.playing {
		m.frame = append(m.frame, m.in[:n]...)
		m.in = append(m.in[:0], m.in[n:]...)
		m.stats.Played++
		m.noise.on = m.noise.on && !m.noise.ending
		m.pause = false
	} else if m.noise.on {
		if !m.pause && len(m.in) < n {
			m.in = m.in[:0] // the rest of the last packet
		}
		m.frame = slices.Grow(m.frame, n)[:n]
		m.noise.gen.ReadSamples(m.frame)
		m.stats.Pauses++
		m.pause = true
	} else {
		m.pause = false
		// What is there waits: the next turn has it whole.
		m.frame = slices.Grow(m.frame, n)[:n]
		clear(m.frame)
		m.stats.Underruns++
	}
}

const (
	maxWaiting  = 6 // frames that may wait to be played, and what the last packet has beyond one
	keepWaiting = 2 // and that are kept when there are more
)

func (m *Media) frameLen() int { return m.cfg.Send.Codec.SampleRate / 50 }

func (m *Media) decode(f rtp.Frame) {
	if f.Lost {
		if m.noise.on && !m.noise.ending {
			return // of a pause
		}
		if m.decoders[m.decoding].player != nil {
			return // it will see
		}
		m.stats.Concealed++
		m.in = m.decoders[m.decoding].Conceal(m.in)
		return
	}
	if f.Noise {
		if m.noise.take(f.Payload) != nil {
			m.stats.Errors++
		}
		return
	}
	for i := range m.decoders {
		if m.decoders[i].format.PayloadType != f.PayloadType {
			continue
		}
		m.decoding = i
		m.noise.ending = true
		if p := m.decoders[i].player; p != nil {
			m.in = m.in[:0]
			if p.Push(f) != nil {
				m.stats.Errors++
			}
			return
		}
		have := len(m.in)
		var err error
		if m.in, err = m.decoders[i].Decode(m.in, f.Payload); err != nil {
			m.stats.Errors++
			m.in = m.decoders[i].Conceal(m.in[:have])
		}
		m.packet = len(m.in) - have
		return
	}
}

// events takes the keys that have come but as tones.
func (m *Media) events() {
	for {
		e, ok := m.session.PopEvent()
		if !ok {
			break
		}
		m.takeKey(e, keyViaEvent)
	}
	if len(m.keys.infos) > 0 {
		m.pressed()
	}
}

// send sends what the source gives: the second half of a turn.
func (m *Media) send() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.adapt()
	if m.forward() {
		return
	}
	n := m.frameLen()
	if cap(m.pcm) < n {
		m.pcm = make([]int16, n)
	}
	pcm := m.pcm[:n]
	have := 0
	if m.source != nil {
		var err error
		if have, err = m.source.ReadSamples(pcm); err != nil {
			if err != io.EOF {
				m.warn("source ends", err)
			}
			m.setSource(nil)
		}
	}
	if m.cfg.Hold {
		have = 0
	}
	clear(pcm[have:])
	if m.keyed.busy.Load() {
		m.keyed.turn(m, pcm)
	}
	for _, s := range m.sent {
		if err := s.WriteSamples(pcm); err != nil {
			m.warn("recording ends", err)
			m.sent = without(m.sent, s)
		}
	}
	m.out = append(m.out, pcm...)
	packet := int(time.Duration(m.cfg.Send.Codec.SampleRate) * m.cfg.Ptime / time.Second)
	units := uint32(time.Duration(m.cfg.Send.Codec.ClockRate) * m.cfg.Ptime / time.Second)
	at := 0
	for ; len(m.out)-at >= packet; at += packet {
		if m.cfg.Hold {
			m.session.Skip(units)
			continue
		}
		if m.dtx != nil && m.dtx.pause(m, m.out[at:at+packet], units) {
			continue
		}
		b, err := m.enc.Encode(m.payload[:0], m.out[at:at+packet])
		if err != nil {
			m.warn("encoder", err)
			m.session.Skip(units)
			continue
		}
		if len(b) == 0 {
			m.session.Rest(units)
			continue
		}
		if marker, ok := m.enc.(Marker); ok && marker.Marker() {
			m.session.Mark()
		}
		m.session.Send(b, units) // counted there where it fails
	}
	m.out = append(m.out[:0], m.out[at:]...)
}

// skip lets time pass that the wheel has left out: the timestamps of what is sent stay true.
func (m *Media) skip(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session.Skip(uint32(d * time.Duration(m.cfg.Send.Codec.ClockRate) / time.Second))
}

// adapt tells the encoder what the peer has reported, with a look once a second.
func (m *Media) adapt() {
	if m.turns++; m.turns%50 != 0 {
		return
	}
	if m.watch.f != nil {
		m.look()
	}
	enc, ok := m.enc.(Adaptive)
	if !ok {
		return
	}
	if s := m.session.Stats(); s.RemoteReports != m.reports {
		m.reports = s.RemoteReports
		enc.Loss(s.RemoteFractionLost)
	}
}

func (m *Media) warn(what string, err error) {
	if m.cfg.Logger != nil {
		m.cfg.Logger.Warn("media: "+what, "call_id", m.cfg.Correlation, "err", err)
	}
}
