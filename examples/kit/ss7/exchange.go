package ss7

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sort"
	"strings"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/mtp3/tcap"
	"github.com/gotelco/telco/mtp3/tcap/inap"
)

// Trunk is a group of circuits to another exchange.
type Trunk struct {
	Name     string
	To       mtp3.PointCode
	Circuits []isup.CIC
	Prefixes []string // of the numbers that are reached over it
	Method1  bool     // circuit selection method 1 of Q.764 section 2.9.1.3; else method 2
}

// Answer is what becomes of calls to numbers of this exchange.
type Answer struct {
	Number string          // or how it begins, with a "*" at its end
	After  time.Duration   // how long it rings
	Cause  isup.CauseValue // or why it is refused
	Clear  time.Duration   // after how long the called party hangs up; zero: never
}

// Service is numbers that a service control point knows more about.
type Service struct {
	Prefix string // of the numbers
	Key    uint32 // which service that is, for the service control point
}

// ExchangeConfig is what an Exchange is.
type ExchangeConfig struct {
	Trunks   []Trunk
	Answers  []Answer
	Services []Service
	SSN      sccp.SSN      // of the part that asks, and of the one that answers
	Timeout  time.Duration // of a question; if zero, 5 s
	Reset    bool          // circuits are reset when the exchange starts
	Timers   isup.Timers
	Logger   *slog.Logger
}

// Result is what became of a call.
type Result struct {
	Number     string
	Translated string // by the service control point, if it was asked
	Trunk      string
	CIC        isup.CIC
	Answered   bool
	Setup      time.Duration // until the answer, or the end
	Cause      isup.Cause    // of the release
	Err        error         // why there was no call
}

// Stats counts calls.
type Stats struct {
	Calls, Answered, Failed   uint64 // from here
	Incoming, IncomingAnswers uint64
	Queries, QueriesFailed    uint64
	Active                    int // at the moment
	Causes                    map[isup.CauseValue]uint64
}

// Errors of calls.
var (
	ErrNoRoute  = errors.New("no trunk leads to this number")
	ErrNoAnswer = errors.New("the service control point does not answer")
	ErrRefused  = errors.New("the service control point refuses")
)

// Exchange is calls on circuits, and what others have to say about their numbers. Its methods belong into the loop of its Point,
// but for NewExchange.
type Exchange struct {
	point   *Point
	cfg     ExchangeConfig
	log     *slog.Logger
	trunks  []*trunk
	queries map[uint32]*outgoing
	nextID  uint32
	wakes   []wake
	stats   Stats
	reset   bool
}

type trunk struct {
	Trunk
	group *isup.Group
	out   map[isup.CIC]*outgoing
	in    map[isup.CIC]*incoming
	buf   []byte
}

// outgoing is a call from here.
type outgoing struct {
	number, dial string // as dialled, and after a translation
	from         string
	talk         time.Duration
	started      time.Time
	result       Result
	tries        int
	done         func(now time.Time, r Result)
	trunk        *trunk
	over         bool
}

type incoming struct{ answer Answer }

// wake is something to be done at a time.
type wake struct {
	at time.Time
	f  func(now time.Time)
}

// NewExchange makes the exchange of a point that does not run yet.
func NewExchange(p *Point, cfg ExchangeConfig) (*Exchange, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.SSN == 0 {
		cfg.SSN = sccp.INAP
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	x := &Exchange{point: p, cfg: cfg, log: cfg.Logger, queries: map[uint32]*outgoing{}}
	x.stats.Causes = map[isup.CauseValue]uint64{}
	for _, t := range cfg.Trunks {
		c := isup.Config{OPC: p.cfg.PointCode, DPC: t.To, Circuits: t.Circuits, Timers: cfg.Timers, UnequippedCircuits: true}
		if t.Method1 {
			c.Selection = isup.Method1
		}
		g, err := isup.NewGroup(c)
		if err != nil {
			return nil, fmt.Errorf("trunk %s: %w", t.Name, err)
		}
		x.trunks = append(x.trunks, &trunk{Trunk: t, group: g, out: map[isup.CIC]*outgoing{}, in: map[isup.CIC]*incoming{}})
	}
	if err := p.User(cfg.SSN, x.unitdata); err != nil {
		return nil, err
	}
	p.isup, p.primitive = x.received, x.mtp
	p.Add(x)
	return x, nil
}

// Stats returns a copy of the counters.
func (x *Exchange) Stats() Stats {
	s := x.stats
	s.Causes = maps.Clone(s.Causes)
	return s
}

// Groups are the circuit groups by the names of their trunks.
func (x *Exchange) Groups() map[string]*isup.Group {
	all := map[string]*isup.Group{}
	for _, t := range x.trunks {
		all[t.Name] = t.group
	}
	return all
}

// Deadline is the earliest of all timers.
func (x *Exchange) Deadline() time.Time {
	var first time.Time
	if len(x.wakes) > 0 {
		first = x.wakes[0].at
	}
	for _, t := range x.trunks {
		if d := t.group.Deadline(); !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}

// Expire does what is due.
func (x *Exchange) Expire(now time.Time) {
	for len(x.wakes) > 0 && !x.wakes[0].at.After(now) {
		f := x.wakes[0].f
		x.wakes = x.wakes[1:]
		f(now)
	}
	for _, t := range x.trunks {
		if d := t.group.Deadline(); !d.IsZero() && !d.After(now) {
			x.do(now, t, t.group.Expire(now, nil))
		}
	}
}

func (x *Exchange) after(now time.Time, d time.Duration, f func(now time.Time)) {
	at := now.Add(d)
	i := sort.Search(len(x.wakes), func(i int) bool { return x.wakes[i].at.After(at) })
	x.wakes = append(x.wakes, wake{})
	copy(x.wakes[i+1:], x.wakes[i:])
	x.wakes[i] = wake{at, f}
}

// Start resets all circuits, if that was asked for: an exchange that has just started does not know what they are doing.
func (x *Exchange) Start(now time.Time) {
	if !x.cfg.Reset || x.reset {
		return
	}
	x.reset = true
	for _, t := range x.trunks {
		for _, r := range runs(t.Circuits) {
			out, err := t.group.ResetGroup(now, r[0], len(r), nil)
			if len(r) == 1 {
				out, err = t.group.Reset(now, r[0], nil)
			}
			if err != nil {
				x.log.Error("reset", "trunk", t.Name, "error", err)
			}
			x.do(now, t, out)
		}
	}
}

// runs cuts circuits into parts without gaps, of at most 32.
func runs(circuits []isup.CIC) (all [][]isup.CIC) {
	sorted := append([]isup.CIC(nil), circuits...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	for _, c := range sorted {
		if n := len(all); n > 0 && len(all[n-1]) < 32 && all[n-1][len(all[n-1])-1]+1 == c {
			all[n-1] = append(all[n-1], c)
		} else {
			all = append(all, []isup.CIC{c})
		}
	}
	return all
}

// Busy tells whether no circuit towards a number is idle, though there are trunks to it; for numbers that the service control
// point is asked about, whether no circuit at all is.
func (x *Exchange) Busy(number string) bool {
	if x.service(number) != nil {
		for _, t := range x.trunks {
			if t.group.Idle() > 0 {
				return false
			}
		}
		return len(x.trunks) > 0
	}
	t := x.route(number)
	return t != nil && t.group.Idle() == 0
}

// service is the one with the longest prefix of a number, or nil.
func (x *Exchange) service(number string) *Service {
	var best *Service
	for i, s := range x.cfg.Services {
		if strings.HasPrefix(number, s.Prefix) && (best == nil || len(s.Prefix) > len(best.Prefix)) {
			best = &x.cfg.Services[i]
		}
	}
	return best
}

// Call sends a call. talk is how long it lasts once it is answered; done is called in the loop when it is over.
func (x *Exchange) Call(now time.Time, number, from string, talk time.Duration, done func(now time.Time, r Result)) {
	c := &outgoing{number: number, dial: number, from: from, talk: talk, started: now, done: done, result: Result{Number: number}}
	x.stats.Calls++
	x.stats.Active++
	if err := CheckNumber(number); err != nil {
		x.finish(now, c, err)
		return
	}
	if s := x.service(number); s != nil {
		x.ask(now, c, *s)
		return
	}
	x.setup(now, c)
}

// finish ends a call.
func (x *Exchange) finish(now time.Time, c *outgoing, err error) {
	if c.over {
		return
	}
	c.over = true
	c.result.Err = err
	if !c.result.Answered {
		c.result.Setup = now.Sub(c.started)
		x.stats.Failed++
	}
	if c.result.Cause.Value != 0 {
		x.stats.Causes[c.result.Cause.Value]++
	}
	x.stats.Active--
	c.done(now, c.result)
}

// ask sends the question about a number: Begin with InitialDP, to the global title that the number is.
func (x *Exchange) ask(now time.Time, c *outgoing, s Service) {
	x.stats.Queries++
	x.nextID++
	id := x.nextID
	fail := func(err error) {
		x.stats.QueriesFailed++
		x.finish(now, c, err)
	}
	number, err := calledNumber(c.number)
	if err != nil {
		fail(err)
		return
	}
	called, err := number.AppendBinary(nil)
	if err != nil {
		fail(err)
		return
	}
	arg := inap.InitialDPArg{ServiceKey: s.Key, CalledPartyNumber: called, Category: uint8(isup.OrdinaryCaller), Event: inap.AnalyzedInformation}
	if from, ok := callingNumber(c.from); ok {
		if arg.CallingPartyNumber, err = from.AppendBinary(nil); err != nil {
			fail(err)
			return
		}
	}
	parameter, err := arg.AppendBinary(nil)
	if err != nil {
		fail(err)
		return
	}
	m := tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(id), Dialogue: &tcap.Dialogue{Kind: tcap.DialogueRequest, Context: inap.SSPToSCP},
		Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.InitialDP, Parameter: parameter}}}
	data, err := m.AppendBinary(nil)
	if err != nil {
		fail(err)
		return
	}
	digits, err := sccp.ParseDigits(strings.TrimPrefix(c.number, "+"))
	if err != nil {
		fail(err)
		return
	}
	title := sccp.Address{HasSSN: true, SSN: x.cfg.SSN, GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.UnknownNature, Digits: digits}}
	x.queries[id] = c
	x.after(now, x.cfg.Timeout, func(now time.Time) {
		if x.queries[id] == c {
			delete(x.queries, id)
			x.stats.QueriesFailed++
			x.finish(now, c, ErrNoAnswer)
		}
	})
	if err := x.point.Unitdata(now, sccp.Unitdata{Called: title, Calling: x.point.Address(x.cfg.SSN), ReturnOnError: true, Data: data}); err != nil {
		delete(x.queries, id)
		fail(err)
	}
}

// unitdata takes the answer, or the question that comes back.
func (x *Exchange) unitdata(now time.Time, u sccp.Unitdata, notice bool) {
	m, err := tcap.Parse(u.Data)
	if err != nil && m.Kind == 0 {
		x.log.Warn("what is this?", "from", u.Calling, "error", err)
		return
	}
	id := m.DTID
	if notice {
		id = m.OTID
	}
	c := x.queries[id.Value]
	if c == nil {
		x.log.Warn("an answer to no question", "from", u.Calling, "transaction", id)
		return
	}
	delete(x.queries, id.Value)
	if err == nil && notice {
		err = fmt.Errorf("the question came back: %v", u.Cause)
	}
	if err == nil {
		err = c.instruct(m)
	}
	if err != nil {
		x.stats.QueriesFailed++
		x.finish(now, c, err)
		return
	}
	c.result.Translated = c.dial
	x.setup(now, c)
}

// instruct follows what the service control point says.
func (c *outgoing) instruct(m tcap.Message) error {
	if m.Kind == tcap.Abort {
		if m.PAbort {
			return fmt.Errorf("%w: %v", ErrRefused, m.AbortCause)
		}
		return ErrRefused
	}
	for _, k := range m.Components {
		switch {
		case k.Kind == tcap.ReturnError:
			return fmt.Errorf("%w: %s", ErrRefused, inap.ErrorName(k.Code))
		case k.Kind == tcap.Reject:
			return fmt.Errorf("%w: problem %d/%d", ErrRefused, k.Problem.Kind, k.Problem.Code)
		case k.Kind != tcap.Invoke:
		case k.Code == inap.Continue:
			return nil
		case k.Code == inap.ReleaseCall:
			value, err := inap.ParseReleaseCall(k.Parameter)
			if err == nil {
				err = c.result.Cause.UnmarshalBinary(value)
			}
			if err != nil {
				return err
			}
			return fmt.Errorf("%w: cause %v", ErrRefused, c.result.Cause.Value)
		case k.Code == inap.Connect:
			arg, err := inap.ParseConnect(k.Parameter)
			if err != nil {
				return err
			}
			var number isup.CalledPartyNumber
			if err := number.UnmarshalBinary(arg.Destinations[0]); err != nil {
				return err
			}
			c.dial = strings.TrimSuffix(number.Digits.String(), "F")
			if number.Nature == isup.InternationalNumber {
				c.dial = "+" + c.dial
			}
			return CheckNumber(c.dial)
		}
	}
	return fmt.Errorf("%w: it says nothing", ErrRefused)
}

// route is the trunk with the longest prefix of a number.
func (x *Exchange) route(number string) *trunk {
	var best *trunk
	most := -1
	for _, t := range x.trunks {
		for _, p := range t.Prefixes {
			if strings.HasPrefix(number, p) && len(p) > most {
				best, most = t, len(p)
			}
		}
	}
	return best
}

// maxTries is how many circuits a call is tried on.
const maxTries = 4

func (x *Exchange) setup(now time.Time, c *outgoing) {
	if c.trunk = x.route(c.dial); c.trunk == nil {
		x.finish(now, c, fmt.Errorf("%s: %w", c.dial, ErrNoRoute))
		return
	}
	number, err := calledNumber(c.dial)
	if err != nil {
		x.finish(now, c, err)
		return
	}
	iam := isup.New(isup.IAM, 0, isup.NatureOfConnection{}, isup.ForwardCallIndicators{ISUPAllTheWay: true, ISDNAccess: true}, isup.OrdinaryCaller, isup.Audio31, number)
	if from, ok := callingNumber(c.from); ok {
		if err := iam.Add(from); err != nil {
			x.finish(now, c, err)
			return
		}
	}
	if err := iam.Add(isup.HopCounter(20)); err != nil {
		x.finish(now, c, err)
		return
	}
	c.tries++
	t := c.trunk
	cic, out, err := t.group.Setup(now, iam, nil)
	if err != nil {
		x.finish(now, c, err)
		return
	}
	c.result.Trunk, c.result.CIC = t.Name, cic
	t.out[cic] = c
	x.do(now, t, out)
}

func callingNumber(s string) (isup.CallingPartyNumber, bool) {
	n := isup.CallingPartyNumber{Number: isup.Number{Nature: isup.NationalNumber, Plan: isup.E164, Screening: isup.NetworkProvided}}
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		s, n.Nature = rest, isup.InternationalNumber
	}
	digits, err := isup.ParseDigits(s)
	n.Digits = digits
	return n, err == nil && s != ""
}

// received takes a message of ISUP.
func (x *Exchange) received(now time.Time, m *mtp3.MSU) {
	for _, t := range x.trunks {
		if t.To == m.Label.OPC {
			x.do(now, t, t.group.Receive(now, m.Data, nil))
			return
		}
	}
	x.log.Warn("no trunk leads to the exchange that says this", "opc", x.point.cfg.Format.PointCodeString(m.Label.OPC))
}

func (x *Exchange) mtp(now time.Time, p mtp3.Primitive) {
	for _, t := range x.trunks {
		x.do(now, t, t.group.MTP(now, p, nil))
	}
}

// do does what a group of circuits wants done.
func (x *Exchange) do(now time.Time, t *trunk, out []isup.Output) {
	for _, o := range out {
		switch o := o.(type) {
		case isup.Send:
			var err error
			if t.buf, err = o.Message.AppendBinary(t.buf[:0]); err == nil {
				err = x.point.Send(&mtp3.MSU{NI: x.point.cfg.NI, SI: mtp3.ISUP, Data: t.buf,
					Label: mtp3.Label{DPC: t.To, OPC: x.point.cfg.PointCode, SLS: o.Message.CIC.SLS()}})
			}
			if err != nil {
				x.log.Warn("not sent", "message", o.Message, "error", err)
			}
		case isup.Alert:
			x.log.Warn("maintenance", "trunk", t.Name, "cic", o.CIC, "timer", o.Timer, "reason", o.Reason)
		case isup.Indication:
			x.log.Debug(o.Kind.String(), "trunk", t.Name, "cic", o.CIC)
			if c := t.out[o.CIC]; c != nil {
				x.indicateOut(now, t, c, o)
			} else {
				x.indicateIn(now, t, o)
			}
		}
	}
}

// request sends a message of a call.
func (x *Exchange) request(now time.Time, t *trunk, m isup.Message) {
	out, err := t.group.Request(now, m, nil)
	if err != nil {
		x.log.Warn("refused", "error", err)
	}
	x.do(now, t, out)
}

func (x *Exchange) hangUp(now time.Time, t *trunk, cic isup.CIC, cause isup.CauseValue) {
	x.request(now, t, isup.New(isup.REL, cic, isup.Cause{Value: cause, Location: isup.PublicLocal}))
}

// indicateOut follows a call from here.
func (x *Exchange) indicateOut(now time.Time, t *trunk, c *outgoing, i isup.Indication) {
	switch i.Kind {
	case isup.AnswerInd:
		c.result.Answered, c.result.Setup = true, now.Sub(c.started)
		x.stats.Answered++
		x.after(now, c.talk, func(now time.Time) {
			if t.out[i.CIC] == c {
				c.result.Cause = isup.Cause{Value: isup.NormalClearing, Location: isup.PublicLocal}
				x.hangUp(now, t, i.CIC, isup.NormalClearing)
			}
		})
	case isup.ReleaseInd:
		c.result.Cause = i.Cause
		delete(t.out, i.CIC)
		x.released(now, t, i)
		x.finish(now, c, nil)
	case isup.ReleaseConf:
		delete(t.out, i.CIC)
		x.finish(now, c, nil)
	case isup.ReattemptInd:
		delete(t.out, i.CIC)
		if c.result.Cause = i.Cause; c.tries == maxTries {
			x.finish(now, c, nil)
			return
		}
		// Not from within what the group has just said: that may go on about the same circuit.
		x.after(now, 0, func(now time.Time) { x.setup(now, c) })
	}
}

// released ends a release that the other end began.
func (x *Exchange) released(now time.Time, t *trunk, i isup.Indication) {
	if i.Message.Type != isup.REL {
		return
	}
	out, err := t.group.Released(now, i.CIC, nil)
	if err != nil {
		x.log.Warn("release", "error", err)
	}
	x.do(now, t, out)
}

// indicateIn follows a call to this exchange.
func (x *Exchange) indicateIn(now time.Time, t *trunk, i isup.Indication) {
	switch i.Kind {
	case isup.SetupInd:
		x.stats.Incoming++
		var called isup.CalledPartyNumber
		if _, err := i.Message.Decode(&called); err != nil {
			x.hangUp(now, t, i.CIC, isup.InvalidContents)
			return
		}
		a, ok := x.answer(strings.TrimSuffix(called.Digits.String(), "F"))
		switch {
		case !ok:
			x.hangUp(now, t, i.CIC, isup.Unallocated)
			return
		case a.Cause != 0:
			x.hangUp(now, t, i.CIC, a.Cause)
			return
		}
		call := &incoming{answer: a}
		t.in[i.CIC] = call
		x.request(now, t, isup.New(isup.ACM, i.CIC, isup.BackwardCallIndicators{Charge: isup.ChargeIt, Status: isup.SubscriberFree,
			Category: isup.OrdinarySubscriber, ISUPAllTheWay: true, ISDNAccess: true}))
		x.after(now, a.After, func(now time.Time) {
			if t.in[i.CIC] == call {
				x.stats.IncomingAnswers++
				x.request(now, t, isup.New(isup.ANM, i.CIC))
			}
		})
		if a.Clear > 0 {
			x.after(now, a.After+a.Clear, func(now time.Time) {
				if t.in[i.CIC] == call {
					delete(t.in, i.CIC)
					x.hangUp(now, t, i.CIC, isup.NormalClearing)
				}
			})
		}
	case isup.ReleaseInd:
		delete(t.in, i.CIC)
		x.released(now, t, i)
	case isup.ReleaseConf:
		delete(t.in, i.CIC)
	}
}

// answer is what becomes of a call to a number here.
func (x *Exchange) answer(number string) (Answer, bool) {
	best := -1
	for i, a := range x.cfg.Answers {
		prefix, wild := strings.CutSuffix(a.Number, "*")
		if (number == prefix || wild && strings.HasPrefix(number, prefix)) && (best < 0 || len(a.Number) > len(x.cfg.Answers[best].Number)) {
			best = i
		}
	}
	if best < 0 {
		return Answer{}, false
	}
	return x.cfg.Answers[best], true
}
