package sip

import (
	"strings"
	"testing"
)

func TestMultipart(t *testing.T) {
	const body = "preamble\r\n--a b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--a b  \r\nc: multipart/alternative;boundary=in\r\n" +
		"Content-Disposition: session;handling=optional\r\n\r\n--in\r\nContent-Type: Application/PIDF+xml\r\n\r\n<x/>\r\n--in--\r\n--a b\r\n\r\nplain\r\n--a bc\r\n--a b--\r\nepilogue"
	const contentType = `multipart/mixed ; boundary="a b"`
	parts, err := ParseMultipart(contentType, []byte(body))
	if err != nil || len(parts) != 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	if string(parts[0].Body) != "v=0\r\n" || parts[0].ContentType() != "application/sdp" {
		t.Errorf("first %q %q", parts[0].ContentType(), parts[0].Body)
	}
	if parts[1].Count("Content-Disposition") != 1 {
		t.Error("second part's header")
	}
	if string(parts[2].Body) != "plain\r\n--a bc" || parts[2].Len() != 0 {
		t.Errorf("third %q", parts[2].Body)
	}
	r := NewRequest(INVITE, "sip:a")
	r.Set("Content-Type", contentType)
	r.Body = []byte(body)
	if b, ok := FindBody(r, "application/pidf+xml"); !ok || string(b) != "<x/>" {
		t.Errorf("nested: %q %v", b, ok)
	}
	if _, ok := FindBody(r, "text/plain"); ok {
		t.Error("found what is not there")
	}
	boundary := Boundary(parts)
	out, err := AppendMultipart(nil, boundary, parts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseMultipart("multipart/mixed;boundary="+boundary, out)
	if err != nil || len(again) != 3 || string(again[2].Body) != string(parts[2].Body) {
		t.Errorf("again: %d parts, %v", len(again), err)
	}
	if _, err := AppendMultipart(nil, "a b", parts); err == nil {
		t.Error("a boundary that occurs in a part was taken")
	}
}

func TestMultipartRefused(t *testing.T) {
	for _, tt := range []struct{ name, contentType, body string }{
		{"not multipart", "application/sdp", "--x\r\n\r\n\r\n--x--"},
		{"no boundary", "multipart/mixed", "--x\r\n\r\n\r\n--x--"},
		{"bad boundary", `multipart/mixed;boundary="` + strings.Repeat("x", 71) + `"`, ""},
		{"no delimiter", "multipart/mixed;boundary=x", "body"},
		{"header without a colon", "multipart/mixed;boundary=x", "--x\r\nabc\r\n\r\n--x--"},
		{"too many parts", "multipart/mixed;boundary=x", strings.Repeat("--x\r\n\r\n\r\n", 200) + "--x--"},
		{"no type", "", ""},
	} {
		if parts, err := ParseMultipart(tt.contentType, []byte(tt.body)); err == nil {
			t.Errorf("%s: %d parts", tt.name, len(parts))
		}
	}
	deep := "x"
	for range 20 {
		deep = "--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" + deep + "\r\n--b--"
	}
	r := NewRequest(INVITE, "sip:a")
	r.Set("Content-Type", "multipart/mixed;boundary=b")
	r.Body = []byte(deep)
	if _, ok := FindBody(r, "text/plain"); ok {
		t.Error("found what is not there")
	}
}
