package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const torture = "../../sip/testdata/torture"

// lint runs the program and returns its output and exit status.
func lint(t *testing.T, stdin string, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(args, strings.NewReader(stdin), &out, &errs)
	if errs.Len() > 0 && status != 2 {
		t.Errorf("siplint %q: %s", args, &errs)
	}
	return out.String(), status
}

// TestTorture: one line for each file, in order, with the layer and the status of each refusal.
func TestTorture(t *testing.T) {
	want := map[string]string{
		"badinv01.dat": "reject header 400 Via: ", "clerr.dat": "reject syntax 400 Content-Length: ",
		"ncl.dat": "reject syntax 400 Content-Length: ", "scalar02.dat": "reject header 400 CSeq: ",
		"scalarlg.dat": "reject header 0 CSeq: ", "quotbal.dat": "reject header 400 To: ",
		"ltgtruri.dat": "reject syntax 400 Request-URI: ", "lwsruri.dat": "reject syntax 400 Request-URI: ",
		"escruri.dat": "reject request 400 Request-URI: ", "regbadct.dat": "reject header 400 Contact: ",
		"baddn.dat": "reject header 400 From: ", "badvers.dat": "reject request 505 start line: ",
		"mismatch01.dat": "reject request 400 CSeq: ", "mismatch02.dat": "reject request 501 start line: ",
		"bigcode.dat": "reject syntax 0 start line: ", "insuf.dat": "reject header 400 From: missing",
		"unkscm.dat": "reject request 416 Request-URI: ", "novelsc.dat": "reject request 416 Request-URI: ",
		"bext01.dat": "reject request 420 Require: ", "multi01.dat": "reject header 400 From: more than one",
		"mcl01.dat": "reject syntax 400 Content-Length: ", "test.dat": "reject syntax 400 start line: ",
		"ipv6-bad": "reject request 400 Request-URI: ",
	}
	files, err := filepath.Glob(torture + "/rfc*/*")
	if err != nil || len(files) != 62 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	out, status := lint(t, "", files...)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d lines for %d files", len(lines), len(files))
	}
	for i, f := range files {
		verdict := want[filepath.Base(f)]
		if verdict == "" {
			verdict = "accept"
		}
		if !strings.HasPrefix(lines[i], f+" "+verdict) {
			t.Errorf("got %q, want %q", lines[i], f+" "+verdict)
		}
	}
}

func TestStrict(t *testing.T) {
	file := torture + "/rfc4475/lwsstart.dat"
	if out, status := lint(t, "", file); out != file+" accept\n" || status != 0 {
		t.Errorf("lenient: %q, %d", out, status)
	}
	if out, status := lint(t, "", "-strict", file); out != file+" reject syntax 400 Request-URI: bad character (offset 7)\n" || status != 1 {
		t.Errorf("strict: %q, %d", out, status)
	}
}

func TestStream(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(torture, "rfc4475", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	good, bad := read("zeromf.dat"), read("badinv01.dat")
	for _, tt := range []struct {
		name, stream, want string
		status             int
	}{
		{"two", good + "\r\n\r\n" + good, "- accept", 0},
		{"second", good + bad, "- reject header 400 Via: ", 1},
		{"cut", good + good[:len(good)-9], "- reject syntax 400 stream: ", 1},
		{"no length", "OPTIONS sip:a SIP/2.0\r\nTo: x\r\n\r\n" + good, "- reject syntax 400 Content-Length: missing", 1},
		{"two messages in one datagram", read("dblreq.dat"), "- reject request 501 start line: ", 1},
	} {
		if out, status := lint(t, tt.stream, "-stream", "-methods", "OPTIONS,INVITE", "-"); !strings.HasPrefix(out, tt.want) || status != tt.status || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: %q, %d", tt.name, out, status)
		}
	}
}

func TestDump(t *testing.T) {
	out, status := lint(t, "", "-dump", "../../sip/testdata/ims_invite.sip", torture+"/rfc4475/mpart01.dat", torture+"/rfc4475/regescrt.dat",
		torture+"/rfc4475/unreason.dat", torture+"/rfc4475/badinv01.dat")
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for _, want := range []string{
		"  request INVITE\n  Request-URI: tel, number +999705550123\n",
		"  Via: transport TCP, sent by [2001:db8:20::c5]:5064, branch=\"z9hG4bK-3721-9-0f8d6c11b2aa4e57\", rport=\"5064\"",
		"  From: display \"Nadia Berg\", tag=\"q81dk20x7m\"\n    URI: sip, user \"+999705550188\"",
		"  Session-Expires: \"1800\", refresher=\"uac\"\n",
		"    part 1: \"text/plain\", 5 octets\n",
		"    header Route: \"<sip:sip.example.com>\"\n",
		"  response 200 \"= 2**3 * 5**2 ",
		"  Via: Via: empty parameter",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestUnreadable(t *testing.T) {
	good := torture + "/rfc4475/zeromf.dat"
	if out, status := lint(t, "", "no such file", good); status != 2 || out != good+" accept\n" {
		t.Errorf("%q, %d", out, status)
	}
	if _, status := lint(t, ""); status != 2 {
		t.Errorf("without files: %d, want 2", status)
	}
}
