package aka

import "fmt"

// SIM is the card's side of AKA: a USIM or ISIM with its memory of accepted sequence numbers.
// It is not safe for use by several goroutines at once.
type SIM struct {
	alg    Algorithm
	scheme SQNScheme
	seq    []uint64 // the highest SEQ accepted, by IND
}

// Answer is what a card computes from a challenge that it accepts. All of it is secret; it prints
// as nothing.
type Answer struct {
	RES []byte
	CK  []byte
	IK  []byte
}

// String shows nothing that is secret.
func (Answer) String() string { return "aka.Answer{}" }

// GoString is String, so that %#v shows no key either.
func (Answer) GoString() string { return "aka.Answer{}" }

// SyncFailure says that the SQN of a genuine challenge is not acceptable. AUTS goes back to the
// home network, which resynchronises with [CheckAUTS].
type SyncFailure struct {
	SQN   SQN // of the challenge
	SQNMS SQN // the highest that the card has accepted
	AUTS  AUTS
}

func (e *SyncFailure) Error() string {
	return fmt.Sprintf("aka: synchronisation failure: SQN %v, card at %v", e.SQN, e.SQNMS)
}

// NewSIM returns a card that has accepted sqn for every IND.
func NewSIM(alg Algorithm, scheme SQNScheme, sqn SQN) *SIM {
	s := &SIM{alg: alg, scheme: scheme, seq: make([]uint64, scheme.Slots())}
	seq, _ := scheme.Split(sqn)
	for i := range s.seq {
		s.seq[i] = seq
	}
	return s
}

// SQNMS is the highest sequence number that the card has accepted.
func (s *SIM) SQNMS() SQN {
	best := 0
	for ind, seq := range s.seq {
		if seq > s.seq[best] {
			best = ind
		}
	}
	return s.scheme.Join(s.seq[best], best)
}

// Answer checks a challenge as TS 33.102 section 6.3.3 and Annex C.2 say and answers it. The error is
// [ErrMAC] for a challenge that the home network did not make, and [*SyncFailure] for one whose
// SQN was used before, is too old or jumps too far; then the card's memory stays as it was.
func (s *SIM) Answer(rand, autn [16]byte) (Answer, error) {
	res, ck, ik, ak := s.alg.F2345(rand)
	sqn, err := checkAUTN(s.alg, rand, autn, ak)
	if err != nil {
		return Answer{}, err
	}
	seq, ind := s.scheme.Split(sqn)
	sqnMS := s.SQNMS()
	seqMS, _ := s.scheme.Split(sqnMS)
	fresh := seq > s.seq[ind]
	if seq > seqMS && seq-seqMS > s.scheme.delta() { // Annex C.2.1
		fresh = false
	}
	if s.scheme.Limit != 0 && seq < seqMS && seqMS-seq >= s.scheme.Limit { // Annex C.2.2
		fresh = false
	}
	if !fresh {
		return Answer{}, &SyncFailure{SQN: sqn, SQNMS: sqnMS, AUTS: NewAUTS(s.alg, rand, sqnMS)}
	}
	s.seq[ind] = seq
	return Answer{RES: res, CK: ck, IK: ik}, nil
}
