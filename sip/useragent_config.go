package sip

import (
	"slices"
	"strings"
)

// UserAgentConfig configures [NewUserAgent]. The zero value makes an agent that can call and refuses
// calls.
type UserAgentConfig struct {
	// Endpoint configures the endpoint below. Its Handler, Inline and Proxy are the agent's own.
	Endpoint Config

	// Address is our address as it goes into From, such as `"Alice" <sip:alice@example.org>`. If
	// empty, sip:anonymous@anonymous.invalid (RFC 3261 section 8.1.1.3).
	Address string
	// Contact is the value of our Contact. If empty, it is made for each request and response: the
	// user part of Address at the host and port of the flow in use.
	Contact string
	// Routes are put into requests outside of dialogs, the first hop first: an outbound proxy such
	// as "<sip:proxy.example.org;lr>". [UserAgent.SetRoutes] changes them.
	Routes []string
	// Send is how requests are sent whose own options name no way: a NextHop that is an outbound
	// proxy, a Flow with the socket to use. Its Prepare and timeouts are not used.
	Send SendOptions
	// Auth answers challenges. If nil, 401 and 407 are final.
	Auth Answerer
	// Redirects is how many targets of 3xx responses a request may go on to, in all. If zero, none:
	// a 3xx is final, and the application decides.
	Redirects int

	// OnInvite receives each INVITE that begins a call, on a goroutine of its own. If nil, they get
	// 480.
	OnInvite func(*Incoming)
	// OnRequest receives the requests within dialogs that the agent does not handle itself, unless
	// [Dialog.Handle] set another receiver: one after the other for each dialog, but re-INVITE on a
	// goroutine of its own. If nil, re-INVITE gets 488, OPTIONS 200 and others 405.
	OnRequest func(*Incoming)
	// OnSubscribe receives each SUBSCRIBE outside of dialogs for one of the Packages of Events, on a
	// goroutine of its own. If nil, Handler gets them.
	OnSubscribe func(*Notifier)
	Events      Events
	// Handler receives requests outside of dialogs but INVITE, each on a goroutine of its own, and
	// the SUBSCRIBE and NOTIFY of dialogs that belong to no call (RFC 6665). If nil, OPTIONS gets 200
	// and others 405 or 481.
	Handler Handler
	// Proxy, where its OnRequest is set, makes the agent a proxy as well, as an application server is:
	// OnRequest decides about each request outside of the agent's own dialogs, and hands those that are
	// for the agent to it by [Forwarding.Serve]. Its Endpoint is not used. See [UserAgent.Proxy].
	Proxy ProxyConfig

	// Allow and Supported go into INVITE, its responses, OPTIONS and 405. If Allow is nil, what the
	// agent handles itself: INVITE, ACK, CANCEL, BYE, OPTIONS; PRACK where 100rel is supported; and
	// UPDATE, INFO where OnRequest is set. UPDATE without a body is answered by the agent itself where
	// "timer" is supported and nobody else answers. SUBSCRIBE where OnSubscribe is set.
	//
	// With "100rel" in Supported, reliable provisional responses are acknowledged and, where the peer
	// wants them, sent (RFC 3262): see [Incoming.Respond] and InviteOptions.
	Allow     []Method
	Supported []string
	// Session has calls refreshed, and ended when the peer is gone.
	Session SessionTimer

	// MaxDialogs bounds the dialogs. At the limit INVITEs get 503 with Retry-After, and Invite fails
	// with ErrLimit. If zero, 100,000.
	MaxDialogs int
	// MaxForks bounds the early dialogs of one INVITE; further branches are ignored until they
	// answer, and then ended with BYE. If zero, 32.
	MaxForks int
	// MaxPending bounds the requests of one dialog that wait for OnRequest. If zero, 32; further
	// ones get 500 with Retry-After.
	MaxPending int
}

func checkRoutes(routes []string) error {
	for _, text := range routes {
		if _, err := ParseAddress(text); err != nil {
			return err
		}
	}
	return nil
}

func hasFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(s, t) })
}
