package main

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/diameter/internal/dia"
)

// A field is one member of a rule as Go sees it.
type field struct {
	dia.Member
	avp  *dia.Defined
	rule *dia.Rule // of a group
	Go   string    // name of the field
	raw  bool      // a group that is []AVP
	bit  int       // among those that may come once or have to come
}

func (f *field) multiple() bool { return f.Max != 1 }
func (f *field) required() bool { return f.Min > 0 }
func (f *field) octets() bool   { return f.avp.Type == "OctetString" }
func (f *field) group() bool    { return f.avp.Type == "Grouped" && !f.raw }

// opt tells whether the field is an Opt.
func (f *field) opt() bool {
	return !f.required() && !f.multiple() && !f.octets() && f.avp.Type != "Grouped"
}

func (g *generator) fields(r *dia.Rule) (fields []*field, anyAVP bool) {
	bit := 0
	for _, m := range r.Members {
		if m.Name == "AVP" {
			anyAVP = true
			continue
		}
		f := &field{Member: m, avp: g.set.AVP(m.Name), Go: goName(m.Name), bit: -1}
		if f.avp.Type == "Grouped" {
			f.rule = g.set.Group(&f.avp.AVP)
			f.raw = onlyAVP(f.rule)
		}
		if !f.multiple() || f.required() {
			f.bit = bit
			bit++
		}
		fields = append(fields, f)
	}
	return fields, anyAVP
}

// elem is the Go type of one value.
func (g *generator) elem(f *field) string {
	a := f.avp
	switch {
	case a.Values != nil:
		return g.of(a.File, goName(a.Name))
	case a.GoType != "" && a.File.Name == "diameter":
		return g.d(a.GoType)
	case a.GoType != "":
		return g.of(a.File, a.GoType)
	}
	switch a.Type {
	case "Grouped":
		if f.raw {
			return "[]" + g.d("AVP")
		}
		return g.of(a.File, goName(a.Name))
	case "OctetString":
		return "[]byte"
	case "Unsigned32":
		return "uint32"
	case "Unsigned64":
		return "uint64"
	case "Integer32", "Enumerated":
		return "int32"
	case "Integer64":
		return "int64"
	case "Float32", "Float64":
		return strings.ToLower(a.Type)
	case "Address":
		g.used["net/netip"] = true
		return "netip.Addr"
	case "Time":
		g.used["time"] = true
		return "time.Time"
	}
	return "string"
}

func (g *generator) typ(f *field) string {
	switch t := g.elem(f); {
	case f.multiple():
		return "[]" + t
	case f.opt():
		return g.d("Opt") + "[" + t + "]"
	case f.group() && !f.required():
		return "*" + t
	default:
		return t
	}
}

func (g *generator) comment(r *dia.Rule, what string) {
	name := goName(r.Name)
	if r.Doc != "" {
		what += ": " + strings.ReplaceAll(r.Doc, "\n", "\n// ")
	}
	g.p("\n// %s is %s", name, what)
}

func (g *generator) body(r *dia.Rule, fields []*field) {
	for _, f := range fields {
		note := f.Name
		switch {
		case f.multiple() && f.required() && f.Max < 0:
			note += ", at least one"
		case f.multiple() && f.Max > 0:
			note += fmt.Sprintf(", at most %d", f.Max)
		case f.octets() && !f.required(), f.raw && !f.required():
			note += ", nil if absent"
		}
		g.p("%s %s // %s", f.Go, g.typ(f), note)
	}
	g.p("\n// AVPs are those that the grammar doesn't name, and those that came more often than they may.")
	g.p("AVPs []%s\n}", g.d("AVP"))
}

func (g *generator) group(r *dia.Rule) {
	fields, anyAVP := g.fields(r)
	name := goName(r.Name)
	g.comment(r, "the grouped AVP "+r.Name)
	g.p("type %s struct {", name)
	g.body(r, fields)

	g.p("\n// DecodeAVPs reads the AVPs of the group that d is in.")
	g.p("func (c *%s) DecodeAVPs(d *%s) {", name, g.d("Decoder"))
	g.decode(r, fields, anyAVP)
	g.p("}")
	g.p("\n// AppendAVPs appends the AVPs of the group, the group's own header left out.")
	g.p("func (c *%s) AppendAVPs(b []byte) []byte {", name)
	g.append(fields)
	g.p("return %s(b, c.AVPs)\n}", g.d("AppendAVPs"))
}

func (g *generator) command(r *dia.Rule) {
	fields, anyAVP := g.fields(r)
	name := goName(r.Name)
	kind := "answer"
	if r.Request {
		kind = "request"
	}
	g.comment(r, fmt.Sprintf("%s %d", kind, r.Code))
	g.p("type %s struct {", name)
	g.p("// Header holds the identifiers and flags. Code, R flag and application are the command's whatever it says; if its code is")
	g.p("// zero, the P flag is as well.")
	g.p("Header %s", g.d("Header"))
	g.body(r, fields)

	app := fmt.Sprint(r.Application)
	flags := "0"
	if r.Request {
		flags = g.d("Request")
	}
	if r.Proxiable {
		flags += " | " + g.d("Proxiable")
		flags = strings.TrimPrefix(flags, "0 | ")
	}
	g.p("\n// Parse%s reads the command from a message. Octets alias the message, text does not. The error is a", name)
	g.p("// [*%s] with the result code and Failed-AVP of an answer to it; what could be read is returned with it.", g.d("ProtocolError"))
	g.p("func Parse%s(m %s) (%s, error) {", name, g.d("Message"), name)
	g.p("c := %s{Header: m.Header}\nd := %s(m, known)", name, g.d("NewDecoder"))
	g.p("if d.Header(m.Header, %d, %v, %s) {\nc.decodeAVPs(&d)\n}\nreturn c, d.Err()\n}", r.Code, r.Request, app)
	g.p("\nfunc (c *%s) decodeAVPs(d *%s) {", name, g.d("Decoder"))
	g.decode(r, fields, anyAVP)
	g.p("}")

	g.p("\n// AppendBinary appends the command as it goes on the wire, the kept AVPs at its end. It fails with ErrTooLong only.")
	g.p("func (c *%s) AppendBinary(b []byte) ([]byte, error) {\nstart := len(b)", name)
	g.p("b = %s(b, %s(c.Header, %d, %s, %s))", g.d("AppendHeader"), g.d("CommandHeader"), r.Code, flags, app)
	g.append(fields)
	g.p("b = %s(b, c.AVPs)", g.d("AppendAVPs"))
	g.p("if err := %s(b, start); err != nil {\nreturn b[:start], err\n}\nreturn b, nil\n}", g.d("FinishMessage"))

	has := func(name string) *field {
		for _, f := range fields {
			if f.Name == name {
				return f
			}
		}
		return nil
	}
	if !r.Request {
		rc, er := has("Result-Code"), has("Experimental-Result")
		if rc == nil {
			return
		}
		g.p("\n// Result returns what the answer says.\nfunc (c *%s) Result() %s {", name, g.d("Result"))
		if er != nil {
			g.p("return %s(c.ResultCode, c.ExperimentalResult)\n}", g.d("AnswerResult"))
			g.p("\n// SetResult sets Result-Code or Experimental-Result, and clears the other.\nfunc (c *%s) SetResult(r %s) {", name, g.d("Result"))
			g.p("%s(r, &c.ResultCode, &c.ExperimentalResult)\n}", g.d("SetAnswerResult"))
		} else {
			g.p("return %s{Code: c.ResultCode}\n}", g.d("Result"))
		}
		return
	}
	g.answer(r, fields)
}

// answer writes the method that begins an answer to a request.
func (g *generator) answer(r *dia.Rule, fields []*field) {
	var a *dia.Rule
	for i := range g.file.Rules {
		if o := &g.file.Rules[i]; o.Command && !o.Request && o.Code == r.Code && o.Application == r.Application {
			a = o
		}
	}
	if a == nil {
		return
	}
	theirs, _ := g.fields(a)
	g.p("\n// Answer begins an answer to the request: header, identifiers and what else an answer repeats; the result is left to the caller.")
	g.p("func (c *%s) Answer(originHost, originRealm string) %s {\nreturn %s{\nHeader: c.Header.Answer(),", goName(r.Name), goName(a.Name), goName(a.Name))
	for _, f := range theirs {
		switch f.Name {
		case "Origin-Host":
			g.p("OriginHost: originHost,")
		case "Origin-Realm":
			g.p("OriginRealm: originRealm,")
		case "Session-Id", "Vendor-Specific-Application-Id", "Auth-Session-State", "Proxy-Info", "Accounting-Record-Type",
			"Accounting-Record-Number", "Accounting-Sub-Session-Id", "Acct-Application-Id":
			for _, mine := range fields {
				if mine.Name == f.Name && g.typ(mine) == g.typ(f) {
					g.p("%s: c.%s,", f.Go, f.Go)
				}
			}
		}
	}
	g.p("}\n}")
}

// decode writes the loop that reads the AVPs.
func (g *generator) decode(r *dia.Rule, fields []*field, anyAVP bool) {
	bits := 0
	for _, f := range fields {
		if f.bit >= 0 {
			bits++
		}
	}
	words := (bits + 63) / 64
	if bits > 0 {
		g.p("var seen [%d]uint64", words)
	}
	g.p("for d.Next() {\nswitch d.Key() {")
	for _, f := range fields {
		g.p("case %#x: // %s", key(&f.avp.AVP), f.Name)
		word, bit := fmt.Sprintf("seen[%d]", max(f.bit, 0)/64), max(f.bit, 0)%64
		switch {
		case !f.multiple():
			g.p("if !d.Once(&%s, %d) {\nc.AVPs = d.Raw(c.AVPs)\nbreak\n}", word, bit)
		case f.required():
			g.p("%s |= 1<<%d", word, bit)
		}
		if f.Max > 1 {
			g.p("if len(c.%s) >= %d {\nd.TooMany()\nc.AVPs = d.Raw(c.AVPs)\nbreak\n}", f.Go, f.Max)
		}
		g.decodeOne(f)
	}
	g.p("default:\nc.AVPs = d.Keep(c.AVPs, %v)\n}\n}", anyAVP)
	for w := range words {
		var mask uint64
		for _, f := range fields {
			if f.bit/64 == w && f.bit >= 0 && f.required() {
				mask |= 1 << (f.bit % 64)
			}
		}
		if mask == 0 {
			continue
		}
		g.p("if seen[%d]&%#x != %#x {", w, mask, mask)
		for _, f := range fields {
			if f.bit >= 0 && f.bit/64 == w && f.required() {
				g.p("if seen[%d]&(1<<%d) == 0 {\nd.Missing(%q, %d, %s, %d, %d)\n}", w, f.bit%64, f.Name, f.avp.Code, g.mflag(f), f.avp.Vendor, dia.MinLen(f.avp.Type))
			}
		}
		g.p("}")
	}
	if r.Check {
		g.p("c.check(d)")
	}
}

func (g *generator) decodeOne(f *field) {
	at := "c." + f.Go
	if f.group() {
		switch {
		case f.multiple():
			g.p("%s = append(%s, %s{})", at, at, g.elem(f))
			g.p("in := d.Enter()\n%s[len(%s)-1].DecodeAVPs(d)\nd.Leave(in)", at, at)
		case f.required():
			g.p("in := d.Enter()\n%s.DecodeAVPs(d)\nd.Leave(in)", at)
		default:
			g.p("%s = new(%s)\nin := d.Enter()\n%s.DecodeAVPs(d)\nd.Leave(in)", at, g.elem(f), at)
		}
		return
	}
	elem := g.elem(f)
	var v string
	switch f.avp.Type {
	case "Grouped":
		v = "d.Contents()"
	case "OctetString":
		v = "d.Octets()"
	case "Unsigned32", "Integer32", "Enumerated":
		v = "d.Uint32()"
		if elem != "uint32" {
			v = elem + "(" + v + ")"
		}
	case "Unsigned64", "Integer64":
		v = "d.Uint64()"
		if elem != "uint64" {
			v = elem + "(" + v + ")"
		}
	case "Float32", "Float64":
		g.used["math"] = true
		bits := strings.TrimPrefix(f.avp.Type, "Float")
		v = fmt.Sprintf("math.Float%sfrombits(d.Uint%s())", bits, bits)
	case "Address":
		set := fmt.Sprintf("%s = a", at)
		if f.multiple() {
			set = fmt.Sprintf("%s = append(%s, a)", at, at)
		} else if f.opt() {
			set = fmt.Sprintf("%s = %s(a)", at, g.d("Some"))
		}
		g.p("if a, ok := d.Address(); ok {\n%s\n} else {\nc.AVPs = d.Raw(c.AVPs)\n}", set)
		return
	case "Time":
		v = "d.Time()"
	default:
		v = "d.Text()"
	}
	switch {
	case f.multiple():
		g.p("%s = append(%s, %s)", at, at, v)
	case f.opt():
		g.p("%s = %s(%s)", at, g.d("Some"), v)
	default:
		g.p("%s = %s", at, v)
	}
}

func (g *generator) mflag(f *field) string {
	if f.avp.M == 'M' {
		return g.d("Mandatory")
	}
	return "0"
}

// append writes the code that appends the AVPs.
func (g *generator) append(fields []*field) {
	for _, f := range fields {
		at := "c." + f.Go
		head := fmt.Sprintf("b, %d, %s, %d", f.avp.Code, g.mflag(f), f.avp.Vendor)
		open, end := "", ""
		switch {
		case f.multiple() && f.group():
			open, end = fmt.Sprintf("for i := range %s {", at), "}"
			at += "[i]"
		case f.multiple():
			open, end = fmt.Sprintf("for _, v := range %s {", at), "}"
			at = "v"
		case f.opt():
			open, end = fmt.Sprintf("if %s.Present {", at), "}"
			at += ".Value"
		case !f.required():
			open, end = fmt.Sprintf("if %s != nil {", at), "}"
		}
		if open != "" {
			g.p("%s", open)
		}
		elem := g.elem(f)
		conv := func(to string) string {
			if elem == to {
				return at
			}
			return to + "(" + at + ")"
		}
		switch f.avp.Type {
		case "Grouped":
			name := "at" + f.Go
			g.p("var %s int\nb, %s = %s(%s)", name, name, g.d("BeginAVP"), head)
			if f.raw {
				g.p("b = %s(%s(b, %s), %s)", g.d("EndAVP"), g.d("AppendAVPs"), at, name)
			} else {
				g.p("b = %s(%s.AppendAVPs(b), %s)", g.d("EndAVP"), at, name)
			}
		case "OctetString":
			g.p("b = %s(%s, %s)", g.d("AppendOctets"), head, at)
		case "Unsigned32", "Integer32", "Enumerated":
			g.p("b = %s(%s, %s)", g.d("AppendUint32"), head, conv("uint32"))
		case "Unsigned64", "Integer64":
			g.p("b = %s(%s, %s)", g.d("AppendUint64"), head, conv("uint64"))
		case "Float32", "Float64":
			g.used["math"] = true
			bits := strings.TrimPrefix(f.avp.Type, "Float")
			g.p("b = %s(%s, math.Float%sbits(%s))", g.d("AppendUint"+bits), head, bits, at)
		case "Address":
			// One of another family is among the AVPs that are kept.
			g.p("if %s.IsValid() {\nb = %s(%s, %s)\n}", at, g.d("AppendAddress"), head, at)
		case "Time":
			g.p("b = %s(%s, %s)", g.d("AppendTime"), head, at)
		default:
			g.p("b = %s(%s, %s)", g.d("AppendText"), head, conv("string"))
		}
		if end != "" {
			g.p("%s", end)
		}
	}
}
