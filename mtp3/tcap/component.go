package tcap

import (
	"fmt"

	"github.com/gotelco/telco/internal/ber"
)

// ComponentKind says what a component is (Q.773 section 3.2).
type ComponentKind uint8

// The components.
const (
	Invoke ComponentKind = iota + 1
	ReturnResultLast
	ReturnError
	Reject
	ReturnResultNotLast
)

var componentNames = [...]string{Invoke: "Invoke", ReturnResultLast: "Return Result (Last)", ReturnError: "Return Error", Reject: "Reject", ReturnResultNotLast: "Return Result (Not Last)"}

var componentTags = [...]ber.Tag{Invoke: 0xa1, ReturnResultLast: 0xa2, ReturnError: 0xa3, Reject: 0xa4, ReturnResultNotLast: 0xa7}

// String is the component's name.
func (k ComponentKind) String() string { return name(componentNames[:], k, "ComponentKind") }

// Code is an operation or an error: a number of its application, or an object identifier.
type Code struct {
	Local  int64
	Global string // "1.2.3"; if empty, Local counts
}

// String is the number or the identifier.
func (c Code) String() string {
	if c.Global != "" {
		return c.Global
	}
	return fmt.Sprint(c.Local)
}

// ProblemKind says what a Reject complains of.
type ProblemKind uint8

// What it may be.
const (
	GeneralProblem ProblemKind = iota
	InvokeProblem
	ReturnResultProblem
	ReturnErrorProblem
)

// Problem is why a component was rejected (Q.773 section 3.2, problem code).
type Problem struct {
	Kind ProblemKind
	Code uint8
}

// Problems.
var (
	UnrecognizedComponent = Problem{GeneralProblem, 0}
	MistypedComponent     = Problem{GeneralProblem, 1}
	BadlyStructured       = Problem{GeneralProblem, 2}
	DuplicateInvokeID     = Problem{InvokeProblem, 0}
	UnrecognizedOperation = Problem{InvokeProblem, 1}
	MistypedParameter     = Problem{InvokeProblem, 2}
	ResourceProblem       = Problem{InvokeProblem, 3}
	InitiatingRelease     = Problem{InvokeProblem, 4}
	UnrecognizedLinkedID  = Problem{InvokeProblem, 5}
	UnexpectedLinked      = Problem{InvokeProblem, 6} // linked response unexpected
	UnexpectedOperation   = Problem{InvokeProblem, 7} // unexpected linked operation
	UnrecognizedInvokeID  = Problem{ReturnResultProblem, 0}
	ResultUnexpected      = Problem{ReturnResultProblem, 1}
	MistypedResult        = Problem{ReturnResultProblem, 2}
	ErrorUnrecognizedID   = Problem{ReturnErrorProblem, 0}
	ErrorUnexpected       = Problem{ReturnErrorProblem, 1}
	UnrecognizedError     = Problem{ReturnErrorProblem, 2}
	UnexpectedError       = Problem{ReturnErrorProblem, 3}
	MistypedError         = Problem{ReturnErrorProblem, 4}
)

// Component is an operation of the application, or what came of one (Q.773 section 3.2).
type Component struct {
	Kind      ComponentKind
	InvokeID  int8
	NoID      bool // Reject: of a component whose ID could not be read
	LinkedID  int8 // Invoke: of the operation that this one belongs to
	HasLinked bool

	Code    Code // the operation of Invoke and Return Result, the error of Return Error
	NoCode  bool // Return Result: without operation and parameter
	Problem Problem

	// Parameter is what the application says, a whole element of BER with tag and length. It may be nil.
	Parameter []byte
}

const (
	tagLinked  ber.Tag = 0x80
	tagProblem ber.Tag = 0x80 // to 0x83
)

func (c *Component) parse(b []byte) (rest []byte, err error) {
	tag, body, rest, err := ber.Next(b)
	if err != nil {
		return nil, err
	}
	for k, t := range componentTags {
		if t == tag && t != 0 {
			c.Kind = ComponentKind(k)
		}
	}
	if c.Kind == 0 {
		return nil, ErrTag
	}
	tag, value, body, err := ber.Next(body)
	if err != nil {
		return nil, err
	}
	switch {
	case tag == ber.Integer:
		if c.InvokeID, err = invokeID(value); err != nil {
			return nil, err
		}
	case tag == ber.Null && c.Kind == Reject && len(value) == 0:
		c.NoID = true
	default:
		return nil, ErrTag
	}
	switch c.Kind {
	case Reject:
		tag, value, body, err := ber.Next(body)
		if err != nil {
			return nil, err
		}
		v, err := ber.Int(value)
		if tag < tagProblem || tag > tagProblem+3 || err != nil || v < 0 || v > 127 || len(body) > 0 {
			return nil, ErrValue
		}
		c.Problem = Problem{ProblemKind(tag - tagProblem), uint8(v)}
		return rest, nil
	case ReturnResultLast, ReturnResultNotLast:
		if len(body) == 0 {
			c.NoCode = true
			return rest, nil
		}
		tag, value, after, err := ber.Next(body)
		if err != nil {
			return nil, err
		}
		if tag != ber.Sequence || len(after) > 0 {
			return nil, ErrTag
		}
		body = value
	case Invoke:
		if tag, value, after, err := ber.Next(body); err == nil && tag == tagLinked {
			if c.LinkedID, err = invokeID(value); err != nil {
				return nil, err
			}
			c.HasLinked, body = true, after
		}
	}
	if tag, value, body, err = ber.Next(body); err != nil {
		return nil, err
	}
	switch tag {
	case ber.Integer:
		c.Code.Local, err = ber.Int(value)
	case ber.OID:
		c.Code.Global, err = ber.ParseOID(value)
	default:
		err = ErrTag
	}
	if err != nil || len(body) == 0 {
		return rest, err
	}
	_, _, whole, after, err := ber.Element(body)
	if err == nil && len(after) > 0 {
		err = ErrTag
	}
	c.Parameter = whole
	return rest, err
}

func invokeID(value []byte) (int8, error) {
	if len(value) != 1 {
		return 0, ErrValue
	}
	return int8(value[0]), nil
}

func (c Component) append(b []byte) ([]byte, error) {
	if c.Kind < Invoke || c.Kind > ReturnResultNotLast {
		return b, ErrValue
	}
	var body []byte
	if c.NoID && c.Kind == Reject {
		body = ber.Append(body, ber.Null, nil)
	} else {
		body = ber.AppendInt(body, ber.Integer, int64(c.InvokeID))
	}
	if c.Kind == Reject {
		if c.Problem.Kind > ReturnErrorProblem || c.Problem.Code > 127 {
			return b, ErrValue
		}
		return ber.Append(b, componentTags[Reject], ber.AppendInt(body, tagProblem+ber.Tag(c.Problem.Kind), int64(c.Problem.Code))), nil
	}
	if c.Kind == Invoke && c.HasLinked {
		body = ber.AppendInt(body, tagLinked, int64(c.LinkedID))
	}
	result := c.Kind == ReturnResultLast || c.Kind == ReturnResultNotLast
	if result && c.NoCode {
		return ber.Append(b, componentTags[c.Kind], body), nil
	}
	var what []byte
	if c.Code.Global != "" {
		oid, err := ber.AppendOID(nil, c.Code.Global)
		if err != nil {
			return b, err
		}
		what = ber.Append(what, ber.OID, oid)
	} else {
		what = ber.AppendInt(what, ber.Integer, c.Code.Local)
	}
	if c.Parameter != nil {
		if _, _, rest, err := ber.Next(c.Parameter); err != nil || len(rest) > 0 {
			return b, ErrValue
		}
		what = append(what, c.Parameter...)
	}
	if result {
		body = ber.Append(body, ber.Sequence, what)
	} else {
		body = append(body, what...)
	}
	return ber.Append(b, componentTags[c.Kind], body), nil
}
