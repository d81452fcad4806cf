package sip

import "time"

// nonInviteServer is the server transaction of every other request: RFC 3261 section 17.2.2 with
// the corrections of RFC 4320.
//
//	State       Input            Action                         Next state
//	Idle        request          deliver, start N, Trying       Trying
//	Trying      request                                         Trying
//	Trying      timer Trying     respond 100 (RFC 4320, 4.1)    Proceeding
//	Trying,     1xx by the user  send                           Proceeding
//	Proceeding  200-699          send, start J                  Completed
//	            timer N          timeout (RFC 4320, 4.2)        Terminated
//	Proceeding  request          send                           Proceeding
//	Completed   request          send                           Completed
//	Completed   timer J                                         Terminated
//	any         transport error  fail (RFC 6026 section 7.1)    unchanged
//
// Timer J is zero over reliable transports: Completed ends at once. Timer N is our name for
// 64*T1 after the request: then the client has given up, and a response would do harm.
type nonInviteServer struct {
	timers      *Timers
	reliable    bool
	state       txState
	timerTrying time.Time
	timerNJ     time.Time // N or J
}

func (m *nonInviteServer) State() txState { return m.state }

func (m *nonInviteServer) Deadline() time.Time { return earliest(m.timerTrying, m.timerNJ) }

func (m *nonInviteServer) Handle(now time.Time, in txInput, out []txAction) []txAction {
	if in.event == inError && m.state != txIdle && m.state != txTerminated {
		return append(out, doFail)
	}
	switch m.state {
	case txIdle:
		if in.event != inRequest {
			return out
		}
		m.state = txTrying
		m.timerNJ = now.Add(m.timers.timeout())
		if m.timers.Trying > 0 {
			m.timerTrying = now.Add(m.timers.lateTrying())
		}
		return append(out, doDeliver)
	case txTrying, txProceeding:
		switch in.event {
		case inRequest:
			if m.state == txProceeding {
				return append(out, doSend)
			}
		case inResponse:
			m.timerTrying = time.Time{}
			out = append(out, doSend)
			if in.status < 200 {
				m.state = txProceeding
				return out
			}
			if m.reliable {
				return m.end(out)
			}
			m.state, m.timerNJ = txCompleted, now.Add(m.timers.timeout())
		}
	case txCompleted:
		if in.event == inRequest {
			return append(out, doSend)
		}
	}
	return out
}

func (m *nonInviteServer) Expire(now time.Time, out []txAction) []txAction {
	if due(m.timerNJ, now) {
		if m.state != txCompleted {
			out = append(out, doTimeout)
		}
		return m.end(out)
	}
	if due(m.timerTrying, now) {
		m.timerTrying, m.state = time.Time{}, txProceeding
		out = append(out, doTrying)
	}
	return out
}

func (m *nonInviteServer) end(out []txAction) []txAction {
	m.state, m.timerTrying, m.timerNJ = txTerminated, time.Time{}, time.Time{}
	return append(out, doEnd)
}
