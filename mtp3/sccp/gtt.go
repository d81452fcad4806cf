package sccp

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gotelco/telco/mtp3"
)

// Rule says where messages go whose called global title matches (Q.714 section 2.4). Of the rules
// that match the one with the most digits is taken; of those the one whose digits are given rather
// than wild, from the left; then the one that ends with its digits ([Match.Whole]); then the one that
// names the most fields; then the first.
type Rule struct {
	Name  string // for Explain and for operators; if empty, its place in the list
	Match Match
	To    []Entity // at least one
	Share Share
}

// Match is what a rule wants of a global title. The zero Match takes any.
type Match struct {
	Format GTFormat // if NoGT, any
	TT     Field    // a title without a translation type does not match a TT that is set; so below
	Plan   Field
	Nature Field
	SSN    Field // of the called address

	// Digits are the leading digits, '?' for any decimal one. If empty, any digits, or none, match:
	// the default.
	Digits string

	// Through makes Digits the first number of a range, and is the last one: "4930200" through "4930299".
	// Both are decimal and of the same length; what follows them in a title is free.
	Through string

	Whole bool // the digits end where Digits end
}

// Field is what a rule wants, or sets, of one field of a global title. The zero Field takes any
// value, and leaves it alone.
type Field uint16

// Is is the Field with the value v.
func Is[T ~uint8](v T) Field { return Field(v) + 1 }

// Value is the value, if there is one.
func (f Field) Value() (v uint8, ok bool) { return uint8(f - 1), f != 0 }

func (f Field) takes(has bool, v uint8) bool { return f == 0 || has && f == Field(v)+1 }

func (f Field) or(v uint8) uint8 {
	if f == 0 {
		return v
	}
	return uint8(f - 1)
}

// Entity is an SCCP entity that a title is translated to: a signalling point, and how the message is routed there.
type Entity struct {
	Name string         // for Explain
	PC   mtp3.PointCode // the point; that of the node itself for its own subsystems

	// RouteOnGT leaves the message to be translated again at PC; otherwise PC routes it on the subsystem number.
	RouteOnGT bool

	SSN    SSN    // the subsystem number from here on; if UnknownSSN, the one that the message has
	GT     Change // what becomes of the global title
	Weight int    // the share of this entity; if zero, 1; of BySLS and Spread
}

// Change is what translation does to a global title. The zero Change leaves it as it is.
type Change struct {
	Remove bool // the title is taken off: only of an entity that is routed to on SSN

	Strip   int    // how many leading digits go
	Prefix  string // digits that come before the others
	Replace string // digits instead of all there were

	Format GTFormat // the format from here on; if NoGT, the one it has. New fields are 0 unless set below.
	TT     Field
	Plan   Field
	Nature Field
}

func (c Change) digits() bool { return c.Strip > 0 || c.Prefix != "" || c.Replace != "" }

// Share is how the messages of a rule are divided among its entities. Class 1 messages with one SLS
// always go to the same entity while the states of the entities don't change, and to as few others as possible when they do
// (Q.714 section 2.4.3.1: the sequence is kept).
type Share uint8

// The modes. The first is the zero value.
const (
	Ordered Share = iota // the first that is available: primary and backups
	BySLS                // by SLS, in proportion to the weights
	Spread               // message by message in proportion to the weights; class 1 by SLS
)

var shareNames = [...]string{"ordered", "by SLS", "spread"}

// String is the mode in words.
func (s Share) String() string {
	if int(s) < len(shareNames) {
		return shareNames[s]
	}
	return fmt.Sprintf("Share(%d)", uint8(s))
}

// RuleError says what is wrong with a rule.
type RuleError struct {
	Index int // of the rule in the list
	Name  string
	Field string
	Err   error
}

// Error names the rule and the field.
func (e *RuleError) Error() string {
	return fmt.Sprintf("sccp: rule %s: %s: %v", ruleName(e.Name, e.Index), e.Field, e.Err)
}

// Unwrap is the cause.
func (e *RuleError) Unwrap() error { return e.Err }

func ruleName(name string, i int) string {
	if name == "" {
		return fmt.Sprintf("#%d", i+1)
	}
	return name
}

// Errors of rules.
var (
	ErrNoEntity   = errors.New("no entity to translate to")
	ErrRange      = errors.New("a range has two decimal numbers of one length, the lower first")
	ErrDuplicate  = errors.New("an earlier rule takes all that this one matches")
	ErrPointCode  = errors.New("the point code does not fit the format")
	ErrWeight     = errors.New("a weight is 0 to 10000")
	ErrRemoveGT   = errors.New("the title cannot be removed from a message that is routed on it")
	ErrStrip      = errors.New("a number of digits is not negative")
	ErrNoDigits   = errors.New("whole digits, but none are given")
	ErrShare      = errors.New("no such way to share")
	ErrEntitySSN  = errors.New("a message cannot be routed to SCCP management")
	errNotADigit  = errors.New("not a digit")
	errLongDigits = errors.New("more than 64 digits")
)

// Query is a global title to translate, and what decides between entities.
type Query struct {
	Called Address
	SLS    mtp3.SLS
	Class  uint8
}

// Availability says which entities can be used. A nil Availability finds all usable.
type Availability interface {
	// Reach tells whether a message can be sent to a subsystem at a point; ssn is UnknownSSN if only SCCP there
	// has to work, because the message will be translated again. If not, why is the cause to return it with.
	Reach(pc mtp3.PointCode, ssn SSN) (ok bool, why ReturnCause)
}

// Result is what translation found.
type Result struct {
	OK    bool
	Cause ReturnCause // if not OK: NoTranslationForNature, NoTranslation, or why no entity can be used
	Rule  int         // place of the rule in the list; -1 if none matched

	PC     mtp3.PointCode // where the message goes
	SSN    SSN            // the subsystem there, if the message is routed on it
	Entity int            // place of the entity in the rule

	entity *entity
}

// Address is the called address after translation. Where digits change they are written over scratch[:0],
// which is returned, longer if it had to be, for the next time; the address aliases it until then. What does not
// change aliases a.
func (r Result) Address(a Address, scratch []byte) (Address, []byte) {
	e := r.entity
	if e == nil {
		return a, scratch
	}
	a.RouteOnSSN = !e.RouteOnGT
	if e.SSN != UnknownSSN {
		a.HasSSN, a.SSN = true, e.SSN
	}
	if a.HasPC {
		a.PC = e.PC
	}
	if e.GT.Remove {
		a.GT = GlobalTitle{}
		return a, scratch
	}
	g := &a.GT
	had := g.Format
	if e.GT.Format != NoGT {
		g.Format = e.GT.Format
	}
	g.TT = e.GT.TT.or(g.TT)
	g.Plan = NumberingPlan(e.GT.Plan.or(uint8(g.Plan)))
	g.Nature = NatureOfAddress(e.GT.Nature.or(uint8(g.Nature)))
	if had != g.Format {
		if !g.Format.hasTT() {
			g.TT = 0
		}
		if !g.Format.hasPlan() {
			g.Plan = 0
		}
		if !g.Format.hasNature() {
			g.Nature = 0
		}
	}
	if e.GT.digits() {
		scratch = scratch[:0]
		n := 0
		put := func(d uint8) {
			if n&1 == 0 {
				scratch = append(scratch, d)
			} else {
				scratch[n/2] |= d << 4
			}
			n++
		}
		for _, d := range e.first {
			put(d)
		}
		if e.GT.Replace == "" {
			for i := e.GT.Strip; i < g.Digits.n; i++ {
				put(g.Digits.At(i))
			}
		}
		g.Digits = Digits{packed: scratch, n: n}
	}
	return a, scratch
}

func (f GTFormat) hasTT() bool     { return f >= GTTranslation && f <= GTAll }
func (f GTFormat) hasPlan() bool   { return f == GTNumberPlan || f == GTAll }
func (f GTFormat) hasNature() bool { return f == GTNature || f == GTAll }

// Translator holds the translation table that is in force. Many goroutines may use it at once. The zero
// Translator translates nothing.
type Translator struct {
	table atomic.Pointer[Table]
}

// NewTranslator returns a Translator of these rules.
func NewTranslator(f mtp3.Format, rules []Rule) (*Translator, error) {
	t, err := NewTable(f, rules)
	if err != nil {
		return nil, err
	}
	var tr Translator
	tr.Use(t)
	return &tr, nil
}

// Use puts another table in force, for all translations that begin from now on.
func (t *Translator) Use(table *Table) { t.table.Store(table) }

// Table is the table in force, or nil.
func (t *Translator) Table() *Table { return t.table.Load() }

// Translate is [Table.Translate] of the table in force.
func (t *Translator) Translate(q Query, av Availability) Result { return t.Table().Translate(q, av) }

// Explain is [Table.Explain] of the table in force.
func (t *Translator) Explain(q Query, av Availability) Explanation { return t.Table().Explain(q, av) }
