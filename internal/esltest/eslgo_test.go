package esltest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/percipia/eslgo"
	"github.com/percipia/eslgo/command"
	"github.com/percipia/eslgo/command/call"

	"github.com/gotelco/telco/internal/lab"
)

// quiet is eslgo's options without its log.
func quiet() eslgo.Options {
	return eslgo.Options{Context: context.Background(), ExitTimeout: 5 * time.Second}
}

func keep(b *box) func(*eslgo.Event) {
	return func(e *eslgo.Event) {
		fields := make(map[string]string)
		for name := range e.Headers {
			fields[name] = e.GetHeader(name)
		}
		fields["_body"] = string(e.Body)
		b.add(e.GetName(), fields)
	}
}

func TestEslgoRefused(t *testing.T) { each(t, eslgoRefused) }

func eslgoRefused(t *testing.T, h *house) {
	opts := eslgo.InboundOptions{Options: quiet(), Network: "tcp", Password: "wrong", AuthTimeout: 5 * time.Second}
	opts.ExitTimeout = time.Millisecond // it says goodbye to a closed connection, and waits
	if _, err := opts.Dial(h.esl); err == nil || !strings.Contains(err.Error(), "-ERR invalid") {
		t.Errorf("%v", err)
	}
}

// Two phones are called, bridged, recorded, played to, and hung up.
func TestEslgoInbound(t *testing.T) { each(t, eslgoInbound) }

func eslgoInbound(t *testing.T, h *house) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	opts := eslgo.InboundOptions{Options: quiet(), Network: "tcp", Password: h.password, AuthTimeout: 5 * time.Second}
	c, err := opts.Dial(h.esl)
	if err != nil {
		t.Fatal(err)
	}
	var events box
	c.RegisterEventListener(eslgo.EventListenAll, keep(&events))
	if err := c.EnableEvents(ctx); err != nil {
		t.Fatal(err)
	}
	alice, bob := h.phone(700), h.phone(1100)
	var ids []string
	for i, p := range []*phone{alice, bob} {
		reply, err := c.OriginateCall(ctx, true, eslgo.Leg{CallURL: p.url}, eslgo.Leg{CallURL: "&park()"}, map[string]string{"mark": fmt.Sprint("a b ", i)})
		if err != nil || !reply.IsOk() {
			t.Fatalf("originate: %v %v", reply, err)
		}
		job := events.want(t, "BACKGROUND_JOB", "Job-Uuid", reply.GetHeader("Job-UUID"))
		id, ok := strings.CutPrefix(strings.TrimSpace(job["_body"]), "+OK ")
		if !ok {
			t.Fatalf("%v", job)
		}
		if e := events.want(t, "CHANNEL_ANSWER", "Unique-Id", id); e["Variable_mark"] != fmt.Sprint("a b ", i) {
			t.Errorf("the mark is %q", e["Variable_mark"])
		}
		ids = append(ids, id)
	}
	api := func(cmd, args string) string {
		t.Helper()
		r, err := c.SendCommand(ctx, command.API{Command: cmd, Arguments: args})
		if err != nil || strings.HasPrefix(r.GetReply(), "-") {
			t.Fatalf("%s %s: %v %v", cmd, args, r, err)
		}
		return strings.TrimSpace(r.GetReply())
	}
	if _, err := c.Playback(ctx, ids[0], beep, 1, true); err != nil {
		t.Error(err)
	}
	events.want(t, "PLAYBACK_STOP", "Unique-Id", ids[0])
	api("uuid_record", ids[0]+" start eslgo.wav")
	if got := api("uuid_bridge", ids[0]+" "+ids[1]); got != "+OK "+ids[1] {
		t.Errorf("uuid_bridge: %q", got)
	}
	events.want(t, "CHANNEL_BRIDGE", "Bridge-B-Unique-Id", ids[1])
	hears(t, 0.5, map[*phone]float64{alice: 1100, bob: 700})
	if alice.heard(440) < 0.2 || bob.heard(440) > 0 {
		t.Errorf("the tone was heard for %v s and %v s", alice.heard(440), bob.heard(440))
	}
	api("uuid_record", ids[0]+" stop eslgo.wav")
	events.want(t, "RECORD_STOP", "Unique-Id", ids[0])
	if got := h.recorded("eslgo.wav", 1100); got < 0.2 {
		t.Errorf("%v s of the other phone were recorded", got)
	}
	if text := api("show", "calls count"); text != "1 total." {
		t.Errorf("%q", text)
	}
	if err := c.HangupCall(ctx, ids[0], "NORMAL_CLEARING"); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		if e := events.want(t, "CHANNEL_HANGUP_COMPLETE", "Unique-Id", id); e["Hangup-Cause"] != "NORMAL_CLEARING" {
			t.Errorf("%s", e["Hangup-Cause"])
		}
	}
	c.ExitAndClose()
}

// A call that comes in is answered, played to and recorded by a program that it is connected to.
func TestEslgoOutbound(t *testing.T) { each(t, eslgoOutbound) }

func eslgoOutbound(t *testing.T, h *house) {
	for _, mode := range []string{"sync", "async"} {
		t.Run(mode, func(t *testing.T) {
			h := *h
			h.t = t
			addr := fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t))
			_, port, _ := strings.Cut(addr, ":")
			var events box
			result := make(chan error, 1)
			opts := eslgo.OutboundOptions{Options: quiet(), Network: "tcp", ConnectTimeout: patience, ConnectionDelay: 25 * time.Millisecond}
			go opts.ListenAndServe(addr, func(ctx context.Context, c *eslgo.Conn, r *eslgo.RawResponse) {
				result <- func() error {
					id := r.ChannelUUID()
					if !strings.HasPrefix(r.GetHeader("Channel-Destination-Number"), mode+port) || r.GetHeader("Variable_sip_from_user") != "caller" {
						return fmt.Errorf("%v", r)
					}
					c.RegisterEventListener(id, keep(&events))
					if err := c.EnableEvents(ctx); err != nil {
						return err
					}
					if mode == "async" {
						if _, err := c.SendCommand(ctx, command.Linger{Enabled: true, Seconds: 2}); err != nil {
							return err
						}
					}
					if err := c.AnswerCall(ctx, id); err != nil {
						return err
					}
					for _, app := range []call.Execute{{AppName: "record_session", AppArgs: mode + ".wav"}, {AppName: "playback", AppArgs: beep, Loops: 2},
						{AppName: "sleep", AppArgs: "300"}, {AppName: "stop_record_session", AppArgs: mode + ".wav"}, {AppName: "hangup", AppArgs: "NORMAL_CLEARING"}} {
						app.UUID, app.Sync = id, true
						r, err := c.SendCommand(ctx, &app)
						if err != nil || !r.IsOk() {
							return fmt.Errorf("%s: %v %w", app.AppName, r, err)
						}
					}
					wait(t, "the end", func() bool { return events.find("CHANNEL_HANGUP_COMPLETE", "Unique-Id", id) != nil })
					return nil
				}()
			})
			time.Sleep(100 * time.Millisecond) // eslgo does not say when it listens
			caller, done := h.call(mode+port, 700)
			select {
			case err := <-result:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(2 * patience):
				t.Fatal("no end")
			}
			<-done
			if s := caller.heard(440); s < 0.2 {
				t.Errorf("the caller heard the tone for %v s", s)
			}
			if s := h.recorded(mode+".wav", 700); s < 0.2 {
				t.Errorf("%v s of the caller were recorded", s)
			}
		})
	}
}
