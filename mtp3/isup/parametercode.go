package isup

import "fmt"

// ParameterCode is the name of a parameter on the wire (Q.763 table 5).
type ParameterCode uint8

// The parameters.
const (
	endOfOptional ParameterCode = 0x00

	PCallReference                ParameterCode = 0x01
	PTransmissionMedium           ParameterCode = 0x02
	PAccessTransport              ParameterCode = 0x03
	PCalledPartyNumber            ParameterCode = 0x04
	PSubsequentNumber             ParameterCode = 0x05
	PNatureOfConnection           ParameterCode = 0x06
	PForwardCallIndicators        ParameterCode = 0x07
	POptionalForwardIndicators    ParameterCode = 0x08
	PCallingPartyCategory         ParameterCode = 0x09
	PCallingPartyNumber           ParameterCode = 0x0a
	PRedirectingNumber            ParameterCode = 0x0b
	PRedirectionNumber            ParameterCode = 0x0c
	PConnectionRequest            ParameterCode = 0x0d
	PInformationRequestIndicators ParameterCode = 0x0e
	PInformationIndicators        ParameterCode = 0x0f
	PContinuityIndicators         ParameterCode = 0x10
	PBackwardCallIndicators       ParameterCode = 0x11
	PCause                        ParameterCode = 0x12
	PRedirectionInformation       ParameterCode = 0x13
	PSupervisionType              ParameterCode = 0x15
	PRangeAndStatus               ParameterCode = 0x16
	PFacilityIndicator            ParameterCode = 0x18
	PClosedUserGroup              ParameterCode = 0x1a
	PUserServiceInformation       ParameterCode = 0x1d
	PSignallingPointCode          ParameterCode = 0x1e
	PUserToUserInformation        ParameterCode = 0x20
	PConnectedNumber              ParameterCode = 0x21
	PSuspendResumeIndicators      ParameterCode = 0x22
	PTransitNetworkSelection      ParameterCode = 0x23
	PEventInformation             ParameterCode = 0x24
	PCircuitAssignmentMap         ParameterCode = 0x25
	PCircuitState                 ParameterCode = 0x26
	PAutomaticCongestionLevel     ParameterCode = 0x27
	POriginalCalledNumber         ParameterCode = 0x28
	POptionalBackwardIndicators   ParameterCode = 0x29
	PUserToUserIndicators         ParameterCode = 0x2a
	POriginationISCPointCode      ParameterCode = 0x2b
	PGenericNotification          ParameterCode = 0x2c
	PCallHistory                  ParameterCode = 0x2d
	PAccessDelivery               ParameterCode = 0x2e
	PNetworkSpecificFacility      ParameterCode = 0x2f
	PUserServicePrime             ParameterCode = 0x30
	PPropagationDelay             ParameterCode = 0x31
	PRemoteOperations             ParameterCode = 0x32
	PServiceActivation            ParameterCode = 0x33
	PUserTeleservice              ParameterCode = 0x34
	PTransmissionMediumUsed       ParameterCode = 0x35
	PCallDiversion                ParameterCode = 0x36
	PEchoControl                  ParameterCode = 0x37
	PMessageCompatibility         ParameterCode = 0x38
	PParameterCompatibility       ParameterCode = 0x39
	PMLPPPrecedence               ParameterCode = 0x3a
	PMCIDRequest                  ParameterCode = 0x3b
	PMCIDResponse                 ParameterCode = 0x3c
	PHopCounter                   ParameterCode = 0x3d
	PTransmissionMediumPrime      ParameterCode = 0x3e
	PLocationNumber               ParameterCode = 0x3f
	PRedirectionRestriction       ParameterCode = 0x40
	PCallTransferReference        ParameterCode = 0x43
	PLoopPrevention               ParameterCode = 0x44
	PCallTransferNumber           ParameterCode = 0x45
	PCCSS                         ParameterCode = 0x4b
	PForwardGVNS                  ParameterCode = 0x4c
	PBackwardGVNS                 ParameterCode = 0x4d
	PRedirectCapability           ParameterCode = 0x4e
	PNetworkManagementControls    ParameterCode = 0x5b
	PCorrelationID                ParameterCode = 0x65
	PSCFID                        ParameterCode = 0x66
	PCallDiversionTreatment       ParameterCode = 0x6e
	PCalledINNumber               ParameterCode = 0x6f
	PCallOfferingTreatment        ParameterCode = 0x70
	PChargedParty                 ParameterCode = 0x71
	PConferenceTreatment          ParameterCode = 0x72
	PDisplayInformation           ParameterCode = 0x73
	PUIDAction                    ParameterCode = 0x74
	PUIDCapability                ParameterCode = 0x75
	PRedirectCounter              ParameterCode = 0x77
	PApplicationTransport         ParameterCode = 0x78
	PCollectCall                  ParameterCode = 0x79
	PGenericNumber                ParameterCode = 0xc0
	PGenericDigits                ParameterCode = 0xc1
)

var parameterNames = [256]string{
	PCallReference: "call reference", PTransmissionMedium: "transmission medium requirement", PAccessTransport: "access transport",
	PCalledPartyNumber: "called party number", PSubsequentNumber: "subsequent number", PNatureOfConnection: "nature of connection indicators",
	PForwardCallIndicators: "forward call indicators", POptionalForwardIndicators: "optional forward call indicators",
	PCallingPartyCategory: "calling party's category", PCallingPartyNumber: "calling party number", PRedirectingNumber: "redirecting number",
	PRedirectionNumber: "redirection number", PConnectionRequest: "connection request", PInformationRequestIndicators: "information request indicators",
	PInformationIndicators: "information indicators", PContinuityIndicators: "continuity indicators", PBackwardCallIndicators: "backward call indicators",
	PCause: "cause indicators", PRedirectionInformation: "redirection information", PSupervisionType: "circuit group supervision message type",
	PRangeAndStatus: "range and status", PFacilityIndicator: "facility indicator", PClosedUserGroup: "closed user group interlock code",
	PUserServiceInformation: "user service information", PSignallingPointCode: "signalling point code", PUserToUserInformation: "user-to-user information",
	PConnectedNumber: "connected number", PSuspendResumeIndicators: "suspend/resume indicators", PTransitNetworkSelection: "transit network selection",
	PEventInformation: "event information", PCircuitAssignmentMap: "circuit assignment map", PCircuitState: "circuit state indicator",
	PAutomaticCongestionLevel: "automatic congestion level", POriginalCalledNumber: "original called number",
	POptionalBackwardIndicators: "optional backward call indicators", PUserToUserIndicators: "user-to-user indicators",
	POriginationISCPointCode: "origination ISC point code", PGenericNotification: "generic notification indicator", PCallHistory: "call history information",
	PAccessDelivery: "access delivery information", PNetworkSpecificFacility: "network specific facility", PUserServicePrime: "user service information prime",
	PPropagationDelay: "propagation delay counter", PRemoteOperations: "remote operations", PServiceActivation: "service activation",
	PUserTeleservice: "user teleservice information", PTransmissionMediumUsed: "transmission medium used", PCallDiversion: "call diversion information",
	PEchoControl: "echo control information", PMessageCompatibility: "message compatibility information",
	PParameterCompatibility: "parameter compatibility information", PMLPPPrecedence: "MLPP precedence", PMCIDRequest: "MCID request indicators",
	PMCIDResponse: "MCID response indicators", PHopCounter: "hop counter", PTransmissionMediumPrime: "transmission medium requirement prime",
	PLocationNumber: "location number", PRedirectionRestriction: "redirection number restriction", PCallTransferReference: "call transfer reference",
	PLoopPrevention: "loop prevention indicators", PCallTransferNumber: "call transfer number", PCCSS: "CCSS", PForwardGVNS: "forward GVNS",
	PBackwardGVNS: "backward GVNS", PRedirectCapability: "redirect capability", PNetworkManagementControls: "network management controls",
	PCorrelationID: "correlation id", PSCFID: "SCF id", PCallDiversionTreatment: "call diversion treatment indicators", PCalledINNumber: "called IN number",
	PCallOfferingTreatment: "call offering treatment indicators", PChargedParty: "charged party identification",
	PConferenceTreatment: "conference treatment indicators", PDisplayInformation: "display information", PUIDAction: "UID action indicators",
	PUIDCapability: "UID capability indicators", PRedirectCounter: "redirect counter", PApplicationTransport: "application transport",
	PCollectCall: "collect call request", PGenericNumber: "generic number", PGenericDigits: "generic digits",
}

// Known tells whether Q.763 has a parameter of this code.
func (c ParameterCode) Known() bool { return parameterNames[c] != "" }

// String is the parameter's name in Q.763.
func (c ParameterCode) String() string {
	if n := parameterNames[c]; n != "" {
		return n
	}
	return fmt.Sprintf("parameter %#02x", uint8(c))
}
