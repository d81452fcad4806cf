// Command amr compares the AMR codecs with opencore-amrnb, vo-amrwbenc and opencore-amrwb, mode by mode, in processor time:
//
//	go run ./amr -nb 8k.raw -wb 16k.raw [-rounds 3]
//	go run -tags purego ./amr ...
//
// The files are signed 16-bit little-endian samples. It wants gcc and (Debian) libopencore-amrnb-dev, libopencore-amrwb-dev and
// libvo-amrwbenc-dev. The two sides take turns; the medians of the rounds and of their ratios are printed.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/amr"

	_ "embed"
)

//go:embed testdata/clib.c
var source []byte

func main() {
	log.SetFlags(0)
	nb := flag.String("nb", "", "speech at 8 kHz")
	wb := flag.String("wb", "", "speech at 16 kHz")
	rounds := flag.Int("rounds", 3, "how often each is measured")
	flag.Parse()
	runtime.LockOSThread()
	dir, err := os.MkdirTemp("", "amr")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	clib := filepath.Join(dir, "clib")
	cc := exec.Command("gcc", "-O2", "-x", "c", "-o", clib, "-", "-lopencore-amrnb", "-lopencore-amrwb", "-lvo-amrwbenc")
	cc.Stdin, cc.Stderr = bytes.NewReader(source), os.Stderr
	if err := cc.Run(); err != nil {
		log.Fatal("gcc: ", err)
	}
	fmt.Println("| codec | DTX | mode | encode, C us | Go us | C/Go | decode, C us | Go us | C/Go |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, c := range []amr.Codec{amr.NB, amr.WB} {
		name := map[amr.Codec]string{amr.NB: *nb, amr.WB: *wb}[c]
		if name == "" {
			continue
		}
		pcm := samples(name)
		for dtx := range 2 {
			for mode := range c.Modes() {
				b := bench{c, dtx, mode, name, pcm, clib, filepath.Join(dir, "stream")}
				var enc, dec pairs
				for range *rounds {
					enc.add(b.c("encode", strconv.Itoa(mode), strconv.Itoa(dtx), name, b.stream), b.encode())
					dec.add(b.c("decode", b.stream), b.decode())
				}
				fmt.Printf("| %v | %d | %d | %v | %v |\n", c, dtx, mode, enc, dec)
			}
		}
	}
}

func samples(name string) []int16 {
	data, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	pcm := make([]int16, len(data)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return pcm
}

// pairs are times of a frame, C and Go.
type pairs [][2]float64

func (p *pairs) add(c, g float64) { *p = append(*p, [2]float64{c, g}) }

func (p pairs) String() string {
	median := func(f func([2]float64) float64) float64 {
		var v []float64
		for _, x := range p {
			v = append(v, f(x))
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	return fmt.Sprintf("%.1f | %.1f | %.2f", median(func(x [2]float64) float64 { return x[0] / 1e3 }),
		median(func(x [2]float64) float64 { return x[1] / 1e3 }), median(func(x [2]float64) float64 { return x[0] / x[1] }))
}

type bench struct {
	codec        amr.Codec
	dtx, mode    int
	name         string
	pcm          []int16
	clib, stream string
}

const runs = 2 // the least time of so many counts

func (b *bench) c(args ...string) float64 {
	name := map[amr.Codec]string{amr.NB: "nb", amr.WB: "wb"}[b.codec]
	out, err := exec.Command(b.clib, append(append([]string{name}, args...), strconv.Itoa(runs))...).Output()
	if err != nil {
		log.Fatal("clib: ", err)
	}
	t, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		log.Fatal(err)
	}
	return t
}

// thread returns the processor time of this thread in nanoseconds.
func thread() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		log.Fatal(err)
	}
	return float64(t.Nano())
}

func (b *bench) encode() float64 {
	n := b.codec.FrameSamples()
	best := 0.0
	for range runs {
		e, err := amr.NewEncoder(amr.EncoderConfig{Codec: b.codec, Mode: amr.FrameType(b.mode), DTX: b.dtx == 1})
		if err != nil {
			log.Fatal(err)
		}
		buf := make([]byte, 0, 64)
		start := thread()
		for at := 0; at+n <= len(b.pcm); at += n {
			if _, err := e.Encode(buf, b.pcm[at:at+n]); err != nil {
				log.Fatal(err)
			}
		}
		if t := (thread() - start) / float64(len(b.pcm)/n); best == 0 || t < best {
			best = t
		}
	}
	return best
}

func (b *bench) decode() float64 {
	f, err := os.Open(b.stream)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	r, err := amr.NewFileReader(bufio.NewReader(f))
	if err != nil {
		log.Fatal(err)
	}
	var frames []amr.Frame
	for {
		fr, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fr.Data = slices.Clone(fr.Data)
		frames = append(frames, fr)
	}
	best := 0.0
	for range runs {
		d, err := amr.NewDecoder(amr.DecoderConfig{Codec: b.codec})
		if err != nil {
			log.Fatal(err)
		}
		pcm := make([]int16, b.codec.FrameSamples())
		start := thread()
		for _, fr := range frames {
			if err := d.Decode(pcm, fr); err != nil {
				log.Fatal(err)
			}
		}
		if t := (thread() - start) / float64(len(frames)); best == 0 || t < best {
			best = t
		}
	}
	return best
}
