package soundfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/g711"
)

// ErrUnsupported says that a stream holds what this package does not play.
var ErrUnsupported = errors.New("soundfile: unsupported")

// Reader gives the samples of a file, its channels mixed into one: it is a [call.Source], which may block. It is not safe for concurrent
// use.
type Reader struct {
	rate   int
	closer io.Closer

	// WAV
	wav      *wav.Reader
	channels int
	octets   []byte
	pcm      []int16

	// AMR
	file     *amr.FileReader
	decoders []*amr.Decoder
	frame    []int16
	mix      []int32
	rest     []int16 // decoded, not yet given out
}

// Open opens a file.
func Open(name string) (*Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r.closer = f
	return r, nil
}

// NewReader reads up to the samples. What r holds is told by its first octets. The errors are those of packages call/wav and
// amr, [ErrUnsupported], or of r.
func NewReader(r io.Reader) (*Reader, error) {
	b := bufio.NewReaderSize(r, 16<<10)
	head, err := b.Peek(5)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(head) == "#!AMR" {
		return newAMR(b)
	}
	var from io.Reader = b
	if f, ok := r.(io.ReadSeeker); ok { // chunks may come in any order
		if _, err := f.Seek(-int64(b.Buffered()), io.SeekCurrent); err == nil {
			from = f
		}
	}
	w, err := wav.NewReader(from)
	if err != nil {
		return nil, err
	}
	f := w.Format()
	if f.SampleRate != 8000 && f.SampleRate != 16000 && f.SampleRate != 48000 {
		return nil, fmt.Errorf("%w: %d samples a second", ErrUnsupported, f.SampleRate)
	}
	return &Reader{rate: f.SampleRate, wav: w, channels: f.Channels}, nil
}

func newAMR(b io.Reader) (*Reader, error) {
	f, err := amr.NewFileReader(b)
	if err != nil {
		return nil, err
	}
	n := f.Codec().FrameSamples()
	r := &Reader{rate: f.Codec().SampleRate(), file: f, frame: make([]int16, n), mix: make([]int32, n)}
	for range f.Channels() {
		d, err := amr.NewDecoder(amr.DecoderConfig{Codec: f.Codec()})
		if err != nil {
			return nil, err
		}
		r.decoders = append(r.decoders, d)
	}
	return r, nil
}

// SampleRate is the number of samples a second.
func (r *Reader) SampleRate() int { return r.rate }

// Close closes what [Open] has opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// ReadSamples fills pcm; fewer samples come only at the end, which is io.EOF.
func (r *Reader) ReadSamples(pcm []int16) (int, error) {
	if r.wav != nil {
		return r.readWAV(pcm)
	}
	n := 0
	for n < len(pcm) {
		if len(r.rest) == 0 {
			if err := r.decode(); err != nil {
				return n, err
			}
		}
		c := copy(pcm[n:], r.rest)
		n, r.rest = n+c, r.rest[c:]
	}
	return n, nil
}

// decode makes the next 20 ms.
func (r *Reader) decode() error {
	clear(r.mix)
	for i, d := range r.decoders {
		f, err := r.file.Next()
		if err != nil {
			if i > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if f.Type == amr.SpeechLost { // of NoData the decoder knows whether it is in speech or in a pause
			f.Quality = amr.Missing
		}
		if err := d.Decode(r.frame, f); err != nil {
			if err := d.Decode(r.frame, amr.Frame{Type: amr.NoData, Quality: amr.Missing}); err != nil {
				return err
			}
		}
		for j, v := range r.frame {
			r.mix[j] += int32(v)
		}
	}
	r.rest = r.frame
	average(r.rest, r.mix, len(r.decoders))
	return nil
}

func average(dst []int16, sum []int32, n int) {
	for i := range dst {
		dst[i] = int16(sum[i] / int32(n))
	}
}

func (r *Reader) readWAV(pcm []int16) (int, error) {
	n := len(pcm) * r.channels
	if cap(r.pcm) < n {
		r.pcm = make([]int16, n)
	}
	all := r.pcm[:n]
	var got int
	var err error
	if enc := r.wav.Format().Encoding; enc == wav.PCM {
		for got < n && err == nil {
			var m int
			m, err = r.wav.ReadSamples(all[got:])
			got += m
		}
	} else {
		if cap(r.octets) < n {
			r.octets = make([]byte, n)
		}
		got, err = io.ReadFull(r.wav, r.octets[:n])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		law := g711.ALaw
		if enc == wav.ULaw {
			law = g711.ULaw
		}
		law.AppendDecode(all[:0], r.octets[:got])
	}
	frames := got / r.channels
	for i := range frames {
		sum := int32(0)
		for _, v := range all[i*r.channels : (i+1)*r.channels] {
			sum += int32(v)
		}
		pcm[i] = int16(sum / int32(r.channels))
	}
	return frames, err
}
