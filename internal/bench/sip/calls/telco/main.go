// Telco is the system under test of the call benchmark: a user agent server (180, 200 with SDP, BYE
// 200) or a stateful, record-routing proxy that sends everything to one next hop.
package main

import (
	"flag"
	"fmt"
	"net/http"
	_ "net/http/pprof"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/gotelco/telco/sip"
)

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 100\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\na=ptime:20\r\n"

func main() {
	mode := flag.String("mode", "uas", "uas or proxy")
	addr := flag.String("ip", "127.0.0.2:5060", "own address")
	dst := flag.String("dst", "127.0.0.3:5070", "the proxy's next hop")
	debug := flag.String("debug", "", "address of net/http/pprof")
	flag.Parse()
	if *debug != "" {
		go http.ListenAndServe(*debug, nil)
	}
	cfg := sip.Config{Inline: true, MaxDatagram: -1}
	var e *sip.Endpoint
	if *mode == "uas" {
		cfg.Handler = sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) { answer(tx, req) })
	} else {
		cfg.Proxy = true
		next := netip.MustParseAddrPort(*dst)
		p := &proxy{recordRoute: "<sip:" + *addr + ";lr>", opts: sip.SendOptions{Targets: []sip.Target{{Transport: sip.UDP, Addr: next}}}}
		cfg.Handler = sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) { p.forward(e, tx, req) })
	}
	e = sip.NewEndpoint(cfg)
	if _, err := e.Listen(sip.ListenConfig{Transport: sip.UDP, Addr: *addr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	if s := e.Stats(); *debug != "" {
		fmt.Fprintf(os.Stderr, "%+v\n", s)
	}
	e.Close()
}

func answer(tx *sip.ServerTransaction, req *sip.Request) {
	switch req.Method {
	case sip.INVITE:
		tx.Respond(sip.NewResponse(req, 180, ""))
		ok := sip.NewResponse(req, 200, "")
		ok.Add("Contact", "<sip:bob@127.0.0.2:5060>")
		ok.Add("Content-Type", "application/sdp")
		ok.Body = []byte(sdp)
		tx.Respond(ok)
	case sip.BYE:
		tx.Respond(sip.NewResponse(req, 200, ""))
	case sip.ACK:
	default:
		tx.Respond(sip.NewResponse(req, 501, ""))
	}
}

// proxy forwards to one next hop.
type proxy struct {
	recordRoute string
	opts        sip.SendOptions
}

func (p *proxy) forward(e *sip.Endpoint, tx *sip.ServerTransaction, req *sip.Request) {
	out := req.Clone()
	for out.Has("Route") {
		out.RemoveNth("Route", 0)
	}
	if n, ok, _ := out.MaxForwards(); ok {
		if n == 0 {
			tx.Respond(sip.NewResponse(req, 483, ""))
			return
		}
		out.Set("Max-Forwards", fmt.Sprint(n-1))
	}
	if req.Method == sip.ACK {
		e.Start(out, p.opts, nil)
		return
	}
	if req.Method == sip.INVITE {
		out.Insert("Record-Route", 0, p.recordRoute)
	}
	a, err := e.Start(out, p.opts, func(ev sip.ClientEvent) {
		switch {
		case ev.Response != nil && ev.Response.StatusCode > 100:
			ev.Response.RemoveNth("Via", 0)
			tx.Respond(ev.Response)
		case ev.Err != nil:
			tx.Respond(sip.NewResponse(req, 408, ""))
		}
	})
	if err != nil {
		tx.Respond(sip.NewResponse(req, 500, ""))
		return
	}
	if req.Method == sip.INVITE {
		tx.OnCancel(func() { a.Cancel() })
	}
}
