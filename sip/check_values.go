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

// checkers are the grammars that a strict [Check] holds values to, by field.
var checkers = func() (t [len(fieldDefs)]checker) {
	set := func(c checker, names ...string) {
		for _, n := range names {
			t[lookup(n)] = c
		}
	}
	set(with(parseVia), "Via")
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
	set(checkNumber, "Expires", "Min-Expires", "Max-Forwards", "Max-Breadth", "Content-Length", "RSeq", "Flow-Timer")
	set(checkContentType, "Content-Type")
	return
}()

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

// values holds every value of a known field to its grammar, and refuses empty elements of lists.
func (h *Header) values() *ParseError {
	for i := range h.fields {
		f := &h.fields[i]
		check := checkers[f.id]
		if check == nil {
			continue
		}
		base := func(lo int) int {
			if f.off < 0 {
				return -1
			}
			return int(f.off) + lo
		}
		name := fieldDefs[f.id].name
		if !fieldDefs[f.id].list {
			if err := check(f.text[f.lo:f.hi], true); err != nil {
				return err.inField(name, base(int(f.lo)))
			}
			continue
		}
		s := f.text[:f.hi]
		for pos := int(f.lo); pos < len(s); {
			lo, hi, next := nextElement(s, pos)
			if lo == hi {
				return bad(0, "empty element of a list").inField(name, base(lo))
			}
			if err := check(s[lo:hi], true); err != nil {
				return err.inField(name, base(lo))
			}
			if next == len(s) && s[next-1] == ',' {
				return bad(0, "empty element of a list").inField(name, base(next-1))
			}
			pos = next
		}
	}
	return nil
}
