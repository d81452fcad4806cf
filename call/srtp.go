package call

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/sdp"
)

// SRTP says whether the media of a call is encrypted, with keys that the descriptions carry (RFC 3711, RFC 4568). Who reads the
// signalling has the keys, so that it should be protected too.
type SRTP uint8

// The policies.
const (
	SRTPDefault SRTP = iota // as [Config] says; there, SRTPOff
	// SRTPOff neither offers nor accepts encryption: an offer of RTP/SAVP alone is refused.
	SRTPOff
	// SRTPOptional offers RTP/AVP with keys, which peers that do not know them ignore, and encrypts what the peer has keys
	// for. It accepts RTP/AVP, with and without keys, and RTP/SAVP.
	SRTPOptional
	// SRTPRequired offers RTP/SAVP, and accepts nothing without keys.
	SRTPRequired
)

// SRTPKey is the key of one direction.
type SRTPKey struct {
	Suite srtp.Suite // 0 for none
	Key   srtp.Key
}

func (k SRTPKey) equal(o SRTPKey) bool { return k.Suite == o.Suite && bytes.Equal(k.Key, o.Key) }

// defaultSuites are offered in this order: AES-GCM is several times faster than HMAC-SHA1, and who does not know it passes over it.
var defaultSuites = []srtp.Suite{srtp.AEADAES128GCM, srtp.AEADAES256GCM, srtp.AESCM128HMACSHA180, srtp.AESCM128HMACSHA132}

var (
	errNoKey     = errors.New("call: no key for SRTP that we can use")
	errPlain     = errors.New("call: the media would not be encrypted")
	errNoRekey   = errors.New("call: the media is not encrypted")
	secureProtos = []string{"RTP/SAVP", "RTP/SAVPF"}
	plainProtos  = []string{"RTP/AVP", "RTP/AVPF"}
)

// SetSRTP has the call keep to another policy than the agent's, from the next offer or answer on.
func (c *Call) SetSRTP(policy SRTP) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keying.policy = policy
}

// Encrypted reports whether the media is encrypted.
func (c *Call) Encrypted() bool {
	m := c.Media()
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.Encrypt.Suite != 0
}

// Rekey gives the media new keys, by a re-INVITE.
func (c *Call) Rekey(ctx context.Context) error {
	if !c.Encrypted() {
		return errNoRekey
	}
	c.mu.Lock()
	before, dir := c.keying.keys, c.direction
	c.keying.keys = nil
	c.mu.Unlock()
	err := c.SetDirection(ctx, dir)
	if err != nil {
		c.mu.Lock()
		c.keying.keys = before
		c.mu.Unlock()
	}
	return err
}

// keying is what a call has for SRTP. The call's mu guards it.
type keying struct {
	policy SRTP
	suites []srtp.Suite
	keys   map[srtp.Suite]srtp.Key // for what we send
}

// start fills in what the agent's configuration says.
func (k *keying) start(cfg *Config) {
	if k.policy == SRTPDefault {
		k.policy = cfg.SRTP
	}
	if k.suites == nil {
		k.suites = cfg.SRTPSuites
	}
	if len(k.suites) == 0 {
		k.suites = defaultSuites
	}
}

// describe has an offer or answer keep to the policy.
func (k *keying) describe(m *sdp.LocalMedia) {
	switch k.policy {
	case SRTPOptional:
		m.Protos = append(slices.Clone(plainProtos), secureProtos...)
	case SRTPRequired:
		m.Protos = append(slices.Clone(secureProtos), plainProtos...)
	default:
		return
	}
	m.Accept = k.accept
	before := m.Adjust
	m.Adjust = func(theirs, ours *sdp.Media) {
		if before != nil {
			before(theirs, ours)
		}
		k.adjust(theirs, ours)
	}
}

// accept says whether an offered stream can be answered.
func (k *keying) accept(theirs *sdp.Media) error {
	if _, ok := k.choose(theirs); ok {
		return nil
	}
	switch {
	case slices.Contains(secureProtos, theirs.Proto):
		return errNoKey
	case k.policy == SRTPRequired:
		return errPlain
	}
	return nil
}

// choose returns the first of the offered keys that is of use.
func (k *keying) choose(theirs *sdp.Media) (srtp.Crypto, bool) {
	for _, c := range cryptos(theirs) {
		if slices.Contains(k.suites, c.Suite) {
			return c, true
		}
	}
	return srtp.Crypto{}, false
}

// cryptos are the keys in a description that can be read.
func cryptos(m *sdp.Media) (list []srtp.Crypto) {
	for _, a := range m.Attributes {
		if strings.EqualFold(a.Name, "crypto") {
			if c, err := srtp.ParseCrypto(a.Value); err == nil {
				list = append(list, c)
			}
		}
	}
	return list
}

// adjust adds our keys: to an answer the one that goes with the offered key that was chosen, to an offer one of each suite.
func (k *keying) adjust(theirs, ours *sdp.Media) {
	if theirs != nil {
		if c, ok := k.choose(theirs); ok {
			k.add(ours, c.Tag, c.Suite)
		}
		return
	}
	for i, s := range k.suites {
		k.add(ours, i+1, s)
	}
}

func (k *keying) add(m *sdp.Media, tag int, s srtp.Suite) {
	key, ok := k.keys[s]
	if !ok {
		if k.keys == nil {
			k.keys = map[srtp.Suite]srtp.Key{}
		}
		key = srtp.NewKey(s)
		k.keys[s] = key
	}
	if text, err := (srtp.Crypto{Tag: tag, Suite: s, Key: key}).AppendText(nil); err == nil {
		m.Attributes = append(m.Attributes, sdp.Attribute{Name: "crypto", Value: string(text)})
	}
}

// agreed returns the keys of both directions, after offer and answer: those of one tag and suite. There are none
// where the media is not encrypted.
func (k *keying) agreed(local, remote *sdp.Media) (send, receive SRTPKey, err error) {
	theirs := cryptos(remote)
	for _, o := range cryptos(local) {
		for _, t := range theirs {
			if o.Tag == t.Tag && o.Suite == t.Suite {
				return SRTPKey{o.Suite, o.Key}, SRTPKey{t.Suite, t.Key}, nil
			}
		}
	}
	switch {
	case slices.Contains(secureProtos, local.Proto):
		return send, receive, errNoKey
	case k.policy == SRTPRequired:
		return send, receive, errPlain
	}
	return send, receive, nil
}

// contexts makes the contexts of a configuration, or keeps those that there are where a key is the same: its index goes on.
func (m *Media) contexts(cfg *MediaConfig) (encrypt, decrypt *srtp.Context, err error) {
	of := func(want, have SRTPKey, ctx *srtp.Context) (*srtp.Context, error) {
		switch {
		case want.Suite == 0:
			return nil, nil
		case ctx != nil && want.equal(have):
			return ctx, nil
		}
		c, err := srtp.NewContext(want.Suite, want.Key)
		if err != nil {
			return nil, fmt.Errorf("call: %w", err)
		}
		return c, nil
	}
	if (cfg.Encrypt.Suite == 0) != (cfg.Decrypt.Suite == 0) {
		return nil, nil, errors.New("call: SRTP in one direction only")
	}
	if encrypt, err = of(cfg.Encrypt, m.cfg.Encrypt, m.encrypt); err == nil {
		decrypt, err = of(cfg.Decrypt, m.cfg.Decrypt, m.decrypt)
	}
	return encrypt, decrypt, err
}
