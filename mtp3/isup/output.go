package isup

// Output is what a Group wants done: a Send, an Indication or an Alert.
type Output interface{ output() }

// Send is a message for the exchange at the other end.
type Send struct{ Message Message }

// Indication is a primitive for the call control or the maintenance of this exchange (Q.764 section 1.5, Q.762).
type Indication struct {
	Kind    Primitive
	CIC     CIC
	Message Message // that caused it; without parameters if none did. It aliases what was given to Receive
	Cause   Cause   // of ReleaseInd and ReattemptInd
}

// Alert is for the maintenance personnel.
type Alert struct {
	CIC    CIC
	Timer  Timer // that ran out, if one did
	Reason string
}

func (Send) output()       {}
func (Indication) output() {}
func (Alert) output()      {}

// Primitive says what an Indication means.
type Primitive uint8

// The primitives. Those of calls:
const (
	SetupInd           Primitive = iota + 1 // IAM: a call comes in. Answer it with ACM, CON or REL
	DigitsInd                               // SAM: further digits
	ContinuityInd                           // COT: whether the check was successful is in the message
	AddressCompleteInd                      // ACM
	ProgressInd                             // CPG
	AnswerInd                               // ANM, or CON: answered without an ACM before
	SuspendInd                              // SUS
	ResumeInd                               // RES
	TransferInd                             // another message of the call: INF, INR, USR, FOT, FAC, CFN …, or one not known
	ReleaseInd                              // the call is over. If Message is a REL, Released ends it; else nothing is left to do
	ReleaseConf                             // the circuit that was released or reset is idle
	ReattemptInd                            // the call failed on this circuit: try another (Q.764 section 2.8.1)
	// Those of the continuity check:
	ToneOnInd  // connect the transceiver, send the tone, say what came of it with CheckResult
	ToneOffInd // disconnect the transceiver
	LoopOnInd  // connect the loop
	LoopOffInd // disconnect the loop
	// Those of maintenance:
	BlockedInd   // the other end blocks the circuit: no calls from here
	UnblockedInd // it does no longer
	BlockConf    // the other end has acknowledged that this one blocks the circuit
	UnblockConf  // … that it does no longer
	ResetConf    // … that a group of circuits was reset, from this circuit on
	QueryConf    // CQR: the states are in the message
	CongestionInd
	AvailableInd   // the user part at the other end can be reached
	UnavailableInd // it cannot
)

var primitiveNames = [...]string{SetupInd: "Setup indication", DigitsInd: "Digits indication", ContinuityInd: "Continuity indication",
	AddressCompleteInd: "Address complete indication", ProgressInd: "Progress indication", AnswerInd: "Answer indication", SuspendInd: "Suspend indication",
	ResumeInd: "Resume indication", TransferInd: "Transfer indication", ReleaseInd: "Release indication", ReleaseConf: "Release confirm",
	ReattemptInd: "Reattempt indication", ToneOnInd: "Tone on", ToneOffInd: "Tone off", LoopOnInd: "Loop on", LoopOffInd: "Loop off", BlockedInd: "Blocked",
	UnblockedInd: "Unblocked", BlockConf: "Blocking confirm", UnblockConf: "Unblocking confirm", ResetConf: "Reset confirm", QueryConf: "Query confirm",
	CongestionInd: "Congestion", AvailableInd: "Available", UnavailableInd: "Unavailable"}

// String is the primitive's name.
func (p Primitive) String() string { return name(primitiveNames[:], p, "Primitive") }
