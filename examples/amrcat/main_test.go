package main

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
)

// cases are streams that the reference programs of 3GPP made, in a folder that comes with a clone.
const cases = "../../amr/testdata/public"

// The command lines that anybody would use give what the reference gives.
func TestReferenceCases(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(cases, "expected.json"))
	if err != nil {
		t.Skip("the cases of the reference come with a clone of the repository, not with the module")
	}
	var all []struct {
		Stream    string
		Input     string
		Rx        string `json:"rx_types"`
		Loss      string
		StreamMD5 string `json:"stream_md5"`
		PCMMD5    string `json:"decoded_md5"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	flags := map[string][]string{
		"nb-m7-dtx0.amr":            {"-mode", "7"},
		"nb-m0-dtx1-vad2.amr":       {"-mode", "0", "-dtx", "-vad", "2"},
		"nb-mswitch-dtx1.amr":       {"-modes", cases + "/modes-nb.txt", "-dtx"},
		"wb-m2-dtx0.awb":            {"-codec", "wb", "-mode", "2"},
		"wb-mswitch-dtx1.awb":       {"-codec", "wb", "-modes", cases + "/modes-wb.txt", "-dtx"},
		"nbdec-m7-dtx1-bad.rx":      nil,
		"nbdec-m5-dtx0-nodata.rx":   nil,
		"nbdec-m0-dtx1-degraded.rx": nil,
	}
	seen := 0
	for _, c := range all {
		name := c.Stream
		if c.Rx != "" {
			name = c.Rx
		}
		args, wanted := flags[name]
		if !wanted || c.Loss != "" {
			continue
		}
		seen++
		out := filepath.Join(t.TempDir(), "out")
		if c.Rx == "" && c.StreamMD5 != "" {
			mustRun(t, append(append([]string{"encode"}, args...), filepath.Join(cases, c.Input), out)...)
			if got := sum(t, out); got != c.StreamMD5 {
				t.Errorf("%s: stream %s, want %s", name, got, c.StreamMD5)
			}
		}
		args = []string{"decode"}
		if c.Rx != "" {
			args = append(args, "-rx", filepath.Join(cases, c.Rx))
		}
		mustRun(t, append(args, filepath.Join(cases, c.Stream), out)...)
		if got := sum(t, out); got != c.PCMMD5 {
			t.Errorf("%s: PCM %s, want %s", name, got, c.PCMMD5)
		}
	}
	if seen != len(flags) {
		t.Errorf("%d of %d cases found", seen, len(flags))
	}
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(args, nil, &out, &errs); status != 0 {
		t.Fatalf("%v: status %d: %s", args, status, errs.String())
	}
	return out.String()
}

func sum(t *testing.T, name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h := md5.Sum(b)
	return hex.EncodeToString(h[:])
}

// Speech goes to .amr and back through WAV files and through pipes.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	in, amrFile, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "x.amr"), filepath.Join(dir, "out.wav")
	if err := wav.WriteFile(in, speech.Caller(), wav.Format{SampleRate: 8000}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "encode", "-mode", "7", in, amrFile)
	mustRun(t, "decode", amrFile, out)
	pcm, _, err := wav.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if m := sound.Find(pcm, speech.Caller(), 800); m.SNR < 2 || m.Offset < 20 || m.Offset > 80 {
		t.Errorf("after 12.2 kbit/s: %+v", m)
	}

	b, _ := os.ReadFile(amrFile)
	var piped, errs bytes.Buffer
	if status := run([]string{"decode", "-", "-"}, bytes.NewReader(b), &piped, &errs); status != 0 || piped.Len() != 2*len(pcm) {
		t.Errorf("through pipes: status %d, %d octets, %s", status, piped.Len(), errs.String())
	}
	text := mustRun(t, "info", amrFile)
	if !strings.Contains(text, "AMR, 1 channel(s)") || !strings.Contains(text, "12.20 kbit/s") {
		t.Error(text)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	odd, short, modes, rx := write("odd.pcm", "abc"), write("short.amr", "#!AMR\n\x44\x01"), write("modes", "1\n9\n"), write("rx", "\x09")
	text, sid := write("text", "hello"), write("sid.amr", "#!AMR\n\x44\x01\x02\x03\x04\x06")
	out := filepath.Join(dir, "out")
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, 2, "usage: amrcat"},
		{[]string{"-h"}, 0, "usage: amrcat"},
		{[]string{"dance"}, 2, "usage: amrcat"},
		{[]string{"encode", "-h"}, 0, "-vad"},
		{[]string{"encode", odd}, 2, "1 files, want 2"},
		{[]string{"encode", odd, out}, 1, "half a sample at octet 2"},
		{[]string{"encode", "-mode", "8", odd, out}, 1, "Mode"},
		{[]string{"encode", "-codec", "evs", odd, out}, 2, "neither nb nor wb"},
		{[]string{"encode", "-codec", "wb", "-vad", "2", odd, out}, 1, "VAD"},
		{[]string{"encode", "-mode", "1", "-modes", modes, odd, out}, 1, "exclude"},
		{[]string{"encode", "-modes", modes, odd, out}, 1, `modes:2: "9" is no mode of AMR`},
		{[]string{"encode", filepath.Join(dir, "none"), out}, 1, "no such file"},
		{[]string{"decode", text, out}, 1, "not an AMR file"},
		{[]string{"decode", short, out}, 1, "truncated"},
		{[]string{"decode", "-rx", rx, sid, out}, 1, "no receive type 9"},
		{[]string{"info", text}, 1, "not an AMR file"},
	} {
		var all bytes.Buffer
		if status := run(tc.args, strings.NewReader(""), &all, &all); status != tc.status || !strings.Contains(all.String(), tc.want) {
			t.Errorf("%v: status %d, %s", tc.args, status, all.String())
		}
	}
}

func TestBench(t *testing.T) {
	if text := mustRun(t, "bench", "-codec", "nb", "-seconds", "0.01"); strings.Count(text, "\n") != 9 {
		t.Error(text)
	}
}
