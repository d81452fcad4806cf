package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	typeNAPTR = dnsmessage.Type(35) // RFC 3403
	// dnsUDPSize is announced by EDNS0 (RFC 6891): what crosses the Internet unfragmented.
	dnsUDPSize = 1232
)

var (
	errDNSMismatch  = errors.New("answer does not belong to the question")
	errDNSTruncated = errors.New("truncated")
	errDNSFormat    = errors.New("server does not understand the question")
	errNAPTRFormat  = errors.New("malformed NAPTR record")
)

// dnsQuestion is what is asked, and the key of the cache.
type dnsQuestion struct {
	name string // lower case, without the final dot
	typ  dnsmessage.Type
}

func newQuestion(name string, typ dnsmessage.Type) dnsQuestion {
	return dnsQuestion{strings.ToLower(strings.TrimSuffix(name, ".")), typ}
}

func (q dnsQuestion) typeName() string {
	switch q.typ {
	case typeNAPTR:
		return "NAPTR"
	case dnsmessage.TypeSRV:
		return "SRV"
	case dnsmessage.TypeA:
		return "A"
	case dnsmessage.TypeAAAA:
		return "AAAA"
	}
	return fmt.Sprintf("TYPE%d", uint16(q.typ))
}

// appendQuery writes the query message.
func (q dnsQuestion) appendQuery(b []byte, id uint16, edns bool) ([]byte, error) {
	name, err := dnsmessage.NewName(q.name + ".")
	if err != nil {
		return b, err
	}
	m := dnsmessage.NewBuilder(b, dnsmessage.Header{ID: id, RecursionDesired: true})
	m.EnableCompression()
	if err := m.StartQuestions(); err != nil {
		return b, err
	}
	if err := m.Question(dnsmessage.Question{Name: name, Type: q.typ, Class: dnsmessage.ClassINET}); err != nil {
		return b, err
	}
	if edns {
		if err := m.StartAdditionals(); err != nil {
			return b, err
		}
		var h dnsmessage.ResourceHeader
		if err := h.SetEDNS0(dnsUDPSize, dnsmessage.RCodeSuccess, false); err != nil {
			return b, err
		}
		if err := m.OPTResource(h, dnsmessage.OPTResource{}); err != nil {
			return b, err
		}
	}
	return m.Finish()
}

// dnsAnswer is what a server said to a question. Without records it is a negative answer.
type dnsAnswer struct {
	naptr []NAPTR
	srv   []SRV
	addrs []netip.Addr
	ttl   time.Duration
	alias string // the name is an alias for this one, about which the server said nothing
}

func (a dnsAnswer) empty() bool { return len(a.naptr)+len(a.srv)+len(a.addrs) == 0 }

// maxDNSRecords bounds what one answer can make us keep.
const maxDNSRecords = 256

// parseAnswer reads the response to a query of that id. Records that do not belong to the
// question, or to the aliases it leads to, are ignored; malformed ones are left out.
func (q dnsQuestion) parseAnswer(msg []byte, id uint16) (dnsAnswer, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return dnsAnswer{}, err
	}
	if h.ID != id || !h.Response {
		return dnsAnswer{}, errDNSMismatch
	}
	asked, err := p.Question()
	switch {
	case h.RCode == dnsmessage.RCodeFormatError || h.RCode == dnsmessage.RCodeNotImplemented:
		return dnsAnswer{}, errDNSFormat // old servers: without the question, or without EDNS0
	case err != nil:
		return dnsAnswer{}, err
	case asked.Class != dnsmessage.ClassINET || asked.Type != q.typ || newQuestion(asked.Name.String(), asked.Type) != q:
		return dnsAnswer{}, errDNSMismatch
	case h.Truncated:
		return dnsAnswer{}, errDNSTruncated
	case h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError:
		return dnsAnswer{}, fmt.Errorf("response code %v", strings.TrimPrefix(h.RCode.String(), "RCode"))
	}
	if err := p.SkipAllQuestions(); err != nil {
		return dnsAnswer{}, err
	}
	var records answerRecords
	if err := records.read(&p); err != nil {
		return dnsAnswer{}, err
	}
	return records.about(q), nil
}

// answerRecords are the records of an answer by owner.
type answerRecords struct {
	byOwner map[string]*dnsAnswer
	alias   map[string]string
	ttls    map[string]time.Duration // of an owner's records, alias included: the shortest
	soa     time.Duration            // how long a negative answer holds (RFC 2308 section 5)
}

func (r *answerRecords) read(p *dnsmessage.Parser) error {
	r.byOwner, r.alias, r.ttls = make(map[string]*dnsAnswer), make(map[string]string), make(map[string]time.Duration)
	r.soa = -1
	for range maxDNSRecords {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			return r.readSOA(p)
		}
		if err != nil {
			return err
		}
		if h.Class != dnsmessage.ClassINET {
			if err := p.SkipAnswer(); err != nil {
				return err
			}
			continue
		}
		if err := r.add(p, h); err != nil {
			return err
		}
	}
	return errors.New("too many records")
}

func (r *answerRecords) add(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) error {
	owner := newQuestion(h.Name.String(), 0).name
	a := r.byOwner[owner]
	if a == nil {
		a = new(dnsAnswer)
		r.byOwner[owner] = a
	}
	ttl := time.Duration(h.TTL) * time.Second
	if h.TTL > 1<<31-1 { // RFC 2181 section 8
		ttl = 0
	}
	if old, ok := r.ttls[owner]; !ok || ttl < old {
		r.ttls[owner] = ttl
	}
	switch h.Type {
	case dnsmessage.TypeA:
		v, err := p.AResource()
		if err != nil {
			return err
		}
		a.addrs = append(a.addrs, netip.AddrFrom4(v.A))
	case dnsmessage.TypeAAAA:
		v, err := p.AAAAResource()
		if err != nil {
			return err
		}
		a.addrs = append(a.addrs, netip.AddrFrom16(v.AAAA))
	case dnsmessage.TypeSRV:
		v, err := p.SRVResource()
		if err != nil {
			return err
		}
		a.srv = append(a.srv, SRV{v.Priority, v.Weight, v.Port, strings.TrimSuffix(v.Target.String(), ".")})
	case dnsmessage.TypeCNAME:
		v, err := p.CNAMEResource()
		if err != nil {
			return err
		}
		r.alias[owner] = newQuestion(v.CNAME.String(), 0).name
	case typeNAPTR:
		v, err := p.UnknownResource()
		if err != nil {
			return err
		}
		if n, err := parseNAPTR(v.Data); err == nil {
			a.naptr = append(a.naptr, n)
		}
	default:
		return p.SkipAnswer()
	}
	return nil
}

// readSOA looks for the SOA record of a negative answer.
func (r *answerRecords) readSOA(p *dnsmessage.Parser) error {
	for range maxDNSRecords {
		h, err := p.AuthorityHeader()
		if err != nil {
			return nil // what was answered is good without it
		}
		if h.Type != dnsmessage.TypeSOA {
			if p.SkipAuthority() != nil {
				return nil
			}
			continue
		}
		soa, err := p.SOAResource()
		if err == nil {
			r.soa = time.Duration(min(h.TTL, soa.MinTTL, 1<<31-1)) * time.Second
		}
		return nil
	}
	return nil
}

// about follows the aliases from the question to its records.
func (r *answerRecords) about(q dnsQuestion) dnsAnswer {
	name, ttl := q.name, time.Duration(-1)
	shorten := func(d time.Duration) {
		if ttl < 0 || d < ttl {
			ttl = d
		}
	}
	hops := 0
	for ; hops < maxAliases; hops++ {
		a := r.byOwner[name]
		if a == nil {
			break
		}
		shorten(r.ttls[name])
		of := dnsAnswer{ttl: ttl}
		switch q.typ {
		case typeNAPTR:
			of.naptr = a.naptr
		case dnsmessage.TypeSRV:
			of.srv = a.srv
		case dnsmessage.TypeA:
			of.addrs = only(a.addrs, netip.Addr.Is4)
		case dnsmessage.TypeAAAA:
			of.addrs = only(a.addrs, netip.Addr.Is6)
		}
		if !of.empty() {
			return of
		}
		next, ok := r.alias[name]
		if !ok {
			break
		}
		name = next
	}
	out := dnsAnswer{ttl: r.soa}
	if hops == maxAliases || name != q.name && r.soa < 0 {
		out.alias, out.ttl = name, max(ttl, 0)
	}
	return out
}

// maxAliases is how many CNAME records are followed.
const maxAliases = 8

func only(all []netip.Addr, is func(netip.Addr) bool) (out []netip.Addr) {
	for _, a := range all {
		if is(a) {
			out = append(out, a)
		}
	}
	return out
}

// parseNAPTR reads the data of a NAPTR record (RFC 3403 section 4.1). Its name is not compressed
// (RFC 3597 section 4).
func parseNAPTR(b []byte) (NAPTR, error) {
	if len(b) < 4 {
		return NAPTR{}, errNAPTRFormat
	}
	r := NAPTR{Order: uint16(b[0])<<8 | uint16(b[1]), Preference: uint16(b[2])<<8 | uint16(b[3])}
	b = b[4:]
	for _, s := range []*string{&r.Flags, &r.Service, &r.Regexp} {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return NAPTR{}, errNAPTRFormat
		}
		end := 1 + int(b[0])
		*s, b = string(b[1:end]), b[end:]
	}
	name, rest, err := parseName(b)
	if err != nil || len(rest) > 0 {
		return NAPTR{}, errNAPTRFormat
	}
	r.Replacement = name
	return r, nil
}

// parseName reads an uncompressed name. Labels with dots or unprintable octets are refused: no
// host or service is called so.
func parseName(b []byte) (name string, rest []byte, err error) {
	var s strings.Builder
	for {
		if len(b) == 0 || b[0] > 63 || len(b) < 1+int(b[0]) {
			return "", nil, errNAPTRFormat
		}
		n := int(b[0])
		if n == 0 {
			return s.String(), b[1:], nil
		}
		for _, c := range b[1 : 1+n] {
			if c <= ' ' || c >= 0x7f || c == '.' {
				return "", nil, errNAPTRFormat
			}
		}
		if s.Len() > 0 {
			s.WriteByte('.')
		}
		s.Write(b[1 : 1+n])
		if s.Len() > 253 {
			return "", nil, errNAPTRFormat
		}
		b = b[1+n:]
	}
}

// appendNAPTR writes the data of a NAPTR record, for tests and servers of such.
func appendNAPTR(b []byte, r NAPTR) ([]byte, error) {
	b = append(b, byte(r.Order>>8), byte(r.Order), byte(r.Preference>>8), byte(r.Preference))
	for _, s := range []string{r.Flags, r.Service, r.Regexp} {
		if len(s) > 255 {
			return b, errNAPTRFormat
		}
		b = append(append(b, byte(len(s))), s...)
	}
	if r.Replacement != "" {
		for label := range strings.SplitSeq(strings.TrimSuffix(r.Replacement, "."), ".") {
			if label == "" || len(label) > 63 {
				return b, errNAPTRFormat
			}
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0), nil
}
