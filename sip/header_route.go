package sip

import "iter"

// Paths returns every Path value, the topmost first (RFC 3327).
func (h *Header) Paths() iter.Seq2[Address, error] { return h.Addresses("Path") }

// ServiceRoutes returns every Service-Route value, the topmost first (RFC 3608).
func (h *Header) ServiceRoutes() iter.Seq2[Address, error] { return h.Addresses("Service-Route") }

// RouteSet returns the values of a route field (Record-Route, Path, Service-Route) as the values
// of the Route fields that follow it, in the order in which they came or, if reversed, in the
// opposite one (RFC 3261 section 12.1.2, UAC). The strings do not alias the message.
func (h *Header) RouteSet(name string, reversed bool) []string {
	var set []string
	for c := h.cursor(keyOf(name)); ; {
		p, ok := c.next()
		if !ok {
			break
		}
		set = append(set, string([]byte(h.text(p))))
	}
	if reversed {
		for i, j := 0, len(set)-1; i < j; i, j = i+1, j-1 {
			set[i], set[j] = set[j], set[i]
		}
	}
	return set
}

// SetRoutes makes the given values the Route fields, a line each, in place of those that are
// there.
func (h *Header) SetRoutes(set []string) {
	h.Del("Route")
	for _, r := range set {
		h.Add("Route", r)
	}
}
