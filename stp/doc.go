// Package stp is a signalling node for SS7 over IP: a signalling transfer point with M2PA links, Application
// Servers behind M3UA, interworking between both, screening and global title translation.
//
// # Configuration
//
// [Config] is everything that a node is told, as Go values or as one YAML file:
//
//	node:    { name: STP-A, point-code: 1.2.1, network-indicator: national }
//	listen:  [ { m3ua: "127.0.0.1:2905" } ]
//	as:      [ { name: A, point-code: 1.2.3, routing-context: 1, mode: override, asps: [ { name: a1, peer: "127.0.0.11" } ] } ]
//	linkset: [ { name: to-B, adjacent: 4.5.1, links: [ { slc: 0, m2pa: { connect: "127.0.0.2:3565" } } ] } ]
//	route:   [ { to: 4.5.0/11, via: to-B, priority: 1 } ]
//	gtt:     [ { match: { np: e164, prefix: "4930" }, to: { pc: 1.2.6, ssn: 12 } } ]
//
// [ParseConfig] reads it strictly and names file, line and column of all that is wrong.
package stp
