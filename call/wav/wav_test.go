package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func ramp(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(i * 37)
	}
	return pcm
}

// memFile is a file in memory whose content can be looked at between writes.
type memFile struct {
	b   []byte
	off int
}

func (f *memFile) Write(p []byte) (int, error) {
	f.b = append(f.b[:f.off], append(bytes.Clone(p), f.b[min(len(f.b), f.off+len(p)):]...)...)
	f.off += len(p)
	return len(p), nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if need := int(off) + len(p); need > len(f.b) {
		f.b = append(f.b, make([]byte, need-len(f.b))...)
	}
	return copy(f.b[off:], p), nil
}

// After every write, a copy of the file is what a killed program would leave: it must parse, and
// hold everything up to the last second.
func TestKilled(t *testing.T) {
	for _, f := range []Format{{}, {Encoding: ALaw}, {Encoding: ULaw, Channels: 2}, {Channels: 2, SampleRate: 16000}} {
		file := &memFile{}
		w, err := NewWriter(file, f)
		if err != nil {
			t.Fatal(err)
		}
		f = w.Format()
		var sent []byte
		for i := range 300 {
			p := make([]byte, 161*f.FrameSize())
			for j := range p {
				p[j] = byte(i + j + 1)
			}
			if n, err := w.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
			sent = append(sent, p...)
			got := readAll(t, file.b, f)
			second := f.SampleRate * f.FrameSize()
			if !bytes.HasPrefix(sent, got) && !bytes.Equal(sent, got[:len(sent)]) {
				t.Fatalf("%v: other samples after %d writes", f, i)
			}
			if len(got) < len(sent)-second {
				t.Fatalf("%v: %d of %d octets after %d writes", f, len(got), len(sent), i)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, file.b, f); !bytes.Equal(got, sent) {
			t.Fatalf("%v: %d octets, want %d", f, len(got), len(sent))
		}
		if len(file.b)%2 != 0 || int(binary.LittleEndian.Uint32(file.b[4:])) != len(file.b)-8 {
			t.Errorf("%v: RIFF size %d of %d", f, binary.LittleEndian.Uint32(file.b[4:]), len(file.b))
		}
		if _, err := w.Write([]byte{1}); err == nil {
			t.Error("wrote after Close")
		}
	}
}

func readAll(t *testing.T, file []byte, want Format) []byte {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if r.Format() != want {
		t.Fatalf("format %v, want %v", r.Format(), want)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A pipe cannot be corrected: an *os.File of one has WriteAt, and it fails.
func TestPipe(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(pr)
		got <- b
	}()
	w, err := NewWriter(pw, Format{SampleRate: 100})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := w.WriteSamples(ramp(100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pw.Close()
	if b := readAll(t, <-got, w.Format()); len(b) != 1000 {
		t.Errorf("%d octets, want 1000", len(b))
	}
}

func chunk(id string, body string) string {
	s := id + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if len(body)%2 != 0 {
		s += "\x00"
	}
	return s
}

const (
	fmtPCM = "\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
	fmtExt = "\xfe\xff\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00\x16\x00\x08\x00\x04\x00\x00\x00" +
		"\x06\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
)

func TestReaderOrders(t *testing.T) {
	head := "RIFF\x00\x00\x00\x00WAVE"
	for name, c := range map[string]struct {
		file   string
		stream bool
		err    error
		chunk  string
		data   string
	}{
		"plain":             {file: head + chunk("fmt ", fmtPCM) + chunk("data", "abcd"), data: "abcd"},
		"trailing chunk":    {file: head + chunk("fmt ", fmtPCM) + chunk("data", "abcd") + chunk("LIST", "xyz"), data: "abcd"},
		"chunks between":    {file: head + chunk("JUNK", "odd") + chunk("fmt ", fmtPCM) + chunk("fact", "1234") + chunk("data", "ab"), data: "ab"},
		"extensible":        {file: head + chunk("fmt ", fmtExt) + chunk("data", "abc"), data: "abc"},
		"data first":        {file: head + chunk("data", "abcd") + chunk("fmt ", fmtPCM), data: "abcd"},
		"data first stream": {file: head + chunk("data", "abcd") + chunk("fmt ", fmtPCM), stream: true, err: ErrOrder, chunk: "data"},
		"cut in a frame":    {file: head + chunk("fmt ", fmtPCM) + "data\x08\x00\x00\x00abc", data: "abc"},
		"size unknown":      {file: head + chunk("fmt ", fmtPCM) + "data\xff\xff\xff\xffabcdef", data: "abcdef"},
		"size zero":         {file: head + chunk("fmt ", fmtPCM) + "data\x00\x00\x00\x00abcdef", data: "abcdef"},
		"half a frame":      {file: head + chunk("fmt ", fmtPCM) + chunk("data", "a"), err: ErrTruncated, chunk: "data"},
		"empty":             {file: "", err: ErrTruncated, chunk: "RIFF"},
		"AMR":               {file: "#!AMR\n1234567890", err: ErrNotWAV, chunk: "RIFF"},
		"no data":           {file: head + chunk("fmt ", fmtPCM), err: ErrNoData, chunk: "data"},
		"short fmt":         {file: head + chunk("fmt ", fmtPCM[:14]), err: ErrTruncated, chunk: "fmt "},
		"float":             {file: head + chunk("fmt ", "\x03"+fmtPCM[1:]), err: ErrUnsupported, chunk: "fmt "},
		"no channels":       {file: head + chunk("fmt ", fmtPCM[:2]+"\x00"+fmtPCM[3:]), err: ErrUnsupported, chunk: "fmt "},
		"huge chunk":        {file: head + "JUNK\xfe\xff\xff\xffx", err: ErrTruncated, chunk: "JUNK"},
		"endless chunks":    {file: head + strings.Repeat(chunk("JUNK", ""), 2000), err: ErrNoData, chunk: "data"},
	} {
		var in io.Reader = strings.NewReader(c.file)
		if c.stream {
			in = io.MultiReader(in)
		}
		r, err := NewReader(in)
		if c.err != nil {
			var pe *ParseError
			if !errors.Is(err, c.err) || !errors.As(err, &pe) || pe.Chunk != c.chunk {
				t.Errorf("%s: %v, want %v in %q", name, err, c.err, c.chunk)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := io.ReadAll(r); string(b) != c.data || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestSamples(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, Format{Channels: 2})
	if err != nil {
		t.Fatal(err)
	}
	pcm := ramp(10000)
	if err := w.WriteSamples(pcm); err != nil || w.Frames() != 5000 {
		t.Fatal(err, w.Frames())
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]int16, 20000)
	n, err := r.ReadSamples(got)
	if n != len(pcm) || err != nil {
		t.Fatal(n, err)
	}
	for i := range pcm {
		if pcm[i] != got[i] {
			t.Fatalf("sample %d is %d, want %d", i, got[i], pcm[i])
		}
	}
	if n, err := r.ReadSamples(got); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if _, err := NewWriter(&file, Format{Channels: 1000}); err == nil {
		t.Error("1000 channels were accepted")
	}
	a, err := NewWriter(io.Discard, Format{Encoding: ALaw})
	if err != nil || a.WriteSamples(pcm) == nil {
		t.Error("16-bit samples went into an A-law file")
	}
}

type failAfter int

func (f *failAfter) Write(p []byte) (int, error) {
	if *f--; *f < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestWriteFails(t *testing.T) {
	f := failAfter(0)
	if _, err := NewWriter(&f, Format{}); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
	f = 2
	w, err := NewWriter(&f, Format{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteSamples(ramp(10)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.WriteSamples(ramp(10)); !errors.Is(err, io.ErrShortWrite) {
			t.Error(err)
		}
	}
}

func TestTooLong(t *testing.T) {
	w, err := NewWriter(io.Discard, Format{})
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 64<<20)
	for i := range 64 {
		_, err = w.Write(p)
		if err != nil {
			if i != 63 {
				t.Errorf("write %d failed", i)
			}
			break
		}
	}
	if err != ErrTooLong {
		t.Errorf("after 4 GiB: %v", err)
	}
}

// SoX and FFmpeg see the same format, length and samples, in a closed file and in a cut one.
func TestPeers(t *testing.T) {
	for _, f := range []Format{{}, {Channels: 2, SampleRate: 16000}, {Encoding: ALaw}, {Encoding: ULaw, Channels: 2}} {
		path := filepath.Join(t.TempDir(), "x.wav")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(file, f)
		if err != nil {
			t.Fatal(err)
		}
		f = w.Format()
		data := make([]byte, f.FrameSize()*(f.SampleRate*2+77))
		for i := range data {
			data[i] = byte(i*i>>3) &^ 0x10 // SoX has no negative zero of mu-law, 0x7f
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		codec := map[Encoding]string{PCM: "s16le", ALaw: "alaw", ULaw: "mulaw"}[f.Encoding]
		sox := map[Encoding]string{PCM: "signed-integer", ALaw: "a-law", ULaw: "mu-law"}[f.Encoding]
		for _, cmd := range [][]string{
			{"ffmpeg", "-loglevel", "error", "-i", path, "-c:a", "copy", "-f", codec, "-"},
			{"sox", "-D", path, "-t", "raw", "-e", sox, "-"},
		} {
			if _, err := exec.LookPath(cmd[0]); err != nil {
				t.Logf("left out: %v", err)
				continue
			}
			var stderr bytes.Buffer
			c := exec.Command(cmd[0], cmd[1:]...)
			c.Stderr = &stderr
			out, err := c.Output()
			if err != nil || stderr.Len() != 0 {
				t.Errorf("%v: %v %s", cmd, err, stderr.String())
			}
			if !bytes.Equal(out, data) {
				t.Errorf("%v: %d octets, want %d", cmd, len(out), len(data))
			}
		}
		for _, args := range [][]string{{"-t", "wav"}, {"-e", sox, "-t", "wav"}} {
			if _, err := exec.LookPath("sox"); err != nil {
				continue
			}
			out, err := exec.Command("sox", append(append([]string{"-D", path}, args...), "-")...).Output()
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewReader(bytes.NewReader(out))
			if err != nil || r.Format() != f {
				t.Errorf("reading what sox wrote: %v", err)
				continue
			}
			if got, _ := io.ReadAll(r); !bytes.Equal(got, data) {
				t.Errorf("reading what sox wrote: %d octets, want %d", len(got), len(data))
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	head := "RIFF\x00\x00\x00\x00WAVE"
	f.Add([]byte(head + chunk("fmt ", fmtPCM) + chunk("data", "abcd")))
	f.Add([]byte(head + chunk("data", "abcd") + chunk("fmt ", fmtExt)))
	f.Add([]byte(head + chunk("fmt ", fmtExt) + chunk("data", "abc")))
	f.Add([]byte(head + chunk("LIST", "abc") + chunk("fmt ", fmtPCM) + "data\xff\xff\xff\xffab"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b))} {
			r, err := NewReader(in)
			if err != nil {
				var pe *ParseError
				if !errors.As(err, &pe) || pe.Offset > int64(len(b)) {
					t.Fatalf("%v", err)
				}
				continue
			}
			data, err := io.ReadAll(r)
			if err != nil || len(data) > len(b) || r.Frames() == 0 {
				t.Fatal(len(data), err)
			}
			// What was read can be written, and is read back.
			var out bytes.Buffer
			w, err := NewWriter(&out, r.Format())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			again, err := NewReader(&out)
			if err != nil || again.Format() != r.Format() {
				t.Fatal(err)
			}
			if back, _ := io.ReadAll(again); !bytes.Equal(back, data) {
				t.Fatalf("%d octets came back of %d", len(back), len(data))
			}
		}
	})
}
