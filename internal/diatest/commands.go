package diatest

import (
	"bytes"
	"encoding"
	"errors"
	"net/netip"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// Command is a typed command under test.
type Command struct {
	value encoding.BinaryAppender
	parse func(diameter.Message) (encoding.BinaryAppender, error)
}

// Of returns a Command of the generated type T.
func Of[T any, P interface {
	*T
	encoding.BinaryAppender
}](c P, parse func(diameter.Message) (T, error)) Command {
	return Command{c, func(m diameter.Message) (encoding.BinaryAppender, error) {
		v, err := parse(m)
		return P(&v), err
	}}
}

// Equal compares two values made of what commands are made of.
func Equal(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

// Commands fills every command, and tests that it comes back as it was, that its M flags are those of the dictionary, that
// without any one AVP it is complete or names that AVP, and that tshark reads the same tree.
func Commands(t *testing.T, d *diameter.Dictionary, commands ...Command) {
	var messages []diameter.Message
	for _, c := range commands {
		Fill(c.value)
		name := reflect.TypeOf(c.value).Elem().Name()
		m, err := diameter.NewMessage(c.value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := d.CommandName(m.Header); got != name {
			t.Errorf("%s is called %s", name, got)
		}
		if err := d.CheckFlags(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := c.parse(m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		reflect.ValueOf(c.value).Elem().FieldByName("Header").Set(reflect.ValueOf(m.Header))
		if d := Equal(c.value, back); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		testPrefix(t, name, c)
		testWithout(t, name, c, m)
		messages = append(messages, m)
	}
	testTshark(t, d, messages)
}

// testPrefix holds that appending appends.
func testPrefix(t *testing.T, name string, c Command) {
	alone, err1 := c.value.AppendBinary(nil)
	after, err2 := c.value.AppendBinary([]byte("abc"))
	if err1 != nil || err2 != nil || !bytes.Equal(after, append([]byte("abc"), alone...)) {
		t.Errorf("%s after other octets: %x, want %x", name, after, alone)
	}
}

func testWithout(t *testing.T, name string, c Command, m diameter.Message) {
	var avps []diameter.AVP
	for a := range m.AVPs.All() {
		avps = append(avps, a)
	}
	for i, a := range avps {
		less := m
		less.AVPs = diameter.AppendAVPs(diameter.AppendAVPs(nil, avps[:i]), avps[i+1:])
		_, err := c.parse(less)
		var p *diameter.ProtocolError
		if err != nil && (!errors.As(err, &p) || p.ResultCode != diameter.MissingAVP || len(p.FailedAVP) != 1 ||
			p.FailedAVP[0].Code != a.Code || p.FailedAVP[0].VendorID != a.VendorID || p.FailedAVP[0].IsMandatory() != a.IsMandatory()) {
			t.Errorf("%s without AVP %d: %v", name, a.Code, err)
		}
		more := m
		more.AVPs = diameter.AppendAVP(bytes.Clone(m.AVPs), a)
		back, err := c.parse(more)
		if err != nil && (!errors.As(err, &p) || p.ResultCode != diameter.AVPOccursTooManyTimes || len(p.FailedAVP) != 1 || p.FailedAVP[0].Code != a.Code) {
			t.Errorf("%s with AVP %d once more: %v", name, a.Code, err)
		}
		if b, err := back.AppendBinary(nil); err != nil || len(b) != more.Len() {
			t.Errorf("%s with AVP %d once more: %d octets are kept of %d", name, a.Code, len(b), more.Len())
		}
	}
}

// testTshark compares the names and places of all AVPs with what tshark says.
func testTshark(t *testing.T, d *diameter.Dictionary, messages []diameter.Message) {
	if _, err := exec.LookPath("tshark"); err != nil || testing.Short() {
		t.Log("without tshark, or with -short, the messages are not judged")
		return
	}
	name := filepath.Join(t.TempDir(), "commands.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{IncludeSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.Trace(trace.Event{
			Time: time.Unix(1795000000+int64(i), 0), Dir: trace.Sent, Proto: trace.Diameter, Transport: trace.TCP, Data: b,
			Local: netip.MustParseAddrPort("192.0.2.1:3868"), Remote: netip.MustParseAddrPort("192.0.2.2:3868"),
		})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Check(t, name)
	out, err := exec.Command("tshark", "-n", "-r", name, "-V", "-O", "diameter").Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs [][]string
	line := regexp.MustCompile(`^( +)AVP: ([^ (]*)\((\d+)\)`)
	for l := range strings.Lines(string(out)) {
		if strings.HasPrefix(l, "Diameter Protocol") {
			theirs = append(theirs, nil)
		} else if f := line.FindStringSubmatch(l); f != nil {
			depth := (len(f[1]) + 4) / 8
			theirs[len(theirs)-1] = append(theirs[len(theirs)-1], strings.Repeat(" ", depth)+plain(f[2]))
		}
	}
	if len(theirs) != len(messages) {
		t.Fatalf("tshark sees %d messages of %d", len(theirs), len(messages))
	}
	for i, m := range messages {
		if diff := cmp.Diff(names(nil, d, m.AVPs, 0), theirs[i]); diff != "" {
			t.Errorf("%s: tshark's tree: %s", d.CommandName(m.Header), diff)
		}
	}
}

// plain folds the names that Wireshark gives to AVPs of which there are two of a name, or that are newer than it is.
func plain(name string) string {
	for _, p := range []string{"3GPP-", "Cx-", "Sh-"} {
		name = strings.TrimPrefix(name, p)
	}
	name = strings.ToLower(name)
	if to, ok := map[string]string{
		"wildcarded-psi": "wildcarded-public-identity", "accounting-multi-session-id": "acct-multi-session-id",
		"call-barring-infor-list": "call-barring-info",
	}[name]; ok {
		return to
	}
	return name
}

// newer are AVPs that Wireshark doesn't know; it shows a group among them without what is in it.
var newer = map[string]bool{
	"RTR-Flags": true, "P-CSCF-Subscription-Info": true, "Registration-Time-Out": true, "Alternate-Digest-Algorithm": true,
	"Alternate-Digest-HA1": true, "Failed-PCSCF": true, "Call-Reference-Info": true,
}

func names(out []string, d *diameter.Dictionary, s diameter.AVPs, depth int) []string {
	for a := range s.All() {
		name := d.AVPName(a.Code, a.VendorID)
		if newer[name] || !d.Known(a.Code, a.VendorID) {
			out = append(out, strings.Repeat(" ", depth+1)+"unknown")
			continue
		}
		out = append(out, strings.Repeat(" ", depth+1)+plain(name))
		if d.IsGrouped(a.Code, a.VendorID) {
			out = names(out, d, a.Grouped(), depth+1)
		}
	}
	return out
}
