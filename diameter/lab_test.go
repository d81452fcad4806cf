package diameter

import (
	"context"
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// cxApp is the application of the tests, and marCode its command.
const (
	cxApp   ApplicationID = 16777216
	marCode CommandCode   = 303
	realmA                = "a.example"
	realmB                = "b.example"
)

var cx = Application{ID: cxApp, VendorID: Vendor3GPP}

// network is a network in memory with nodes on it.
type network struct {
	t   *testing.T
	mem *memnet.Network
}

func newNetwork(t *testing.T) *network {
	return &network{t, memnet.New(memnet.Config{})}
}

func (w *network) dialFrom(ip string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		c, err := w.mem.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr(ip), 0), to)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// node makes a node that listens on ip:3868 and has the application Cx.
func (w *network) node(ip, host, realm string, change func(*Config)) *Node {
	w.t.Helper()
	cfg := Config{OriginHost: host, OriginRealm: realm, Applications: []Application{cx}, Dial: w.dialFrom(ip), Accept: Accept{Hosts: []string{"*"}}}
	if os.Getenv("TELCO_DIAMETER_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", host)
	}
	if change != nil {
		change(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := w.mem.Listen(netip.MustParseAddrPort(ip + ":3868"))
	if err != nil {
		w.t.Fatal(err)
	}
	go n.Serve(l)
	w.t.Cleanup(func() { n.Close() })
	return n
}

// raw is a peer whose every message the test writes and reads.
type raw struct {
	t    *testing.T
	nc   net.Conn
	host string
	mu   sync.Mutex
	id   uint32
}

func (w *network) raw(ip, host, to string) *raw {
	w.t.Helper()
	nc, err := w.dialFrom(ip)(w.t.Context(), "tcp", to+":3868")
	if err != nil {
		w.t.Fatal(err)
	}
	r := &raw{t: w.t, nc: nc, host: host}
	w.t.Cleanup(func() { nc.Close() })
	return r
}

// listenRaw accepts one connection as a raw peer.
func (w *network) listenRaw(ip, host string) *rawListener {
	w.t.Helper()
	l, err := w.mem.Listen(netip.MustParseAddrPort(ip + ":3868"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	return &rawListener{w, l, host}
}

type rawListener struct {
	w    *network
	l    net.Listener
	host string
}

func (l *rawListener) accept() *raw {
	l.w.t.Helper()
	nc, err := l.l.Accept()
	if err != nil {
		l.w.t.Fatal(err)
	}
	l.w.t.Cleanup(func() { nc.Close() })
	return &raw{t: l.w.t, nc: nc, host: l.host}
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.nc.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// read returns the next message, or an error after a minute.
func (r *raw) readErr() (Message, error) {
	r.nc.SetReadDeadline(time.Now().Add(10 * time.Minute))
	head := make([]byte, HeaderLen)
	if _, err := io.ReadFull(r.nc, head); err != nil {
		return Message{}, err
	}
	_, n, err := ParseHeader(head)
	if err != nil {
		return Message{}, err
	}
	b := append(head, make([]byte, n-HeaderLen)...)
	if _, err := io.ReadFull(r.nc, b[HeaderLen:]); err != nil {
		return Message{}, err
	}
	return ParseMessage(b)
}

func (r *raw) read() Message {
	r.t.Helper()
	m, err := r.readErr()
	if err != nil {
		r.t.Fatalf("%s reads: %v", r.host, err)
	}
	return m
}

// expect reads a message of the command, request or answer.
func (r *raw) expect(code CommandCode, request bool) Message {
	r.t.Helper()
	m := r.read()
	if m.Code != code || m.IsRequest() != request {
		r.t.Fatalf("%s got %v, want command %d, request: %v", r.host, m.Header, code, request)
	}
	return m
}

// ended wants the connection to be closed by the other side.
func (r *raw) ended() {
	r.t.Helper()
	if m, err := r.readErr(); err == nil || isTimeout(err) {
		r.t.Fatalf("%s: the connection lives: %v, %v", r.host, m.Header, err)
	}
}

func (r *raw) send(h Header, avps []byte) {
	r.t.Helper()
	b, err := Message{h, avps}.AppendBinary(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(b)
}

func (r *raw) origin(b []byte) []byte {
	b = AppendText(b, AVPOriginHost, Mandatory, 0, r.host)
	return AppendText(b, AVPOriginRealm, Mandatory, 0, realmB)
}

func (r *raw) cerAVPs(apps ...[]byte) []byte {
	b := r.origin(nil)
	b = AppendAddress(b, AVPHostIPAddress, Mandatory, 0, netip.MustParseAddr("192.0.2.99"))
	b = AppendUint32(b, AVPVendorID, Mandatory, 0, 0)
	b = AppendText(b, AVPProductName, 0, 0, "raw")
	for _, a := range apps {
		b = append(b, a...)
	}
	return b
}

func authApp(id ApplicationID) []byte {
	return AppendUint32(nil, AVPAuthApplicationID, Mandatory, 0, uint32(id))
}

func (r *raw) next() uint32 { r.id++; return r.id }

// cer introduces the peer and returns the CEA.
func (r *raw) cer() Message {
	r.t.Helper()
	r.send(Header{Flags: Request, Code: CommandCapabilitiesExchange, HopByHopID: r.next(), EndToEndID: r.id}, r.cerAVPs(cx.appendTo(nil)))
	m := r.expect(CommandCapabilitiesExchange, false)
	synctest.Wait() // the answer is on its way before the peer is open, and requests for it before that are refused
	return m
}

// answerCER waits for a CER and accepts it.
func (r *raw) answerCER() {
	r.t.Helper()
	m := r.expect(CommandCapabilitiesExchange, true)
	r.send(m.Header.Answer(), append(AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(Success)), r.cerAVPs(cx.appendTo(nil))...))
}

// answer sends an answer with a result code to m.
func (r *raw) answer(m Message, rc ResultCode, more ...[]byte) {
	r.t.Helper()
	b := AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(rc))
	b = r.origin(b)
	for _, x := range more {
		b = append(b, x...)
	}
	h := m.Header.Answer()
	if rc.IsProtocolError() {
		h.Flags |= ErrorFlag
	}
	r.send(h, b)
}

// mar is a request to a realm, and to a host if that is not empty.
func mar(session, realm, host string, more ...[]byte) Message {
	b := AppendText(nil, AVPSessionID, Mandatory, 0, session)
	if realm != "" {
		b = AppendText(b, AVPDestinationRealm, Mandatory, 0, realm)
	}
	if host != "" {
		b = AppendText(b, AVPDestinationHost, Mandatory, 0, host)
	}
	for _, x := range more {
		b = append(b, x...)
	}
	return Message{Header{Flags: Request | Proxiable, Code: marCode, ApplicationID: cxApp}, b}
}

// rawMAR is mar as a raw peer sends it.
func (r *raw) mar(session, realm, host string, more ...[]byte) Message {
	m := mar(session, realm, host, more...)
	m.AVPs = r.origin(m.AVPs)
	m.HopByHopID = r.next()
	m.EndToEndID = 0xe2e00000 + r.id
	return m
}

// echo answers with success and the request's Session-Id.
func echo(_ context.Context, r *Incoming) (encoding.BinaryAppender, error) {
	return Message{r.Header.Answer(), AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(Success))}, nil
}

var echoService = []Service{{Application: cxApp, Command: marCode, Handler: echo}}

func resultOf(t *testing.T, m Message) ResultCode {
	t.Helper()
	a, ok := m.Find(AVPResultCode, 0)
	if !ok {
		t.Fatalf("%v has no Result-Code", m.Header)
	}
	v, err := a.Uint32()
	if err != nil {
		t.Fatal(err)
	}
	return ResultCode(v)
}

func ready(t *testing.T, n *Node, hosts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if err := n.Ready(ctx, hosts...); err != nil {
		t.Fatal(err)
	}
}

func peerAt(host, ip string) Peer { return Peer{Host: host, Addresses: []string{ip + ":3868"}} }

func state(t *testing.T, n *Node, host string) string {
	t.Helper()
	s, ok := n.Peer(host)
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%v %v", s.State, s.Watchdog)
}
