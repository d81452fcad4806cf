// Package tcap reads and writes messages of the transaction capabilities (Q.773): what an exchange and a database, such as a
// service control point, say to each other in SCCP unitdata.
//
//	m, err := tcap.Parse(unitdata.Data)
//	for _, c := range m.Components {
//		fmt.Println(c.Kind, c.InvokeID, c.Code)
//	}
//
// Package inap below it has the operations of a number translation service.
//
// # Conformance
//
//   - Q.773 section 3.1: Unidirectional, Begin, Continue, End, Abort
//   - Q.773 section 3.2: Invoke, Return Result (Last and Not Last), Return Error, Reject, local and global codes, problem codes
//   - Q.773 section 3.4: dialogue portions of structured and unstructured dialogues; those of other abstract syntaxes are kept
//   - X.690: what is read may have definite or indefinite lengths, what is written has definite ones
//
// # Limitations
//
// This is the codec alone: no machines of transactions, dialogues and invocations (Q.774), and not the TCAP of ANSI T1.114.
package tcap
