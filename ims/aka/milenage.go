package aka

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// Milenage is the algorithm set of TS 35.206 for one subscriber. It is safe for use by several
// goroutines.
type Milenage struct {
	block cipher.Block
	opc   [16]byte
}

// NewMilenage returns the algorithm set for the subscriber key K and the operator's OPc.
func NewMilenage(k, opc [16]byte) *Milenage {
	return &Milenage{block: newAES(k), opc: opc}
}

// OPc derives a subscriber's OPc from the operator's OP (TS 35.206 section 4.1).
func OPc(k, op [16]byte) [16]byte {
	var out [16]byte
	newAES(k).Encrypt(out[:], op[:])
	subtle.XORBytes(out[:], out[:], op[:])
	return out
}

func newAES(k [16]byte) cipher.Block {
	b, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // 16 octets are always a key
	}
	return b
}

// The rotations r2..r5, in octets, and the last octets of c2..c5 (TS 35.206 section 4.1); r1 is
// 8 octets and c1 is zero. All other octets of the constants are zero.
var milenageRounds = [...]struct{ rotate, constant byte }{{0, 1}, {4, 2}, {8, 4}, {12, 8}}

// temp is E_K(RAND xor OPc).
func (m *Milenage) temp(rand [16]byte) (t [16]byte) {
	subtle.XORBytes(t[:], rand[:], m.opc[:])
	m.block.Encrypt(t[:], t[:])
	return t
}

// out1 is OUT1, of which f1 and f1* are the halves.
func (m *Milenage) out1(rand [16]byte, sqn SQN, amf AMF) (out [16]byte) {
	temp := m.temp(rand)
	var in [16]byte
	s := sqn.Bytes()
	copy(in[:], s[:])
	copy(in[6:], amf[:])
	copy(in[8:], in[:8])
	for i := range out {
		out[(i+8)%16] = in[i] ^ m.opc[i]
	}
	subtle.XORBytes(out[:], out[:], temp[:])
	m.block.Encrypt(out[:], out[:])
	subtle.XORBytes(out[:], out[:], m.opc[:])
	return out
}

// outN is OUT2 to OUT5, for n 2 to 5.
func (m *Milenage) outN(temp [16]byte, n int) (out [16]byte) {
	r := milenageRounds[n-2]
	for i := range out {
		out[(i+16-int(r.rotate))%16] = temp[i] ^ m.opc[i]
	}
	out[15] ^= r.constant
	m.block.Encrypt(out[:], out[:])
	subtle.XORBytes(out[:], out[:], m.opc[:])
	return out
}

// F1 is the network authentication code MAC-A.
func (m *Milenage) F1(rand [16]byte, sqn SQN, amf AMF) (mac [8]byte) {
	out := m.out1(rand, sqn, amf)
	return [8]byte(out[:8])
}

// F1Star is the resynchronisation code MAC-S.
func (m *Milenage) F1Star(rand [16]byte, sqn SQN, amf AMF) (mac [8]byte) {
	out := m.out1(rand, sqn, amf)
	return [8]byte(out[8:])
}

// F2345 is the response, the two keys and the anonymity key.
func (m *Milenage) F2345(rand [16]byte) (res, ck, ik []byte, ak [6]byte) {
	temp := m.temp(rand)
	out2, out3, out4 := m.outN(temp, 2), m.outN(temp, 3), m.outN(temp, 4)
	keys := make([]byte, 40)
	copy(keys, out2[8:])
	copy(keys[8:], out3[:])
	copy(keys[24:], out4[:])
	return keys[:8:8], keys[8:24:24], keys[24:], [6]byte(out2[:6])
}

// F5Star is the anonymity key of a resynchronisation.
func (m *Milenage) F5Star(rand [16]byte) (ak [6]byte) {
	out := m.outN(m.temp(rand), 5)
	return [6]byte(out[:6])
}
