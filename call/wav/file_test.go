package wav

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.wav")
	want := ramp(10000)
	if err := WriteFile(name, want, Format{SampleRate: 16000, Channels: 2}); err != nil {
		t.Fatal(err)
	}
	got, f, err := ReadFile(name)
	if err != nil || !slices.Equal(got, want) || f.SampleRate != 16000 || f.Channels != 2 {
		t.Errorf("%d samples, %+v, %v", len(got), f, err)
	}
	if _, _, err := ReadFile(name + "x"); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	os.WriteFile(name, []byte("nonsense"), 0o600)
	if _, _, err := ReadFile(name); err == nil {
		t.Error("nonsense was read")
	}
}
