package mtp3

import (
	"fmt"
	"time"
)

// Link is a signalling link as level 3 sees it: level 2 (MTP2, or M2PA in its place), in the terms
// of Q.701 and Q.703. It is a state machine without clock, goroutine, lock or socket: [Node] calls
// it, in the loop that also feeds the link from its peer. What level 2 has to say comes back as
// values, appended to out in the order in which it happened; how a link gets its bytes to the peer
// is between the link and whoever runs the loop.
//
// Every method takes the time of the call, appends to out and returns it. A command that the state
// of the link does not allow does nothing. A method neither calls back into the [Node] nor keeps a slice that it was given.
type Link interface {
	// Start begins (or begins again) initial alignment. InService or OutOfService follows. What still
	// waited for acknowledgement or transmission, because nobody retrieved it, is Lost.
	Start(now time.Time, out []Indication) []Indication

	// Stop takes the link out of service. What was not acknowledged stays for RetrieveBSNT and
	// Retrieve until the next Start. No OutOfService follows.
	Stop(now time.Time, out []Indication) []Indication

	// SetEmergency makes the alignments from now on emergency alignments, ClearEmergency normal
	// ones; an alignment under way changes too (Q.703 section 7.3).
	SetEmergency(now time.Time, out []Indication) []Indication
	ClearEmergency(now time.Time, out []Indication) []Indication

	// LocalProcessorOutage tells the peer that level 3 here cannot take messages,
	// LocalProcessorRecovered that it can again (Q.703 section 8).
	LocalProcessorOutage(now time.Time, out []Indication) []Indication
	LocalProcessorRecovered(now time.Time, out []Indication) []Indication

	// Send gives the link a message to transmit: the service information octet and the signalling
	// information field. The link copies msu. The priority is for links that carry one beside the
	// message (the PRI field of RFC 4165 section 2.2.1), 0 to 3. If the link can't take the message because its
	// buffers are full, it says Discarded.
	Send(now time.Time, priority uint8, msu []byte, out []Indication) []Indication

	// RetrieveBSNT asks for the backward sequence number that the link would send next: that of the
	// last message which it took from the peer and gave to level 3. BSNT or BSNTNotRetrievable follows at once.
	RetrieveBSNT(now time.Time, out []Indication) []Indication

	// Retrieve asks for what the peer, which took everything up to FSNC, has not got: one Retrieved
	// for each message sent after FSNC, then for each that was never sent, in the order of Send;
	// at last RetrievalComplete. The link forgets them. When FSNC is no number that the peer can
	// have acknowledged, RetrievalNotPossible follows instead and the messages stay.
	Retrieve(now time.Time, fsnc uint32, out []Indication) []Indication

	// RetrieveUnsent is Retrieve for the messages alone that were never sent to the peer. It is for
	// changeovers without a usable FSNC. What was sent is Lost, each message by an indication of its own.
	RetrieveUnsent(now time.Time, out []Indication) []Indication

	// FlushBuffers throws away what waits to be sent or acknowledged, which is Lost, after a processor outage;
	// Continue goes on with what is there (Q.703 section 8, RFC 4165 section 4.1.4).
	FlushBuffers(now time.Time, out []Indication) []Indication
	Continue(now time.Time, out []Indication) []Indication

	// SequenceBits is the width of FSN and BSN: 7 for MTP2, 24 for M2PA. It decides between the
	// changeover messages COO/COA and XCO/XCA.
	SequenceBits() int

	// Deadline is when Expire wants to be called; zero while no timer runs.
	Deadline() time.Time
	Expire(now time.Time, out []Indication) []Indication
}

// Indication is one thing that level 2 says to level 3.
type Indication struct {
	Kind IndicationKind

	// MSU of Received, Retrieved, Discarded and Lost is a message: service information octet and
	// signalling information field. That of Received is valid until the link is given more input
	// from the peer (commands in between leave it alone), the others until the next call of any method of the link.
	MSU      []byte
	Priority uint8 // of Received, Retrieved, Discarded, Lost: what the link carried beside the message, 0 to 3

	FSN     uint32         // of BSNT: the sequence number
	Level   uint8          // of Congestion: the congestion status, 0 (none) to 3
	Discard uint8          // of Congestion: messages of a lower priority shall be discarded (Q.704 section 3.8.2), 0 to 3
	Reason  LinkFailReason // of OutOfService
}

// IndicationKind says what an [Indication] is.
type IndicationKind uint8

// The indications of level 2 (Q.703, Q.704 section 3.2).
const (
	InService                IndicationKind = iota + 1 // alignment succeeded: messages flow
	OutOfService                                       // the link failed, or alignment was not possible; Reason says why
	RemoteProcessorOutage                              // the peer's level 3 cannot take messages
	RemoteProcessorRecovered                           // it can again
	Congestion                                         // the transmission buffers passed a threshold; Level is the new level
	Received                                           // a message from the peer: MSU
	BSNT                                               // the answer of RetrieveBSNT: FSN
	BSNTNotRetrievable                                 // or this: an emergency changeover is needed
	Retrieved                                          // one message of Retrieve: MSU
	RetrievalComplete                                  // after the last Retrieved
	RetrievalNotPossible                               // FSNC is not a number that can be acknowledged
	Discarded                                          // a message of Send did not fit: MSU
	Lost                                               // a message is given up that the peer may or may not have: MSU
)

var indicationNames = [...]string{
	InService: "in service", OutOfService: "out of service", RemoteProcessorOutage: "remote processor outage",
	RemoteProcessorRecovered: "remote processor recovered", Congestion: "congestion", Received: "received", BSNT: "BSNT",
	BSNTNotRetrievable: "BSNT not retrievable", Retrieved: "retrieved", RetrievalComplete: "retrieval complete",
	RetrievalNotPossible: "retrieval not possible", Discarded: "discarded", Lost: "lost",
}

// String is the kind in words.
func (k IndicationKind) String() string { return name(indicationNames[:], k, "IndicationKind") }

// LinkFailReason says why a link left service.
type LinkFailReason uint8

// The reasons (Q.703 sections 5.3, 7, 9 and 10; RFC 4165 section 4.1).
const (
	UnknownFailure       LinkFailReason = iota
	AlignmentNotPossible                // proving failed too often, or the peer did not answer (Q.703 T2, T3)
	ReadyTimeout                        // aligned, but the peer did not get ready (Q.703 T1)
	ReceivedOutOfService                // the peer says that it is out of service
	ReceivedAlignment                   // the peer began to align in the middle of service
	AcknowledgementLate                 // nothing was acknowledged for too long (Q.703 T7)
	RemoteCongestionLong                // the peer was busy for too long (Q.703 T6)
	AbnormalSequence                    // BSN or FSN out of their range
	ErrorRate                           // too many bad signal units (Q.703 section 10)
	TransportLost                       // the association under M2PA ended
	StoppedByManagement                 // Stop
	SignallingLinkTest                  // level 3 itself: no acknowledgement of SLTM (Q.707 section 2.2)
	RemoteOutageLong                    // a processor outage that did not end
)

var failReasonNames = [...]string{
	UnknownFailure: "unknown", AlignmentNotPossible: "alignment not possible", ReadyTimeout: "peer not ready in time",
	ReceivedOutOfService: "peer out of service", ReceivedAlignment: "peer aligns", AcknowledgementLate: "acknowledgement late",
	RemoteCongestionLong: "peer busy for too long", AbnormalSequence: "abnormal sequence number", ErrorRate: "error rate",
	TransportLost: "transport lost", StoppedByManagement: "stopped", SignallingLinkTest: "signalling link test failed",
	RemoteOutageLong: "processor outage",
}

// String is the reason in words.
func (r LinkFailReason) String() string { return name(failReasonNames[:], r, "LinkFailReason") }

// name is the word for v, or its type and number.
func name[T ~uint8](names []string, v T, typ string) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", typ, uint8(v))
}
