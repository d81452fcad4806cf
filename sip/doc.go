// Package sip is a SIP stack in layers (RFC 3261 and its extensions), each usable without those
// above it.
//
// # Messages
//
// [Parse] reads a datagram, [Framer] cuts a stream into messages. A [Request] or [Response] keeps
// its [Header] as the lines that came: typed values ([Via], [Address], [CSeq], [URI], …) are read
// when they are asked for, and what nobody edits leaves byte for byte as it came. A typed value
// aliases the text of its message; clone what has to live longer.
//
//	m, err := sip.Parse(datagram)
//	if err != nil { … }
//	req := m.(*sip.Request)
//	via, err := req.Via()
//	req.RemoveNth("Route", 0)
//	req.Insert("Via", 0, "SIP/2.0/UDP proxy.example.com;branch=z9hG4bK1")
//	out, err := req.AppendText(nil)
//
// [Check] tells whether a message can be served; its [ParseError] names the layer, the offset and
// the status code to answer with.
package sip
