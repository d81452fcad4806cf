package sip

import (
	"context"
	"fmt"
	"net/netip"
)

// Resolver answers the DNS questions of RFC 3263 and RFC 6116. [DNS] is one; tests and service
// registries bring their own.
//
// Names are absolute, with or without the final dot. A name that does not exist, or has no
// records of that type, is an empty answer without an error; an error says that nobody could
// tell. A Resolver may be used by several goroutines at once.
type Resolver interface {
	LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error)
	LookupSRV(ctx context.Context, name string) ([]SRV, error)          // name is _service._proto.domain
	LookupAddrs(ctx context.Context, name string) ([]netip.Addr, error) // A and AAAA records
}

// NAPTR is a naming authority pointer (RFC 3403 section 4.1).
type NAPTR struct {
	Order       uint16 // lower values come first, and higher ones not at all once one has matched
	Preference  uint16 // lower values are preferred within an order
	Flags       string // "s": Replacement has SRV records; "a": addresses; "u": Regexp makes a URI; "": further NAPTR records
	Service     string // "SIP+D2U", "E2U+sip", …
	Regexp      string
	Replacement string // a name, without the final dot; "" for the root, which means none
}

func (r NAPTR) String() string {
	replacement := r.Replacement
	if replacement == "" {
		replacement = "."
	}
	return fmt.Sprintf("NAPTR %d %d %q %q %q %s", r.Order, r.Preference, r.Flags, r.Service, r.Regexp, replacement)
}

// SRV is the location of a service (RFC 2782).
type SRV struct {
	Priority uint16 // lower values are tried first
	Weight   uint16 // the share among records of one priority
	Port     uint16
	Target   string // a host name, without the final dot; "" (the root) says that the service is not to be had
}

func (r SRV) String() string {
	target := r.Target
	if target == "" {
		target = "."
	}
	return fmt.Sprintf("SRV %d %d %d %s", r.Priority, r.Weight, r.Port, target)
}

// DNSError tells that a question could not be answered.
type DNSError struct {
	Name   string // what was asked
	Type   string // "NAPTR", "SRV", "A", "AAAA"
	Server netip.AddrPort
	Err    error
}

func (e *DNSError) Error() string {
	if !e.Server.IsValid() {
		return fmt.Sprintf("sip: DNS %s %s: %v", e.Type, e.Name, e.Err)
	}
	return fmt.Sprintf("sip: DNS %s %s: server %v: %v", e.Type, e.Name, e.Server, e.Err)
}

func (e *DNSError) Unwrap() error { return e.Err }
