package sip

import "slices"

// Check tells whether a message that parsed is one that RFC 3261 allows: the fields that must be
// there are (section 8.1.1), what must be single is, the values that every element needs match
// their grammar, CSeq and start line agree, and a request's URI has a scheme that can be served.
// strict also refuses deviations from the grammar that Check otherwise takes. The error is a
// *[ParseError].
func Check(m Message, strict bool) error { return Policy{Strict: strict}.Check(m) }

// Policy is what a server demands of messages. The zero value is that of Check(m, false).
type Policy struct {
	// Strict demands RFC 3261's grammar to the letter.
	Strict bool

	// Schemes are the schemes that a Request-URI may have. If nil: sip, sips, tel, urn. Others get 416.
	Schemes []string

	// Methods are the methods that are served; others get 501. If nil, all.
	Methods []Method

	// OptionTags are the extensions that Require may name; others get 420. If nil, all.
	OptionTags []string

	// ProxyTags are the extensions that Proxy-Require may name; others get 420. If nil, all.
	ProxyTags []string

	// ContentTypes are the types ("application/sdp") that a body may have; others get 415.
	// If nil, all.
	ContentTypes []string
}

// single are the fields that there may be only one of.
var single = [...]fieldID{idFrom, idTo, idCallID, idCSeq, idMaxForwards, idContentLength, idContentType, idExpires, idDate, idEvent}

// Check tests a message.
func (p Policy) Check(m Message) error {
	err := p.check(m)
	if err == nil {
		return nil
	}
	if _, ok := m.(*Response); ok {
		err.Status = 0
	}
	return err
}

func (p Policy) check(m Message) *ParseError {
	h := m.Head()
	req, _ := m.(*Request)
	var seen [numNamed]uint8
	for i := range h.fields {
		if id := h.fields[i].id; id < numNamed && seen[id] < 2 {
			seen[id]++
		}
	}
	for _, id := range single {
		if seen[id] > 1 {
			return repeated(h, id)
		}
	}
	for _, id := range [...]fieldID{idVia, idFrom, idTo, idCallID, idCSeq} {
		if seen[id] == 0 {
			return missing(id)
		}
	}
	if err := h.checkValues(p.Strict); err != nil {
		return err
	}
	if _, _, ok := h.first(idVia); !ok { // only empty elements
		return missing(idVia)
	}
	if req == nil {
		return nil
	}
	return p.request(req, &seen)
}

func repeated(h *Header, id fieldID) *ParseError {
	e := &ParseError{Layer: HeaderLayer, Field: fieldDefs[id].name, Offset: -1, Status: 400, Err: ErrRepeated}
	if p, ok := h.find(key{id: id}, 1); ok {
		if _, off := h.raw(p); off >= 0 {
			e.Offset = off
		}
	}
	return e
}

// request tests what only requests have.
func (p Policy) request(req *Request, seen *[numNamed]uint8) *ParseError {
	refuse := func(status int, field string, why cause) *ParseError {
		return &ParseError{Layer: RequestLayer, Field: field, Offset: -1, Status: status, Err: why}
	}
	if p.Methods != nil && !slices.Contains(p.Methods, req.Method) {
		return refuse(501, "start line", "method not served")
	}
	text, _, _ := req.first(idCSeq)
	if cseq, _ := parseCSeq(text, false); cseq.Method != req.Method {
		if !req.Method.known() { // RFC 4475 section 3.1.2.18
			return refuse(501, "start line", "unknown method, and CSeq has another")
		}
		return refuse(400, "CSeq", "method differs from the start line")
	}
	if p.Strict {
		if err := mandatory(req, seen); err != nil {
			return err
		}
	}
	uri, err := parseURI(req.RequestURI, p.Strict)
	if err != nil {
		err.Layer = RequestLayer
		return err.within("Request-URI", len(req.Method)+1)
	}
	if !p.scheme(uri.Scheme) {
		return refuse(416, "Request-URI", "scheme not served")
	}
	if uri.Headers != "" { // RFC 3261 section 19.1.1, table 1
		return refuse(400, "Request-URI", "headers in the Request-URI")
	}
	if p.OptionTags != nil && len(req.Unsupported("Require", p.OptionTags)) > 0 {
		return refuse(420, "Require", "extension not supported")
	}
	if p.ProxyTags != nil && len(req.Unsupported("Proxy-Require", p.ProxyTags)) > 0 {
		return refuse(420, "Proxy-Require", "extension not supported")
	}
	if p.ContentTypes != nil && len(req.Body) > 0 && !contains(p.ContentTypes, mediaType(req.ContentType())) {
		return refuse(415, "Content-Type", "content type not supported")
	}
	return nil
}

// mandatory refuses what older requests lack or get wrong without harm.
func mandatory(req *Request, seen *[numNamed]uint8) *ParseError {
	if seen[idMaxForwards] == 0 {
		return missing(idMaxForwards)
	}
	if from, err := req.From(); err == nil && from.Tag() == "" { // RFC 3261 section 8.1.1.3
		return &ParseError{Layer: HeaderLayer, Field: "From", Offset: -1, Status: 400, Err: cause("no tag")}
	}
	if req.Method == INVITE { // RFC 3261 section 8.1.1.8
		switch n := req.count(key{id: idContact}); {
		case n == 0:
			return missing(idContact)
		case n > 1:
			return repeated(&req.Header, idContact)
		}
	}
	if len(req.Body) > 0 && seen[idContentType] == 0 { // RFC 3261 section 20.15
		return missing(idContentType)
	}
	return nil
}

func (p Policy) scheme(s string) bool {
	if p.Schemes != nil {
		return contains(p.Schemes, s)
	}
	return s == "sip" || s == "sips" || s == "tel" || s == "urn"
}

func contains(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return fold(t, s) })
}

// mediaType returns type/subtype without parameters.
func mediaType(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == ';' {
			s = s[:i]
		}
	}
	return trimLWS(s)
}
