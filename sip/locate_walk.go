package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// walk is one search.
type walk struct {
	l       *Locator
	ctx     context.Context
	domain  string // of the URI
	secure  bool   // sips: only TLS and WSS will do
	targets []Target
	err     error // the first failure of DNS
}

// result finishes a search: what was found is all that matters, if something was.
func (w *walk) result(host string, err error) ([]Target, error) {
	if len(w.targets) > 0 {
		return w.l.health.rank(w.targets), nil
	}
	if err == nil {
		err = errNoAddress
	}
	if w.err != nil {
		err = w.err
	}
	return nil, &LocateError{host, err}
}

// wanted is the transport that the transport parameter asks for, NoTransport without one.
func (w *walk) wanted(param string) (Transport, error) {
	if param == "" {
		return NoTransport, nil
	}
	t, ok := ParseTransport(param)
	if !ok {
		return 0, errNoTransport
	}
	if w.secure {
		switch t { // RFC 3261 section 26.2.2: transport=tcp in a sips URI is TLS over TCP
		case TCP:
			t = TLS
		case WS:
			t = WSS
		case UDP:
			return 0, errNoTransport
		}
	}
	if !slices.Contains(w.l.cfg.Transports, t) {
		return 0, errNoTransport
	}
	return t, nil
}

// find is RFC 3263 section 4.1 and 4.2. host is the TARGET of section 4.
func (w *walk) find(host string, port int, t Transport) error {
	fallback := UDP
	if w.secure {
		fallback = TLS
	}
	if a, err := netip.ParseAddr(host); err == nil {
		t = cmp.Or(t, fallback)
		w.add(t, a, cmp.Or(uint16(port), t.DefaultPort()), "numeric address")
		return nil
	}
	if port != 0 {
		t = cmp.Or(t, fallback)
		return w.addresses(t, host, uint16(port), "port in the URI, address")
	}
	if t != NoTransport {
		if found, err := w.services(t, serviceName(t, host), "transport in the URI"); found || err != nil {
			return err
		}
		return w.addresses(t, host, t.DefaultPort(), "transport in the URI, address")
	}
	if found, err := w.pointers(host); found || err != nil {
		return err
	}
	if found, err := w.guesses(host); found || err != nil {
		return err
	}
	return w.addresses(fallback, host, fallback.DefaultPort(), "no NAPTR, no SRV, address")
}

// usable tells whether we can, and may, use a transport for the URI.
func (w *walk) usable(t Transport) bool {
	return t != NoTransport && slices.Contains(w.l.cfg.Transports, t) && (!w.secure || t.Secure())
}

// pointers follows NAPTR records. found tells that the domain decides about its transports.
func (w *walk) pointers(domain string) (found bool, err error) {
	all, err := w.l.cfg.Resolver.LookupNAPTR(w.ctx, domain)
	w.note(err)
	if w.ctx.Err() != nil {
		return true, err
	}
	records := slices.DeleteFunc(slices.Clone(all), func(r NAPTR) bool {
		return !w.usable(naptrTransport(r.Service)) || !strings.EqualFold(r.Flags, "s") && !strings.EqualFold(r.Flags, "a") || r.Replacement == ""
	})
	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	for i, r := range records {
		if i > 0 && r.Order != records[i-1].Order && len(w.targets) > 0 && !w.l.cfg.AllNAPTROrders {
			break // a record of a lower order was accepted
		}
		t, why := naptrTransport(r.Service), fmt.Sprintf("NAPTR %d %d %s", r.Order, r.Preference, r.Service)
		if strings.EqualFold(r.Flags, "a") {
			w.addresses(t, r.Replacement, t.DefaultPort(), why+", address")
		} else if _, err = w.services(t, r.Replacement, why); err != nil && !errors.Is(err, errNoService) {
			return true, err
		}
	}
	return len(w.targets) > 0, nil
}

// guesses asks for the SRV records of each transport that we have (RFC 3263 section 4.1, no
// NAPTR records), all at once.
func (w *walk) guesses(domain string) (found bool, err error) {
	var asked []Transport
	for _, t := range w.l.cfg.Transports {
		if w.usable(t) && serviceName(t, domain) != "" && (w.secure || !t.Secure()) {
			asked = append(asked, t)
		}
	}
	answers := make([][]SRV, len(asked))
	errs := make([]error, len(asked))
	parallel(len(asked), func(i int) {
		answers[i], errs[i] = w.l.cfg.Resolver.LookupSRV(w.ctx, serviceName(asked[i], domain))
	})
	refused := false
	for i, t := range asked {
		w.note(errs[i])
		ok, err := w.hosts(t, answers[i], "no NAPTR")
		found = found || ok
		refused = refused || errors.Is(err, errNoService)
	}
	switch {
	case len(w.targets) > 0:
		return true, nil
	case w.ctx.Err() != nil:
		return true, context.Cause(w.ctx)
	case refused:
		return true, errNoService
	}
	return found, nil
}

// services asks for SRV records. found tells that there are some.
func (w *walk) services(t Transport, name, why string) (found bool, err error) {
	if name == "" {
		return false, nil
	}
	records, err := w.l.cfg.Resolver.LookupSRV(w.ctx, name)
	w.note(err)
	if w.ctx.Err() != nil {
		return true, err
	}
	return w.hosts(t, records, why)
}

// hosts adds the addresses of the hosts of SRV records, in the order of RFC 2782.
func (w *walk) hosts(t Transport, records []SRV, why string) (found bool, err error) {
	if len(records) == 0 {
		return false, nil
	}
	if len(records) == 1 && records[0].Target == "" {
		return true, errNoService
	}
	sorted := orderSRV(records, w.l.random)
	if len(sorted) > w.l.cfg.MaxTargets {
		sorted = sorted[:w.l.cfg.MaxTargets]
	}
	addrs := make([][]netip.Addr, len(sorted))
	errs := make([]error, len(sorted))
	parallel(len(sorted), func(i int) {
		if sorted[i].Target != "" {
			addrs[i], errs[i] = w.lookupAddrs(sorted[i].Target)
		}
	})
	for i, r := range sorted {
		w.note(errs[i])
		for _, a := range addrs[i] {
			w.add(t, a, r.Port, fmt.Sprintf("%s, SRV %d %d %s, address", why, r.Priority, r.Weight, r.Target))
		}
	}
	return true, nil
}

// addresses adds the addresses of a host.
func (w *walk) addresses(t Transport, host string, port uint16, why string) error {
	addrs, err := w.lookupAddrs(host)
	w.note(err)
	for _, a := range addrs {
		w.add(t, a, port, why)
	}
	return nil
}

// lookupAddrs asks for addresses and puts the preferred family first.
func (w *walk) lookupAddrs(host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil { // some zones have numeric SRV targets
		return []netip.Addr{a}, nil
	}
	addrs, err := w.l.cfg.Resolver.LookupAddrs(w.ctx, host)
	addrs = slices.Clone(addrs)
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int {
		if a.Unmap().Is4() == b.Unmap().Is4() {
			return 0
		}
		if a.Unmap().Is6() == w.l.cfg.PreferIPv6 {
			return -1
		}
		return 1
	})
	return addrs, err
}

// add appends a target unless it is there, or there are enough.
func (w *walk) add(t Transport, a netip.Addr, port uint16, why string) {
	ap := netip.AddrPortFrom(a.Unmap(), port)
	if port == 0 || len(w.targets) >= w.l.cfg.MaxTargets ||
		slices.ContainsFunc(w.targets, func(o Target) bool { return o.Transport == t && o.Addr == ap }) {
		return
	}
	w.targets = append(w.targets, Target{Transport: t, Addr: ap, ServerName: w.domain, Why: why})
}

func (w *walk) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

// serviceName is where the SRV records of a transport are (RFC 3263 section 4.2).
func serviceName(t Transport, domain string) string {
	switch t {
	case UDP:
		return "_sip._udp." + domain
	case TCP:
		return "_sip._tcp." + domain
	case TLS:
		return "_sips._tcp." + domain
	}
	return "" // none is defined for WebSocket without NAPTR
}

// naptrTransport is the transport of a NAPTR service (RFC 3263 section 4.1, RFC 7118 section
// 5.5).
func naptrTransport(service string) Transport {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return UDP
	case "SIP+D2T":
		return TCP
	case "SIPS+D2T":
		return TLS
	case "SIP+D2W":
		return WS
	case "SIPS+D2W":
		return WSS
	}
	return NoTransport
}

// parallel runs f for 0 to n-1, the last one on this goroutine.
func parallel(n int, f func(i int)) {
	if n == 0 {
		return
	}
	var wg sync.WaitGroup
	for i := range n - 1 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(i)
		}()
	}
	f(n - 1)
	wg.Wait()
}

// orderSRV sorts records by priority, and within a priority draws them by weight (RFC 2782, the
// part on Weight). random(n) returns one of 0 to n-1.
func orderSRV(records []SRV, random func(n int) int) []SRV {
	out := slices.Clone(records)
	slices.SortStableFunc(out, func(a, b SRV) int {
		// Records of weight 0 stand before others, so that they are drawn rarely, not never.
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	for start := 0; start < len(out); {
		end, sum := start, 0
		for end < len(out) && out[end].Priority == out[start].Priority {
			sum += int(out[end].Weight)
			end++
		}
		for ; start < end-1; start++ {
			drawn := random(sum + 1)
			i, running := start, int(out[start].Weight)
			for running < drawn {
				i++
				running += int(out[i].Weight)
			}
			r := out[i]
			copy(out[start+1:i+1], out[start:i])
			out[start] = r
			sum -= int(r.Weight)
		}
		start = end
	}
	return out
}
