package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/speech"
)

func decode(args []string, s streams) (err error) {
	fs := s.flags("decode")
	rx := fs.String("rx", "", "`file` with the receive type of each frame, one octet each")
	raw := fs.Bool("raw", false, "write headerless samples even to a file that ends in .wav")
	if err := s.parse(fs, args, 2); err != nil {
		return err
	}
	var types []byte
	if *rx != "" {
		if types, err = os.ReadFile(*rx); err != nil {
			return err
		}
	}
	in, err := s.open(fs.Arg(0))
	if err != nil {
		return err
	}
	defer in.Close()
	file, err := amr.NewFileReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", fs.Arg(0), err)
	}
	codec, channels := file.Codec(), file.Channels()
	decoders := make([]*amr.Decoder, channels)
	for i := range decoders {
		if decoders[i], err = amr.NewDecoder(amr.DecoderConfig{Codec: codec}); err != nil {
			return err
		}
	}
	out, err := s.create(fs.Arg(1))
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	write := func(pcm []int16) error { return binary.Write(buffered, binary.LittleEndian, pcm) }
	finish := func() error { return errors.Join(buffered.Flush(), out.Close()) }
	if strings.HasSuffix(strings.ToLower(fs.Arg(1)), ".wav") && !*raw {
		w, err := wav.NewWriter(out, wav.Format{Channels: channels, SampleRate: codec.SampleRate()})
		if err != nil {
			return err
		}
		write, finish = w.WriteSamples, func() error { return errors.Join(w.Close(), out.Close()) }
	}
	defer func() { err = errors.Join(err, finish()) }()

	n := codec.FrameSamples()
	one, block := make([]int16, n), make([]int16, n*channels)
	for i := 0; ; i++ {
		f, err := file.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", fs.Arg(0), err)
		}
		if *rx != "" {
			if i >= len(types) {
				return fmt.Errorf("%s has %d receive types, and there are more frames", *rx, len(types))
			}
			if f, err = received(f, types[i], codec); err != nil {
				return fmt.Errorf("%s: frame %d: %w", *rx, i, err)
			}
		}
		if err := decoders[i%channels].Decode(one, f); err != nil {
			return err
		}
		for j, x := range one {
			block[j*channels+i%channels] = x
		}
		if i%channels == channels-1 {
			if err := write(block); err != nil {
				return err
			}
		}
	}
}

// The receive types of TS 26.093 and TS 26.193, in the numbers of the reference programs.
const (
	rxGood = iota
	rxDegraded
	rxOnset
	rxBad
	rxSIDFirst
	rxSIDUpdate
	rxSIDBad
	rxNoData
)

// received is a frame as a radio channel delivered it.
func received(f amr.Frame, rx byte, c amr.Codec) (amr.Frame, error) {
	sid := f.Type == c.SID()
	switch {
	case rx == rxGood:
	case rx == rxDegraded:
		f.Quality = amr.Degraded
	case rx == rxOnset:
		f.Quality = amr.Onset
	case rx == rxBad:
		f.Bad = true
	case rx == rxNoData:
		f.Quality = amr.Missing
	case rx <= rxSIDBad && !sid:
		return f, fmt.Errorf("receive type %d for a frame of type %d, which is no SID", rx, f.Type)
	case rx == rxSIDFirst, rx == rxSIDUpdate: // the frame's own bit tells which
	case rx == rxSIDBad:
		f.Bad = true
	default:
		return f, fmt.Errorf("no receive type %d", rx)
	}
	return f, nil
}

func info(args []string, s streams) error {
	fs := s.flags("info")
	if err := s.parse(fs, args, 1); err != nil {
		return err
	}
	in, err := s.open(fs.Arg(0))
	if err != nil {
		return err
	}
	defer in.Close()
	file, err := amr.NewFileReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", fs.Arg(0), err)
	}
	c := file.Codec()
	var count [16]int
	frames, bad, octets := 0, 0, 0
	for {
		f, err := file.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", fs.Arg(0), err)
		}
		count[f.Type]++
		frames++
		octets += len(f.Data)
		if f.Bad {
			bad++
		}
	}
	length := time.Duration(frames/file.Channels()) * 20 * time.Millisecond
	fmt.Fprintf(s.out, "%s: %v, %d channel(s), %d frames, %v", fs.Arg(0), c, file.Channels(), frames, length)
	if frames > 0 {
		fmt.Fprintf(s.out, ", %.2f kbit/s of speech data", float64(8*octets)/length.Seconds()/1000)
	}
	fmt.Fprintln(s.out)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for ft, n := range count {
		if n > 0 {
			fmt.Fprintf(w, "%s\t%d\t%.1f %%\t\n", typeName(c, amr.FrameType(ft)), n, 100*float64(n)/float64(frames))
		}
	}
	w.Flush()
	if bad > 0 {
		fmt.Fprintf(s.out, "%d marked as bad\n", bad)
	}
	return nil
}

func typeName(c amr.Codec, ft amr.FrameType) string {
	switch {
	case int(ft) < c.Modes():
		return fmt.Sprintf("mode %d, %.2f kbit/s", ft, float64(c.Bits(ft))/20)
	case ft == c.SID():
		return "comfort noise (SID)"
	case ft == amr.SpeechLost:
		return "speech lost"
	}
	return "no data"
}

// bench measures how many times faster than real time one core is.
func bench(args []string, s streams) error {
	fs := s.flags("bench")
	only := -1
	fs.Func("codec", "`codec`: nb or wb (default both)", func(v string) error {
		switch v {
		case "nb":
			only = int(amr.NB)
		case "wb":
			only = int(amr.WB)
		default:
			return fmt.Errorf("%q is neither nb nor wb", v)
		}
		return nil
	})
	seconds := fs.Float64("seconds", 1, "`time` to measure each figure for")
	if err := s.parse(fs, args, 0); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "times real time, one core\tencode\tencode, DTX\tdecode\t")
	for _, c := range []amr.Codec{amr.NB, amr.WB} {
		if only >= 0 && c != amr.Codec(only) {
			continue
		}
		pcm := material(c)
		for m := range amr.FrameType(c.Modes()) {
			plain, frames, err := encodeRate(c, m, false, pcm, *seconds)
			if err != nil {
				return err
			}
			dtx, _, err := encodeRate(c, m, true, pcm, *seconds)
			if err != nil {
				return err
			}
			dec, err := decodeRate(c, frames, *seconds)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%v %s\t%.0f\t%.0f\t%.0f\t\n", c, typeName(c, m), plain, dtx, dec)
			w.Flush()
		}
	}
	return nil
}

// material is 14 s of speech.
func material(c amr.Codec) []int16 {
	pcm := append(speech.Caller(), speech.Callee()...)
	if c == amr.WB { // every sample and the mean with the next: crude, and good enough to measure with
		wide := make([]int16, 0, 2*len(pcm))
		for i, x := range pcm {
			next := pcm[min(i+1, len(pcm)-1)]
			wide = append(wide, x, int16((int(x)+int(next))/2))
		}
		pcm = wide
	}
	return pcm[:len(pcm)/c.FrameSamples()*c.FrameSamples()]
}

func encodeRate(c amr.Codec, m amr.FrameType, dtx bool, pcm []int16, seconds float64) (float64, []amr.Frame, error) {
	enc, err := amr.NewEncoder(amr.EncoderConfig{Codec: c, Mode: m, DTX: dtx})
	if err != nil {
		return 0, nil, err
	}
	n := c.FrameSamples()
	var frames []amr.Frame
	data := make([]byte, 0, 64)
	count := 0
	start := time.Now()
	for time.Since(start).Seconds() < seconds {
		for at := 0; at < len(pcm); at += n {
			f, err := enc.Encode(data[:0], pcm[at:at+n])
			if err != nil {
				return 0, nil, err
			}
			if count < len(pcm)/n {
				f.Data = append([]byte(nil), f.Data...)
				frames = append(frames, f)
			}
			count++
		}
	}
	return float64(count) * 0.02 / time.Since(start).Seconds(), frames, nil
}

func decodeRate(c amr.Codec, frames []amr.Frame, seconds float64) (float64, error) {
	dec, err := amr.NewDecoder(amr.DecoderConfig{Codec: c})
	if err != nil {
		return 0, err
	}
	pcm := make([]int16, c.FrameSamples())
	count := 0
	start := time.Now()
	for time.Since(start).Seconds() < seconds {
		for _, f := range frames {
			if err := dec.Decode(pcm, f); err != nil {
				return 0, err
			}
		}
		count += len(frames)
	}
	return float64(count) * 0.02 / time.Since(start).Seconds(), nil
}
