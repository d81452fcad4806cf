package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gotelco/telco/examples/kit/config"
)

func TestDemo(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"-once"}, &out, &errs, nil); status != 0 || strings.Count(out.String(), "PASS") != 3 {
		t.Errorf("status %d\n%s\n%s", status, out.String(), errs.String())
	}
}

func TestCommands(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("numbers: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, 0, "usage: scp"},
		{[]string{"sample"}, 0, "point-code: 1.2.6"},
		{[]string{"validate", "scp.yaml"}, 0, "ok: SCP at 1.2.6, 3 numbers"},
		{[]string{"validate", bad}, 1, "bad.yaml:1:10"},
		{[]string{"-config", bad}, 1, "bad.yaml:1:10"},
		{[]string{"what"}, 2, `what is "what"`},
		{[]string{"-x"}, 2, "flag provided but not defined"},
	} {
		var out bytes.Buffer
		if status := run(t.Context(), c.args, &out, &out, nil); status != c.status || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: status %d\n%s", c.args, status, out.String())
		}
	}
}

func TestConfigErrors(t *testing.T) {
	base := "name: SCP\npoint-code: 1.2.6\ngateways: [{point-code: 1.2.1, connect: 127.0.0.1}]\n"
	for text, want := range map[string]string{
		"": "",
		"numbers: [{number: '08*', to: '30*'}]\n":                         "",
		"numbers: [{number: '08*', to: '*'}]\n":                           "",
		"ssn: 1\n":                                                        "ssn: a subsystem",
		"services: [3000000000]\n":                                        "is over 2147483647",
		"numbers: [{number: 'x', to: '1'}]\n":                             "numbers[0].number",
		"numbers: [{number: '1'}]\n":                                      "wants either a number",
		"numbers: [{number: '1', to: '2', cause: 3}]\n":                   "wants either a number",
		"numbers: [{number: '1', to: 'x'}]\n":                             "numbers[0].to",
		"numbers: [{number: '1', to: '2*'}]\n":                            "has no *",
		"numbers: [{number: '1', cause: 200}]\n":                          "a cause is 1 to 127",
		"numbers: [{number: '1', cause: 17}, {number: '1', cause: 17}]\n": "numbers[1].number: 1 is there twice",
	} {
		cfg := defaults()
		err := config.Parse("f", []byte(base+text), &cfg)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// buffer may be written by one goroutine and read by another.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestReload: the file is read again on SIGHUP, and one with errors is not taken; without a transfer point the program is not ready.
func TestReload(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := l.Addr().String()
	l.Close()
	file := filepath.Join(t.TempDir(), "scp.yaml")
	write := func(numbers string) {
		text := fmt.Sprintf("name: SCP\npoint-code: 1.2.6\nadmin: %q\ngateways: [{point-code: 1.2.1, connect: \"127.0.0.1:1\", tcp: true}]\nnumbers: [%s]\n", admin, numbers)
		err := os.WriteFile(file+".new", []byte(text), 0o600)
		if err == nil {
			err = os.Rename(file+".new", file) // at once: the program may be reading
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("{number: '1', to: '2'}")
	ctx, cancel := context.WithCancel(t.Context())
	hup := make(chan os.Signal)
	var errs buffer
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"-quiet", "-config", file}, &errs, &errs, hup) }()
	write("{number: '1', to: '2'}, {number: '3', to: '4'}")
	hup <- syscall.SIGHUP
	hup <- syscall.SIGHUP // taken only when the one before was seen to
	write("{number: '1'}")
	hup <- syscall.SIGHUP
	hup <- syscall.SIGHUP
	status := func() int {
		for range 500 {
			r, err := http.Get("http://" + admin + "/readyz")
			if err == nil {
				r.Body.Close()
				return r.StatusCode
			}
			time.Sleep(10 * time.Millisecond) // until it listens
		}
		return 0
	}()
	cancel()
	if s := <-done; s != 0 || status != http.StatusServiceUnavailable {
		t.Errorf("status %d, ready: %d", s, status)
	}
	for _, want := range []string{`msg="numbers read again"`, "numbers=2", "the numbers stay as they are", "wants either a number"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in\n%s", want, errs.String())
		}
	}
}
