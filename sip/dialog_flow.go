package sip

import "strings"

// nextHop returns the URI that requests of the dialog are sent to: of the first Route, or the target.
func (d *DialogState) nextHop() (URI, bool) {
	text := "<" + d.Target + ">"
	if len(d.Routes) > 0 {
		text = d.Routes[0]
	}
	a, err := ParseAddress(text)
	return a.URI, err == nil
}

// staysOn says whether requests of the dialog that via's request began go back over the connection
// f that it came over: its sender is the next hop. So a client that accepts no connections, or sits
// behind a NAT, or has no address at all (RFC 7118 section 5.1), is reached.
func (d *DialogState) staysOn(f Flow, via Via) bool {
	hop, ok := d.nextHop()
	if !ok || !f.Transport.Reliable() {
		return false
	}
	port := hop.Port
	if port == 0 {
		port = int(f.Transport.DefaultPort())
	}
	return noAddress(hop) || hostEqual(hop.Host, via.Host) && port == via.port()
}

// leadsThere says whether the connection f, over which our INVITE was answered, leads to the next
// hop of the dialog, although its URI does not name the transport: some peers leave it out.
func (d *DialogState) leadsThere(f Flow) bool {
	hop, ok := d.nextHop()
	if !ok || !f.Transport.Reliable() {
		return false
	}
	if noAddress(hop) {
		return true
	}
	addr, ok := hop.Addr()
	return ok && hop.Transport() == "" && addr == f.Remote.Addr().Unmap() && hop.Port == int(f.Remote.Port())
}

// noAddress reports a host that is a placeholder.
func noAddress(u URI) bool { return strings.HasSuffix(strings.ToLower(u.Host), ".invalid") }

// send completes the options for a request of the dialog. The caller holds mu.
func (d *Dialog) send(opts SendOptions) (SendOptions, bool) {
	if directed(opts) || !d.flow.Remote.IsValid() {
		opts = d.ua.send(opts)
		if hop, ok := d.state.nextHop(); ok && len(d.state.Routes) > 0 && !hop.LR() && !directed(opts) {
			opts.NextHop = hop // a strict router, although loose ones may follow (RFC 3261 section 8.1.2)
		}
		return opts, false
	}
	opts.Flow = d.flow
	return opts, true
}
