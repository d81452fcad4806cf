// Package mtp3 is level 3 of the message transfer part of Signalling System No. 7: point codes and
// routing labels, and the seam to the signalling links below ([Link]) and the users above ([Primitive]).
package mtp3
