package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// addReceived notes in the topmost Via where a request came from: received if the sent-by is not
// that address (RFC 3261 section 18.2.1), and received and rport if the client asked for rport
// (RFC 3581 section 4). It returns the Via as it then is.
func addReceived(req *Request, via Via, f Flow) Via {
	source := f.Remote.Addr()
	_, rport := via.RPort()
	if host, ok := hostAddr(via.Host); ok && host == source && !rport {
		if !via.Params.Has("received") {
			return via
		}
		via.Params.Del("received") // it lies
	} else {
		via.Params.Set("received", source.WithZone("").String())
		if rport {
			via.Params.Set("rport", strconv.Itoa(int(f.Remote.Port())))
		}
	}
	req.RemoveNth("Via", 0)
	req.Insert("Via", 0, via.String())
	return via
}

// replyFlow is the way of a response to a request that came over f with that topmost Via (RFC
// 3261 section 18.2.2, RFC 3581 section 4). The address is always the one the request came from,
// unless maddr names another: nobody can have responses sent to a third party by sent-by.
func replyFlow(f Flow, via Via) Flow {
	if f.Transport.Reliable() {
		return f
	}
	if maddr, ok := via.Params.Value("maddr"); ok {
		if a, ok := hostAddr(maddr); ok && a.IsMulticast() {
			f.Remote = netip.AddrPortFrom(a, uint16(via.port()))
			return f
		}
	}
	if _, ok := via.RPort(); !ok {
		f.Remote = netip.AddrPortFrom(f.Remote.Addr(), uint16(via.port()))
	}
	return f
}

// appendSentBy appends "host:port", with an IPv6 address in brackets.
func appendSentBy(b []byte, host string, port int) []byte {
	if strings.IndexByte(host, ':') >= 0 {
		b = append(append(append(b, '['), host...), ']')
	} else {
		b = append(b, host...)
	}
	return strconv.AppendInt(append(b, ':'), int64(port), 10)
}
