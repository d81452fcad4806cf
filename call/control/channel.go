package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
)

// State is the state of a channel in FreeSWITCH's words. The value is that of Channel-State-Number.
type State uint8

// The states that channels here have.
const (
	StateNew           State = 0
	StateInit          State = 1
	StateRouting       State = 2  // looks for its extension
	StateExecute       State = 4  // works on applications
	StateExchangeMedia State = 5  // is bridged by another channel
	StatePark          State = 6  // waits for what it is told
	StateConsumeMedia  State = 7  // is being originated
	StateHangup        State = 10 // has ended
	StateReporting     State = 11
	StateDestroy       State = 12
)

// String returns the name, such as CS_EXECUTE.
func (s State) String() string {
	switch s {
	case StateNew:
		return "CS_NEW"
	case StateInit:
		return "CS_INIT"
	case StateRouting:
		return "CS_ROUTING"
	case StateExecute:
		return "CS_EXECUTE"
	case StateExchangeMedia:
		return "CS_EXCHANGE_MEDIA"
	case StatePark:
		return "CS_PARK"
	case StateConsumeMedia:
		return "CS_CONSUME_MEDIA"
	case StateHangup:
		return "CS_HANGUP"
	case StateReporting:
		return "CS_REPORTING"
	case StateDestroy:
		return "CS_DESTROY"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Times are the moments of a channel's life; those that have not come are zero.
type Times struct {
	Created, Progress, ProgressMedia, Answered, Bridged, LastHold, Transferred, Hungup time.Time
}

// ChannelInfo is a snapshot of a [Channel].
type ChannelInfo struct {
	UUID      string
	Incoming  bool // the peer called
	Name      string
	State     State
	CallState string // DOWN, DIALING, RINGING, EARLY, ACTIVE, HELD, HANGUP
	Times

	CallerName, CallerNumber string
	Destination              string
	Extension                Extension // where it last went
	Address                  string    // of the peer's signalling
	App                      Action    // that runs
	Codec                    string    // of the media that is sent; empty before there is any
	SampleRate               int
	Bridged                  string // the UUID of the channel that it is bridged to
	CallUUID                 string // of the call that it belongs to: that of the first leg
	Cause                    Cause  // of its end
}

// Channel is one leg of a call, with variables, and applications that it works on in order. Its methods may be called
// by any goroutine.
type Channel struct {
	sw       *Switch
	uuid     string
	incoming bool
	ctx      context.Context
	cancel   context.CancelCauseFunc
	wake     chan struct{} // there may be something to do
	answered chan struct{} // closed when the call is answered
	over     chan struct{} // closed at the end
	hooked   chan struct{} // closed when Hangup has told of it

	mu        sync.Mutex
	call      *call.Call
	name      string
	vars      map[string]string
	state     State
	callState string
	early     bool // has told its peer of early media
	times     Times
	ext       Extension
	callUUID  string
	bridge    *bridge
	other     *Channel // the last one that it was bridged to
	cause     Cause
	leaving   Cause // that of the end if it is ours
	dialErr   error // why there was no answer

	// What to do: jobs first, then the program of the extension.
	next     *Extension // transferred to
	jobs     []*job
	locked   int // jobs with Lock that are being done
	program  []Action
	parked   bool
	owned    bool            // somebody originates it
	stage    context.Context // of what jobs and program do, until the channel leaves them
	endStage context.CancelCauseFunc
	running  []*running
	ringback context.CancelCauseFunc // ends the sound that a caller hears meanwhile

	answering chan struct{} // held by Answer

	emitting  sync.Mutex // taken before mu
	destroyed bool       // nothing is told any more

	keyMu   sync.Mutex
	keys    []byte
	pressed chan struct{} // cap 1
	onKey   []*keyWatch

	recMu      sync.Mutex
	recordings map[string]*recording
	recorded   []string // all names there have been, without passwords
	overlays   map[string]*layer
}

// running is an application that works on a channel.
type running struct {
	action Action
	cancel context.CancelCauseFunc
	firm   bool // Break does not end it
}

// job is an application that was queued.
type job struct {
	Action
	do    func(context.Context) error // instead of the Action
	loops int
	first bool // goes before others
	done  chan struct{}
	err   error
}

var (
	errBreak       = errors.New("control: broken off")
	errTransferred = errors.New("control: the channel was transferred")
	errTooManyVars = errors.New("control: too many variables")
	errQueueFull   = errors.New("control: too many applications wait")
	errUnknownApp  = errors.New("control: no such application")
)

// ErrBreak and ErrTransferred are causes of the context of an [App]: somebody broke it off, or moved the channel on.
var (
	ErrBreak       = errBreak
	ErrTransferred = errTransferred
)

func (s *Switch) newChannel(uuid string, incoming bool) *Channel {
	if uuid == "" {
		uuid = NewUUID()
	}
	c := &Channel{
		sw: s, uuid: uuid, incoming: incoming, callUUID: uuid, callState: "DOWN", vars: map[string]string{},
		wake: make(chan struct{}, 1), answered: make(chan struct{}), over: make(chan struct{}), hooked: make(chan struct{}), pressed: make(chan struct{}, 1),
		recordings: map[string]*recording{}, answering: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.stage, c.endStage = context.WithCancelCause(c.ctx)
	c.times.Created = time.Now()
	c.vars["uuid"], c.vars["call_uuid"] = uuid, uuid
	return c
}

// leaves begins another stage of what the channel does, and returns what ends the old one, whose applications may run or be
// about to. The caller holds mu, and does not hold it when it calls that.
func (c *Channel) leaves() (end func()) {
	cancel, apps := c.endStage, slices.Clone(c.running)
	c.stage, c.endStage = context.WithCancelCause(c.ctx)
	return func() {
		cancel(errTransferred)
		for _, r := range apps { // those of other goroutines too
			r.cancel(errTransferred)
		}
	}
}

// UUID names the channel.
func (c *Channel) UUID() string { return c.uuid }

// Switch returns the switch that the channel belongs to.
func (c *Channel) Switch() *Switch { return c.sw }

// Call returns the call; nil while an outgoing one has had no answer and no early media.
func (c *Channel) Call() *call.Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.call
}

// Context is done when the channel has ended; its cause is a [Cause].
func (c *Channel) Context() context.Context { return c.ctx }

// Done is closed when everything about the channel is over, its call record included.
func (c *Channel) Done() <-chan struct{} { return c.over }

// Answered is closed when the call is answered.
func (c *Channel) Answered() <-chan struct{} { return c.answered }

// Incoming reports whether the peer called.
func (c *Channel) Incoming() bool { return c.incoming }

// IsAnswered reports whether the call was answered.
func (c *Channel) IsAnswered() bool {
	select {
	case <-c.answered:
		return true
	default:
		return false
	}
}

// Bridged returns the channel that this one is bridged to, nil if there is none.
func (c *Channel) Bridged() *Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.partner()
}

func (c *Channel) partner() *Channel {
	if c.bridge == nil {
		return nil
	}
	return c.bridge.other(c)
}

// Cause returns why the channel has ended, CauseNone before.
func (c *Channel) Cause() Cause {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Info returns a snapshot.
func (c *Channel) Info() ChannelInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := ChannelInfo{
		UUID: c.uuid, Incoming: c.incoming, Name: c.name, State: c.state, CallState: c.callState, Times: c.times,
		CallerName: c.vars["caller_id_name"], CallerNumber: c.vars["caller_id_number"], Destination: c.vars["destination_number"],
		Address: c.vars["sip_network_ip"], Extension: c.ext, CallUUID: c.callUUID, Cause: c.cause,
	}
	if n := len(c.running); n > 0 {
		info.App = c.running[n-1].action
	}
	info.Codec = c.vars["write_codec"]
	info.SampleRate, _ = strconv.Atoi(c.vars["write_rate"])
	if p := c.partner(); p != nil {
		info.Bridged = p.uuid
	}
	return info
}

// Var returns a variable of the channel, empty if it is not set.
func (c *Channel) Var(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vars[name]
}

// Vars returns the variables of the channel.
func (c *Channel) Vars() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.vars)
}

// Lookup returns a variable of the channel, else the global one.
func (c *Channel) Lookup(name string) string {
	c.mu.Lock()
	v, ok := c.vars[name]
	c.mu.Unlock()
	if ok {
		return v
	}
	return c.sw.Global(name)
}

// Expand replaces ${name} and $${name} by variables; ${name:offset:length} is a part of one, and ${name(args)} what an API
// command says: see [Config].Functions.
func (c *Channel) Expand(s string) string {
	return expand(s, expansion{c.Lookup, func(name, args string) string { return c.sw.function(c.ctx, name, args) }})
}

const maxVarName = 256

// nolocal before the name of a variable that is exported makes it one of the called legs alone.
const nolocal = "nolocal:"

func checkVar(name, value string) error {
	if name == "" || len(name) > maxVarName || strings.ContainsAny(strings.TrimPrefix(name, nolocal), "\r\n:\x00") {
		return fmt.Errorf("control: %.40q is no name for a variable", name)
	}
	if len(value) > maxTextSize {
		return fmt.Errorf("control: the value of %s is too long", name)
	}
	return nil
}

// SetVar sets a variable of the channel; an empty value removes it. There are at most MaxVars, of at most 64 KiB each.
func (c *Channel) SetVar(name, value string) error {
	if err := checkVar(name, value); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if value == "" {
		delete(c.vars, name)
		return nil
	}
	if _, have := c.vars[name]; !have && len(c.vars) >= c.sw.cfg.MaxVars {
		return errTooManyVars
	}
	c.vars[name] = value
	return nil
}

// set is SetVar for the channel's own variables, which have no bound but their number.
func (c *Channel) set(pairs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setLocked(pairs...)
}

func (c *Channel) setLocked(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			delete(c.vars, pairs[i])
		} else {
			c.vars[pairs[i]] = pairs[i+1]
		}
	}
}

func (c *Channel) setVars(vars []Var) {
	for _, v := range vars {
		if err := c.SetVar(v.Name, v.Value); err != nil {
			c.sw.log.Warn("control: variable is not set", "uuid", c.uuid, "name", v.Name, "err", err)
		}
	}
}

// setState changes the state and tells of it.
func (c *Channel) setState(s State) {
	c.mu.Lock()
	if c.state == s || c.state >= StateHangup && s < c.state {
		c.mu.Unlock()
		return
	}
	c.state = s
	c.mu.Unlock()
	c.emit("CHANNEL_STATE")
}

// setCallState changes the state of the call and tells of it.
func (c *Channel) setCallState(s string) {
	c.mu.Lock()
	was := c.callState
	if was == s || was == "HANGUP" {
		c.mu.Unlock()
		return
	}
	c.callState = s
	c.mu.Unlock()
	c.emit("CHANNEL_CALLSTATE", "Original-Channel-Call-State", was, "Channel-Call-State-Number", fmt.Sprint(callStateNumber(s)))
}

func callStateNumber(s string) int {
	for i, name := range [...]string{"DOWN", "DIALING", "RINGING", "EARLY", "ACTIVE", "HELD", "RING_WAIT", "HANGUP", "UNHELD"} {
		if s == name {
			return i
		}
	}
	return 0
}

func (c *Channel) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
