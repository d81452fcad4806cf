// Sipgo is the same system under test as telco, made of github.com/emiago/sipgo.
package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 100\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\na=ptime:20\r\n"

func main() {
	mode := flag.String("mode", "uas", "uas or proxy")
	addr := flag.String("ip", "127.0.0.2:5060", "own address")
	dst := flag.String("dst", "127.0.0.3:5070", "the proxy's next hop")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	sip.UDPMTUSize = 10000
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ua, err := sipgo.NewUA()
	must(err)
	srv, err := sipgo.NewServer(ua)
	must(err)
	if *mode == "uas" {
		serve(srv)
	} else {
		client, err := sipgo.NewClient(ua, sipgo.WithClientAddr(*addr))
		must(err)
		relay(srv, client, *dst)
	}
	must(srv.ListenAndServe(ctx, "udp", *addr))
}

func serve(srv *sipgo.Server) {
	srv.OnInvite(func(req *sip.Request, tx sip.ServerTransaction) {
		ringing := sip.NewResponseFromRequest(req, 180, "Ringing", nil)
		if _, ok := ringing.To().Params.Get("tag"); !ok {
			ringing.To().Params.Add("tag", sip.GenerateTagN(8))
		}
		_ = tx.Respond(ringing)
		tag, _ := ringing.To().Params.Get("tag")
		ok := sip.NewSDPResponseFromRequest(req, []byte(sdp))
		ok.To().Params.Remove("tag")
		ok.To().Params.Add("tag", tag)
		ok.RemoveHeader("Contact")
		ok.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: "bob", Host: "127.0.0.2", Port: 5060}})
		_ = tx.Respond(ok)
		<-tx.Done()
	})
	srv.OnAck(func(*sip.Request, sip.ServerTransaction) {})
	srv.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
	})
}

func relay(srv *sipgo.Server, client *sipgo.Client, dst string) {
	forward := func(req *sip.Request, tx sip.ServerTransaction) {
		for req.Route() != nil {
			req.RemoveHeader("Route")
		}
		req.SetDestination(dst)
		out, err := client.TransactionRequest(context.Background(), req, sipgo.ClientRequestAddVia, sipgo.ClientRequestAddRecordRoute)
		if err != nil {
			_ = tx.Respond(sip.NewResponseFromRequest(req, 500, "", nil))
			return
		}
		defer out.Terminate()
		for {
			select {
			case res, more := <-out.Responses():
				if !more {
					return
				}
				res.SetDestination(req.Source())
				res.RemoveHeader("Via")
				_ = tx.Respond(res)
			case <-out.Done():
				return
			case <-tx.Done():
				return
			}
		}
	}
	srv.OnInvite(forward)
	srv.OnBye(forward)
	srv.OnAck(func(req *sip.Request, _ sip.ServerTransaction) {
		for req.Route() != nil {
			req.RemoveHeader("Route")
		}
		req.SetDestination(dst)
		_ = client.WriteRequest(req, sipgo.ClientRequestAddVia)
	})
}

func must(err error) {
	if err != nil && err != context.Canceled {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
