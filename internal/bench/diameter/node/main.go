// Node is the node under test of the Diameter benchmarks: a server that answers Cx's
// Multimedia-Auth-Requests with typed commands, or a relay in front of one.
//
//	node -role server -listen 127.0.0.30:3868
//	node -role relay -listen 127.0.0.31:3868 -next 127.0.0.29:3868 -next-host bare.ims.mnc001.mcc001.3gppnetwork.org
package main

import (
	"context"
	"encoding"
	"flag"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

const cxApp = 16777216

func main() {
	role := flag.String("role", "server", "server or relay")
	listen := flag.String("listen", "127.0.0.30:3868", "where to listen")
	next := flag.String("next", "", "the relay's next hop")
	nextHost := flag.String("next-host", "bare.ims.mnc001.mcc001.3gppnetwork.org", "the next hop's Origin-Host")
	realm := flag.String("realm", "ims.mnc001.mcc001.3gppnetwork.org", "the realm served or relayed to")
	profile := flag.String("cpuprofile", "", "file for a CPU profile")
	flag.Parse()

	cfg := diameter.Config{
		OriginHost: *role + ".bench", OriginRealm: "bench",
		Accept: diameter.Accept{Hosts: []string{"*"}},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	switch *role {
	case "server":
		cfg.Realms = []string{*realm}
		cfg.Applications = []diameter.Application{{ID: cxApp, VendorID: diameter.Vendor3GPP}}
		cfg.Services = []diameter.Service{{Application: cxApp, Command: 303, Handler: mar(cfg)}}
	case "relay":
		cfg.Relay = true
		cfg.Peers = []diameter.Peer{{Host: *nextHost, Addresses: []string{*next}}}
		cfg.Routes = []diameter.Route{{Realm: *realm, Peers: []diameter.RoutePeer{{Host: *nextHost}}}}
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	n, err := diameter.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	go n.Serve(l)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	n.Close()
}

// mar answers with a vector that is always the same.
func mar(cfg diameter.Config) diameter.Handler {
	challenge, res, key := make([]byte, 32), make([]byte, 8), make([]byte, 16)
	return func(_ context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
		q, err := cx.ParseMAR(r.Message)
		if err != nil {
			return nil, err
		}
		a := q.Answer(cfg.OriginHost, cfg.OriginRealm)
		a.ResultCode = diameter.Some(diameter.Success)
		a.UserName = diameter.Some(q.UserName)
		a.PublicIdentity = diameter.Some(q.PublicIdentity)
		a.SIPNumberAuthItems = diameter.Some(uint32(1))
		a.SIPAuthDataItem = []cx.SIPAuthDataItem{{
			SIPItemNumber: diameter.Some(uint32(1)), SIPAuthenticationScheme: diameter.Some("Digest-AKAv1-MD5"),
			SIPAuthenticate: challenge, SIPAuthorization: res, ConfidentialityKey: key, IntegrityKey: key,
		}}
		return &a, nil
	}
}
