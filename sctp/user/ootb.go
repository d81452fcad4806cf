package user

import "net/netip"

// outOfTheBlue answers a packet that belongs to no association (RFC 9260 section 8.4), once it is
// known to be no INIT and no COOKIE ECHO, and to come from a unicast address.
//
//	Packet contains              Answer
//	ABORT                        none
//	SHUTDOWN ACK                 SHUTDOWN COMPLETE with the T bit
//	SHUTDOWN COMPLETE            none
//	ERROR (stale cookie)         none
//	COOKIE ACK                   none
//	anything else                ABORT with the T bit
func outOfTheBlue(local, remote netip.AddrPort, h header, chunks []byte) (r reply, ok bool) {
	r = reply{local: local, remote: remote, tag: h.tag, alone: true}
	ack := false
	for b, n := chunks, 0; len(b) > 0; n++ {
		c, rest, ok := nextChunk(b)
		if !ok {
			if n == 0 {
				return r, false
			}
			break
		}
		b = rest
		switch c.typ {
		case ctAbort, ctShutdownComplete, ctCookieAck:
			return r, false
		case ctInit: // not alone, or with a tag
			return r, false
		case ctShutdownAck:
			ack = true
		case ctError:
			if code, _ := firstCause(c.value); code == causeStaleCookie {
				return r, false
			}
		}
	}
	if ack {
		r.chunks = appendChunk(nil, ctShutdownComplete, flagT, nil)
	} else {
		r.chunks = appendChunk(nil, ctAbort, flagT, nil)
	}
	return r, true
}
