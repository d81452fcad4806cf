package aka

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"hash"
)

// AppendNonce appends the nonce of a digest challenge: the base64 of RAND, AUTN and what the
// server adds of its own (RFC 3310 section 3.2).
func AppendNonce(dst []byte, rand, autn [16]byte, serverData []byte) []byte {
	raw := make([]byte, 0, 32+len(serverData))
	raw = append(append(append(raw, rand[:]...), autn[:]...), serverData...)
	return base64.StdEncoding.AppendEncode(dst, raw)
}

// ParseNonce reads the nonce of a digest challenge. serverData is what follows RAND and AUTN.
func ParseNonce(nonce string) (rand, autn [16]byte, serverData []byte, err error) {
	raw, err := decodeBase64(nonce)
	if err != nil {
		return rand, autn, nil, fmt.Errorf("aka: nonce: %w", err)
	}
	if len(raw) < 32 {
		return rand, autn, nil, fmt.Errorf("aka: nonce: %d octets, want RAND and AUTN in 32", len(raw))
	}
	return [16]byte(raw[:16]), [16]byte(raw[16:32]), raw[32:], nil
}

// decodeBase64 takes padded and unpadded text: handsets send both.
func decodeBase64(s string) ([]byte, error) {
	if len(s)%4 != 0 {
		return base64.RawStdEncoding.DecodeString(s)
	}
	return base64.StdEncoding.DecodeString(s)
}

// Text is the value of the auts parameter (RFC 3310 section 3.4).
func (a AUTS) Text() string { return base64.StdEncoding.EncodeToString(a[:]) }

// ParseAUTS reads the value of an auts parameter.
func ParseAUTS(s string) (AUTS, error) {
	raw, err := decodeBase64(s)
	if err != nil {
		return AUTS{}, fmt.Errorf("aka: auts: %w", err)
	}
	if len(raw) != len(AUTS{}) {
		return AUTS{}, fmt.Errorf("aka: auts: %d octets, want %d", len(raw), len(AUTS{}))
	}
	return AUTS(raw), nil
}

// PasswordV1 is the password of AKAv1: RES itself, binary (RFC 3310 section 3.3). In an answer that
// carries auts the password is empty.
func PasswordV1(res []byte) []byte { return res }

// PasswordV2 is the password of AKAv2 (RFC 4169 section 2.1): the base64 of an HMAC keyed with RES,
// IK and CK, over the hash of the digest, such as [crypto/md5.New] for AKAv2-MD5.
func PasswordV2(newHash func() hash.Hash, res, ik, ck []byte) []byte {
	key := make([]byte, 0, len(res)+len(ik)+len(ck))
	key = append(append(append(key, res...), ik...), ck...)
	return base64.StdEncoding.AppendEncode(nil, prf(newHash, key, "http-digest-akav2-password"))
}

// SessionKeysV2 are IK' and CK', which AKAv2 gives to other uses instead of IK and CK (RFC 4169
// section 2.2).
func SessionKeysV2(newHash func() hash.Hash, ik, ck []byte) (ik2, ck2 []byte) {
	return prf(newHash, ik, "http-digest-akav2-integritykey"), prf(newHash, ck, "http-digest-akav2-cipherkey")
}

func prf(newHash func() hash.Hash, key []byte, text string) []byte {
	h := hmac.New(newHash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
