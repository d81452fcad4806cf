// Package telco is the root of a library of telecom protocols; the packages below it are what one
// imports, each on its own. README.md draws the map.
//
//	sip          SIP messages, transactions, transports, server location, digest, dialogs
//	sdp          session descriptions, offer and answer
//	rtp, g711    media: streams, playout buffer, telephone-events; A-law and mu-law
//	amr          the AMR and AMR-WB codecs, bit-exact, and their payload and file formats
//	call         legs of calls, bridges with transcoding, recordings
//	ims/aka      Milenage, TUAK, AUTN and AUTS
//	trace        what a stack sends, receives and decides, as events; captures and diagrams of it
package telco
