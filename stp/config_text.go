package stp

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// Text is the configuration in YAML, as [ParseConfig] reads it, without what is left to its default.
func (c *Config) Text() []byte {
	w := textWriter{format: c.Node.Format}
	w.fields(reflect.ValueOf(c).Elem(), reflect.Value{}, 0)
	return []byte(w.b.String())
}

// Full is the configuration in YAML with the defaults, which a comment tells apart.
func (c *Config) Full() []byte {
	w := textWriter{format: c.Node.Format, full: true}
	w.fields(reflect.ValueOf(c.WithDefaults()).Elem(), reflect.ValueOf(c).Elem(), 0)
	return []byte(w.b.String())
}

// textWriter writes YAML.
type textWriter struct {
	b      strings.Builder
	format mtp3.Format
	full   bool
}

// fields writes the fields of a struct that are set. said is the struct as it was written, or invalid.
func (w *textWriter) fields(v, said reflect.Value, indent int) {
	t := v.Type()
	for i := range t.NumField() {
		key, inline := keyOf(t.Field(i))
		f, s := v.Field(i), reflect.Value{}
		if said.IsValid() {
			s = said.Field(i)
		}
		if inline {
			w.fields(f, s, indent)
			continue
		}
		if key == "" || !w.shows(t, key, f) {
			continue
		}
		w.b.WriteString(strings.Repeat(" ", indent) + key + ":")
		w.value(key, f, s, indent+2)
	}
}

// shows tells whether a field is worth writing. In a full text those are also zeros that mean a number or a word.
func (w *textWriter) shows(t reflect.Type, key string, f reflect.Value) bool {
	switch {
	case f.Type() == reflect.TypeFor[mtp3.NetworkIndicator](), key == "slc", t == reflect.TypeFor[RouteConfig]() && key == "to", key == "format" && w.full:
		return true
	case f.Kind() == reflect.Struct && !scalarType(f.Type()):
		return w.any(f)
	case w.full && f.Kind() == reflect.Uint8:
		_, named := words[f.Type()]
		return named && limits[f.Type()] == 0 || !f.IsZero()
	}
	return !f.IsZero()
}

// any tells whether a struct has a field worth writing.
func (w *textWriter) any(v reflect.Value) bool {
	for i := range v.NumField() {
		key, inline := keyOf(v.Type().Field(i))
		if inline && w.any(v.Field(i)) || key != "" && w.shows(v.Type(), key, v.Field(i)) {
			return true
		}
	}
	return false
}

func (w *textWriter) value(key string, v, said reflect.Value, indent int) {
	switch {
	case scalarType(v.Type()):
		w.b.WriteString(" " + w.scalar(v))
		if w.full && (!said.IsValid() || said.IsZero()) && v.Type() != reflect.TypeFor[mtp3.NetworkIndicator]() && key != "slc" {
			w.b.WriteString(" # default")
		}
		w.b.WriteString("\n")
	case v.Kind() == reflect.Pointer:
		w.value(key, v.Elem(), said, indent)
	case v.Kind() == reflect.Slice && (scalarType(v.Type().Elem())):
		var all []string
		for i := range v.Len() {
			all = append(all, w.scalar(v.Index(i)))
		}
		w.b.WriteString(" [" + strings.Join(all, ", ") + "]\n")
	case v.Kind() == reflect.Slice:
		w.b.WriteString("\n")
		for i := range v.Len() {
			s := reflect.Value{}
			if said.IsValid() && i < said.Len() {
				s = said.Index(i)
			}
			w.item(v.Index(i), s, indent)
		}
	default:
		w.b.WriteString("\n")
		w.fields(v, said, indent)
	}
}

// item writes a struct of a list: its first field beside the dash.
func (w *textWriter) item(v, said reflect.Value, indent int) {
	if a, ok := v.Interface().(ASPConfig); ok && a.reference() {
		w.b.WriteString(strings.Repeat(" ", indent) + "- " + quote(a.Name) + "\n")
		return
	}
	inner := textWriter{format: w.format, full: w.full}
	inner.fields(v, said, indent+2)
	text := inner.b.String()
	if text == "" {
		text = strings.Repeat(" ", indent+2) + "{}\n"
	}
	w.b.WriteString(strings.Repeat(" ", indent) + "- " + text[indent+2:])
}

func (w *textWriter) scalar(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case mtp3.PointCode:
		return w.format.PointCodeString(x)
	case mtp3.Destination:
		return w.format.DestinationString(x)
	case mtp3.Format:
		return FormatString(x)
	case m3ua.Optional:
		return strconv.FormatUint(uint64(x.Value), 10)
	case sctp.Addr:
		if s := addrString(x); !strings.ContainsAny(s, "[,") {
			return s
		}
		return strconv.Quote(addrString(x))
	case time.Duration:
		return x.String()
	case string:
		return quote(x)
	}
	var n uint64
	switch {
	case v.CanUint():
		n = v.Uint()
	default:
		if _, named := words[v.Type()]; !named {
			return strconv.FormatInt(v.Int(), 10)
		}
		n = uint64(v.Int())
	}
	if s, ok := word(v.Type(), n); ok {
		return s
	}
	return strconv.FormatUint(n, 10)
}

// addrString is an address as parseAddr reads it, without a port that is not there.
func addrString(a sctp.Addr) string {
	if a.Port == 0 && a.UDP == 0 {
		hosts := make([]string, len(a.IPs))
		for i, ip := range a.IPs {
			hosts[i] = ip.String()
		}
		return strings.Join(hosts, ",")
	}
	return a.String()
}

var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// quote writes a word so that YAML reads it back, with quotes only where it needs them.
func quote(s string) string {
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off":
		return strconv.Quote(s)
	}
	if plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
