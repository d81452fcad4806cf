package call

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/rtp/dtmf"
)

// DTMF says how the keys of a telephone travel on a leg. Whatever it says, telephone-events that were agreed and keys in INFO requests are
// taken when they come; of a key that comes in two forms the second is passed over.
type DTMF uint8

// The forms.
const (
	DTMFDefault DTMF = iota // as [Config] says; there, DTMFAuto
	DTMFAuto                // telephone-events where they were agreed (RFC 4733), else tones within the audio
	DTMFEvents              // telephone-events, or nothing
	DTMFTones               // tones within the audio (Q.23); telephone-events are not offered
	DTMFInfo                // INFO requests with application/dtmf-relay
)

const (
	keyGap     = 3                      // turns between two keys
	minTone    = 70 * time.Millisecond  // of a key that is sent
	longTone   = 8 * time.Second        // of a key whose end never comes
	maxKeys    = 32                     // that wait to be sent
	sameKey    = 50                     // turns in which a key of another form is the same one
	defaultKey = 100 * time.Millisecond // where nothing says how long a key is pressed
)

// How a key came.
const (
	keyViaEvent = iota
	keyViaTone
	keyViaInfo
	keyVias
)

// outKey is a key that is to be sent.
type outKey struct {
	code   rtp.EventCode
	volume uint8
	length time.Duration // 0 while it is pressed
}

// keysOut are the keys that a leg is to send, whichever goroutine they come from.
type keysOut struct {
	busy atomic.Bool // there is something to do

	mu      sync.Mutex
	queue   []outKey
	current outKey // being sent, if sending
	sending bool
	open    bool // it had no length when it began
	tone    *dtmf.Generator
	toned   int // samples of it so far
	lasts   int // turns of current so far
	gap     int // turns until the next
}

// push adds a key. It is false if there is no room.
func (k *keysOut) push(key outKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.queue) == maxKeys {
		return false
	}
	k.queue = append(k.queue, key)
	k.busy.Store(true)
	return true
}

// end says how long the key was pressed that is pressed now.
func (k *keysOut) end(length time.Duration) {
	length = max(length, minTone)
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.queue {
		if k.queue[i].length == 0 {
			k.queue[i].length = length
			return
		}
	}
	if k.sending && k.current.length == 0 {
		k.current.length = length
	}
}

// release ends the keys that are pressed: who pressed them has gone.
func (k *keysOut) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.queue {
		if k.queue[i].length == 0 {
			k.queue[i].length = minTone
		}
	}
	if k.sending && k.current.length == 0 {
		k.current.length = minTone
	}
}

// turn goes on with the keys that m has to send, and puts tones into what it sends in this turn.
func (k *keysOut) turn(m *Media, pcm []int16) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sending {
		k.goOn(m, pcm)
		return
	}
	if k.gap > 0 {
		k.gap--
		return
	}
	if len(k.queue) == 0 {
		k.busy.Store(false)
		return
	}
	key := k.queue[0]
	switch {
	case m.cfg.SendEvent != 0:
		if m.session.StartEvent(key.code, key.volume, key.length) != nil {
			break // another lasts
		}
		k.start()
		return
	case m.cfg.Tones && key.code.Key() != 0 && key.code.Key() != '!':
		g, err := dtmf.NewGenerator(dtmf.GeneratorConfig{SampleRate: len(pcm) * 50, On: 2 * longTone}, string(key.code.Key()))
		if err != nil {
			break
		}
		k.start()
		k.tone, k.toned = g, 0
		k.goOn(m, pcm)
		return
	case m.cfg.SendKey != nil:
		if key.length == 0 {
			return // its end says more
		}
		m.cfg.SendKey(key.code, key.length)
	}
	if m.cfg.SendEvent == 0 || !m.session.InEvent() {
		k.start() // done, or there is no way to send it
		k.sending = false
	}
}

// start takes the next key.
func (k *keysOut) start() {
	k.current, k.sending, k.gap = k.queue[0], true, keyGap
	k.open, k.lasts = k.current.length == 0, 0
	k.queue = append(k.queue[:0], k.queue[1:]...)
}

func (k *keysOut) goOn(m *Media, pcm []int16) {
	k.lasts++
	if k.tone == nil {
		if k.open && (k.current.length != 0 || time.Duration(k.lasts)*FrameTime >= longTone) {
			m.session.EndEvent() // one of known length ends by itself
		}
		k.sending = m.session.InEvent()
		return
	}
	rate := len(pcm) * 50
	until := longTone
	if k.current.length != 0 {
		until = k.current.length
	}
	n := min(max(int(until*time.Duration(rate)/time.Second)-k.toned, 0), len(pcm))
	k.tone.ReadSamples(pcm[:n])
	clear(pcm[n:])
	if k.toned += n; n < len(pcm) {
		k.tone, k.sending = nil, false
	}
}

// keysIn is what a leg knows of the keys that it receives. The Media's mu guards it.
type keysIn struct {
	detector *dtmf.Detector
	rate     int
	via      int           // of the last key that was taken
	code     rtp.EventCode // likewise
	turn     uint64        // likewise
	passed   [keyVias]bool // the key that comes this way was passed over

	infos []outKey // INFO requests
	lasts int      // turns that the first of them still lasts; 0 if it has not begun
}

// takeKey takes a report of a key, unless it came in another form before, and passes it on.
func (m *Media) takeKey(e rtp.EventReport, via int) {
	k := &m.keys
	if !e.End {
		k.passed[via] = k.turn != 0 && via != k.via && e.Code == k.code && m.turns-k.turn < sameKey
		if !k.passed[via] {
			k.via, k.code, k.turn = via, e.Code, max(m.turns, 1)
		}
	}
	if k.passed[via] {
		return
	}
	if m.onEvent != nil {
		m.told = append(m.told, e) // once mu is free
	}
	switch {
	case m.peer == nil:
	case via == keyViaTone && m.peer.tonesOnly.Load(): // the audio has it
	case e.End:
		m.peer.keyed.end(e.Duration)
	default:
		m.peer.keyed.push(outKey{code: e.Code, volume: e.Volume})
	}
}

// hear looks for tones in what was received in this turn. Where the peer of a bridge gets the key in another form, it does not get the tone.
func (m *Media) hear() {
	d := m.keys.detector
	d.Write(m.frame)
	for e, ok := d.Next(); ok; e, ok = d.Next() {
		code, _ := rtp.DTMF(e.Key)
		m.takeKey(rtp.EventReport{Code: code, End: e.End, Volume: uint8(min(max(-e.Level, 0), 63)), Duration: e.Duration}, keyViaTone)
	}
	if d.Suspects() && m.peer != nil && !m.peer.tonesOnly.Load() {
		clear(m.frame)
	}
}

// PressKey has the leg receive a key that came by another way than RTP, such as an INFO request, pressed for that long.
func (m *Media) PressKey(code rtp.EventCode, length time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && len(m.keys.infos) < maxKeys {
		m.keys.infos = append(m.keys.infos, outKey{code: code, volume: eventVolume, length: min(max(length, 2*FrameTime), longTone)})
	}
}

// pressed goes on with the keys of PressKey.
func (m *Media) pressed() {
	k := &m.keys
	key := k.infos[0]
	if k.lasts == 0 {
		k.lasts = int(key.length/FrameTime) + 1
		m.takeKey(rtp.EventReport{Code: key.code, Volume: key.volume}, keyViaInfo)
	}
	if k.lasts--; k.lasts == 1 {
		m.takeKey(rtp.EventReport{Code: key.code, Volume: key.volume, Duration: key.length, End: true}, keyViaInfo)
		k.infos, k.lasts = append(k.infos[:0], k.infos[1:]...), 0
	}
}

// startKeys follows a change of the configuration. The caller holds mu.
func (m *Media) startKeys() {
	rate := m.cfg.Send.Codec.SampleRate
	switch k := &m.keys; {
	case !m.cfg.Tones:
		k.detector = nil
	case k.detector == nil || k.rate != rate:
		k.detector, k.rate = dtmf.NewDetector(dtmf.Config{SampleRate: rate}), rate
	}
	m.tonesOnly.Store(m.cfg.Tones && m.cfg.SendEvent == 0)
}
