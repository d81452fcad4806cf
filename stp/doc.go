// Package stp is a signalling node for SS7 over IP: a signalling transfer point with M2PA links, Application
// Servers behind M3UA, interworking between both, screening and global title translation.
//
//	cfg, err := stp.ParseConfig("stp.yaml", text)
//	for _, f := range cfg.Check() { … } // stp.yaml:9:4: error: linkset "m": the one in line 8 leads to 4.5.1 already …
//	node, err := stp.New(cfg, stp.Options{Network: kernel.Network{}, Logger: log})
//	go http.ListenAndServe("127.0.0.1:8080", stp.Handler(node))
//	err = node.Run(ctx)
//
// A [Node] joins packages mtp3, m2pa, m3ua and mtp3/sccp. Level 3 and its links run in one loop, so that changeover
// loses nothing; messages between Application Servers pass on the goroutines that read the associations.
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
// [ParseConfig] reads it strictly and names file, line and column of all that is wrong. [Config.Check] looks for what
// makes no sense as a whole, [CheckNetwork] at neighbours together, [Config.Full] shows the defaults, [Config.Explain] says what becomes of a message and why,
// [ImportOsmo] reads the files of osmo-stp. [Plan] says what another configuration would change, [Node.Apply] changes
// it: links and Application Servers that stay the same do not notice.
//
// Points at the other end of linksets, and those of Application Servers, need no route. A name after "via" is that of a
// linkset, an Application Server, or a gateway: another signalling gateway, or an IPSP, that this node is an ASP of.
//
// # Operation
//
// [Node.Status] is how it stands, [Node.Explain] a routing decision now, [Node.Changes] and [Node.Watch] what
// happened; [Node.Block], [Node.Inhibit], [Node.Deactivate] and their opposites are for operators. [Handler] has all of
// that over HTTP.
//
// # Conformance
//
//   - RFC 4666 sections 1.4.6 and 1.6.1: nodal interworking between M3UA and MTP; 1.4.2: routing keys, several for
//     one point code; network management messages never go to an AS as DATA (1.4.3.2)
//   - Q.704, Q.707 by package mtp3; RFC 4165 by m2pa; RFC 4666 by m3ua; Q.711 to Q.714 (connectionless) by mtp3/sccp
//   - YAML: anchors, aliases and merge keys are understood; tags and several documents are errors
//
// # Limitations
//
// A change of the node's own point code, format, timers or of what all associations share needs a new start
// ([StepRestart]). Routing keys are by DPC, OPC and service indicator, as RFC 4666 has them: not by circuits or subsystem
// numbers. An OPC is not rewritten on its way. Of what osmo-stp can be told, SUA, IPA and the rewriting of point codes
// have no counterpart.
package stp
