package sip

import "time"

// inviteClient is the INVITE client transaction: RFC 3261 section 17.1.1, RFC 6026 section 7.2.
//
//	State       Input            Action                         Next state
//	Idle        request          send, start B, A if unreliable Calling
//	Calling     timer A          send, double A                 Calling
//	Calling     timer B          timeout                        Terminated
//	Calling     abandon          stop A                         Calling
//	Calling     1xx              deliver, stop A and B          Proceeding
//	Proceeding  1xx              deliver                        Proceeding
//	Calling,    2xx              deliver, start M               Accepted
//	Proceeding  300-699          deliver, ACK, start D          Completed
//	            transport error  fail                           Terminated
//	            cancel           start B                        unchanged
//	Proceeding  timer B          timeout (section 9.1)          Terminated
//	Accepted    2xx              deliver                        Accepted
//	Accepted    timer M                                         Terminated
//	Completed   300-699          ACK                            Completed
//	Completed   transport error  fail                           Terminated
//	Completed   timer D                                         Terminated
//
// Timer D is zero over reliable transports: Completed ends at once.
type inviteClient struct {
	timers   *Timers
	reliable bool
	state    txState
	timerA   time.Time
	timerBDM time.Time // B, D or M: at most one of them runs
	interval time.Duration
}

func (m *inviteClient) State() txState { return m.state }

func (m *inviteClient) Deadline() time.Time { return earliest(m.timerA, m.timerBDM) }

func (m *inviteClient) Handle(now time.Time, in txInput, out []txAction) []txAction {
	switch m.state {
	case txIdle:
		if in.event != inRequest {
			return out
		}
		m.state = txCalling
		m.timerBDM = now.Add(m.timers.timeout())
		if !m.reliable {
			m.interval = m.timers.T1
			m.timerA = now.Add(m.interval)
		}
		return append(out, doSend)
	case txCalling, txProceeding:
		switch in.event {
		case inResponse:
			return m.response(now, in.status, out)
		case inError:
			return m.end(append(out, doFail))
		case inCancel:
			m.timerBDM = now.Add(m.timers.timeout())
		case inAbandon:
			m.timerA = time.Time{}
		}
	case txAccepted:
		if in.event == inResponse && in.status/100 == 2 {
			return append(out, doDeliver)
		}
	case txCompleted:
		switch {
		case in.event == inResponse && in.status >= 300:
			return append(out, doSendACK)
		case in.event == inError:
			return m.end(append(out, doFail))
		}
	}
	return out
}

func (m *inviteClient) response(now time.Time, status int, out []txAction) []txAction {
	m.timerA = time.Time{}
	switch {
	case status < 200:
		if m.state == txCalling {
			m.state, m.timerBDM = txProceeding, time.Time{}
		}
		return append(out, doDeliver)
	case status < 300:
		m.state, m.timerBDM = txAccepted, now.Add(m.timers.timeout())
		return append(out, doDeliver)
	}
	out = append(out, doSendACK, doDeliver)
	if m.reliable {
		return m.end(out)
	}
	m.state, m.timerBDM = txCompleted, now.Add(m.timers.D)
	return out
}

func (m *inviteClient) Expire(now time.Time, out []txAction) []txAction {
	if due(m.timerBDM, now) {
		if m.state == txCalling || m.state == txProceeding {
			out = append(out, doTimeout)
		}
		return m.end(out)
	}
	if due(m.timerA, now) {
		m.interval *= 2
		m.timerA = now.Add(m.interval)
		out = append(out, doSend)
	}
	return out
}

func (m *inviteClient) end(out []txAction) []txAction {
	m.state, m.timerA, m.timerBDM = txTerminated, time.Time{}, time.Time{}
	return append(out, doEnd)
}
