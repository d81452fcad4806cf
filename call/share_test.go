package call

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/sip"
)

// Calls that share a port with all others: each is heard. The port is closed in the end.
func TestSharedPort(t *testing.T) {
	before := use(0)
	s := newSoak(t, sip.Timers{T1: 100 * time.Millisecond, T4: time.Second}, true)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := s.call(i); err != nil {
				t.Errorf("call %d, %s: %v", i, s.kind(i), err)
			}
		})
	}
	wg.Wait()
	a := s.middle
	a.mu.Lock()
	if len(a.ports) != 1 {
		t.Errorf("%d ports", len(a.ports))
	}
	for _, p := range a.ports {
		if st := p.Stats(); st.Packets == 0 || st.Writes == 0 && runtime.GOOS == "linux" || st.SendErrors != 0 {
			t.Errorf("%+v", st)
		}
	}
	a.mu.Unlock()
	s.close()
	if after := use(0); after.descriptors > before.descriptors+2 {
		t.Errorf("%d descriptors before, %d after", before.descriptors, after.descriptors)
	}
}
