// Package sctp is the seam between protocols that ride on SCTP (RFC 9260) and what provides it:
// messages on streams, events, addresses with several paths.
//
// [Conn] is an association. Protocol packages such as m3ua, m2pa and diameter take one and never
// ask where it comes from. Programs choose a [Network]: package sctp/kernel is the SCTP of the
// Linux kernel, package sctp/user a stack of our own that carries it over UDP on any system, or
// over raw IP.
package sctp
