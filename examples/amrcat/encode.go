package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call/wav"
)

// codecFlag defines -codec.
func codecFlag(fs *flag.FlagSet) *amr.Codec {
	c := new(amr.Codec)
	fs.Func("codec", "`codec`: nb (AMR) or wb (AMR-WB) (default nb)", func(s string) error {
		switch strings.ToLower(s) {
		case "nb":
			*c = amr.NB
		case "wb":
			*c = amr.WB
		default:
			return fmt.Errorf("%q is neither nb nor wb", s)
		}
		return nil
	})
	return c
}

func encode(args []string, s streams) (err error) {
	fs := s.flags("encode")
	codec := codecFlag(fs)
	mode := fs.Int("mode", -1, "`mode` of speech frames (default the highest)")
	modes := fs.String("modes", "", "`file` with one mode a line for each frame")
	dtx := fs.Bool("dtx", false, "send comfort noise parameters in pauses, and little else")
	vad := fs.Int("vad", 1, "`option` of voice activity detection, 1 or 2 (nb)")
	if err := s.parse(fs, args, 2); err != nil {
		return err
	}
	cfg := amr.EncoderConfig{Codec: *codec, DTX: *dtx, VAD: *vad}
	switch {
	case *mode >= 0 && *modes != "":
		return errors.New("-mode and -modes exclude one another")
	case *mode >= 0:
		cfg.Mode = amr.FrameType(*mode)
	default:
		cfg.Mode = amr.FrameType(codec.Modes() - 1)
	}
	enc, err := amr.NewEncoder(cfg)
	if err != nil {
		return err
	}
	var plan []amr.FrameType
	if *modes != "" {
		if plan, err = readModes(*modes, *codec); err != nil {
			return err
		}
	}
	in, err := s.open(fs.Arg(0))
	if err != nil {
		return err
	}
	defer in.Close()
	pcm, err := newPCM(in, *codec)
	if err != nil {
		return fmt.Errorf("%s: %w", fs.Arg(0), err)
	}
	out, err := s.create(fs.Arg(1))
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	defer func() { err = errors.Join(err, buffered.Flush(), out.Close()) }()
	file, err := amr.NewFileWriter(buffered, *codec, 1)
	if err != nil {
		return err
	}
	samples, data := make([]int16, codec.FrameSamples()), make([]byte, 0, 64)
	for n := 0; ; n++ {
		if err := pcm.frame(samples); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", fs.Arg(0), err)
		}
		if plan != nil {
			if n >= len(plan) {
				return fmt.Errorf("%s has %d modes, and there are more frames", *modes, len(plan))
			}
			if err := enc.SetMode(plan[n]); err != nil {
				return err
			}
		}
		f, err := enc.Encode(data[:0], samples)
		if err != nil {
			return err
		}
		if err := file.Write(f); err != nil {
			return err
		}
	}
}

// readModes reads a file of modes.
func readModes(name string, c amr.Codec) ([]amr.FrameType, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	plan := []amr.FrameType{}
	for i, line := range strings.Split(strings.TrimRight(string(b), "\r\n"), "\n") {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || n < 0 || n >= c.Modes() {
			return nil, fmt.Errorf("%s:%d: %q is no mode of %v", name, i+1, strings.TrimSpace(line), c)
		}
		plan = append(plan, amr.FrameType(n))
	}
	return plan, nil
}

// pcm reads frames of samples, from WAV or headerless.
type pcm struct {
	wav *wav.Reader
	raw io.Reader
	at  int64 // octets read of raw
	buf []byte
}

func newPCM(in io.Reader, c amr.Codec) (*pcm, error) {
	b := bufio.NewReader(in)
	head, _ := b.Peek(4)
	if string(head) != "RIFF" {
		return &pcm{raw: b, buf: make([]byte, 2*c.FrameSamples())}, nil
	}
	w, err := wav.NewReader(b)
	if err != nil {
		return nil, err
	}
	f := w.Format()
	if f.Encoding != wav.PCM || f.Channels != 1 || f.SampleRate != c.SampleRate() {
		return nil, fmt.Errorf("%v of %d channels at %d Hz: %v wants one channel of 16-bit PCM at %d Hz", f.Encoding, f.Channels, f.SampleRate, c, c.SampleRate())
	}
	return &pcm{wav: w}, nil
}

// frame fills samples, the last ones with silence, and returns io.EOF when there are no more.
func (p *pcm) frame(samples []int16) error {
	n := 0
	if p.wav != nil {
		for n < len(samples) {
			k, err := p.wav.ReadSamples(samples[n:])
			if n += k; err == io.EOF {
				break
			} else if err != nil {
				return err
			}
		}
	} else {
		k, err := io.ReadFull(p.raw, p.buf)
		p.at += int64(k)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		if k%2 != 0 {
			return fmt.Errorf("half a sample at octet %d", p.at-1)
		}
		for ; n < k/2; n++ {
			samples[n] = int16(binary.LittleEndian.Uint16(p.buf[2*n:]))
		}
	}
	if n == 0 {
		return io.EOF
	}
	clear(samples[n:])
	return nil
}
