package nb

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func benchSignal(b *testing.B) []int16 {
	data, err := os.ReadFile(filepath.Join(public, "public8k.pcm"))
	if err != nil {
		b.Skip("the public signal is not here: ", err)
	}
	return samples(data)
}

// threadTime returns the processor time of this thread, which is what counts on a busy machine.
func threadTime() time.Duration {
	const rusageThread = 1
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs frame b.N times and reports how many seconds of speech are processed in a second of processor time.
func measure(b *testing.B, frame func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	for b.Loop() {
		frame()
	}
	b.ReportMetric(0.02*float64(b.N)/(threadTime()-start).Seconds(), "xrealtime")
	b.ReportMetric(0, "ns/op")
}

// An operation is one frame, on the 60 s of the public signal again and again.
func BenchmarkEncode(b *testing.B) {
	pcm := benchSignal(b)
	for _, dtx := range []bool{false, true} {
		for m := MR475; m <= MR122; m++ {
			b.Run(fmt.Sprintf("mode=%d/dtx=%d", m, map[bool]int{true: 1}[dtx]), func(b *testing.B) {
				var e Encoder
				e.Reset(dtx, 1)
				var out [MaxBytes]byte
				at := 0
				measure(b, func() {
					e.Encode((*[FrameLen]int16)(pcm[at:]), m, &out)
					if at += FrameLen; at+FrameLen > len(pcm) {
						at = 0
					}
				})
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for dtx := range 2 {
		for m := range 8 {
			b.Run(fmt.Sprintf("mode=%d/dtx=%d", m, dtx), func(b *testing.B) {
				name := filepath.Join(public, fmt.Sprintf("nb-m%d-dtx%d.amr", m, dtx))
				if _, err := os.Stat(name); err != nil {
					b.Skip("the public streams are not here: ", err)
				}
				frames := readStorage(b, name)
				var d Decoder
				d.Reset()
				var pcm [FrameLen]int16
				i := 0
				measure(b, func() {
					f := &frames[i]
					d.Decode(&pcm, f.mode, f.rx, f.data)
					if i++; i == len(frames) {
						i = 0
					}
				})
			})
		}
	}
}
