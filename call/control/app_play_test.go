package control

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
)

// sounds makes a folder with tones of one second in files of several sample rates.
func sounds(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "moh"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		rate int
		tone float64
	}{"a440.wav": {8000, 440}, "b1000.wav": {16000, 1000}, "c1600.wav": {48000, 1600}, "moh/1.wav": {16000, 440}, "moh/2.wav": {8000, 1000}} {
		pcm := make([]int16, f.rate)
		call.Tone(f.rate, f.tone, 8000).ReadSamples(pcm)
		if err := wav.WriteFile(filepath.Join(dir, name), pcm, wav.Format{SampleRate: f.rate}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// parked is a channel that phone 1 has called and that is parked, and what the phone hears.
func (h *house) parked() (*Channel, *call.Call, *capture) {
	h.t.Helper()
	h.phone(1).answers(0, 1600)
	c, err := h.sw.OriginateString(h.t.Context(), "sofia/internal/bob@10.0.0.1 &park")
	if err != nil {
		h.t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	in, heard := h.phone(1).last()
	return c, in, heard
}

func TestPlayback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := sounds(t)
		os.Symlink("/etc/passwd", filepath.Join(dir, "out.wav"))
		h := newHouse(t, Config{Sounds: dir, Recordings: t.TempDir()}, call.Config{})
		defer h.close()
		c, in, heard := h.parked()
		for _, tc := range []struct {
			app, args string
			took      time.Duration
			hears     float64 // at the end
			response  string
		}{
			{"playback", "a440.wav", time.Second, 440, "FILE PLAYED"},
			{"playback", "b1000.wav", time.Second, 1000, "FILE PLAYED"},
			{"playback", "c1600.wav", time.Second, 1600, "FILE PLAYED"},
			{"playback", filepath.Join(dir, "a440.wav"), time.Second, 440, "FILE PLAYED"},
			{"playback", "file_string://a440.wav!silence_stream://500!b1000.wav", 2500 * time.Millisecond, 1000, "FILE PLAYED"},
			{"playback", "tone_stream://%(500,1000,440);loops=2", 3 * time.Second, 0, "FILE PLAYED"},
			{"playback", "silence_stream://700", 700 * time.Millisecond, 0, "FILE PLAYED"},
			{"playback", "{vol=-40}a440.wav", time.Second, 0, "FILE PLAYED"},
			{"gentones", "%(500,10,2200)|2", 1000 * time.Millisecond, 2200, "FILE PLAYED"},
			{"loop_playback", "+2 a440.wav", 2 * time.Second, 440, "FILE PLAYED"},
			{"playback", "nothing.wav", 0, 0, "FILE NOT FOUND"},
			{"playback", "../etc/passwd", 0, 0, "FILE NOT FOUND"},
			{"playback", "/etc/passwd", 0, 0, "FILE NOT FOUND"},
			{"playback", "moh", 0, 0, "FILE NOT FOUND"},
			{"playback", "out.wav", 0, 0, "PLAYBACK ERROR"}, // a link out of the folder
			{"playback", "http://example.org/a.wav", 0, 0, "PLAYBACK ERROR"},
			{"playback", "", 0, 0, "FILE NOT FOUND"},
		} {
			begin := time.Now()
			err := c.Execute(t.Context(), tc.app, tc.args)
			if took := time.Since(begin).Round(50 * time.Millisecond); took != tc.took {
				t.Errorf("%s %s took %v, want %v", tc.app, tc.args, took, tc.took)
			}
			if (err == nil) != (tc.response == "FILE PLAYED") {
				t.Errorf("%s %s: %v", tc.app, tc.args, err)
			}
			if got := c.Var("current_application_response"); got != tc.response {
				t.Errorf("%s %s: %s, want %s", tc.app, tc.args, got, tc.response)
			}
			if tc.hears != 0 {
				hears(t, tc.args, heard, tc.hears)
			} else if tc.took > 600*time.Millisecond {
				hears(t, tc.args, heard)
			}
			time.Sleep(600 * time.Millisecond)
		}
		// A key ends it; another does not.
		go func() {
			time.Sleep(300 * time.Millisecond)
			in.SendDTMF('5')
			time.Sleep(300 * time.Millisecond)
			in.SendDTMF('*')
		}()
		begin := time.Now()
		if err := c.Execute(t.Context(), "playback", "tone_stream://%(9000,0,440)"); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 900*time.Millisecond || c.Var("playback_terminator_used") != "*" {
			t.Errorf("ended after %v by %q", took, c.Var("playback_terminator_used"))
		}
		c.FlushKeys()
		// Music without end, broken off.
		time.AfterFunc(2700*time.Millisecond, func() {
			hears(t, "music", heard, 440)
			c.Break(false)
		})
		c.Execute(t.Context(), "playback", "local_stream://moh")
		if c.Context().Err() != nil || c.Info().State != StatePark {
			t.Errorf("after the break: %+v", c.Info())
		}
		synctest.Wait()
		e := h.events.find(c.UUID(), "PLAYBACK_STOP")
		if got := e.Field("Playback-File-Path") + " " + e.Field("Playback-Status"); got != "local_stream://moh break" {
			t.Errorf("event: %s", got)
		}
		// What is queued waits, and is forgotten.
		c.Queue(Action{App: "playback", Args: "tone_stream://%(9000,0,440)"}, Action{App: "set", Args: "a=1"}, Action{App: "set", Args: "b=1"})
		time.Sleep(100 * time.Millisecond)
		if c.Var("a") != "" {
			t.Error("the second application did not wait")
		}
		c.Break(true)
		time.Sleep(100 * time.Millisecond)
		if c.Var("a") != "" || c.Info().App.App != "park" {
			t.Errorf("after break all: %+v", c.Info())
		}
	})
}

func TestDigits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{Sounds: sounds(t)}, call.Config{})
		defer h.close()
		c, in, _ := h.parked()
		for _, tc := range []struct {
			name, app, args, press string
			vars                   map[string]string
			took                   time.Duration
		}{
			{"four", "play_and_get_digits", "4 4 1 5000 # a440.wav none pin \\d+", "1234", map[string]string{"pin": "1234", "read_result": "success"}, 2400 * time.Millisecond},
			{"terminated", "play_and_get_digits", "2 5 1 5000 # a440.wav none pin \\d+", "12#", map[string]string{"pin": "12", "read_terminator_used": "#"}, 1800 * time.Millisecond},
			{"too few, twice", "play_and_get_digits", "3 5 2 1000 # silence_stream://100 silence_stream://200 pin \\d+ 700", "1",
				map[string]string{"pin": "", "pin_invalid": "1", "read_result": "failure"}, 1300*time.Millisecond + 200*time.Millisecond + 1100*time.Millisecond + 200*time.Millisecond},
			{"not valid", "play_and_get_digits", "1 1 1 1000 # silence_stream://10 none choice [1-3]", "7", map[string]string{"choice": "", "choice_invalid": "7", "read_result": "failure"}, 600 * time.Millisecond},
			{"in quotes", "play_and_get_digits", "1 1 1 3000 none 'silence_stream://10' none choice '^[1 3]$'", "3", map[string]string{"choice": "3"}, 600 * time.Millisecond},
			{"nothing", "play_and_get_digits", "1 1 2 1000 # silence_stream://100 none choice \\d", "", map[string]string{"choice": "", "read_result": "failure"}, 2200 * time.Millisecond},
			{"read", "read", "2 4 a440.wav got 3000 #", "12#", map[string]string{"got": "12", "read_result": "success", "read_terminator_used": "#"}, 1800 * time.Millisecond},
			{"read too few", "read", "3 4 silence_stream://100 got 1000 # 500", "1", map[string]string{"got": "1", "read_result": "timeout"}, 1100 * time.Millisecond},
			{"read nothing", "read", "1 4 silence_stream://100 got 2000", "", map[string]string{"got": "", "read_result": "timeout"}, 2100 * time.Millisecond},
		} {
			c.FlushKeys()
			go func() {
				for _, k := range tc.press {
					time.Sleep(600 * time.Millisecond)
					in.SendDTMF(byte(k))
				}
			}()
			begin := time.Now()
			if err := c.Execute(t.Context(), tc.app, tc.args); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			if took := time.Since(begin); took < tc.took-50*time.Millisecond || took > tc.took+150*time.Millisecond {
				t.Errorf("%s: took %v, want %v", tc.name, took, tc.took)
			}
			for name, want := range tc.vars {
				if got := c.Var(name); got != want {
					t.Errorf("%s: %s is %q, want %q", tc.name, name, got, want)
				}
			}
			time.Sleep(time.Second)
		}
		// Keys that are pressed before the prompt count.
		c.FlushKeys()
		c.Press("98")
		begin := time.Now()
		if err := c.Execute(t.Context(), "read", "2 2 a440.wav got 3000 #"); err != nil || c.Var("got") != "98" || time.Since(begin) > 100*time.Millisecond {
			t.Errorf("typed ahead: %q after %v, %v", c.Var("got"), time.Since(begin), err)
		}
		synctest.Wait()
		e := h.events.find(c.UUID(), "DTMF")
		if e == nil || e.Field("DTMF-Digit") != "8" {
			t.Errorf("event %v", e)
		}
		// Somewhere else on failure.
		if err := c.Execute(t.Context(), "play_and_get_digits", "1 1 1 1000 # silence_stream://10 none x \\d 1000 hangup:inline"); err != nil {
			t.Error(err)
		}
		<-c.Done()
		if c.Cause() != NormalClearing {
			t.Errorf("%v", c.Cause())
		}
	})
}

func TestSendDTMF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{}, call.Config{})
		defer h.close()
		c, in, _ := h.parked()
		keys := make(chan byte, 10)
		in.OnDTMF(func(k byte) { keys <- k })
		begin := time.Now()
		if err := c.Execute(t.Context(), "send_dtmf", "1w#W2@200"); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin).Round(50 * time.Millisecond); took != 2250*time.Millisecond {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Second)
		for _, want := range []byte("1#2") {
			select {
			case got := <-keys:
				if got != want {
					t.Errorf("key %q, want %q", got, want)
				}
			default:
				t.Errorf("no key %q", want)
			}
		}
		if err := c.SendDTMF(t.Context(), "x"); err == nil {
			t.Error("a key x")
		}
	})
}

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := newHouse(t, Config{Sounds: sounds(t), Recordings: dir}, call.Config{})
		defer h.close()
		c, in, heard := h.parked() // says 1600 Hz
		read := func(name string, channels int) []*capture {
			t.Helper()
			pcm, f, err := wav.ReadFile(filepath.Join(dir, name))
			if err != nil || f.Channels != channels || f.SampleRate != 8000 {
				t.Fatalf("%s: %+v, %v", name, f, err)
			}
			out := make([]*capture, channels)
			for i := range out {
				out[i] = &capture{}
				for j := i; j < len(pcm); j += channels {
					out[i].pcm = append(out[i].pcm, pcm[j])
				}
			}
			return out
		}
		// Both directions while something is played.
		c.SetVar("RECORD_STEREO", "true")
		if err := c.Record("2026/call one.wav", 0); err != nil {
			t.Fatal(err)
		}
		if err := c.Record("2026/call one.wav", 0); err == nil {
			t.Error("recorded twice to one file")
		}
		c.Execute(t.Context(), "playback", "a440.wav")
		if err := c.StopRecord("2026/call one.wav"); err != nil {
			t.Error(err)
		}
		legs := read("2026/call one.wav", 2)
		hears(t, "left", legs[0], 1600)
		hears(t, "right", legs[1], 440)
		if n := len(legs[0].pcm); n < 7500 || n > 9000 {
			t.Errorf("%d samples", n)
		}
		if got := c.Var("record_seconds"); got != "1" && got != "2" {
			t.Errorf("record_seconds %s", got)
		}
		synctest.Wait()
		if e := h.events.find(c.UUID(), "RECORD_STOP"); e == nil || e.Field("Record-File-Path") != "2026/call one.wav" {
			t.Errorf("event %v", e)
		}
		c.SetVar("RECORD_STEREO", "")
		// record_session until its limit.
		if err := c.Execute(t.Context(), "record_session", "mixed.wav +2"); err != nil {
			t.Error(err)
		}
		if err := c.Execute(t.Context(), "playback", "tone_stream://%(3000,0,440)"); err != nil {
			t.Error(err)
		}
		mixed := read("mixed.wav", 1)[0]
		hears(t, "mixed", mixed, 440, 1600)
		if n := len(mixed.pcm); n < 15800 || n > 16500 {
			t.Errorf("%d samples", n)
		}
		// A second masked, and one left out.
		if err := c.Record("masked.wav", 0); err != nil {
			t.Fatal(err)
		}
		for _, app := range []string{"record_session_mask", "record_session_unmask", "record_session_pause", "record_session_resume"} {
			time.Sleep(time.Second)
			if err := c.Execute(t.Context(), app, "masked.wav"); err != nil {
				t.Errorf("%s: %v", app, err)
			}
		}
		time.Sleep(time.Second)
		if err := c.StopRecord("masked.wav"); err != nil {
			t.Error(err)
		}
		masked := read("masked.wav", 1)[0]
		if n := len(masked.pcm); n < 31000 || n > 33000 {
			t.Errorf("%d samples", n)
		}
		for i, v := range masked.pcm[8400:15600] {
			if v != 0 {
				t.Fatalf("sample %d of what is masked is %d", i, v)
			}
		}
		hears(t, "before the mask", &capture{pcm: masked.pcm[:7600]}, 1600)
		hears(t, "after the mask", &capture{pcm: masked.pcm[16400:]}, 1600)
		if err := c.SetRecordMode("masked.wav", RecordMasked); err == nil {
			t.Error("masked what is not recorded")
		}
		// record: what the peer says, until a key.
		time.AfterFunc(1500*time.Millisecond, func() { in.SendDTMF('*') })
		if err := c.Execute(t.Context(), "record", "said.wav 20"); err != nil {
			t.Error(err)
		}
		said := read("said.wav", 1)[0]
		if n := len(said.pcm); n < 11000 || n > 13000 {
			t.Errorf("%d samples", n)
		}
		if c.Var("playback_terminator_used") != "*" {
			t.Errorf("ended by %q", c.Var("playback_terminator_used"))
		}
		// And until silence.
		in.Media().SetSource(call.Tone(8000, 440, 8000))
		time.AfterFunc(time.Second, func() { in.Media().SetSource(nil) })
		begin := time.Now()
		if err := c.Execute(t.Context(), "record", "quiet.wav 20 200 2"); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin).Round(100 * time.Millisecond); took < 2900*time.Millisecond || took > 3200*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		for _, bad := range []string{"../x.wav", "/tmp/x.wav", "x.txt", "", "http://(file=a.wav)example.org/x", "2026"} {
			if err := c.Record(bad, 0); err == nil {
				t.Errorf("recorded to %q", bad)
			}
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "x.wav")); err == nil {
			t.Error("a file out of the folder")
		}
		if err := c.StopRecord("nothing.wav"); err == nil {
			t.Error("stopped nothing")
		}
		// The end of the call ends it, and a recording is played.
		if err := c.Execute(t.Context(), "playback", "mixed.wav"); err != nil {
			t.Error(err)
		}
		hears(t, "the recording", heard, 440, 1600)
		if err := c.Record("last.amr", 0); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		c.Hangup(NormalClearing)
		<-c.Done()
		if st, err := os.Stat(filepath.Join(dir, "last.amr")); err != nil || st.Size() < 1000 {
			t.Errorf("%v, %v", st, err)
		}
		synctest.Wait()
		if e := h.events.find(c.UUID(), "RECORD_STOP"); e == nil || e.Field("Record-File-Path") != "last.amr" {
			t.Errorf("event %v", e)
		}
	})
}

// Watchers that hang do not hold up media or the end of calls.
func TestSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, Config{MaxEvents: 10}, call.Config{})
		release := make(chan struct{})
		stop := h.sw.Watch(func(*Event) { <-release })
		c, in, heard := h.parked()
		go c.Execute(context.Background(), "playback", "tone_stream://%(3000,0,440)")
		time.Sleep(time.Second)
		hears(t, "the peer of a slow watcher", heard, 440)
		for range 20 {
			in.SendDTMF('1')
			time.Sleep(200 * time.Millisecond)
		}
		c.Hangup(NormalClearing)
		<-c.Done()
		if h.sw.Stats().Lost == 0 {
			t.Error("no events were lost")
		}
		stop()
		stop()
		close(release)
		h.lossy = true
		h.close()
	})
}
