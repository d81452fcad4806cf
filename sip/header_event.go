package sip

import "strings"

// Event is the Event field (RFC 6665 section 8.2.1).
type Event struct {
	Package string // event type with its templates: "reg", "presence.winfo"
	Params  Params
}

// ParseEvent reads an Event value.
func ParseEvent(s string) (Event, error) {
	e, err := parseEvent(s, false)
	return e, asError(err)
}

func parseEvent(s string, strict bool) (Event, *ParseError) {
	e, err := parseElement(s, strict)
	if err == nil && !token(e.Value) {
		err = bad(0, "bad event package")
	}
	return Event{e.Value, e.Params}, err
}

// ID returns the id parameter, which tells subscriptions of one dialog apart.
func (e Event) ID() string { v, _ := e.Params.Value("id"); return v }

// Equal reports whether two fields name the same subscription: package and id, octet by octet.
func (e Event) Equal(f Event) bool { return e.Package == f.Package && e.ID() == f.ID() }

// String returns the value as text.
func (e Event) String() string { return e.Package + e.Params.text }

// AppendText appends the value as text.
func (e Event) AppendText(b []byte) ([]byte, error) { return append(b, e.String()...), nil }

// Event returns the Event field.
func (h *Header) Event() (Event, error) { return one(h, "Event", parseEvent) }

// SubscriptionState is the Subscription-State field (RFC 6665 section 8.2.3).
type SubscriptionState struct {
	State  string // "active", "pending", "terminated", or an extension
	Params Params
}

// ParseSubscriptionState reads a Subscription-State value.
func ParseSubscriptionState(s string) (SubscriptionState, error) {
	v, err := parseSubscriptionState(s, false)
	return v, asError(err)
}

func parseSubscriptionState(s string, strict bool) (SubscriptionState, *ParseError) {
	e, err := parseElement(s, strict)
	if err == nil && !token(e.Value) {
		err = bad(0, "bad state")
	}
	return SubscriptionState{e.Value, e.Params}, err
}

// Terminated reports the state "terminated".
func (s SubscriptionState) Terminated() bool { return strings.EqualFold(s.State, "terminated") }

// Expires returns how long the subscription lasts in seconds; ok is false if that is not said.
func (s SubscriptionState) Expires() (seconds uint32, ok bool) { return s.seconds("expires") }

// RetryAfter returns after how many seconds to subscribe again; ok is false if that is not said.
func (s SubscriptionState) RetryAfter() (seconds uint32, ok bool) { return s.seconds("retry-after") }

func (s SubscriptionState) seconds(name string) (uint32, bool) {
	v, ok := s.Params.Value(name)
	if !ok {
		return 0, false
	}
	return deltaSeconds(v)
}

// Reason returns why it ended: "deactivated", "probation", "rejected", "timeout", "giveup",
// "noresource", "invariant"; "" if that is not said.
func (s SubscriptionState) Reason() string { v, _ := s.Params.Value("reason"); return v }

// String returns the value as text.
func (s SubscriptionState) String() string { return s.State + s.Params.text }

// AppendText appends the value as text.
func (s SubscriptionState) AppendText(b []byte) ([]byte, error) { return append(b, s.String()...), nil }

// SubscriptionState returns the Subscription-State field.
func (h *Header) SubscriptionState() (SubscriptionState, error) {
	return one(h, "Subscription-State", parseSubscriptionState)
}
