// Package trace is how every package of this module shows what happens: one event type and one
// func type, with nothing but the standard library behind them.
//
// Each protocol package has a field Trace of type [Func] in its Config. When it is set, the
// package calls it for every message it sends or receives and for every change of state. Sinks
// stand in packages of their own: [github.com/gotelco/telco/trace/pcapng] writes captures that
// Wireshark opens, [github.com/gotelco/telco/trace/ladder] prints sequence diagrams.
//
// # Secrets
//
// A message may carry keys, such as the CK and IK of an AKA challenge between two CSCFs. The
// package that sends the event marks those octets in Event.Secrets; sinks overwrite them (see
// [Redacted]) unless their user asks for them by name.
package trace
