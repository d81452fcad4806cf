package sip

// fieldID numbers the header fields that this package knows; 0 is any other.
type fieldID uint8

// The fields that code here asks for by number.
const (
	idOther fieldID = iota
	idVia
	idFrom
	idTo
	idCallID
	idCSeq
	idMaxForwards
	idContact
	idRoute
	idRecordRoute
	idContentLength
	idContentType
	idExpires
	idDate
	idRequire
	idProxyRequire
	idSupported
	idEvent
	idTimestamp
	numNamed // the first without a name here
)

// A fieldDef describes a known field.
type fieldDef struct {
	name    string
	compact byte // 0 if there is none
	list    bool // values are separated by commas, and several lines are one list
}

// fieldDefs begins with the named ones, in the order of their constants. List fields are those
// whose grammar has "*(COMMA …)"; the authorization fields, whose commas part their own
// parameters, are not.
var fieldDefs = [...]fieldDef{
	idOther:         {},
	idVia:           {"Via", 'v', true},
	idFrom:          {"From", 'f', false},
	idTo:            {"To", 't', false},
	idCallID:        {"Call-ID", 'i', false},
	idCSeq:          {"CSeq", 0, false},
	idMaxForwards:   {"Max-Forwards", 0, false},
	idContact:       {"Contact", 'm', true},
	idRoute:         {"Route", 0, true},
	idRecordRoute:   {"Record-Route", 0, true},
	idContentLength: {"Content-Length", 'l', false},
	idContentType:   {"Content-Type", 'c', false},
	idExpires:       {"Expires", 0, false},
	idDate:          {"Date", 0, false},
	idRequire:       {"Require", 0, true},
	idProxyRequire:  {"Proxy-Require", 0, true},
	idSupported:     {"Supported", 'k', true},
	idEvent:         {"Event", 'o', false},
	idTimestamp:     {"Timestamp", 0, false},

	numNamed: {"Accept", 0, true},
	{"Accept-Contact", 'a', true},
	{"Accept-Encoding", 0, true},
	{"Accept-Language", 0, true},
	{"Accept-Resource-Priority", 0, true},
	{"Alert-Info", 0, true},
	{"Allow", 0, true},
	{"Allow-Events", 'u', true},
	{"Answer-Mode", 0, false},
	{"Authentication-Info", 0, false},
	{"Authorization", 0, false},
	{"Call-Info", 0, true},
	{"Content-Disposition", 0, false},
	{"Content-Encoding", 'e', true},
	{"Content-Language", 0, true},
	{"Diversion", 0, true},
	{"Error-Info", 0, true},
	{"Feature-Caps", 0, true},
	{"Flow-Timer", 0, false},
	{"Geolocation", 0, true},
	{"Geolocation-Routing", 0, false},
	{"History-Info", 0, true},
	{"Identity", 'y', true},
	{"In-Reply-To", 0, true},
	{"Info-Package", 0, false},
	{"Join", 0, false},
	{"Max-Breadth", 0, false},
	{"MIME-Version", 0, false},
	{"Min-Expires", 0, false},
	{"Min-SE", 0, false},
	{"Organization", 0, false},
	{"P-Access-Network-Info", 0, true},
	{"P-Asserted-Identity", 0, true},
	{"P-Asserted-Service", 0, true},
	{"P-Associated-URI", 0, true},
	{"P-Called-Party-ID", 0, false},
	{"P-Charging-Function-Addresses", 0, true},
	{"P-Charging-Vector", 0, false},
	{"P-Early-Media", 0, true},
	{"P-Media-Authorization", 0, true},
	{"P-Preferred-Identity", 0, true},
	{"P-Preferred-Service", 0, true},
	{"P-Profile-Key", 0, false},
	{"P-Served-User", 0, false},
	{"P-Visited-Network-ID", 0, true},
	{"Path", 0, true},
	{"Priority", 0, false},
	{"Privacy", 0, false},
	{"Proxy-Authenticate", 0, false},
	{"Proxy-Authorization", 0, false},
	{"RAck", 0, false},
	{"Reason", 0, true},
	{"Recv-Info", 0, true},
	{"Refer-Sub", 0, false},
	{"Refer-To", 'r', false},
	{"Referred-By", 'b', false},
	{"Reject-Contact", 'j', true},
	{"Replaces", 0, false},
	{"Reply-To", 0, false},
	{"Request-Disposition", 'd', true},
	{"Resource-Priority", 0, true},
	{"Retry-After", 0, false},
	{"RSeq", 0, false},
	{"Security-Client", 0, true},
	{"Security-Server", 0, true},
	{"Security-Verify", 0, true},
	{"Server", 0, false},
	{"Service-Route", 0, true},
	{"Session-Expires", 'x', false},
	{"Session-ID", 0, false},
	{"SIP-ETag", 0, false},
	{"SIP-If-Match", 0, false},
	{"Subject", 's', false},
	{"Subscription-State", 0, false},
	{"Target-Dialog", 0, false},
	{"Unsupported", 0, true},
	{"User-Agent", 0, false},
	{"User-to-User", 0, true},
	{"Warning", 0, true},
	{"WWW-Authenticate", 0, false},
}

// fieldHash spreads the known names over fieldBuckets.
func fieldHash(name string) uint8 {
	n := len(name)
	return uint8(n)*31 + lower(name[0])*7 + lower(name[n-1])*3 + lower(name[n/2])
}

var fieldBuckets = func() (t [256][]fieldID) {
	for id := range fieldDefs {
		if d := &fieldDefs[id]; d.name != "" {
			h := fieldHash(d.name)
			t[h] = append(t[h], fieldID(id))
		}
	}
	return
}()

var fieldCompact = func() (t [256]fieldID) {
	for id, d := range fieldDefs {
		if d.compact != 0 {
			t[d.compact], t[d.compact-'a'+'A'] = fieldID(id), fieldID(id)
		}
	}
	return
}()

// lookup finds the number of a name, in any case, long or compact.
func lookup(name string) fieldID {
	if len(name) <= 1 {
		if name == "" {
			return idOther
		}
		return fieldCompact[name[0]]
	}
	for _, id := range fieldBuckets[fieldHash(name)] {
		if d := &fieldDefs[id]; d.name == name || fold(d.name, name) {
			return id
		}
	}
	return idOther
}

// CanonicalName returns the name of a header field as its specification spells it, the long form
// for a compact one; a name this package does not know is returned as it is.
func CanonicalName(name string) string {
	if id := lookup(name); id != idOther {
		return fieldDefs[id].name
	}
	return name
}
