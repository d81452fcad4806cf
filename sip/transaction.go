package sip

import (
	"fmt"
	"time"
)

// machine is one of the four transaction state machines of RFC 3261 section 17 as RFC 6026
// corrects them. It has no clock, goroutine or socket and holds no message: it is told what
// happened and says what to do. An input that a state has no row for does nothing.
type machine interface {
	// Handle takes one input and appends what is to be done to out.
	Handle(now time.Time, in txInput, out []txAction) []txAction

	// Deadline is when the next timer fires; zero if none runs.
	Deadline() time.Time

	// Expire fires the timers that are due.
	Expire(now time.Time, out []txAction) []txAction

	State() txState
}

// txState is the state of a transaction.
type txState uint8

const (
	txIdle txState = iota // no request yet
	txCalling
	txTrying
	txProceeding
	txAccepted // RFC 6026
	txCompleted
	txConfirmed
	txTerminated
)

var txStateNames = [...]string{"Idle", "Calling", "Trying", "Proceeding", "Accepted", "Completed", "Confirmed", "Terminated"}

func (s txState) String() string {
	if int(s) < len(txStateNames) {
		return txStateNames[s]
	}
	return fmt.Sprintf("txState(%d)", uint8(s))
}

// final tells whether a final response has gone by.
func (s txState) final() bool { return s >= txAccepted }

// txEvent is what happens to a transaction.
type txEvent uint8

const (
	// inRequest is the request: the first starts the transaction (the user's at a client, the
	// peer's at a server), a server takes every further one as a retransmission.
	inRequest  txEvent = iota
	inResponse         // client: a response came; server: the user responds
	inACK              // server: an ACK came for this INVITE
	inCancel           // client: a CANCEL was sent; the INVITE ends within 64*T1 (section 9.1)
	inAbandon          // client: the user goes on to another target; late answers still count
	inError            // the transport could not send
)

// txInput is an event with the status code of a response.
type txInput struct {
	event  txEvent
	status int
}

// txAction is what the owner of a machine does for it.
type txAction uint8

const (
	doSend    txAction = iota // client: (re)send the request; server: (re)send the last response
	doSendACK                 // client: build the ACK from the response, or resend it
	doTrying                  // server: respond with 100 Trying
	doDeliver                 // hand the message to the user
	doTimeout                 // tell the user that timer B, F, H or N fired
	doFail                    // tell the user that the transport failed
	doEnd                     // forget the transaction
)

var txActionNames = [...]string{"Send", "SendACK", "Trying", "Deliver", "Timeout", "Fail", "End"}

func (a txAction) String() string {
	if int(a) < len(txActionNames) {
		return txActionNames[a]
	}
	return fmt.Sprintf("txAction(%d)", uint8(a))
}
