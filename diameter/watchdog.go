package diameter

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// WatchdogState is what RFC 3539 appendix A calls the status of a peer.
type WatchdogState uint8

// The states of the watchdog.
const (
	WatchdogInitial WatchdogState = iota // never connected, or parted in order
	WatchdogOkay                         // the connection is up
	WatchdogSuspect                      // no sign of life: failover has been initiated
	WatchdogDown                         // the connection was lost
	WatchdogReopen                       // connected again, not trusted until some watchdogs were answered
)

var watchdogNames = [...]string{"INITIAL", "OKAY", "SUSPECT", "DOWN", "REOPEN"}

// String is the state as RFC 3539 spells it.
func (s WatchdogState) String() string {
	if int(s) < len(watchdogNames) {
		return watchdogNames[s]
	}
	return fmt.Sprintf("WatchdogState(%d)", uint8(s))
}

type watchdogAction uint8

const (
	wdSendWatchdog watchdogAction = iota
	wdFailover
	wdFailback
	wdCloseConnection
	wdAttemptOpen
	wdThrowaway
)

var watchdogActionNames = [...]string{"SendWatchdog", "Failover", "Failback", "CloseConnection", "AttemptOpen", "Throwaway"}

func (a watchdogAction) String() string { return watchdogActionNames[a] }

// watchdog is the algorithm of RFC 3539 section 3.4 for one peer, without clock, goroutine or
// socket.
//
//	STATE    Event                              Actions                                     New State
//	OKAY     Receive DWA                        Pending = FALSE, SetWatchdog                OKAY
//	OKAY     Receive non-DWA                    SetWatchdog                                 OKAY
//	SUSPECT  Receive DWA                        Pending = FALSE, Failback, SetWatchdog      OKAY
//	SUSPECT  Receive non-DWA                    Failback, SetWatchdog                       OKAY
//	REOPEN   Receive DWA & NumDWA == 2          Pending = FALSE, NumDWA++, Failback         OKAY
//	REOPEN   Receive DWA & NumDWA < 2           Pending = FALSE, NumDWA++                   REOPEN
//	REOPEN   Receive non-DWA                    Throwaway                                   REOPEN
//	INITIAL  Receive DWA                        Pending = FALSE, Throwaway                  INITIAL
//	INITIAL  Receive non-DWA                    Throwaway                                   INITIAL
//	DOWN     Receive DWA                        Pending = FALSE, Throwaway                  DOWN
//	DOWN     Receive non-DWA                    Throwaway                                   DOWN
//	OKAY     Timer expires & !Pending           SendWatchdog, SetWatchdog, Pending = TRUE   OKAY
//	OKAY     Timer expires & Pending            Failover, SetWatchdog                       SUSPECT
//	SUSPECT  Timer expires                      CloseConnection, SetWatchdog                DOWN
//	INITIAL  Timer expires                      AttemptOpen, SetWatchdog                    INITIAL
//	DOWN     Timer expires                      AttemptOpen, SetWatchdog                    DOWN
//	REOPEN   Timer expires & !Pending           SendWatchdog, SetWatchdog, Pending = TRUE   REOPEN
//	REOPEN   Timer expires & Pending & NumDWA<0 CloseConnection, SetWatchdog                DOWN
//	REOPEN   Timer expires & Pending            NumDWA = -1, SetWatchdog                    REOPEN
//	INITIAL  Connection up                      SetWatchdog                                 OKAY
//	DOWN     Connection up                      NumDWA = 0, SendWatchdog, SetWatchdog,
//	                                            Pending = TRUE                              REOPEN
//	OKAY     Connection down                    CloseConnection, Failover, SetWatchdog      DOWN
//	SUSPECT  Connection down                    CloseConnection, SetWatchdog                DOWN
//	REOPEN   Connection down                    CloseConnection, SetWatchdog                DOWN
//
// While there is no connection SetWatchdog starts RFC 6733's Tc, which grows with each attempt that
// fails, instead of Tw.
type watchdog struct {
	status  WatchdogState
	pending bool
	numDWA  int

	tw       time.Duration // Twinit
	jitter   time.Duration // at most this much more or less
	reopen   int           // how many DWAs REOPEN wants; at most 0: none, DOWN leads to OKAY
	tc       time.Duration // Tc; if zero, no attempt is made to open a connection
	tcMax    time.Duration
	attempts int // attempts to open since the last connection
	random   func() float64

	deadline time.Time // when the timer expires; zero: it does not run
}

// setWatchdog is SetWatchdog of RFC 3539 appendix A.
func (w *watchdog) setWatchdog(now time.Time) {
	r := w.random
	if r == nil {
		r = rand.Float64
	}
	switch w.status {
	case WatchdogInitial, WatchdogDown:
		if w.tc <= 0 {
			w.deadline = time.Time{}
			return
		}
		d := w.tc << min(max(w.attempts-1, 0), 16)
		if d > w.tcMax || d <= 0 {
			d = max(w.tcMax, w.tc)
		}
		w.deadline = now.Add(d + time.Duration((2*r()-1)*float64(min(w.jitter, d/4))))
	default:
		if w.tw <= 0 {
			w.deadline = time.Time{}
			return
		}
		w.deadline = now.Add(w.tw + time.Duration((2*r()-1)*float64(w.jitter)))
	}
}

// receive is OnReceive: a message has come from the peer.
func (w *watchdog) receive(now time.Time, dwa bool, out []watchdogAction) []watchdogAction {
	if dwa {
		w.pending = false
	}
	switch w.status {
	case WatchdogOkay:
		w.setWatchdog(now)
	case WatchdogSuspect:
		w.status = WatchdogOkay
		out = append(out, wdFailback)
		w.setWatchdog(now)
	case WatchdogReopen:
		if !dwa {
			return append(out, wdThrowaway)
		}
		if w.numDWA++; w.numDWA >= w.reopen {
			w.status = WatchdogOkay
			out = append(out, wdFailback)
		}
	default:
		out = append(out, wdThrowaway)
	}
	return out
}

// expire is OnTimerElapsed, if the time has come.
func (w *watchdog) expire(now time.Time, out []watchdogAction) []watchdogAction {
	if w.deadline.IsZero() || now.Before(w.deadline) {
		return out
	}
	switch w.status {
	case WatchdogOkay:
		if !w.pending {
			w.pending = true
			out = append(out, wdSendWatchdog)
			break
		}
		w.status = WatchdogSuspect
		out = append(out, wdFailover)
	case WatchdogSuspect:
		w.status = WatchdogDown
		out = append(out, wdCloseConnection)
	case WatchdogInitial, WatchdogDown:
		w.attempts++
		out = append(out, wdAttemptOpen)
	case WatchdogReopen:
		switch {
		case !w.pending:
			w.pending = true
			out = append(out, wdSendWatchdog)
		case w.numDWA < 0:
			w.status = WatchdogDown
			out = append(out, wdCloseConnection)
		default:
			w.numDWA = -1
		}
	}
	w.setWatchdog(now)
	return out
}

// connectionUp is OnConnectionUp: the capabilities have been exchanged.
func (w *watchdog) connectionUp(now time.Time, out []watchdogAction) []watchdogAction {
	w.attempts, w.pending = 0, false
	switch {
	case w.status == WatchdogInitial, w.status == WatchdogDown && w.reopen <= 0:
		w.status = WatchdogOkay
	case w.status == WatchdogDown:
		w.status, w.numDWA, w.pending = WatchdogReopen, 0, true
		out = append(out, wdSendWatchdog)
	}
	w.setWatchdog(now)
	return out
}

// connectionDown is OnConnectionDown: the transport connection is gone.
func (w *watchdog) connectionDown(now time.Time, out []watchdogAction) []watchdogAction {
	switch w.status {
	case WatchdogOkay:
		out = append(out, wdCloseConnection, wdFailover)
	case WatchdogSuspect, WatchdogReopen:
		out = append(out, wdCloseConnection)
	default:
		w.setWatchdog(now)
		return out
	}
	w.status, w.pending = WatchdogDown, false
	w.setWatchdog(now)
	return out
}

// parted is a connection that both sides ended with DPR and DPA: the next one needs no validation.
func (w *watchdog) parted(now time.Time) {
	w.status, w.pending, w.attempts = WatchdogInitial, false, 0
	w.setWatchdog(now)
}
