package m2pa

import (
	"time"

	"github.com/gotelco/telco/mtp3"
)

// Initial alignment control (Q.703 section 7 and figure 9, RFC 4165 section 4.1.3).
//
//	State        Input                  Action                                   Next state
//	NOT ALIGNED  Alignment, Proving N   stop T2, send Proving, start T3          ALIGNED
//	NOT ALIGNED  Proving E              the same, with the emergency period      ALIGNED
//	NOT ALIGNED  T2                     out of service
//	ALIGNED      Proving N              stop T3, start T4                        PROVING
//	ALIGNED      Proving E              stop T3, start T4 (emergency)            PROVING
//	ALIGNED      emergency (level 3)    send Proving E, emergency period         ALIGNED
//	ALIGNED      Out of Service, T3     out of service
//	PROVING      Alignment              stop T4, send Proving, start T3          ALIGNED
//	PROVING      Proving E              start T4 anew (emergency), if it was not PROVING
//	PROVING      emergency (level 3)    send Proving E, start T4 (emergency)     PROVING
//	PROVING      Out of Service         out of service
//	PROVING      Ready, Proc. Outage    kept until T4 ends or Proving follows: unlike FISUs and SIPOs, neither is repeated without end
//	PROVING      T4                     alignment complete
func (l *Link) align(now time.Time, s Status, out []mtp3.Indication) []mtp3.Indication {
	switch l.iac {
	case iacNotAligned:
		switch s {
		case Alignment, ProvingNormal, ProvingEmergency:
			l.t2, l.tRepeat = time.Time{}, time.Time{}
			l.short = l.emergency || s == ProvingEmergency
			l.enterAligned(now)
		}
	case iacAligned:
		switch s {
		case ProvingNormal, ProvingEmergency:
			l.t3 = time.Time{}
			l.short = l.short || s == ProvingEmergency
			return l.startProving(now, out)
		case OutOfService:
			return l.fail(now, mtp3.ReceivedOutOfService, out)
		}
	case iacProving:
		switch s {
		case Alignment:
			l.t4, l.tProving = time.Time{}, time.Time{}
			l.peerReady, l.peerOutage = false, false
			l.enterAligned(now)
		case ProvingNormal:
			l.peerReady, l.peerOutage = false, false
		case ProvingEmergency:
			l.peerReady, l.peerOutage = false, false
			if !l.short {
				l.short = true
				return l.startProving(now, out)
			}
		case OutOfService:
			return l.fail(now, mtp3.ReceivedOutOfService, out)
		case Ready:
			l.peerReady, l.peerOutage = true, false
		case ProcessorOutage:
			l.peerOutage = true
		case ProcessorRecovered:
			l.peerOutage = false
		}
	}
	return out
}

func (l *Link) enterAligned(now time.Time) {
	l.iac = iacAligned
	l.traceNote(now, "aligned")
	l.prove()
	l.t3 = now.Add(l.cfg.T3)
}

// prove queues one Link Status Proving message. What this side says depends on whether level 3
// here wants an emergency alignment, not on the peer's wish (Q.703 section 7.3).
func (l *Link) prove() {
	if l.emergency {
		l.status(ProvingEmergency, 0)
	} else {
		l.status(ProvingNormal, 0)
	}
}

// startProving starts T4, or ends proving at once where there is none.
func (l *Link) startProving(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	if l.iac != iacProving {
		l.iac = iacProving
		l.traceNote(now, "proving")
	}
	period := l.cfg.T4n
	if l.short {
		period = l.cfg.T4e
	}
	if period < 0 {
		return l.proved(now, out)
	}
	l.t4 = now.Add(period)
	l.tProving = now.Add(l.cfg.ProvingInterval)
	return out
}

// proved is "alignment complete" (Q.703 figure 8).
func (l *Link) proved(now time.Time, out []mtp3.Indication) []mtp3.Indication {
	l.t4, l.tProving = time.Time{}, time.Time{}
	l.iac = iacIdle
	l.t1 = now.Add(l.cfg.T1)
	if l.lpo {
		l.status(ProcessorOutage, 1)
		l.change(now, StateAlignedNotReady, "proved, in a local processor outage")
	} else {
		l.status(Ready, 0)
		l.change(now, StateAlignedReady, "proved")
	}
	l.repeat(now)
	switch {
	case l.peerOutage:
		return l.remoteOutage(now, out)
	case l.peerReady:
		return l.entered(now, "the peer is ready", out)
	}
	return out
}

// aligned is ALIGNED READY and ALIGNED NOT READY (Q.703 figure 8).
//
//	Input                              Action                               Next state
//	Ready, User Data                   stop T1, In Service                  IN SERVICE or, with a local outage, PROCESSOR OUTAGE
//	Processor Outage                   stop T1, Remote Processor Outage     PROCESSOR OUTAGE, In Service follows with Processor Recovered
//	Alignment, Out of Service, T1      out of service
//	Proving                            ignored: the peer still proves
func (l *Link) aligned(now time.Time, s Status, stream uint16, out []mtp3.Indication) []mtp3.Indication {
	switch s {
	case Ready:
		answer := l.awaitReady && stream == 1
		out = l.entered(now, "the peer is ready", out)
		l.expectNothing()
		l.tPR = time.Time{}
		if answer {
			l.status(Ready, 1)
		}
	case ProcessorOutage:
		return l.remoteOutage(now, out)
	case Alignment:
		return l.fail(now, mtp3.ReceivedAlignment, out)
	case OutOfService:
		return l.fail(now, mtp3.ReceivedOutOfService, out)
	}
	return out
}

// entered stops T1: the link is in service, or has a local processor outage.
func (l *Link) entered(now time.Time, why string, out []mtp3.Indication) []mtp3.Indication {
	l.t1, l.tRepeat = time.Time{}, time.Time{}
	if l.lpo {
		l.change(now, StateProcessorOutage, why)
	} else {
		l.change(now, StateInService, why)
	}
	return l.inService(out)
}

// inService tells level 3, once for each alignment.
func (l *Link) inService(out []mtp3.Indication) []mtp3.Indication {
	l.served, l.indicated = true, true
	l.stats.InService++
	return append(out, mtp3.Indication{Kind: mtp3.InService})
}
