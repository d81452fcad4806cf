package aka

import "fmt"

// SQN is a sequence number of 48 bits (TS 33.102 section 6.3 and Annex C).
type SQN uint64

// MaxSQN is the highest sequence number.
const MaxSQN SQN = 1<<48 - 1

// ParseSQN reads a sequence number from its six octets.
func ParseSQN(b [6]byte) SQN {
	var s SQN
	for _, o := range b {
		s = s<<8 | SQN(o)
	}
	return s
}

// Bytes returns the six octets of s.
func (s SQN) Bytes() (b [6]byte) {
	for i := range b {
		b[i] = byte(s >> (40 - 8*i))
	}
	return b
}

func (s SQN) String() string { return fmt.Sprintf("%012x", uint64(s)) }

// SQNScheme says how sequence numbers are made up and which of them a card accepts (TS 33.102
// Annex C.1.1.1 and C.2). The zero value is the profile of Annex C.3.2: IND of 5 bits, a jump of
// at most 2^28, no limit on the age.
type SQNScheme struct {
	// INDBits is the length of IND, the slot that concurrent users of one subscriber keep apart.
	// If zero, 5. If negative, there is no IND. At most 16.
	INDBits int
	// Delta is the largest jump of SEQ that a card accepts. If zero, 2^28.
	Delta uint64
	// Limit is how far behind the highest SEQ one of another IND may be. If zero, without limit.
	Limit uint64
}

func (c SQNScheme) indBits() uint {
	switch {
	case c.INDBits == 0:
		return 5
	case c.INDBits < 0:
		return 0
	}
	return uint(min(c.INDBits, 16))
}

func (c SQNScheme) delta() uint64 {
	if c.Delta == 0 {
		return 1 << 28
	}
	return c.Delta
}

// Slots is how many values IND has.
func (c SQNScheme) Slots() int { return 1 << c.indBits() }

// Split returns SEQ and IND of a sequence number.
func (c SQNScheme) Split(s SQN) (seq uint64, ind int) {
	n := c.indBits()
	return uint64(s) >> n, int(uint64(s) & (1<<n - 1))
}

// Join makes a sequence number of SEQ and IND; bits that don't fit are dropped.
func (c SQNScheme) Join(seq uint64, ind int) SQN {
	n := c.indBits()
	return SQN(seq<<n|uint64(ind)&(1<<n-1)) & MaxSQN
}

// Next is the sequence number after s for the slot ind: SEQ one higher (TS 33.102 Annex C.1.2). ok is
// false at the end of the numbers, when the subscriber needs a new key.
func (c SQNScheme) Next(s SQN, ind int) (next SQN, ok bool) {
	seq, _ := c.Split(s)
	if seq+1 > uint64(MaxSQN)>>c.indBits() {
		return 0, false
	}
	return c.Join(seq+1, ind), true
}
