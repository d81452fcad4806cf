// Package sccp reads and writes messages of the signalling connection control part (Q.713):
// connectionless service, and the addresses in it.
//
//	var c sccp.Codec // ITU; sccp.Codec{Format: mtp3.Format{Variant: mtp3.ANSI}} for ANSI
//	m, err := c.Parse(msu.Data)
//	fmt.Println(m.Called.GT.Digits, m.Called.SSN)
//
// # Conformance
//
//   - Q.713 sections 2 and 3.4 to 3.19, 4.10 to 4.21: UDT, UDTS, XUDT, XUDTS, LUDT, LUDTS, addresses with
//     global titles of all four formats, segmentation, importance; other optional parameters are kept
//   - T1.112.3 section 3.4: addresses of ANSI
//   - Q.714 section 4.2: making the message that returns
//
// # Limitations
//
// Routing, global title translation, reassembly and management of subsystems (Q.714) are not here
// yet, nor is connection-oriented service.
package sccp
