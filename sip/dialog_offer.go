package sip

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// offers keeps two offers, and two INVITEs, from crossing in a dialog (RFC 3261 section 14, RFC 3311
// section 5.2).
type offers struct {
	inviteOut bool // our INVITE has no final response
	inviteIn  bool // the peer's INVITE has no final response
	ackWait   bool // our 2xx has no ACK
	offerOut  bool // an offer of ours is not answered
	offerIn   bool // an offer of the peer is not answered
	prackWait bool // our answer in a reliable provisional response has no PRACK
}

// refuse says whether a request of the peer comes at a bad time, and with which status code: 491
// where it crosses ours, 500 with Retry-After where the peer did not wait for our answer.
//
//	request             while                              status
//	INVITE              its INVITE or offer is unanswered  500
//	INVITE              ours is, or our 2xx has no ACK     491
//	UPDATE with offer   its offer is unanswered            500
//	UPDATE with offer   ours is                            491
//
// PRACK with an offer is like UPDATE.
func (o *offers) refuse(m Method, offer bool) int {
	switch m {
	case INVITE:
		switch {
		case o.inviteIn || o.offerIn:
			return 500
		case o.inviteOut || o.offerOut || o.ackWait:
			return 491
		}
	case UPDATE, PRACK:
		switch {
		case !offer:
		case o.offerIn:
			return 500
		case o.offerOut:
			return 491
		}
	}
	return 0
}

// mayInvite and mayOffer say whether the rules let us send an INVITE, and an UPDATE with an offer.
func (o *offers) mayInvite() bool {
	return !o.inviteOut && !o.inviteIn && !o.ackWait && !o.offerOut && !o.offerIn
}

func (o *offers) mayOffer() bool { return !o.offerOut && !o.offerIn && !o.prackWait }

// glareDelay is how long to wait after a 491 before the request is tried again: 2.1 to 4 s for the
// owner of the Call-ID, 0 to 2 s for the other side, in steps of 10 ms (RFC 3261 section 14.1).
func glareDelay(owner bool) time.Duration {
	if owner {
		return time.Duration(210+rand.IntN(191)) * 10 * time.Millisecond
	}
	return time.Duration(rand.IntN(201)) * 10 * time.Millisecond
}

// retryAfter is the Retry-After of a 500 to an INVITE or UPDATE that came too early: 0 to 10 s
// (RFC 3261 section 14.2, RFC 3311 section 5.2).
func retryAfter() string { return strconv.Itoa(rand.IntN(11)) }
