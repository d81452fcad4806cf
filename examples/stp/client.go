package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gotelco/telco/stp"
)

// request asks the node that runs. The caller closes the body.
func (p *program) request(method, path string, values map[string]string, body io.Reader) (*http.Response, error) {
	q := url.Values{}
	for k, v := range values {
		if v != "" {
			q.Set(k, v)
		}
	}
	u := strings.TrimSuffix(p.at, "/") + path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	r, err := http.NewRequestWithContext(p.ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no node answers at %s (is one running? see -at): %w", p.at, errors.Unwrap(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return nil, errors.New(said.Error)
	}
	return nil, fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(text)))
}

func (p *program) get(path string, values map[string]string, v any) error {
	resp, err := p.request(http.MethodGet, "/api/"+path, values, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}

// command does what an operator wants of a node.
func (p *program) command(verb, kind, name string) error {
	resp, err := p.request(http.MethodPost, "/api/"+verb, map[string]string{"kind": kind, "name": name}, nil)
	if err != nil {
		return err
	}
	resp.Body.Close()
	fmt.Fprintf(p.stdout, "%s %s %s: done\n", verb, kind, name)
	return nil
}

func (p *program) apply(file string) error { return p.send("apply", file) }

// send gives a file to the node, after looking at it here, where lines have a file to stand in.
func (p *program) send(verb, file string) error {
	c, err := load(file)
	if err != nil {
		return err
	}
	found := c.Check()
	for _, f := range found {
		fmt.Fprintln(p.stderr, f)
	}
	if len(stp.Errors(found)) > 0 {
		return exitStatus(1)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	resp, err := p.request(http.MethodPost, "/api/"+verb, nil, bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Steps []stp.Step `json:"steps"`
		Error string     `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if err := p.steps(answer.Steps); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	if len(stp.Changes(answer.Steps)) == 0 && !p.json {
		fmt.Fprintln(p.stdout, "nothing changes")
	}
	return nil
}

// changes prints the changes of state as they come.
func (p *program) changes() error {
	resp, err := p.request(http.MethodGet, "/api/changes", map[string]string{"follow": "1"}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var c stp.Change
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			return err
		}
		if p.json {
			fmt.Fprintln(p.stdout, data)
		} else {
			fmt.Fprintf(p.stdout, "%s  %-8s %s\n", c.Time.Local().Format("15:04:05.000"), c.Severity, c.Text)
		}
	}
	if p.ctx.Err() != nil {
		return nil
	}
	return lines.Err()
}

// trace writes a capture of what a node sends and receives.
func (p *program) trace(pc string) error {
	out := p.stdout
	if p.pcap != "-" {
		f, err := os.OpenFile(p.pcap, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640) // it holds what subscribers say
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	path := "/trace.pcapng"
	if pc != "all" {
		path = "/trace/" + strings.ReplaceAll(pc, "/", "_")
	}
	resp, err := p.request(http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if p.duration > 0 {
		end := time.AfterFunc(time.Duration(p.duration)*time.Second, func() { resp.Body.Close() })
		defer end.Stop()
	}
	n, err := io.Copy(out, resp.Body)
	if p.pcap != "-" {
		fmt.Fprintf(p.stderr, "%d octets in %s\n", n, p.pcap)
	}
	if err != nil && p.duration == 0 && p.ctx.Err() == nil {
		return err
	}
	return nil
}
