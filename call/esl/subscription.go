package esl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gotelco/telco/call/control"
)

// eventNames are the events that FreeSWITCH knows, which are those that a client may ask for by name.
var eventNames = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range strings.Fields(`CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE
CHANNEL_ANSWER CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD
CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_OUTGOING CHANNEL_PARK
CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE CHANNEL_UUID API LOG INBOUND_CHAN OUTBOUND_CHAN STARTUP SHUTDOWN
PUBLISH UNPUBLISH TALK NOTALK SESSION_CRASH MODULE_LOAD MODULE_UNLOAD DTMF MESSAGE PRESENCE_IN NOTIFY_IN PRESENCE_OUT
PRESENCE_PROBE MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC BACKGROUND_JOB DETECTED_SPEECH DETECTED_TONE PRIVATE_COMMAND
HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE EXE_SCHEDULE RE_SCHEDULE RELOADXML NOTIFY PHONE_FEATURE
PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE RECV_MESSAGE REQUEST_PARAMS CHANNEL_DATA GENERAL COMMAND SESSION_HEARTBEAT
CLIENT_DISCONNECTED SERVER_DISCONNECTED SEND_INFO RECV_INFO RECV_RTCP_MESSAGE SEND_RTCP_MESSAGE CALL_SECURE NAT
RECORD_START RECORD_STOP PLAYBACK_START PLAYBACK_STOP CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START MEDIA_BUG_STOP
CONFERENCE_DATA_QUERY CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE TEXT
SHUTDOWN_REQUESTED CERT_RELOAD ALL`) {
		m[name] = true
	}
	return m
}()

// myEvents are what the command myevents asks for.
var myEvents = strings.Fields(`CHANNEL_ANSWER CHANNEL_APPLICATION CHANNEL_BRIDGE CHANNEL_CREATE CHANNEL_DATA CHANNEL_DESTROY
CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_ORIGINATE CHANNEL_UUID
CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_STATE CHANNEL_UNBRIDGE CHANNEL_UNPARK
DETECTED_SPEECH DTMF NOTALK TALK`)

// diverted are the events of a channel that divert_events brings without a subscription.
var diverted = []string{"DTMF", "DETECTED_SPEECH", "DETECTED_TONE", "MESSAGE", "RECV_INFO", "RECV_MESSAGE", "TEXT"}

// Bounds of what a client may ask for.
const (
	maxFilters    = 256
	maxSubclasses = 1024
)

// A subscription says which events a client wants. The zero value wants none.
type subscription struct {
	on         bool
	names      map[string]bool // ALL among them
	subclasses map[string]bool
	filters    []filter
	mine       string // the UUID of myevents
	diverted   string // the UUID of divert_events
}

// event carries out the command event (add) or nixevent, given its words without the format.
func (s *subscription) event(words []string, add bool) bool {
	found, custom := false, false
	for _, w := range words {
		name := strings.TrimPrefix(strings.ToUpper(w), "SWITCH_EVENT_")
		switch {
		case custom:
			if !add {
				delete(s.subclasses, w)
			} else if len(s.subclasses) < maxSubclasses {
				if s.subclasses == nil {
					s.subclasses = make(map[string]bool)
				}
				s.subclasses[w] = true
			}
			continue
		case !eventNames[name]:
			continue
		}
		found, custom = true, name == "CUSTOM"
		if s.names == nil {
			s.names = make(map[string]bool)
		}
		switch {
		case add:
			s.names[name] = true
		case name == "ALL":
			clear(s.names)
		case name == "CUSTOM": // its subclasses alone
		default:
			if s.names["ALL"] {
				for n := range eventNames {
					s.names[n] = n != "ALL"
				}
			}
			s.names[name] = false
		}
	}
	s.on = s.on || found
	return found
}

// none carries out noevents; it reports whether there was a subscription.
func (s *subscription) none() bool {
	was := s.on
	s.on, s.names, s.subclasses = false, nil, nil
	return was
}

// wants reports whether the client is to get an event.
func (s *subscription) wants(e *control.Event) bool {
	if s.diverted != "" && e.UUID == s.diverted && slices.Contains(diverted, e.Name) {
		return true
	}
	if !s.on {
		return false
	}
	if !s.names["ALL"] && (!s.names[e.Name] || e.Name == "CUSTOM" && e.Subclass != "" && !s.subclasses[e.Subclass]) {
		return false
	}
	if s.mine != "" && e.UUID != s.mine {
		return e.Field("Job-Owner-UUID") == s.mine
	}
	return s.pass(e)
}

// pass applies the filters: an event passes if one matches, and none that is negative does.
func (s *subscription) pass(e *control.Event) bool {
	if len(s.filters) == 0 {
		return true
	}
	send := false
	for i := range s.filters {
		f := &s.filters[i]
		if send && !f.not {
			continue
		}
		v := e.Field(f.name)
		if v == "" || !f.match(v) {
			continue
		}
		if f.not {
			return false
		}
		send = true
	}
	return send
}

// A filter is a header and what its value has to be.
type filter struct {
	name, value string // as the client gave them
	not         bool
	want        string
	re          *regexp.Regexp
}

// newFilter reads the value of a filter: "+" or "-" before it say whether it has to match or must not; "/…/" is a
// regular expression.
func newFilter(name, value string) (filter, error) {
	f := filter{name: name, value: value}
	f.want = strings.TrimLeftFunc(value, func(r rune) bool {
		if r == '+' || r == '-' {
			f.not = r == '-'
		}
		return r == '+' || r == '-' || r == ' '
	})
	if !strings.HasPrefix(f.want, "/") {
		return f, nil
	}
	expr, flags := f.want[1:], ""
	if i := strings.LastIndexByte(expr, '/'); i >= 0 {
		expr, flags = expr[:i], expr[i+1:]
	}
	if strings.Contains(flags, "i") {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return f, fmt.Errorf("esl: filter: %w", err)
	}
	f.re = re
	return f, nil
}

func (f *filter) match(v string) bool {
	if f.re != nil {
		return f.re.MatchString(v)
	}
	return strings.EqualFold(v, f.want)
}

// filter carries out the command filter and returns the reply.
func (s *subscription) filter(args string) string {
	name, value, _ := strings.Cut(strings.TrimLeft(args, " "), " ")
	switch {
	case strings.EqualFold(name, "delete") && value != "":
		name, value, _ = strings.Cut(value, " ")
		if strings.EqualFold(name, "all") {
			s.filters = nil
		} else {
			s.filters = slices.DeleteFunc(s.filters, func(f filter) bool {
				return strings.EqualFold(f.name, name) && (value == "" || f.value == value)
			})
		}
		return fmt.Sprintf("+OK filter deleted. [%s][%s]", name, value)
	case value == "":
		return "-ERR invalid syntax"
	case strings.EqualFold(name, "add"):
		name, value, _ = strings.Cut(value, " ")
	}
	f, err := newFilter(name, value)
	if err != nil {
		return "-ERR invalid regular expression"
	}
	if len(s.filters) >= maxFilters {
		return "-ERR too many filters"
	}
	s.filters = append(s.filters, f)
	return fmt.Sprintf("+OK filter added. [%s]=[%s]", name, value)
}
