package ss7

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/mtp3/tcap"
	"github.com/gotelco/telco/mtp3/tcap/inap"
)

// Translation says what a number is translated to.
type Translation struct {
	Number string          // the number that was dialled, or how it begins, with a "*" at its end
	To     string          // the number to go on with; after a "*" the digits that it stood for follow
	Cause  isup.CauseValue // or why the call is released
}

// Translations is a table of them, the most digits first.
type Translations []Translation

// Find returns the translation of a number.
func (t Translations) Find(number string) (to string, cause isup.CauseValue, ok bool) {
	best := -1
	for i, r := range t {
		prefix, wild := strings.CutSuffix(r.Number, "*")
		if number != prefix && (!wild || !strings.HasPrefix(number, prefix)) {
			continue
		}
		if best < 0 || len(r.Number) > len(t[best].Number) {
			best = i
		}
	}
	if best < 0 {
		return "", 0, false
	}
	r := t[best]
	prefix, _ := strings.CutSuffix(r.Number, "*")
	to, wild := strings.CutSuffix(r.To, "*")
	if wild {
		to += number[len(prefix):]
	}
	return to, r.Cause, true
}

// Translator is a service control point: it answers what exchanges ask about numbers.
type Translator struct {
	point *Point
	ssn   sccp.SSN
	keys  []uint32 // the services that it knows; none: any
	table atomic.Pointer[Translations]
	log   *slog.Logger
	stats TranslatorStats
}

// TranslatorStats counts questions by what came of them.
type TranslatorStats struct{ Queries, Translated, Released, Unknown, Refused, Malformed atomic.Uint64 }

// NewTranslator makes one that is subsystem ssn of a point. Set gives it numbers.
func NewTranslator(p *Point, ssn sccp.SSN, keys []uint32, log *slog.Logger) (*Translator, error) {
	t := &Translator{point: p, ssn: ssn, keys: keys, log: log}
	t.table.Store(&Translations{})
	return t, p.User(ssn, t.unitdata)
}

// Set replaces the table. It may be called by any goroutine.
func (t *Translator) Set(table Translations) { t.table.Store(&table) }

// Stats are the counters.
func (t *Translator) Stats() *TranslatorStats { return &t.stats }

func (t *Translator) unitdata(now time.Time, u sccp.Unitdata, notice bool) {
	if notice {
		t.log.Warn("an answer came back", "to", u.Called, "cause", u.Cause)
		return
	}
	answer, about := t.answer(u.Data)
	t.log.Debug("question", "from", u.Calling, "result", about)
	if answer.Kind == 0 {
		return
	}
	data, err := answer.AppendBinary(nil)
	if err == nil {
		err = t.point.Unitdata(now, sccp.Unitdata{Called: u.Calling, Calling: t.point.Address(t.ssn), Data: data})
	}
	if err != nil {
		t.log.Warn("not answered", "to", u.Calling, "error", err)
	}
}

// answer makes the answer to a message, whose Kind is zero if there is none, and says what it was about.
func (t *Translator) answer(data []byte) (tcap.Message, string) {
	m, err := tcap.Parse(data)
	switch {
	case err != nil && (m.Kind == tcap.Begin || m.Kind == tcap.Continue) && m.OTID.Octets > 0:
		t.stats.Malformed.Add(1)
		return tcap.Message{Kind: tcap.Abort, DTID: m.OTID, PAbort: true, AbortCause: tcap.BadlyFormatted}, err.Error()
	case err != nil:
		t.stats.Malformed.Add(1)
		return tcap.Message{}, err.Error()
	case m.Kind == tcap.Continue: // no transaction here goes on
		t.stats.Refused.Add(1)
		return tcap.Message{Kind: tcap.Abort, DTID: m.OTID, PAbort: true, AbortCause: tcap.UnrecognizedTransaction}, "unknown transaction"
	case m.Kind != tcap.Begin:
		return tcap.Message{}, m.Kind.String()
	}
	t.stats.Queries.Add(1)
	end := tcap.Message{Kind: tcap.End, DTID: m.OTID}
	if m.Dialogue != nil {
		if m.Dialogue.Kind != tcap.DialogueRequest || m.Dialogue.Context != inap.SSPToSCP {
			t.stats.Refused.Add(1)
			return tcap.Message{Kind: tcap.Abort, DTID: m.OTID, Dialogue: &tcap.Dialogue{Kind: tcap.DialogueResponse, Context: inap.SSPToSCP, Refused: true,
				Diagnostic: tcap.ContextNotSupported}}, "another application context"
		}
		end.Dialogue = &tcap.Dialogue{Kind: tcap.DialogueResponse, Context: inap.SSPToSCP}
	}
	if len(m.Components) == 0 || m.Components[0].Kind != tcap.Invoke {
		t.stats.Refused.Add(1)
		return end, "no question"
	}
	c, about := t.initialDP(m.Components[0])
	end.Components = []tcap.Component{c}
	return end, about
}

// initialDP answers one operation.
func (t *Translator) initialDP(c tcap.Component) (tcap.Component, string) {
	refuse := func(p tcap.Problem, why string) (tcap.Component, string) {
		t.stats.Refused.Add(1)
		return tcap.Component{Kind: tcap.Reject, InvokeID: c.InvokeID, Problem: p}, why
	}
	fail := func(code tcap.Code, why string) (tcap.Component, string) {
		return tcap.Component{Kind: tcap.ReturnError, InvokeID: c.InvokeID, Code: code}, why
	}
	if c.Code != inap.InitialDP {
		return refuse(tcap.UnrecognizedOperation, "operation "+c.Code.String())
	}
	arg, err := inap.ParseInitialDP(c.Parameter)
	if err != nil {
		return refuse(tcap.MistypedParameter, err.Error())
	}
	if arg.CalledPartyNumber == nil {
		t.stats.Refused.Add(1)
		return fail(inap.MissingParameter, "no number")
	}
	var called isup.CalledPartyNumber
	if err := called.UnmarshalBinary(arg.CalledPartyNumber); err != nil {
		return refuse(tcap.MistypedParameter, err.Error())
	}
	number := strings.TrimSuffix(called.Digits.String(), "F")
	if !t.knows(arg.ServiceKey) {
		t.stats.Unknown.Add(1)
		return fail(inap.MissingCustomerRecord, fmt.Sprintf("%s: service %d is not here", number, arg.ServiceKey))
	}
	to, cause, ok := t.table.Load().Find(number)
	switch {
	case !ok:
		t.stats.Unknown.Add(1)
		return fail(inap.MissingCustomerRecord, number+" is not known")
	case cause != 0:
		value, err := isup.Cause{Value: cause, Location: isup.PublicLocal}.AppendBinary(nil)
		if err == nil {
			value, err = inap.AppendReleaseCall(nil, value)
		}
		if err != nil {
			return fail(inap.SystemFailure, err.Error())
		}
		t.stats.Released.Add(1)
		return tcap.Component{Kind: tcap.Invoke, InvokeID: c.InvokeID, Code: inap.ReleaseCall, Parameter: value}, number + ": cause " + cause.String()
	}
	parameter, err := connect(to)
	if err != nil {
		return fail(inap.SystemFailure, err.Error())
	}
	t.stats.Translated.Add(1)
	return tcap.Component{Kind: tcap.Invoke, InvokeID: c.InvokeID, Code: inap.Connect, Parameter: parameter}, number + " -> " + to
}

func (t *Translator) knows(key uint32) bool {
	for _, k := range t.keys {
		if k == key {
			return true
		}
	}
	return len(t.keys) == 0
}

// connect is the argument of Connect to a number.
func connect(to string) ([]byte, error) {
	number, err := calledNumber(to)
	if err != nil {
		return nil, err
	}
	value, err := number.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return inap.ConnectArg{Destinations: [][]byte{value}}.AppendBinary(nil)
}

// maxDigits is how long a number may be.
const maxDigits = 24

// ErrNumber says that a number has other characters than digits, or too many.
var ErrNumber = errors.New("a number has 1 to 24 digits")

// calledNumber is a number as ISUP has it: with a "+" an international one, else one as it was dialled.
func calledNumber(s string) (isup.CalledPartyNumber, error) {
	n := isup.CalledPartyNumber{Number: isup.Number{Nature: isup.UnknownNature, Plan: isup.E164}}
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		s, n.Nature = rest, isup.InternationalNumber
	}
	if err := CheckNumber(s); err != nil {
		return n, err
	}
	digits, err := isup.ParseDigits(s + "F") // that is all of it
	n.Digits = digits
	return n, err
}

// CheckNumber tells whether a number can be dialled.
func CheckNumber(s string) error {
	s = strings.TrimPrefix(s, "+")
	if s == "" || len(s) > maxDigits || strings.Trim(s, "0123456789") != "" {
		return fmt.Errorf("%q: %w", s, ErrNumber)
	}
	return nil
}
