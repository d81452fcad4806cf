package admin

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gotelco/telco/examples/kit/metrics"
)

var started = time.Now()

// process writes what every program has to say of itself.
func process(m *metrics.Writer) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	version := "unknown"
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		version = b.Main.Version
	}
	m.Gauge("build_info", "Always 1; the labels say what runs.", 1, "version", version, "go", runtime.Version())
	m.Gauge("process_start_time_seconds", "When the process began, in seconds since 1970.", float64(started.UnixMilli())/1000)
	m.Gauge("go_goroutines", "Goroutines now.", float64(runtime.NumGoroutine()))
	m.Gauge("go_memstats_heap_inuse_bytes", "Memory in use.", float64(mem.HeapInuse))
	m.Counter("go_gc_cycles_total", "Collections of garbage.", float64(mem.NumGC))
}
