package stp

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
)

// scalarType tells whether values of a type are written as one word.
func scalarType(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[mtp3.Destination](), reflect.TypeFor[mtp3.Format](), reflect.TypeFor[m3ua.Optional](), reflect.TypeFor[sctp.Addr]():
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Pointer:
		return false
	}
	return true
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	if seq, ok := n.(*ast.SequenceNode); ok && v.Type() == reflect.TypeFor[sctp.Addr]() {
		var parts []string // several addresses of one host
		for _, x := range seq.Values {
			if x = d.resolve(x); x == nil || !isScalar(x) {
				d.fail(posOf(n), path, "want addresses")
				return
			}
			parts = append(parts, x.GetToken().Value)
		}
		if err := setText(v, strings.Join(parts, ","), d.format); err != nil {
			d.fail(posOf(n), path, "%v", err)
		}
		return
	}
	if !isScalar(n) {
		d.fail(posOf(n), path, "want one value, not %s", kindOf(n))
		return
	}
	text := n.GetToken().Value
	if l, ok := n.(*ast.LiteralNode); ok {
		text = l.Value.Value
	}
	if v.Type() == reflect.TypeFor[mtp3.Format]() {
		return // read before
	}
	if err := setText(v, text, d.format); err != nil {
		d.fail(posOf(n), path, "%v", err)
	}
}

// words are how the values of types are written, where they have names.
var words = map[reflect.Type]map[string]uint64{
	reflect.TypeFor[Switch]():                {"default": 0, "on": 1, "yes": 1, "true": 1, "off": 2, "no": 2, "false": 2},
	reflect.TypeFor[Action]():                {"allow": 0, "deny": 1},
	reflect.TypeFor[sccp.Share]():            {"ordered": 0, "by-sls": 1, "spread": 2},
	reflect.TypeFor[m3ua.Exchange]():         {"sg": 0, "ipsp-single": 1, "ipsp-double": 2},
	reflect.TypeFor[RoutingIndicator]():      {"ssn": 0, "gt": 1},
	reflect.TypeFor[mtp3.CongestionMode]():   {"international": 0, "priorities": 1, "levels": 2},
	reflect.TypeFor[m3ua.TrafficMode]():      {"unset": 0, "override": 1, "loadshare": 2, "broadcast": 3},
	reflect.TypeFor[mtp3.NetworkIndicator](): {"international": 0, "international-spare": 1, "spare": 1, "national": 2, "national-spare": 3, "reserved": 3},
	reflect.TypeFor[mtp3.ServiceIndicator](): {"snm": 0, "snt": 1, "snt-special": 2, "sccp": 3, "tup": 4, "isup": 5, "dup-call": 6, "dup-facility": 7, "mtp-test": 8, "b-isup": 9, "s-isup": 10},
	reflect.TypeFor[sccp.NumberingPlan]():    {"unknown": 0, "e164": 1, "x121": 3, "f69": 4, "e210": 5, "e212": 6, "e214": 7},
	reflect.TypeFor[sccp.NatureOfAddress]():  {"unknown": 0, "subscriber": 1, "national": 3, "international": 4},
	reflect.TypeFor[sccp.GTFormat]():         {},
	reflect.TypeFor[sccp.SSN]():              {"unknown": 0, "scmg": 1, "isup": 3, "omap": 4, "map": 5, "hlr": 6, "vlr": 7, "msc": 8, "eir": 9, "auc": 10, "inap": 12, "cap": 146, "sgsn": 149, "ggsn": 150},
}

// limits are the highest numbers of types that may also be written as a number. Others have words alone.
var limits = map[reflect.Type]uint64{
	reflect.TypeFor[mtp3.NetworkIndicator](): 3,
	reflect.TypeFor[mtp3.ServiceIndicator](): 15,
	reflect.TypeFor[sccp.NumberingPlan]():    15,
	reflect.TypeFor[sccp.NatureOfAddress]():  127,
	reflect.TypeFor[sccp.SSN]():              255,
	reflect.TypeFor[sccp.GTFormat]():         4,
}

// setText reads one value.
func setText(v reflect.Value, text string, f mtp3.Format) error {
	switch p := v.Addr().Interface().(type) {
	case *mtp3.PointCode:
		return assign(p)(f.ParsePointCode(text))
	case *mtp3.Destination:
		return assign(p)(f.ParseDestination(text))
	case *sctp.Addr:
		return assign(p)(parseAddr(text))
	case *m3ua.Optional:
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return fmt.Errorf("want a number of 32 bits, not %q", text)
		}
		*p = m3ua.Some(uint32(n))
		return nil
	case *time.Duration:
		got, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf(`want a duration such as "2s", "500ms" or "1m30s", not %q`, text)
		}
		*p = got
		return nil
	case *string:
		*p = text
		return nil
	}
	known, named := words[v.Type()]
	if n, ok := known[strings.ToLower(text)]; ok {
		setNumber(v, n)
		return nil
	}
	bits, max := v.Type().Bits(), limits[v.Type()]
	if named {
		n, err := strconv.ParseUint(text, 10, 64)
		if err == nil && n <= max && max > 0 {
			setNumber(v, n)
			return nil
		}
		return fmt.Errorf("want %s, not %q", choices(v.Type()), text)
	}
	if v.CanUint() {
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			return fmt.Errorf("want a number from 0 to %d, not %q", uint64(1)<<bits-1, text)
		}
		v.SetUint(n)
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return fmt.Errorf("want a number, not %q", text)
	}
	v.SetInt(n)
	return nil
}

func setNumber(v reflect.Value, n uint64) {
	if v.CanUint() {
		v.SetUint(n)
	} else {
		v.SetInt(int64(n))
	}
}

func assign[T any](p *T) func(T, error) error {
	return func(v T, err error) error {
		if err == nil {
			*p = v
		}
		return err
	}
}

// word is how a value of a type with words is written: the first of its words in the alphabet of their use.
func word(t reflect.Type, n uint64) (string, bool) {
	best := ""
	for w, v := range words[t] {
		if v == n && (best == "" || rank(w) < rank(best) || rank(w) == rank(best) && w < best) {
			best = w
		}
	}
	return best, best != ""
}

// rank puts words that are there for those used to them behind the others.
func rank(w string) int {
	switch w {
	case "yes", "no", "true", "false", "spare", "reserved":
		return 1
	}
	return 0
}

func choices(t reflect.Type) string {
	var all []string
	for n := range uint64(256) {
		if w, ok := word(t, n); ok && !(t == reflect.TypeFor[Switch]() && n == 0) {
			all = append(all, w)
		}
	}
	s := strings.Join(all, ", ")
	if max := limits[t]; max > 0 {
		s += fmt.Sprintf(" or a number up to %d", max)
	}
	return s
}

// parseAddr reads addresses of one host with a port or without.
func parseAddr(s string) (sctp.Addr, error) {
	if a, err := sctp.ParseAddr(s); err == nil {
		return a, nil
	}
	if ips, ok := parseIPs(s); ok {
		return sctp.Addr{IPs: ips}, nil
	}
	// A list with the port behind one of them: "10.0.0.1:2905,10.1.0.1:2905".
	var a sctp.Addr
	for part := range strings.SplitSeq(s, ",") {
		ap, err := netip.ParseAddrPort(strings.TrimSpace(part))
		if err != nil {
			ips, ok := parseIPs(part)
			if !ok {
				return sctp.Addr{}, fmt.Errorf("want addresses and a port such as \"10.0.0.1:2905\" or \"10.0.0.1,10.1.0.1:2905\", not %q", s)
			}
			a.IPs = append(a.IPs, ips...)
			continue
		}
		if a.Port != 0 && a.Port != ap.Port() {
			return sctp.Addr{}, fmt.Errorf("two ports in %q: the addresses of an association share one", s)
		}
		a.IPs, a.Port = append(a.IPs, ap.Addr().Unmap()), ap.Port()
	}
	return a, nil
}

func parseIPs(s string) (ips []netip.Addr, ok bool) {
	for h := range strings.SplitSeq(s, ",") {
		ip, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(h), "[]"))
		if err != nil {
			return nil, false
		}
		ips = append(ips, ip.Unmap())
	}
	return ips, true
}

// ParseFormat reads a format of point codes: the bits of its parts ("3-8-3", "4-3-7", "14", "8-8-8"), or a
// variant of MTP ("itu", "ansi", "china", "japan"), or both ("japan 3-4-4-5"). 24 bits alone are ANSI's, 16 Japan's.
func ParseFormat(s string) (mtp3.Format, error) {
	var f mtp3.Format
	bad := fmt.Errorf(`want a format such as "3-8-3", "14", "ansi", "china" or "japan", not %q`, s)
	named := false
	for _, w := range strings.Fields(strings.ToLower(s)) {
		switch w {
		case "itu":
			f.Variant, named = mtp3.ITU, true
			continue
		case "ansi":
			f.Variant, named = mtp3.ANSI, true
			continue
		case "china":
			f.Variant, named = mtp3.China, true
			continue
		case "japan":
			f.Variant, named = mtp3.Japan, true
			continue
		}
		sum := 0
		parts := strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '.' })
		if len(parts) > len(f.Split) || f.Split != ([4]uint8{}) {
			return mtp3.Format{}, bad
		}
		for i, p := range parts {
			n, err := strconv.ParseUint(p, 10, 8)
			if err != nil || n == 0 {
				return mtp3.Format{}, bad
			}
			f.Split[i] = uint8(n)
			sum += int(n)
		}
		if !named {
			switch sum {
			case 24:
				f.Variant = mtp3.ANSI
			case 16:
				f.Variant = mtp3.Japan
			}
		}
	}
	if s == "" || f.Validate() != nil {
		return mtp3.Format{}, bad
	}
	if f.Split == (mtp3.Format{Variant: f.Variant}).Split || f.Split == defaultSplit(f.Variant) {
		f.Split = [4]uint8{}
	}
	return f, nil
}

func defaultSplit(v mtp3.Variant) [4]uint8 {
	switch v {
	case mtp3.ANSI, mtp3.China:
		return [4]uint8{8, 8, 8}
	case mtp3.Japan:
		return [4]uint8{5, 4, 7}
	}
	return [4]uint8{3, 8, 3}
}

// FormatString is a format as [ParseFormat] reads it.
func FormatString(f mtp3.Format) string {
	split := f.Split
	if split == ([4]uint8{}) {
		split = defaultSplit(f.Variant)
	}
	var parts []string
	for _, n := range split {
		if n > 0 {
			parts = append(parts, strconv.Itoa(int(n)))
		}
	}
	s := strings.Join(parts, "-")
	if f.Variant != mtp3.ITU {
		s = strings.ToLower(f.Variant.String()) + " " + s
	}
	return s
}
