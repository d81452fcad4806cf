// Package sctptest holds the tests that everything which provides associations has to pass: what
// package sctp promises, checked on any [sctp.Network].
//
//	func TestConformance(t *testing.T) {
//		sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
//			return sctptest.Lab{Client: n, Server: n, ServerAddr: sctp.Addr{IPs: ...}}
//		})
//	}
//
// What needs lines that can be cut is skipped where the lab has none.
package sctptest
