package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gotelco/telco/diameter"
)

// codes are what results of the base protocol mean (RFC 6733 section 7.1).
var codes = map[diameter.ResultCode]string{
	diameter.MultiRoundAuth:         "the exchange goes on: another request with what the answer asks for",
	diameter.Success:                "done",
	diameter.LimitedSuccess:         "done, but the application has to do more to give the service",
	diameter.CommandUnsupported:     "the peer does not serve this command code of this application",
	diameter.UnableToDeliver:        "no way to Destination-Host, or to any server of the realm",
	diameter.RealmNotServed:         "no route to Destination-Realm",
	diameter.TooBusy:                "this server cannot serve now; another one may",
	diameter.LoopDetected:           "an agent found itself in Route-Record",
	diameter.RedirectIndication:     "ask one of Redirect-Host",
	diameter.ApplicationUnsupported: "the application in the header is not served there",
	diameter.InvalidHdrBits:         "flags of the header that don't go together, or not with this command",
	diameter.InvalidAVPBits:         "flags of an AVP that contradict its definition; Failed-AVP has it",
	diameter.UnknownPeer:            "the CER is of a node that the peer does not know",
	diameter.AuthenticationRejected: "the user's credentials are wrong",
	diameter.OutOfSpace:             "an accounting record found no room on disk",
	diameter.ElectionLost:           "both ends connected at once, and the other connection is kept",
	diameter.AVPUnsupported:         "an AVP with the M flag that the peer does not know; Failed-AVP has it",
	diameter.UnknownSessionID:       "there is no such session, or it is over",
	diameter.AuthorizationRejected:  "the user may not do this",
	diameter.InvalidAVPValue:        "an AVP's value is not one that it can have; Failed-AVP has it",
	diameter.MissingAVP:             "an AVP that the grammar requires is not there; Failed-AVP has an example",
	diameter.ResourcesExceeded:      "the user has used up what he may",
	diameter.ContradictingAVPs:      "AVPs that contradict each other; Failed-AVP has them",
	diameter.AVPNotAllowed:          "an AVP that must not be there; Failed-AVP has it",
	diameter.AVPOccursTooManyTimes:  "an AVP is there more often than the grammar allows; Failed-AVP has the first one too many",
	diameter.NoCommonApplication:    "CER and what the peer has have no application in common",
	diameter.UnsupportedVersion:     "the first octet of a message was not 1",
	diameter.UnableToComply:         "refused for a reason that has no code: Error-Message may tell, or the peer's log",
	diameter.InvalidBitInHeader:     "a reserved flag of the header is set",
	diameter.InvalidAVPLength:       "an AVP's length does not fit its type, or the message; Failed-AVP has it",
	diameter.InvalidMessageLength:   "a message's length is wrong, after which nothing can be read",
	diameter.InvalidAVPBitCombo:     "flags of an AVP that don't go together; Failed-AVP has it",
	diameter.NoCommonSecurity:       "one end wants TLS in band, the other does not",
}

// experimental are what results of 3GPP's applications mean, by application and code.
var experimental = map[[2]uint32]string{
	{uint32(appCx), 2001}:  "the user is not registered yet; an S-CSCF is to be chosen by Server-Capabilities",
	{uint32(appCx), 2002}:  "the user is registered, at Server-Name",
	{uint32(appCx), 2003}:  "the user is not registered, but has services for that; an S-CSCF is to be chosen",
	{uint32(appCx), 2004}:  "done; the HSS has not kept the S-CSCF's name",
	{uint32(appCx), 5001}:  "the HSS does not know the user",
	{uint32(appCx), 5002}:  "private and public identity are not of one subscription",
	{uint32(appCx), 5003}:  "the public identity is not registered",
	{uint32(appCx), 5004}:  "no roaming in the visited network",
	{uint32(appCx), 5005}:  "another S-CSCF has the user already",
	{uint32(appCx), 5006}:  "the user has no credentials of the scheme that is asked for",
	{uint32(appCx), 5007}:  "this Server-Assignment-Type makes no sense in the user's state",
	{uint32(appCx), 5008}:  "the profile is too large for the S-CSCF",
	{uint32(appCx), 5009}:  "the S-CSCF cannot read the profile",
	{uint32(appCx), 5011}:  "a feature of Supported-Features that is required is missing",
	{uint32(appCx), 5012}:  "the serving node lacks a feature",
	{uint32(appSh), 4100}:  "the data are not available now: try again later",
	{uint32(appSh), 4101}:  "another change of these data is under way: try again",
	{uint32(appSh), 5001}:  "the HSS does not know the user",
	{uint32(appSh), 5002}:  "the identities are not of one user",
	{uint32(appSh), 5008}:  "more data than the other end takes",
	{uint32(appSh), 5100}:  "the data that are asked for are not known",
	{uint32(appSh), 5101}:  "this Application Server may not do this: the HSS has a list of permissions",
	{uint32(appSh), 5102}:  "this Application Server may not read these data",
	{uint32(appSh), 5103}:  "this Application Server may not change these data",
	{uint32(appSh), 5104}:  "changes of these data are not told",
	{uint32(appSh), 5105}:  "the sequence number of the repository data is not the next one: read them again",
	{uint32(appSh), 5106}:  "the user has no such data",
	{uint32(appSh), 5107}:  "there is no subscription to these data",
	{uint32(appSh), 5108}:  "the tag of the service (DSAI) is not known",
	{uint32(appS6a), 4181}: "no vectors now: try again",
	{uint32(appS6a), 5001}: "the HSS does not know the IMSI",
	{uint32(appS6a), 5004}: "no roaming in the visited network",
	{uint32(appS6a), 5420}: "the user has no EPS subscription",
	{uint32(appS6a), 5421}: "this radio access technology is not allowed",
	{uint32(appS6a), 5423}: "the HSS has no registration of this serving node for the user",
	{uint32(appS6a), 5422}: "the equipment is not known",
}

// explainCode prints what a result code means, in the base protocol and in the applications.
func (p *program) explainCode(text string) error {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return invalid{fmt.Errorf("%q is neither a file nor a result code", text)}
	}
	code, any := diameter.ResultCode(n), false
	if words := codes[code]; words != "" {
		any = true
		fmt.Fprintf(p.out, "Result-Code %d %v\n    %s\n", n, code, words)
	}
	keys := slices.SortedFunc(maps.Keys(experimental), func(a, b [2]uint32) int { return cmp.Compare(a[0], b[0]) })
	for _, k := range keys {
		if k[1] == uint32(n) {
			any = true
			app := diameter.ApplicationID(k[0])
			name := strings.TrimPrefix(resultName(diameter.Result{VendorID: diameter.Vendor3GPP, Code: code}, app), text+" ")
			fmt.Fprintf(p.out, "Experimental-Result-Code %d of %s: %s\n    %s\n", n, p.dict.application(app), name, experimental[k])
		}
	}
	if !any {
		class := map[uint64]string{1: "informational", 2: "success", 3: "protocol error", 4: "transient failure", 5: "permanent failure"}[n/1000]
		if class == "" {
			return invalid{fmt.Errorf("%d is no result code", n)}
		}
		fmt.Fprintf(p.out, "%d: %s, not known here more closely\n", n, class)
	}
	return nil
}
