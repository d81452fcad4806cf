package metrics_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/gotelco/telco/examples/kit/metrics"
)

func page() string {
	var b strings.Builder
	m := metrics.NewWriter(&b)
	m.Counter("sip_requests_total", "Requests received.", 3, "method", "INVITE", "peer", `a "b\`+"\n")
	m.Counter("sip_requests_total", "Requests received.", 4e9, "method", "BYE")
	m.Gauge("calls", "Calls now,\na lot.", 2.5)
	h := metrics.NewHistogram(0.1, 1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { h.Observe(0.05); h.Observe(0.5); h.Observe(5) })
	}
	wg.Wait()
	m.Histogram("setup_seconds", "Time to ring.", h, "leg", "a")
	return b.String()
}

func TestPage(t *testing.T) {
	want := `# HELP sip_requests_total Requests received.
# TYPE sip_requests_total counter
sip_requests_total{method="INVITE",peer="a \"b\\\n"} 3
sip_requests_total{method="BYE"} 4e+09
# HELP calls Calls now,\na lot.
# TYPE calls gauge
calls 2.5
# HELP setup_seconds Time to ring.
# TYPE setup_seconds histogram
setup_seconds_bucket{leg="a",le="0.1"} 4
setup_seconds_bucket{leg="a",le="1"} 8
setup_seconds_bucket{leg="a",le="+Inf"} 12
setup_seconds_sum{leg="a"} 22.200000000000003
setup_seconds_count{leg="a"} 12
`
	got := page()
	if head, _, _ := strings.Cut(got, "setup_seconds_sum"); !strings.HasPrefix(want, head) || !strings.HasSuffix(got, "setup_seconds_count{leg=\"a\"} 12\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPrometheus asks Prometheus' own tool what it thinks of the page.
func TestPrometheus(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("needs promtool (Debian: apt-get install prometheus)")
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestErr(t *testing.T) {
	m := metrics.NewWriter(full{})
	m.Gauge("a", "b", 1)
	if m.Err() == nil {
		t.Error("no error")
	}
}

func ExampleWriter() {
	m := metrics.NewWriter(os.Stdout)
	m.Counter("calls_total", "Calls answered.", 12, "codec", "AMR-WB")
	fmt.Println(m.Err())
	// Output:
	// # HELP calls_total Calls answered.
	// # TYPE calls_total counter
	// calls_total{codec="AMR-WB"} 12
	// <nil>
}
