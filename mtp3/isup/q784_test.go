package isup

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gotelco/telco/internal/tsharktest"
)

// q784Case is a case of ITU-T Q.784.1 under its number. One without a script says in why what keeps it out.
type q784Case struct {
	number, title string
	cfg           Config
	script        string
	why           string
	cases         int // how many numbers the entry stands for; if zero, one
}

// q784Supervision are the cases of section 1: the supervision of circuits and of signalling.
var q784Supervision = []q784Case{
	{number: "1.1", title: "non-allocated circuits: discarded", script: `
		< IAM 100
		< RSC 100
		< BLO 100
		< GRS 100 n=4`},
	{number: "1.1", title: "non-allocated circuits: UCIC (national option)", cfg: Config{UnequippedCircuits: true}, script: `
		< IAM 100
		> UCIC 100
		< GRS 100 n=4
		> UCIC 100
		< UCIC 100`},
	{number: "1.2.1", title: "RSC received on an idle circuit", script: `
		< RSC 2
		> RLC 2`},
	{number: "1.2.2", title: "RSC sent on an idle circuit", script: `
		reset 2
		> RSC 2
		setup 4
		> IAM 4
		< RLC 2
		= ReleaseConf 2
		+ 19s
		state 2 idle`},
	{number: "1.2.3", title: "RSC received on a locally blocked circuit", script: `
		block 2
		> BLO 2
		< BLA 2
		= BlockingConf 2
		< RSC 2
		> BLO 2
		> RLC 2
		< BLA 2
		= BlockingConf 2`},
	{number: "1.2.4", title: "RSC received on a remotely blocked circuit", script: `
		< BLO 2
		= Blocked 2
		> BLA 2
		< RSC 2
		= Unblocked 2
		> RLC 2
		setup 4                     // idle for longer
		> IAM 4
		setup 6
		> IAM 6
		setup 8
		> IAM 8
		setup 2
		> IAM 2`},
	{number: "1.2.5", title: "GRS received", script: `
		< GRS 1 n=8
		> GRA 1 n=8 bits=00`},
	{number: "1.2.5", title: "GRS received with a range of 0, or too long a one", script: `
		< GRS 1 n=1
		! - 1
		< GRS 1 n=33
		! - 1`},
	{number: "1.2.6", title: "GRS sent", script: `
		resetgroup 1 8
		> GRS 1 n=8
		fails setup 2
		< GRA 1 n=7 bits=00       // not the answer to this
		< GRA 1 n=8 bits=02
		= Blocked 2
		= ResetConf 1
		setup 4
		> IAM 4`},
	{number: "1.2.7", title: "GRS received on remotely blocked circuits", script: `
		< BLO 2
		= Blocked 2
		> BLA 2
		< BLO 3
		= Blocked 3
		> BLA 3
		< GRS 1 n=8
		= Unblocked 2
		= Unblocked 3
		> GRA 1 n=8 bits=00`},
	{number: "1.3.1.1", title: "CGB and CGU received, maintenance", script: `
		< CGB 1 n=4 bits=0f
		= Blocked 1
		= Blocked 2
		= Blocked 3
		= Blocked 4
		> CGBA 1 n=4 bits=0f
		setup 6
		> IAM 6
		< CGU 1 n=4 bits=0f
		= Unblocked 1
		= Unblocked 2
		= Unblocked 3
		= Unblocked 4
		> CGUA 1 n=4 bits=0f
		setup 2
		> IAM 2`, cfg: Config{Circuits: []CIC{1, 2, 3, 4, 6, 8}}},
	{number: "1.3.1.1", title: "CGB and CGU received, hardware failure", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		setup 4
		> IAM 4
		< CGB 1 n=4 bits=0a hw
		= Blocked 2
		= ReleaseInd 2 41
		= Blocked 4
		= ReattemptInd 4 41
		> CGBA 1 hw n=4 bits=0a
		+ 10m
		< CGU 1 n=4 bits=0a hw
		= Unblocked 2
		= Unblocked 4
		> CGUA 1 hw n=4 bits=0a`},
	{number: "1.3.1.1", title: "CGB received with a range of 0, or with more than 32 circuits", script: `
		< CGB 1 n=1 bits=01
		! - 1
		< CGB 1 n=35 bits=7fff7fff07
		! - 1
		< CGU 1 n=1 bits=01 hw
		! - 1`},
	{number: "1.3.1.2", title: "CGB and CGU sent, maintenance", script: `
		blockgroup 1 n=4 bits=0a
		> CGB 1 n=4 bits=0a
		< CGBA 1 n=4 bits=0a
		= BlockingConf 2
		= BlockingConf 4
		setup 6
		> IAM 6
		unblockgroup 1 n=4 bits=0a
		> CGU 1 n=4 bits=0a
		< CGUA 1 n=4 bits=0a
		= UnblockingConf 2
		= UnblockingConf 4
		+ 19s
		setup 2
		> IAM 2`},
	{number: "1.3.1.2", title: "CGB and CGU sent, hardware failure", script: `
		< IAM 2
		= SetupInd 2
		blockgroup 1 n=4 bits=02 hw
		= ReleaseInd 2 41
		> CGB 1 hw n=4 bits=02
		< CGBA 1 n=4 bits=02 hw
		= BlockingConf 2
		< IAM 2
		> CGB 2 hw n=2 bits=01
		< CGBA 2 n=2 bits=01 hw
		= BlockingConf 2
		unblockgroup 1 n=4 bits=02 hw
		> CGU 1 hw n=4 bits=02
		< CGUA 1 n=4 bits=02 hw
		= UnblockingConf 2
		< IAM 2
		= SetupInd 2`},
	{number: "1.3.2.1", title: "BLO received", script: `
		< BLO 2
		= Blocked 2
		> BLA 2
		setup 4
		> IAM 4
		< UBL 2
		= Unblocked 2
		> UBA 2`},
	{number: "1.3.2.2", title: "BLO sent", script: `
		block 2
		> BLO 2
		< BLA 2
		= BlockingConf 2
		< IAM 2                     // the other end must not
		> BLO 2
		< BLA 2
		= BlockingConf 2
		unblock 2
		> UBL 2
		< UBA 2
		= UnblockingConf 2
		< IAM 2
		= SetupInd 2`},
	{number: "1.3.2.3", title: "blocking from both ends, removal from one", script: `
		block 2
		> BLO 2
		< BLA 2
		= BlockingConf 2
		< BLO 2
		= Blocked 2
		> BLA 2
		unblock 2
		> UBL 2
		< UBA 2
		= UnblockingConf 2
		setup 4
		> IAM 4
		< UBL 2
		= Unblocked 2
		> UBA 2
		setup 2
		> IAM 2`},
	{number: "1.3.2.4", title: "IAM received on a remotely blocked circuit", script: `
		< BLO 2
		= Blocked 2
		> BLA 2
		< IAM 2
		= Unblocked 2
		= SetupInd 2
		req ACM 2
		> ACM 2
		req ANM 2
		> ANM 2
		< REL 2
		= ReleaseInd 2 16
		released 2
		> RLC 2`},
	{number: "1.3.2.5", title: "blocking with CGB, unblocking with UBL", script: `
		< CGB 1 n=4 bits=02
		= Blocked 2
		> CGBA 1 n=4 bits=02
		< UBL 2
		= Unblocked 2
		> UBA 2
		setup 2
		> IAM 2
		< CGU 1 n=4 bits=02
		> CGUA 1 n=4 bits=02`},
	{number: "1.4.1", title: "CCR received: successful", script: `
		< CCR 2
		= Loopon 2
		< REL 2
		= Loopoff 2
		> RLC 2
		+ 10m
		state 2 idle`},
	{number: "1.4.2", title: "CCR sent: successful", script: `
		check 2
		> CCR 2
		= Toneon 2
		result 2 ok
		= Toneoff 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2`},
	{number: "1.4.3", title: "CCR received: unsuccessful", script: `
		< CCR 2
		= Loopon 2
		< COT 2 failed
		= Loopoff 2
		+ 1m
		< CCR 2
		= Loopon 2
		< COT 2 failed
		= Loopoff 2
		+ 1m
		< CCR 2
		= Loopon 2
		< COT 2 ok
		= Loopoff 2
		+ 10m
		state 2 idle`},
	{number: "1.4.4", title: "CCR sent: unsuccessful", script: `
		check 2
		> CCR 2
		= Toneon 2
		+ 2s                        // T24
		= Toneoff 2
		> COT 2 failed
		! - 2
		+ 1m                        // T26
		> CCR 2
		= Toneon 2
		result 2 failed
		= Toneoff 2
		> COT 2 failed
		! - 2
		+ 1m
		> CCR 2
		= Toneon 2
		result 2 ok
		= Toneoff 2
		> COT 2 ok
		state 2 idle`},
	{number: "1.4.5", title: "CCR not received after a failure: T27", script: `
		< IAM 2 check
		= SetupInd 2
		= Loopon 2
		< COT 2 failed
		= ContinuityInd 2
		= Loopoff 2
		= ReleaseInd 2 41
		+ 239s
		+ 1s
		> RSC 2
		! T27 2
		< RLC 2
		= ReleaseConf 2`},
	{number: "1.5.1", title: "unexpected messages on an idle circuit", script: `
		< RLC 2
		< REL 2
		> RLC 2
		< ANM 2
		> RSC 2
		< RLC 2
		= ReleaseConf 2
		< BLA 2
		> UBL 2
		< UBA 2
		= UnblockingConf 2
		< UBA 2
		< CGBA 1 n=4 bits=02
		> CGU 1 n=4 bits=02
		< CGUA 1 n=4 bits=02
		= UnblockingConf 2
		< CGUA 1 n=4 bits=02
		< GRA 1 n=4 bits=02`},
	{number: "1.5.2", title: "unexpected messages during set-up", script: `
		setup 2
		> IAM 2
		< SUS 2
		= ReattemptInd 2 101
		> RSC 2
		< RLC 2
		= ReleaseConf 2
		< IAM 1
		= SetupInd 1
		< ACM 1
		= ReleaseInd 1 101
		> RSC 1
		< RLC 1
		= ReleaseConf 1
		setup 4
		> IAM 4
		< RLC 4                     // a REL was not sent
		= ReleaseInd 4 111
		> REL 4 111
		< RLC 4
		= ReleaseConf 4`},
	{number: "1.5.3", title: "unexpected messages during a call", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		< SAM 2
		< SUS 2
		< ANM 2
		= AnswerInd 2
		< ACM 2
		< SAM 2
		< IAM 2
		< CCR 2
		< COT 2 ok
		< ANM 2
		state 2 answered`},
	{number: "1.6.1.1", title: "unknown messages, forward", script: `
		< IAM 2
		= SetupInd 2
		<hex 0200 fe 00
		> CFN 2 97 fe
		state 2 incoming, before ACM`},
	{number: "1.6.1.2", title: "unknown messages, backward", script: `
		setup 2
		> IAM 2
		<hex 0200 fe 00
		> CFN 2 97 fe
		state 2 outgoing, waiting for ACM`},
	{number: "1.6.2.1", title: "unknown parameters, forward", script: `
		< IAM 2 opt
		= SetupInd 2`},
	{number: "1.6.2.2", title: "unknown parameters, backward", script: `
		setup 2
		> IAM 2
		< ACM 2 opt
		= AddresscompleteInd 2`},
	{number: "1.6.3.1", title: "unknown parameter values, forward", script: `
		<hex 0200 01 00 ff01 ff 77 02 00 06 ff f0 0321430f
		= SetupInd 2`},
	{number: "1.6.3.2", title: "unknown parameter values, backward", script: `
		setup 2
		> IAM 2
		<hex 0200 06 ffff 00
		= AddresscompleteInd 2
		<hex 0200 2c 7f 00
		= ProgressInd 2
		<hex 0200 0c 02 00 02 8ffd
		= ReleaseInd 2 125`},
	{number: "1.7.1.1", title: "unknown message: release the call", script: `
		< IAM 2
		= SetupInd 2
		<hex 0200 fe 01 38 01 83 00
		= ReleaseInd 2 97
		> REL 2 97 fe`},
	{number: "1.7.1.2", title: "unknown message: discard", script: `
		< IAM 2
		= SetupInd 2
		<hex 0200 fe 01 38 01 89 00
		<hex 0200 fe 01 38 01 8d 00
		> CFN 2 97 fe`},
	{number: "1.7.1.3", title: "unknown message: pass on", script: `
		< IAM 2
		= SetupInd 2
		<hex 0200 fe 01 38 01 80 00
		= TransferInd 2`},
	{number: "1.7.1.4", title: "unknown message: pass on not possible, release the call", why: "whether it is possible knows the call control, which has the message"},
	{number: "1.7.1.5", title: "unknown message: pass on not possible, discard", why: "as 1.7.1.4"},
	{number: "1.7.1.6", title: "unknown message: transit interpretation", cfg: Config{Transit: true}, script: `
		< IAM 2
		= SetupInd 2
		<hex 0200 fe 01 38 01 82 00
		= TransferInd 2
		<hex 0200 fe 01 38 01 83 00
		= ReleaseInd 2 97
		> REL 2 97 fe`},
	{number: "1.7.1.7", title: "unknown message without instructions", script: `
		<hex 0200 fe 00
		> CFN 2 97 fe
		<hex 0200 fe 77
		> CFN 2 97 fe`},
	{number: "1.7.2.1", title: "unknown parameter: release the call", script: `
		< IAM 2 opt=03
		> REL 2 99 e0
		< RLC 2
		= ReleaseConf 2
		setup 2
		> IAM 2
		< ACM 2 opt=03
		= ReleaseInd 2 99
		> REL 2 99 e0`, cfg: Config{Circuits: []CIC{2}}},
	{number: "1.7.2.2", title: "unknown parameter: discard the message", script: `
		setup 2
		> IAM 2
		< ACM 2 opt=09
		< ACM 2 opt=0d
		> CFN 2 110 06e0
		state 2 outgoing, waiting for ACM`},
	{number: "1.7.2.3", title: "unknown parameter: discard it", script: `
		setup 2
		> IAM 2
		< ACM 2 opt=15
		> CFN 2 99 e0
		= AddresscompleteInd 2
		< CPG 2 opt=11
		= ProgressInd 2`},
	{number: "1.7.2.4", title: "unknown parameter: pass on", script: `
		setup 2
		> IAM 2
		< ACM 2 opt=00
		= AddresscompleteInd 2`},
	{number: "1.7.2.5", title: "unknown parameter: pass on not possible, release the call", why: "as 1.7.1.4"},
	{number: "1.7.2.6", title: "unknown parameter: pass on not possible, discard the message", why: "as 1.7.1.4"},
	{number: "1.7.2.7", title: "unknown parameter: pass on not possible, discard it", why: "as 1.7.1.4"},
	{number: "1.7.2.8", title: "unknown parameter: transit interpretation", cfg: Config{Transit: true}, script: `
		setup 2
		> IAM 2
		< ACM 2 opt=02
		= AddresscompleteInd 2`},
	{number: "1.7.2.9", title: "unknown parameter without instructions", script: `
		setup 2
		> IAM 2
		< ACM 2 opt
		= AddresscompleteInd 2`},
	{number: "1.7.2.10", title: "unknown parameter in a REL", script: `
		setup 2
		> IAM 2
		< REL 2 opt=09
		= ReleaseInd 2 16`},
	{number: "1.7.3.1", title: "unknown parameter values, forward", script: `
		<hex 0200 01 00 ff01 ff 77 02 00 04 7f f0 0321
		= SetupInd 2
		<hex 0200 02 02 00 02 ff 77
		= DigitsInd 2`},
	{number: "1.7.3.2", title: "unknown parameter values, backward", script: `
		setup 2
		> IAM 2
		<hex 0200 07 ffff 00
		= AnswerInd 2
		<hex 0200 0d ff 00
		= SuspendInd 2`},
}

func TestQ784(t *testing.T) {
	capture := tsharktest.Capture(t)
	covered, scripts, left := map[string]bool{}, 0, 0
	all := slices.Concat(q784Supervision, q784Calls)
	for _, c := range all {
		if c.script == "" {
			left += max(c.cases, 1)
			if c.why == "" {
				t.Errorf("%s has neither script nor reason", c.number)
			}
			continue
		}
		covered[c.number] = true
		scripts++
		t.Run(strings.ReplaceAll(fmt.Sprint(c.number, " ", c.title), "/", " "), func(t *testing.T) {
			for _, o := range runScript(t, c.cfg, c.script) {
				if o, ok := o.(Send); ok {
					capture(event(t, o.Message))
				}
			}
		})
	}
	t.Logf("Q.784.1: %d numbers covered with %d scripts, %d not covered", len(covered), scripts, left)
}
