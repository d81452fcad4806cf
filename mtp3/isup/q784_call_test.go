package isup

// q784Calls are the cases of Q.784.1 sections 2 to 9.
var q784Calls = []q784Case{
	{number: "2.1.1", title: "IAM sent by the controlling end", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		< ANM 2
		= AnswerInd 2
		req REL 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2`},
	{number: "2.1.2", title: "IAM sent by the other end", cfg: Config{Circuits: []CIC{1}}, script: `
		setup 1
		> IAM 1
		< ACM 1
		= AddresscompleteInd 1
		< ANM 1
		= AnswerInd 1
		< REL 1
		= ReleaseInd 1 16
		released 1
		> RLC 1`},
	{number: "2.2.1", title: "en bloc, outgoing and incoming", script: `
		setup 2 digits=301234F
		> IAM 2
		fails req SAM 2
		< CON 2
		= AnswerInd 2
		< IAM 1 digits=301234F
		= SetupInd 1
		fails await 1 T35
		req CON 1
		> CON 1`},
	{number: "2.2.2", title: "overlap, outgoing and incoming", script: `
		setup 2 digits=30
		> IAM 2
		+ 19s
		req SAM 2 digits=12
		> SAM 2
		+ 19s                       // T7 was started again
		req SAM 2 digits=34F
		> SAM 2
		fails req SAM 2
		< ACM 2
		= AddresscompleteInd 2
		< IAM 1 digits=30
		= SetupInd 1
		await 1 T35
		+ 14s
		< SAM 1 digits=12
		= DigitsInd 1
		+ 14s                       // and T35 here
		< SAM 1 digits=34F
		= DigitsInd 1
		+ 14s
		req ACM 1
		> ACM 1
		+ 15s`},
	{number: "2.3.1", title: "ordinary call with ACM and ANM", script: `
		< IAM 1
		= SetupInd 1
		req ACM 1
		> ACM 1
		fails req ACM 1
		req ANM 1
		> ANM 1
		fails req ANM 1
		+ 24h
		req REL 1
		> REL 1 16
		< RLC 1
		= ReleaseConf 1`},
	{number: "2.3.2", title: "ordinary call with ACM, CPG and ANM", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		< CPG 2
		= ProgressInd 2
		< ANM 2
		= AnswerInd 2
		< IAM 1
		= SetupInd 1
		fails req CPG 1
		req ACM 1
		> ACM 1
		req CPG 1
		> CPG 1
		req ANM 1
		> ANM 1`},
	{number: "2.3.3", title: "ordinary call with CON", script: `
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		+ 24h
		< IAM 1
		= SetupInd 1
		fails req ANM 1
		req CON 1
		> CON 1`},
	{number: "2.3.4", title: "call through a satellite", why: "the indicator is the call control's, and tested with the codec"},
	{number: "2.3.5", title: "echo control for a call", why: "echo control devices are the call control's"},
	{number: "2.3.6", title: "blocking and unblocking during a call", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		< BLO 2
		= Blocked 2
		> BLA 2
		< ANM 2
		= AnswerInd 2
		block 2
		> BLO 2
		< BLA 2
		= BlockingConf 2
		< UBL 2
		= Unblocked 2
		> UBA 2
		req REL 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2
		setup 4
		> IAM 4`},
	{number: "2.4.1", title: "propagation delay determination", why: "the counter is the call control's"},
	{number: "2.4.2", title: "propagation delay determination", why: "as 2.4.1"},
	{number: "2.4.3", title: "propagation delay determination", why: "as 2.4.1"},
	{number: "2.4.4", title: "propagation delay determination", why: "as 2.4.1"},
	{number: "2.4.5", title: "propagation delay determination", why: "as 2.4.1"},
	{number: "3.1", title: "calling party clears before address complete", script: `
		setup 2
		> IAM 2
		req REL 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2
		< IAM 2
		= SetupInd 2
		< REL 2
		= ReleaseInd 2 16
		released 2
		> RLC 2`},
	{number: "3.2", title: "calling party clears before answer", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		req REL 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2
		< IAM 2
		= SetupInd 2
		req ACM 2
		> ACM 2
		< REL 2
		= ReleaseInd 2 16
		released 2
		> RLC 2`},
	{number: "3.3", title: "calling party clears after answer", script: `
		< IAM 2
		= SetupInd 2
		req CON 2
		> CON 2
		< REL 2
		= ReleaseInd 2 16
		< REL 2                     // again, before the answer
		released 2
		> RLC 2
		< REL 2                     // again, after it
		> RLC 2`},
	{number: "3.4", title: "called party clears after answer", script: `
		< IAM 2
		= SetupInd 2
		req CON 2
		> CON 2
		req REL 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		< REL 2
		= ReleaseInd 2 16
		released 2
		> RLC 2`, cfg: Config{Circuits: []CIC{2}}},
	{number: "3.5", title: "suspend by the network", script: `
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		< SUS 2 net
		= SuspendInd 2
		+ 19s
		< RES 2 net
		= ResumeInd 2
		+ 1h
		< SUS 2 net
		= SuspendInd 2
		< REL 2
		= ReleaseInd 2 16
		released 2
		> RLC 2`},
	{number: "3.6", title: "suspend and resume by the calling party", script: `
		< IAM 2
		= SetupInd 2
		req CON 2
		> CON 2
		< SUS 2
		= SuspendInd 2
		+ 10m
		< RES 2
		= ResumeInd 2`},
	{number: "3.7", title: "suspend and resume by the called party", script: `
		< IAM 2
		= SetupInd 2
		fails req SUS 2
		req CON 2
		> CON 2
		req SUS 2
		> SUS 2
		req RES 2
		> RES 2
		setup 4
		> IAM 4
		< CON 4
		= AnswerInd 4
		< SUS 4
		= SuspendInd 4
		+ 179s
		< RES 4
		= ResumeInd 4
		+ 1h`},
	{number: "3.8", title: "collision of REL", script: `
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		req REL 2
		> REL 2 16
		< REL 2
		> RLC 2
		< RLC 2
		= ReleaseConf 2
		state 2 idle`},
	{number: "4.1", title: "known causes", script: `
		setup 2
		> IAM 2
		< REL 2 cause=17
		= ReleaseInd 2 17
		released 2
		> RLC 2
		< IAM 1
		= SetupInd 1
		req REL 1 cause=1
		> REL 1 1
		< RLC 1
		= ReleaseConf 1
		setup 4
		> IAM 4
		< ACM 4
		= AddresscompleteInd 4
		< REL 4 cause=19
		= ReleaseInd 4 19`},
	{number: "5.1", title: "inability to release after ANM", script: `
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		< REL 2
		= ReleaseInd 2 16
		notreleased 2
		! - 2
		> BLO 2
		< BLA 2
		= BlockingConf 2
		> RLC 2
		setup 4
		> IAM 4`},
	{number: "5.2.1", title: "T7: no ACM or CON", script: `
		setup 2
		> IAM 2
		+ 19999ms
		+ 1ms
		= ReleaseInd 2 102
		> REL 2 102`},
	{number: "5.2.2", title: "T9: no ANM", script: `
		setup 2
		> IAM 2
		< ACM 2
		= AddresscompleteInd 2
		+ 119999ms
		+ 1ms
		= ReleaseInd 2 19
		> REL 2 19`},
	{number: "5.2.3", title: "T1 and T5: no RLC", cfg: Config{Timers: Timers{T1: 40e9, T5: 100e9}}, script: `
		setup 2
		> IAM 2
		req REL 2
		> REL 2 16
		+ 40s
		> REL 2 16
		+ 40s
		> REL 2 16
		+ 20s
		> RSC 2
		! T5 2
		+ 299s
		+ 1s
		> RSC 2
		! T17 2
		+ 300s
		> RSC 2
		! T17 2
		< RLC 2
		= ReleaseConf 2
		+ 1h`},
	{number: "5.2.4", title: "T6: no RES (network)", script: `
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		< SUS 2 net
		= SuspendInd 2
		+ 20s
		= ReleaseInd 2 102
		> REL 2 102`},
	{number: "5.2.5", title: "T8: no COT", script: `
		< IAM 2 check
		= SetupInd 2
		= Loopon 2
		+ 10s
		= ReleaseInd 2 41
		= Loopoff 2
		> REL 2 41
		< IAM 4 previous
		= SetupInd 4
		+ 10s
		= ReleaseInd 4 41
		> REL 4 41`},
	{number: "5.2.6", title: "T12 and T13: no BLA", cfg: Config{Timers: Timers{T12: 60e9, T13: 100e9}}, script: `
		block 2
		> BLO 2
		+ 60s
		> BLO 2
		+ 40s
		> BLO 2
		! T13 2
		+ 99s
		+ 1s
		> BLO 2
		! T13 2
		< BLA 2
		= BlockingConf 2
		+ 1h`},
	{number: "5.2.7", title: "T14 and T15: no UBA", cfg: Config{Timers: Timers{T14: 60e9, T15: 100e9}}, script: `
		block 2
		> BLO 2
		< BLA 2
		= BlockingConf 2
		unblock 2
		> UBL 2
		+ 60s
		> UBL 2
		+ 40s
		> UBL 2
		! T15 2
		+ 100s
		> UBL 2
		! T15 2
		< UBA 2
		= UnblockingConf 2
		+ 1h`},
	{number: "5.2.8", title: "T16 and T17: no RLC", cfg: Config{Timers: Timers{T16: 60e9, T17: 100e9}}, script: `
		reset 2
		> RSC 2
		+ 60s
		> RSC 2
		+ 40s
		> RSC 2
		! T17 2
		+ 100s
		> RSC 2
		! T17 2
		< RLC 2
		= ReleaseConf 2
		+ 1h`},
	{number: "5.2.9", title: "T18 and T19: no CGBA", cfg: Config{Timers: Timers{T18: 60e9, T19: 100e9}}, script: `
		blockgroup 1 n=4 bits=0a
		> CGB 1 n=4 bits=0a
		+ 60s
		> CGB 1 n=4 bits=0a
		+ 40s
		> CGB 1 n=4 bits=0a
		! T19 1
		+ 100s
		> CGB 1 n=4 bits=0a
		! T19 1
		< CGBA 1 n=4 bits=0a
		= BlockingConf 2
		= BlockingConf 4
		+ 1h`},
	{number: "5.2.10", title: "T20 and T21: no CGUA", cfg: Config{Timers: Timers{T20: 60e9, T21: 100e9}}, script: `
		unblockgroup 1 n=4 bits=0a
		> CGU 1 n=4 bits=0a
		+ 60s
		> CGU 1 n=4 bits=0a
		+ 40s
		> CGU 1 n=4 bits=0a
		! T21 1
		+ 100s
		> CGU 1 n=4 bits=0a
		! T21 1
		< CGUA 1 n=4 bits=02
		= UnblockingConf 2
		! - 4
		+ 1h`},
	{number: "5.2.11", title: "T22 and T23: no GRA", cfg: Config{Timers: Timers{T22: 60e9, T23: 100e9}}, script: `
		resetgroup 1 4
		> GRS 1 n=4
		+ 60s
		> GRS 1 n=4
		+ 40s
		> GRS 1 n=4
		! T23 1
		+ 100s
		> GRS 1 n=4
		! T23 1
		< GRA 1 n=4 bits=00
		= ResetConf 1
		+ 1h`},
	{number: "5.3.1", title: "reset of an outgoing circuit during a call", script: `
		setup 2
		> IAM 2
		< CON 2
		= AnswerInd 2
		< RSC 2
		= ReleaseInd 2 41
		> RLC 2
		state 2 idle`},
	{number: "5.3.2", title: "reset of an incoming circuit during a call", script: `
		< IAM 2
		= SetupInd 2
		req CON 2
		> CON 2
		< RSC 2
		= ReleaseInd 2 41
		> RLC 2
		< IAM 2
		= SetupInd 2
		< GRS 1 n=8
		= ReleaseInd 2 41
		> GRA 1 n=8 bits=00`},
	{number: "6.1.1", title: "continuity check required", script: `
		setup 2 check
		> IAM 2
		= Toneon 2
		result 2 ok
		= Toneoff 2
		> COT 2 ok
		< ACM 2
		= AddresscompleteInd 2
		< ANM 2
		= AnswerInd 2
		< IAM 1 check
		= SetupInd 1
		= Loopon 1
		fails req CON 1             // not before the COT
		< COT 1 ok
		= ContinuityInd 1
		= Loopoff 1
		req ACM 1
		> ACM 1`},
	{number: "6.1.2", title: "continuity check on the circuit before", script: `
		< IAM 1 previous
		= SetupInd 1
		< COT 1 ok
		= ContinuityInd 1
		req ACM 1
		> ACM 1
		setup 2 previous
		> IAM 2
		req COT 2 ok
		> COT 2 ok
		fails req COT 2 ok
		< ACM 2
		= AddresscompleteInd 2
		< IAM 3 previous
		= SetupInd 3
		< COT 3 failed
		= ContinuityInd 3
		< REL 3 cause=41
		= ReleaseInd 3 41
		released 3
		> RLC 3`},
	{number: "6.1.3", title: "calling party clears during the check", script: `
		setup 2 check
		> IAM 2
		= Toneon 2
		req REL 2
		= Toneoff 2
		> REL 2 16
		< RLC 2
		= ReleaseConf 2
		< IAM 1 check
		= SetupInd 1
		= Loopon 1
		< REL 1
		= Loopoff 1
		= ReleaseInd 1 16
		released 1
		> RLC 1
		+ 1h`},
	{number: "6.1.4", title: "delay of through-connection", why: "the speech path is the call control's"},
	{number: "6.1.5", title: "check unsuccessful: the circuit is checked again", script: `
		setup 2 check
		> IAM 2
		= Toneon 2
		+ 2s
		= Toneoff 2
		> COT 2 failed
		= ReattemptInd 2 41
		setup 4
		> IAM 4
		< ACM 4
		= AddresscompleteInd 4
		+ 5s                        // T25
		> CCR 2
		= Toneon 2
		result 2 failed
		= Toneoff 2
		> COT 2 failed
		! - 2
		+ 1m                        // T26
		> CCR 2
		= Toneon 2
		result 2 ok
		= Toneoff 2
		> COT 2 ok
		state 2 idle`},
	{number: "6.2.1", title: "repeat attempt: dual seizure, the other end controls", cfg: Config{Circuits: []CIC{1, 3}}, script: `
		setup 1
		> IAM 1
		< IAM 1
		= ReattemptInd 1 44
		= SetupInd 1
		setup 3
		> IAM 3
		req ACM 1
		> ACM 1`},
	{number: "6.2.2", title: "repeat attempt: blocking", script: `
		setup 2
		> IAM 2
		< BLO 2
		= Blocked 2
		> BLA 2
		= ReattemptInd 2 44
		> REL 2 44
		< RLC 2
		= ReleaseConf 2
		setup 4
		> IAM 4`},
	{number: "6.2.3", title: "repeat attempt: reset", script: `
		setup 2
		> IAM 2
		< RSC 2
		= ReattemptInd 2 41
		> RLC 2
		setup 4
		> IAM 4
		< GRS 1 n=8
		= ReattemptInd 4 41
		> GRA 1 n=8 bits=00`},
	{number: "6.2.4", title: "repeat attempt: continuity check failure", script: `
		setup 2 check
		> IAM 2
		= Toneon 2
		result 2 failed
		= Toneoff 2
		> COT 2 failed
		= ReattemptInd 2 41
		setup 4
		> IAM 4`},
	{number: "6.2.5", title: "repeat attempt: unreasonable message", script: `
		setup 2
		> IAM 2
		< RES 2
		= ReattemptInd 2 101
		> RSC 2
		setup 4
		> IAM 4
		< UCIC 4
		= ReattemptInd 4 44
		! - 4
		setup 6
		> IAM 6
		+ 14s`},
	{number: "6.3.1", title: "dual seizure, this end controls", script: `
		setup 2
		> IAM 2
		< IAM 2
		< ACM 2
		= AddresscompleteInd 2`},
	{number: "6.4.1", title: "semi-automatic operation: FOT", script: `
		setup 2
		> IAM 2
		fails req FOT 2
		< CON 2
		= AnswerInd 2
		req FOT 2
		> FOT 2
		< IAM 1
		= SetupInd 1
		req CON 1
		> CON 1
		< FOT 1
		= TransferInd 1`},
	{number: "6.4.2", title: "semi-automatic operation: operators", why: "operators are the call control's"},
	{number: "6.4.3", title: "semi-automatic operation: operators", why: "as 6.4.2"},
	{number: "6.4.4", title: "semi-automatic operation: operators", why: "as 6.4.2"},
	{number: "6.5", title: "simple segmentation, 5 cases", why: "SGM goes to the call control as it comes; T34 is not here", cases: 5},
	{number: "6.6", title: "4 cases", why: "special call set-ups of the call control", cases: 4},
	{number: "7", title: "bearer services, 10 cases", why: "parameters are the call control's; multirate connections are not here", cases: 10},
	{number: "8.1.1", title: "automatic congestion control, level 1", script: `
		setup 2
		> IAM 2
		< REL 2 cause=42 congested
		= Congestion 0
		= ReleaseInd 2 42
		released 2
		> RLC 2
		setup 4
		> IAM 4
		setup 6
		> IAM 6
		setup 8
		> IAM 8
		fails setup 1               // one of four is not tried
		+ 5s                        // T30
		= Congestion 0
		setup 2
		> IAM 2`},
	{number: "8.1.2", title: "automatic congestion control, level 2", script: `
		mtp congested
		= Congestion 0
		+ 299ms
		mtp congested               // within T29
		+ 1ms
		mtp congested
		= Congestion 0
		fails setup 2
		setup 2
		> IAM 2`},
	{number: "8.2.1", title: "user part test answered", script: `
		< UPT 1
		> UPA 1`},
	{number: "8.2.2", title: "user part not available: T4", script: `
		mtp other-user
		mtp elsewhere
		mtp inaccessible
		= Unavailable 0
		> UPT 1
		fails setup 2
		mtp inaccessible
		+ 5m
		> UPT 1
		< UPA 1
		= Available 1
		+ 1h
		setup 2
		> IAM 2`},
	{number: "8.2.3", title: "user part available again: another message says so", script: `
		mtp unequipped
		= Unavailable 0
		+ 1h
		< IAM 1
		= Available 1
		= SetupInd 1`},
	{number: "9", title: "interworking, 2 cases", why: "other signalling systems are the call control's", cases: 2},
}
