package sip

import "iter"

// missing is the refusal of a message without a field that it must have.
func missing(id fieldID) *ParseError {
	return &ParseError{Layer: HeaderLayer, Field: fieldDefs[id].name, Offset: -1, Status: 400, Err: ErrMissing}
}

// first returns the text of the first value of a field and its offset.
func (h *Header) first(id fieldID) (string, int, bool) {
	c := h.cursor(key{id: id})
	p, ok := c.next()
	if !ok {
		return "", 0, false
	}
	s, off := h.raw(p)
	return s, off, true
}

// Via returns the topmost Via value.
func (h *Header) Via() (Via, error) {
	s, off, ok := h.first(idVia)
	if !ok {
		return Via{}, missing(idVia)
	}
	v, err := parseVia(s, false)
	if err != nil {
		return v, err.inField("Via", off)
	}
	return v, nil
}

// Vias returns every Via value, the topmost first.
func (h *Header) Vias() iter.Seq2[Via, error] {
	return func(yield func(Via, error) bool) {
		for c := h.cursor(key{id: idVia}); ; {
			p, ok := c.next()
			if !ok {
				return
			}
			s, off := h.raw(p)
			v, err := parseVia(s, false)
			if err != nil {
				err.inField("Via", off)
			}
			if !yield(v, asError(err)) {
				return
			}
		}
	}
}

func (h *Header) address(id fieldID) (Address, error) {
	s, off, ok := h.first(id)
	if !ok {
		return Address{}, missing(id)
	}
	a, err := parseAddress(s, false)
	if err != nil {
		return a, err.inField(fieldDefs[id].name, off)
	}
	return a, nil
}

// From returns the From field (RFC 3261 section 20.20).
func (h *Header) From() (Address, error) { return h.address(idFrom) }

// To returns the To field (RFC 3261 section 20.39).
func (h *Header) To() (Address, error) { return h.address(idTo) }

// Contact returns the first Contact value. Its URI is zero, without an error, for "*" (RFC 3261
// section 10.2.2).
func (h *Header) Contact() (Address, error) {
	if s, _, ok := h.first(idContact); ok && s == "*" {
		return Address{}, nil
	}
	return h.address(idContact)
}

// Contacts returns every Contact value; the URI of "*" is zero.
func (h *Header) Contacts() iter.Seq2[Address, error] { return h.Addresses("Contact") }

// Routes returns every Route value, the topmost first.
func (h *Header) Routes() iter.Seq2[Address, error] { return h.Addresses("Route") }

// RecordRoutes returns every Record-Route value, the topmost first.
func (h *Header) RecordRoutes() iter.Seq2[Address, error] { return h.Addresses("Record-Route") }

// Addresses returns the values of any field whose values are addresses: Path, Service-Route,
// P-Asserted-Identity and so on.
func (h *Header) Addresses(name string) iter.Seq2[Address, error] {
	return func(yield func(Address, error) bool) {
		k := keyOf(name)
		for c := h.cursor(k); ; {
			p, ok := c.next()
			if !ok {
				return
			}
			s, off := h.raw(p)
			if k.id == idContact && s == "*" {
				if !yield(Address{}, nil) {
					return
				}
				continue
			}
			a, err := parseAddress(s, false)
			if err != nil {
				err.inField(k.String(), off)
			}
			if !yield(a, asError(err)) {
				return
			}
		}
	}
}

// CSeq returns the CSeq field.
func (h *Header) CSeq() (CSeq, error) {
	s, off, ok := h.first(idCSeq)
	if !ok {
		return CSeq{}, missing(idCSeq)
	}
	c, err := parseCSeq(s, false)
	if err != nil {
		return c, err.inField("CSeq", off)
	}
	return c, nil
}

// CallID returns the Call-ID, "" if there is none.
func (h *Header) CallID() string {
	c := h.cursor(key{id: idCallID})
	if p, ok := c.next(); ok {
		return h.text(p)
	}
	return ""
}

// MaxForwards returns the Max-Forwards field, 0 to 255 (RFC 3261 section 20.22); present is false
// if there is none.
func (h *Header) MaxForwards() (n int, present bool, err error) {
	s, off, ok := h.first(idMaxForwards)
	if !ok {
		return 0, false, nil
	}
	if err := checkMaxForwards(s, false); err != nil {
		return 0, true, err.inField("Max-Forwards", off)
	}
	v, _ := number(s, 255)
	return int(v), true, nil
}

// ContentType returns the Content-Type as it is written, "" if there is none.
func (h *Header) ContentType() string { return h.Value("Content-Type") }
