// Package diameter is the Diameter base protocol (RFC 6733).
//
// [ParseMessage] reads a message without a copy; [AVPs] walks its attributes; [Message.AppendBinary] writes it
// as it came, unknown attributes included. What is wrong with a message is a [ProtocolError], which says how
// to answer ([AppendErrorAnswer]).
package diameter

//go:generate go run github.com/gotelco/telco/diameter/diagen base.dia
