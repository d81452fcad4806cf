// Package m3ua is the SS7 MTP3-User Adaptation Layer (RFC 4666): user parts of SS7 reach a
// signalling gateway, or one another, over SCTP.
package m3ua
