package esl

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const phoneURL = "sofia/external/phone@10.0.0.2"

func TestOriginate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		c, events := h.client()
		defer c.Close()
		ctx := t.Context()
		c.Send(ctx, &Command{Line: "event plain ALL"})

		id := h.must(c, "originate {origination_uuid=leg-a,x=1}"+phoneURL+" &park()")
		if id != "leg-a" {
			t.Fatalf("originate said %q", id)
		}
		e := events.next(t, "CHANNEL_ANSWER")
		if e.Header.Get("Unique-ID") != id || e.Header.Get("variable_x") != "1" || e.Header.Get("Answer-State") != "answered" {
			t.Errorf("%+v", e)
		}
		events.next(t, "CHANNEL_PARK")
		h.must(c, "uuid_setvar leg-a color dark blue")
		h.must(c, "uuid_setvar_multi leg-a a=1;b=2")
		for line, want := range map[string]string{
			"uuid_getvar leg-a color": "dark blue", "uuid_getvar leg-a b": "2", "uuid_getvar leg-a none": "_undef_", "uuid_exists leg-a": "true",
			"uuid_exists leg-x": "false", "eval uuid:leg-a ${color}!": "dark blue!", "expand uuid:leg-a echo ${a}${b}": "12", "uuid_kill x": "-ERR No such channel!",
			"originate sofia/external/busy@10.0.0.2 &park": "-ERR USER_BUSY", "originate nothing": "-USAGE: " + syntaxOriginate,
		} {
			m, _ := c.Send(ctx, &Command{Line: "api " + line})
			if got := strings.TrimSpace(string(m.Body)); got != want {
				t.Errorf("%s: %q, want %q", line, got, want)
			}
		}
		// In the background, with a name of the client's.
		m, err := c.Send(ctx, &Command{Line: "bgapi originate {origination_uuid=leg-b}" + phoneURL + " &park", Header: header("Job-UUID", "my-job")})
		if err != nil || m.Header.Get("Job-UUID") != "my-job" || m.Header.Get("Reply-Text") != "+OK Job-UUID: my-job" {
			t.Fatalf("%v %v", m, err)
		}
		e = events.next(t, "BACKGROUND_JOB")
		if e.Header.Get("Job-UUID") != "my-job" || e.Header.Get("Job-Command") != "originate" || e.Body != "+OK leg-b\n" {
			t.Errorf("%+v", e)
		}
		h.must(c, "uuid_bridge leg-a leg-b")
		e = events.next(t, "CHANNEL_BRIDGE")
		if e.Header.Get("Bridge-A-Unique-ID") != "leg-a" || e.Header.Get("Bridge-B-Unique-ID") != "leg-b" {
			t.Errorf("%+v", e)
		}
		h.tables(c)
		dump, err := ParseEvent(JSON, []byte(h.must(c, "uuid_dump leg-b json")))
		if err != nil || dump.Header.Get("Unique-ID") != "leg-b" || dump.Header.Get("variable_bridge_uuid") != "leg-a" {
			t.Errorf("%v %v", dump, err)
		}
		if text := h.must(c, "uuid_hold leg-a"); text != "Success" {
			t.Error(text)
		}
		events.next(t, "CHANNEL_HOLD")
		h.must(c, "uuid_hold off leg-a")
		events.next(t, "CHANNEL_UNHOLD")
		h.must(c, "uuid_transfer leg-a -both park inline")
		events.next(t, "CHANNEL_UNBRIDGE")
		events.next(t, "CHANNEL_PARK")
		// A command to a channel, with a name for the execution.
		if _, err := c.Send(ctx, &Command{Line: "sendmsg leg-a", Header: header("call-command", "execute", "execute-app-name", "sleep", "execute-app-arg", "500", "event-lock", "true", "Event-UUID", "exec-1")}); err != nil {
			t.Error(err)
		}
		for {
			if e = events.next(t, "CHANNEL_EXECUTE_COMPLETE"); e.Header.Get("Application") == "sleep" {
				break
			}
		}
		if e.Header.Get("Application-UUID") != "exec-1" {
			t.Errorf("%+v", e)
		}
		if _, err := c.Send(ctx, &Command{Line: "sendmsg leg-a", Header: header("call-command", "hangup", "hangup-cause", "CALL_REJECTED")}); err != nil {
			t.Error(err)
		}
		e = events.next(t, "CHANNEL_HANGUP_COMPLETE")
		if e.Header.Get("Hangup-Cause") != "CALL_REJECTED" || e.Header.Get("variable_billsec") == "" {
			t.Errorf("%+v", e)
		}
		if text := h.must(c, "hupall NORMAL_CLEARING b 2"); !strings.Contains(text, "[b]=[2]") || h.sw.Channel("leg-b") == nil {
			t.Errorf("%q", text)
		}
		h.must(c, "hupall")
		e = events.next(t, "CHANNEL_HANGUP_COMPLETE")
		if e.Header.Get("Hangup-Cause") != "MANAGER_REQUEST" {
			t.Errorf("%+v", e)
		}
		if got := h.must(c, "show channels count"); got != "0 total." {
			t.Errorf("%q", got)
		}
	})
}

// tables looks at show while leg-a is bridged to leg-b.
func (h *house) tables(c *Client) {
	t := h.t
	t.Helper()
	text := h.must(c, "show channels")
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[0] != strings.Join(channelColumns, ",") || !strings.HasPrefix(lines[1], "leg-a,outbound,") || lines[4] != "2 total." {
		t.Errorf("%q", text)
	}
	var list struct {
		Count int                 `json:"row_count"`
		Rows  []map[string]string `json:"rows"`
	}
	if err := json.Unmarshal([]byte(h.must(c, "show channels as json")), &list); err != nil || list.Count != 2 || len(list.Rows) != 2 {
		t.Fatalf("%v %+v", err, list)
	}
	if a := list.Rows[0]; a["uuid"] != "leg-a" || a["callstate"] != "ACTIVE" || a["read_codec"] != "PCMA" || a["read_rate"] != "8000" || a["hostname"] != "box" {
		t.Errorf("%v", a)
	}
	list.Rows = nil
	if err := json.Unmarshal([]byte(h.must(c, "show calls as json")), &list); err != nil || list.Count != 1 || list.Rows[0]["b_uuid"] != "leg-b" {
		t.Errorf("%v %+v", err, list)
	}
	if err := json.Unmarshal([]byte(h.must(c, "show registrations as json")), &list); err != nil || list.Count != 0 {
		t.Errorf("%v %+v", err, list)
	}
	var x struct {
		Count string `xml:"row_count,attr"`
		Rows  []struct {
			UUID string `xml:"uuid"`
		} `xml:"row"`
	}
	if err := xml.Unmarshal([]byte(h.must(c, "show channels like leg-b as xml")), &x); err != nil || x.Count != "1" || x.Rows[0].UUID != "leg-b" {
		t.Errorf("%v %+v", err, x)
	}
	if text := h.must(c, "show calls as delim |"); !strings.HasPrefix(text, strings.Join(callColumns, "|")+"\nleg-a|") {
		t.Errorf("%q", text)
	}
}

func TestMyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		admin, _ := h.client()
		defer admin.Close()
		h.must(admin, "originate {origination_uuid=a}"+phoneURL+" &park")
		h.must(admin, "originate {origination_uuid=b}"+phoneURL+" &park")
		c, events := h.client()
		if _, err := c.Send(t.Context(), &Command{Line: "myevents plain b"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(t.Context(), &Command{Line: "myevents b"}); err == nil {
			t.Error("twice")
		}
		h.must(admin, "uuid_kill a")
		time.Sleep(time.Second)
		h.must(admin, "uuid_kill b USER_BUSY")
		<-c.Done() // the connection ends with the channel
		close(events.all)
		var names []string
		for e := range events.all {
			if e.Header.Get("Content-Type") == "text/disconnect-notice" {
				names = append(names, "disconnect")
				continue
			}
			if e.Header.Get("Unique-ID") != "b" {
				t.Errorf("%+v", e)
			}
			if !strings.Contains(e.Name(), "STATE") && !strings.Contains(e.Name(), "PARK") {
				names = append(names, e.Name())
			}
		}
		if diff := cmp.Diff([]string{"CHANNEL_HANGUP", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY", "disconnect"}, names); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{MaxTasks: 3})
		defer end()
		c, events := h.client()
		defer c.Close()
		c.Send(t.Context(), &Command{Line: "event plain API CHANNEL_HANGUP"})
		h.must(c, "originate {origination_uuid=a}"+phoneURL+" &park")
		start := time.Now()
		h.must(c, "sched_hangup +10 a")
		if text := h.must(c, "sched_api @4 g global_setvar tick=1"); text != "Added: 2" {
			t.Errorf("%q", text)
		}
		h.must(c, "sched_api +3600 later echo x")
		if _, err := c.API(t.Context(), "sched_api +1 g echo x"); err == nil {
			t.Error("no bound")
		}
		e := events.next(t, "CHANNEL_HANGUP")
		if d := time.Since(start).Round(time.Second); d != 10*time.Second || e.Header.Get("Hangup-Cause") != "ALLOTTED_TIMEOUT" {
			t.Errorf("%v after %v", e.Header.Get("Hangup-Cause"), d)
		}
		if h.sw.Global("tick") != "1" {
			t.Error("no tick")
		}
		if text := h.must(c, "show tasks count"); text != "2 total." {
			t.Errorf("%q", text)
		}
		if text := h.must(c, "sched_del g"); text != "Deleted: 1" {
			t.Errorf("%q", text)
		}
		// What is scheduled about a channel goes with it.
		h.must(c, "originate {origination_uuid=b}"+phoneURL+" &park")
		h.must(c, "sched_hangup +1000 b")
		h.must(c, "sched_broadcast @100 b x.wav")
		h.must(c, "uuid_kill b")
		time.Sleep(time.Second)
		if text := h.must(c, "show tasks count"); text != "1 total." {
			t.Errorf("%q", text)
		}
		for _, bad := range []string{"sched_api", "sched_api x g y", "sched_api @0 g y", "sched_hangup +1", "sched_hangup +1 none", "sched_transfer +1 a", "unsched_api 99"} {
			if _, err := c.API(t.Context(), bad); err == nil {
				t.Errorf("%s", bad)
			}
		}
	})
}

func TestConference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{})
		defer end()
		c, _ := h.client()
		defer c.Close()
		for _, id := range []string{"a", "b"} {
			h.must(c, "originate {origination_uuid="+id+",origination_caller_id_name='N "+id+"',origination_caller_id_number=1}"+phoneURL+" &conference(room)")
			time.Sleep(time.Second)
		}
		for _, tt := range [][2]string{
			{"conference room list count", "2"}, {"conference room mute 2", "mute 2"}, {"conference room deaf all", "deaf all"}, {"conference room undeaf 1", "undeaf 1"},
			{"conference room list", "1;sofia/external/phone@10.0.0.2;a;N a;1;hear|speak;0;0;0\n2;sofia/external/phone@10.0.0.2;b;N b;1;;0;0;0"},
			{"conference room mute 9", "Non-Existant ID 9"}, {"conference room kick 1", "kick 1"},
		} {
			if got := h.must(c, tt[0]); got != tt[1] {
				t.Errorf("%s: %q, want %q", tt[0], got, tt[1])
			}
		}
		time.Sleep(time.Second)
		if got := h.must(c, "conference list"); !strings.HasPrefix(got, "Conference room (1 member)\n2;") {
			t.Errorf("%q", got)
		}
		for _, bad := range []string{"conference room mute", "conference room dance", "conference none list"} {
			if _, err := c.API(t.Context(), bad); err == nil {
				t.Errorf("%s", bad)
			}
		}
	})
}

func TestSystemCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reloads := 0
		h, end := newHouse(t, Config{Version: "1.2.3", Deny: []string{"hupall"}, Reload: func(context.Context) error {
			if reloads++; reloads > 1 {
				return fmt.Errorf("line 3: no")
			}
			return nil
		}, Commands: map[string]CommandFunc{"mine": func(_ context.Context, args string) string { return "+OK <" + args + ">\n" }}})
		defer end()
		r := h.login()
		time.Sleep(time.Hour + 2*time.Second)
		for _, tt := range [][2]string{
			{"version", "FreeSWITCH Version 1.2.3 (telco)\n"},
			{"version short", "1.2.3\n"},
			{"uptime", "3602\n"},
			{"uptime h", "1\n"},
			{"hostname", "box"},
			{"mine a  b", "+OK <a  b>\n"},
			{"MINE", "+OK <>\n"},
			{"global_setvar a=b", "+OK"},
			{"global_setvar a=c=x", "-ERR"},
			{"global_setvar a=c=b", "+OK"},
			{"global_getvar a", "c"},
			{"global_getvar", "a=c\n"},
			{"eval $${a}-${a}", "c-c"},
			{"expand echo ${a}", "c"},
			{"regex 4930123|^49(\\d+)$|0%1", "030123"},
			{"regex 1|2|3", "1"},
			{"regex 1|2|3|n", "-ERR no reply\n"},
			{"regex m:~1|2~\\|~$0~b", "true"},
			{"regex a|(", "-ERR error parsing regexp: missing closing ): `(`\n"},
			{"cond 3 > 10 ? 'yes sir' : no", "no"},
			{"cond abc != abc ? a : b", "b"},
			{"cond 1.0 == 1 ? a : b", "a"},
			{"cond a ~ b ? a : b", "-ERR\n"},
			{"md5 abc", "900150983cd24fb0d6963f7d28e17f72"},
			{"eval ${toupper(x${a})}${cond(${a} == c ? 1 : 2)}${hupall()}", "XC1-ERR no such function"},
			{"reloadxml", "+OK [Success]\n"},
			{"reloadxml", "-ERR [line 3: no]\n"},
			{"url_encode a b", "a%20b"},
			{"url_decode a%20b", "a b"},
			{"module_exists mod_sofia", "true"},
			{"module_exists mod_x", "false"},
			{"fsctl ready_check", "true"},
			{"fsctl pause", "+OK\n"},
			{"originate " + phoneURL + " &park", "-ERR SWITCH_CONGESTION\n"},
			{"fsctl resume", "+OK\n"},
			{"hupall", "-ERR permission denied\n"},
			{"expand hupall", "-ERR permission denied\n"},
			{"sched_api +1 g hupall", "-ERR permission denied\n"},
			{"bgapi hupall", "-ERR permission denied\n"},
			{"strftime %Y", "2000"},
			{"log", "+OK\n"},
			{"echo", "-ERR no reply\n"},
			{"show nothing", "-USAGE: " + syntaxShow + "\n"},
			{"show channels as x", "-ERR Cannot find format x\n"},
			{"show channels as json", "{\"row_count\": 0}\n"},
			{"uuid_record x start y", "-ERR Cannot locate session!\n"},
			{"uuid_bridge x y", "-ERR Invalid uuid\n"},
			{"uuid_broadcast x y", "-ERR invalid uuid\n"},
			{"uuid_media off x", "-ERR Operation failed\n"},
		} {
			r.api(tt[0], tt[1])
		}
		want := "UP 0 years, 0 days, 1 hour, 0 minutes, 2 seconds, "
		if s := h.server.status(); !strings.HasPrefix(s, want) || !strings.Contains(s, "\nFreeSWITCH (Version 1.2.3) is ready\n0 session(s) since startup\n0 session(s) - peak 0, last 5min 0 \n") {
			t.Errorf("%q", s)
		}
		for _, name := range h.server.Commands() { // none of them minds having no arguments
			if name != "hupall" && name != "create_uuid" {
				h.server.run(t.Context(), name)
				h.server.run(t.Context(), name+" x")
			}
		}
	})
}

func TestSofia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, end := newHouse(t, Config{
			Profiles: func() []Profile {
				return []Profile{{Name: "trunks", URL: "sip:10.0.0.1:5060", Calls: 2, Gateways: []Gateway{
					{Name: "gw1", To: "sip:user@example.org", Realm: "example.org", Username: "user", State: "REGED", CallsOut: 3, FailedOut: 1},
					{Name: "gw2", To: "sip:10.0.0.9", Down: true},
				}}}
			},
			Registrations: func() []Registration {
				return []Registration{{User: "1000", Realm: "example.org", Contact: "sip:1000@10.0.0.7:5062", Network: "10.0.0.7:5062", Transport: "udp", CallID: "c1",
					Expires: time.Now().Add(time.Minute)}}
			},
		})
		defer end()
		c, _ := h.client()
		defer c.Close()
		want := "                     Name\t   Type\t                                      Data\tState\n" + line + "\n" +
			"                   trunks\tprofile\t                         sip:10.0.0.1:5060\tRUNNING (2)\n" +
			"              trunks::gw1\tgateway\t                      sip:user@example.org\tREGED\n" +
			"              trunks::gw2\tgateway\t                              sip:10.0.0.9\tNOREG\n" + line + "\n1 profile 0 aliases\n"
		if got, err := c.API(t.Context(), "sofia status"); err != nil || got != want {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
		for args, part := range map[string]string{
			"status gateway gw1": "State   \tREGED\nStatus  \tUP\n", "status gateway trunks::gw2": "Status  \tDOWN\n", "status gateway x": "Invalid Gateway!\n",
			"status gateway": "trunks::gw1\t            sip:user@example.org\tREGED\t  0.00\t0/0\t1/3\n", "status profile trunks": "REGISTRATIONS    \t1\n",
			"status profile trunks reg": "User:       \t1000@example.org\n", "status profile trunks reg nobody": "Total items returned: 0\n",
			"status profile trunks user 1000@example.org": "Port:       \t5062\n", "status profile x": "Invalid Profile!\n", "status x": "Invalid Syntax!\n",
		} {
			if got, _ := h.server.API(t.Context(), "sofia "+args); !strings.Contains(got, part) {
				t.Errorf("%s: %q has no %q", args, got, part)
			}
		}
		if _, err := c.API(t.Context(), "sofia profile trunks rescan"); err == nil {
			t.Error("rescan is not refused")
		}
		if got := h.must(c, "sofia_contact 1000@example.org"); got != "sofia/external/sip:1000@10.0.0.7:5062" {
			t.Errorf("%q", got)
		}
		if got := h.must(c, "sofia_contact internal/1001"); got != "error/user_not_registered" {
			t.Errorf("%q", got)
		}
		if got := h.must(c, "show registrations"); got != "reg_user,realm,token,url,expires,network_ip,network_port,network_proto,hostname,metadata\n"+
			fmt.Sprintf("1000,example.org,c1,sip:1000@10.0.0.7:5062,%d,10.0.0.7,5062,udp,box,\n\n1 total.", time.Now().Add(time.Minute).Unix()) {
			t.Errorf("%q", got)
		}
	})
}
