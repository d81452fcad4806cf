package wav

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestMain writes for ever when it is the child of TestKilledProcess.
func TestMain(m *testing.M) {
	if name := os.Getenv("TELCO_WAV_CHILD"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			os.Exit(1)
		}
		w, err := NewWriter(f, Format{})
		for err == nil {
			err = w.WriteSamples(ramp(160))
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A process that is killed while it records leaves a file that plays: every sample that the header
// covers is right, and SoX has nothing to complain about.
func TestKilledProcess(t *testing.T) {
	for range 5 {
		name := filepath.Join(t.TempDir(), "x.wav")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TELCO_WAV_CHILD="+name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		size := func() int64 {
			st, err := os.Stat(name)
			if err != nil {
				return 0
			}
			return st.Size()
		}
		for deadline := time.Now().Add(20 * time.Second); size() < 100_000 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		cmd.Process.Kill()
		cmd.Wait()
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if lag := size()/2 - r.Frames(); r.Frames() < 40_000 || lag > 8000+160+44 {
			t.Errorf("the header covers %d samples of a file of %d octets", r.Frames(), size())
		}
		want, pcm := ramp(160), make([]int16, 160)
		for n := int64(0); ; n += 160 {
			got, err := r.ReadSamples(pcm)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if pcm[i] != want[i] {
					t.Fatalf("sample %d is %d, want %d", n+int64(i), pcm[i], want[i])
				}
			}
		}
		if _, err := exec.LookPath("sox"); err != nil {
			t.Logf("left out: %v", err)
			continue
		}
		if out, err := exec.Command("sox", name, "-n").CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("sox: %v %s", err, out)
		}
	}
}
