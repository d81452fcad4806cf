package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
)

// What goes wrong with packets.
var (
	ErrLength   = errors.New("srtp: packet is too short")
	ErrAuth     = errors.New("srtp: packet is not authentic")
	ErrReplay   = errors.New("srtp: packet came before")
	ErrLifetime = errors.New("srtp: the key has been used up") // RFC 3711 section 9.2
	ErrSources  = errors.New("srtp: too many sources")
)

// maxSources bounds the SSRCs of a context. Only authentic packets make new ones: a media server may take another one for each
// announcement of a long call. None is forgotten, as packets of its could come again then.
const maxSources = 256

// Context is one direction of a session: its keys, and for each SSRC how far it has come. It is not safe for concurrent
// use, and allocates nothing once it knows a source.
type Context struct {
	suite   Suite
	tag     int
	rtp     keys
	rtcp    keys
	sources []source

	iv    [16]byte
	block [16]byte
	mac   [sha1.Size]byte
	roc   [4]byte
	aad   [12]byte
}

// keys are what is derived from the master key for RTP or RTCP (RFC 3711 section 4.3).
type keys struct {
	block cipher.Block
	aead  cipher.AEAD // nil with AES-CM
	auth  hash.Hash   // nil with AES-GCM
	salt  [14]byte    // 12 octets with AES-GCM
}

// source is what is known of an SSRC.
type source struct {
	ssrc    uint32
	started bool
	highest uint64 // index of RTP, ROC and sequence number
	window  replay
	rtcp    uint32 // index of RTCP: the next to send, or the highest received
	control replay
}

// NewKey returns a random master key with its salt.
func NewKey(s Suite) Key {
	k := make(Key, s.KeyLen())
	rand.Read(k)
	return k
}

// NewContext derives the session keys from a master key with its salt.
func NewContext(s Suite, key Key) (*Context, error) {
	if !s.valid() {
		return nil, ErrSuite
	}
	if len(key) != s.KeyLen() {
		return nil, ErrKey
	}
	c := &Context{suite: s, tag: suites[s].tag}
	for i, k := range []*keys{&c.rtp, &c.rtcp} {
		if err := k.derive(suites[s], key, byte(3*i)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// derive makes the keys with the labels label, label+1 and label+2 (section 4.3.1, RFC 7714 section 11).
func (k *keys) derive(s suite, key Key, label byte) error {
	master, err := aes.NewCipher(key[:s.key])
	if err != nil {
		return err
	}
	prf := func(label byte, n int) []byte {
		var x [16]byte
		copy(x[:], key[s.key:]) // a salt of 12 octets is followed by two zero octets
		x[7] ^= label
		out := make([]byte, (n+15)/16*16)
		for i := 0; i < len(out); i += 16 {
			binary.BigEndian.PutUint16(x[14:], uint16(i/16))
			master.Encrypt(out[i:], x[:])
		}
		return out[:n]
	}
	return k.set(s, prf(label, s.key), prf(label+1, sha1.Size), prf(label+2, s.salt))
}

// set takes session keys.
func (k *keys) set(s suite, key, auth, salt []byte) (err error) {
	if k.block, err = aes.NewCipher(key); err != nil {
		return err
	}
	copy(k.salt[:], salt)
	if s.aead {
		k.aead, err = cipher.NewGCM(k.block)
		return err
	}
	k.auth = hmac.New(sha1.New, auth)
	return nil
}

// find returns the source of an SSRC, nil if it is new.
func (c *Context) find(ssrc uint32) *source {
	for i := len(c.sources) - 1; i >= 0; i-- { // the last is the one that speaks
		if c.sources[i].ssrc == ssrc {
			return &c.sources[i]
		}
	}
	return nil
}

func (c *Context) add(ssrc uint32) (*source, error) {
	if len(c.sources) == maxSources {
		return nil, ErrSources
	}
	c.sources = append(c.sources, source{ssrc: ssrc})
	return &c.sources[len(c.sources)-1], nil
}

// Overhead is by how many octets an RTP packet grows at most; RTCP packets grow by up to 20.
func (c *Context) Overhead() int { return c.tag }

// headerLen is the length of the RTP header with CSRCs and extension.
func headerLen(b []byte) (int, error) {
	if len(b) < 12 {
		return 0, ErrLength
	}
	n := 12 + 4*int(b[0]&15)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0, ErrLength
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if n > len(b) {
		return 0, ErrLength
	}
	return n, nil
}

// index estimates the index of a packet from its sequence number (section 3.3.1).
func (s *source) index(seq uint16) uint64 {
	if !s.started {
		return uint64(seq)
	}
	roc, last := s.highest>>16, uint16(s.highest)
	switch {
	case last < 1<<15 && int(seq)-int(last) > 1<<15 && roc > 0:
		roc--
	case last >= 1<<15 && int(last)-1<<15 > int(seq):
		roc++
	}
	return roc<<16 | uint64(seq)
}

// EncryptRTP appends the SRTP packet for an RTP packet to dst, which must not overlap it except that dst may be packet[:0].
func (c *Context) EncryptRTP(dst, packet []byte) ([]byte, error) {
	n, err := headerLen(packet)
	if err != nil {
		return dst, err
	}
	ssrc, seq := binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[2:])
	s := c.find(ssrc)
	if s == nil {
		if s, err = c.add(ssrc); err != nil {
			return dst, err
		}
	}
	index := s.index(seq)
	if index >= 1<<48 {
		return dst, ErrLifetime
	}
	if !s.started || index > s.highest {
		s.started, s.highest = true, index
	}
	start := len(dst)
	dst = append(slices.Grow(dst, len(packet)+c.tag), packet...)
	out := dst[start:]
	if c.rtp.aead != nil {
		c.gcmIV(&c.rtp, ssrc, index)
		return c.rtp.aead.Seal(dst[:start+n], c.iv[:12], out[n:], out[:n]), nil
	}
	c.counter(&c.rtp, ssrc, index, out[n:])
	mac := c.sign(&c.rtp, out, uint32(index>>16))
	return append(dst, mac[:c.tag]...), nil
}

// DecryptRTP appends the RTP packet in an SRTP packet to dst; dst may be packet[:0]. On an error nothing has changed, but
// what dst[len(dst):] holds.
func (c *Context) DecryptRTP(dst, packet []byte) ([]byte, error) {
	n, err := headerLen(packet)
	if err != nil || len(packet) < n+c.tag {
		return dst, ErrLength
	}
	ssrc, seq := binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[2:])
	s := c.find(ssrc)
	var none source
	if s == nil {
		if len(c.sources) == maxSources {
			return dst, ErrSources
		}
		s = &none
	}
	index := s.index(seq)
	if index >= 1<<48 {
		return dst, ErrLifetime
	}
	if !s.window.fresh(index) {
		return dst, ErrReplay
	}
	body := packet[:len(packet)-c.tag]
	start := len(dst)
	if c.rtp.aead != nil {
		c.gcmIV(&c.rtp, ssrc, index)
		dst = append(dst, packet[:n]...)
		opened, err := c.rtp.aead.Open(dst, c.iv[:12], packet[n:], packet[:n])
		if err != nil {
			return dst[:start], ErrAuth
		}
		dst = opened
	} else {
		mac := c.sign(&c.rtp, body, uint32(index>>16))
		if subtle.ConstantTimeCompare(mac[:c.tag], packet[len(body):]) != 1 {
			return dst, ErrAuth
		}
		dst = append(dst, body...)
		c.counter(&c.rtp, ssrc, index, dst[start+n:])
	}
	if s == &none {
		if s, err = c.add(ssrc); err != nil {
			return dst[:start], err
		}
	}
	s.window.add(index)
	if !s.started || index > s.highest {
		s.started, s.highest = true, index
	}
	return dst, nil
}

// counter encrypts or decrypts by AES in counter mode (section 4.1.1).
func (c *Context) counter(k *keys, ssrc uint32, index uint64, b []byte) {
	c.iv = [16]byte{}
	copy(c.iv[:], k.salt[:])
	be := binary.BigEndian
	be.PutUint32(c.iv[4:], be.Uint32(c.iv[4:])^ssrc)
	be.PutUint64(c.iv[6:], be.Uint64(c.iv[6:])^index)
	for n := uint16(0); len(b) > 0; n++ {
		be.PutUint16(c.iv[14:], n)
		k.block.Encrypt(c.block[:], c.iv[:])
		done := subtle.XORBytes(b, b, c.block[:])
		b = b[done:]
	}
}

// sign computes HMAC-SHA1 over b and four more octets (section 4.2): the ROC, or the word with the index.
func (c *Context) sign(k *keys, b []byte, word uint32) *[sha1.Size]byte {
	binary.BigEndian.PutUint32(c.roc[:], word)
	k.auth.Reset()
	k.auth.Write(b)
	k.auth.Write(c.roc[:])
	k.auth.Sum(c.mac[:0])
	return &c.mac
}

// gcmIV makes the nonce of SRTP (RFC 7714 section 8.1).
func (c *Context) gcmIV(k *keys, ssrc uint32, index uint64) {
	be := binary.BigEndian
	copy(c.iv[:12], k.salt[:])
	be.PutUint32(c.iv[2:], be.Uint32(c.iv[2:])^ssrc)
	be.PutUint32(c.iv[6:], be.Uint32(c.iv[6:])^uint32(index>>16))
	be.PutUint16(c.iv[10:], be.Uint16(c.iv[10:])^uint16(index))
}
