package as

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/sip"
)

// The types of messages that are taken by default.
const (
	TextPlain = "text/plain"
	// ThreeGPPSMS is an RP message of TS 24.011, as SMS over IP carries it (TS 24.341): it is
	// passed on as it is.
	ThreeGPPSMS = "application/vnd.3gpp.sms"
)

// MessageSchema is the JSON Schema (draft 2020-12) of messages by HTTP: "#/$defs/message" is what
// [Messages.ServeHTTP] takes and "#/$defs/result" what it answers, "#/$defs/incoming" is what a
// webhook is sent, and "#/$defs/answer" what it may answer.
//
//go:embed message.schema.json
var MessageSchema string

// Message is a message in page mode (RFC 3428).
type Message struct {
	ID          string // for logs; if empty, Send makes one
	Calling     Party  // zero is anonymous
	Called      Party
	ContentType string // if empty, text/plain;charset=UTF-8
	Body        []byte
	Header      sip.Header // further header fields, such as Priority or In-Reply-To
}

// request returns the MESSAGE, without what the way to a target adds.
func (m *Message) request(uri string) *sip.Request {
	r := sip.NewRequest(sip.MESSAGE, uri)
	for name, value := range m.Header.Fields() {
		r.Add(name, value)
	}
	r.Set("Content-Type", cmp.Or(m.ContentType, "text/plain;charset=UTF-8"))
	if t, _, _ := mime.ParseMediaType(m.ContentType); t == ThreeGPPSMS { // TS 24.341 section 5.3.2.4
		if !r.Has("Accept-Contact") {
			r.Set("Accept-Contact", "*;+g.3gpp.smsip;require;explicit")
		}
		if !r.Has("Request-Disposition") {
			r.Set("Request-Disposition", "no-fork")
		}
	}
	r.Body = m.Body
	return r
}

// Sender sends a MESSAGE to one target and returns its 2xx. The error of another final response has
// its status (see [sip.StatusCode]). [Server.Send] is one.
type Sender func(ctx context.Context, t Target, m *Message) (*sip.Response, error)

// MessagesConfig configures Messages. Router and Send must be set.
type MessagesConfig struct {
	// Router says where messages go: its rules see the Method MESSAGE. Bridge sends a message to
	// the targets, one after the other; Webhook posts it to the Address; Refuse refuses it, and
	// Proxy lets it go on.
	Router Router `yaml:"-"`
	Send   Sender `yaml:"-"`

	// Types are the types of content that are taken. If empty, TextPlain and ThreeGPPSMS.
	Types []string `yaml:"types"`
	// MaxSize bounds a message's content. If zero, 1,300 octets, as RFC 3428 section 8 has it for
	// ways that may be without congestion control.
	MaxSize int `yaml:"max_size"`
	// MaxPending bounds messages under way. If zero, 256. Further ones get 503.
	MaxPending int `yaml:"max_pending"`
	// Timeout bounds the way of one message, all targets together. If zero, 32 seconds: 64*T1.
	Timeout time.Duration `yaml:"timeout"`

	// Webhook gets messages about which no rule decides, if its URL is set. Its other fields also
	// hold for the addresses that rules name.
	Webhook webhook.ClientConfig `yaml:"webhook"`

	Logger *slog.Logger `yaml:"-"` // if nil, nothing is logged
}

// Messages brings messages to phones and to web servers. Its methods may be called by many
// goroutines at once.
type Messages struct {
	cfg    MessagesConfig
	log    *slog.Logger
	places chan struct{}

	mu    sync.Mutex
	hooks map[string]*webhook.Client

	sent, failed, received, refused atomic.Uint64
}

// MessagesStats is a snapshot of Messages.
type MessagesStats struct {
	Sent     uint64 // a target took it
	Failed   uint64 // no target did
	Received uint64 // a webhook took it
	Refused  uint64 // of those that came in by SIP
	Pending  int    // under way
}

// NewMessages checks a configuration.
func NewMessages(cfg MessagesConfig) (*Messages, error) {
	if cfg.Router == nil || cfg.Send == nil {
		return nil, errors.New("as: messages want a Router and a Sender")
	}
	if len(cfg.Types) == 0 {
		cfg.Types = []string{TextPlain, ThreeGPPSMS}
	}
	cfg.Types = slices.Clone(cfg.Types)
	for i, t := range cfg.Types {
		cfg.Types[i] = strings.ToLower(t)
	}
	if cfg.MaxSize < 0 || cfg.MaxPending < 0 || cfg.Timeout < 0 {
		return nil, errors.New("as: messages: a negative limit")
	}
	cfg.MaxSize = cmp.Or(cfg.MaxSize, 1300)
	cfg.MaxPending = cmp.Or(cfg.MaxPending, 256)
	cfg.Timeout = cmp.Or(cfg.Timeout, 32*time.Second)
	m := &Messages{cfg: cfg, log: cfg.Logger, places: make(chan struct{}, cfg.MaxPending), hooks: map[string]*webhook.Client{}}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Webhook.URL != "" {
		if _, err := m.hook(cfg.Webhook.URL); err != nil {
			return nil, fmt.Errorf("as: messages: webhook: %w", err)
		}
	}
	return m, nil
}

// Close closes idle connections to web servers.
func (m *Messages) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.hooks {
		p.Close()
	}
	return nil
}

// Stats returns a snapshot.
func (m *Messages) Stats() MessagesStats {
	return MessagesStats{m.sent.Load(), m.failed.Load(), m.received.Load(), m.refused.Load(), len(m.places)}
}

// hook returns the client for a web server.
func (m *Messages) hook(url string) (*webhook.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.hooks[url]; p != nil {
		return p, nil
	}
	if len(m.hooks) >= 64 {
		return nil, errors.New("more than 64 webhooks for messages")
	}
	cfg := m.cfg.Webhook
	cfg.URL = url
	p, err := webhook.NewClient(cfg)
	if err == nil {
		m.hooks[url] = p
	}
	return p, err
}

// MessageResult is what became of a message.
type MessageResult struct {
	ID     string `json:"id"`
	Status int    `json:"status"` // of SIP, final; 408 if nobody answered
	Reason string `json:"reason"`
	Target string `json:"target,omitempty"` // that said so
	Rule   string `json:"rule,omitempty"`   // that chose it
}

// MessageError says that a message was not delivered: its result has the last target's status.
type MessageError struct {
	Result MessageResult
	Err    error // of the way there, if no response came
}

func (e *MessageError) Error() string {
	s := fmt.Sprintf("as: message: %d %s", e.Result.Status, e.Result.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what went wrong on the way.
func (e *MessageError) Unwrap() error { return e.Err }

// Send sends a message where the router says, as of [SideServer]. The error is a [MessageError].
func (m *Messages) Send(ctx context.Context, msg *Message) (MessageResult, error) {
	copied := *msg
	copied.ID = cmp.Or(msg.ID, rand.Text())
	req := &Request{ID: copied.ID, Time: time.Now(), Method: sip.MESSAGE, Side: SideServer, Calling: msg.Calling, Called: msg.Called}
	if status := m.check(&copied); status != 0 {
		return m.done(MessageResult{ID: copied.ID, Status: status}, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	if !m.enter() {
		return m.done(MessageResult{ID: copied.ID, Status: 503}, nil)
	}
	defer m.leave()
	d, err := m.cfg.Router.Route(ctx, req)
	if err != nil {
		return m.done(MessageResult{ID: copied.ID, Status: 500}, err)
	}
	result, _, err := m.carryOut(ctx, req, d, &copied)
	return result, err
}

func (m *Messages) enter() bool {
	select {
	case m.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (m *Messages) leave() { <-m.places }

// check returns the status with which a message cannot go anywhere, or 0.
func (m *Messages) check(msg *Message) int {
	if len(msg.Body) > m.cfg.MaxSize {
		return 513
	}
	if msg.ContentType == "" {
		return 0
	}
	t, _, err := mime.ParseMediaType(msg.ContentType)
	if err != nil || !slices.Contains(m.cfg.Types, t) {
		return 415
	}
	return 0
}

// carryOut does what a decision says; resp is a target's response, if there is one.
func (m *Messages) carryOut(ctx context.Context, req *Request, d Decision, msg *Message) (result MessageResult, resp *sip.Response, err error) {
	msg.Calling, msg.Called = d.Calling, d.Called
	result = MessageResult{ID: msg.ID, Rule: d.Rule, Status: cmp.Or(d.Status, 404)}
	switch {
	case d.Action == Bridge:
		for _, t := range d.Targets {
			result.Target = t.String()
			resp, err = m.cfg.Send(ctx, t, msg)
			if err == nil {
				result.Status, result.Reason = resp.StatusCode, resp.Reason
				break
			}
			result.Status = cmp.Or(sip.StatusCode(err), 408)
			// Another target may serve where this one is not there, but not where it does not want to.
			if s := result.Status; s != 404 && s != 408 && s != 430 && s != 480 && (s < 500 || s >= 600) || ctx.Err() != nil {
				break
			}
		}
	case d.Action == Webhook || d.Action == Refuse && d.Rule == "" && m.cfg.Webhook.URL != "":
		url := cmp.Or(d.Address, m.cfg.Webhook.URL)
		result.Target = "webhook"
		result.Status, err = m.post(ctx, url, req, msg)
	case d.Action == Refuse:
	default:
		result.Status = 501
		err = fmt.Errorf("a message cannot be decided about by %v", d.Action)
	}
	result, err = m.done(result, err)
	return result, resp, err
}

// done counts and logs a result, and makes its error.
func (m *Messages) done(r MessageResult, err error) (MessageResult, error) {
	r.Reason = cmp.Or(r.Reason, sip.StatusText(r.Status))
	ok := r.Status >= 200 && r.Status < 300
	switch {
	case !ok:
		m.failed.Add(1)
		m.log.Warn("message not delivered", "id", r.ID, "status", r.Status, "target", r.Target, "rule", r.Rule, "err", err)
		return r, &MessageError{r, err}
	case r.Target == "webhook":
		m.received.Add(1)
	default:
		m.sent.Add(1)
	}
	m.log.Info("message delivered", "id", r.ID, "status", r.Status, "target", r.Target, "rule", r.Rule)
	return r, nil
}

type incomingMessage struct {
	Version     int       `json:"version"`
	ID          string    `json:"id"`
	Time        time.Time `json:"time"`
	Side        Side      `json:"side"`
	Trunk       string    `json:"trunk,omitempty"`
	CallID      string    `json:"call_id,omitempty"`
	Calling     askParty  `json:"calling"`
	Called      askParty  `json:"called"`
	ContentType string    `json:"content_type"`
	Text        *string   `json:"text,omitempty"`
	Body        []byte    `json:"body,omitempty"`
}

// post gives a message to a web server and returns the SIP status for what it answers.
func (m *Messages) post(ctx context.Context, url string, req *Request, msg *Message) (int, error) {
	p, err := m.hook(url)
	if err != nil {
		return 500, err
	}
	party := func(p Party) askParty { return askParty{p.Number.Digits, p.Number.Context, p.URI, p.Name, p.Private} }
	in := incomingMessage{Version: 1, ID: msg.ID, Time: req.Time.UTC(), Side: req.Side, Trunk: req.Trunk, Calling: party(msg.Calling), Called: party(msg.Called),
		ContentType: cmp.Or(msg.ContentType, "text/plain;charset=UTF-8")}
	if req.SIP != nil {
		in.CallID = req.SIP.CallID()
	}
	if t, _, _ := mime.ParseMediaType(in.ContentType); t == TextPlain && utf8.Valid(msg.Body) {
		s := string(msg.Body)
		in.Text = &s
	} else {
		in.Body = msg.Body
	}
	body, err := json.Marshal(in)
	if err != nil {
		return 500, err
	}
	status, answer, err := p.Post(ctx, "application/json", body, nil)
	if err == nil {
		var a struct {
			Status int `json:"status"`
		}
		if json.Unmarshal(answer, &a) == nil && a.Status >= 200 && a.Status <= 699 {
			return a.Status, nil
		}
		if status == http.StatusAccepted {
			return 202, nil
		}
		return 200, nil
	}
	switch status {
	case 400, 403, 404, 410, 415:
		return status, err
	case 401:
		return 403, err
	case 413:
		return 513, err
	case 429, 503:
		return 503, err
	}
	return 500, err
}

// OnRequest answers MESSAGE requests from outside: it is for Config.OnRequest of a [Server]. It
// reports false for other methods, and for messages that are to go on as they are.
func (m *Messages) OnRequest(ctx context.Context, r *Request, f *sip.Forwarding) bool {
	if r.Method != sip.MESSAGE {
		return false
	}
	resp, ok := m.answer(ctx, r)
	if ok {
		f.Respond(resp)
	}
	return ok
}

// answer makes the response to a MESSAGE; ok is false if it is to go on.
func (m *Messages) answer(ctx context.Context, r *Request) (resp *sip.Response, ok bool) {
	msg := &Message{ID: cmp.Or(r.ID, rand.Text()), ContentType: r.SIP.ContentType(), Body: r.SIP.Content()}
	for _, name := range []string{"Priority", "In-Reply-To", "Subject", "Geolocation", "Accept-Contact", "Request-Disposition", "Date", "Expires"} {
		for v := range r.SIP.Values(name) {
			msg.Header.Add(name, v)
		}
	}
	refuse := func(status int) (*sip.Response, bool) {
		m.refused.Add(1)
		resp := sip.NewResponse(r.SIP, status, "")
		switch status {
		case 415:
			resp.Set("Accept", strings.Join(m.cfg.Types, ", "))
		case 503:
			resp.Set("Retry-After", "10")
		}
		return resp, true
	}
	if !m.enter() {
		return refuse(503)
	}
	defer m.leave()
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	d, err := m.cfg.Router.Route(ctx, r)
	if err != nil {
		return refuse(cmp.Or(sip.StatusCode(err), 500))
	}
	if d.Action == Proxy {
		return nil, false
	}
	if status := m.check(msg); status != 0 {
		return refuse(status)
	}
	result, from, err := m.carryOut(ctx, r, d, msg)
	if err != nil {
		return refuse(result.Status)
	}
	resp = sip.NewResponse(r.SIP, result.Status, "")
	if from != nil && len(from.Content()) > 0 { // what RFC 3428 section 7 does not expect, and some send
		resp.Body = from.Content()
		resp.Set("Content-Type", from.ContentType())
	}
	return resp, true
}

type httpMessage struct {
	To          string            `json:"to"`
	From        string            `json:"from"`
	FromName    string            `json:"from_name"`
	Text        *string           `json:"text"`
	ContentType string            `json:"content_type"`
	Body        []byte            `json:"body"` // base64
	Headers     map[string]string `json:"headers"`
}

// messageHeaders are the header fields that a request by HTTP may set.
var messageHeaders = []string{"Priority", "Subject", "In-Reply-To", "Geolocation", "Date", "Expires", "Reply-To"}

// ServeHTTP takes a message by HTTP: a POST of JSON, or of the content itself, with to, from and
// from_name in the query. It waits for the final response of the phone, and answers with
//
//	SIP                               HTTP
//	2xx                               200, 202
//	400, 414, 416, 484                400
//	401, 403, 407, 603, 607, 608      403
//	404, 410, 604                     404
//	408, no answer                    504
//	413, 513                          413
//	415                               415
//	480, 486, 487, 600, other 4xx     409
//	503                               503
//	500, other 5xx, other             502
//
// and the [MessageResult] as JSON. Who may send is up to the program: it wraps the handler.
func (m *Messages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	bad := func(status int, err error) {
		answer(status, map[string]string{"error": err.Error()})
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		bad(http.StatusMethodNotAllowed, errors.New("messages are posted"))
		return
	}
	limit := int64(m.cfg.MaxSize)*2 + 8<<10 // base64, and what is around it
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			bad(http.StatusRequestEntityTooLarge, err)
		} else {
			bad(http.StatusBadRequest, err)
		}
		return
	}
	msg, err := readHTTPMessage(r, body)
	if err != nil {
		bad(http.StatusBadRequest, err)
		return
	}
	result, err := m.Send(r.Context(), msg)
	if err != nil && result.Status == 503 {
		w.Header().Set("Retry-After", strconv.Itoa(10))
	}
	answer(httpStatus(result.Status), result)
}

func readHTTPMessage(r *http.Request, body []byte) (*Message, error) {
	var in httpMessage
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("Content-Type: %w", err)
	}
	if t == "application/json" {
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return nil, err
		}
		switch {
		case in.Text != nil && (in.Body != nil || in.ContentType != ""):
			return nil, errors.New("text and body or content_type")
		case in.Text != nil:
			in.Body = []byte(*in.Text)
		case in.ContentType == "":
			return nil, errors.New("neither text nor content_type")
		}
	} else {
		q := r.URL.Query()
		in = httpMessage{To: q.Get("to"), From: q.Get("from"), FromName: q.Get("from_name"), ContentType: r.Header.Get("Content-Type"), Body: body}
	}
	msg := &Message{ContentType: in.ContentType, Body: in.Body}
	if msg.Called, err = partyOfText(in.To); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if msg.Called.IsZero() {
		return nil, errors.New("to is missing")
	}
	if msg.Calling, err = partyOfText(in.From); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	msg.Calling.Name = in.FromName
	if strings.ContainsFunc(in.FromName+in.ContentType, isControl) {
		return nil, errors.New("a control character")
	}
	for name, value := range in.Headers {
		i := slices.IndexFunc(messageHeaders, func(h string) bool { return strings.EqualFold(h, name) })
		if i < 0 {
			return nil, fmt.Errorf("header field %q may not be set", name)
		}
		if strings.ContainsFunc(value, isControl) {
			return nil, fmt.Errorf("header field %s: a control character", name)
		}
		msg.Header.Set(messageHeaders[i], value)
	}
	return msg, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// httpStatus is the status of HTTP for one of SIP.
func httpStatus(status int) int {
	switch status {
	case 202:
		return http.StatusAccepted
	case 400, 414, 416, 484:
		return http.StatusBadRequest
	case 401, 403, 407, 603, 607, 608:
		return http.StatusForbidden
	case 404, 410, 604:
		return http.StatusNotFound
	case 408:
		return http.StatusGatewayTimeout
	case 413, 513:
		return http.StatusRequestEntityTooLarge
	case 415:
		return http.StatusUnsupportedMediaType
	case 503:
		return http.StatusServiceUnavailable
	}
	switch {
	case status >= 200 && status < 300:
		return http.StatusOK
	case status >= 400 && status < 500, status == 600:
		return http.StatusConflict
	}
	return http.StatusBadGateway
}
