package sip

import "sync/atomic"

// userAgentStats are the counters of an agent.
type userAgentStats struct {
	sent, answered, forks, received, accepted, overLimit atomic.Uint64
	acksAgain, answersAgain, noACK, glares               atomic.Uint64
	provisionalsAgain, noPRACK                           atomic.Uint64
}

// UserAgentStats is a snapshot of what a [UserAgent] holds and has counted since it was made. The
// endpoint below has its own.
type UserAgentStats struct {
	Dialogs int // now, early and ending ones included

	CallsSent     uint64 // by Invite
	CallsAnswered uint64 // of these, with a 2xx
	Forks         uint64 // further 2xx from other branches, and 2xx after we gave up
	CallsReceived uint64 // INVITEs handed to OnInvite
	CallsAccepted uint64 // of these, answered with a 2xx by us
	OverLimit     uint64 // INVITEs beyond MaxDialogs

	ACKsAgain    uint64 // ACKs sent again because a 2xx came again
	AnswersAgain uint64 // 2xx sent again because no ACK had come
	NoACK        uint64 // calls that ended because none came at all
	Glares       uint64 // 491 sent or received

	ProvisionalsAgain uint64 // reliable provisional responses sent again because no PRACK had come
	NoPRACK           uint64 // INVITEs refused because none came at all
}

// Stats returns a snapshot.
func (ua *UserAgent) Stats() UserAgentStats {
	s := &ua.stats
	return UserAgentStats{
		Dialogs:   ua.Dialogs(),
		CallsSent: s.sent.Load(), CallsAnswered: s.answered.Load(), Forks: s.forks.Load(),
		CallsReceived: s.received.Load(), CallsAccepted: s.accepted.Load(), OverLimit: s.overLimit.Load(),
		ACKsAgain: s.acksAgain.Load(), AnswersAgain: s.answersAgain.Load(), NoACK: s.noACK.Load(), Glares: s.glares.Load(),
		ProvisionalsAgain: s.provisionalsAgain.Load(), NoPRACK: s.noPRACK.Load(),
	}
}

// Dialogs returns the number of dialogs, early and ending ones included.
func (ua *UserAgent) Dialogs() int {
	ua.mu.Lock()
	defer ua.mu.Unlock()
	return len(ua.dialogs)
}
