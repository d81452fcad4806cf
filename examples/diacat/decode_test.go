package main

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// capture makes a capture of messages between a client and a server.
type capture struct {
	t    *testing.T
	w    *pcapng.Writer
	name string
	at   time.Time
	over trace.Transport
}

func newCapture(t *testing.T, over trace.Transport) *capture {
	t.Helper()
	name := filepath.Join(t.TempDir(), "c.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{IncludeSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	return &capture{t, w, name, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), over}
}

func (c *capture) add(sent bool, m diameter.Message) {
	c.t.Helper()
	b, err := m.AppendBinary(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	e := trace.Event{Time: c.at, Dir: trace.Received, Proto: trace.Diameter, Transport: c.over, Data: b, Interface: "x",
		Local: netip.MustParseAddrPort("192.0.2.1:40000"), Remote: netip.MustParseAddrPort("192.0.2.2:3868")}
	if c.over == trace.OverSCTP {
		e.PPID = diameter.PPIDDiameter
	}
	if sent {
		e.Dir = trace.Sent
	}
	c.w.Trace(e)
	c.at = c.at.Add(time.Second)
}

func (c *capture) file() string {
	c.t.Helper()
	if err := c.w.Close(); err != nil {
		c.t.Fatal(err)
	}
	return c.name
}

// request makes a message of a command with AVPs as they stand in YAML.
func request(t *testing.T, yaml string, id uint32) diameter.Message {
	t.Helper()
	status, out, errs := cat(t, yaml, "send", "-print", "-host", "cscf.ims.example", "-realm", "ims.example", "-")
	if status != 0 {
		t.Fatal(errs)
	}
	b, err := hex.DecodeString(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	m, err := diameter.ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	m.HopByHopID, m.EndToEndID = id, id
	return m
}

// story plays requests and answers: a line "> YAML" is from the client, "< YAML" from the server, the ids by pairs.
func story(t *testing.T, c *capture, messages ...string) {
	t.Helper()
	last := map[diameter.CommandCode]uint32{}
	for i, text := range messages {
		m := request(t, strings.TrimLeft(text, "<> "), uint32(i+1))
		if m.IsRequest() {
			last[m.Code] = uint32(i + 1)
		} else {
			m.HopByHopID = last[m.Code]
		}
		c.add(text[0] == '>', m)
	}
}

const (
	cer = `> {command: CER, avps: {Host-IP-Address: 192.0.2.1, Vendor-Id: 0, Product-Name: x, Vendor-Specific-Application-Id: {Vendor-Id: 10415, Auth-Application-Id: Cx}}}`
	cea = `< {command: CEA, avps: {Result-Code: 2001, Origin-Host: hss.ims.example, Host-IP-Address: 192.0.2.2, Vendor-Id: 0, Product-Name: y, Vendor-Specific-Application-Id: {Vendor-Id: 10415, Auth-Application-Id: Cx}}}`
	uar = `> {command: UAR, avps: {Destination-Realm: ims.example, User-Name: a@ims.example, Public-Identity: 'sip:a@ims.example', Visited-Network-Identifier: v}}`
)

func uaa(avps string) string {
	return `< {command: UAA, avps: {Origin-Host: hss.ims.example, Session-Id: x, ` + avps + `}}`
}

// TestExplain plays exchanges that fail, each for a reason of its own.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages []string
		want     []string
	}{
		{"no common application", []string{cer, `< {command: CEA, avps: {Result-Code: 5010, Origin-Host: hss.ims.example, Host-IP-Address: 192.0.2.2, Vendor-Id: 0, Product-Name: y, Auth-Application-Id: S6a}}`},
			[]string{"frame 2: CEA from hss.ims.example to cscf.ims.example: 5010 DIAMETER_NO_COMMON_APPLICATION", "cscf.ims.example advertised 16777216 (Cx); hss.ims.example only 16777251 (S6a)"}},
		{"nothing said of applications", []string{cer, `< {command: CEA, avps: {Result-Code: 5010, Origin-Host: hss.ims.example, Host-IP-Address: 192.0.2.2, Vendor-Id: 0, Product-Name: y}}`},
			[]string{"advertised 16777216 (Cx); which hss.ims.example has it does not say"}},
		{"in both, and refused", []string{cer, `< {command: CEA, avps: {Result-Code: 5010, Origin-Host: hss.ims.example, Host-IP-Address: 192.0.2.2, Vendor-Id: 0, Product-Name: y, Auth-Application-Id: Cx}}`},
			[]string{"16777216 (Cx) is in both: cscf.ims.example has it as Auth-Application-Id within Vendor-Specific-Application-Id"}},
		{"success without a common application", []string{cer, strings.ReplaceAll(cea, "Cx", "Sh")}, []string{"success, but no application in common", "only 16777217 (Sh)"}},
		{"unknown peer", []string{cer, `< {command: CEA, flags: E, avps: {Result-Code: 3010, Origin-Host: hss.ims.example}}`}, []string{"3010 DIAMETER_UNKNOWN_PEER", "does not know cscf.ims.example"}},
		{"no security", []string{cer, `< {command: CEA, avps: {Result-Code: 5017, Origin-Host: hss.ims.example, Inband-Security-Id: 1}}`}, []string{"offered no Inband-Security-Id (none); hss.ims.example wants TLS"}},
		{"missing", []string{cer, cea, uar, uaa("Result-Code: 5005, Failed-AVP: {User-Name: ''}")}, []string{"User-Name is missing", "has { User-Name }", "the request has it, though"}},
		{"missing, unknown to the grammar", []string{cer, cea, uar, uaa("Result-Code: 5005, Failed-AVP: {Route-Record: ''}")}, []string{"Route-Record is missing", "has *[ Route-Record ]"}},
		{"missing, nothing said", []string{cer, cea, uar, uaa("Result-Code: 5005")}, []string{"which AVP is meant the answer does not say"}},
		{"unsupported", []string{cer, cea, uar, uaa("Result-Code: 5001, Failed-AVP: {Visited-Network-Identifier: v}")}, []string{"does not know Visited-Network-Identifier", `("600@10415/-")`}},
		{"a value", []string{cer, cea, uar, uaa("Result-Code: 5004, Failed-AVP: {User-Authorization-Type: 9}")}, []string{"does not take: User-Authorization-Type VM 9", "values: REGISTRATION, DE_REGISTRATION"}},
		{"too many", []string{cer, cea, uar, uaa("Result-Code: 5009, Failed-AVP: {User-Name: x}")}, []string{"User-Name is there 1 times", "has { User-Name }"}},
		{"within a group", []string{cer, cea, uar, uaa("Result-Code: 5014, Failed-AVP: {Supported-Features: {Vendor-Id: 1}}")}, []string{"Supported-Features / Vendor-Id has 4 octets of data, its type is Unsigned32"}},
		{"contradiction", []string{cer, cea, uar, uaa("Result-Code: 5007, Failed-AVP: {User-Name: x}")}, []string{`contradicts another AVP: User-Name M "x"`}},
		{"flags of an AVP", []string{cer, cea, uar, uaa("Result-Code: 3009, Failed-AVP: {User-Name/-: x}")}, []string{"User-Name was sent with the flags -; the dictionary has M", "E flag is clear"}},
		{"flags of the header", []string{cer, cea, `> {command: UAR, flags: RE, avps: {Destination-Realm: ims.example}}`, uaa("Result-Code: 3008")},
			[]string{"the request's flags are RE", "its grammar has RP", "by the way: the request lacks { User-Name }"}},
		{"command", []string{cer, cea, `> {command: 303, application: Sh, avps: {Destination-Realm: ims.example}}`, `< {command: 303, application: Sh, flags: PE, avps: {Result-Code: 3001, Origin-Host: hss.ims.example}}`},
			[]string{"does not serve command 303 of application 16777217 (Sh)", "303 is MAR in 16777216 (Cx)"}},
		{"application", []string{cer, cea, `> {command: UDR, avps: {Destination-Realm: ims.example}}`, `< {command: 306, application: Sh, flags: PE, avps: {Result-Code: 3007, Origin-Host: hss.ims.example}}`},
			[]string{"the request is of application 16777217 (Sh); hss.ims.example advertised 16777216 (Cx)"}},
		{"host", []string{cer, cea, strings.Replace(uar, "avps: {", "avps: {Destination-Host: hss9.ims.example, ", 1), uaa("Result-Code: 3002")}, []string{`Destination-Host is "hss9.ims.example"`}},
		{"realm", []string{cer, cea, strings.Replace(uar, "Realm: ims", "Realm: other", 1), uaa("Result-Code: 3003, Error-Message: sorry, Error-Reporting-Host: dra.example")},
			[]string{`no route to Destination-Realm "other.example": hss.ims.example is of the realm "ims.example"`, `it says: "sorry"`, "made by dra.example"}},
		{"loop", []string{cer, cea, strings.Replace(uar, "avps: {", "avps: {Route-Record: [a.example, b.example], ", 1), uaa("Result-Code: 3005")}, []string{"Route-Record a.example, b.example"}},
		{"user", []string{cer, cea, uar, uaa("Experimental-Result: {Vendor-Id: 10415, Experimental-Result-Code: 5001}")}, []string{"5001 DIAMETER_ERROR_USER_UNKNOWN", `neither User-Name "a@ims.example"`}},
		{"another vendor", []string{cer, cea, uar, uaa("Experimental-Result: {Vendor-Id: 7, Experimental-Result-Code: 5001}")}, []string{"5001 of vendor 7", "a result of vendor 7"}},
		{"no result", []string{cer, cea, uar, uaa("User-Name: x")}, []string{"no result", "neither Result-Code nor"}},
		{"silence", []string{cer, cea, uar, `> {command: DWR}`, `< {command: DWA, avps: {Result-Code: 2001, Origin-Host: hss.ims.example}}`, `> {command: DWR}`, `< {command: DWA, avps: {Result-Code: 2001, Origin-Host: hss.ims.example}}`},
			[]string{"frame 3: UAR from cscf.ims.example to hss.ims.example: not answered", "is alive: it answered a watchdog"}},
		{"watchdog", []string{cer, cea, `> {command: DWR}`, `> {command: STR, application: Cx}`, `> {command: STR, application: Cx}`}, []string{"DWR from cscf.ims.example to hss.ims.example: not answered", "watchdog silence"}},
		{"nothing after CER", []string{cer, `> {command: DWR}`, `> {command: DWR}`}, []string{"CER from cscf.ims.example to 192.0.2.2:3868: not answered", "may wait for TLS"}},
		{"parting", []string{cer, cea, `< {command: DPR, avps: {Origin-Host: hss.ims.example, Disconnect-Cause: BUSY}}`}, []string{"DPR from hss.ims.example to cscf.ims.example: BUSY", "it lacks resources"}},
		{"malformed", []string{cer, cea, `> {command: UAR, bare: true, avps: {1: x}}`, uaa("Result-Code: 2001")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			over := trace.TCP
			if len(c.messages)%2 == 0 {
				over = trace.OverSCTP
			}
			capture := newCapture(t, over)
			story(t, capture, c.messages...)
			status, out, errs := cat(t, "", "explain", capture.file())
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s%s", want, out, errs)
				}
			}
			if (status == 1) != (c.want != nil) || c.want == nil && !strings.Contains(out, "nothing failed") {
				t.Errorf("status %d: %s", status, out)
			}
		})
	}
}

func TestExplainCode(t *testing.T) {
	_, out, _ := cat(t, "", "explain", "5001")
	golden(t, "explain-5001", out)
	if _, out, _ := cat(t, "", "explain", "5999"); out != "5999: permanent failure, not known here more closely\n" {
		t.Error(out)
	}
}

// TestDecode: what was sent comes out of captures and of hexadecimal text in all the forms that people have.
func TestDecode(t *testing.T) {
	m := request(t, uar[2:], 7)
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := cat(t, hex.EncodeToString(b), "decode", "-")
	golden(t, "decode", want)
	var colons, dump, xxd strings.Builder
	for i, c := range b {
		if i > 0 {
			colons.WriteByte(':')
		}
		colons.WriteString(hex.EncodeToString([]byte{c}))
	}
	dump.WriteString(hex.Dump(b))
	for i := 0; i < len(b); i += 16 {
		line := b[i:min(i+16, len(b))]
		xxd.WriteString(hexOffset(i) + ": ")
		for j := 0; j < len(line); j += 2 {
			xxd.WriteString(hex.EncodeToString(line[j:min(j+2, len(line))]) + " ")
		}
		xxd.WriteString(" ................\n")
	}
	for name, text := range map[string]string{"colons": colons.String(), "hexdump -C": dump.String(), "xxd": xxd.String(), "upper case": strings.ToUpper(hex.EncodeToString(b))} {
		if status, out, errs := cat(t, text, "decode", "-"); status != 0 || out != want {
			t.Errorf("%s: status %d: %s%s", name, status, out, errs)
		}
	}
	for _, over := range []trace.Transport{trace.TCP, trace.OverSCTP} {
		c := newCapture(t, over)
		c.add(true, m)
		c.add(true, m)
		status, out, errs := cat(t, "", "decode", c.file())
		if status != 0 || strings.Count(out, want) != 2 || !strings.Contains(out, "12:00:01.000000 192.0.2.1:40000 -> 192.0.2.2:3868") {
			t.Errorf("%v: status %d: %s%s", over, status, out, errs)
		}
	}
	if status, _, errs := cat(t, hex.EncodeToString(b[:len(b)-9]), "decode", "-"); status != 1 || errs != "" {
		t.Errorf("cut: status %d, %s", status, errs)
	}
	if status, out, _ := cat(t, hex.EncodeToString(b), "decode", "-check", "-only", "UAA", "-"); status != 0 || out != "" {
		t.Errorf("status %d: %s", status, out)
	}
	if status, _, errs := cat(t, "hello", "decode", "-"); status != 2 || !strings.Contains(errs, "neither a capture") {
		t.Errorf("status %d: %s", status, errs)
	}
	lacking := request(t, "{command: UAR, bare: true, avps: {User-Name: [a, b]}}", 1)
	b, _ = lacking.AppendBinary(nil)
	if status, out, _ := cat(t, hex.EncodeToString(b), "decode", "-check", "-"); status != 1 || !strings.Contains(out, "! { User-Name } is there 2 times") || !strings.Contains(out, "! < Session-Id > is missing") {
		t.Errorf("status %d: %s", status, out)
	}
}

func hexOffset(i int) string { return hex.EncodeToString([]byte{0, 0, byte(i >> 8), byte(i)}) }

// TestReassembly: segments that are split, doubled, late and lost.
func TestReassembly(t *testing.T) {
	m := request(t, uar[2:], 7)
	b, _ := m.AppendBinary(nil)
	stream := bytes.Repeat(b, 4)
	segment := func(seq uint32, flags byte, data []byte) packet {
		tcp := append([]byte{0x9c, 0x40, 0x0f, 0x1c, byte(seq >> 24), byte(seq >> 16), byte(seq >> 8), byte(seq), 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0}, data...)
		n := len(tcp) + 20
		ip := append([]byte{0x45, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, tcp...)
		return packet{1, time.Time{}, 101, ip}
	}
	const first = 0xfffffff0 // wraps
	part := func(from, to int) packet { return segment(first+1+uint32(from), 0x10, stream[from:to]) }
	n := len(stream)
	for name, c := range map[string]struct {
		packets []packet
		want    int
	}{
		"in order":       {[]packet{part(0, 5), part(5, 100), part(100, n)}, 4},
		"late and again": {[]packet{part(100, n), part(5, 100), part(0, 60), part(0, 5), part(50, 120)}, 4},
		"one is lost":    {[]packet{part(0, 100), part(150, n)}, 0},
		"octet by octet": {func() (ps []packet) {
			for i := range stream {
				ps = append(ps, part(i, i+1))
			}
			return ps
		}(), 4},
	} {
		found, ended := 0, ""
		x := newExtractor(func(f frame) {
			if f.err == nil && f.msg.Code == m.Code {
				found++
			}
		}, func(who, other, how string) { ended = who + " " + how })
		x.packet(segment(first, 2, nil))
		for _, p := range c.packets {
			x.packet(p)
		}
		x.packet(segment(first+1+uint32(n), 0x11, nil))
		if found != c.want || ended != "192.0.2.1:40000 closed the connection" {
			t.Errorf("%s: %d messages, want %d; %s", name, found, c.want, ended)
		}
	}
}

// FuzzCapture: whatever a file holds, reading it ends.
func FuzzCapture(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.pcap*")
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b)
		}
	}
	f.Add([]byte{0x0a, 0x0d, 0x0d, 0x0a, 12, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 12, 0, 0, 0})
	f.Add([]byte("01000014 80000118 00000000 00000000 00000000"))
	d, err := newDictionary(nil, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := newExplainer(d)
		e := newExtractor(x.add, x.closing)
		if isCapture(b) {
			readCapture(b, e.packet)
		} else {
			e.packet(packet{1, time.Time{}, 101, b})
			e.packet(packet{1, time.Time{}, 1, b})
			parseHex(string(b))
		}
		x.finish(0)
		x.write(new(bytes.Buffer))
	})
}
