package as

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Who keeps records of calls under way hears of a call when it goes somewhere and when it is answered, and never after its end, even if he
// is slow; calls that are refused at once have no way.
func TestOnCall(t *testing.T) {
	var mu sync.Mutex
	var saw []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		saw = append(saw, fmt.Sprintf(format, args...))
	}
	decisions := map[string]Decision{
		"tel:+491": {Action: Bridge, Targets: []Target{{Trunk: "a"}}}, "tel:+492": {Action: Refuse, Status: 404}, "tel:+493": {Action: Proxy},
	}
	run(t, Config{
		Trunks: []Trunk{trunkTo("a", hostTrunk+1)},
		Router: routerOf(decisions),
		OnCall: func(i *CallInfo) {
			time.Sleep(5 * time.Second)
			r := i.Record()
			note("%s %s %d answered=%v icid=%s", r.Called, i.Decision.Action, r.Status, !r.Answer.IsZero(), r.ICID)
		},
	}, func(h *house) {
		h.carrier(hostTrunk+1, nil)
		p := h.cscf()
		first := p.invite("tel:+491")
		p.send(first)
		ok := p.answered(first)
		p.send(p.within(first, ok, sip.BYE, "2"))
		p.response(200, nil)
		second := p.invite("tel:+492")
		p.send(second)
		p.response(404, second)
		third := p.invite("tel:+493")
		p.send(third)
		p.respond(p.request(sip.INVITE), 486, "")
		p.response(486, third)
		time.Sleep(3 * time.Second)
		note("nobody has heard yet")
		h.end(2)
		synctest.Wait()
		if d := cmp.Diff([]string{"nobody has heard yet", "+491 bridge 0 answered=false icid=icid-1", "+493 proxy 0 answered=false icid=icid-1", "+491 bridge 200 answered=true icid=icid-1"}, saw); d != "" {
			t.Error(d)
		}
	})
}

// The call record names what the call was recorded to.
func TestRecordedCall(t *testing.T) {
	dir := t.TempDir()
	run(t, Config{
		Control: control.Config{Recordings: dir}, Recording: "${uuid}.wav",
		Router: always(Decision{Action: Run, Apps: []App{{"answer", ""}, {"sleep", "500"}}, Record: true}),
	}, func(h *house) {
		p := h.cscf()
		inv := p.invite("tel:+491")
		p.send(inv)
		p.answered(inv)
		p.respond(p.request(sip.BYE), 200, "")
		end := h.end(0)
		if d := cmp.Diff([]string{end.ID + ".wav"}, end.Record().Recordings); d != "" {
			t.Error(d)
		}
		if st, err := os.Stat(filepath.Join(dir, end.ID+".wav")); err != nil || st.Size() < 4000 {
			t.Errorf("%v %v", st, err)
		}
	})
}
