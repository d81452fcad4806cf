package aka

import (
	"encoding/binary"
	"fmt"
)

// TUAK is the algorithm set of TS 35.231 for one subscriber. It is safe for use by several
// goroutines.
type TUAK struct {
	k    []byte
	topc [32]byte
	cfg  TUAKConfig
}

// TUAKConfig holds the lengths and the effort of TUAK, which an operator chooses.
type TUAKConfig struct {
	// RES is the length of RES in octets: 4, 8, 16 or 32. If zero, 8.
	RES int
	// CK and IK are the lengths of the keys in octets: 16 or 32. If zero, 16.
	CK, IK int
	// MAC is the length of MAC-A and MAC-S in octets: 8, 16 or 32. If zero, 8. AUTN and AUTS have
	// room for 8 (TS 33.102 section 6.3.2), so that only 8 suits [NewVector] and [SIM].
	MAC int
	// Iterations is how often the permutation is applied. If zero, 1.
	Iterations int
}

func (c TUAKConfig) withDefaults() (TUAKConfig, error) {
	for _, f := range []struct {
		name string
		v    *int
		def  int
		ok   []int
	}{
		{"RES", &c.RES, 8, []int{4, 8, 16, 32}},
		{"CK", &c.CK, 16, []int{16, 32}},
		{"IK", &c.IK, 16, []int{16, 32}},
		{"MAC", &c.MAC, 8, []int{8, 16, 32}},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		known := false
		for _, n := range f.ok {
			known = known || *f.v == n
		}
		if !known {
			return c, fmt.Errorf("aka: TUAK: %s of %d octets, want one of %v", f.name, *f.v, f.ok)
		}
	}
	if c.Iterations == 0 {
		c.Iterations = 1
	}
	if c.Iterations < 0 {
		return c, fmt.Errorf("aka: TUAK: %d iterations", c.Iterations)
	}
	return c, nil
}

// NewTUAK returns the algorithm set for the subscriber key k (16 or 32 octets, copied) and TOPc.
func NewTUAK(k []byte, topc [32]byte, cfg TUAKConfig) (*TUAK, error) {
	if len(k) != 16 && len(k) != 32 {
		return nil, fmt.Errorf("aka: TUAK: K of %d octets, want 16 or 32", len(k))
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &TUAK{k: append([]byte(nil), k...), topc: topc, cfg: cfg}, nil
}

// TOPc derives a subscriber's TOPc from the operator's TOP (TS 35.231 section 6.2). k has 16 or
// 32 octets; iterations as in [TUAKConfig], zero meaning 1.
func TOPc(k []byte, top [32]byte, iterations int) ([32]byte, error) {
	t, err := NewTUAK(k, top, TUAKConfig{Iterations: iterations})
	if err != nil {
		return [32]byte{}, err
	}
	out := t.permute(0, [16]byte{}, 0, AMF{})
	return [32]byte(appendReversed(nil, out[:32])), nil
}

// The INSTANCE octet (TS 35.231 section 6): which function in the top bits, then the lengths.
const (
	tuakF1     = 0x00
	tuakF1Star = 0x80
	tuakF2345  = 0x40
	tuakF5Star = 0xc0
)

// permute lays out IN (TS 35.231 section 6.1), applies Keccak and returns OUT. The standard numbers the
// bits of each field from its least significant end, so that every field stands reversed in octets.
func (t *TUAK) permute(instance byte, rand [16]byte, sqn SQN, amf AMF) (out [200]byte) {
	if len(t.k) == 32 {
		instance |= 1
	}
	in := out[:0]
	in = appendReversed(in, t.topc[:])
	in = append(in, instance)
	in = appendReversed(in, []byte("TUAK1.0"))
	in = appendReversed(in, rand[:])
	in = appendReversed(in, amf[:])
	s := sqn.Bytes()
	in = appendReversed(in, s[:])
	appendReversed(in, t.k)
	out[96], out[135] = 0x1f, 0x80 // the padding, octets 96 to 135
	var lanes [25]uint64
	for i := range lanes {
		lanes[i] = binary.LittleEndian.Uint64(out[8*i:])
	}
	for range t.cfg.Iterations {
		keccakF(&lanes)
	}
	for i, l := range lanes {
		binary.LittleEndian.PutUint64(out[8*i:], l)
	}
	return out
}

func appendReversed(dst, src []byte) []byte {
	for i := len(src) - 1; i >= 0; i-- {
		dst = append(dst, src[i])
	}
	return dst
}

// MACA is f1: MAC-A in the configured length.
func (t *TUAK) MACA(rand [16]byte, sqn SQN, amf AMF) []byte {
	out := t.permute(tuakF1|byte(t.cfg.MAC), rand, sqn, amf)
	return appendReversed(nil, out[:t.cfg.MAC])
}

// MACS is f1*: MAC-S in the configured length.
func (t *TUAK) MACS(rand [16]byte, sqn SQN, amf AMF) []byte {
	out := t.permute(tuakF1Star|byte(t.cfg.MAC), rand, sqn, amf)
	return appendReversed(nil, out[:t.cfg.MAC])
}

// F1 is MAC-A, its last 8 octets if a longer one is configured.
func (t *TUAK) F1(rand [16]byte, sqn SQN, amf AMF) [8]byte {
	mac := t.MACA(rand, sqn, amf)
	return [8]byte(mac[len(mac)-8:])
}

// F1Star is MAC-S, its last 8 octets if a longer one is configured.
func (t *TUAK) F1Star(rand [16]byte, sqn SQN, amf AMF) [8]byte {
	mac := t.MACS(rand, sqn, amf)
	return [8]byte(mac[len(mac)-8:])
}

// F2345 is the response, the two keys and the anonymity key, in the configured lengths.
func (t *TUAK) F2345(rand [16]byte) (res, ck, ik []byte, ak [6]byte) {
	instance := byte(tuakF2345)
	if t.cfg.RES >= 8 {
		instance |= byte(t.cfg.RES)
	}
	if t.cfg.CK == 32 {
		instance |= 4
	}
	if t.cfg.IK == 32 {
		instance |= 2
	}
	out := t.permute(instance, rand, 0, AMF{})
	res = appendReversed(nil, out[:t.cfg.RES])
	ck = appendReversed(nil, out[32:32+t.cfg.CK])
	ik = appendReversed(nil, out[64:64+t.cfg.IK])
	return res, ck, ik, [6]byte(appendReversed(nil, out[96:102]))
}

// F5Star is the anonymity key of a resynchronisation.
func (t *TUAK) F5Star(rand [16]byte) [6]byte {
	out := t.permute(tuakF5Star, rand, 0, AMF{})
	return [6]byte(appendReversed(nil, out[96:102]))
}
