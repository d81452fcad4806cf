package wb

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// reportCPU makes a benchmark report the processor time of its thread, which other load on the machine disturbs less
// than the clock.
func reportCPU(b *testing.B) (done func()) {
	runtime.LockOSThread()
	used := func() time.Duration {
		var u syscall.Rusage
		const thread = 1 // RUSAGE_THREAD
		if err := syscall.Getrusage(thread, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	return func() {
		b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/frame")
		runtime.UnlockOSThread()
	}
}
