package sip

import "time"

// nonInviteClient is the client transaction of every other request: RFC 3261 section 17.1.2.
//
//	State       Input            Action                         Next state
//	Idle        request          send, start F, E if unreliable Trying
//	Trying      timer E          send, E = min(2*E, T2)         Trying
//	Trying      1xx              deliver                        Proceeding
//	Proceeding  timer E          send, E = T2                   Proceeding
//	Proceeding  1xx              deliver                        Proceeding
//	Trying,     200-699          deliver, start K               Completed
//	Proceeding  timer F          timeout                        Terminated
//	            transport error  fail                           Terminated
//	            abandon          stop E                         unchanged
//	Completed   timer K                                         Terminated
//
// Timer K is zero over reliable transports: Completed ends at once.
type nonInviteClient struct {
	timers   *Timers
	reliable bool
	state    txState
	timerE   time.Time
	timerFK  time.Time // F or K
	interval time.Duration
}

func (m *nonInviteClient) State() txState { return m.state }

func (m *nonInviteClient) Deadline() time.Time { return earliest(m.timerE, m.timerFK) }

func (m *nonInviteClient) Handle(now time.Time, in txInput, out []txAction) []txAction {
	switch m.state {
	case txIdle:
		if in.event != inRequest {
			return out
		}
		m.state = txTrying
		m.timerFK = now.Add(m.timers.timeout())
		if !m.reliable {
			m.interval = m.timers.T1
			m.timerE = now.Add(m.interval)
		}
		return append(out, doSend)
	case txTrying, txProceeding:
		switch {
		case in.event == inError:
			return m.end(append(out, doFail))
		case in.event == inAbandon:
			m.timerE = time.Time{}
		case in.event != inResponse:
		case in.status < 200:
			m.state = txProceeding
			return append(out, doDeliver)
		default:
			out = append(out, doDeliver)
			if m.reliable {
				return m.end(out)
			}
			m.state, m.timerE, m.timerFK = txCompleted, time.Time{}, now.Add(m.timers.T4)
		}
	}
	return out
}

func (m *nonInviteClient) Expire(now time.Time, out []txAction) []txAction {
	if due(m.timerFK, now) {
		if m.state != txCompleted {
			out = append(out, doTimeout)
		}
		return m.end(out)
	}
	if due(m.timerE, now) {
		m.interval = min(2*m.interval, m.timers.T2)
		if m.state == txProceeding {
			m.interval = m.timers.T2
		}
		m.timerE = now.Add(m.interval)
		out = append(out, doSend)
	}
	return out
}

func (m *nonInviteClient) end(out []txAction) []txAction {
	m.state, m.timerE, m.timerFK = txTerminated, time.Time{}, time.Time{}
	return append(out, doEnd)
}
