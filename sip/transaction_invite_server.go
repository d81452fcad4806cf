package sip

import "time"

// inviteServer is the INVITE server transaction: RFC 3261 section 17.2.1, RFC 6026 section 7.1.
//
//	State       Input            Action                         Next state
//	Idle        INVITE           deliver, start Trying          Proceeding
//	Proceeding  INVITE           send if a 1xx was sent         Proceeding
//	Proceeding  timer Trying     respond 100                    Proceeding
//	Proceeding  1xx by the user  send, stop Trying              Proceeding
//	Proceeding  2xx by the user  send, start L                  Accepted
//	Proceeding  300-699          send, start H, G if unreliable Completed
//	Accepted    INVITE                                          Accepted
//	Accepted    ACK              deliver                        Accepted
//	Accepted    2xx by the user  send                           Accepted
//	Accepted    timer L                                         Terminated
//	Completed   INVITE           send                           Completed
//	Completed   timer G          send, G = min(2*G, T2)         Completed
//	Completed   timer H          timeout                        Terminated
//	Completed   ACK              start I                        Confirmed
//	Confirmed   ACK, INVITE                                     Confirmed
//	Confirmed   timer I                                         Terminated
//	any         transport error  fail (RFC 6026 section 7.1)    unchanged
//
// Timer I is zero over reliable transports: Confirmed ends at once. The user retransmits 2xx
// responses (section 13.3.1.4), in state Accepted.
type inviteServer struct {
	timers   *Timers
	reliable bool
	answered bool // a provisional response was sent
	state    txState
	timerG   time.Time // G, and in Proceeding the one for 100 Trying
	timerHIL time.Time // H, I or L
	interval time.Duration
}

func (m *inviteServer) State() txState { return m.state }

func (m *inviteServer) Deadline() time.Time { return earliest(m.timerG, m.timerHIL) }

func (m *inviteServer) Handle(now time.Time, in txInput, out []txAction) []txAction {
	if in.event == inError && m.state != txIdle && m.state != txTerminated {
		return append(out, doFail)
	}
	switch m.state {
	case txIdle:
		if in.event != inRequest {
			return out
		}
		m.state = txProceeding
		if m.timers.Trying > 0 {
			m.timerG = now.Add(m.timers.Trying)
		}
		return append(out, doDeliver)
	case txProceeding:
		switch in.event {
		case inRequest:
			if m.answered {
				return append(out, doSend)
			}
		case inResponse:
			return m.respond(now, in.status, out)
		}
	case txAccepted:
		switch {
		case in.event == inACK:
			return append(out, doDeliver)
		case in.event == inResponse && in.status/100 == 2:
			return append(out, doSend)
		}
	case txCompleted:
		switch in.event {
		case inRequest:
			return append(out, doSend)
		case inACK:
			m.timerG = time.Time{}
			if m.reliable {
				return m.end(out)
			}
			m.state, m.timerHIL = txConfirmed, now.Add(m.timers.T4)
		}
	}
	return out
}

func (m *inviteServer) respond(now time.Time, status int, out []txAction) []txAction {
	m.timerG = time.Time{}
	m.answered = true
	switch {
	case status < 200:
	case status < 300:
		m.state, m.timerHIL = txAccepted, now.Add(m.timers.timeout())
	default:
		m.state, m.timerHIL = txCompleted, now.Add(m.timers.timeout())
		if !m.reliable {
			m.interval = m.timers.T1
			m.timerG = now.Add(m.interval)
		}
	}
	return append(out, doSend)
}

func (m *inviteServer) Expire(now time.Time, out []txAction) []txAction {
	if due(m.timerHIL, now) {
		if m.state == txCompleted {
			out = append(out, doTimeout)
		}
		return m.end(out)
	}
	if !due(m.timerG, now) {
		return out
	}
	if m.state == txProceeding {
		m.timerG, m.answered = time.Time{}, true
		return append(out, doTrying)
	}
	m.interval = min(2*m.interval, m.timers.T2)
	m.timerG = now.Add(m.interval)
	return append(out, doSend)
}

func (m *inviteServer) end(out []txAction) []txAction {
	m.state, m.timerG, m.timerHIL = txTerminated, time.Time{}, time.Time{}
	return append(out, doEnd)
}
