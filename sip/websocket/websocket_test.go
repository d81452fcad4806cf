package websocket_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/sip/websocket"
)

func options(e *sip.Endpoint, uri, body string) *sip.Request {
	r := sip.NewRequest(sip.OPTIONS, uri)
	r.Add("From", "<sip:alice@example.com>;tag="+e.NewTag())
	r.Add("To", "<"+uri+">")
	r.Add("Call-ID", e.NewCallID())
	r.Add("CSeq", "1 OPTIONS")
	r.Body = []byte(body)
	return r
}

// echo answers with the body of the request.
func echo(tx *sip.ServerTransaction, req *sip.Request) {
	resp := sip.NewResponse(req, 200, "")
	resp.Body = req.Body
	tx.Respond(resp)
}

func certificate(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestEndpoints has requests go both ways over one WebSocket, plain and secure, on real sockets.
func TestEndpoints(t *testing.T) {
	cert, pool := certificate(t, "sip.example.com")
	for _, transport := range []sip.Transport{sip.WS, sip.WSS} {
		t.Run(transport.String(), func(t *testing.T) {
			cfg := websocket.Config{Path: "/sip"}
			if transport == sip.WSS {
				cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			}
			l, err := websocket.Listen("127.0.0.1:0", cfg)
			if err != nil {
				t.Fatal(err)
			}
			flows := make(chan sip.Flow, 1)
			server := sip.NewEndpoint(sip.Config{Handler: sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) {
				select {
				case flows <- tx.Flow():
				default:
				}
				echo(tx, req)
			})})
			defer server.Close()
			if _, err := server.ServeListener(l, sip.ListenConfig{Transport: transport}); err != nil {
				t.Fatal(err)
			}
			client := sip.NewEndpoint(sip.Config{Handler: sip.HandlerFunc(echo), Network: sip.NetworkConfig{
				TLS: &tls.Config{RootCAs: pool}, DialWebSocket: websocket.Dialer{Path: "/sip"}.Dial}})
			defer client.Close()
			target := []sip.Target{{Transport: transport, Addr: netip.MustParseAddrPort(l.Addr().String()), ServerName: "sip.example.com"}}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for _, body := range []string{"", "text \u00e9", "binary \xff\x00", strings.Repeat("long", 10_000)} {
				resp, err := client.Do(ctx, options(client, "sip:sip.example.com", body), sip.SendOptions{Targets: target})
				if err != nil || resp.StatusCode != 200 || string(resp.Body) != body {
					t.Fatalf("%.20q: %v, %v", body, resp, err)
				}
				if via, _ := resp.Via(); via.Transport != transport.String() {
					t.Errorf("Via %v", via)
				}
			}
			back := <-flows
			resp, err := server.Do(ctx, options(server, "sip:alice@example.invalid", "back"), sip.SendOptions{Flow: back})
			if err != nil || string(resp.Body) != "back" {
				t.Errorf("back: %v, %v", resp, err)
			}
			if n := server.NetworkStats(); n.Conns != 1 || n.Accepted != 1 || n.Dialled != 0 {
				t.Errorf("%+v", n)
			}
			if st := client.TLS(sip.Flow{Transport: transport, Remote: target[0].Addr}); (st != nil) != (transport == sip.WSS) {
				t.Errorf("TLS state %v", st)
			}
		})
	}
}

func TestDialRefusesWrongNamesAndServers(t *testing.T) {
	cert, pool := certificate(t, "sip.example.com")
	l, err := websocket.Listen("127.0.0.1:0", websocket.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go http.Serve(other, http.RedirectHandler("http://"+l.Addr().String(), http.StatusFound))
	client := sip.NewEndpoint(sip.Config{Network: sip.NetworkConfig{TLS: &tls.Config{RootCAs: pool}, DialWebSocket: websocket.Dialer{}.Dial}})
	defer client.Close()
	for _, target := range []sip.Target{
		{Transport: sip.WSS, Addr: netip.MustParseAddrPort(l.Addr().String()), ServerName: "other.example.com"},
		{Transport: sip.WS, Addr: netip.MustParseAddrPort(l.Addr().String()), ServerName: "sip.example.com"},
		{Transport: sip.WS, Addr: netip.MustParseAddrPort(other.Addr().String())},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		resp, err := client.Do(ctx, options(client, "sip:sip.example.com", ""), sip.SendOptions{Targets: []sip.Target{target}})
		var te *sip.TransportError
		if !errors.As(err, &te) {
			t.Errorf("%v: %v, %v", target, resp, err)
		}
		cancel()
	}
}

func TestServeHTTPRefuses(t *testing.T) {
	l, err := websocket.Listen("127.0.0.1:0", websocket.Config{Path: "/sip", Origins: []string{"phone.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		path, protocol, origin string
		want                   int
	}{
		{"/sip", "sip", "", 101},
		{"/sip", "xmpp, sip", "https://phone.example.com", 101},
		{"/sip", "sip", "https://evil.example.com", 403},
		{"/sip", "", "", 400},
		{"/sip", "xmpp", "", 400},
		{"/", "sip", "", 404},
	} {
		req, _ := http.NewRequest("GET", "http://"+l.Addr().String()+c.path, nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		if c.protocol != "" {
			req.Header.Set("Sec-WebSocket-Protocol", c.protocol)
		}
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || resp.StatusCode != c.want {
			t.Errorf("%+v: %v, %v", c, resp, err)
			continue
		}
		if c.want == 101 && (resp.Header.Get("Sec-WebSocket-Protocol") != "sip" || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
			t.Errorf("%+v: %v", c, resp.Header)
		}
		resp.Body.Close()
	}
}

// pipe is a listener in memory and a dialer to it.
func pipe(t *testing.T) (*websocket.Listener, func(context.Context) (net.Conn, error), *memnet.Network) {
	t.Helper()
	mem := memnet.New(memnet.Config{})
	at := netip.MustParseAddrPort("192.0.2.2:80")
	nl, err := mem.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	l := websocket.Serve(nl, websocket.Config{})
	d := websocket.Dialer{DialStream: func(ctx context.Context, to sip.DialTarget) (net.Conn, error) {
		return mem.Dial(ctx, netip.MustParseAddrPort("192.0.2.1:0"), to.Remote)
	}}
	return l, func(ctx context.Context) (net.Conn, error) {
		return d.Dial(ctx, sip.DialTarget{Transport: sip.WS, Remote: at})
	}, mem
}

func TestConnDeadlinesAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial, _ := pipe(t)
		defer l.Close()
		c, err := dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if c.LocalAddr().String() != s.RemoteAddr().String() || s.LocalAddr().String() != "192.0.2.2:80" || c.RemoteAddr().String() != "192.0.2.2:80" {
			t.Errorf("addresses: %v-%v, %v-%v", c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr())
		}
		buf := make([]byte, 10)
		for _, m := range []string{"one", "0123456789"} {
			go c.Write([]byte(m))
			if n, err := s.Read(buf); string(buf[:n]) != m || err != nil {
				t.Errorf("%q, %v", buf[:n], err)
			}
		}
		s.SetReadDeadline(time.Now().Add(time.Hour))
		s.SetReadDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		if _, err := s.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		s.Close()
		if _, err := c.Read(buf); err == nil {
			t.Error("read from a lost connection")
		}
		c.Close()
		if _, err := c.Write(buf); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}

		// A message that is too long for its reader, and an ordinary end.
		c, _ = dial(t.Context())
		s, _ = l.Accept()
		go c.Write(make([]byte, 11))
		if _, err := s.Read(buf); err == nil {
			t.Error("a message of 11 octets was read into 10")
		}
		s.Close()
		c.Close()
		c, _ = dial(t.Context())
		s, _ = l.Accept()
		c.Close()
		if _, err := s.Read(buf); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		s.Close()
		time.Sleep(10 * time.Second)
	})
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial, _ := pipe(t)
		c, err := dial(t.Context()) // nobody accepts it
		if err != nil {
			t.Fatal(err)
		}
		go func() { time.Sleep(time.Second); l.Close() }()
		if _, err := c.Read(make([]byte, 10)); err != io.EOF {
			t.Errorf("an unaccepted connection ends with %v", err)
		}
		c.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
	})
}

// FuzzConn feeds octets to a server's connection after the handshake.
func FuzzConn(f *testing.F) {
	mask := func(op byte, payload string) []byte {
		return append([]byte{op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	}
	f.Add(mask(0x81, "OPTIONS sip:a SIP/2.0\r\n\r\n"))
	f.Add(append(mask(0x01, "OPT"), mask(0x80, "IONS")...))
	f.Add(mask(0x89, "ping"))
	f.Add(mask(0x88, "\x03\xe8bye"))
	f.Add([]byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add(mask(0x82, ""))
	f.Fuzz(func(t *testing.T, in []byte) {
		synctest.Test(t, func(t *testing.T) {
			l, _, mem := pipe(t)
			defer l.Close()
			c, err := mem.Dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:80"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || resp.StatusCode != 101 {
				t.Fatal(resp, err)
			}
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			s.SetReadDeadline(time.Now().Add(time.Minute))
			go func() { c.Write(in); time.Sleep(time.Second); c.Close() }()
			buf := make([]byte, 100)
			for {
				n, err := s.Read(buf)
				if err != nil {
					break
				}
				if n == 0 {
					t.Error("empty message")
				}
			}
			s.Close()
			time.Sleep(time.Minute)
		})
	})
}

func Example() {
	l, err := websocket.Listen("127.0.0.1:0", websocket.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := sip.NewEndpoint(sip.Config{Handler: sip.HandlerFunc(echo)})
	defer server.Close()
	server.ServeListener(l, sip.ListenConfig{Transport: sip.WS})

	client := sip.NewEndpoint(sip.Config{Network: sip.NetworkConfig{DialWebSocket: websocket.Dialer{}.Dial}})
	defer client.Close()
	uri := "sip:" + l.Addr().String() + ";transport=ws"
	resp, err := client.Do(context.Background(), options(client, uri, ""), sip.SendOptions{})
	fmt.Println(resp.StatusCode, err)
	// Output: 200 <nil>
}
