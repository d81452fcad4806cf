package aka

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

type vectorSet struct {
	Name                                  string
	Spec                                  string
	Set                                   int
	K, OP, OPc, TOP, TOPc, RAND, SQN, AMF string
	F1, F1star, F2, F3, F4, F5, F5star    string
	Iterations                            int
}

func load(t *testing.T, file string) []vectorSet {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Sets []vectorSet }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Sets) == 0 {
		t.Fatal("no sets")
	}
	return f.Sets
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func want(t *testing.T, name string, got []byte, hexWant string) {
	t.Helper()
	if hex.EncodeToString(got) != hexWant {
		t.Errorf("%s = %x, want %s", name, got, hexWant)
	}
}

func TestMilenage(t *testing.T) {
	sets := load(t, "milenage.json")
	if len(sets) != 21 {
		t.Errorf("%d sets, want 21", len(sets))
	}
	for _, s := range sets {
		t.Run(fmt.Sprintf("%s set %d", s.Spec, s.Set), func(t *testing.T) {
			k, rand := [16]byte(unhex(t, s.K)), [16]byte(unhex(t, s.RAND))
			sqn, amf := ParseSQN([6]byte(unhex(t, s.SQN))), AMF(unhex(t, s.AMF))
			opc := OPc(k, [16]byte(unhex(t, s.OP)))
			want(t, "OPc", opc[:], s.OPc)
			m := NewMilenage(k, opc)
			f1, f1s := m.F1(rand, sqn, amf), m.F1Star(rand, sqn, amf)
			want(t, "f1", f1[:], s.F1)
			want(t, "f1*", f1s[:], s.F1star)
			res, ck, ik, ak := m.F2345(rand)
			want(t, "f2", res, s.F2)
			want(t, "f3", ck, s.F3)
			want(t, "f4", ik, s.F4)
			want(t, "f5", ak[:], s.F5)
			ak = m.F5Star(rand)
			want(t, "f5*", ak[:], s.F5star)
		})
	}
}

func TestTUAK(t *testing.T) {
	for _, s := range load(t, "tuak.json") {
		t.Run(s.Name, func(t *testing.T) {
			k, rand := unhex(t, s.K), [16]byte(unhex(t, s.RAND))
			sqn, amf := ParseSQN([6]byte(unhex(t, s.SQN))), AMF(unhex(t, s.AMF))
			topc, err := TOPc(k, [32]byte(unhex(t, s.TOP)), s.Iterations)
			if err != nil {
				t.Fatal(err)
			}
			want(t, "TOPc", topc[:], s.TOPc)
			u, err := NewTUAK(k, topc, TUAKConfig{RES: len(s.F2) / 2, CK: len(s.F3) / 2, IK: len(s.F4) / 2, MAC: len(s.F1) / 2, Iterations: s.Iterations})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "f1", u.MACA(rand, sqn, amf), s.F1)
			want(t, "f1*", u.MACS(rand, sqn, amf), s.F1star)
			res, ck, ik, ak := u.F2345(rand)
			want(t, "f2", res, s.F2)
			want(t, "f3", ck, s.F3)
			want(t, "f4", ik, s.F4)
			want(t, "f5", ak[:], s.F5)
			ak = u.F5Star(rand)
			want(t, "f5*", ak[:], s.F5star)
		})
	}
}

func TestTUAKRefusesLengths(t *testing.T) {
	for _, c := range []TUAKConfig{{RES: 5}, {CK: 8}, {IK: 17}, {MAC: 4}, {Iterations: -1}} {
		if _, err := NewTUAK(make([]byte, 16), [32]byte{}, c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if _, err := NewTUAK(make([]byte, 24), [32]byte{}, TUAKConfig{}); err == nil {
		t.Error("a K of 24 octets was accepted")
	}
}

func algorithms(t *testing.T) map[string]Algorithm {
	k := [16]byte{1, 2, 3}
	tuak, err := NewTUAK(k[:], [32]byte{4}, TUAKConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Algorithm{"Milenage": NewMilenage(k, [16]byte{9}), "TUAK": tuak}
}

// The card accepts what is fresh, in any order of slots, and resynchronises what is not (TS 33.102
// section 6.3.3 and Annex C.2).
func TestSIM(t *testing.T) {
	for name, alg := range algorithms(t) {
		t.Run(name, func(t *testing.T) {
			scheme := SQNScheme{Delta: 1000, Limit: 100}
			card := NewSIM(alg, scheme, scheme.Join(500, 0))
			for i, step := range []struct {
				seq   uint64
				ind   int
				fresh bool
			}{
				{501, 0, true},
				{501, 0, false}, // used
				{501, 1, true},  // the same SEQ in another slot
				{500, 2, false}, // not above what the slot has
				{1400, 3, true},
				{1301, 4, true},  // behind by less than the limit
				{1300, 5, false}, // behind by the limit
				{2401, 6, false}, // a jump over Delta
				{2400, 6, true},
			} {
				rand := [16]byte{byte(i)}
				v, err := NewVector(alg, rand, scheme.Join(step.seq, step.ind), AMF{0x80})
				if err != nil {
					t.Fatal(err)
				}
				before := card.SQNMS()
				a, err := card.Answer(v.RAND, v.AUTN)
				if step.fresh {
					if err != nil || !bytes.Equal(a.RES, v.XRES) || !bytes.Equal(a.CK, v.CK) || !bytes.Equal(a.IK, v.IK) {
						t.Fatalf("step %d: %v, or the two sides differ", i, err)
					}
					continue
				}
				var sync *SyncFailure
				if !errors.As(err, &sync) {
					t.Fatalf("step %d: %v, want a synchronisation failure", i, err)
				}
				got, err := CheckAUTS(alg, rand, sync.AUTS)
				if err != nil || got != before || card.SQNMS() != before {
					t.Fatalf("step %d: AUTS says %v (%v), card at %v, was at %v", i, got, err, card.SQNMS(), before)
				}
			}
		})
	}
}

// A bit changed anywhere in a challenge or an AUTS is found.
func TestMACFailure(t *testing.T) {
	for name, alg := range algorithms(t) {
		t.Run(name, func(t *testing.T) {
			v, err := NewVector(alg, [16]byte{7}, 64, AMF{})
			if err != nil {
				t.Fatal(err)
			}
			for bit := range 128 {
				bad := v.AUTN
				bad[bit/8] ^= 1 << (bit % 8)
				if _, err := NewSIM(alg, SQNScheme{}, 0).Answer(v.RAND, bad); !errors.Is(err, ErrMAC) {
					t.Fatalf("bit %d of AUTN: %v", bit, err)
				}
			}
			auts := NewAUTS(alg, v.RAND, 4711)
			for bit := range 112 {
				bad := auts
				bad[bit/8] ^= 1 << (bit % 8)
				if _, err := CheckAUTS(alg, v.RAND, bad); !errors.Is(err, ErrMAC) {
					t.Fatalf("bit %d of AUTS: %v", bit, err)
				}
			}
		})
	}
}

func TestSQNEnd(t *testing.T) {
	var s SQNScheme
	if next, ok := s.Next(s.Join(41, 7), 3); !ok || next != s.Join(42, 3) {
		t.Errorf("Next = %v, %v", next, ok)
	}
	if _, ok := s.Next(MaxSQN, 0); ok {
		t.Error("there is a number after the last")
	}
	if _, err := NewVector(algorithms(t)["TUAK"], [16]byte{}, MaxSQN+1, AMF{}); err == nil {
		t.Error("a SQN of 49 bits was accepted")
	}
	if none := (SQNScheme{INDBits: -1}); none.Slots() != 1 || none.Join(5, 9) != 5 {
		t.Error("a scheme without IND has slots")
	}
}

func TestNonce(t *testing.T) {
	rand, autn := [16]byte{1}, [16]byte{2}
	text := string(AppendNonce(nil, rand, autn, []byte("abc")))
	r, a, d, err := ParseNonce(text)
	if err != nil || r != rand || a != autn || string(d) != "abc" {
		t.Errorf("%x %x %q %v", r, a, d, err)
	}
	if _, _, _, err := ParseNonce(strings.TrimRight(string(AppendNonce(nil, rand, autn, nil)), "=")); err != nil {
		t.Errorf("without padding: %v", err)
	}
	for _, bad := range []string{"", "AAAA", "not base64!"} {
		if _, _, _, err := ParseNonce(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	auts := AUTS{1, 2, 3}
	if got, err := ParseAUTS(auts.Text()); err != nil || got != auts {
		t.Errorf("AUTS %x, %v", got, err)
	}
	for _, bad := range []string{"", "AAAA", "5PYxMuX2NOT2NeQ=?"} {
		if _, err := ParseAUTS(bad); err == nil {
			t.Errorf("AUTS %q was accepted", bad)
		}
	}
}

// Nothing that prints a vector or an answer shows a key.
func TestSecretsDoNotPrint(t *testing.T) {
	v := Vector{RAND: [16]byte{0xaa}, XRES: []byte("SECRETXX"), CK: []byte("SECRETCK"), IK: []byte("SECRETIK")}
	a := Answer{RES: v.XRES, CK: v.CK, IK: v.IK}
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, x := range []any{v, &v, a, &a} {
			if s := fmt.Sprintf(f, x); strings.Contains(s, "SECRET") || strings.Contains(s, hex.EncodeToString([]byte("SECRET"))) || strings.Contains(s, "83 69") || strings.Contains(s, "0x53, 0x45") {
				t.Errorf("%s shows %s", f, s)
			}
		}
	}
}

func FuzzParseNonce(f *testing.F) {
	f.Add(string(AppendNonce(nil, [16]byte{1}, [16]byte{2}, nil)))
	f.Fuzz(func(t *testing.T, s string) {
		rand, autn, data, err := ParseNonce(s)
		if err != nil {
			return
		}
		r, a, d, err := ParseNonce(string(AppendNonce(nil, rand, autn, data)))
		if err != nil || r != rand || a != autn || !bytes.Equal(d, data) {
			t.Errorf("%q does not come back: %v", s, err)
		}
	})
}

func BenchmarkMilenageVector(b *testing.B) {
	m := NewMilenage([16]byte{1}, [16]byte{2})
	b.ReportAllocs()
	for i := range b.N {
		if _, err := NewVector(m, [16]byte{byte(i)}, SQN(i), AMF{}); err != nil {
			b.Fatal(err)
		}
	}
}

// RFC 4169 gives no example: the password is checked against its definition, in a form of its own.
func TestPasswordV2(t *testing.T) {
	got := string(PasswordV2(md5.New, []byte("res"), []byte("ik"), []byte("ck")))
	// printf http-digest-akav2-password | openssl dgst -md5 -hmac resikck -binary | base64
	if want := "2T/BEhjdAJGorntWjgD0dQ=="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
