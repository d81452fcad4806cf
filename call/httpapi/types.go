package httpapi

import "time"

// Channel is one leg of a call.
type Channel struct {
	UUID         string     `json:"uuid"`
	Direction    string     `json:"direction"` // "inbound" if the peer called, else "outbound"
	Name         string     `json:"name"`
	State        string     `json:"state"`     // such as CS_EXECUTE
	CallState    string     `json:"callState"` // DOWN, DIALING, RINGING, EARLY, ACTIVE, HELD, HANGUP
	CallerName   string     `json:"callerName,omitempty"`
	CallerNumber string     `json:"callerNumber,omitempty"`
	Destination  string     `json:"destination,omitempty"`
	Address      string     `json:"address,omitempty"` // of the peer's signalling
	App          string     `json:"app,omitempty"`     // that runs
	Codec        string     `json:"codec,omitempty"`   // of what is sent
	Bridged      string     `json:"bridged,omitempty"` // UUID of the channel that this one is bridged to
	Call         string     `json:"call,omitempty"`    // UUID of the first leg of the call
	Created      time.Time  `json:"created"`
	Answered     *time.Time `json:"answered,omitempty"`
	Cause        string     `json:"cause,omitempty"` // of its end
	// Variables are left out of lists.
	Variables  map[string]string `json:"variables,omitempty"`
	Recordings []string          `json:"recordings,omitempty"`
}

// ChannelList is a list of channels.
type ChannelList struct {
	Channels []Channel `json:"channels"`
}

// Action is an application with its arguments.
type Action struct {
	App  string `json:"app"`
	Args string `json:"args,omitempty"`
}

// Originate says whom to call, and what the call shall do when it is answered.
type Originate struct {
	To           string            `json:"to"`                  // dial string: sofia/gateway/NAME/NUMBER, user/NAME, sofia/PROFILE/USER@HOST …
	Variables    map[string]string `json:"variables,omitempty"` // of the channel
	CallerName   string            `json:"callerName,omitempty"`
	CallerNumber string            `json:"callerNumber,omitempty"`
	Timeout      float64           `json:"timeout,omitempty"` // for the answer, in seconds; 60 if missing
	// Actions are what the call does when it is answered. Without them and extension it is parked.
	Actions   []Action `json:"actions,omitempty"`
	Extension string   `json:"extension,omitempty"` // of the dialplan, instead of actions
	Context   string   `json:"context,omitempty"`   // of the dialplan
	// Wait has the answer wait until the call is answered or has failed.
	Wait bool `json:"wait,omitempty"`
}

// Made says which channel was made.
type Made struct {
	UUID string `json:"uuid"`
}

// Actions are what a channel shall do.
type Actions struct {
	Actions []Action `json:"actions"`
	// Wait has the answer wait until they are done.
	Wait bool `json:"wait,omitempty"`
}

// Results say how actions went.
type Results struct {
	Results []Result `json:"results"`
}

// Result is how one action went.
type Result struct {
	App   string `json:"app"`
	Args  string `json:"args,omitempty"`
	Error string `json:"error,omitempty"` // why it failed
}

// Bridge names the channel to be bridged to.
type Bridge struct {
	UUID string `json:"uuid"`
}

// Transfer says where a channel shall go.
type Transfer struct {
	Extension string `json:"extension"`
	Dialplan  string `json:"dialplan,omitempty"`
	Context   string `json:"context,omitempty"`
	Both      bool   `json:"both,omitempty"` // both legs of a bridge
}

// DTMF are keys to press.
type DTMF struct {
	Keys string `json:"keys"` // 0-9 * # A-D; w waits half a second, W a second
}

// Recording says what to record a channel to.
type Recording struct {
	Name  string  `json:"name"`            // of a file among the recordings, or http://(file=NAME.wav,method=PUT)host/path
	Limit float64 `json:"limit,omitempty"` // in seconds
}

// Variables are set; an empty value removes one.
type Variables map[string]string

// Stats are numbers of channels.
type Stats struct {
	Channels   int       `json:"channels"`
	Peak       int       `json:"peak"`  // that there ever were at a time
	Total      uint64    `json:"total"` // since the start
	LostEvents uint64    `json:"lostEvents"`
	Started    time.Time `json:"started"`
}

// Applications are the names of what actions may be.
type Applications struct {
	Applications []string `json:"applications"`
}
