// Package as is an IMS Application Server (TS 23.228 section 4.2.4, TS 24.229 section 5.7) that is
// also the border of a SIP network: it finds out where a call should go, and brings it there.
package as
