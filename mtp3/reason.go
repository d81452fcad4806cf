package mtp3

import "sync/atomic"

// Reason says why a message was not forwarded or delivered. Each has a counter in [Stats].
type Reason uint8

// The reasons. Forwarded is none of them: the message went its way.
const (
	Forwarded              Reason = iota
	Malformed                     // too short for a routing label, or for its heading
	WrongNetwork                  // the network indicator is not that of this node
	NotForUs                      // for another point, and this node does not transfer
	UnknownDestination            // no route in the table has the DPC (Q.704 section 2.3.3)
	DestinationUnavailable        // there are routes, but none is available (Q.704 section 5.3.3)
	CircularRoute                 // the route leads back to where the message came from
	ScreenedOut                   // the screen of its linkset or owner does not let it in
	Restarting                    // MTP restart, here or at the adjacent point (Q.704 sections 9.6.6 and 9.6.7)
	UserUnavailable               // for us, but nobody uses its service indicator (Q.704 section 11.2.7)
	CongestionDiscard             // its priority is below the discard level of the link (Q.704 section 2.3.5.2)
	CongestedDestination          // its priority is below the congestion level of the destination (Q.704 section 11.2.4)
	LinkOverflow                  // the link's buffers were full
	DiversionOverflow             // too many messages waited for a changeover, changeback or rerouting
	NotAdjacent                   // management about a link or route from a point that is not at the other end
	UnexpectedManagement          // a management message that fits no procedure under way, a restart included, or that we don't know
	LostWithLink                  // given up by a link that failed or was flushed, because the number of the last message accepted was not to be had; some may have arrived
	InvalidPrimitive              // a user gave a message that cannot be sent
	NoManagementPath              // a management message of ours found no link, or was lost with its link
	NoRoutingKey                  // no Application Server of the destination has a routing key for it
	OwnerInactive                 // the owner of the destination takes no messages: no ASP is active
	OwnerOverflow                 // the queue towards the owner was full
	OwnerRefused                  // the owner cannot carry it: too long, no stream
	NodeClosed                    // the node was being shut down
	UserLoop                      // users of this node made messages of messages without end
	reasonCount
)

var reasonNames = [...]string{
	Forwarded: "forwarded", Malformed: "malformed", WrongNetwork: "wrong network", NotForUs: "not for us", UnknownDestination: "unknown destination",
	DestinationUnavailable: "destination unavailable", CircularRoute: "circular route", ScreenedOut: "screened out", Restarting: "restarting",
	UserUnavailable: "user unavailable", CongestionDiscard: "discarded by congestion", CongestedDestination: "destination congested",
	LinkOverflow: "link overflow", DiversionOverflow: "diversion overflow", NotAdjacent: "not adjacent", UnexpectedManagement: "unexpected management",
	LostWithLink: "lost with its link", InvalidPrimitive: "invalid primitive", NoManagementPath: "no path for management",
	NoRoutingKey: "no routing key", OwnerInactive: "owner inactive", OwnerOverflow: "owner's queue full", OwnerRefused: "owner refused",
	NodeClosed: "node closed", UserLoop: "loop of users",
}

// String is the reason in words.
func (r Reason) String() string { return name(reasonNames[:], r, "Reason") }

// Reasons is how many messages met each reason, by Reason.
type Reasons [reasonCount]uint64

// reasonCounters is Reasons for many goroutines.
type reasonCounters [reasonCount]atomic.Uint64

func (c *reasonCounters) snapshot() (r Reasons) {
	for i := range c {
		r[i] = c[i].Load()
	}
	return r
}
