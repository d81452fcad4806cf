package pcapng_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

func ExampleCreate() {
	dir, err := os.MkdirTemp("", "pcapng")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w, err := pcapng.Create(filepath.Join(dir, "call.pcapng"), pcapng.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var observe trace.Func = w.Trace // for the Trace field of a stack's Config
	observe(trace.Event{
		Time: time.Now(), Dir: trace.Sent, Interface: "pcscf", Proto: trace.SIP, Transport: trace.UDP,
		Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("192.0.2.2:5060"),
		Data: []byte("OPTIONS sip:192.0.2.2 SIP/2.0\r\n\r\n"),
	})
	fmt.Println(w.Close(), w.Stats().Packets)
	// Output: <nil> 1
}

func ExampleLive() {
	live := pcapng.NewLive(pcapng.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /trace.pcapng", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/octet-stream")
		live.Stream(r.Context(), rw)
	})
	// Now: curl -sN http://127.0.0.1:8080/trace.pcapng | wireshark -k -i -
}

func ExampleLive_Stream() {
	live := pcapng.NewLive(pcapng.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a reader that leaves at once
	fmt.Println(live.Stream(ctx, io.Discard), live.Readers())
	// Output: <nil> 0
}
