package esltest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cgrates/fsock"
)

// CGRateS' client: filters, a handler for each event, bgapi, and the table of channels.
func TestFsock(t *testing.T) { each(t, withFsock) }

func withFsock(t *testing.T, h *house) {
	var events box
	handlers := make(map[string][]func(string, int))
	for _, name := range []string{"CHANNEL_ANSWER", "CHANNEL_PARK", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE", "HEARTBEAT", "CUSTOM my::event"} {
		handlers[name] = []func(string, int){func(text string, _ int) {
			e := fsock.EventToMap(text)
			events.add(e["Event-Name"], e)
		}}
	}
	delay := func(time.Duration, time.Duration) func() time.Duration {
		return func() time.Duration { return time.Second }
	}
	filters := map[string][]string{"Event-Name": {"CHANNEL_ANSWER", "CHANNEL_PARK", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE", "HEARTBEAT", "CUSTOM"}}
	dial := func(password string) (*fsock.FSock, error) {
		return fsock.NewFSock(h.esl, password, 1, 0, patience, delay, handlers, filters, nil, 0, true, make(chan error, 1))
	}
	if _, err := dial("wrong"); err == nil {
		t.Fatal("a wrong password is right")
	}
	c, err := dial(h.password)
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := h.phone(700), h.phone(1100)
	ids := make([]string, 2)
	for i, p := range []*phone{alice, bob} {
		ids[i] = []string{"11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-666666666666"}[i]
		out, err := c.SendBgapiCmd("originate {origination_uuid=" + ids[i] + ",cgr_reqtype=*rated}" + p.url + " &park")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		select {
		case text := <-out:
			if text != "+OK "+ids[i]+"\n" {
				t.Errorf("bgapi said %q", text)
			}
		case <-ctx.Done():
			t.Fatal("no BACKGROUND_JOB")
		}
		cancel()
		if e := events.want(t, "CHANNEL_ANSWER", "Unique-ID", ids[i]); e["variable_cgr_reqtype"] != "*rated" {
			t.Errorf("%v", e)
		}
	}
	if text, err := c.SendApiCmd("uuid_bridge " + ids[0] + " " + ids[1]); err != nil || text != "+OK "+ids[1]+"\n" {
		t.Fatalf("%q %v", text, err)
	}
	events.want(t, "CHANNEL_BRIDGE", "Unique-ID", ids[0])
	text, err := c.SendApiCmd("show channels")
	if err != nil {
		t.Fatal(err)
	}
	rows := fsock.MapChanData(text, ",")
	if len(rows) != 2 || rows[0]["uuid"] != ids[0] || rows[0]["callstate"] != "ACTIVE" || rows[1]["call_uuid"] != ids[0] {
		t.Errorf("%v", rows)
	}
	hears(t, 0.2, map[*phone]float64{alice: 1100, bob: 700})
	// What CGRateS does when the money is gone.
	if err := c.SendMsgCmd(ids[0], map[string]string{"call-command": "hangup", "hangup-cause": "OUTGOING_CALL_BARRED"}); err != nil {
		t.Error(err)
	}
	if e := events.want(t, "CHANNEL_HANGUP_COMPLETE", "Unique-ID", ids[0]); e["Hangup-Cause"] != "OUTGOING_CALL_BARRED" || e["variable_billsec"] == "" {
		t.Errorf("%v", e)
	}
	events.want(t, "CHANNEL_HANGUP_COMPLETE", "Unique-ID", ids[1])
	if text, err := c.SendEventWithBody("my::event", map[string]string{"a": "b", "Content-Length": "4"}, "body"); err != nil || !strings.HasPrefix(text, "+OK ") {
		t.Errorf("%q %v", text, err)
	}
	if e := events.want(t, "CUSTOM", "a", "b"); e[fsock.EventBodyTag] != "body" {
		t.Errorf("%v", e)
	}
	if _, err := c.SendApiCmd("no_such_command"); err == nil || err.Error() != "-ERR no_such_command Command not found!" {
		t.Errorf("%v", err)
	}
	if h.heartbeats {
		events.want(t, "HEARTBEAT", "Event-Info", "System Ready")
	}
	if err := c.Disconnect(); err != nil {
		t.Error(err)
	}
}
