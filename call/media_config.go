package call

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/gotelco/telco/rtp"
)

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
