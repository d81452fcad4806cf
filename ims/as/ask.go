package as

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/gotelco/telco/call/webhook"
)

// AskSchema is the JSON Schema (draft 2020-12) of what an Ask sends, "#/$defs/request", and of the
// answers it takes, "#/$defs/answer".
//
//go:embed ask.schema.json
var AskSchema string

// AskConfig says how a web server is asked where a call should go.
type AskConfig struct {
	webhook.ClientConfig `yaml:",inline"`

	// Retries is how often a request that failed is sent again, at once; all tries together stay
	// within Timeout. If zero, never: a caller waits.
	Retries int `yaml:"retries"`

	// Fallback decides about calls for which there was no usable answer. If nil, the next rule is
	// tried.
	Fallback *Decision `yaml:"fallback"`

	// Headers are the names of header fields of the INVITE that are sent along. If empty, none.
	Headers []string `yaml:"headers"`

	Logger *slog.Logger `yaml:"-"` // if nil, that of the rules

	trunks []string
}

// Ask asks a web server about each call: one POST of JSON as [AskSchema] has it, whose answer is
// a decision, or that the next rule be tried ("next", or 204 No Content). A server that hangs
// costs each call no more than Timeout, and after a while nothing; see Trip of webhook.ClientConfig.
type Ask struct {
	cfg  AskConfig
	post *webhook.Client
}

// NewAsk checks a configuration.
func NewAsk(cfg AskConfig) (*Ask, error) {
	p, err := webhook.NewClient(cfg.ClientConfig)
	if err != nil {
		return nil, err
	}
	if cfg.Retries < 0 {
		return nil, fmt.Errorf("retries %d", cfg.Retries)
	}
	if cfg.Fallback != nil {
		d := *cfg.Fallback
		if err := d.check(cfg.trunks); err != nil {
			return nil, fmt.Errorf("fallback: %w", err)
		}
		cfg.Fallback = &d
	}
	return &Ask{cfg, p}, nil
}

// Close closes idle connections.
func (a *Ask) Close() error {
	a.post.Close()
	return nil
}

type askParty struct {
	Number  string `json:"number,omitempty"`
	Context string `json:"context,omitempty"`
	URI     string `json:"uri,omitempty"`
	Name    string `json:"name,omitempty"`
	Private bool   `json:"private,omitempty"`
}

type askRequest struct {
	Version    int                 `json:"version"`
	ID         string              `json:"id"`
	Time       time.Time           `json:"time"`
	Method     string              `json:"method"`
	Side       Side                `json:"side"`
	Trunk      string              `json:"trunk,omitempty"`
	Source     string              `json:"source,omitempty"`
	Calling    askParty            `json:"calling"`
	Called     askParty            `json:"called"`
	Case       SessionCase         `json:"session_case"`
	RegState   RegState            `json:"reg_state"`
	ServedUser string              `json:"served_user,omitempty"`
	Emergency  string              `json:"emergency,omitempty"`
	Diversions []askDiversion      `json:"diversions,omitempty"`
	CallID     string              `json:"call_id,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Vars       map[string]string   `json:"vars,omitempty"`
}

type askDiversion struct {
	By     askParty `json:"by"`
	Reason string   `json:"reason"`
	Count  int      `json:"count"`
}

type askTarget struct {
	Target
	Timeout float64 `json:"timeout"` // seconds
}

type askAnswer struct {
	Action       string            `json:"action"`
	Targets      []askTarget       `json:"targets"`
	Apps         []App             `json:"apps"`
	Address      string            `json:"address"`
	Status       int               `json:"status"`
	Cause        int               `json:"cause"`
	Announcement string            `json:"announcement"`
	Diversion    string            `json:"diversion"`
	Calling      *string           `json:"calling"`
	CallingName  *string           `json:"calling_name"`
	Private      *bool             `json:"private"`
	Called       string            `json:"called"`
	Record       bool              `json:"record"`
	Vars         map[string]string `json:"vars"`
}

// Decide asks about a call. A Decision without Action means that the next rule is to be tried.
// With an error the decision is the Fallback.
func (a *Ask) Decide(ctx context.Context, req *Request) (Decision, error) {
	return a.ask(ctx, req, map[string]string{})
}

func (a *Ask) ask(ctx context.Context, req *Request, set map[string]string) (Decision, error) {
	body, err := json.Marshal(a.request(req))
	if err != nil {
		return a.fallback(), err
	}
	ctx, cancel := context.WithTimeout(ctx, a.post.Timeout())
	defer cancel()
	for try := 0; ; try++ {
		status, answer, err := a.post.Post(ctx, "application/json", body, nil)
		if err == nil {
			if status == http.StatusNoContent {
				return Decision{}, nil
			}
			d, err := a.decision(answer, req, set)
			if err != nil {
				return a.fallback(), &webhook.Error{URL: a.post.URL(), Err: err}
			}
			return d, nil
		}
		if try >= a.cfg.Retries || ctx.Err() != nil || errors.Is(err, webhook.ErrResting) || status >= 400 && status < 500 {
			return a.fallback(), err
		}
	}
}

func (a *Ask) fallback() Decision {
	if a.cfg.Fallback == nil {
		return Decision{}
	}
	return *a.cfg.Fallback
}

func (a *Ask) request(req *Request) askRequest {
	party := func(p Party) askParty {
		return askParty{p.Number.Digits, p.Number.Context, p.URI, p.Name, p.Private}
	}
	out := askRequest{Version: 1, ID: req.ID, Time: req.Time.UTC(), Method: string(req.Method), Side: req.Side, Trunk: req.Trunk,
		Calling: party(req.Calling), Called: party(req.Called), Case: req.Case, RegState: req.RegState,
		ServedUser: req.ServedUser, Emergency: req.Emergency, Vars: req.Vars}
	for _, d := range req.Diversions {
		out.Diversions = append(out.Diversions, askDiversion{party(d.By), d.Reason, d.Count})
	}
	if req.Method == "" {
		out.Method = "INVITE"
	}
	if req.Source.IsValid() {
		out.Source = req.Source.String()
	}
	if req.SIP != nil {
		out.CallID = req.SIP.CallID()
		for _, name := range a.cfg.Headers {
			for v := range req.SIP.Values(name) {
				if out.Headers == nil {
					out.Headers = map[string][]string{}
				}
				out.Headers[name] = append(out.Headers[name], v)
			}
		}
	}
	return out
}

// decision reads an answer. Answers are strict: a member that the schema does not know is an
// error, since a decision that is half understood may be the wrong one.
func (a *Ask) decision(answer []byte, req *Request, set map[string]string) (Decision, error) {
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.DisallowUnknownFields()
	var in askAnswer
	if err := dec.Decode(&in); err != nil {
		return Decision{}, fmt.Errorf("answer: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Decision{}, errors.New("answer: more than one JSON value")
	}
	d := Decision{Apps: in.Apps, Address: in.Address, Status: in.Status, Cause: in.Cause, Announcement: in.Announcement, Diversion: in.Diversion,
		Record: in.Record, Calling: req.Calling, Called: req.Called}
	if len(in.Targets) > maxTargets {
		return d, fmt.Errorf("answer: more than %d targets", maxTargets)
	}
	for _, t := range in.Targets {
		if t.Timeout < 0 || t.Timeout > 3600 {
			return d, fmt.Errorf("answer: timeout of %v seconds", t.Timeout)
		}
		t.Target.Timeout = time.Duration(t.Timeout * float64(time.Second))
		d.Targets = append(d.Targets, t.Target)
	}
	var err error
	if in.Calling != nil {
		name, private := d.Calling.Name, d.Calling.Private
		if d.Calling, err = partyOfText(*in.Calling); err != nil {
			return d, fmt.Errorf("answer: calling: %w", err)
		}
		d.Calling.Name, d.Calling.Private = name, private
		if d.Calling.IsZero() {
			d.Calling = Party{URI: "sip:anonymous@anonymous.invalid", Private: true}
		}
	}
	if in.CallingName != nil {
		d.Calling.Name = *in.CallingName
	}
	if in.Private != nil {
		d.Calling.Private = *in.Private
	}
	if in.Called != "" {
		name := d.Called.Name
		if d.Called, err = partyOfText(in.Called); err != nil {
			return d, fmt.Errorf("answer: called: %w", err)
		}
		d.Called.Name = name
	}
	if in.Action == "next" {
		maps.Copy(set, in.Vars)
		if req.Vars == nil && len(in.Vars) > 0 {
			req.Vars = map[string]string{}
		}
		maps.Copy(req.Vars, in.Vars)
		return Decision{Calling: d.Calling, Called: d.Called}, nil
	}
	d.Vars = in.Vars
	if in.Action != "" {
		if err := d.Action.UnmarshalText([]byte(in.Action)); err != nil {
			return d, fmt.Errorf("answer: %w", err)
		}
	}
	if err := d.check(a.cfg.trunks); err != nil {
		return d, fmt.Errorf("answer: %w", err)
	}
	return d, nil
}
