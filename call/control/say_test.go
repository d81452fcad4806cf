package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
)

func TestSayWords(t *testing.T) {
	for in, want := range map[string]string{
		"NUMBER PRONOUNCED 0": "0", "NUMBER PRONOUNCED 13": "13", "NUMBER PRONOUNCED 42": "40 2", "ITEMS PRONOUNCED 1105": "1 thousand 1 hundred 5",
		"NUMBER PRONOUNCED 20300070": "20 million 3 hundred thousand 70", "NUMBER COUNTED 21": "20 h-1", "NUMBER ITERATED 40.2": "4 0 dot 2",
		"TELEPHONE_NUMBER PRONOUNCED +49 30*#": "4 9 3 0 star pound",
	} {
		words := strings.SplitN(in, " ", 3)
		names, err := sayWords("en", words[0], words[1], words[2])
		if got := strings.ReplaceAll(strings.Join(names, " "), "digits/", ""); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", in, got, err, want)
		}
	}
	if names, err := sayWords("de", "NAME_SPELLED", "PRONOUNCED", "Ab 1"); err != nil || strings.Join(names, " ") != "ascii/97 ascii/98 ascii/49" {
		t.Errorf("%v, %v", names, err)
	}
	for _, bad := range [][4]string{{"de", "NUMBER", "PRONOUNCED", "21"}, {"en", "NUMBER", "PRONOUNCED", "1000000000"}, {"en", "NUMBER", "PRONOUNCED", "-1"},
		{"en", "CURRENCY", "PRONOUNCED", "1"}, {"en", "NUMBER", "ITERATED", "x"}, {"en", "NUMBER", "ITERATED", strings.Repeat("1", 200)}, {"en", "NUMBER", "SUNG", "1"}} {
		if names, err := sayWords(bad[0], bad[1], bad[2], bad[3]); err == nil {
			t.Errorf("%q: %v", bad, names)
		}
	}
}

// Words are found where FreeSWITCH's sounds have them: in a folder for each sample rate.
func TestSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := sounds(t)
		for name, at := range map[string]string{"40": "8000", "2": ""} {
			b, err := os.ReadFile(filepath.Join(dir, "a440.wav"))
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(dir, "en/us/callie/digits", at)
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, name+".wav"), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		h := newHouse(t, Config{Sounds: dir, Globals: map[string]string{"sound_prefix": filepath.Join(dir, "en/us/callie")}}, call.Config{})
		defer h.close()
		c, _, heard := h.parked()
		begin := time.Now()
		if err := c.Execute(t.Context(), "say", "en:en NUMBER PRONOUNCED FEMININE 42"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < 1900*time.Millisecond || d > 2300*time.Millisecond {
			t.Errorf("after %v", d)
		}
		hears(t, "who is told", heard, 440)
		if err := c.Execute(t.Context(), "say", "en NUMBER PRONOUNCED 3"); err == nil || c.Cause() != CauseNone {
			t.Errorf("what there is no sound of: %v", err)
		}
	})
}
