package sccp

import (
	"errors"
	"math/bits"
	"sort"
	"sync/atomic"

	"github.com/gotelco/telco/mtp3"
)

// Table is a set of rules made ready to look up. It never changes, and many goroutines may use it at once.
type Table struct {
	format  mtp3.Format
	rules   []rule
	nodes   []trieNode
	lists   []uint32 // runs of rules, of nodes
	natures []Match  // the distinct fields that rules want
	hits    []atomic.Uint64
}

type rule struct {
	Rule
	entities []entity
	weight   int // of all entities
	turn     *atomic.Uint32
}

type entity struct {
	Entity
	first  []uint8 // digits that come first
	weight int
}

// trieNode is a place in the tree of digits. Its children lie one after the other.
type trieNode struct {
	children uint16 // which digits have a child
	nlist    uint16
	first    uint32 // the child of the lowest digit
	wild     uint32 // the child that any decimal digit leads to; 0 is none
	list     uint32 // its rules, the best first
}

// buildNode is a trieNode in the making.
type buildNode struct {
	child [16]*buildNode
	wild  *buildNode
	rules []uint32
}

const (
	maxDigits = 64
	maxRules  = 1 << 15 // of one place in the tree
)

// NewTable makes a table. If rules are wrong it returns the [RuleError] of each of them, joined.
func NewTable(f mtp3.Format, rules []Rule) (*Table, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	t := &Table{format: f, rules: make([]rule, len(rules)), hits: make([]atomic.Uint64, len(rules))}
	root := &buildNode{}
	var errs []error
	seen := map[Match]int{}
	natures := map[Match]bool{}
	for i, r := range rules {
		fail := func(field string, err error) {
			errs = append(errs, &RuleError{i, r.Name, field, err})
		}
		if _, dup := seen[r.Match]; dup {
			fail("match", ErrDuplicate)
		}
		seen[r.Match] = i
		patterns, field, err := r.Match.patterns()
		if err != nil {
			fail(field, err)
		}
		t.rules[i] = compile(f, r, fail)
		for _, p := range patterns {
			at := root
			for _, d := range p {
				next := &at.wild
				if d < 16 {
					next = &at.child[d]
				}
				if *next == nil {
					*next = &buildNode{}
				}
				at = *next
			}
			at.rules = append(at.rules, uint32(i))
			if len(at.rules) > maxRules {
				fail("match", ErrDuplicate)
			}
		}
		n := r.Match
		n.Digits, n.Through, n.Whole = "", "", false
		if !natures[n] {
			natures[n] = true
			t.natures = append(t.natures, n)
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	t.flatten(root)
	return t, nil
}

// compile checks the entities of a rule.
func compile(f mtp3.Format, r Rule, fail func(string, error)) rule {
	c := rule{Rule: r, turn: new(atomic.Uint32)}
	if len(r.To) == 0 {
		fail("to", ErrNoEntity)
	}
	if r.Share > Spread {
		fail("share", ErrShare)
	}
	for _, e := range r.To {
		ce := entity{Entity: e, weight: max(e.Weight, 1)}
		switch {
		case e.PC > f.MaxPointCode():
			fail("to", ErrPointCode)
		case e.Weight < 0 || e.Weight > 10000:
			fail("to", ErrWeight)
		case e.GT.Remove && e.RouteOnGT:
			fail("to", ErrRemoveGT)
		case e.GT.Strip < 0:
			fail("to", ErrStrip)
		case e.GT.Format > maxKnownFormat:
			fail("to", ErrGTFormat)
		case e.SSN == SCMG:
			fail("to", ErrEntitySSN)
		}
		c.weight += ce.weight
		s := e.GT.Prefix
		if e.GT.Replace != "" {
			s += e.GT.Replace
		}
		p, err := pattern(s, false)
		if err != nil {
			fail("to", err)
		}
		ce.first = p
		c.entities = append(c.entities, ce)
	}
	return c
}

const wildDigit = 16

// pattern is digits as numbers, wildDigit for '?'.
func pattern(s string, wild bool) ([]uint8, error) {
	if len(s) > maxDigits {
		return nil, errLongDigits
	}
	p := make([]uint8, len(s))
	for i := range len(s) {
		if s[i] == '?' && wild {
			p[i] = wildDigit
			continue
		}
		d, err := ParseDigits(s[i : i+1])
		if err != nil {
			return nil, errNotADigit
		}
		p[i] = d.At(0)
	}
	return p, nil
}

// patterns are the digits of a match: several of a range.
func (m Match) patterns() (ps [][]uint8, field string, err error) {
	if m.Format > maxKnownFormat {
		return nil, "format", ErrGTFormat
	}
	if m.Whole && m.Digits == "" {
		return nil, "digits", ErrNoDigits
	}
	lo, err := pattern(m.Digits, m.Through == "")
	if err != nil {
		return nil, "digits", err
	}
	if m.Through == "" {
		return [][]uint8{lo}, "", nil
	}
	hi, err := pattern(m.Through, false)
	if err != nil || len(hi) != len(lo) || m.Digits > m.Through {
		return nil, "through", ErrRange
	}
	for i := range lo {
		if lo[i] > 9 || hi[i] > 9 {
			return nil, "through", ErrRange
		}
	}
	add := func(head []uint8, from, to uint8, rest int) {
		for d := from; d <= to && d <= 9; d++ {
			p := append(append([]uint8{}, head...), d)
			for range rest {
				p = append(p, wildDigit)
			}
			ps = append(ps, p)
		}
	}
	n, same := len(lo), 0
	for same < n && lo[same] == hi[same] {
		same++
	}
	if same == n {
		return [][]uint8{lo}, "", nil
	}
	// From lo up to the next round number, the round numbers between, and up to hi.
	for i := n - 1; i > same; i-- {
		from := lo[i]
		if i < n-1 {
			from++
		}
		add(lo[:i], from, 9, n-1-i)
	}
	from, to := lo[same], hi[same]
	if same < n-1 {
		from, to = from+1, to-1
	}
	if from <= to {
		add(lo[:same], from, to, n-1-same)
	}
	for i := same + 1; i < n; i++ {
		to := int(hi[i])
		if i < n-1 {
			to--
		}
		if to >= 0 {
			add(hi[:i], 0, uint8(to), n-1-i)
		}
	}
	return ps, "", nil
}

// fields is how many fields a match names.
func (m Match) fields() (n int) {
	if m.Format != NoGT {
		n++
	}
	for _, f := range [...]Field{m.TT, m.Plan, m.Nature, m.SSN} {
		if f != 0 {
			n++
		}
	}
	return n
}

// takes tells whether the fields of an address are those that m wants, whatever the digits.
func (m *Match) takes(a *Address) bool {
	g := &a.GT
	return (m.Format == NoGT || m.Format == g.Format) && m.TT.takes(g.Format.hasTT(), g.TT) &&
		m.Plan.takes(g.Format.hasPlan(), uint8(g.Plan)) && m.Nature.takes(g.Format.hasNature(), uint8(g.Nature)) && m.SSN.takes(a.HasSSN, uint8(a.SSN))
}

// flatten lays the tree out so that a look-up touches little memory.
func (t *Table) flatten(root *buildNode) {
	t.nodes = []trieNode{{}}
	type job struct {
		b  *buildNode
		at uint32
	}
	for jobs := []job{{root, 0}}; len(jobs) > 0; {
		j := jobs[0]
		jobs = jobs[1:]
		sort.SliceStable(j.b.rules, func(x, y int) bool {
			a, b := &t.rules[j.b.rules[x]].Match, &t.rules[j.b.rules[y]].Match
			if a.Whole != b.Whole {
				return a.Whole
			}
			return a.fields() > b.fields()
		})
		n := trieNode{nlist: uint16(len(j.b.rules)), list: uint32(len(t.lists)), first: uint32(len(t.nodes))}
		t.lists = append(t.lists, j.b.rules...)
		for d, c := range j.b.child {
			if c != nil {
				n.children |= 1 << d
				jobs = append(jobs, job{c, uint32(len(t.nodes))})
				t.nodes = append(t.nodes, trieNode{})
			}
		}
		if j.b.wild != nil {
			n.wild = uint32(len(t.nodes))
			jobs = append(jobs, job{j.b.wild, n.wild})
			t.nodes = append(t.nodes, trieNode{})
		}
		t.nodes[j.at] = n
	}
}

// search walks the tree from a node, at the depth-th digit, for the deepest rule that takes a. What
// is found first stays if others are as deep: digits that are given are tried before wild ones.
func (t *Table) search(at uint32, depth int, a *Address, best, bestDepth int) (int, int) {
	g := &a.GT
	for {
		n := &t.nodes[at]
		if depth > bestDepth {
			for _, i := range t.lists[n.list : n.list+uint32(n.nlist)] {
				m := &t.rules[i].Match
				if (!m.Whole || depth == g.Digits.n) && m.takes(a) {
					best, bestDepth = int(i), depth
					break
				}
			}
		}
		if depth == g.Digits.n {
			return best, bestDepth
		}
		d := g.Digits.At(depth)
		depth++
		next := uint32(0)
		if n.children>>d&1 != 0 {
			next = n.first + uint32(bits.OnesCount16(n.children&(1<<d-1)))
		}
		if n.wild != 0 && d <= 9 {
			if next != 0 {
				best, bestDepth = t.search(next, depth, a, best, bestDepth)
			}
			next = n.wild
		}
		if next == 0 {
			return best, bestDepth
		}
		at = next
	}
}

// Translate finds where a message goes. It does not allocate. A nil Table translates nothing.
func (t *Table) Translate(q Query, av Availability) Result {
	if t == nil {
		return Result{Cause: NoTranslationForNature, Rule: -1}
	}
	i, _ := t.search(0, 0, &q.Called, -1, -1)
	if i < 0 || q.Called.GT.Format == NoGT {
		return Result{Cause: t.missing(&q.Called), Rule: -1}
	}
	t.hits[i].Add(1)
	r := &t.rules[i]
	n, cause := r.choose(q, av, t.format, true)
	if n < 0 {
		return Result{Cause: cause, Rule: i}
	}
	return t.result(i, n, q.Called)
}

func (t *Table) result(i, n int, called Address) Result {
	e := &t.rules[i].entities[n]
	return Result{OK: true, Rule: i, Entity: n, PC: e.PC, SSN: e.target(called), entity: e}
}

// target is the subsystem that has to be there for an entity.
func (e *entity) target(called Address) SSN {
	switch {
	case e.RouteOnGT:
		return UnknownSSN
	case e.SSN != UnknownSSN:
		return e.SSN
	}
	return called.SSN
}

// missing is why no rule matches.
func (t *Table) missing(a *Address) ReturnCause {
	for i := range t.natures {
		if a.GT.Format != NoGT && t.natures[i].takes(a) {
			return NoTranslation
		}
	}
	return NoTranslationForNature
}

// choose picks an entity, or says why there is none.
func (r *rule) choose(q Query, av Availability, f mtp3.Format, turn bool) (int, ReturnCause) {
	if len(r.entities) == 1 && av == nil {
		return 0, 0
	}
	cause := MTPFailure
	usable := func(i int) bool {
		if av == nil {
			return true
		}
		ok, why := av.Reach(r.entities[i].PC, r.entities[i].target(q.Called))
		if !ok && i == 0 {
			cause = why // of the primary
		}
		return ok
	}
	if r.Share == Ordered || len(r.entities) == 1 {
		for i := range r.entities {
			if usable(i) {
				return i, 0
			}
		}
		return -1, cause
	}
	values := f.SLSValues()
	x := (int(q.SLS) & (values - 1)) * r.weight / values
	if r.Share == Spread && q.Class&15 == 0 {
		v := r.turn.Load()
		if turn {
			v = r.turn.Add(1) - 1
		}
		x = int(v % uint32(r.weight))
	}
	// The entity that it belongs to if all can be used keeps it; if not, the others share it.
	for i := range r.entities {
		if x < r.entities[i].weight {
			if usable(i) {
				return i, 0
			}
			break
		}
		x -= r.entities[i].weight
	}
	left := 0
	for i := range r.entities {
		if usable(i) {
			left += r.entities[i].weight
		}
	}
	if left == 0 {
		return -1, cause
	}
	if r.Share == Spread && q.Class&15 == 0 {
		x = int(r.turn.Load() % uint32(left))
	} else {
		x = int(q.SLS) & (values - 1) % left
	}
	for i := range r.entities {
		if !usable(i) {
			continue
		}
		if x < r.entities[i].weight {
			return i, 0
		}
		x -= r.entities[i].weight
	}
	return -1, cause
}

// Len is how many rules the table has.
func (t *Table) Len() int { return len(t.rules) }

// Rule is the i-th rule.
func (t *Table) Rule(i int) Rule { return t.rules[i].Rule }

// Hits is how many messages the i-th rule has matched.
func (t *Table) Hits(i int) uint64 { return t.hits[i].Load() }
