package srtp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 3711 appendix B.3: key derivation.
func TestKeyDerivation(t *testing.T) {
	var k keys
	var auth []byte
	key := unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6")
	if err := k.derive(suites[AESCM128HMACSHA180], key, 0); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(k.salt[:]); got != "30cbbc08863d8c85d49db34a9ae1" {
		t.Error("salt", got)
	}
	var block, want [16]byte
	k.block.Encrypt(block[:], block[:])
	var same keys
	auth = unhex(t, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
	if err := same.set(suites[AESCM128HMACSHA180], unhex(t, "C61E7A93744F39EE10734AFE3FF7A087"), auth, k.salt[:]); err != nil {
		t.Fatal(err)
	}
	same.block.Encrypt(want[:], want[:])
	if block != want {
		t.Error("another cipher key")
	}
	k.auth.Write([]byte("x"))
	same.auth.Write([]byte("x"))
	if !bytes.Equal(k.auth.Sum(nil), same.auth.Sum(nil)) {
		t.Error("another authentication key")
	}
}

// RFC 3711 appendix B.2: the key stream of AES-CM.
func TestKeyStream(t *testing.T) {
	var c Context
	if err := c.rtp.set(suites[AESCM128HMACSHA180], unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"), nil, unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 48)
	c.counter(&c.rtp, 0, 0, b)
	if got := hex.EncodeToString(b); got != "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0" {
		t.Error(got)
	}
}

// The packets that libsrtp's tests compare with.
func TestLibsrtpVectors(t *testing.T) {
	key := unhex(t, "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6")
	c, err := NewContext(AESCM128HMACSHA180, key)
	if err != nil {
		t.Fatal(err)
	}
	plain := unhex(t, "800f1234decafbadcafebabe abababababababababababababababab")
	got, err := c.EncryptRTP(nil, plain)
	if want := unhex(t, "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
	control := unhex(t, "81c8000bcafebabe abababababababababababababababab")
	c.find(0xcafebabe).rtcp = 1
	got, err = c.EncryptRTCP(nil, control)
	if want := unhex(t, "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
}

// RFC 7714 section 16.1: AES-128-GCM with the session key given.
func TestGCMVector(t *testing.T) {
	c := Context{suite: AEADAES128GCM, tag: 16}
	if err := c.rtp.set(suites[AEADAES128GCM], unhex(t, "000102030405060708090a0b0c0d0e0f"), nil, unhex(t, "517569642070726f2071756f")); err != nil {
		t.Fatal(err)
	}
	packet := append(unhex(t, "8040f17b8041f8d35501a0b2"), "Gallia est omnis divisa in partes tres"...)
	got, err := c.EncryptRTP(nil, packet)
	want := "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
	if back, err := c.DecryptRTP(nil, got); err != nil || !bytes.Equal(back, packet) {
		t.Errorf("%x, %v", back, err)
	}
}

// RFC 7714 section 17.1: the same for SRTCP.
func TestGCMControlVector(t *testing.T) {
	c := Context{suite: AEADAES128GCM, tag: 16}
	if err := c.rtcp.set(suites[AEADAES128GCM], unhex(t, "000102030405060708090a0b0c0d0e0f"), nil, unhex(t, "517569642070726f2071756f")); err != nil {
		t.Fatal(err)
	}
	c.sources = []source{{ssrc: 0x4d617273, rtcp: 0x5d4}}
	packet := unhex(t, "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef")
	got, err := c.EncryptRTCP(nil, packet)
	want := "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
	if back, err := c.DecryptRTCP(nil, got); err != nil || !bytes.Equal(back, packet) {
		t.Errorf("%x, %v", back, err)
	}
}

func both(t testing.TB, s Suite) (out, in *Context) {
	t.Helper()
	key := NewKey(s)
	out, err := NewContext(s, key)
	if err != nil {
		t.Fatal(err)
	}
	if in, err = NewContext(s, key); err != nil {
		t.Fatal(err)
	}
	return out, in
}

func packet(seq uint16, ssrc uint32) []byte {
	b := make([]byte, 12, 200)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, fmt.Sprint("packet ", seq)...)
}

var every = []Suite{AESCM128HMACSHA180, AESCM128HMACSHA132, AEADAES128GCM, AEADAES256GCM}

// Packets out of order, lost, twice and around the end of the sequence; in place and not; with CSRC and extension.
func TestStreamOfPackets(t *testing.T) {
	for _, s := range every {
		out, in := both(t, s)
		sent := map[int][]byte{}
		for i := range 200000 {
			p := packet(uint16(65000+i), 7)
			e, err := out.EncryptRTP(p[:0], p)
			if err != nil || len(e) != len(packet(uint16(65000+i), 7))+out.Overhead() {
				t.Fatal(s, i, len(e), err)
			}
			if i%1000 < 40 {
				sent[i] = bytes.Clone(e)
			}
			if i%1000 == 40 {
				for _, j := range []int{i - 1, i - 40, i - 20, i - 3} {
					got, err := in.DecryptRTP(sent[j][:0:0], sent[j])
					if err != nil || !bytes.Equal(got, packet(uint16(65000+j), 7)) {
						t.Fatal(s, j, err)
					}
					if _, err := in.DecryptRTP(nil, sent[j]); !errors.Is(err, ErrReplay) {
						t.Fatal(s, j, err)
					}
				}
				if i > 1000 {
					if _, err := in.DecryptRTP(nil, sent[i-1040]); err == nil {
						t.Fatal(s, "an old packet was taken")
					}
				}
			}
		}
		p := append([]byte{0x92, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 1, 1, 2, 3, 4}, "hello"...)
		e, err := out.EncryptRTP(nil, p)
		if err != nil || !bytes.Equal(e[:28], p[:28]) || bytes.Contains(e, []byte("hello")) {
			t.Errorf("%v: %x %v", s, e, err)
		}
		for i := range e {
			bad := bytes.Clone(e)
			bad[i] ^= 1
			if _, err := in.DecryptRTP(nil, bad); err == nil {
				t.Errorf("%v: octet %d was changed", s, i)
			}
			if _, err := in.DecryptRTP(nil, e[:i]); err == nil {
				t.Errorf("%v: cut at %d", s, i)
			}
		}
		if got, err := in.DecryptRTP(e[:0], e); err != nil || !bytes.Equal(got, p) {
			t.Errorf("%v: %x %v", s, got, err)
		}

		control := append([]byte{0x80, 200, 0, 6, 0, 0, 0, 7}, "a sender report of 20"...)
		for i := range 3 {
			e, err := out.EncryptRTCP(nil, control)
			if err != nil || len(e) > len(control)+20 {
				t.Fatal(s, err)
			}
			for j := range e {
				bad := bytes.Clone(e)
				bad[j] ^= 1
				if _, err := in.DecryptRTCP(nil, bad); err == nil {
					t.Errorf("%v: octet %d of RTCP was changed", s, j)
				}
				if _, err := in.DecryptRTCP(nil, e[:j]); err == nil {
					t.Errorf("%v: RTCP cut at %d", s, j)
				}
			}
			if got, err := in.DecryptRTCP(nil, e); err != nil || !bytes.Equal(got, control) {
				t.Errorf("%v: %d: %x %v", s, i, got, err)
			}
			if _, err := in.DecryptRTCP(nil, e); !errors.Is(err, ErrReplay) {
				t.Errorf("%v: %v", s, err)
			}
		}
	}
}

// Strangers cannot make sources, and friends not too many.
func TestSources(t *testing.T) {
	out, in := both(t, AESCM128HMACSHA180)
	bad, _ := both(t, AESCM128HMACSHA180)
	for i := range uint32(100) {
		e, _ := bad.EncryptRTP(nil, packet(1, i%maxSources))
		if _, err := in.DecryptRTP(nil, e); !errors.Is(err, ErrAuth) || len(in.sources) != 0 {
			t.Fatal(err)
		}
	}
	for i := range uint32(maxSources) {
		e, err := out.EncryptRTP(nil, packet(1, i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.DecryptRTP(nil, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.EncryptRTP(nil, packet(1, maxSources)); !errors.Is(err, ErrSources) {
		t.Error(err)
	}
	out.find(3).rtcp = encrypted
	if _, err := out.EncryptRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 3}); !errors.Is(err, ErrLifetime) {
		t.Error(err)
	}
	s := out.find(3)
	s.highest = 1<<48 - 1
	if _, err := out.EncryptRTP(nil, packet(0, 3)); !errors.Is(err, ErrLifetime) {
		t.Error(err)
	}
}

func TestCrypto(t *testing.T) {
	const key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" // RFC 4568 section 9.1
	for _, c := range []struct {
		in   string
		want error
	}{
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20", nil},
		{"1 AES_CM_128_HMAC_SHA1_32 inline:" + key + "|1048576 -X", nil},
		{"999999999 AES_CM_128_HMAC_SHA1_80 inline:" + key, nil},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4", ErrParameter},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + ";inline:" + key, ErrParameter},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " FEC_ORDER=FEC_SRTP", ErrParameter},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTP", ErrParameter},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^60", ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:****", ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", ErrKey},
		{"1 AEAD_AES_128_GCM inline:" + key, ErrKey},
		{"1 F8_128_HMAC_SHA1_80 inline:" + key, ErrSuite},
		{"0 AES_CM_128_HMAC_SHA1_80 inline:" + key, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80", ErrSyntax},
		{"", ErrSyntax},
	} {
		p, err := ParseCrypto(c.in)
		var ce *CryptoError
		if !errors.Is(err, c.want) || err != nil && !errors.As(err, &ce) {
			t.Errorf("%q: %v", c.in, err)
		}
		if err != nil && (strings.Contains(err.Error(), key) || strings.Contains(fmt.Sprint(p), key)) {
			t.Errorf("%q: the error tells the key", c.in)
		}
	}
	for _, s := range every {
		c := Crypto{Tag: 3, Suite: s, Key: NewKey(s)}
		b, err := c.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCrypto(string(b))
		if err != nil || !bytes.Equal(again.Key, c.Key) || again.Suite != s || again.Tag != 3 {
			t.Errorf("%v, %v", again, err)
		}
		// However it is shown, the key is not.
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", c.Key, "crypto", c)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", c.Key, "crypto", c)
		j, _ := json.Marshal(c)
		shown := log.String() + string(j) + fmt.Sprintf("%v %+v %#v %s %x %q %d", c, c, c, c.Key, c.Key, c.Key, c.Key)
		text := strings.TrimPrefix(string(b), "3 "+s.String()+" inline:")
		if strings.Contains(shown, text) || strings.Contains(shown, hex.EncodeToString(c.Key)) || strings.Contains(shown, fmt.Sprint([]byte(c.Key))) {
			t.Errorf("the key is shown: %s", shown)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, s := range every {
		out, in := both(t, s)
		seq := uint16(0)
		plain := packet(0, 1)
		a, b := make([]byte, 0, 300), make([]byte, 0, 300)
		if n := testing.AllocsPerRun(200, func() {
			seq++
			binary.BigEndian.PutUint16(plain[2:], seq)
			a, _ = out.EncryptRTP(a[:0], plain)
			var err error
			if b, err = in.DecryptRTP(b[:0], a); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations a packet", s, n)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	f.Add(packet(1, 2), uint8(1))
	f.Add([]byte{0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1}, uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		s := every[int(n)%len(every)]
		out, in := both(t, s)
		in.DecryptRTP(nil, data)
		in.DecryptRTCP(nil, data)
		if len(in.sources) != 0 {
			t.Fatal("a source out of nothing")
		}
		if e, err := out.EncryptRTP(nil, data); err == nil {
			if got, err := in.DecryptRTP(nil, e); err != nil || !bytes.Equal(got, data) {
				t.Fatal(err)
			}
		}
		if e, err := out.EncryptRTCP(nil, data); err == nil {
			if got, err := in.DecryptRTCP(nil, e); err != nil || !bytes.Equal(got, data) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20 -X")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCrypto(s)
		if err != nil {
			return
		}
		b, err := c.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseCrypto(string(b)); err != nil || !bytes.Equal(again.Key, c.Key) || again.Tag != c.Tag {
			t.Fatal(err)
		}
	})
}

func ExampleParseCrypto() {
	c, err := ParseCrypto("1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20")
	fmt.Println(c.Tag, c.Suite, c.Key, err)
	// Output: 1 AES_CM_128_HMAC_SHA1_80 srtp.Key(30 octets) <nil>
}
