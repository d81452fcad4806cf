package user

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// cookie is what a state cookie holds (RFC 9260 section 5.1.3): all that is needed to establish
// the association, so that nothing is kept between INIT ACK and COOKIE ECHO.
type cookie struct {
	created time.Duration // since the signer began
	life    time.Duration

	local, remote     netip.AddrPort // between which the INIT came; ports are those of UDP
	localPort         uint16         // of SCTP
	remotePort        uint16
	localTag, peerTag uint32
	localTie, peerTie uint32
	localTSN, peerTSN uint32 // the initial ones
	rwnd              uint32 // the peer's
	out, in           uint16 // streams, as agreed
	peerAddrs         []netip.Addr
}

const macLen = 16

// signer makes and checks cookies. Its keys live for an hour, and an hour more to check with.
type signer struct {
	began time.Time

	mu    sync.Mutex
	keys  [2][32]byte // the present one, and the one before
	epoch int64       // hours since began
}

func newSigner(now time.Time) *signer {
	s := &signer{began: now}
	rand.Read(s.keys[0][:])
	rand.Read(s.keys[1][:])
	return s
}

// turn makes new keys when their hour is over. The caller holds mu.
func (s *signer) turn(now time.Time) {
	e := int64(now.Sub(s.began) / time.Hour)
	if e <= s.epoch {
		return
	}
	if e == s.epoch+1 {
		s.keys[1] = s.keys[0]
	} else {
		rand.Read(s.keys[1][:])
	}
	rand.Read(s.keys[0][:])
	s.epoch = e
}

func mac(key *[32]byte, b []byte) [macLen]byte {
	h := hmac.New(sha256.New, key[:])
	h.Write(b)
	var sum [sha256.Size]byte
	return [macLen]byte(h.Sum(sum[:0])[:macLen])
}

// seal appends the signed cookie.
func (s *signer) seal(b []byte, now time.Time, c *cookie) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	start := len(b)
	b = be.AppendUint64(b, uint64(now.Sub(s.began)))
	b = be.AppendUint64(b, uint64(c.life))
	b = be.AppendUint16(b, c.localPort)
	b = be.AppendUint16(b, c.remotePort)
	for _, v := range [...]uint32{c.localTag, c.peerTag, c.localTie, c.peerTie, c.localTSN, c.peerTSN, c.rwnd} {
		b = be.AppendUint32(b, v)
	}
	b = be.AppendUint16(b, c.out)
	b = be.AppendUint16(b, c.in)
	b = be.AppendUint16(b, c.local.Port())
	b = be.AppendUint16(b, c.remote.Port())
	b = sealAddr(b, c.local.Addr())
	b = sealAddr(b, c.remote.Addr())
	for _, a := range c.peerAddrs {
		b = sealAddr(b, a)
	}
	m := mac(&s.keys[0], b[start:])
	return append(b, m[:]...)
}

func sealAddr(b []byte, a netip.Addr) []byte {
	v := a.AsSlice()
	return append(append(b, byte(len(v))), v...)
}

var errForged = errors.New("sctp/user: not a cookie of ours")

// open checks the signature of a cookie and reads it. Whether it is stale is for the caller to say.
func (s *signer) open(now time.Time, b []byte) (c cookie, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	const fixed = 8 + 8 + 4 + 7*4 + 8 // up to the addresses
	if len(b) < fixed+macLen {
		return c, errForged
	}
	body, sum := b[:len(b)-macLen], b[len(b)-macLen:]
	ok := false
	for i := range s.keys {
		m := mac(&s.keys[i], body)
		ok = ok || hmac.Equal(m[:], sum)
	}
	if !ok {
		return c, errForged
	}
	c.created, c.life = time.Duration(be.Uint64(body)), time.Duration(be.Uint64(body[8:]))
	c.localPort, c.remotePort = be.Uint16(body[16:]), be.Uint16(body[18:])
	for i, p := range [...]*uint32{&c.localTag, &c.peerTag, &c.localTie, &c.peerTie, &c.localTSN, &c.peerTSN, &c.rwnd} {
		*p = be.Uint32(body[20+4*i:])
	}
	c.out, c.in = be.Uint16(body[48:]), be.Uint16(body[50:])
	ports := body[52:56]
	var addrs []netip.Addr
	for b := body[fixed:]; len(b) > 0; {
		n := int(b[0])
		if len(b) < 1+n {
			return c, errForged
		}
		a, ok := netip.AddrFromSlice(b[1 : 1+n])
		if !ok {
			return c, errForged
		}
		addrs, b = append(addrs, a), b[1+n:]
	}
	if len(addrs) < 2 {
		return c, errForged
	}
	c.local = netip.AddrPortFrom(addrs[0], be.Uint16(ports))
	c.remote = netip.AddrPortFrom(addrs[1], be.Uint16(ports[2:]))
	c.peerAddrs = addrs[2:]
	return c, nil
}

// staleness is by how long a cookie has outlived itself; not positive if it has not.
func (s *signer) staleness(now time.Time, c *cookie) time.Duration {
	return now.Sub(s.began) - c.created - c.life
}

// randomTag is an initiate tag: any value but zero (section 5.3.1).
func randomTag() uint32 {
	for {
		if v := random32(); v != 0 {
			return v
		}
	}
}

func random32() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return be.Uint32(b[:])
}
