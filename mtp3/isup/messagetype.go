package isup

import "fmt"

// MessageType says what a message is (Q.763 table 4).
type MessageType uint8

// The message types.
const (
	IAM  MessageType = 0x01 // initial address
	SAM  MessageType = 0x02 // subsequent address
	INR  MessageType = 0x03 // information request (national use)
	INF  MessageType = 0x04 // information (national use)
	COT  MessageType = 0x05 // continuity
	ACM  MessageType = 0x06 // address complete
	CON  MessageType = 0x07 // connect
	FOT  MessageType = 0x08 // forward transfer
	ANM  MessageType = 0x09 // answer
	REL  MessageType = 0x0c // release
	SUS  MessageType = 0x0d // suspend
	RES  MessageType = 0x0e // resume
	RLC  MessageType = 0x10 // release complete
	CCR  MessageType = 0x11 // continuity check request
	RSC  MessageType = 0x12 // reset circuit
	BLO  MessageType = 0x13 // blocking
	UBL  MessageType = 0x14 // unblocking
	BLA  MessageType = 0x15 // blocking acknowledgement
	UBA  MessageType = 0x16 // unblocking acknowledgement
	GRS  MessageType = 0x17 // circuit group reset
	CGB  MessageType = 0x18 // circuit group blocking
	CGU  MessageType = 0x19 // circuit group unblocking
	CGBA MessageType = 0x1a // circuit group blocking acknowledgement
	CGUA MessageType = 0x1b // circuit group unblocking acknowledgement
	FAR  MessageType = 0x1f // facility request
	FAA  MessageType = 0x20 // facility accepted
	FRJ  MessageType = 0x21 // facility reject
	LPA  MessageType = 0x24 // loop back acknowledgement (national use)
	PAM  MessageType = 0x28 // pass-along (national use)
	GRA  MessageType = 0x29 // circuit group reset acknowledgement
	CQM  MessageType = 0x2a // circuit group query (national use)
	CQR  MessageType = 0x2b // circuit group query response (national use)
	CPG  MessageType = 0x2c // call progress
	USR  MessageType = 0x2d // user-to-user information
	UCIC MessageType = 0x2e // unequipped circuit identification code (national use)
	CFN  MessageType = 0x2f // confusion
	OLM  MessageType = 0x30 // overload (national use)
	CRG  MessageType = 0x31 // charge information (national use)
	NRM  MessageType = 0x32 // network resource management
	FAC  MessageType = 0x33 // facility
	UPT  MessageType = 0x34 // user part test
	UPA  MessageType = 0x35 // user part available
	IDR  MessageType = 0x36 // identification request
	IRS  MessageType = 0x37 // identification response
	SGM  MessageType = 0x38 // segmentation
	LOP  MessageType = 0x40 // loop prevention
	APM  MessageType = 0x41 // application transport
	PRI  MessageType = 0x42 // pre-release information
	SDN  MessageType = 0x43 // subsequent directory number (national use)
)

// format is which parameters a message type has (Q.763 tables 21 to 56).
type format struct {
	name     string
	fixed    []fixedParam    // mandatory, of fixed length
	variable []ParameterCode // mandatory, of variable length
	optional bool            // whether there is an optional part
	raw      bool            // what follows is no list of parameters
}

type fixedParam struct {
	code ParameterCode
	len  int
}

// formats are the known message types: a value per type, so that two stacks share nothing they can change.
var formats = [256]*format{
	IAM: {name: "IAM", fixed: []fixedParam{{PNatureOfConnection, 1}, {PForwardCallIndicators, 2}, {PCallingPartyCategory, 1}, {PTransmissionMedium, 1}},
		variable: []ParameterCode{PCalledPartyNumber}, optional: true},
	SAM:  {name: "SAM", variable: []ParameterCode{PSubsequentNumber}, optional: true},
	INR:  {name: "INR", fixed: []fixedParam{{PInformationRequestIndicators, 2}}, optional: true},
	INF:  {name: "INF", fixed: []fixedParam{{PInformationIndicators, 2}}, optional: true},
	COT:  {name: "COT", fixed: []fixedParam{{PContinuityIndicators, 1}}},
	ACM:  {name: "ACM", fixed: []fixedParam{{PBackwardCallIndicators, 2}}, optional: true},
	CON:  {name: "CON", fixed: []fixedParam{{PBackwardCallIndicators, 2}}, optional: true},
	FOT:  {name: "FOT", optional: true},
	ANM:  {name: "ANM", optional: true},
	REL:  {name: "REL", variable: []ParameterCode{PCause}, optional: true},
	SUS:  {name: "SUS", fixed: []fixedParam{{PSuspendResumeIndicators, 1}}, optional: true},
	RES:  {name: "RES", fixed: []fixedParam{{PSuspendResumeIndicators, 1}}, optional: true},
	RLC:  {name: "RLC", optional: true},
	CCR:  {name: "CCR"},
	RSC:  {name: "RSC"},
	BLO:  {name: "BLO"},
	UBL:  {name: "UBL"},
	BLA:  {name: "BLA"},
	UBA:  {name: "UBA"},
	GRS:  {name: "GRS", variable: []ParameterCode{PRangeAndStatus}},
	CGB:  {name: "CGB", fixed: []fixedParam{{PSupervisionType, 1}}, variable: []ParameterCode{PRangeAndStatus}},
	CGU:  {name: "CGU", fixed: []fixedParam{{PSupervisionType, 1}}, variable: []ParameterCode{PRangeAndStatus}},
	CGBA: {name: "CGBA", fixed: []fixedParam{{PSupervisionType, 1}}, variable: []ParameterCode{PRangeAndStatus}},
	CGUA: {name: "CGUA", fixed: []fixedParam{{PSupervisionType, 1}}, variable: []ParameterCode{PRangeAndStatus}},
	FAR:  {name: "FAR", fixed: []fixedParam{{PFacilityIndicator, 1}}, optional: true},
	FAA:  {name: "FAA", fixed: []fixedParam{{PFacilityIndicator, 1}}, optional: true},
	FRJ:  {name: "FRJ", fixed: []fixedParam{{PFacilityIndicator, 1}}, variable: []ParameterCode{PCause}, optional: true},
	LPA:  {name: "LPA"},
	PAM:  {name: "PAM", raw: true},
	GRA:  {name: "GRA", variable: []ParameterCode{PRangeAndStatus}},
	CQM:  {name: "CQM", variable: []ParameterCode{PRangeAndStatus}},
	CQR:  {name: "CQR", variable: []ParameterCode{PRangeAndStatus, PCircuitState}},
	CPG:  {name: "CPG", fixed: []fixedParam{{PEventInformation, 1}}, optional: true},
	USR:  {name: "USR", variable: []ParameterCode{PUserToUserInformation}, optional: true},
	UCIC: {name: "UCIC"},
	CFN:  {name: "CFN", variable: []ParameterCode{PCause}, optional: true},
	OLM:  {name: "OLM"},
	CRG:  {name: "CRG", raw: true},
	NRM:  {name: "NRM", optional: true},
	FAC:  {name: "FAC", optional: true},
	UPT:  {name: "UPT", optional: true},
	UPA:  {name: "UPA", optional: true},
	IDR:  {name: "IDR", optional: true},
	IRS:  {name: "IRS", optional: true},
	SGM:  {name: "SGM", optional: true},
	LOP:  {name: "LOP", optional: true},
	APM:  {name: "APM", optional: true},
	PRI:  {name: "PRI", optional: true},
	SDN:  {name: "SDN", optional: true},
}

// unknownFormat is how a message of a type that is not known is read: messages of later versions have
// an optional part alone (Q.763 section 1.9). One that cannot be read so is kept as it came.
var unknownFormat = &format{optional: true}

// Known tells whether Q.763 has a message of this type, and Parse its format.
func (t MessageType) Known() bool { return formats[t] != nil }

// String is the acronym.
func (t MessageType) String() string {
	if f := formats[t]; f != nil {
		return f.name
	}
	return fmt.Sprintf("MessageType(%#02x)", uint8(t))
}

func (t MessageType) format() *format {
	if f := formats[t]; f != nil {
		return f
	}
	return unknownFormat
}
