package ss7

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/mtp3/tcap"
	"github.com/gotelco/telco/mtp3/tcap/inap"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/ladder"
	"github.com/gotelco/telco/trace/pcapng"
)

// Summaries show on a ladder's line what user parts say, rather than that M3UA carries something.
func Summaries(f mtp3.Format) map[trace.Proto]func(trace.Event) ladder.Summary {
	return map[trace.Proto]func(trace.Event) ladder.Summary{trace.M3UA: func(e trace.Event) ladder.Summary {
		msu, ok := data(e)
		if !ok {
			return ladder.Summarize(e)
		}
		s := ladder.Summary{Label: msu.SI.String()}
		switch msu.SI {
		case mtp3.ISUP:
			s = isupSummary(msu.Data)
		case mtp3.SCCP:
			s = sccpSummary(f, msu.Data)
		}
		s.Detail = fmt.Sprintf("%s -> %s  %s", f.PointCodeString(msu.Label.OPC), f.PointCodeString(msu.Label.DPC), s.Detail)
		return s
	}}
}

// Capture adds a capture to t: all messages go to a file that Wireshark reads (its INAP with -o inap.ssn:12). Without a name there is
// none. The capture is whole when stop was called.
func Capture(name string, t trace.Func) (_ trace.Func, stop func() error, err error) {
	if name == "" {
		return t, func() error { return nil }, nil
	}
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		return nil, nil, err
	}
	return trace.Tee(t, func(e trace.Event) {
		if e.Data != nil {
			w.Trace(e)
		}
	}), w.Close, nil
}

// UserParts is what a ladder shows to those who care for calls only: no states, no M3UA but its DATA.
func UserParts(e trace.Event) bool {
	msu, ok := data(e)
	return ok && (msu.SI == mtp3.ISUP || msu.SI == mtp3.SCCP && !isManagement(msu.Data))
}

// data is the message that an M3UA DATA carries.
func data(e trace.Event) (*mtp3.MSU, bool) {
	if e.Proto != trace.M3UA || e.Data == nil {
		return nil, false
	}
	m, err := m3ua.Parse(e.Data)
	if d, ok := m.(*m3ua.DATA); err == nil && ok {
		return &d.MSU, true
	}
	return nil, false
}

func isupSummary(b []byte) ladder.Summary {
	m, err := isup.Parse(b)
	if err != nil {
		return ladder.Summary{Label: "ISUP", Detail: err.Error(), Bad: true}
	}
	detail := strings.TrimPrefix(m.String(), m.Type.String()+" ")
	var cause isup.Cause
	ok, err := m.Decode(&cause)
	return ladder.Summary{Label: m.Type.String(), Detail: detail, Bad: ok && (err != nil || cause.Value != isup.NormalClearing)}
}

func isManagement(b []byte) bool {
	m, err := sccp.Codec{}.Parse(b)
	return err == nil && m.Called.SSN == sccp.SCMG && m.Called.GT.Format == sccp.NoGT
}

func sccpSummary(f mtp3.Format, b []byte) ladder.Summary {
	m, err := sccp.Codec{Format: f}.Parse(b)
	if err != nil {
		return ladder.Summary{Label: "SCCP", Detail: err.Error(), Bad: true}
	}
	to := "to " + m.Called.String()
	if m.Called.HasPC {
		to = fmt.Sprintf("to %s %v", f.PointCodeString(m.Called.PC), m.Called.SSN)
	}
	if m.Type == sccp.UDTS || m.Type == sccp.XUDTS || m.Type == sccp.LUDTS {
		return ladder.Summary{Label: m.Type.String(), Detail: to + ": " + m.Cause.String(), Bad: true}
	}
	t, err := tcap.Parse(m.Data)
	if err != nil {
		return ladder.Summary{Label: m.Type.String(), Detail: to}
	}
	s := ladder.Summary{Label: t.Kind.String(), Bad: t.Kind == tcap.Abort}
	for i, c := range t.Components {
		label, detail, bad := component(c)
		if i == 0 {
			s.Label = label
		} else {
			s.Detail += ", " + label
		}
		s.Detail += detail
		s.Bad = s.Bad || bad
	}
	s.Detail = fmt.Sprintf("%v%s, %s", t.Kind, s.Detail, to)
	return s
}

// component is an operation in a few words.
func component(c tcap.Component) (label, detail string, bad bool) {
	number := func(b []byte) string {
		var n isup.CalledPartyNumber
		if n.UnmarshalBinary(b) != nil {
			return " ?"
		}
		return " " + strings.TrimSuffix(n.Digits.String(), "F")
	}
	switch {
	case c.Kind == tcap.ReturnError:
		return "error", " " + inap.ErrorName(c.Code), true
	case c.Kind == tcap.Reject:
		return "reject", fmt.Sprintf(" problem %d/%d", c.Problem.Kind, c.Problem.Code), true
	case c.Kind != tcap.Invoke:
		return "result", "", false
	case c.Code == inap.InitialDP:
		if a, err := inap.ParseInitialDP(c.Parameter); err == nil {
			return "InitialDP", number(a.CalledPartyNumber) + "?", false
		}
		return "InitialDP", "", true
	case c.Code == inap.Connect:
		if a, err := inap.ParseConnect(c.Parameter); err == nil {
			return "Connect", number(a.Destinations[0]), false
		}
		return "Connect", "", true
	case c.Code == inap.ReleaseCall:
		return "ReleaseCall", "", true
	case c.Code == inap.Continue:
		return "Continue", "", false
	}
	return "operation " + c.Code.String(), "", false
}
