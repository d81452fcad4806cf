package diameter

import (
	"fmt"
	"time"
)

// PeerState is a state of the peer state machine of RFC 6733 section 5.6.
type PeerState uint8

// The states.
const (
	PeerClosed           PeerState = iota // Closed: no connection
	PeerWaitConnAck                       // Wait-Conn-Ack: dialling
	PeerWaitICEA                          // Wait-I-CEA: our CER is out
	PeerWaitConnAckElect                  // Wait-Conn-Ack/Elect: dialling, and the peer's CER has come
	PeerWaitReturns                       // Wait-Returns: two connections; the election will end one of them
	PeerROpen                             // R-Open: in service on the connection that the peer made
	PeerIOpen                             // I-Open: in service on the connection that we made
	PeerClosing                           // Closing: DPR or DPA sent
	numPeerStates
)

var peerStateNames = [numPeerStates]string{"Closed", "Wait-Conn-Ack", "Wait-I-CEA", "Wait-Conn-Ack/Elect", "Wait-Returns", "R-Open", "I-Open", "Closing"}

// String is the state as RFC 6733 spells it.
func (s PeerState) String() string {
	if s < numPeerStates {
		return peerStateNames[s]
	}
	return fmt.Sprintf("PeerState(%d)", uint8(s))
}

// Open says whether the state is I-Open or R-Open.
func (s PeerState) Open() bool { return s == PeerIOpen || s == PeerROpen }

// peerEvent is an event of RFC 6733 section 5.6.2.
type peerEvent uint8

const (
	evStart peerEvent = iota
	evRConnCER
	evIRcvConnAck
	evIRcvConnNack
	evIRcvCEA
	evIRcvNonCEA
	evIPeerDisc
	evRPeerDisc
	evWinElection
	evSendMessage
	evIRcvMessage
	evRRcvMessage
	evIRcvDWR
	evRRcvDWR
	evIRcvDWA
	evRRcvDWA
	evIRcvDPR
	evRRcvDPR
	evIRcvDPA
	evRRcvDPA
	evStop
	evTimeout
	// Not in the RFC's table:
	evIRcvBadCEA // a CEA that refuses us, or that we cannot accept
	evFail       // this side gives the peer up: the watchdog, a limit, lost framing
	numPeerEvents
)

var peerEventNames = [numPeerEvents]string{
	"Start", "R-Conn-CER", "I-Rcv-Conn-Ack", "I-Rcv-Conn-Nack", "I-Rcv-CEA", "I-Rcv-Non-CEA", "I-Peer-Disc", "R-Peer-Disc",
	"Win-Election", "Send-Message", "I-Rcv-Message", "R-Rcv-Message", "I-Rcv-DWR", "R-Rcv-DWR", "I-Rcv-DWA", "R-Rcv-DWA",
	"I-Rcv-DPR", "R-Rcv-DPR", "I-Rcv-DPA", "R-Rcv-DPA", "Stop", "Timeout", "I-Rcv-Bad-CEA", "Fail",
}

func (e peerEvent) String() string { return peerEventNames[e] }

// peerAction is an action of RFC 6733 section 5.6.3.
type peerAction uint8

const (
	acISndConnReq peerAction = iota
	acISndCER
	acRAccept
	acRReject
	acProcessCER
	acRSndCEA
	acProcessCEA
	acElect
	acCleanup
	acError
	acIDisc
	acRDisc
	acISndMessage
	acRSndMessage
	acProcess
	acProcessDWR
	acISndDWA
	acRSndDWA
	acProcessDWA
	acISndDPR
	acRSndDPR
	acISndDPA
	acRSndDPA
	numPeerActions
)

var peerActionNames = [numPeerActions]string{
	"I-Snd-Conn-Req", "I-Snd-CER", "R-Accept", "R-Reject", "Process-CER", "R-Snd-CEA", "Process-CEA", "Elect", "Cleanup", "Error",
	"I-Disc", "R-Disc", "I-Snd-Message", "R-Snd-Message", "Process", "Process-DWR", "I-Snd-DWA", "R-Snd-DWA", "Process-DWA",
	"I-Snd-DPR", "R-Snd-DPR", "I-Snd-DPA", "R-Snd-DPA",
}

func (a peerAction) String() string { return peerActionNames[a] }

// peerRow is a row of the table.
type peerRow struct {
	state   PeerState
	event   peerEvent
	actions []peerAction
	next    PeerState
}

func does(a ...peerAction) []peerAction { return a }

// peerTable is the table of RFC 6733 section 5.6. Rows after the blank line of a state are not in
// the RFC: they say what happens to events that it leaves out but that do occur.
var peerTable = [...]peerRow{
	{PeerClosed, evStart, does(acISndConnReq), PeerWaitConnAck},
	{PeerClosed, evRConnCER, does(acRAccept, acProcessCER, acRSndCEA), PeerROpen},

	{PeerWaitConnAck, evIRcvConnAck, does(acISndCER), PeerWaitICEA},
	{PeerWaitConnAck, evIRcvConnNack, does(acCleanup), PeerClosed},
	{PeerWaitConnAck, evRConnCER, does(acRAccept, acProcessCER), PeerWaitConnAckElect},
	{PeerWaitConnAck, evTimeout, does(acError), PeerClosed},

	{PeerWaitConnAck, evStop, does(acCleanup), PeerClosed},

	{PeerWaitICEA, evIRcvCEA, does(acProcessCEA), PeerIOpen},
	{PeerWaitICEA, evRConnCER, does(acRAccept, acProcessCER, acElect), PeerWaitReturns},
	{PeerWaitICEA, evIPeerDisc, does(acIDisc), PeerClosed},
	{PeerWaitICEA, evIRcvNonCEA, does(acError), PeerClosed},
	{PeerWaitICEA, evTimeout, does(acError), PeerClosed},

	{PeerWaitICEA, evIRcvBadCEA, does(acIDisc), PeerClosed},
	{PeerWaitICEA, evFail, does(acError), PeerClosed},
	{PeerWaitICEA, evStop, does(acIDisc), PeerClosed},

	{PeerWaitConnAckElect, evIRcvConnAck, does(acISndCER, acElect), PeerWaitReturns},
	{PeerWaitConnAckElect, evIRcvConnNack, does(acRSndCEA), PeerROpen},
	{PeerWaitConnAckElect, evRPeerDisc, does(acRDisc), PeerWaitConnAck},
	{PeerWaitConnAckElect, evRConnCER, does(acRReject), PeerWaitConnAckElect},
	{PeerWaitConnAckElect, evTimeout, does(acError), PeerClosed},

	{PeerWaitConnAckElect, evStop, does(acCleanup, acRDisc), PeerClosed},

	{PeerWaitReturns, evWinElection, does(acIDisc, acRSndCEA), PeerROpen},
	{PeerWaitReturns, evIPeerDisc, does(acIDisc, acRSndCEA), PeerROpen},
	{PeerWaitReturns, evIRcvCEA, does(acRDisc), PeerIOpen},
	{PeerWaitReturns, evRPeerDisc, does(acRDisc), PeerWaitICEA},
	{PeerWaitReturns, evRConnCER, does(acRReject), PeerWaitReturns},
	{PeerWaitReturns, evTimeout, does(acError), PeerClosed},

	{PeerWaitReturns, evIRcvBadCEA, does(acIDisc, acRSndCEA), PeerROpen},
	{PeerWaitReturns, evIRcvNonCEA, does(acIDisc, acRSndCEA), PeerROpen},
	{PeerWaitReturns, evFail, does(acError), PeerClosed},
	{PeerWaitReturns, evStop, does(acIDisc, acRDisc), PeerClosed},

	{PeerROpen, evSendMessage, does(acRSndMessage), PeerROpen},
	{PeerROpen, evRRcvMessage, does(acProcess), PeerROpen},
	{PeerROpen, evRRcvDWR, does(acProcessDWR, acRSndDWA), PeerROpen},
	{PeerROpen, evRRcvDWA, does(acProcessDWA), PeerROpen},
	{PeerROpen, evRConnCER, does(acRReject), PeerROpen},
	{PeerROpen, evStop, does(acRSndDPR), PeerClosing},
	{PeerROpen, evRRcvDPR, does(acRSndDPA), PeerClosing},
	{PeerROpen, evRPeerDisc, does(acRDisc), PeerClosed},

	{PeerROpen, evFail, does(acError), PeerClosed},

	{PeerIOpen, evSendMessage, does(acISndMessage), PeerIOpen},
	{PeerIOpen, evIRcvMessage, does(acProcess), PeerIOpen},
	{PeerIOpen, evIRcvDWR, does(acProcessDWR, acISndDWA), PeerIOpen},
	{PeerIOpen, evIRcvDWA, does(acProcessDWA), PeerIOpen},
	{PeerIOpen, evRConnCER, does(acRReject), PeerIOpen},
	{PeerIOpen, evStop, does(acISndDPR), PeerClosing},
	{PeerIOpen, evIRcvDPR, does(acISndDPA), PeerClosing},
	{PeerIOpen, evIPeerDisc, does(acIDisc), PeerClosed},

	{PeerIOpen, evFail, does(acError), PeerClosed},

	{PeerClosing, evIRcvDPA, does(acIDisc), PeerClosed},
	{PeerClosing, evRRcvDPA, does(acRDisc), PeerClosed},
	{PeerClosing, evTimeout, does(acError), PeerClosed},
	{PeerClosing, evIPeerDisc, does(acIDisc), PeerClosed},
	{PeerClosing, evRPeerDisc, does(acRDisc), PeerClosed},

	{PeerClosing, evIRcvMessage, does(acProcess), PeerClosing}, // answers under way, and requests that crossed our DPR
	{PeerClosing, evRRcvMessage, does(acProcess), PeerClosing},
	{PeerClosing, evIRcvDPR, does(acISndDPA), PeerClosing}, // both sides had enough
	{PeerClosing, evRRcvDPR, does(acRSndDPA), PeerClosing},
	{PeerClosing, evIRcvDWR, does(acProcessDWR, acISndDWA), PeerClosing},
	{PeerClosing, evRRcvDWR, does(acProcessDWR, acRSndDWA), PeerClosing},
	{PeerClosing, evIRcvDWA, does(acProcessDWA), PeerClosing},
	{PeerClosing, evRRcvDWA, does(acProcessDWA), PeerClosing},
	{PeerClosing, evRConnCER, does(acRReject), PeerClosing},
	{PeerClosing, evFail, does(acError), PeerClosed},
}

// peerRows finds the row of a state and an event; 0 is none, else 1 + the index in peerTable.
var peerRows = func() (rows [numPeerStates][numPeerEvents]uint8) {
	for i, r := range peerTable {
		rows[r.state][r.event] = uint8(i + 1)
	}
	return rows
}()

// peerMachine is the state machine of one peer. It has no clock, no goroutine and no socket: handle
// takes an event and returns what to do.
type peerMachine struct {
	state    PeerState
	local    string        // our Origin-Host
	remote   string        // the peer's
	connect  time.Duration // how long Wait-Conn-Ack lasts
	wait     time.Duration // Wait-I-CEA and Wait-Returns
	closing  time.Duration
	deadline time.Time // when Timeout happens; zero: no timer runs
}

// handle appends the actions of ev to out, and those of Win-Election if an election follows that we
// win. ok is false if the state has no row for the event, which is then ignored.
func (m *peerMachine) handle(now time.Time, ev peerEvent, out []peerAction) (_ []peerAction, ok bool) {
	i := peerRows[m.state][ev]
	if i == 0 {
		return out, false
	}
	row := &peerTable[i-1]
	out = append(out, row.actions...)
	if row.next != m.state {
		m.state = row.next
		switch m.state {
		case PeerClosed, PeerIOpen, PeerROpen:
			m.deadline = time.Time{}
		case PeerClosing:
			m.deadline = now.Add(m.closing)
		case PeerWaitConnAck, PeerWaitConnAckElect:
			m.deadline = now.Add(m.connect)
		default:
			m.deadline = now.Add(m.wait)
		}
	}
	for _, a := range row.actions {
		if a == acElect && winsElection(m.local, m.remote) {
			return m.handle(now, evWinElection, out)
		}
	}
	return out, true
}

// expire raises Timeout if it is due.
func (m *peerMachine) expire(now time.Time, out []peerAction) []peerAction {
	if m.deadline.IsZero() || now.Before(m.deadline) {
		return out
	}
	out, _ = m.handle(now, evTimeout, out)
	return out
}

// winsElection says whether local lexicographically succeeds remote, octet by octet, letters
// without regard to case (RFC 6733 section 5.6.4). The winner keeps the responder's connection.
func winsElection(local, remote string) bool {
	for i := range min(len(local), len(remote)) {
		a, b := lowerASCII(local[i]), lowerASCII(remote[i])
		if a != b {
			return a > b
		}
	}
	return len(local) > len(remote)
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
