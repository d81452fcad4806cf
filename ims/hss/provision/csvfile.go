package provision

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gotelco/telco/ims/hss"
)

// csvColumns say what a column means. Lists in a field are divided by spaces.
var csvColumns = map[string]func(r *csvRow, value string) error{
	"id":   func(r *csvRow, v string) error { r.s.ID = v; return nil },
	"impi": func(r *csvRow, v string) error { r.p.IMPI = v; return nil },
	"imsi": func(r *csvRow, v string) error { r.p.IMSI = v; return nil },
	"impus": func(r *csvRow, v string) error {
		for _, u := range strings.Fields(v) {
			id, barred := strings.CutSuffix(u, "(barred)")
			r.impus = append(r.impus, hss.PublicIdentity{Identity: id, Barred: barred})
		}
		return nil
	},
	"msisdns":   func(r *csvRow, v string) error { r.s.MSISDNs = strings.Fields(v); return nil },
	"profile":   func(r *csvRow, v string) error { r.profile = v; return nil },
	"set":       func(r *csvRow, v string) (err error) { r.set, err = strconv.Atoi(v); return err },
	"visited":   func(r *csvRow, v string) error { r.s.VisitedNetworks = strings.Fields(v); return nil },
	"algorithm": func(r *csvRow, v string) error { r.aka().Algorithm = v; return nil },
	"k":         func(r *csvRow, v string) error { return r.aka().K.UnmarshalText([]byte(v)) },
	"opc":       func(r *csvRow, v string) error { return r.aka().OPc.UnmarshalText([]byte(v)) },
	"op":        func(r *csvRow, v string) error { return r.aka().OP.UnmarshalText([]byte(v)) },
	"amf":       func(r *csvRow, v string) error { r.aka().AMF = v; return nil },
	"sqn": func(r *csvRow, v string) (err error) {
		r.aka().SQN, err = strconv.ParseUint(v, 0, 48)
		return err
	},
	"realm":    func(r *csvRow, v string) error { r.digest().Realm = v; return nil },
	"ha1":      func(r *csvRow, v string) error { return r.digest().HA1.UnmarshalText([]byte(v)) },
	"password": func(r *csvRow, v string) error { r.password = v; r.digest(); return nil },
	"apns": func(r *csvRow, v string) error {
		r.s.EPS = &hss.EPS{}
		for _, n := range strings.Fields(v) {
			r.s.EPS.APNs = append(r.s.EPS.APNs, hss.APN{Name: n})
		}
		return nil
	},
}

// csvRow is what a row says.
type csvRow struct {
	s        hss.Subscriber
	p        hss.PrivateIdentity
	impus    []hss.PublicIdentity
	profile  string
	set      int
	password string
}

func (r *csvRow) aka() *hss.AKA {
	if r.p.AKA == nil {
		r.p.AKA = new(hss.AKA)
	}
	return r.p.AKA
}

func (r *csvRow) digest() *hss.Digest {
	if r.p.Digest == nil {
		r.p.Digest = new(hss.Digest)
	}
	return r.p.Digest
}

// csv reads rows of private identities. Those with the same id are of one subscription.
func (r *reader) csv(name string, text []byte) error {
	c := csv.NewReader(bytes.NewReader(text))
	c.Comment, c.TrimLeadingSpace, c.ReuseRecord = '#', true, true
	c.LazyQuotes = false
	if n := bytes.IndexByte(text, '\n'); bytes.IndexByte(text[:max(n, 0)], ';') >= 0 && bytes.IndexByte(text[:max(n, 0)], ',') < 0 {
		c.Comma = ';'
	}
	fail := func(err error) error {
		var p *csv.ParseError
		if errors.As(err, &p) {
			return &Error{File: name, Line: p.Line, Column: p.Column, Message: p.Err.Error()}
		}
		return err
	}
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fail(err)
	}
	columns := make([]string, len(head))
	for i, h := range head {
		columns[i] = strings.ToLower(strings.TrimSpace(h))
		line, column := c.FieldPos(i)
		if csvColumns[columns[i]] == nil {
			return &Error{File: name, Line: line, Column: column, Message: fmt.Sprintf("unknown column %q", h)}
		}
		for _, other := range columns[:i] {
			if other == columns[i] {
				return &Error{File: name, Line: line, Column: column, Message: fmt.Sprintf("the column %q came before", h)}
			}
		}
	}
	byID := make(map[string]int)
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fail(err) // of the reader: where a row ends is no longer known
		}
		r.csvRow(name, c, columns, fields, byID)
	}
}

func (r *reader) csvRow(name string, c *csv.Reader, columns, fields []string, byID map[string]int) {
	var row csvRow
	places := make(map[string]int, len(fields))
	line, _ := c.FieldPos(0)
	for i, v := range fields {
		v = strings.TrimSpace(v)
		at, column := c.FieldPos(i)
		places[columns[i]] = column
		if v == "" {
			continue
		}
		if err := csvColumns[columns[i]](&row, v); err != nil {
			message := err.Error()
			var num *strconv.NumError
			if errors.As(err, &num) {
				message = fmt.Sprintf("%q is no such number", v)
			}
			r.bad.add(&Error{File: name, Line: at, Column: column, Path: columns[i], Message: message})
			return
		}
	}
	if d := row.p.Digest; d != nil {
		if d.Realm == "" {
			d.Realm = r.o.Realm
		}
		if row.password != "" {
			d.HA1 = hss.DigestHA1(d.Algorithm, row.p.IMPI, d.Realm, row.password)
		}
	}
	for i := range row.impus {
		row.impus[i].Profile, row.impus[i].ImplicitSet = row.profile, row.set
	}
	s := row.s
	if row.p.IMPI != "" || row.p.IMSI != "" || row.p.AKA != nil || row.p.Digest != nil {
		s.PrivateIdentities = []hss.PrivateIdentity{row.p}
	}
	s.PublicIdentities = row.impus
	if i, ok := byID[s.ID]; ok && s.ID != "" {
		r.merge(&r.b.Subscribers[i], s)
		return
	}
	byID[s.ID] = len(r.b.Subscribers)
	r.addAt(s, func(path string) (string, int, int) {
		field := path[strings.LastIndexByte(path, '.')+1:]
		if strings.HasPrefix(path, "publicIdentities") {
			field = "impus"
		}
		field, _, _ = strings.Cut(field, "[")
		return name, line, places[field]
	})
}

// merge adds what another row says of the same subscription: its private identity, and public ones that are new.
func (r *reader) merge(to *hss.Subscriber, s hss.Subscriber) {
	to.PrivateIdentities = append(to.PrivateIdentities, s.PrivateIdentities...)
next:
	for _, p := range s.PublicIdentities {
		for _, q := range to.PublicIdentities {
			if q.Identity == p.Identity {
				continue next
			}
		}
		to.PublicIdentities = append(to.PublicIdentities, p)
	}
	if to.MSISDNs == nil {
		to.MSISDNs = s.MSISDNs
	}
	if to.VisitedNetworks == nil {
		to.VisitedNetworks = s.VisitedNetworks
	}
	if to.EPS == nil {
		to.EPS = s.EPS
	}
}
