package as

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// HTTPConfig says how a web server is asked or told.
type HTTPConfig struct {
	URL string `yaml:"url"` // http or https; requests are POST

	// Timeout bounds a request from its beginning to the last octet of the answer, the wait for a
	// free place included. If zero, 2 seconds.
	Timeout time.Duration `yaml:"timeout"`

	// Concurrent is how many requests may be under way. If zero, 64. Further ones wait for as
	// long as their Timeout lets them.
	Concurrent int `yaml:"concurrent"`

	// Trip is how many requests in a row may fail before the server is left alone for Rest: until
	// then requests fail at once, but for one at a time that tries whether it is back. If zero,
	// 16 and 5 seconds. If Trip is negative, every request is sent.
	Trip int           `yaml:"trip"`
	Rest time.Duration `yaml:"rest"`

	// Secret, if set, signs requests: see [Sign].
	Secret string `yaml:"secret"`

	// Header is sent with each request, such as Authorization.
	Header map[string]string `yaml:"header"`

	// MaxAnswer bounds the body of an answer. If zero, 64 KiB.
	MaxAnswer int64 `yaml:"max_answer"`

	// Transport sends. If nil, one of its own, which keeps connections for the next request.
	Transport http.RoundTripper `yaml:"-"`
}

// SignatureHeader is the header field that carries a signature.
const SignatureHeader = "X-Telco-Signature"

// Sign returns the value of SignatureHeader for a body sent at a time: "t=UNIX,v1=HEX", where HEX
// is the HMAC-SHA256 of UNIX, a dot, and the body.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(signature(secret, t, body))
}

func signature(secret, t string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	io.WriteString(m, t+".")
	m.Write(body)
	return m.Sum(nil)
}

// ErrSignature says that a signature does not fit, or is too old.
var ErrSignature = errors.New("as: bad signature")

// Verify checks what Sign made, by a server that was called: now must not be further than maxAge
// (if zero, 5 minutes) from the time of the signature. The error is ErrSignature.
func Verify(secret, value string, body []byte, now time.Time, maxAge time.Duration) error {
	t, v, ok := strings.Cut(value, ",")
	t, ok1 := strings.CutPrefix(t, "t=")
	v, ok2 := strings.CutPrefix(v, "v1=")
	sec, err1 := strconv.ParseInt(t, 10, 64)
	mac, err2 := hex.DecodeString(v)
	if !ok || !ok1 || !ok2 || err1 != nil || err2 != nil || !hmac.Equal(mac, signature(secret, t, body)) {
		return ErrSignature
	}
	if age := now.Sub(time.Unix(sec, 0)).Abs(); age > cmp.Or(maxAge, 5*time.Minute) {
		return ErrSignature
	}
	return nil
}

// HTTPError is a web server's refusal, or an answer that it should not have given.
type HTTPError struct {
	URL    string // without user, password and query
	Status int    // of HTTP; 0 if the answer is the trouble
	Err    error  // what is wrong with the answer
}

func (e *HTTPError) Error() string {
	if e.Err != nil {
		return "as: " + e.URL + ": " + e.Err.Error()
	}
	return fmt.Sprintf("as: %s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
}

// Unwrap returns the cause.
func (e *HTTPError) Unwrap() error { return e.Err }

// ErrResting says that a web server failed too often and is not asked for a while.
var ErrResting = errors.New("left alone after too many failures")

// poster sends JSON to one web server.
type poster struct {
	cfg    HTTPConfig
	name   string // the URL for errors
	client *http.Client
	places chan struct{}
	own    *http.Transport

	mu      sync.Mutex
	failed  int // in a row
	until   time.Time
	probing bool
}

func newPoster(cfg HTTPConfig) (*poster, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no URL of HTTP", cfg.URL)
	}
	if cfg.Timeout < 0 || cfg.Concurrent < 0 || cfg.Rest < 0 || cfg.MaxAnswer < 0 {
		return nil, errors.New("a negative timeout or limit")
	}
	for k, v := range cfg.Header {
		if k == "" || strings.ContainsAny(k, " :\r\n") || strings.ContainsAny(v, "\r\n") {
			return nil, fmt.Errorf("bad header field %q", k)
		}
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.Concurrent = cmp.Or(cfg.Concurrent, 64)
	cfg.Trip = cmp.Or(cfg.Trip, 16)
	cfg.Rest = cmp.Or(cfg.Rest, 5*time.Second)
	cfg.MaxAnswer = cmp.Or(cfg.MaxAnswer, 64<<10)
	p := &poster{cfg: cfg, name: u.Scheme + "://" + u.Host + u.Path, places: make(chan struct{}, cfg.Concurrent)}
	if cfg.Transport == nil {
		p.own = &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: cfg.Concurrent, MaxConnsPerHost: cfg.Concurrent,
			IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
		cfg.Transport = p.own
	}
	p.client = &http.Client{Transport: cfg.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p, nil
}

func (p *poster) close() {
	if p.own != nil {
		p.own.CloseIdleConnections()
	}
}

// post sends a body and returns status and body of a 2xx.
func (p *poster) post(ctx context.Context, contentType string, body []byte, header map[string]string) (int, []byte, error) {
	if !p.mayTry() {
		return 0, nil, &HTTPError{URL: p.name, Err: ErrResting}
	}
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	status, answer, err := p.try(ctx, contentType, body, header)
	// A 4xx is an answer, and who hung up meanwhile says nothing about the server.
	p.tried(err == nil || status >= 400 && status < 500, errors.Is(asked.Err(), context.Canceled))
	return status, answer, err
}

func (p *poster) try(ctx context.Context, contentType string, body []byte, header map[string]string) (int, []byte, error) {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return 0, nil, &HTTPError{URL: p.name, Err: fmt.Errorf("%d requests are under way: %w", cap(p.places), ctx.Err())}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &HTTPError{URL: p.name, Err: err}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "telco-as")
	for k, v := range p.cfg.Header {
		req.Header.Set(k, v)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if p.cfg.Secret != "" {
		req.Header.Set(SignatureHeader, Sign(p.cfg.Secret, time.Now(), body))
	}
	resp, err := p.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // without its URL, which may hold a password
			err = u.Err
		}
		return 0, nil, &HTTPError{URL: p.name, Err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, p.cfg.MaxAnswer+1))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return resp.StatusCode, nil, &HTTPError{URL: p.name, Status: resp.StatusCode}
	case err != nil:
		return 0, nil, &HTTPError{URL: p.name, Err: err}
	case int64(len(answer)) > p.cfg.MaxAnswer:
		return 0, nil, &HTTPError{URL: p.name, Err: fmt.Errorf("an answer of more than %d octets", p.cfg.MaxAnswer)}
	}
	return resp.StatusCode, answer, nil
}

func (p *poster) mayTry() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Trip < 0 || p.failed < p.cfg.Trip {
		return true
	}
	if p.probing || time.Now().Before(p.until) {
		return false
	}
	p.probing = true
	return true
}

func (p *poster) tried(ok, givenUp bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probing = false
	switch {
	case ok:
		p.failed = 0
	case !givenUp:
		p.failed++
		p.until = time.Now().Add(p.cfg.Rest)
	}
}
