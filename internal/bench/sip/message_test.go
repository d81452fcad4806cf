// Package sip compares messages of this module's package sip with those of emiago/sipgo.
package sip

import (
	"io"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	telco "github.com/gotelco/telco/sip"
)

func invite(b *testing.B) []byte {
	msg, err := os.ReadFile("../../../sip/testdata/ims_invite.sip")
	if err != nil {
		b.Fatal(err)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	return msg
}

// measure runs f as a benchmark and reports the processor time of the process beside the wall
// clock: on a busy machine only that tells what the code costs.
func measure(b *testing.B, f func()) {
	before := cpuTime(b)
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func telcoParse(b *testing.B, msg []byte) *telco.Request {
	m, err := telco.Parse(msg)
	if err != nil {
		b.Fatal(err)
	}
	return m.(*telco.Request)
}

func telcoCore(b *testing.B, r *telco.Request) {
	via, err := r.Via()
	cseq, err2 := r.CSeq()
	from, err3 := r.From()
	to, err4 := r.To()
	if err != nil || err2 != nil || err3 != nil || err4 != nil {
		b.Fatal(err, err2, err3, err4)
	}
	if via.Branch() == "" || cseq.Seq == 0 || from.Tag() == "" || to.Tag() != "" || r.CallID() == "" {
		b.Fatal("core fields")
	}
}

func sipgoParse(b *testing.B, p *sipgo.Parser, msg []byte) *sipgo.Request {
	m, err := p.ParseSIP(msg)
	if err != nil {
		b.Fatal(err)
	}
	return m.(*sipgo.Request)
}

func sipgoCore(b *testing.B, r *sipgo.Request) {
	via, cseq, from, to := r.Via(), r.CSeq(), r.From(), r.To()
	if via == nil || cseq == nil || from == nil || to == nil || r.CallID() == nil {
		b.Fatal("core fields")
	}
	branch, _ := via.Params.Get("branch")
	tag, _ := from.Params.Get("tag")
	if branch == "" || tag == "" || cseq.SeqNo == 0 {
		b.Fatal("core fields")
	}
}

func BenchmarkMessageParse(b *testing.B) {
	b.Run("telco", func(b *testing.B) {
		msg := invite(b)
		measure(b, func() {
			telcoParse(b, msg)
		})
	})
	b.Run("sipgo", func(b *testing.B) {
		msg, p := invite(b), sipgo.NewParser()
		measure(b, func() {
			sipgoParse(b, p, msg)
		})
	})
}

func BenchmarkMessageParseCore(b *testing.B) {
	b.Run("telco", func(b *testing.B) {
		msg := invite(b)
		measure(b, func() {
			telcoCore(b, telcoParse(b, msg))
		})
	})
	b.Run("sipgo", func(b *testing.B) {
		msg, p := invite(b), sipgo.NewParser()
		measure(b, func() {
			sipgoCore(b, sipgoParse(b, p, msg))
		})
	})
}

func BenchmarkMessageSerialize(b *testing.B) {
	b.Run("telco", func(b *testing.B) {
		r := telcoParse(b, invite(b))
		measure(b, func() {
			if _, err := r.AppendText(nil); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("sipgo", func(b *testing.B) {
		r := sipgoParse(b, sipgo.NewParser(), invite(b))
		measure(b, func() {
			if r.String() == "" {
				b.Fatal("empty")
			}
		})
	})
}

func BenchmarkMessageProxyHop(b *testing.B) {
	b.Run("telco", func(b *testing.B) {
		msg := invite(b)
		measure(b, func() {
			r := telcoParse(b, msg)
			telcoCore(b, r)
			r.RemoveNth("Route", 0)
			via := telco.Via{Transport: "UDP", Host: "127.0.0.1", Port: 5060}
			via.Params.Set("branch", sipgo.GenerateBranch())
			r.Insert("Via", 0, via.String())
			r.Insert("Record-Route", 0, "<sip:127.0.0.1:5060;lr>")
			if _, err := r.AppendText(nil); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("sipgo", func(b *testing.B) {
		msg, p := invite(b), sipgo.NewParser()
		measure(b, func() {
			r := sipgoParse(b, p, msg)
			sipgoCore(b, r)
			r.RemoveHeader("Route")
			via := &sipgo.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: "127.0.0.1", Port: 5060, Params: sipgo.NewParams()}
			via.Params.Add("branch", sipgo.GenerateBranch())
			r.PrependHeader(via)
			rr := &sipgo.RecordRouteHeader{Address: sipgo.Uri{Scheme: "sip", Host: "127.0.0.1", Port: 5060, UriParams: sipgo.NewParams()}}
			rr.Address.UriParams.Add("lr", "")
			r.PrependHeader(rr)
			if r.String() == "" {
				b.Fatal("empty")
			}
		})
	})
}
