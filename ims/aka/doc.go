// Package aka is the authentication and key agreement of the 3GPP systems: the algorithm sets
// Milenage and TUAK, the checks that both sides make, and its use in HTTP digest (AKAv1, AKAv2).
//
// # Quick start
//
// The home side (an HSS or AuC) makes a [Vector] for a fresh RAND and the next SQN:
//
//	alg := aka.NewMilenage(k, aka.OPc(k, op))
//	v, err := aka.NewVector(alg, rand, sqn, amf)
//
// The card's side (an ISIM) answers the challenge, or says what is wrong with it:
//
//	card := aka.NewSIM(alg, aka.SQNScheme{}, 0)
//	answer, err := card.Answer(rand, autn)
//	var sync *aka.SyncFailure
//	if errors.As(err, &sync) { // send sync.AUTS.Text()
//
// In SIP the nonce carries RAND and AUTN ([AppendNonce], [ParseNonce]) and the password of the
// digest is RES ([PasswordV1]) or derived from RES, IK and CK ([PasswordV2]).
//
// # Conformance
//
//   - TS 35.206 (Milenage: f1, f1*, f2, f3, f4, f5, f5*, OPc), with the default constants c1..c5, r1..r5
//   - TS 35.231 (TUAK, K of 128 or 256 bits, all lengths of MAC, RES, CK and IK, iterated Keccak)
//   - TS 33.102 section 6.3 (AUTN, AUTS, MAC failure, synchronisation failure), Annex C.1.1.1, C.1.2 and
//     C.2 (SQN as SEQ||IND, array of SEQ per IND, limits on the jump and on the age)
//   - RFC 3310 (AKAv1) sections 3.2 and 3.4: nonce, auts, password; RFC 4169 (AKAv2) section 2
//
// # Limitations
//
// Milenage with an operator's own c and r constants and the conversion functions of GSM are not here.
// AUTN always carries a MAC of 64 bits, as TS 33.102 section 6.3.2 lays it out.
package aka
