package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/examples/kit/config"
)

// What clients of the event socket see of the SIP side and of the log.
func TestSofia(t *testing.T) {
	cfg := defaults()
	text := strings.Replace(sample, "rules: ", "trunks: [{name: carrier, servers: [{uri: \"sip:127.0.0.1:9\"}], username: me}]\nrules: ", 1)
	if err := config.Parse("sample", []byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.EventSocket = EventSocket{Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)), Password: "x"}
	p, at := up(t, cfg, "")
	phone(t, "alice", at)
	logged := make(chan string, 100)
	client, err := esl.Dial(t.Context(), cfg.EventSocket.Listen, "x", func(m *esl.Message) {
		if m.Type() == "log/data" {
			select {
			case logged <- string(m.Body):
			default:
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for line, parts := range map[string][]string{
		"sofia status":                 {"external\tprofile\t", "external::carrier\tgateway\t", "sip:127.0.0.1:9\tNOREG\n"},
		"sofia status gateway carrier": {"Username\tme\n", "Status  \tUP\n"},
		"show registrations":           {"\nalice,localhost,", "\n1 total.\n"},
		"show codec":                   {"codec,AMR-WB,"},
		"sofia_contact alice":          {"sofia/external/sip:"},
	} {
		got, err := client.API(t.Context(), line)
		for _, part := range parts {
			if err != nil || !strings.Contains(got, part) {
				t.Errorf("%s: %q (%v) has no %q", line, got, err, part)
			}
		}
	}
	if _, err := client.Send(t.Context(), &esl.Command{Line: "log info"}); err != nil {
		t.Fatal(err)
	}
	slog.New(p.tap).Info("hello", "n", 1)
	for end := time.After(10 * time.Second); ; {
		select {
		case text := <-logged:
			if strings.Contains(text, "hello n=1") {
				return
			}
		case <-end:
			t.Fatal("the log is not heard")
		}
	}
}
