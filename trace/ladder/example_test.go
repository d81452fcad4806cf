package ladder_test

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/ladder"
)

var (
	ue    = netip.MustParseAddrPort("192.0.2.1:5060")
	pcscf = netip.MustParseAddrPort("192.0.2.2:5060")
	at    = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
)

func ExampleNew() {
	l := ladder.New(os.Stdout, ladder.Config{Names: map[netip.AddrPort]string{ue: "ue", pcscf: "pcscf"}})
	var observe trace.Func = l.Trace // for the Trace field of a stack's Config
	observe(trace.Event{Time: at, Dir: trace.Sent, Proto: trace.SIP, Local: ue, Remote: pcscf,
		Data: []byte("OPTIONS sip:example.com SIP/2.0\r\nCSeq: 7 OPTIONS\r\n\r\n")})
	observe(trace.Event{Time: at.Add(2 * time.Millisecond), Dir: trace.Received, Proto: trace.SIP, Local: ue, Remote: pcscf,
		Data: []byte("SIP/2.0 200 OK\r\nCSeq: 7 OPTIONS\r\n\r\n")})
	l.Close()
	// Output:
	//    0.000  ue                  pcscf
	//    0.000  |---- OPTIONS ----->|  CSeq 7
	//    0.002  |<----- 200 OK -----|  CSeq 7 OPTIONS
}

func ExampleRecorder() {
	var rec ladder.Recorder // in a test: show it with t.Log when the test has failed
	rec.Trace(trace.Event{Time: at, Interface: "link-1", Comment: "ALIGNED -> PROVING"})
	fmt.Print(rec.Text(ladder.Config{}))
	// Output:
	//    0.000  link-1
	//    0.000  *  ALIGNED -> PROVING
}
