package diameter

import "encoding/binary"

// check holds a group to RFC 6733 section 6.11: exactly one of the two application identifiers.
func (c *VendorSpecificApplicationID) check(d *Decoder) {
	auth, acct := c.AuthApplicationID, c.AcctApplicationID
	if auth.Present != acct.Present || d.err != nil {
		return
	}
	examples := []AVP{
		{Code: AVPAuthApplicationID, Flags: Mandatory, Data: binary.BigEndian.AppendUint32(nil, uint32(auth.Value))},
		{Code: AVPAcctApplicationID, Flags: Mandatory, Data: binary.BigEndian.AppendUint32(nil, uint32(acct.Value))},
	}
	if auth.Present {
		d.err = &ProtocolError{ResultCode: AVPOccursTooManyTimes, FailedAVP: examples, Text: "Auth-Application-Id beside Acct-Application-Id"}
	} else {
		d.err = &ProtocolError{ResultCode: MissingAVP, FailedAVP: examples, Text: "neither Auth-Application-Id nor Acct-Application-Id"}
	}
}
