// Package ladder draws the events of package trace as a sequence diagram of plain text: a column
// per participant, a line per message, as it comes.
//
//	0.000  ue                  pcscf               scscf
//	0.000  |----- INVITE ----->|                   |  CSeq 1, audio AMR-WB AMR
//	0.002  |                   |----- INVITE ----->|  CSeq 1, audio AMR-WB AMR
//	0.003  |<--- 100 Trying ---|                   |  CSeq 1 INVITE
//	0.004  |                   |                   *  iFC priority 10 -> AS
//
// A live one for a terminal:
//
//	l := ladder.New(os.Stdout, ladder.Config{Names: names})
//	defer l.Close()
//	endpoint := sip.NewEndpoint(sip.Config{Trace: l.Trace})
//
// One that a test shows when it fails:
//
//	var rec ladder.Recorder
//	t.Cleanup(func() {
//		if t.Failed() {
//			t.Logf("\n%s", rec.Text(ladder.Config{}))
//		}
//	})
//	endpoint := sip.NewEndpoint(sip.Config{Trace: rec.Trace})
//
// Where both ends of a conversation trace to one ladder, a message stands there once. A SIP message
// that is sent again says so. Of an RTP stream the first packet is drawn, and the count at the end.
//
// What a message says on its line comes from a [Summary] per protocol; those for SIP (with SDP),
// RTP, Diameter, M3UA and M2PA are built in and read no more than they show. Config.Summaries adds
// others or replaces them. Text from the network is printed with its control characters replaced.
//
// Everything that a peer could make grow is bounded: participants, remembered messages, streams and
// the length of a line.
package ladder
