package m2pa

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Pieces that many cases begin with.
const (
	upBoth = `
		up
		< Out of Service
		> Out of Service
		= OUT OF SERVICE
	`
	proving = upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Normal
	`
	alignedReady = proving + `
		wait 8.2s
		<* Proving Normal
		< Ready
		= ALIGNED READY
	`
	alignedNotReady = upBoth + `
		lpo
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Processor Outage bsn=-
		= ALIGNED NOT READY
	`
	inService = alignedReady + `
		> Ready
		! in service
		= IN SERVICE
	`
)

// q781 is Q.781's list: the cases that mean something over M2PA, with the messages of RFC 4165 in
// the place of signal units.
var q781 = []struct{ number, name, steps string }{
	{"1.1", "Initialization (power up)", `
		= OUT OF SERVICE
		up
		< Out of Service
		> Out of Service
		wait 10m
		= OUT OF SERVICE
	`},
	{"1.2", "Timer T2", upBoth + `
		start
		< Alignment
		wait 11.4s
		= INITIAL ALIGNMENT
		wait 100ms
		< Out of Service
		! out of service: alignment not possible
		= OUT OF SERVICE
	`},
	{"1.3", "Timer T3", upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		wait 1.4s
		wait 100ms
		< Out of Service
		! out of service: alignment not possible
		= OUT OF SERVICE
	`},
	{"1.4", "Timer T1 and timer T4 (normal)", proving + `
		wait 8.1s
		<* Proving Normal
		= INITIAL ALIGNMENT
		wait 100ms
		<* Proving Normal
		< Ready
		> Proving Normal
		wait 44s
		= ALIGNED READY
		wait 1s
		< Out of Service
		! out of service: peer not ready in time
		= OUT OF SERVICE
	`},
	{"1.5a", "Normal alignment, correct procedure (FISU): the tester begins", upBoth + `
		> Alignment
		start
		< Alignment
		> Proving Normal
		< Proving Normal
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		> Ready
		! in service
		= IN SERVICE
	`},
	{"1.5b", "Normal alignment, correct procedure (FISU): the IUT begins", inService},
	{"1.6", "Normal alignment, correct procedure (MSU)", alignedReady + `
		> MSU 0 bsn=- hello
		! in service
		! received hello
		< ACK - bsn=0
		= IN SERVICE
	`},
	{"1.7", "SIO received during normal proving period", proving + `
		wait 4s
		<* Proving Normal
		> Alignment
		< Proving Normal
		wait 1s
		> Proving Normal
		wait 8.1s
		<* Proving Normal
		= INITIAL ALIGNMENT
		wait 100ms
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"1.8", "Normal alignment with PO set (FISU)", alignedNotReady + `
		> Ready
		! in service
		= PROCESSOR OUTAGE
	`},
	{"1.9", "Normal alignment with PO set (MSU)", alignedNotReady + `
		> MSU 0 bsn=- held
		! in service
		= PROCESSOR OUTAGE
	`},
	{"1.10", "Normal alignment with PO set and cleared", alignedNotReady + `
		lpr
		< Processor Recovered bsn=-
		< Ready
		= ALIGNED READY
		> Ready
		! in service
		= IN SERVICE
	`},
	{"1.10", "Normal alignment with PO set and cleared, the tester had seen it", alignedNotReady + `
		lpr
		< Processor Recovered bsn=-
		< Ready
		> Ready@1
		! in service
		< Ready@1 bsn=-
		= IN SERVICE
	`},
	{"1.11", `Set RPO when "Aligned not ready"`, alignedNotReady + `
		> Processor Outage
		! remote processor outage
		= PROCESSOR OUTAGE
	`},
	{"1.12", `SIOS received when "Aligned not ready"`, alignedNotReady + `
		> Out of Service
		< Out of Service
		! out of service: peer out of service
		= OUT OF SERVICE
	`},
	{"1.13", `SIO received when "Aligned not ready"`, alignedNotReady + `
		> Alignment
		< Out of Service
		! out of service: peer aligns
		= OUT OF SERVICE
	`},
	{"1.14", `Set and clear LPO when "Initial alignment"`, upBoth + `
		start
		< Alignment
		lpo
		lpr
		> Alignment
		< Proving Normal
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"1.15", `Set and clear LPO when "Aligned ready"`, alignedReady + `
		lpo
		< Processor Outage bsn=-
		= ALIGNED NOT READY
		lpr
		< Processor Recovered bsn=-
		< Ready
		= ALIGNED READY
		> Ready
		! in service
		= IN SERVICE
	`},
	{"1.16", `Timer T1 in "Aligned not ready" state`, alignedNotReady + `
		wait 44.9s
		= ALIGNED NOT READY
		wait 100ms
		< Out of Service
		! out of service: peer not ready in time
	`},
	{"1.17", "No SIO sent during normal proving period", upBoth + `
		start
		< Alignment
		> Proving Normal
		< Proving Normal
		wait 1s
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"1.18", `Toggle emergency before "start alignment"`, upBoth + `
		emergency
		emergency-ceases
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Normal
		wait 8.1s
		<* Proving Normal
		wait 100ms
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"1.19", `Set emergency when "Not aligned"`, upBoth + `
		start
		< Alignment
		emergency
		> Alignment
		< Proving Emergency
		> Proving Normal
		wait 400ms
		<* Proving Emergency
		wait 100ms
		<* Proving Emergency
		< Ready
		> Ready
		! in service
	`},
	{"1.20", `Set emergency when "Aligned"`, upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		emergency
		< Proving Emergency
		> Proving Normal
		wait 500ms
		<* Proving Emergency
		< Ready
		> Ready
		! in service
	`},
	{"1.21", "Both ends set emergency", upBoth + `
		emergency
		start
		< Alignment
		> Alignment
		< Proving Emergency
		> Proving Emergency
		wait 500ms
		<* Proving Emergency
		< Ready
		> Ready
		! in service
	`},
	{"1.22", "Individual end sets emergency", upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Emergency
		wait 500ms
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"1.23", "Set emergency during normal proving", proving + `
		wait 4s
		<* Proving Normal
		emergency
		< Proving Emergency
		wait 500ms
		<* Proving Emergency
		< Ready
		> Ready
		! in service
	`},
	{"1.23", "The tester sets emergency during normal proving", proving + `
		wait 4s
		<* Proving Normal
		> Proving Emergency
		wait 500ms
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"1.24", "No SIO sent during emergency alignment", upBoth + `
		emergency
		start
		< Alignment
		> Proving Emergency
		< Proving Emergency
		wait 1s
		> Proving Emergency
		wait 500ms
		<* Proving Emergency
		< Ready
		> Ready
		! in service
	`},
	{"1.25", "Deactivation during initial alignment", upBoth + `
		start
		< Alignment
		wait 5s
		stop
		< Out of Service
		= OUT OF SERVICE
		wait 10m
	`},
	{"1.26", "Deactivation during aligned state", upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		stop
		< Out of Service
		= OUT OF SERVICE
	`},
	{"1.27", "Deactivation during aligned not ready", alignedNotReady + `
		stop
		< Out of Service
		= OUT OF SERVICE
	`},
	{"1.28", "SIO received during link in service", inService + `
		> Alignment
		< Out of Service
		! out of service: peer aligns
		= OUT OF SERVICE
	`},
	{"1.29a", "Deactivation during link in service, by the tester", inService + `
		> Out of Service
		< Out of Service
		! out of service: peer out of service
		= OUT OF SERVICE
	`},
	{"1.29b", "Deactivation during link in service, by the IUT", inService + `
		stop
		< Out of Service
		= OUT OF SERVICE
	`},
	{"1.30a", "Deactivation during LPO, by the tester", inService + `
		lpo
		< Processor Outage bsn=-
		> Out of Service
		< Out of Service
		! out of service: peer out of service
	`},
	{"1.30b", "Deactivation during LPO, by the IUT", inService + `
		lpo
		< Processor Outage bsn=-
		stop
		< Out of Service
		= OUT OF SERVICE
	`},
	{"1.31a", "Deactivation during RPO, by the IUT", inService + `
		> Processor Outage
		! remote processor outage
		stop
		< Out of Service
		= OUT OF SERVICE
	`},
	{"1.31b", "Deactivation during RPO, by the tester", inService + `
		> Processor Outage
		! remote processor outage
		> Out of Service
		< Out of Service
		! out of service: peer out of service
	`},
	{"1.32a", "Deactivation during the proving period, by the tester", proving + `
		wait 4s
		<* Proving Normal
		> Out of Service
		< Out of Service
		! out of service: peer out of service
	`},
	{"1.32b", "Deactivation during the proving period, by the IUT", proving + `
		wait 4s
		<* Proving Normal
		stop
		< Out of Service
		wait 10m
		= OUT OF SERVICE
	`},
	{"1.33", "SIO received instead of FISUs", alignedReady + `
		> Alignment
		< Out of Service
		! out of service: peer aligns
	`},
	{"1.34", "SIOS received instead of FISUs", alignedReady + `
		> Out of Service
		< Out of Service
		! out of service: peer out of service
	`},
	{"1.35", "SIPO received instead of FISUs", alignedReady + `
		> Processor Outage
		! remote processor outage
		= PROCESSOR OUTAGE
		> Processor Recovered
		! remote processor recovered
		! in service
		< Ready@1 bsn=-
		= IN SERVICE
		send go
		< MSU 0 bsn=- go
	`},
	{"2.1", `Unexpected signal units and orders in "Out of service" state`, upBoth + `
		> Out of Service
		> Alignment
		> Proving Normal
		> Proving Emergency
		> Processor Outage
		> Busy
		> garbage
		> Processor Recovered
		> Ready
		> Busy Ended
		> ACK 0 bsn=0
		> MSU 0 bsn=0 x
		stop
		= OUT OF SERVICE
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		> Ready
		! in service
	`},
	{"2.2", `Unexpected signal units and orders in "Not aligned" state`, upBoth + `
		start
		< Alignment
		> Out of Service
		> Processor Outage
		> Busy
		> garbage
		> Ready
		> ACK 0 bsn=0
		> MSU 0 bsn=0 x
		emergency-ceases
		start
		= INITIAL ALIGNMENT
		> Alignment
		< Proving Normal
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		= ALIGNED READY
		> Ready
		! in service
	`},
	{"2.3", `Unexpected signal units and orders in "Aligned" state`, upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Alignment
		> Processor Outage
		> Busy
		> garbage
		> Ready
		> Processor Recovered
		> Busy Ended
		> ACK 0 bsn=0
		> MSU 0 bsn=0 x
		emergency-ceases
		start
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		= ALIGNED READY
		> Ready
		! in service
	`},
	{"2.4", `Unexpected signal units and orders in "Proving" state`, proving + `
		> Processor Recovered
		> Processor Outage
		> Busy Ended
		> Busy
		> garbage
		> Ready
		> ACK 0 bsn=0
		> MSU 0 bsn=0 x
		emergency-ceases
		start
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		= ALIGNED READY
		> Ready
		! in service
	`},
	{"2.5", `Unexpected signal units and orders in "Aligned ready" state`, alignedReady + `
		> Busy
		> Proving Normal
		> Proving Emergency
		> garbage
		emergency
		emergency-ceases
		lpr
		continue
		start
		= ALIGNED READY
		> Ready
		! in service
		= IN SERVICE
	`},
	{"2.6", `Unexpected signal units and orders in "Aligned not ready" state`, alignedNotReady + `
		> Busy
		> garbage
		emergency
		emergency-ceases
		lpo
		start
		= ALIGNED NOT READY
		> Ready
		! in service
		= PROCESSOR OUTAGE
	`},
	{"2.7", `Unexpected signal units and orders in "In service" state`, inService + `
		> garbage
		> Ready
		> Ready@1
		emergency
		emergency-ceases
		lpr
		continue
		flush
		= IN SERVICE
		send on
		< MSU 0 bsn=- on
	`},
	{"2.8", `Unexpected signal units and orders in "Processor outage" state`, inService + `
		lpo
		< Processor Outage bsn=-
		> Busy
		> garbage
		> Ready
		> Processor Recovered
		< Ready@1 bsn=-
		> Busy Ended
		emergency
		emergency-ceases
		= PROCESSOR OUTAGE
	`},
	{"3.1", "Transmission failure: link aligned ready (association lost)", alignedReady + `
		down
		! out of service: transport lost
		= OUT OF SERVICE
	`},
	{"3.3", "Transmission failure: link aligned not ready (association lost)", alignedNotReady + `
		down
		! out of service: transport lost
		= OUT OF SERVICE
	`},
	{"3.5", "Transmission failure: link in service (association lost)", inService + `
		down
		! out of service: transport lost
		= OUT OF SERVICE
	`},
	{"3.7", "Transmission failure: link in processor outage (association lost)", inService + `
		lpo
		< Processor Outage bsn=-
		down
		! out of service: transport lost
		= OUT OF SERVICE
	`},
	{"4.1a", "Set and clear LPO while link in service, at the tester", inService + `
		send a
		< MSU 0 bsn=- a
		> ACK - bsn=0
		> Processor Outage bsn=0
		! remote processor outage
		send b
		> MSU 0 bsn=0 c
		! received c
		< ACK 0 bsn=0
		> Processor Recovered bsn=0
		! remote processor recovered
		< Ready@1 bsn=0
		= PROCESSOR OUTAGE
		continue
		= IN SERVICE
		< MSU 1 bsn=0 b
	`},
	{"4.1b", "Set and clear LPO while link in service, at the IUT", inService + `
		lpo
		< Processor Outage bsn=-
		= PROCESSOR OUTAGE
		> MSU 0 bsn=- held
		send a
		< MSU 0 bsn=- a
		> ACK 0 bsn=0
		lpr
		continue
		! received held
		< Processor Recovered bsn=0
		= PROCESSOR OUTAGE
		send b
		> Ready@1 bsn=0
		< Ready@1 bsn=0
		< MSU 1 bsn=0 b
		= IN SERVICE
	`},
	{"4.2", "RPO during LPO", inService + `
		lpo
		< Processor Outage bsn=-
		> Processor Outage
		! remote processor outage
		> Processor Recovered
		! remote processor recovered
		< Ready@1 bsn=-
		> Ready@1
		= PROCESSOR OUTAGE
		continue
		= PROCESSOR OUTAGE
		lpr
		< Processor Recovered bsn=-
		> Ready@1
		< Ready@1 bsn=-
		= IN SERVICE
	`},
	{"4.3", `Clear LPO when "Both processor outage"`, inService + `
		lpo
		< Processor Outage bsn=-
		> Processor Outage
		! remote processor outage
		lpr
		< Processor Recovered bsn=-
		> Ready@1
		< Ready@1 bsn=-
		= PROCESSOR OUTAGE
		> Processor Recovered
		! remote processor recovered
		< Ready@1 bsn=-
		continue
		= IN SERVICE
	`},
	{"5.3", "Below minimum signal unit length", inService + `
		> garbage
		= IN SERVICE
		send on
		< MSU 0 bsn=- on
	`},
	{"8.1", "MSU transmission and reception", inService + `
		send a
		< MSU 0 bsn=- a
		> MSU 0 bsn=0 b
		! received b
		< ACK 0 bsn=0
		send c
		< MSU 1 bsn=0 c
		> ACK 0 bsn=1
	`},
	{"8.3", "Check RTB full (a window of three messages)", inService + `
		send a
		< MSU 0 bsn=- a
		send b
		< MSU 1 bsn=- b
		send c
		< MSU 2 bsn=- c
		send d
		send e
		> ACK - bsn=0
		< MSU 3 bsn=- d
		> ACK - bsn=3
		< MSU 4 bsn=- e
	`},
	{"8.5", "Duplicated FSN", inService + `
		> MSU 0 bsn=- a
		! received a
		< ACK - bsn=0
		> MSU 0 bsn=- a
		> MSU 1 bsn=- b
		! received b
		< ACK - bsn=1
	`},
	{"8.9", "Single FISU prior to RPO being set", inService + `
		send a
		< MSU 0 bsn=- a
		> ACK - bsn=0
		> Processor Outage bsn=0
		! remote processor outage
		wait 1m
		= PROCESSOR OUTAGE
	`},
	{"8.10", "Abnormal BSN, single MSU", inService + `
		> MSU 0 bsn=5 a
		! received a
		< ACK - bsn=0
		> MSU 1 bsn=- b
		! received b
		< ACK - bsn=1
		= IN SERVICE
	`},
	{"8.11", "Abnormal BSN, two consecutive FISUs", inService + `
		> ACK - bsn=5
		= IN SERVICE
		> ACK - bsn=5
		< Out of Service
		! out of service: abnormal sequence number
	`},
	{"8.12", "Excessive delay of acknowledgements", inService + `
		send a
		< MSU 0 bsn=- a
		wait 1s
		send b
		< MSU 1 bsn=- b
		> ACK - bsn=0
		wait 1.9s
		= IN SERVICE
		wait 100ms
		< Out of Service
		! out of service: acknowledgement late
	`},
	{"8.13", "Level 3 stop command", inService + `
		send a
		< MSU 0 bsn=- a
		stop
		< Out of Service
		= OUT OF SERVICE
		retrieve -
		! retrieved a
		! retrieval complete
	`},
	{"10.1", "Congestion abatement", inService + `
		busy
		< Busy
		> MSU 0 bsn=- a
		> MSU 1 bsn=- b
		wait 2s
		busy-ended
		! received a
		! received b
		< Busy Ended
		< ACK - bsn=1
		= IN SERVICE
	`},
	{"10.2a", "Timer T7", inService + `
		send a
		< MSU 0 bsn=- a
		wait 1.9s
		wait 100ms
		< Out of Service
		! out of service: acknowledgement late
	`},
	{"10.2b", "Timer T7 while busy: it does not run, and begins anew", inService + `
		send a
		< MSU 0 bsn=- a
		> Busy
		wait 4.9s
		= IN SERVICE
		send b
		> Busy Ended
		< MSU 1 bsn=- b
		wait 1.9s
		= IN SERVICE
		> ACK - bsn=1
		wait 1m
		= IN SERVICE
	`},
	{"10.3", "Timer T6", inService + `
		send a
		< MSU 0 bsn=- a
		> Busy
		wait 4s
		> Busy
		wait 900ms
		= IN SERVICE
		wait 100ms
		< Out of Service
		! out of service: peer busy for too long
	`},
}

// Cases of Q.781 that have no counterpart over SCTP, and why.
var q781NotApplicable = map[string]string{
	"3.2 3.4 3.6 3.8":                 "forward indicator bits: M2PA has none",
	"5.1 5.2 5.4 5.5":                 "flags and bit patterns: SCTP delimits messages",
	"6.1 6.2 6.3 6.4":                 "signal unit error rate monitor: SCTP has checksums",
	"7.1 7.2 7.3 7.4":                 "alignment error rate monitor: SCTP has checksums",
	"8.2 8.4 8.6 8.7 8.8":             "negative acknowledgement and indicator bits: M2PA has none",
	"8.14":                            "indicator bits: M2PA has none",
	"9.1 9.2 9.3 9.4 9.5 9.6":         "preventive cyclic retransmission: M2PA does not retransmit",
	"9.7 9.8 9.9 9.10 9.11 9.12 9.13": "the same",
}

// q781Cases is how many cases each section of Q.781 has.
var q781Cases = []int{1: 35, 8, 8, 3, 5, 4, 4, 14, 13, 3}

func TestQ781(t *testing.T) {
	for _, c := range q781 {
		t.Run(c.number, func(t *testing.T) {
			cfg := Config{T7: 2 * time.Second}
			if c.number == "8.3" {
				cfg.Window = 3
			}
			newScript(t, cfg).run(c.steps)
		})
	}
}

// TestQ781List keeps the count in doc.go true: every case is covered or has a reason.
func TestQ781List(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range q781 {
		covered[strings.TrimRight(c.number, "ab")] = true
	}
	reasons := map[string]bool{}
	for numbers := range q781NotApplicable {
		for _, n := range strings.Fields(numbers) {
			reasons[n] = true
		}
	}
	for section, n := range q781Cases {
		for i := 1; i <= n; i++ {
			number := fmt.Sprintf("%d.%d", section, i)
			if covered[number] == reasons[number] {
				t.Errorf("case %s: covered %t, not applicable %t", number, covered[number], reasons[number])
			}
		}
	}
	if len(covered) != 62 || len(reasons) != 35 {
		t.Errorf("%d covered, %d not applicable: doc.go says otherwise", len(covered), len(reasons))
	}
}
