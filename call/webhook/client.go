package webhook

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

// ClientConfig says how a web server is asked or told.
type ClientConfig struct {
	URL string `yaml:"url"` // http or https; requests are POST

	// Timeout bounds a request from its beginning to the last octet of the answer, the wait for a free place included.
	// If zero, 2 seconds.
	Timeout time.Duration `yaml:"timeout"`

	// Concurrent is how many requests may be under way. If zero, 64. Further ones wait for as long as their Timeout
	// lets them.
	Concurrent int `yaml:"concurrent"`

	// Trip is how many requests in a row may fail before the server is left alone for Rest: until then requests fail at
	// once, but for one at a time that tries whether it is back. If zero, 16 and 5 seconds. If Trip is negative, every
	// request is sent.
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

// Sign returns the value of SignatureHeader for a body sent at a time: "t=UNIX,v1=HEX", where HEX is the HMAC-SHA256 of
// UNIX, a dot, and the body.
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
var ErrSignature = errors.New("webhook: bad signature")

// Verify checks what Sign made, by a server that was called: now must not be further than maxAge (if zero, 5 minutes)
// from the time of the signature. The error is ErrSignature.
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

// Error is a web server's refusal, or an answer that it should not have given, or why there was none.
type Error struct {
	URL    string // without user, password and query
	Status int    // of HTTP; 0 if the answer is the trouble
	Err    error  // what is wrong with the answer
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "webhook: " + e.URL + ": " + e.Err.Error()
	}
	return fmt.Sprintf("webhook: %s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrResting says that a web server failed too often and is not asked for a while.
var ErrResting = errors.New("left alone after too many failures")

// Client sends to one web server. Its methods may be called by any goroutine.
type Client struct {
	cfg    ClientConfig
	name   string // the URL for errors
	client *http.Client
	places chan struct{}
	own    *http.Transport

	mu      sync.Mutex
	failed  int // in a row
	until   time.Time
	probing bool
}

// NewClient checks a configuration. Close the Client after use.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout < 0 || cfg.Concurrent < 0 || cfg.Rest < 0 || cfg.MaxAnswer < 0 {
		return nil, errors.New("webhook: a negative timeout or limit")
	}
	for k, v := range cfg.Header {
		if k == "" || strings.ContainsAny(k, " :\r\n") || strings.ContainsAny(v, "\r\n") {
			return nil, fmt.Errorf("webhook: bad header field %q", k)
		}
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.Concurrent = cmp.Or(cfg.Concurrent, 64)
	cfg.Trip = cmp.Or(cfg.Trip, 16)
	cfg.Rest = cmp.Or(cfg.Rest, 5*time.Second)
	cfg.MaxAnswer = cmp.Or(cfg.MaxAnswer, 64<<10)
	c := &Client{cfg: cfg, name: plainURL(u), places: make(chan struct{}, cfg.Concurrent)}
	if cfg.Transport == nil {
		c.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: cfg.Concurrent, MaxConnsPerHost: cfg.Concurrent,
			IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		}
		c.cfg.Transport = c.own
	}
	c.client = &http.Client{Transport: c.cfg.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		if u != nil {
			s = u.Redacted()
		}
		return nil, fmt.Errorf("webhook: %.100q is no URL of HTTP", s)
	}
	return u, nil
}

// plainURL is a URL without what may be secret.
func plainURL(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// URL returns the server's address, without user, password and query.
func (c *Client) URL() string { return c.name }

// Timeout returns the bound of one request.
func (c *Client) Timeout() time.Duration { return c.cfg.Timeout }

// Close closes idle connections.
func (c *Client) Close() error {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	return nil
}

// Post sends a body to the server, and returns status and body of its answer if that is a 2xx. Else the error is an
// *Error; one whose Err is [ErrResting] was not sent at all. header may be nil.
func (c *Client) Post(ctx context.Context, contentType string, body []byte, header map[string]string) (int, []byte, error) {
	return c.post(ctx, c.cfg.URL, c.name, contentType, body, header)
}

func (c *Client) post(ctx context.Context, to, name, contentType string, body []byte, header map[string]string) (int, []byte, error) {
	if !c.mayTry() {
		return 0, nil, &Error{URL: name, Err: ErrResting}
	}
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	status, answer, err := c.try(ctx, to, name, contentType, body, header)
	// A 4xx is an answer, and who hung up meanwhile says nothing about the server.
	c.tried(err == nil || status >= 400 && status < 500, errors.Is(asked.Err(), context.Canceled))
	return status, answer, err
}

func (c *Client) try(ctx context.Context, to, name, contentType string, body []byte, header map[string]string) (int, []byte, error) {
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return 0, nil, &Error{URL: name, Err: fmt.Errorf("%d requests are under way: %w", cap(c.places), context.Cause(ctx))}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &Error{URL: name, Err: err}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "telco-as")
	for k, v := range c.cfg.Header {
		req.Header.Set(k, v)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if c.cfg.Secret != "" {
		req.Header.Set(SignatureHeader, Sign(c.cfg.Secret, time.Now(), body))
	}
	resp, err := c.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // without its URL, which may hold a password
			err = u.Err
		}
		return 0, nil, &Error{URL: name, Err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.MaxAnswer+1))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return resp.StatusCode, nil, &Error{URL: name, Status: resp.StatusCode}
	case err != nil:
		return 0, nil, &Error{URL: name, Err: err}
	case int64(len(answer)) > c.cfg.MaxAnswer:
		return 0, nil, &Error{URL: name, Err: fmt.Errorf("an answer of more than %d octets", c.cfg.MaxAnswer)}
	}
	return resp.StatusCode, answer, nil
}

func (c *Client) mayTry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Trip < 0 || c.failed < c.cfg.Trip {
		return true
	}
	if c.probing || time.Now().Before(c.until) {
		return false
	}
	c.probing = true
	return true
}

func (c *Client) tried(ok, givenUp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probing = false
	switch {
	case ok:
		c.failed = 0
	case !givenUp:
		c.failed++
		c.until = time.Now().Add(c.cfg.Rest)
	}
}
