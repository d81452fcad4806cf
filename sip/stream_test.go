package sip

import (
	"errors"
	"strings"
	"testing"
)

func TestFramerRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		status   int
		is       error
		head     string // what Next returns for an answer
	}{
		{"no Content-Length", "OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n", 400, ErrMissing, "OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n"},
		{"two lengths", "OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", 400, ErrRepeated, "OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n"},
		{"negative length", "OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n", 400, nil, "OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n"},
		{"length over the limit", "OPTIONS sip:a SIP/2.0\r\nl: 70000\r\n\r\n", 513, ErrTooLarge, "OPTIONS sip:a SIP/2.0\r\nl: 70000\r\n\r\n"},
		{"endless header", "OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 20000), 513, ErrTooLarge, ""},
		{"endless line", strings.Repeat("x", 70000), 513, ErrTooLarge, ""},
	} {
		var f Framer
		f.Write([]byte(tt.in))
		_, head, err := f.Next()
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Status != tt.status || tt.is != nil && !errors.Is(err, tt.is) || string(head) != tt.head {
			t.Errorf("%s: %q, %v", tt.name, head, err)
		}
		if _, err2 := f.Write([]byte("more")); err2 == nil {
			t.Errorf("%s: the stream goes on", tt.name)
		}
		if _, _, err2 := f.Next(); !errors.Is(err2, err) {
			t.Errorf("%s: then %v", tt.name, err2)
		}
	}
}

// TestFramerFoldedLength: Content-Length may be compact, folded and spaced out.
func TestFramerFoldedLength(t *testing.T) {
	for _, l := range []string{"l:4", "Content-Length  :\r\n\t4", "CONTENT-LENGTH: 0004", "l :  4  ", "Contact: <sip:a>\r\nL: 4", "l: 4\r\nl: 4"} {
		var f Framer
		msg := "OPTIONS sip:a SIP/2.0\r\n" + l + "\r\n\r\nbody"
		f.Write([]byte(msg + "next"))
		kind, got, err := f.Next()
		if kind != MessageFrame || string(got) != msg || err != nil || f.Buffered() != 4 {
			t.Errorf("%q: %v %q %v, %d left", l, kind, got, err, f.Buffered())
		}
	}
}

// TestFramerKeepAlive: pings and pongs between messages, however they are cut.
func TestFramerKeepAlive(t *testing.T) {
	kinds := func(parts ...string) (list []FrameKind) {
		var f Framer
		for _, p := range parts {
			f.Write([]byte(p))
			for {
				kind, _, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if kind == NoFrame {
					break
				}
				list = append(list, kind)
			}
		}
		return list
	}
	for _, tt := range []struct {
		name  string
		parts []string
		want  []FrameKind
	}{
		{"ping", []string{"\r\n\r\n"}, []FrameKind{PingFrame}},
		{"pong", []string{"\r\n"}, []FrameKind{PongFrame}},
		{"pong before a message", []string{"\r\n" + invite}, []FrameKind{PongFrame, MessageFrame}},
		{"ping in halves", []string{"\r\n", "\r\n"}, []FrameKind{PongFrame, PingFrame}},
		{"ping in octets", []string{"\r", "\n", "\r", "\n"}, []FrameKind{PongFrame, PingFrame}},
		{"two pings", []string{"\r\n\r\n\r\n\r\n"}, []FrameKind{PingFrame, PingFrame}},
		{"pong, message, pong", []string{"\r\n", invite, "\r\n"}, []FrameKind{PongFrame, MessageFrame, PongFrame}},
		{"ping after a message", []string{invite + "\r\n\r\n" + invite}, []FrameKind{MessageFrame, PingFrame, MessageFrame}},
		{"bare line feeds", []string{"\n\n" + invite}, []FrameKind{MessageFrame}},
	} {
		got := kinds(tt.parts...)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
				break
			}
		}
	}
}

// TestFramerMemory: a slow sender costs no more than what it has sent, and a large message does
// not pin its memory.
func TestFramerMemory(t *testing.T) {
	var f Framer
	big := "OPTIONS sip:a SIP/2.0\r\nl: 60000\r\n\r\n" + strings.Repeat("b", 60000)
	for i := range 50 {
		f.Write([]byte(big))
		if kind, msg, err := f.Next(); kind != MessageFrame || len(msg) != len(big) || err != nil {
			t.Fatalf("message %d: %v, %d octets, %v", i, kind, len(msg), err)
		}
		f.Write([]byte(invite))
		if kind, _, err := f.Next(); kind != MessageFrame || err != nil {
			t.Fatal(kind, err)
		}
	}
	f.Write([]byte("\r\n"))
	f.Next()
	if cap(f.buf) > 128<<10 {
		t.Errorf("%d octets held by an idle stream", cap(f.buf))
	}
}
