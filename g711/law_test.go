package g711

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// alaw and ulaw are the definition in arithmetic, with the rounding of ITU-T G.191: positive
// and negative halves meet between -1 and 0.
func alaw(x int16) byte {
	sign, m := 0x80, int(x)
	if x < 0 {
		sign, m = 0, -1-int(x)
	}
	m /= 16 // 11 bits
	seg := 0
	for limit := 16; m >= limit; limit *= 2 {
		seg++
	}
	for range max(seg-1, 0) {
		m /= 2
	}
	return byte(sign|seg<<4|m&15) ^ 0x55
}

func ulaw(x int16) byte {
	sign, m := 0x80, int(x)
	if x < 0 {
		sign, m = 0, -1-int(x)
	}
	m = min(m/4+33, 8191)
	seg := 0
	for limit := 64; m >= limit; limit *= 2 {
		seg++
	}
	for range seg + 1 {
		m /= 2
	}
	return byte(sign | (7-seg)<<4 | (15 - m&15))
}

func TestEncodeAgainstDefinition(t *testing.T) {
	for i := -32768; i < 32768; i++ {
		if got, want := ALaw.Encode(int16(i)), alaw(int16(i)); got != want {
			t.Fatalf("A-law of %d: %#02x, want %#02x", i, got, want)
		}
		if got, want := ULaw.Encode(int16(i)), ulaw(int16(i)); got != want {
			t.Fatalf("mu-law of %d: %#02x, want %#02x", i, got, want)
		}
	}
}

// What a decoder puts out must fall into its own interval, so a decoded octet encodes to itself.
// Mu-law has a positive and a negative zero, and only the positive one comes back.
func TestDecodeInverts(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		if got := ALaw.Encode(ALaw.Decode(b)); got != b {
			t.Errorf("A-law %#02x comes back as %#02x", b, got)
		}
		want := b
		if b == 0x7f {
			want = 0xff
		}
		if got := ULaw.Encode(ULaw.Decode(b)); got != want {
			t.Errorf("mu-law %#02x comes back as %#02x", b, got)
		}
	}
}

// The rows of tables 1 and 2 that the Recommendation prints, in 16-bit units.
func TestPublishedValues(t *testing.T) {
	for _, c := range []struct {
		law   Law
		octet byte
		value int16
	}{
		{ALaw, 0xff ^ 0x55, 4032 * 8}, {ALaw, 0xf0 ^ 0x55, 2112 * 8}, {ALaw, 0xe0 ^ 0x55, 1056 * 8},
		{ALaw, 0xa0 ^ 0x55, 66 * 8}, {ALaw, 0x80 ^ 0x55, 8}, {ALaw, 0x7f ^ 0x55, -4032 * 8}, {ALaw, 0x55, -8},
		{ULaw, 0x80, 8031 * 4}, {ULaw, 0x8f, 4191 * 4}, {ULaw, 0x9f, 2079 * 4}, {ULaw, 0xef, 33 * 4},
		{ULaw, 0xfe, 2 * 4}, {ULaw, 0xff, 0}, {ULaw, 0x00, -8031 * 4}, {ULaw, 0x7e, -2 * 4},
	} {
		if got := c.law.Decode(c.octet); got != c.value {
			t.Errorf("%v %#02x: %d, want %d", c.law, c.octet, got, c.value)
		}
	}
}

// ITU-T G.711 tables 3 and 4, notes: conversion A-mu-A is transparent for bits 1 to 7, the
// exception pair is mu-80 to to mu-79, and mu-A-mu moves by one step at most.
func TestConversion(t *testing.T) {
	step := func(u byte) int { // along the scale of mu-law values, without two zeros
		if u >= 128 {
			return 255 - int(u)
		}
		return int(u) - 127
	}
	for i := range 256 {
		one := []byte{byte(i)}
		u := AppendALawToULaw(nil, one)
		if a := AppendULawToALaw(nil, u); a[0]^byte(i) > 1 {
			t.Errorf("A-law %#02x -> mu-law %#02x -> A-law %#02x", i, u[0], a[0])
		}
		a := AppendULawToALaw(nil, one)
		if u := AppendALawToULaw(nil, a); max(step(u[0])-step(byte(i)), step(byte(i))-step(u[0])) > 1 {
			t.Errorf("mu-law %#02x -> A-law %#02x -> mu-law %#02x", i, a[0], u[0])
		}
	}
	// Values 80 and 81 of A-law are intervals 79 and 80; value 79 of mu-law is interval 79.
	if got := AppendULawToALaw(nil, []byte{255 - 80}); got[0] != 0x80|80^0x55 {
		t.Errorf("mu-80 became %#02x", got[0])
	}
	if got := AppendALawToULaw(nil, []byte{0x80 | 79 ^ 0x55}); got[0] != 255-79 {
		t.Errorf("A-80 became %#02x", got[0])
	}
	// The first rows of both tables: two mu-law values share an A-law value near zero.
	var u, a []byte
	for i := range 20 {
		u = append(u, 255-byte(i))
		a = append(a, byte(0x80|i)^0x55)
	}
	var numbers []int
	for _, b := range AppendULawToALaw(nil, u) {
		numbers = append(numbers, int(b^0x55&^0x80)&0x7f+1)
	}
	want := []int{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 10, 11, 12}
	for i := range want {
		if numbers[i] != want[i] {
			t.Fatalf("table 3 starts %v, want %v", numbers, want)
		}
	}
	want = []int{1, 3, 5, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27}
	for i, b := range AppendALawToULaw(nil, a) {
		if int(255-b) != want[i] {
			t.Fatalf("table 4 entry %d is %d, want %d", i, 255-b, want[i])
		}
	}
}

func TestAppend(t *testing.T) {
	pcm := make([]int16, 65536)
	for i := range pcm {
		pcm[i] = int16(i - 32768)
	}
	for _, l := range []Law{ALaw, ULaw} {
		data := l.AppendEncode([]byte{1, 2}, pcm)
		back := l.AppendDecode([]int16{7}, data[2:])
		if data[0] != 1 || data[1] != 2 || back[0] != 7 || len(back) != 1+len(pcm) {
			t.Fatalf("%v: appended in the wrong place", l)
		}
		for i, s := range pcm {
			if data[2+i] != l.Encode(s) || back[1+i] != l.Decode(l.Encode(s)) {
				t.Fatalf("%v: sample %d", l, s)
			}
		}
	}
	data := []byte{0xd5, 0x55, 0x2a}
	if got := AppendALawToULaw(data[:0], data); &got[0] != &data[0] || !bytes.Equal(got, []byte{0xfe, 0x7e, 0x00}) {
		t.Errorf("in place: %x", got)
	}
	buf, lin := make([]byte, 0, 160), make([]int16, 0, 160)
	if n := testing.AllocsPerRun(100, func() {
		buf = ALaw.AppendEncode(buf[:0], pcm[:160])
		lin = ULaw.AppendDecode(lin[:0], AppendALawToULaw(buf[:0], buf))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FFmpeg and SoX decode alike. Their encoders round at other places than G.711's decision
// values, so their octet may be the neighbour of ours, never further away.
func TestAgainstOthers(t *testing.T) {
	var raw []byte
	for i := -32768; i < 32768; i++ {
		raw = append(raw, byte(i), byte(i>>8))
	}
	for _, law := range []struct {
		Law
		ffmpeg, sox string
	}{{ALaw, "alaw", "al"}, {ULaw, "mulaw", "ul"}} {
		dir := t.TempDir()
		in := filepath.Join(dir, "in.raw")
		if err := os.WriteFile(in, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"ffmpeg", "-loglevel", "error", "-f", "s16le", "-ar", "8000", "-ac", "1", "-i", in, "-f", law.ffmpeg, "OUT"},
			{"sox", "-D", "-t", "raw", "-r", "8000", "-c", "1", "-e", "signed", "-b", "16", in, "-t", law.sox, "OUT"},
		} {
			out := filepath.Join(dir, args[0]+".g711")
			args[len(args)-1] = out
			if _, err := exec.LookPath(args[0]); err != nil {
				t.Logf("left out: %v", err)
				continue
			}
			if msg, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v %s", args, err, msg)
			}
			got, err := os.ReadFile(out)
			if err != nil || len(got) != 65536 {
				t.Fatalf("%s wrote %d octets: %v", args[0], len(got), err)
			}
			same := 0
			for i, b := range got {
				x := int16(i - 32768)
				ours, theirs := int(law.Decode(law.Encode(x))), int(law.Decode(b))
				if ours == theirs {
					same++
				} else if lo, hi := min(ours, theirs), max(ours, theirs); between(law.Law, lo, hi) {
					t.Fatalf("%v of %d: ours %d, %s %d", law, x, ours, args[0], theirs)
				}
			}
			t.Logf("%v: %s has the same octet for %d of 65536 samples", law, args[0], same)
			if same < 64000 {
				t.Errorf("%v: %s agrees on %d samples only", law, args[0], same)
			}
			// and decoding
			all := make([]byte, 256)
			for i := range all {
				all[i] = byte(i)
			}
			enc, dec := filepath.Join(dir, "all.g711"), filepath.Join(dir, "all.raw")
			if err := os.WriteFile(enc, all, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := []string{"ffmpeg", "-y", "-loglevel", "error", "-f", law.ffmpeg, "-ar", "8000", "-ac", "1", "-i", enc, "-f", "s16le", dec}
			if args[0] == "sox" {
				cmd = []string{"sox", "-D", "-t", law.sox, "-r", "8000", "-c", "1", enc, "-t", "raw", "-e", "signed", "-b", "16", dec}
			}
			if msg, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v %s", cmd, err, msg)
			}
			lin, err := os.ReadFile(dec)
			if err != nil || len(lin) != 512 {
				t.Fatalf("%s decoded %d octets: %v", args[0], len(lin), err)
			}
			for i := range all {
				if got := int16(lin[2*i]) | int16(lin[2*i+1])<<8; got != law.Decode(byte(i)) {
					t.Errorf("%v %#02x: ours %d, %s %d", law, i, law.Decode(byte(i)), args[0], got)
				}
			}
		}
	}
}

// between says whether the law has a value strictly between lo and hi.
func between(l Law, lo, hi int) bool {
	for i := range 256 {
		if v := int(l.Decode(byte(i))); lo < v && v < hi {
			return true
		}
	}
	return false
}
