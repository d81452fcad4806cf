package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/record"
	"github.com/gotelco/telco/sip"
)

// Config configures a [Switch]. Agent must be set.
type Config struct {
	// Agent makes the calls. Its OnCall hands those that come in to [Switch.Serve], or to [Switch.Adopt] where the
	// application wants to steer them itself.
	Agent *call.Agent
	// Resolve turns an endpoint of a dial string into where to call: the targets are tried in this order while they
	// are out of service. An error that is a [Cause] is that of the leg. If nil, sofia/PROFILE/USER@HOST calls
	// sip:USER@HOST; gateways and users are not known then.
	// [Leg] of ctx is the channel of the leg.
	Resolve func(ctx context.Context, ep Endpoint) ([]Target, error)
	// Dialplan says what a channel does at an extension. An error that is a Cause ends the channel with it. If nil,
	// and where it returns nothing, the channel ends with NO_ROUTE_DESTINATION. The dialplan "inline" and extensions
	// of the form &app(args) do not come here.
	Dialplan func(ctx context.Context, c *Channel, ext Extension) ([]Action, error)
	// Context is the dialplan's context where nothing else is said. If empty, "default".
	Context string

	// Sounds is the folder that file names of playback are in, and Recordings the one for those of record; names may
	// have folders, and cannot leave these two. If empty, no file is played or recorded. Recordings are also played.
	Sounds, Recordings string
	// Spool takes recordings whose name is a URL. If nil, they are refused.
	Spool *record.Spool

	// Domain is the host of our From where a caller ID is set. If empty, the host of the agent's address.
	Domain string
	// Hostname and Address are told in events. If empty, the system's name, and nothing.
	Hostname, Address string
	// Globals are variables that all channels see, as ${name} and $${name}.
	Globals map[string]string
	// API executes an API command for api_hangup_hook and the like, such as the one of the event socket. If nil, such
	// variables do nothing. See also [Switch.SetAPI].
	API func(ctx context.Context, command string) (string, error)
	// Functions are the API commands that may stand as ${name(args)} in arguments. What callers say may get there by way of
	// variables that are expanded twice: so if it is nil, they are commands that change nothing, such as regex, cond and
	// sofia_contact. Those that expand text themselves (eval, expand) must not be among them.
	Functions []string
	// OnDestroy, if not nil, is called when a channel is over, after CHANNEL_HANGUP_COMPLETE: for call records. It
	// has the channel's goroutine and may block.
	OnDestroy func(*Channel)

	// MaxChannels bounds the channels; incoming calls beyond it get 503, and Originate fails with SWITCH_CONGESTION.
	// If zero, 10,000.
	MaxChannels int
	// MaxQueue bounds the applications that wait on one channel. If zero, 1000.
	MaxQueue int
	// MaxVars bounds the variables of a channel; each may have 64 KiB. If zero, 1000.
	MaxVars int
	// MaxEvents bounds the events that watchers are behind. If zero, 10,000. Beyond it they are lost, and counted.
	MaxEvents int
	// MaxKeys bounds the keys that were pressed and nobody has read. If zero, 100; the oldest are lost.
	MaxKeys int
	// Heartbeat is the time between HEARTBEAT events. If zero, 20 s. If negative, there are none.
	Heartbeat time.Duration

	Logger *slog.Logger // if nil, nothing is logged
}

// Target is where one leg of a dial string calls.
type Target struct {
	URI string // the Request-URI
	// From and To are name-addrs. If empty, From is made from the caller ID, and To is URI.
	From, To string
	// FromDomain is the host of From where From is made. If empty, Config.Domain.
	FromDomain string
	// Edit, if not nil, is called with the INVITE after the channel's own header fields have been added.
	Edit func(*sip.Request)
	Send sip.SendOptions
	// Digest answers challenges instead of the agent's Auth.
	Digest *sip.DigestClient
	// Codecs are offered instead of the agent's. If empty, those.
	Codecs []call.Codec
	// Preconditions says what a target knows of them (RFC 3312) that is called for a channel which has some: with
	// [call.PreconditionsOff] it is not called before they are met, as is right for gateways and phones.
	Preconditions call.Preconditions
	// Begin, if not nil, is called before the target is tried. Its error is that of the target, and the next one is
	// tried.
	Begin func(*Channel) error
	// Done, if not nil, is told what has become of the target: its call, or why there is none. It says whether the next
	// one is tried. If nil, that is so where the target is out of service: after 408, 5xx, and without any response.
	Done func(c *call.Call, err error) (next bool)
	// Agent makes the call. If nil, that of the Config.
	Agent *call.Agent
	// Vars are set on the channel.
	Vars []Var
}
