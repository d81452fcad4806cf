package srtp

import (
	"crypto/subtle"
	"encoding/binary"
	"slices"
)

const encrypted = 1 << 31 // the E flag

// EncryptRTCP appends the SRTCP packet for a compound RTCP packet to dst; dst may be packet[:0].
func (c *Context) EncryptRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < 8 {
		return dst, ErrLength
	}
	ssrc := binary.BigEndian.Uint32(packet[4:])
	s := c.find(ssrc)
	if s == nil {
		var err error
		if s, err = c.add(ssrc); err != nil {
			return dst, err
		}
	}
	if s.rtcp == encrypted {
		return dst, ErrLifetime
	}
	index := s.rtcp
	s.rtcp++
	start := len(dst)
	dst = append(slices.Grow(dst, len(packet)+20), packet...)
	out := dst[start:]
	if c.rtcp.aead != nil {
		c.gcmControl(ssrc, index, out)
		dst = c.rtcp.aead.Seal(dst[:start+8], c.iv[:12], out[8:], c.aad[:])
		return binary.BigEndian.AppendUint32(dst, index|encrypted), nil
	}
	c.counter(&c.rtcp, ssrc, uint64(index), out[8:])
	dst = binary.BigEndian.AppendUint32(dst, index|encrypted)
	mac := c.sign(&c.rtcp, dst[start:len(dst)-4], index|encrypted)
	return append(dst, mac[:10]...), nil
}

// DecryptRTCP appends the compound RTCP packet in an SRTCP packet to dst; dst may be packet[:0].
func (c *Context) DecryptRTCP(dst, packet []byte) ([]byte, error) {
	tail := 14 // index and tag
	if c.rtcp.aead != nil {
		tail = 20 // tag and index
	}
	if len(packet) < 8+tail {
		return dst, ErrLength
	}
	ssrc := binary.BigEndian.Uint32(packet[4:])
	body := packet[:len(packet)-tail]
	at := len(body)
	if c.rtcp.aead != nil {
		at = len(packet) - 4
	}
	word := binary.BigEndian.Uint32(packet[at:])
	index := word &^ encrypted
	s := c.find(ssrc)
	var none source
	if s == nil {
		if len(c.sources) == maxSources {
			return dst, ErrSources
		}
		s = &none
	}
	if !s.control.fresh(uint64(index)) {
		return dst, ErrReplay
	}
	start := len(dst)
	if c.rtcp.aead != nil {
		if word&encrypted == 0 { // authenticated only: nobody offers it
			return dst, ErrAuth
		}
		c.gcmControl(ssrc, index, packet)
		dst = append(dst, packet[:8]...)
		opened, err := c.rtcp.aead.Open(dst, c.iv[:12], packet[8:at], c.aad[:])
		if err != nil {
			return dst[:start], ErrAuth
		}
		dst = opened
	} else {
		mac := c.sign(&c.rtcp, body, word)
		if subtle.ConstantTimeCompare(mac[:10], packet[at+4:]) != 1 {
			return dst, ErrAuth
		}
		dst = append(dst, body...)
		if word&encrypted != 0 {
			c.counter(&c.rtcp, ssrc, uint64(index), dst[start+8:])
		}
	}
	if s == &none {
		var err error
		if s, err = c.add(ssrc); err != nil {
			return dst[:start], err
		}
	}
	s.control.add(uint64(index))
	return dst, nil
}

// gcmControl makes the nonce and the associated data of SRTCP (RFC 7714 sections 9.1 and 9.2).
func (c *Context) gcmControl(ssrc, index uint32, packet []byte) {
	be := binary.BigEndian
	copy(c.iv[:12], c.rtcp.salt[:])
	be.PutUint32(c.iv[2:], be.Uint32(c.iv[2:])^ssrc)
	be.PutUint32(c.iv[8:], be.Uint32(c.iv[8:])^index)
	copy(c.aad[:8], packet)
	be.PutUint32(c.aad[8:], index|encrypted)
}
