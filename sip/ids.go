package sip

import (
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
)

// idAlphabet has 32 letters that are tokens and survive those who fold case.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// idSource makes branches, tags and Call-IDs: ChaCha8 over a seed from the operating system, so
// that nobody can guess the next (RFC 3261 section 19.3 wants 32 bits at least; these have 80).
type idSource struct {
	mu  sync.Mutex
	rnd *rand.ChaCha8
}

func newIDSource() *idSource {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	return &idSource{rnd: rand.NewChaCha8(seed)}
}

// append adds 16 letters, 80 bits, to b.
func (s *idSource) append(b []byte) []byte {
	s.mu.Lock()
	x, y := s.rnd.Uint64(), s.rnd.Uint64()
	s.mu.Unlock()
	for range 8 {
		b = append(b, idAlphabet[x&31], idAlphabet[y&31])
		x, y = x>>5, y>>5
	}
	return b
}

func (s *idSource) branch() string {
	var a [len(MagicCookie) + 16]byte
	return string(s.append(append(a[:0], MagicCookie...)))
}

func (s *idSource) tag() string {
	var a [16]byte
	return string(s.append(a[:0]))
}
