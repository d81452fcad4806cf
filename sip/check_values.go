package sip

// A checker reports what is wrong with a value.
type checker func(s string, strict bool) *ParseError

// with turns a parser into a checker.
func with[T any](parse func(string, bool) (T, *ParseError)) checker {
	return func(s string, strict bool) *ParseError {
		_, err := parse(s, strict)
		return err
	}
}

// core reports the fields that every element reads, whose values a lenient [Check] reads too.
func core(id fieldID) bool { return id >= idVia && id <= idRecordRoute }

// checkers are the grammars that values are held to, by field.
var checkers = func() (t [len(fieldDefs)]checker) {
	set := func(c checker, names ...string) {
		for _, n := range names {
			t[lookup(n)] = c
		}
	}
	set(checkVia, "Via")
	set(with(parseCSeq), "CSeq")
	set(checkCallID, "Call-ID")
	set(with(parseAddress), "From", "To", "Route", "Record-Route", "Path", "Service-Route", "P-Asserted-Identity",
		"P-Preferred-Identity", "P-Associated-URI", "P-Called-Party-ID", "P-Served-User", "Refer-To", "Referred-By",
		"Reply-To", "Diversion", "History-Info")
	set(checkContact, "Contact")
	set(with(parseElement), "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Reject-Contact",
		"Content-Disposition", "Feature-Caps", "P-Access-Network-Info", "P-Visited-Network-ID", "Security-Client",
		"Security-Server", "Security-Verify")
	set(checkToken, "Allow", "Allow-Events", "Supported", "Unsupported", "Require", "Proxy-Require", "Content-Encoding",
		"P-Early-Media", "Request-Disposition", "SIP-ETag", "SIP-If-Match")
	set(with(parseChargingVector), "P-Charging-Vector")
	set(with(parseChargingFunctionAddresses), "P-Charging-Function-Addresses")
	set(with(parseReason), "Reason")
	set(with(parseSessionExpires), "Session-Expires", "Min-SE")
	set(with(parseRAck), "RAck")
	set(with(parseReplaces), "Replaces", "Join")
	set(with(parseTargetDialog), "Target-Dialog")
	set(with(parseSessionID), "Session-ID")
	set(with(parseResourcePriority), "Resource-Priority", "Accept-Resource-Priority")
	set(with(parseEvent), "Event")
	set(with(parseSubscriptionState), "Subscription-State")
	set(with(parseDate), "Date")
	set(with(parseRetryAfter), "Retry-After")
	set(with(parseWarning), "Warning")
	set(checkMaxForwards, "Max-Forwards")
	set(checkNumber, "Expires", "Min-Expires", "Max-Breadth", "Content-Length", "RSeq", "Flow-Timer")
	set(checkContentType, "Content-Type")
	return
}()

// checkCallID: word ["@" word] (RFC 3261 section 20.8).
func checkCallID(s string, strict bool) *ParseError {
	if s == "" {
		return bad(0, "empty")
	}
	at := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == 0x7f:
			return bad(i, "white space or control character")
		case !strict || is(c, isWord):
		case c == '@' && !at && i > 0 && i+1 < len(s):
			at = true
		default:
			return bad(i, "bad character")
		}
	}
	return nil
}

func checkVia(s string, strict bool) *ParseError {
	v, err := parseVia(s, strict)
	if err == nil && strict && v.Branch() == MagicCookie { // RFC 4475 section 3.2.1
		err = bad(0, "branch without an identifier")
	}
	return err
}

func checkMaxForwards(s string, _ bool) *ParseError {
	if _, ok := number(s, 255); !ok {
		return bad(0, "not a number from 0 to 255")
	}
	return nil
}

func checkContact(s string, strict bool) *ParseError {
	if s == "*" {
		return nil
	}
	_, err := parseAddress(s, strict)
	return err
}

func checkToken(s string, _ bool) *ParseError {
	if !token(s) {
		return bad(max(firstNot(s, isToken), 0), "not a token")
	}
	return nil
}

func checkNumber(s string, _ bool) *ParseError {
	if _, ok := number(s, 1<<32-1); !ok {
		return bad(0, "not a number below 2**32")
	}
	return nil
}

func checkContentType(s string, strict bool) *ParseError {
	if _, _, err := ContentTypeOf(s); err != nil {
		return bad(0, "want type/subtype")
	}
	_, err := parseElement(s, strict)
	return err
}

// checkValues holds the values of the core fields to their grammar; in strict mode those of every
// known field, and it refuses empty elements of lists.
func (h *Header) checkValues(strict bool) *ParseError {
	for i := range h.fields {
		f := &h.fields[i]
		check := checkers[f.id]
		if check == nil || !strict && !core(f.id) {
			continue
		}
		d := &fieldDefs[f.id]
		if !d.list {
			if err := check(f.text[f.lo:f.hi], strict); err != nil {
				return err.inField(d.name, f.at(int(f.lo)))
			}
			continue
		}
		s := f.text[:f.hi]
		for pos := int(f.lo); pos < len(s); {
			lo, hi, next := nextElement(s, pos)
			if lo < hi {
				if err := check(s[lo:hi], strict); err != nil {
					return err.inField(d.name, f.at(lo))
				}
			}
			if strict && (lo == hi || next == len(s) && s[next-1] == ',') {
				return bad(0, "empty element of a list").inField(d.name, f.at(lo))
			}
			pos = next
		}
	}
	return nil
}
