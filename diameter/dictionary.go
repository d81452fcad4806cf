package diameter

import (
	_ "embed" // for the dictionary of the base protocol
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gotelco/telco/diameter/internal/dia"
)

//go:embed base.dia
var baseText string

var base = sync.OnceValue(func() *Dictionary {
	d, err := ParseDictionary("base.dia", baseText)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return d
})

// BaseDictionary returns the dictionary of the base protocol.
func BaseDictionary() *Dictionary { return base() }

// Dictionary names commands, AVPs and values, for programs that show messages or make them from text. Typed commands don't
// need one. It is read only and may be shared.
type Dictionary struct {
	files    []*dia.File
	avps     map[uint64]*dia.AVP
	names    map[string]*dia.AVP
	commands map[commandKey]*dia.Rule
}

type commandKey struct {
	code    CommandCode
	request bool
	app     ApplicationID
}

// ParseDictionary reads a dictionary in the language of command diagen. The name is for errors. Dictionaries that it imports
// by their names are looked up in imports and what those import.
func ParseDictionary(name, text string, imports ...*Dictionary) (*Dictionary, error) {
	f, err := dia.Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("diameter: dictionary %w", err)
	}
	set, err := dia.Link(f, func(name string) (*dia.File, error) {
		for _, d := range imports {
			for _, f := range d.files {
				if f.Name == name {
					return f, nil
				}
			}
		}
		return nil, fmt.Errorf("not given")
	})
	if err != nil {
		return nil, fmt.Errorf("diameter: %w", err)
	}
	return newDictionary(set.Files), nil
}

// MergeDictionaries returns a dictionary of all that the given ones define. Where two give a name to different AVPs, the later one's counts.
func MergeDictionaries(ds ...*Dictionary) *Dictionary {
	var files []*dia.File
	for _, d := range ds {
		for _, f := range d.files {
			// What several have counts where it comes last.
			files = append(slices.DeleteFunc(files, func(g *dia.File) bool { return f == g }), f)
		}
	}
	return newDictionary(files)
}

func newDictionary(files []*dia.File) *Dictionary {
	d := &Dictionary{files, map[uint64]*dia.AVP{}, map[string]*dia.AVP{}, map[commandKey]*dia.Rule{}}
	for _, f := range files {
		for i := range f.AVPs {
			a := &f.AVPs[i]
			d.avps[uint64(a.Vendor)<<32|uint64(a.Code)] = a
			d.names[a.Name] = a
		}
		for i := range f.Rules {
			if r := &f.Rules[i]; r.Command {
				d.commands[commandKey{CommandCode(r.Code), r.Request, ApplicationID(r.Application)}] = r
			}
		}
	}
	return d
}

// Known tells whether the dictionary defines an AVP.
func (d *Dictionary) Known(code AVPCode, vendor VendorID) bool {
	_, ok := d.avps[uint64(vendor)<<32|uint64(code)]
	return ok
}

// AVPName returns the name of an AVP, or its code and vendor.
func (d *Dictionary) AVPName(code AVPCode, vendor VendorID) string {
	if a, ok := d.avps[uint64(vendor)<<32|uint64(code)]; ok {
		return a.Name
	}
	if vendor == 0 {
		return fmt.Sprintf("AVP %d", uint32(code))
	}
	return fmt.Sprintf("AVP %d of vendor %d", uint32(code), uint32(vendor))
}

// CommandName returns the short name of a message's command, such as "MAR", or its code.
func (d *Dictionary) CommandName(h Header) string {
	for _, app := range []ApplicationID{h.ApplicationID, 0} {
		if r, ok := d.commands[commandKey{h.Code, h.IsRequest(), app}]; ok {
			return r.Name
		}
	}
	if h.IsRequest() {
		return fmt.Sprintf("request %d", uint32(h.Code))
	}
	return fmt.Sprintf("answer %d", uint32(h.Code))
}

// ApplicationName returns the name of an application, or its number.
func (d *Dictionary) ApplicationName(id ApplicationID) string {
	for _, f := range d.files {
		for _, a := range f.Applications {
			if a.ID == uint32(id) {
				return a.Name
			}
		}
	}
	return strconv.FormatUint(uint64(id), 10)
}

// CheckFlags compares the M flag of every AVP that the dictionary knows with its definition, groups included. It returns a
// [*ProtocolError] with InvalidAVPBits for the first that differs. Parse functions don't: in the field many differ.
func (d *Dictionary) CheckFlags(m Message) error {
	for a := range m.AVPs.All() {
		if e := d.checkFlags(a, 0); e != nil {
			return e
		}
	}
	return nil
}

func (d *Dictionary) checkFlags(a AVP, depth int) *ProtocolError {
	def, ok := d.avps[uint64(a.VendorID)<<32|uint64(a.Code)]
	if !ok {
		return nil
	}
	if def.M == 'M' && !a.IsMandatory() || def.M == '-' && a.IsMandatory() {
		return &ProtocolError{ResultCode: InvalidAVPBits, FailedAVP: []AVP{a}, Text: fmt.Sprintf("%s has the flags %v", def.Name, a.Flags)}
	}
	if def.Type == "Grouped" && depth < maxDepth {
		for in := range a.Grouped().All() {
			if e := d.checkFlags(in, depth+1); e != nil {
				a.Data = AppendAVPs(nil, e.FailedAVP)
				e.FailedAVP = []AVP{a}
				return e
			}
		}
	}
	return nil
}

// AppendText appends a message as a tree, one line an AVP:
//
//	DWR app Common R hbh 00000001 e2e 00000002
//	  Origin-Host M "hss.ims.example"
//
// Octets that aren't text are in hexadecimal digits. What does not parse as its type is shown as octets with a "!". Of secrets
// (see [IsSecret]) only the length is told; AppendTextWith shows them.
func (d *Dictionary) AppendText(b []byte, m Message) []byte { return d.AppendTextWith(b, m, nil) }

// AppendTextWith is AppendText that shows the secrets for which show is true.
func (d *Dictionary) AppendTextWith(b []byte, m Message, show func(AVPCode, VendorID) bool) []byte {
	b = fmt.Appendf(b, "%s app %s %v hbh %08x e2e %08x\n", d.CommandName(m.Header), d.ApplicationName(m.ApplicationID), m.Flags, m.HopByHopID, m.EndToEndID)
	return d.appendTree(b, m.AVPs, 1, show)
}

// AppendAVPText appends one AVP, and those within it, as AppendText does, indented by so many steps.
func (d *Dictionary) AppendAVPText(b []byte, a AVP, indent int, show func(AVPCode, VendorID) bool) []byte {
	return d.appendTree(b, AppendAVP(nil, a), indent, show)
}

const maxDepth = 32 // of groups that are looked into

func (d *Dictionary) appendTree(b []byte, s AVPs, depth int, show func(AVPCode, VendorID) bool) []byte {
	indent := strings.Repeat("  ", depth)
	for a := range s.All() {
		b = append(append(b, indent...), d.AVPName(a.Code, a.VendorID)...)
		b = fmt.Appendf(b, " %v", a.Flags)
		def, ok := d.avps[uint64(a.VendorID)<<32|uint64(a.Code)]
		if ok && def.Type == "Grouped" && depth < maxDepth {
			b = d.appendTree(append(b, '\n'), a.Grouped(), depth+1, show)
			continue
		}
		if IsSecret(a.Code, a.VendorID) && (show == nil || !show(a.Code, a.VendorID)) {
			b = fmt.Appendf(b, " (secret, %d octets)\n", len(a.Data))
			continue
		}
		b = append(b, ' ')
		v, good := "", false
		if ok {
			v, good = formatValue(def, a)
		}
		if good {
			b = append(b, v...)
		} else {
			if ok {
				b = append(b, "! "...)
			}
			b = appendOctets(b, a.Data)
		}
		b = append(b, '\n')
	}
	if s.Check() != nil {
		b = append(append(b, indent...), "! malformed\n"...)
	}
	return b
}

// formatValue returns a value as AppendText shows it, and whether it is of its type.
func formatValue(def *dia.AVP, a AVP) (string, bool) {
	switch def.Type {
	case "Unsigned32", "Enumerated", "Integer32", "Unsigned64", "Integer64":
		var n int64
		switch {
		case len(a.Data) == 8 && strings.HasSuffix(def.Type, "64"):
			n = int64(binary.BigEndian.Uint64(a.Data))
		case len(a.Data) == 4 && !strings.HasSuffix(def.Type, "64"):
			n = int64(int32(binary.BigEndian.Uint32(a.Data)))
			if def.Type == "Unsigned32" {
				n = int64(uint32(n))
			}
		default:
			return "", false
		}
		if name := valueName(def, n); name != "" {
			return name, true
		}
		if def.Name == "Result-Code" { // an Experimental-Result-Code belongs to its vendor
			return ResultCode(n).String(), true
		}
		if def.Type == "Unsigned64" {
			return strconv.FormatUint(uint64(n), 10), true
		}
		return strconv.FormatInt(n, 10), true
	case "Float32":
		v, err := a.Float32()
		return fmt.Sprint(v), err == nil
	case "Float64":
		v, err := a.Float64()
		return fmt.Sprint(v), err == nil
	case "Address":
		v, err := a.Address()
		return v.String(), err == nil
	case "Time":
		v, err := a.Time()
		return v.Format(time.RFC3339), err == nil
	case "OctetString", "Grouped":
		return string(appendOctets(nil, a.Data)), true
	}
	return strconv.Quote(string(a.Data)), utf8.Valid(a.Data)
}

func valueName(def *dia.AVP, n int64) string {
	if !def.Bits {
		for _, v := range def.Values {
			if v.Number == n {
				return v.Name
			}
		}
		return ""
	}
	var names []string
	for _, v := range def.Values {
		if n&(1<<v.Number) != 0 {
			names = append(names, v.Name)
			n &^= 1 << v.Number
		}
	}
	if n != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", uint64(n)))
	}
	return strings.Join(names, "|")
}

func appendOctets(b, data []byte) []byte {
	if len(data) > 0 && utf8.Valid(data) && strings.IndexFunc(string(data), func(r rune) bool { return !strconv.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' }) < 0 {
		return strconv.AppendQuote(b, string(data))
	}
	return hex.AppendEncode(append(b, "0x"...), data)
}

// AppendValue appends the AVP with a name and a value in text: a number, a value's name, names of bits joined with "|", an
// address, a time as in RFC 3339, octets as "0x" and hexadecimal digits, an application's name where its number is wanted, any
// other text as it is. M is set as the dictionary says.
// Grouped AVPs have no value: their octets come from AVPs appended before, as octets.
func (d *Dictionary) AppendValue(b []byte, name, value string) ([]byte, error) {
	def, ok := d.names[name]
	if !ok {
		return b, fmt.Errorf("diameter: no AVP is called %q", name)
	}
	if def.GoType == "ApplicationID" {
		if app, ok := d.LookupApplication(value); ok {
			value = strconv.FormatUint(uint64(app.ID), 10)
		}
	}
	data, err := parseValue(def, value)
	if err != nil {
		return b, fmt.Errorf("diameter: %s: %w", name, err)
	}
	a := AVP{Code: AVPCode(def.Code), VendorID: VendorID(def.Vendor), Data: data}
	if def.M == 'M' {
		a.Flags = Mandatory
	}
	return a.AppendBinary(b)
}

func parseValue(def *dia.AVP, value string) ([]byte, error) {
	switch def.Type {
	case "Unsigned32", "Integer32", "Enumerated", "Unsigned64", "Integer64":
		n, err := parseNumber(def, value)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(def.Type, "64") {
			return binary.BigEndian.AppendUint64(nil, n), nil
		}
		if n > 1<<32-1 && int64(n) != int64(int32(n)) {
			return nil, fmt.Errorf("%s is too large", value)
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	case "Address":
		addr, err := netip.ParseAddr(value)
		if err != nil {
			return nil, err
		}
		return AppendAddress(nil, 0, 0, 0, addr)[8:][:2+addr.Unmap().BitLen()/8], nil
	case "Time":
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return nil, err
		}
		return AppendTime(nil, 0, 0, 0, at)[8:], nil
	case "Float32":
		v, err := strconv.ParseFloat(value, 32)
		return binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(v))), err
	case "Float64":
		v, err := strconv.ParseFloat(value, 64)
		return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)), err
	}
	if digits, ok := strings.CutPrefix(value, "0x"); ok && (def.Type == "OctetString" || def.Type == "Grouped") {
		return hex.DecodeString(digits)
	}
	if def.Type == "Grouped" {
		return nil, fmt.Errorf("a group")
	}
	return []byte(value), nil
}

func parseNumber(def *dia.AVP, value string) (uint64, error) {
	var sum uint64
	for part := range strings.SplitSeq(value, "|") {
		n, err := uint64(0), error(nil)
		found := false
		for _, v := range def.Values {
			if v.Name == part {
				n, found = uint64(v.Number), true
				if def.Bits {
					n = 1 << v.Number
				}
			}
		}
		if !found && strings.HasPrefix(part, "-") {
			var i int64
			i, err = strconv.ParseInt(part, 0, 64)
			n = uint64(i)
		} else if !found {
			n, err = strconv.ParseUint(part, 0, 64)
		}
		if err != nil {
			return 0, fmt.Errorf("no number and no value: %q", part)
		}
		if !def.Bits {
			if part != value {
				return 0, fmt.Errorf("more than one value: %q", value)
			}
			return n, nil
		}
		sum |= n
	}
	return sum, nil
}

// IsGrouped tells whether the dictionary defines an AVP as a group.
func (d *Dictionary) IsGrouped(code AVPCode, vendor VendorID) bool {
	a, ok := d.avps[uint64(vendor)<<32|uint64(code)]
	return ok && a.Type == "Grouped"
}
