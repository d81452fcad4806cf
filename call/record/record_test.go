package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/record"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/rtp"
)

// server keeps what is uploaded, by name.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
	counts map[string]int
	down   bool
	after  func(name string) // called after the answer was written
	fields map[string]string
}

func newServer(t *testing.T) *server {
	s := &server{files: map[string][]byte{}, counts: map[string]int{}, fields: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		http.Error(w, "try\x07later", http.StatusServiceUnavailable)
		return
	}
	name, body := strings.TrimPrefix(r.URL.Path, "/calls/"), []byte(nil)
	if r.Method == http.MethodPost {
		form, err := r.MultipartReader()
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		for {
			p, err := form.NextPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			b, err := io.ReadAll(p)
			if err != nil {
				return
			}
			if p.FileName() != "" {
				name, body = p.FileName(), b
				continue
			}
			s.mu.Lock()
			s.fields[p.FormName()] = string(b)
			s.mu.Unlock()
		}
	} else {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil || int64(len(body)) != r.ContentLength {
			http.Error(w, "cut off", 400)
			return
		}
	}
	s.mu.Lock()
	s.files[name] = body
	s.counts[name]++
	after := s.after
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	w.(http.Flusher).Flush()
	if after != nil {
		after(name)
	}
}

func (s *server) file(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name]
}

// leg is Media that hears a tone, and sends another one.
func leg(t *testing.T, says, hears float64) *call.Media {
	t.Helper()
	m, stop, err := newLeg(says, hears)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return m
}

func newLeg(says, hears float64) (m *call.Media, stop func(), err error) {
	wheel := call.NewWheel()
	a, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	b, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	of := func(c net.PacketConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }
	format := call.Format{Codec: call.PCMU, PayloadType: 0}
	toA, toB := of(a), of(b)
	if m, err = call.NewMedia(wheel, a, nil, call.MediaConfig{Remote: toB, Send: format, Playout: rtp.BufferConfig{Fixed: true}}); err != nil {
		return nil, nil, err
	}
	peer, err := call.NewMedia(wheel, b, nil, call.MediaConfig{Remote: toA, Send: format, Playout: rtp.BufferConfig{Fixed: true}})
	if err != nil {
		return nil, nil, err
	}
	m.SetSource(call.Tone(8000, hears, 8000))
	peer.SetSource(call.Tone(8000, says, 8000))
	return m, func() { m.Close(); peer.Close(); wheel.Close() }, nil
}

// strength is how strong a frequency is in every n-th sample from i on: the mean over blocks of 20 ms, so that
// a machine that is busy, where media comes late, changes little.
func strength(pcm []int16, i, n int, frequency float64) float64 {
	const block = 160
	var sum, re, im float64
	count, blocks := 0, 0
	for ; i < len(pcm); i += n {
		s, c := math.Sincos(2 * math.Pi * frequency * float64(count) / 8000)
		re, im = re+float64(pcm[i])*c, im+float64(pcm[i])*s
		if count++; count == block {
			sum += 2 * math.Hypot(re, im) / block
			count, re, im = 0, 0, 0
			blocks++
		}
	}
	return sum / float64(max(blocks, 1))
}

func drain(t *testing.T, s *record.Spool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatalf("%v: %+v", err, s.Stats())
	}
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// Two processes do not take one another's recordings for left over.
func TestLocked(t *testing.T) {
	cfg := record.Config{Dir: t.TempDir()}
	first, err := record.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := record.Open(cfg); err == nil {
		second.Close()
		t.Error("two have it open")
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}
	second, err := record.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

// A recording that has lasted as long as it may stops by itself, to the sample.
func TestMaxTime(t *testing.T) {
	m := leg(t, 400, 1000)
	dir := t.TempDir()
	spool, err := record.Open(record.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	if _, err := spool.Record(m, record.Options{Name: "short", Stereo: true, SampleRate: 16000, MaxTime: 250 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); spool.Stats().Active > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it goes on")
		}
	}
	pcm, f, err := wav.ReadFile(filepath.Join(dir, "short.wav"))
	if err != nil || len(pcm) != 2*4000 || f.SampleRate != 16000 || f.Channels != 2 {
		t.Errorf("%d samples, %+v, %v", len(pcm), f, err)
	}
	if _, err := spool.Record(m, record.Options{Name: "rate", SampleRate: 12345}); err == nil {
		t.Error("a sample rate that there is not")
	}
	if _, err := os.Stat(filepath.Join(dir, "rate.part")); err == nil {
		t.Error("a recording that failed left a file")
	}
}

// A recording in stereo and one that is mixed go to a server that is down at first, by PUT and by POST.
func TestUpload(t *testing.T) {
	m := leg(t, 400, 1000)
	for _, method := range []string{"PUT", "POST"} {
		t.Run(method, func(t *testing.T) {
			srv := newServer(t)
			srv.down = true
			dir := t.TempDir()
			var mu sync.Mutex
			var uploaded []string
			spool, err := record.Open(record.Config{Dir: dir, URL: srv.URL + "/calls/", Method: method, MinRetry: 10 * time.Millisecond,
				Header:   http.Header{"Authorization": {"Bearer secret"}},
				OnUpload: func(name string) { mu.Lock(); uploaded = append(uploaded, name); mu.Unlock() }})
			if err != nil {
				t.Fatal(err)
			}
			defer spool.Close()
			stereo, err := spool.Record(m, record.Options{Name: "a-1", Stereo: true, Meta: map[string]string{"to": "+4930123456", "name": "not this"}})
			if err != nil {
				t.Fatal(err)
			}
			mixed, err := spool.Record(m, record.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := spool.Record(m, record.Options{Name: "a-1"}); err == nil {
				t.Error("the same name twice")
			}
			for _, bad := range []string{"../x", ".x", "a/b", "ä", strings.Repeat("x", 300)} {
				if _, err := spool.Record(m, record.Options{Name: bad}); err == nil {
					t.Errorf("%q was taken as a name", bad)
				}
			}
			if st := spool.Stats(); st.Active != 2 {
				t.Errorf("%+v", st)
			}
			time.Sleep(600 * time.Millisecond)
			for _, r := range []*record.Recording{stereo, mixed, stereo} {
				if err := r.Stop(); err != nil {
					t.Error(err)
				}
			}
			for spool.Stats().Failures < 4 {
				time.Sleep(10 * time.Millisecond)
			}
			var refused *record.StatusError
			if st := spool.Stats(); !errors.As(st.LastError, &refused) || refused.Status != 503 || refused.Text != "try later " || st.Waiting != 2 {
				t.Errorf("%+v", st)
			}
			srv.mu.Lock()
			srv.down = false
			srv.mu.Unlock()
			drain(t, spool)
			name := filepath.Join(t.TempDir(), "x.wav")
			for i, r := range []*record.Recording{stereo, mixed} {
				if err := os.WriteFile(name, srv.file(r.Name()+".wav"), 0o600); err != nil {
					t.Fatal(err)
				}
				pcm, format, err := wav.ReadFile(name)
				if err != nil || format.Channels != 2-i || format.SampleRate != 8000 || len(pcm) < 8000*(2-i)/4 {
					t.Fatalf("%v, %+v, %d samples", err, format, len(pcm))
				}
				n := format.Channels
				tail := pcm[len(pcm)/2/n*n:]
				said, heard := strength(tail, 0, n, 400), strength(tail, n-1, n, 1000)
				if said < 3000 || heard < 3000 {
					t.Errorf("%d: said %.0f, heard %.0f", i, said, heard)
				}
				if crosstalk := strength(tail, 0, n, 1000); n == 2 && crosstalk > 500 {
					t.Errorf("what is heard is on the left: %.0f", crosstalk)
				}
			}
			if method == "PUT" {
				var d record.Description
				if err := json.Unmarshal(srv.file("a-1.json"), &d); err != nil || d.Name != "a-1" || d.Channels != 2 || d.Seconds < 0.2 || d.Meta["to"] != "+4930123456" || d.Incomplete != "" {
					t.Errorf("%v %+v", err, d)
				}
			} else if srv.fields["to"] != "+4930123456" || srv.fields["sample_rate"] != "8000" {
				t.Errorf("%v", srv.fields)
			}
			empty(t, dir)
			mu.Lock()
			defer mu.Unlock()
			if len(uploaded) != 2 {
				t.Errorf("%v", uploaded)
			}
		})
	}
}

// The process is killed while it records, and between the server's answer and its own note of it: after the
// restart the server has one whole copy of each recording, and the folder is empty.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, left out with -short")
	}
	for _, when := range []string{"recording", "answered"} {
		t.Run(when, func(t *testing.T) {
			srv := newServer(t)
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "TELCO_RECORD_CHILD="+dir, "TELCO_RECORD_URL="+srv.URL+"/calls/")
			if when == "answered" {
				started, killed := make(chan struct{}), make(chan struct{})
				srv.mu.Lock()
				srv.after = func(name string) {
					if strings.HasSuffix(name, ".json") {
						<-started
						cmd.Process.Kill()
						<-killed
					}
				}
				srv.mu.Unlock()
				cmd.Env = append(cmd.Env, "TELCO_RECORD_STOP=1")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				close(started)
				cmd.Wait()
				close(killed)
			} else {
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				size := func() int64 {
					st, err := os.Stat(filepath.Join(dir, "call.part"))
					if err != nil {
						return 0
					}
					return st.Size()
				}
				for deadline := time.Now().Add(time.Minute); size() < 10_000; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("nothing was recorded")
					}
				}
				cmd.Process.Kill()
				cmd.Wait()
			}
			srv.mu.Lock()
			srv.after = nil
			srv.mu.Unlock()
			spool, err := record.Open(record.Config{Dir: dir, URL: srv.URL + "/calls/"})
			if err != nil {
				t.Fatal(err)
			}
			drain(t, spool)
			spool.Close()
			empty(t, dir)
			name := filepath.Join(t.TempDir(), "x.wav")
			if err := os.WriteFile(name, srv.file("call.wav"), 0o600); err != nil {
				t.Fatal(err)
			}
			pcm, _, err := wav.ReadFile(name)
			if err != nil || len(pcm) < 4000 {
				t.Errorf("%v, %d samples", err, len(pcm))
			}
			var d record.Description
			if err := json.Unmarshal(srv.file("call.json"), &d); err != nil || (d.Incomplete != "") != (when == "recording") {
				t.Errorf("%v %+v", err, d)
			}
			if n := srv.counts["call.wav"]; when == "answered" && n < 1 || when == "recording" && n != 1 {
				t.Errorf("delivered %d times", n)
			}
		})
	}
}

// TestMain is the process that TestKilled kills, where it is told so.
func TestMain(m *testing.M) {
	dir := os.Getenv("TELCO_RECORD_CHILD")
	if dir == "" {
		os.Exit(m.Run())
	}
	media, _, err := newLeg(400, 1000)
	if err != nil {
		panic(err)
	}
	spool, err := record.Open(record.Config{Dir: dir, URL: os.Getenv("TELCO_RECORD_URL")})
	if err != nil {
		panic(err)
	}
	r, err := spool.Record(media, record.Options{Name: "call"})
	if err != nil {
		panic(err)
	}
	if os.Getenv("TELCO_RECORD_STOP") != "" {
		time.Sleep(time.Second)
		r.Stop()
	}
	time.Sleep(time.Minute)
}

// What a configuration may not say, with no password in the error.
func TestConfig(t *testing.T) {
	for _, cfg := range []record.Config{{}, {Dir: "x", Method: "DELETE"}, {Dir: "x", URL: "ftp://user:secret@example.org/"}} {
		_, err := record.Open(cfg)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
