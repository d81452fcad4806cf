package as_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
)

// TestSIPpMessages: a request by HTTP and a timed job become a MESSAGE on a phone, a phone's MESSAGE reaches a web server, and a
// call for help also alerts a desk: the phones and the desk are SIPp.
func TestSIPpMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, "sip-tester", "sipp")
	port, phone, desk := lab.FreePort(t), lab.FreePort(t), lab.FreePort(t)
	tr := tsharktest.Capture(t, "-d", fmt.Sprintf("udp.port==%d,sip", port))
	came := make(chan string, 10)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- string(body)
	}))
	defer web.Close()
	yes := true
	rules, err := as.NewRules(as.RulesConfig{Rules: []as.Rule{
		{Match: as.Match{Emergency: &yes}, Then: &as.Decision{Status: 486}},
		{Match: as.Match{Called: []string{"+49301"}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "phone"}}}},
		{Match: as.Match{Called: []string{"+4930200"}}, Then: &as.Decision{Action: as.Webhook, Address: web.URL}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var server *as.Server
	send := func(ctx context.Context, to as.Target, m *as.Message) (*sip.Response, error) {
		return server.Send(ctx, to, m)
	}
	messages, err := as.NewMessages(as.MessagesConfig{Router: rules, Send: send})
	if err != nil {
		t.Fatal(err)
	}
	alerts := make(chan as.AlertResult, 1)
	emergency, err := as.NewEmergency(as.EmergencyConfig{Send: send, Alerts: []as.Target{{Trunk: "desk", Called: "+4930110"}}, OnAlert: func(r as.AlertResult) { alerts <- r }})
	if err != nil {
		t.Fatal(err)
	}
	server = startServer(t, as.Config{
		Call:   call.Config{SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: tr}}, Trace: tr},
		Domain: "as.example.org", Router: rules, Emergency: emergency, OnRequest: messages.OnRequest,
		Trunks: []as.Trunk{
			{Name: "phone", Servers: []as.TrunkServer{{URI: fmt.Sprintf("sip:127.0.0.3:%d", phone)}}},
			{Name: "desk", Servers: []as.TrunkServer{{URI: fmt.Sprintf("sip:127.0.0.4:%d", desk)}}},
		},
	}, port)
	to := fmt.Sprintf("127.0.0.1:%d", port)

	post := func(contentType, query, body string) {
		t.Helper()
		r := httptest.NewRequest("POST", "/"+query, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		messages.ServeHTTP(w, r)
		var got as.MessageResult
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.Status != 200 || got.Target != "trunk/phone" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	wait := sipp(t, "gets_text", "127.0.0.3", phone, 2)
	post("application/json", "", `{"to":"+49 30 1","from":"+4930100","text":"wake up"}`)
	done := make(chan struct{})
	jobs, err := as.NewJobs(as.JobsConfig{Send: func(ctx context.Context, m *as.Message) (as.MessageResult, error) {
		defer close(done)
		return messages.Send(ctx, m)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := jobs.Add(as.Job{Name: "wake", At: time.Now(), Message: &as.JobMessage{To: "+49301", From: "+4930100", Text: "wake up"}}); err != nil {
		t.Fatal(err)
	}
	wait()
	<-done
	if err := jobs.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if l := jobs.List(); l[0].Runs != 1 || l[0].Error != "" {
		t.Errorf("%+v", l)
	}
	wait = sipp(t, "gets_sms", "127.0.0.3", phone, 1)
	post("application/vnd.3gpp.sms", "?to=%2B49301&from=%2B4930100", "\x01\x02\x00\x07\x91\x94\x71\x01\x67\x05\x00\x00")
	wait()

	sipp(t, "sends_text", "127.0.0.3", phone, 1, to)()
	select {
	case body := <-came:
		if !strings.Contains(body, `"text":"good morning`) || !strings.Contains(body, `"calling":{"number":"+49301"}`) || !strings.Contains(body, `"trunk":"phone"`) {
			t.Error(body)
		}
	default:
		t.Error("the web server heard nothing")
	}

	wait = sipp(t, "gets_alert", "127.0.0.4", desk, 1)
	sipp(t, "calls_112", "127.0.0.3", phone, 1, to)()
	wait()
	if r := <-alerts; r.Err != nil || r.Target != "trunk/desk/+4930110" {
		t.Errorf("%+v", r)
	}
	if st := messages.Stats(); st.Sent != 3 || st.Received != 1 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}
