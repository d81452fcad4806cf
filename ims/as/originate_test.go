package as

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
)

// A timed job calls somebody over a trunk, and lasts as long as the call does.
func TestOriginateJob(t *testing.T) {
	run(t, Config{Trunks: []Trunk{trunkTo("carrier", hostTrunk+1)}}, func(h *house) {
		far := h.carrier(hostTrunk+1, func(c *call.Call) {
			ctx := context.Background()
			if err := c.Answer(ctx); err != nil {
				h.Error(err)
			}
			select {
			case <-time.After(30 * time.Second):
				c.HangUp(ctx)
			case <-c.Context().Done():
			}
		})
		jobs, err := NewJobs(JobsConfig{Originate: h.s.Originate, Jobs: []Job{
			{Name: "call", Cron: "5 0 * * *", Originate: "{origination_caller_id_number=+4930100}sofia/gateway/carrier/+4930123 &sleep(3600000)"},
			{Name: "short", Cron: "10 0 * * *", Originate: "sofia/gateway/carrier/+4930124 &sleep(3600000)", Timeout: Duration(10 * time.Second)},
			{Name: "nowhere", Cron: "15 0 * * *", Originate: "sofia/gateway/other/+4930123 &sleep(1000)"},
		}})
		if err != nil {
			h.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		list := jobs.List()
		if took := list[0].Ended.Sub(list[0].Begun); list[0].Name != "call" || list[0].Error != "" || took < 30*time.Second || took > 31*time.Second {
			h.Errorf("%+v took %v", list[0], took)
		}
		if list[1].Runs != 1 || list[1].Error == "" {
			h.Errorf("%+v", list[1])
		}
		if took := list[2].Ended.Sub(list[2].Begun); list[2].Error != context.DeadlineExceeded.Error() || took < 10*time.Second || took > 11*time.Second {
			h.Errorf("%+v took %v", list[2], took)
		}
		if err := jobs.Close(h.Context()); err != nil {
			h.Error(err)
		}
		got := far.calls()
		if len(got) != 2 || got[0].RequestURI != "sip:+4930123@10.0.0.31:5060;user=phone" {
			h.Fatalf("%v", got)
		}
		if from, _ := got[0].From(); from.URI.Number() != "+4930100" {
			h.Errorf("From %v", from)
		}
		ctx, cancel := context.WithCancelCause(h.Context())
		why := errors.New("given up")
		cancel(why)
		if err := h.s.Originate(ctx, "sofia/gateway/carrier/+4930125 &sleep(1000)"); err == nil {
			h.Error("a call although it was given up")
		}
	})
}
