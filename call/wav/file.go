package wav

import (
	"io"
	"os"
)

// ReadFile returns all samples of a file of 16-bit PCM, channels interleaved, and its format.
func ReadFile(name string) ([]int16, Format, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, Format{}, err
	}
	defer f.Close()
	r, err := NewReader(f)
	if err != nil {
		return nil, Format{}, err
	}
	var pcm []int16
	buf := make([]int16, 4096)
	for {
		n, err := r.ReadSamples(buf)
		pcm = append(pcm, buf[:n]...)
		if err == io.EOF {
			return pcm, r.Format(), nil
		}
		if err != nil {
			return pcm, r.Format(), err
		}
	}
}

// WriteFile writes samples, channels interleaved, as a file of 16-bit PCM.
func WriteFile(name string, pcm []int16, format Format) error {
	format.Encoding = PCM
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := NewWriter(f, format)
	if err != nil {
		return err
	}
	if err := w.WriteSamples(pcm); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
