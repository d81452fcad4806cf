package aka

import (
	"crypto/subtle"
	"errors"
	"fmt"
)

// Algorithm is an algorithm set of TS 33.102 section 6.3.2 for one subscriber: [Milenage], [TUAK] or
// an operator's own. res, ck and ik are fresh slices.
type Algorithm interface {
	F1(rand [16]byte, sqn SQN, amf AMF) (macA [8]byte)
	F1Star(rand [16]byte, sqn SQN, amf AMF) (macS [8]byte)
	F2345(rand [16]byte) (res, ck, ik []byte, ak [6]byte)
	F5Star(rand [16]byte) (ak [6]byte)
}

// AMF is the authentication management field (TS 33.102 section 6.3.2). Bit 0, the top bit of the
// first octet, separates E-UTRAN vectors from others (TS 33.102 Annex H).
type AMF [2]byte

// Vector is an authentication vector: what the home network gives the serving one. CK, IK and
// XRES are secret: a Vector prints as its RAND only.
type Vector struct {
	RAND [16]byte
	AUTN [16]byte
	XRES []byte
	CK   []byte
	IK   []byte
}

// String shows RAND and nothing that is secret.
func (v Vector) String() string { return fmt.Sprintf("aka.Vector{RAND:%x}", v.RAND) }

// GoString is String, so that %#v shows no key either.
func (v Vector) GoString() string { return v.String() }

// NewVector makes the vector for one RAND, which must be random and fresh, and one SQN, which must
// never have been used for this subscriber.
func NewVector(alg Algorithm, rand [16]byte, sqn SQN, amf AMF) (Vector, error) {
	if sqn > MaxSQN {
		return Vector{}, fmt.Errorf("aka: SQN %#x is over 48 bits", uint64(sqn))
	}
	v := Vector{RAND: rand}
	var ak [6]byte
	v.XRES, v.CK, v.IK, ak = alg.F2345(rand)
	concealed := sqn.Bytes()
	subtle.XORBytes(v.AUTN[:6], concealed[:], ak[:])
	copy(v.AUTN[6:], amf[:])
	mac := alg.F1(rand, sqn, amf)
	copy(v.AUTN[8:], mac[:])
	return v, nil
}

// ErrMAC says that a MAC does not match: the challenge (or the AUTS) was not made with this
// subscriber's K, or was altered.
var ErrMAC = errors.New("aka: MAC does not match")

// CheckAUTN checks the MAC-A of a challenge and returns the SQN in it, or [ErrMAC]. Whether the
// SQN is fresh is for [SIM] to say.
func CheckAUTN(alg Algorithm, rand, autn [16]byte) (SQN, error) {
	_, _, _, ak := alg.F2345(rand)
	return checkAUTN(alg, rand, autn, ak)
}

func checkAUTN(alg Algorithm, rand, autn [16]byte, ak [6]byte) (SQN, error) {
	var s [6]byte
	subtle.XORBytes(s[:], autn[:6], ak[:])
	sqn := ParseSQN(s)
	mac := alg.F1(rand, sqn, AMF(autn[6:8]))
	if subtle.ConstantTimeCompare(mac[:], autn[8:]) != 1 {
		return 0, ErrMAC
	}
	return sqn, nil
}

// AUTS is the resynchronisation token of TS 33.102 section 6.3.3: the card's SQN, concealed, and MAC-S.
type AUTS [14]byte

// NewAUTS is the card's answer to a challenge whose SQN is not acceptable; sqnMS is the highest
// that it has accepted.
func NewAUTS(alg Algorithm, rand [16]byte, sqnMS SQN) AUTS {
	var a AUTS
	s, ak := sqnMS.Bytes(), alg.F5Star(rand)
	subtle.XORBytes(a[:6], s[:], ak[:])
	mac := alg.F1Star(rand, sqnMS, AMF{}) // the AMF of a resynchronisation is zero
	copy(a[6:], mac[:])
	return a
}

// CheckAUTS checks an AUTS against the RAND that provoked it and returns the card's SQN, from
// which the home network goes on, or [ErrMAC].
func CheckAUTS(alg Algorithm, rand [16]byte, auts AUTS) (sqnMS SQN, err error) {
	var s [6]byte
	ak := alg.F5Star(rand)
	subtle.XORBytes(s[:], auts[:6], ak[:])
	sqn := ParseSQN(s)
	mac := alg.F1Star(rand, sqn, AMF{})
	if subtle.ConstantTimeCompare(mac[:], auts[6:]) != 1 {
		return 0, ErrMAC
	}
	return sqn, nil
}
