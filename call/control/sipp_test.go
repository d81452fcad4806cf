package control_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/call/record"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/examples/kit/sound"
	"github.com/gotelco/telco/examples/kit/speech"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/sip"
)

// ringing is a SIPp that rings until it is cancelled, and wants to be told why.
const ringing = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="ringing">
  <recv request="INVITE"/>
  <send><![CDATA[
    SIP/2.0 180 Ringing
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPpTag01[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Content-Length: 0

  ]]></send>
  <recv request="CANCEL">
    <action><ereg regexp="Q.850 *;.*cause=16.*LOSE_RACE" search_in="hdr" header="Reason:" check_it="true" assign_to="1"/></action>
  </recv>
  <Reference variables="1"/>
  <send><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPpTag01[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
    SIP/2.0 487 Request Terminated
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPpTag01[call_number]
    [last_Call-ID:]
    CSeq: 1 INVITE
    Content-Length: 0

  ]]></send>
  <recv request="ACK"/>
</scenario>
`

// answering is a SIPp that answers, and wants to be told of the given cause at the end.
const answering = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="answering">
  <recv request="INVITE"/>
  <send retrans="500"><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPpTag01[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=- 1 1 IN IP4 [local_ip]
    s=-
    c=IN IP4 [media_ip]
    t=0 0
    m=audio [media_port] RTP/AVP 0
  ]]></send>
  <recv request="ACK" optional="false"/>
  <recv request="BYE">
    <action><ereg regexp="Q.850 *;.*CAUSE" search_in="hdr" header="Reason:" check_it="true" assign_to="1"/></action>
  </recv>
  <Reference variables="1"/>
  <send><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
</scenario>
`

// sipp starts SIPp for one call; wait checks that it was content.
func sipp(t *testing.T, args ...string) (wait func()) {
	t.Helper()
	cmd := exec.Command("sipp", append(args, "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "40", "-timeout_error")...)
	cmd.Dir = t.TempDir()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Errorf("sipp %v: %v\n%.3000s", args, err, out.String())
		}
	}
}

// SIPp answers a call that is originated, while another one rings in vain, and echoes what it hears; the recording is
// uploaded. Then SIPp calls in and is bridged to SIPp, and what it says reaches the other.
func TestSIPp(t *testing.T) {
	lab.Need(t, "sip-tester", "sipp")
	t.Parallel()
	uploads := make(chan []byte, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, header, err := r.FormFile("recording")
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		b, err := io.ReadAll(f)
		if err == nil && strings.HasSuffix(header.Filename, "call.wav") {
			uploads <- b
		}
	}))
	defer server.Close()
	spool, err := record.Open(record.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()

	sounds, said := t.TempDir(), speech.Caller()[:3*speech.Rate]
	if err := wav.WriteFile(filepath.Join(sounds, "speech.wav"), said, wav.Format{SampleRate: 8000}); err != nil {
		t.Fatal(err)
	}
	var sw *control.Switch
	agent, err := call.NewAgent(call.Config{
		Address: netip.MustParseAddr("127.0.0.1"), Codecs: []call.Codec{call.PCMU, call.PCMA},
		SIP:    sip.UserAgentConfig{Address: "<sip:switch@127.0.0.1>"},
		OnCall: func(c *call.Call) { sw.Serve(c) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	callee, slow, third := lab.FreePort(t), lab.FreePort(t), lab.FreePort(t)
	ended := make(chan map[string]string, 8)
	sw, err = control.New(control.Config{
		Agent: agent, Sounds: sounds, Spool: spool, Heartbeat: -1,
		Dialplan: func(_ context.Context, c *control.Channel, ext control.Extension) ([]control.Action, error) {
			return []control.Action{
				{App: "set", Args: "hangup_after_bridge=true"},
				{App: "bridge", Args: fmt.Sprintf("error/USER_BUSY|sofia/test/%s@127.0.0.1:%d", ext.Number, third)},
			}, nil
		},
		OnDestroy: func(c *control.Channel) { ended <- c.Vars() },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer sw.Close(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()

	scenarios := t.TempDir()
	scenario := func(name, text string) string {
		name = filepath.Join(scenarios, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	uas := sipp(t, "-sf", scenario("busy.xml", strings.Replace(answering, "CAUSE", "cause=17.*USER_BUSY", 1)), "-p", fmt.Sprint(callee), "-rtp_echo", "-mp", fmt.Sprint(lab.FreePort(t)))
	uncalled := sipp(t, "-sf", scenario("ringing.xml", ringing), "-p", fmt.Sprint(slow))
	time.Sleep(500 * time.Millisecond) // until they listen; else the first INVITE is sent again
	c, err := sw.OriginateString(ctx, fmt.Sprintf("[leg_delay_start=1]sofia/test/a@127.0.0.1:%d,sofia/test/b@127.0.0.1:%d &park", callee, slow))
	if err != nil {
		t.Fatal(err)
	}
	c.SetVar("RECORD_STEREO", "true")
	name := "(file=" + c.UUID() + "-call.wav,method=POST,name=recording)"
	if err := c.Execute(ctx, "record_session", strings.Replace(server.URL, "://", "://"+name, 1)+"/up"); err != nil {
		t.Fatal(err)
	}
	if err := c.Execute(ctx, "playback", "file_string://speech.wav!silence_stream://500"); err != nil {
		t.Error(err)
	}
	c.Hangup(control.UserBusy)
	uas()
	uncalled()
	select {
	case b := <-uploads:
		file := filepath.Join(t.TempDir(), "got.wav")
		os.WriteFile(file, b, 0o600)
		pcm, f, err := wav.ReadFile(file)
		if err != nil || f.Channels != 2 {
			t.Fatalf("%+v, %v", f, err)
		}
		for i, side := range []string{"what SIPp echoes", "what SIPp hears"} {
			var one []int16
			for ; i < len(pcm); i += 2 {
				one = append(one, pcm[i])
			}
			if m := sound.Listen(one, said, speech.Rate, 16000); m.Share < 0.6 {
				t.Errorf("%s: %+v", side, m)
			}
		}
	case <-ctx.Done():
		t.Errorf("nothing was uploaded: %+v", spool.Stats())
	}
	for range 2 {
		select {
		case vars := <-ended:
			want := map[string]string{"a": "USER_BUSY", "b": "LOSE_RACE"}[vars["destination_number"]]
			if vars["hangup_cause"] != want {
				t.Errorf("%s has ended with %s", vars["destination_number"], vars["hangup_cause"])
			}
		case <-ctx.Done():
			t.Fatal("a channel has no end")
		}
	}

	uas = sipp(t, "-sf", scenario("normal.xml", strings.Replace(answering, "CAUSE", "cause=16.*NORMAL_CLEARING", 1)), "-p", fmt.Sprint(third))
	uac := sipp(t, "-sn", "uac", "-s", "4711", "-p", fmt.Sprint(lab.FreePort(t)), "-d", "1000", l.Local.String())
	uac()
	uas()
	for range 2 {
		select {
		case vars := <-ended:
			if vars["hangup_cause"] != "NORMAL_CLEARING" || vars["destination_number"] != "4711" || vars["billsec"] == "0" || vars["bridge_uuid"] == "" {
				t.Errorf("%v", vars)
			}
		case <-ctx.Done():
			t.Fatal("a channel has no end")
		}
	}
	if n := agent.Calls(); n != 0 {
		t.Errorf("%d calls left", n)
	}
}
