package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/call/record"
	"github.com/gotelco/telco/sip"
)

func TestParseDialString(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want DialString
	}{
		{"sofia/gateway/gw1/4930123", DialString{Groups: [][]Endpoint{{{Kind: KindGateway, Name: "gw1", Dest: "4930123"}}}}},
		{" {a=1,b='x,y'}{c=2} sofia/internal/bob@example.org:5070;transport=tcp ", DialString{Vars: []Var{{"a", "1"}, {"b", "x,y"}, {"c", "2"}},
			Groups: [][]Endpoint{{{Kind: KindProfile, Name: "internal", Dest: "bob@example.org:5070;transport=tcp"}}}}},
		{"<x=1>[leg_timeout=5,d=a\\,b]user/1000@example.org,[e=]error/USER_BUSY|loopback/9664/default", DialString{Vars: []Var{{"x", "1"}}, Groups: [][]Endpoint{
			{{Kind: KindUser, Dest: "1000@example.org", Vars: []Var{{"leg_timeout", "5"}, {"d", "a,b"}}}, {Kind: KindError, Dest: "USER_BUSY", Vars: []Var{{"e", ""}}}},
			{{Kind: "loopback", Dest: "9664/default"}}}}},
		{"{^^:a=1,2:b=3}sofia/p/sip:x@[2001:db8::1]:5060", DialString{Vars: []Var{{"a", "1,2"}, {"b", "3"}},
			Groups: [][]Endpoint{{{Kind: KindProfile, Name: "p", Dest: "sip:x@[2001:db8::1]:5060"}}}}},
		{"{execute_on_answer='playback {vol=3}a.wav',n=\\'}user/1", DialString{Vars: []Var{{"execute_on_answer", "playback {vol=3}a.wav"}, {"n", "'"}}, Groups: [][]Endpoint{{{Kind: KindUser, Dest: "1"}}}}},
	} {
		got, err := ParseDialString(tc.in)
		if err != nil || !cmp.Equal(got, tc.want) {
			t.Errorf("%s: %v\n%s", tc.in, err, cmp.Diff(tc.want, got))
		}
	}
	for _, bad := range []string{"", "bob", "sofia/", "sofia/x", "sofia/gateway/x", "sofia/gateway//1", "{a=1", "{a}user/1", "[a=1user/1", "user/1,", "user/1||user/2", "{=1}user/1", "user/1,{user/2", strings.Repeat("user/1,", 128) + "user/1"} {
		got, err := ParseDialString(bad)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%.40s: %+v, %v", bad, got, err)
		}
	}
}

func TestParseOriginate(t *testing.T) {
	for _, tc := range []struct {
		in   string
		dest string
		want Originate
	}{
		{"user/1 &park", "1", Originate{Then: Extension{Number: "&park"}}},
		{"{a='b c'}user/1 &playback(a b.wav)", "1", Originate{Then: Extension{Number: "&playback(a b.wav)"}}},
		{"user/1 '&playback(/x y/z.wav)'", "1", Originate{Then: Extension{Number: "&playback(/x y/z.wav)"}}},
		{"user/1 9664 XML public 'Jane Doe' 4930 30", "1", Originate{Then: Extension{"9664", "XML", "public"}, CallerName: "Jane Doe", CallerNumber: "4930", Timeout: 30 * time.Second}},
		{"user/1 9664 undef undef undef 12", "1", Originate{Then: Extension{Number: "9664"}, CallerNumber: "12"}},
		{"user/1 'answer,playback:a.wav' inline", "1", Originate{Then: Extension{Number: "answer,playback:a.wav", Dialplan: "inline"}}},
	} {
		got, err := ParseOriginate(tc.in)
		if err != nil || len(got.Dial.Groups) != 1 || got.Dial.Groups[0][0].Dest != tc.dest {
			t.Errorf("%s: %+v, %v", tc.in, got, err)
		}
		got.Dial = DialString{}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", tc.in, got, tc.want)
		}
	}
	for _, bad := range []string{"", "user/1", "user/1 &park( x", "user/1 &", "user/1 & x", "bob &park", "user/1 1 XML a b c x", "user/1 1 XML a b c 2 3", "{a=1 user/1 &park"} {
		if got, err := ParseOriginate(bad); err == nil {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

func TestParseInline(t *testing.T) {
	for in, want := range map[string][]Action{
		"answer,playback:a.wav,hangup:USER_BUSY":      {{App: "answer"}, {App: "playback", Args: "a.wav"}, {App: "hangup", Args: "USER_BUSY"}},
		"m:^:set:a=b,c^bridge:{x=1,y=2}user/1,user/2": {{App: "set", Args: "a=b,c"}, {App: "bridge", Args: "{x=1,y=2}user/1,user/2"}},
		"playback:'tone_stream://%(1,2,3)',park":      {{App: "playback", Args: "tone_stream://%(1,2,3)"}, {App: "park"}},
	} {
		if got, err := ParseInline(in); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	if _, err := ParseInline("answer,,park"); err == nil {
		t.Error("an application without a name")
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"a": "1234567", "b": "a", "c": "${a}"}
	for in, want := range map[string]string{
		"x${a}y": "x1234567y", "${a:2}": "34567", "${a:2:3}": "345", "${a:-2}": "67", "${a:-4:2}": "45", "${a:9}": "", "${a:0:99}": "1234567",
		"$${a}": "1234567", "${${b}}": "1234567", "${none}": "", "\\${a}": "${a}", "${a": "${a", "$a": "$a", "$": "$", "${c}": "${a}", "€${a}€": "€1234567€", "${a}${b}": "1234567a",
	} {
		if got := expand(in, expansion{lookup: func(n string) string { return vars[n] }}); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// What a variable has is text, whatever it looks like: who calls cannot have functions called.
func TestExpandFunctions(t *testing.T) {
	vars := map[string]string{"a": "x y", "evil": "f(1)", "curl": "${f(2)}", "f": "a"}
	for in, want := range map[string]string{
		"${f()}": "<f:>", "${f(${a})}!": "<f:x y>!", "${f(${g(1)} 2)}": "<f:<g:1> 2>", "${${evil}}": "", "${f(${curl})}": "<f:${f(2)}>", "${evil}": "f(1)",
		"${f (1)}": "", "${(1)}": "", "\\${f(1)}": "${f(1)}", "${f(a}b)}": "b)}", "${${f}}": "x y",
	} {
		x := expansion{func(n string) string { return vars[n] }, func(name, args string) string { return "<" + name + ":" + args + ">" }}
		if got := expand(in, x); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestCauses(t *testing.T) {
	for c, name := range causeNames {
		got, err := ParseCause(strings.ToLower(name))
		if err != nil || got != c || c.String() != name {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if q := c.Q850(); q < 1 || q > 127 {
			t.Errorf("%s is %d in Q.850", name, q)
		}
		if s := c.SIPStatus(); s < 400 || s > 699 {
			t.Errorf("%s is %d in SIP", name, s)
		}
		h := &sip.Header{}
		h.Add("Reason", "X;cause=1")
		h.Add("Reason", c.Reason().String())
		if c != CauseNone {
			if got := CauseOfHeader(h); got != c {
				t.Errorf("%s: %s is read as %v", name, c.Reason(), got)
			}
		}
	}
	// RFC 3398 section 8.2.6.1, but for 88, where FreeSWITCH has 488.
	for c, want := range map[Cause]int{1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 480, 22: 410, 23: 410, 26: 404, 27: 502, 28: 484, 29: 501,
		31: 480, 34: 503, 38: 503, 41: 503, 42: 503, 47: 503, 55: 403, 57: 403, 58: 503, 65: 488, 70: 488, 79: 501, 87: 403, 88: 488, 102: 504, 111: 500, 127: 500} {
		if got := c.SIPStatus(); got != want {
			t.Errorf("%v: %d, want %d", c, got, want)
		}
	}
	for code, want := range map[int]Cause{200: NormalClearing, 302: RedirectionToNewDestination, 404: UnallocatedNumber, 408: RecoveryOnTimerExpire, 480: NoUserResponse, 486: UserBusy,
		487: OriginatorCancel, 488: IncompatibleDestination, 500: NormalTemporaryFailure, 502: NetworkOutOfOrder, 503: NormalTemporaryFailure, 504: RecoveryOnTimerExpire, 600: UserBusy, 603: CallRejected, 604: NoRouteDestination, 699: NormalUnspecified} {
		if got := CauseOfStatus(code); got != want {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
	for _, tc := range []struct {
		err  error
		want Cause
	}{
		{nil, NormalClearing}, {UserBusy, UserBusy}, {fmt.Errorf("x: %w", NoAnswer), NoAnswer}, {sip.ErrCanceled, OriginatorCancel}, {sip.ErrTimeout, RecoveryOnTimerExpire},
		{context.DeadlineExceeded, NoAnswer}, {io.EOF, NormalTemporaryFailure}, {&ending{cause: LoseRace}, LoseRace},
	} {
		if got := CauseOf(tc.err); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.err, got, tc.want)
		}
	}
	for _, bad := range []string{"", "BUSY", "-1", "1000", "17x"} {
		if c, err := ParseCause(bad); err == nil {
			t.Errorf("%q: %v", bad, c)
		}
	}
	if Cause(99).String() != "IE_NONEXIST" || Cause(5).String() != "5" {
		t.Error("names")
	}
}

func TestParseTones(t *testing.T) {
	length := func(script string) time.Duration {
		t.Helper()
		tones, err := ParseTones(script, 8000)
		if err != nil {
			t.Errorf("%s: %v", script, err)
			return 0
		}
		n := 0
		for buf := make([]int16, 160); ; {
			k, err := tones.ReadSamples(buf)
			if n += k; err == io.EOF || n > 8000*100 {
				return time.Duration(n) * time.Second / 8000
			}
		}
	}
	for script, want := range map[string]time.Duration{
		"%(1000,500,440)": 1500 * time.Millisecond, "%(100,100,440,480);%(200,0,1000)": 400 * time.Millisecond, "123": 900 * time.Millisecond, "d=100;w=50;*#": 300 * time.Millisecond,
		"L=3;v=-20;%(100,0,440)": 300 * time.Millisecond, "l=2;%(100,0,440);l=1;%(10,0,440)": 210 * time.Millisecond, "%(100,100,440);loops=4": 800 * time.Millisecond,
		"v=-7;>=0;%(100,0,350.5,440)": 100 * time.Millisecond, "1(500)2(200,100)": 850 * time.Millisecond,
	} {
		if got := length(script); got != want {
			t.Errorf("%s lasts %v, want %v", script, got, want)
		}
	}
	if got := length("%(1000,0,440);loops=-1"); got < 100*time.Second {
		t.Errorf("without end: %v", got)
	}
	for _, bad := range []string{"", "%", "%(1,2", "%(a,b,c)", "%(100,100)", "%(0,0,440)", "x", "v=z;1", "q=1;1", "%(100,0,5000)", strings.Repeat("1", 1001)} {
		if _, err := ParseTones(bad, 8000); err == nil {
			t.Errorf("%.20q is a tone", bad)
		}
	}
}

func TestParseUpload(t *testing.T) {
	for in, want := range map[string]record.Destination{
		"http://(file=a.wav,method=POST,name=rec)example.org/up?x=1": {URL: "http://example.org/up?x=1", Method: "POST", FileField: "rec", File: "a.wav"},
		"https://u:p@example.org/in/b.wav":                           {URL: "https://u:p@example.org/in/b.wav"},
		"http://{file='x/../c d.wav'}example.org":                    {URL: "http://example.org", File: "c_d.wav"},
	} {
		if got, err := parseUpload(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"http://", "ftp://x/y", "http://(method=GET)x/y", "http://(file=a", "http://(method=POST)", "x"} {
		if got, err := parseUpload(bad); err == nil {
			t.Errorf("%s: %+v", bad, got)
		}
	}
	if got := redact("http://(file=a.wav)user:secret@example.org/x"); strings.Contains(got, "secret") {
		t.Error(got)
	}
}

func TestEventText(t *testing.T) {
	e := &Event{Name: "CUSTOM", Body: "hello"}
	e.Add("Event-Name", "CUSTOM")
	e.Add("A", "b c%\n:ü")
	got, err := e.AppendText(nil)
	if want := "Event-Name: CUSTOM\nA: b%20c%25%0A%3A%C3%BC\nContent-Length: 5\n\nhello"; err != nil || string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Unescape(Escape("b c%\n:ü+")); got != "b c%\n:ü+" {
		t.Errorf("%q", got)
	}
	if got := Unescape("100% sure"); got != "100% sure" {
		t.Errorf("%q", got)
	}
	e.Set("a", "x")
	if e.Field("A") != "x" || len(e.Fields) != 2 {
		t.Errorf("%v", e.Fields)
	}
}

func FuzzParseOriginate(f *testing.F) {
	for _, s := range []string{
		"{a='b,c'}[d=e]sofia/gateway/gw/123,user/1|error/USER_BUSY &bridge({x=1}user/2)", "user/1 9664 XML default a b 30", "{^^:a=1:b=2}user/1 'answer,park' inline", "<a=b>{c=d}user/\\'1 &x(", "${a:1:2}$${b}\\${c}${${d}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseOriginate(s)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Errorf("%v", err)
			}
		} else if len(o.Dial.Groups) == 0 {
			t.Error("nobody is called")
		}
		if d, err := ParseDialString(s); err == nil {
			n := 0
			for _, g := range d.Groups {
				for _, ep := range g {
					if n++; ep.Kind == "" || ep.Dest == "" {
						t.Errorf("%+v", ep)
					}
				}
			}
			if n == 0 || n > maxLegs {
				t.Errorf("%d legs", n)
			}
		}
		ParseInline(s)
		ParseTransfer(s)
		splitMulti(s)
		if got := expand(s, expansion{func(n string) string { return n + "${a}" }, func(_, args string) string { return args }}); len(got) > maxExpanded+4*len(s)+1<<16 {
			t.Errorf("%d octets", len(got))
		}
		parseUpload(s)
		ParseCause(s)
		if Unescape(Escape(s)) != s {
			t.Errorf("%q is not what it was", s)
		}
	})
}

func FuzzParseTones(f *testing.F) {
	f.Add("%(1000,500,440,480);loops=-1")
	f.Add("d=100;w=50;v=-13;L=2;123*#A(50,50)")
	f.Fuzz(func(t *testing.T, s string) {
		tones, err := ParseTones(s, 8000)
		if err == nil {
			buf := make([]int16, 160)
			for range 20 {
				if _, err := tones.ReadSamples(buf); err != nil {
					break
				}
			}
		}
		parseSilence(s, 8000)
	})
}
