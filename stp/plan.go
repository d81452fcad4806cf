package stp

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gotelco/telco/mtp3"
)

// StepKind is what happens to an item when a configuration takes the place of another.
type StepKind uint8

// The kinds of steps. An order in which they can be done is Remove and Reopen, then Add, then Change.
const (
	StepKeep    StepKind = iota // it stays untouched: its association and its traffic don't notice
	StepChange                  // it takes other values while it stays in service
	StepAdd                     // it is new
	StepReopen                  // it ends and begins anew with other values
	StepRemove                  // it goes
	StepRestart                 // only a new start of the node makes it so
)

var stepNames = [...]string{"keep", "change", "add", "reopen", "remove", "restart"}

// String is the kind in a word.
func (k StepKind) String() string { return stepNames[min(int(k), len(stepNames)-1)] }

// MarshalText is String, for JSON.
func (k StepKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads it.
func (k *StepKind) UnmarshalText(b []byte) error {
	i := slices.Index(stepNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("stp: %q is no kind of step", b)
	}
	*k = StepKind(i)
	return nil
}

// Step is what becomes of one item.
type Step struct {
	Kind StepKind `json:"kind"`
	What string   `json:"what"` // "node", "listen", "linkset", "link", "as", "asp", "gateway", "route", "gtt", "m3ua", "sctp", "management", "capture"
	Name string   `json:"name,omitempty"`
	Text string   `json:"text"`           // the difference, and what happens, in words
	Harm string   `json:"harm,omitempty"` // what it interrupts; if empty, nothing
}

// String is the step in one line.
func (s Step) String() string {
	t := s.Kind.String() + " " + s.What
	if s.Name != "" {
		t += " " + s.Name
	}
	if s.Text != "" {
		t += ": " + s.Text
	}
	if s.Harm != "" {
		t += " (" + s.Harm + ")"
	}
	return t
}

// Plan says what it means to apply a configuration in place of another. Items that don't change are
// [StepKeep]; defaults that are written out are no change.
func Plan(old, new *Config) []Step {
	p := planner{old: old.WithDefaults(), new: new.WithDefaults(), f: new.Node.Format}
	p.node()
	p.listen()
	p.linksets()
	p.asps()
	p.servers()
	p.gateways()
	p.routes()
	p.translation()
	p.whole("management", p.old.Management, p.new.Management, "")
	p.whole("capture", p.old.Capture, p.new.Capture, "")
	return p.steps
}

// Changes are the steps that do something.
func Changes(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Kind == StepKeep })
}

type planner struct {
	old, new *Config
	f        mtp3.Format
	steps    []Step
}

func (p *planner) add(k StepKind, what, name, text, harm string) {
	p.steps = append(p.steps, Step{k, what, name, text, harm})
}

// items compares what has names: same says what differs of two of one name, and decides the rest.
func items[T any](p *planner, what string, old, new []T, name func(*T) string, describe func(*T) string, gone string, change func(a, b *T) (StepKind, string, string)) {
	have := make(map[string]*T, len(old))
	for i := range old {
		have[name(&old[i])] = &old[i]
	}
	stays := make(map[string]bool, len(new))
	for i := range new {
		stays[name(&new[i])] = true
	}
	for i := range old {
		if n := name(&old[i]); !stays[n] {
			p.add(StepRemove, what, n, "", gone)
		}
	}
	for i := range new {
		b := &new[i]
		a := have[name(b)]
		if a == nil {
			p.add(StepAdd, what, name(b), describe(b), "")
			continue
		}
		k, text, harm := change(a, b)
		p.add(k, what, name(b), text, harm)
	}
}

// differ lists the fields in which two values differ, with both values, in the words of the file. Fields that
// skip names are left out.
func (p *planner) differ(a, b any, skip ...string) string {
	var all []string
	w := textWriter{format: p.f}
	p.fields(reflect.ValueOf(a), reflect.ValueOf(b), "", skip, &w, &all)
	return strings.Join(all, ", ")
}

func (p *planner) fields(a, b reflect.Value, prefix string, skip []string, w *textWriter, all *[]string) {
	if a.Kind() == reflect.Pointer {
		a, b = a.Elem(), b.Elem()
	}
	t := a.Type()
	for i := range t.NumField() {
		key, inline := keyOf(t.Field(i))
		x, y := a.Field(i), b.Field(i)
		switch {
		case inline:
			p.fields(x, y, prefix, skip, w, all)
		case key == "" || slices.Contains(skip, key) || equal(x, y):
		case x.Kind() == reflect.Struct && !scalarType(x.Type()):
			p.fields(x, y, prefix+key+".", skip, w, all)
		default:
			*all = append(*all, fmt.Sprintf("%s%s %s -> %s", prefix, key, w.short(x), w.short(y)))
		}
	}
}

// equal compares values without regard to their places in files.
func equal(a, b reflect.Value) bool {
	switch {
	case a.Type() == reflect.TypeFor[Pos]():
		return true
	case scalarType(a.Type()):
		return reflect.DeepEqual(a.Interface(), b.Interface())
	case a.Kind() == reflect.Pointer:
		return a.IsNil() == b.IsNil() && (a.IsNil() || equal(a.Elem(), b.Elem()))
	case a.Kind() == reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	for i := range a.NumField() {
		if !equal(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}

// same tells whether two values are equal without regard to their places in files.
func same[T any](a, b T) bool { return equal(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem()) }

// short is a value in a few words.
func (w *textWriter) short(v reflect.Value) string {
	switch {
	case scalarType(v.Type()):
		if v.IsZero() && v.Kind() != reflect.Uint8 {
			return "none"
		}
		return w.scalar(v)
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return "none"
		}
		return w.short(v.Elem())
	case v.Kind() == reflect.Slice && v.Len() == 0:
		return "none"
	case v.Kind() == reflect.Slice && scalarType(v.Type().Elem()):
		all := make([]string, v.Len())
		for i := range all {
			all[i] = w.scalar(v.Index(i))
		}
		return strings.Join(all, "+")
	case v.Kind() == reflect.Slice:
		return fmt.Sprintf("%d items", v.Len())
	}
	return "other values"
}

func (p *planner) node() {
	if diff := p.differ(p.old.Node, p.new.Node); diff != "" {
		p.add(StepRestart, "node", p.new.Name(), diff, "every association ends")
	} else {
		p.add(StepKeep, "node", p.new.Name(), "", "")
	}
	if diff := p.differ(p.old.SCTP, p.new.SCTP); diff != "" {
		p.add(StepRestart, "sctp", "", diff, "associations take it up when they begin anew")
	}
	if diff := p.differ(p.old.M3UA, p.new.M3UA); diff != "" {
		p.add(StepRestart, "m3ua", "", diff, "every association of M3UA ends")
	}
}

func (p *planner) whole(what string, a, b any, harm string) {
	if diff := p.differ(a, b); diff != "" {
		p.add(StepChange, what, "", diff, harm)
	}
}

// listenName names a listener by what it carries and its address.
func listenName(l *ListenConfig) string {
	switch {
	case len(l.M3UA.IPs) > 0:
		return "m3ua " + l.M3UA.String()
	case len(l.M3UATCP.IPs) > 0:
		return "m3ua-tcp " + l.M3UATCP.String()
	}
	return "m2pa " + l.M2PA.String()
}

func (p *planner) listen() {
	items(p, "listen", p.old.Listen, p.new.Listen, listenName, func(*ListenConfig) string { return "" }, "associations that it accepted stay",
		func(_, _ *ListenConfig) (StepKind, string, string) { return StepKeep, "", "" })
}
