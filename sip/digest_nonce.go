package sip

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// NonceConfig configures [NewNonces]. The zero value works.
type NonceConfig struct {
	// Key authenticates the nonces. Servers that share it accept one another's nonces (but each
	// counts replays alone). If nil, random.
	Key []byte
	// PreviousKeys are accepted as well, so that a key can be changed without a wave of stale
	// nonces.
	PreviousKeys [][]byte
	// MaxAge is how long a nonce is good for. If zero, 5 minutes.
	MaxAge time.Duration
	// MaxUses bounds the requests for which one nonce serves. If zero, no bound but the age.
	MaxUses uint32
	// MaxTracked bounds the nonces whose counts are remembered at once; only nonces that a right
	// password was used with are. When it is reached the oldest are forgotten, and every nonce that
	// is as old counts as stale from then on: its user is challenged again, nothing can be replayed.
	// If zero, 65,536 (about 6 MB).
	MaxTracked int
}

// Nonces makes nonces that validate themselves, so that a challenge costs no memory: they hold
// the time and a HMAC over it and the realm (RFC 7616 section 3.3). Their use is counted only after
// a right answer (section 5.5). It is safe for concurrent use.
type Nonces struct {
	cfg  NonceConfig
	keys [][]byte

	mu      sync.Mutex
	buckets map[int64]map[nonceID]*nonceUse // by time of issue
	tracked int
	floor   int64 // nonces from buckets up to this one are stale
	stats   NonceStats
}

// NonceStats counts what became of nonces.
type NonceStats struct {
	Tracked  int    // nonces whose counts are remembered now
	Replays  uint64 // nonce counts seen before
	Stale    uint64 // nonces that were too old
	Forged   uint64 // nonces that this key never made
	Evicted  uint64 // nonces forgotten because of MaxTracked
	Accepted uint64
}

const (
	nonceRandom = 12
	nonceMAC    = 16
	nonceLen    = 8 + nonceRandom + nonceMAC
	// nonceSkew is how far in the future another server's nonce may lie.
	nonceSkew = 10 * time.Second
	// nonceBuckets is how many steps the forgetting of old nonces takes.
	nonceBuckets = 16
)

type nonceID [nonceRandom]byte

// nonceUse is the highest count seen, and which of the 64 below it were: requests that were sent
// in order may arrive out of order.
type nonceUse struct {
	high uint32
	mask uint64 // bit i: count high-i was seen
	uses uint32
}

// nonceVerdict is what became of a nonce.
type nonceVerdict uint8

const (
	nonceGood   nonceVerdict = iota
	nonceStale               // was ours, too old
	nonceForged              // not ours
	nonceReplay              // the count was used already
)

// NewNonces returns a source of nonces.
func NewNonces(cfg NonceConfig) *Nonces {
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = 5 * time.Minute
	}
	if cfg.MaxTracked <= 0 {
		cfg.MaxTracked = 65536
	}
	if cfg.Key == nil {
		cfg.Key = make([]byte, 32)
		rand.Read(cfg.Key) // never fails (crypto/rand)
	}
	n := &Nonces{cfg: cfg, buckets: map[int64]map[nonceID]*nonceUse{}, floor: -1 << 62}
	n.keys = append(append(n.keys, cfg.Key), cfg.PreviousKeys...)
	return n
}

func nonceSum(key, head []byte, realm string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(head)
	m.Write([]byte(realm))
	return m.Sum(nil)[:nonceMAC]
}

// New returns a fresh nonce for the realm.
func (n *Nonces) New(now time.Time, realm string) string {
	var b [nonceLen]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli()))
	rand.Read(b[8 : 8+nonceRandom])
	copy(b[8+nonceRandom:], nonceSum(n.keys[0], b[:8+nonceRandom], realm))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// check says whether the nonce is ours and young enough. It changes no state but the counters.
func (n *Nonces) check(now time.Time, realm, nonce string) (id nonceID, issued time.Time, v nonceVerdict) {
	var b [nonceLen]byte
	forged := func() (nonceID, time.Time, nonceVerdict) {
		n.mu.Lock()
		n.stats.Forged++
		n.mu.Unlock()
		return nonceID{}, time.Time{}, nonceForged
	}
	if len(nonce) != base64.RawURLEncoding.EncodedLen(nonceLen) {
		return forged()
	}
	if m, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(nonce)); err != nil || m != nonceLen {
		return forged()
	}
	ours := false
	for _, k := range n.keys {
		ours = ours || hmac.Equal(b[8+nonceRandom:], nonceSum(k, b[:8+nonceRandom], realm))
	}
	if !ours {
		return forged()
	}
	issued = time.UnixMilli(int64(binary.BigEndian.Uint64(b[:])))
	copy(id[:], b[8:])
	n.mu.Lock()
	defer n.mu.Unlock()
	if age := now.Sub(issued); age > n.cfg.MaxAge || age < -nonceSkew || n.bucket(issued) <= n.floor {
		n.stats.Stale++
		return id, issued, nonceStale
	}
	return id, issued, nonceGood
}

func (n *Nonces) bucket(t time.Time) int64 {
	width := max(n.cfg.MaxAge.Milliseconds()/nonceBuckets, 1)
	return t.UnixMilli() / width
}

// use counts one use of a nonce that passed check, after the answer was found right. nc is zero for
// answers without a count, which make a nonce good for one request.
func (n *Nonces) use(now time.Time, id nonceID, issued time.Time, nc uint32) nonceVerdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(now)
	bucket := n.bucket(issued)
	if bucket <= n.floor {
		n.stats.Stale++
		return nonceStale
	}
	u := n.buckets[bucket][id]
	if u == nil {
		for n.tracked >= n.cfg.MaxTracked && n.evict() {
		}
		if bucket <= n.floor {
			n.stats.Stale++
			return nonceStale
		}
		if n.buckets[bucket] == nil {
			n.buckets[bucket] = map[nonceID]*nonceUse{}
		}
		u = &nonceUse{high: nc, mask: 1, uses: 1}
		n.buckets[bucket][id] = u
		n.tracked++
		n.stats.Accepted++
		return nonceGood
	}
	switch {
	case nc == 0 || nc <= u.high && (u.high-nc >= 64 || u.mask&(1<<(u.high-nc)) != 0):
		n.stats.Replays++
		return nonceReplay
	case n.cfg.MaxUses > 0 && u.uses >= n.cfg.MaxUses:
		n.stats.Stale++
		return nonceStale
	case nc > u.high:
		u.mask = u.mask<<(nc-u.high) | 1 // a shift by 64 and more leaves nothing
		u.high = nc
	default:
		u.mask |= 1 << (u.high - nc)
	}
	u.uses++
	n.stats.Accepted++
	return nonceGood
}

// forget drops what has become stale by age.
func (n *Nonces) forget(now time.Time) {
	oldest := n.bucket(now.Add(-n.cfg.MaxAge)) - 1
	for b, m := range n.buckets {
		if b < oldest {
			n.tracked -= len(m)
			delete(n.buckets, b)
		}
	}
}

// evict drops the oldest bucket and makes everything of its time stale.
func (n *Nonces) evict() bool {
	if len(n.buckets) == 0 {
		return false
	}
	oldest := int64(1 << 62)
	for b := range n.buckets {
		oldest = min(oldest, b)
	}
	n.stats.Evicted += uint64(len(n.buckets[oldest]))
	n.tracked -= len(n.buckets[oldest])
	delete(n.buckets, oldest)
	n.floor = max(n.floor, oldest)
	return true
}

// Stats returns the counters.
func (n *Nonces) Stats() NonceStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stats
	s.Tracked = n.tracked
	return s
}
