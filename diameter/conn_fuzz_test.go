package diameter

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzConn feeds a node's connection with octets after a good CER, in pieces of any size. Nothing may panic
// or hang, every message that the node sends must parse, and after a good message at the end that was
// framed well the node answers it.
func FuzzConn(f *testing.F) {
	r := &raw{host: "raw.example"}
	for _, m := range []Message{
		r.mar("s", realmB, ""),
		r.mar("s", "c.example", ""),
		r.mar("s", realmB, "hss."+realmB),
		{Header{Flags: Request, Code: CommandDeviceWatchdog}, r.origin(nil)},
		{Header{Code: CommandDeviceWatchdog}, r.origin(nil)},
		{Header{Flags: Request, Code: CommandDisconnectPeer}, AppendUint32(r.origin(nil), AVPDisconnectCause, Mandatory, 0, 2)},
		{Header{Flags: Request, Code: CommandCapabilitiesExchange}, r.cerAVPs(authApp(cxApp))},
		{Header{Flags: ErrorFlag, Code: marCode, ApplicationID: cxApp}, AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(RedirectIndication))},
	} {
		b, _ := m.AppendBinary(nil)
		f.Add(b, byte(7))
		f.Add(append(b[:len(b):len(b)], b...), byte(0))
		b = bytes.Clone(b)
		b[3]++
		f.Add(b, byte(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece byte) {
		n, err := New(Config{OriginHost: "hss." + realmB, OriginRealm: realmB, Applications: []Application{cx}, Services: echoService, Relay: true,
			Accept: Accept{Hosts: []string{"*"}}, Limits: Limits{MaxMessage: 1 << 16}})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		here, there := net.Pipe()
		n.admit()
		n.accepted(newStreamLink(there, n.cfg.Limits.MaxMessage))
		done := make(chan error, 1)
		go func() {
			for {
				head := make([]byte, HeaderLen)
				if _, err := io.ReadFull(here, head); err != nil {
					done <- nil
					return
				}
				_, length, err := ParseHeader(head)
				if err != nil {
					done <- err
					return
				}
				b := append(head, make([]byte, length-HeaderLen)...)
				if _, err := io.ReadFull(here, b[HeaderLen:]); err != nil {
					done <- nil // cut off with the connection
					return
				}
				if _, err := ParseMessage(b); err != nil {
					done <- err
					return
				}
			}
		}()
		here.SetWriteDeadline(time.Now().Add(5 * time.Second))
		cer, _ := Message{Header{Flags: Request, Code: CommandCapabilitiesExchange}, r.cerAVPs(authApp(cxApp))}.AppendBinary(nil)
		here.Write(cer)
		for len(data) > 0 {
			k := min(int(piece)+1, len(data))
			if _, err := here.Write(data[:k]); err != nil {
				if isTimeout(err) {
					t.Fatal("the node does not read")
				}
				break
			}
			data = data[k:]
		}
		here.Close()
		if err := <-done; err != nil {
			t.Fatalf("the node sent what does not parse: %v", err)
		}
	})
}

// FuzzCapabilities: what is read of a CER can be announced again and reads the same.
func FuzzCapabilities(f *testing.F) {
	r := &raw{host: "raw.example"}
	f.Add(r.cerAVPs(authApp(cxApp)), true)
	f.Add(r.cerAVPs(cx.appendTo(nil)), false)
	f.Fuzz(func(t *testing.T, avps []byte, strict bool) {
		m := Message{AVPs: avps}
		c, err := parseCapabilities(m, strict)
		if err != nil {
			var p *ProtocolError
			if !errors.As(err, &p) || p.ResultCode.IsSuccess() {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		b := c.appendTo(nil)
		again, err := parseCapabilities(Message{AVPs: b}, false)
		if err != nil && len(c.HostIPAddresses) > 0 {
			t.Fatalf("%x: %v", b, err)
		}
		if again.OriginHost != c.OriginHost || again.Relay != c.Relay || len(again.Applications) != len(c.Applications) {
			t.Fatalf("%+v became %+v", c, again)
		}
		local := Capabilities{OriginHost: "us", Applications: []Application{cx}, NoInbandSecurity: true}
		local.agree(&c)
	})
}

// FuzzRouting: the scan that routes finds what the iterator finds.
func FuzzRouting(f *testing.F) {
	f.Add([]byte(mar("s;1", realmB, "hss."+realmB, AppendText(nil, AVPRouteRecord, 0, 0, "us")).AVPs))
	f.Add([]byte{0, 0, 1, 27, 0, 0, 0, 8})
	f.Fuzz(func(t *testing.T, avps []byte) {
		var r routing
		err := r.scan(avps, "us")
		if (err == nil) != (AVPs(avps).Check() == nil) {
			t.Fatalf("scan: %v, Check: %v", err, AVPs(avps).Check())
		}
		if err != nil {
			return
		}
		want := routing{}
		for a := range AVPs(avps).All() {
			if a.VendorID != 0 {
				continue
			}
			switch a.Code {
			case AVPDestinationRealm:
				want.destRealm = a.Data
			case AVPRouteRecord:
				want.looped = want.looped || string(bytes.ToLower(a.Data)) == "us"
			}
		}
		if !bytes.Equal(r.destRealm, want.destRealm) || want.looped && !r.looped {
			t.Fatalf("%+v, want %+v", r, want)
		}
		secrets(append(make([]byte, HeaderLen), avps...))
		var o overloadState
		o.init(4, time.Unix(1e9, 0))
		o.learn(Message{AVPs: avps}, time.Unix(1e9, 0))
	})
}

func FuzzURI(f *testing.F) {
	f.Add("aaa://host.example.com:6666;transport=tcp;protocol=diameter")
	f.Add("aaas://h;transport=sctp")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if err != nil || again != u {
			t.Fatalf("%q: %+v, then %+v, %v", s, u, again, err)
		}
	})
}
