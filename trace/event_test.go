package trace

import "testing"

func TestRedacted(t *testing.T) {
	in := []byte(`ck="0123", nonce="9"`)
	got := Redacted(in, []Span{{4, 8}, {100, 200}, {-3, 0}})
	if string(got) != `ck="xxxx", nonce="9"` || string(in) != `ck="0123", nonce="9"` {
		t.Errorf("got %s from %s", got, in)
	}
	if out := Redacted(in, []Span{{50, 60}}); &out[0] != &in[0] {
		t.Error("copied without need")
	}
}

func TestTee(t *testing.T) {
	if Tee(nil, nil) != nil {
		t.Error("Tee of nothing is not nil")
	}
	n := 0
	f := func(Event) { n++ }
	Tee(f)(Event{})
	Tee(f, nil, f)(Event{})
	if n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
}

func TestNames(t *testing.T) {
	if SIP.String() != "SIP" || ESL.String() != "ESL" || Proto(200).String() != "Proto(200)" || Pipe.String() != "pipe" || Sent.String() != "sent" {
		t.Error("a name is wrong")
	}
}
