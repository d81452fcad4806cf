package isup

import "time"

// unknownMessage follows the instructions that come with a message of a type that is not known (Q.764 sections
// 2.9.5.3.2 and 2.9.5.3.4). Without instructions it is discarded, and the other end told so.
func (g *Group) unknownMessage(now time.Time, c *circuit, m Message, out []Output) []Output {
	g.stats.Unreasonable++
	var how MessageCompatibility
	ok, err := m.Decode(&how)
	if ok && err == nil && g.cfg.Transit && how.Instruction.Transit() && c.state.call() {
		return append(out, Indication{Kind: TransferInd, CIC: c.cic, Message: m})
	}
	cause := g.cause(MessageTypeUnknown, byte(m.Type))
	switch {
	case !ok || err != nil:
		return g.send(out, New(CFN, c.cic, cause))
	case how.Instruction.ReleaseCall():
		if c.state.call() {
			out = g.clear(now, c, cause, out)
		}
	case how.Instruction.DiscardMessage():
		if how.Instruction.SendNotification() {
			out = g.send(out, New(CFN, c.cic, cause))
		}
	default:
		if c.state.call() {
			out = append(out, Indication{Kind: TransferInd, CIC: c.cic, Message: m})
		}
	}
	return out
}

// unknownParameters follows the instructions that come with parameters that are not known (Q.764 section 2.9.5.3.3).
// Those without instructions stay in the message, for an exchange that passes them on. The message comes back without
// those that are to be discarded.
func (g *Group) unknownParameters(now time.Time, c *circuit, m Message, out []Output) (kept Message, discarded bool, _ []Output) {
	var how ParameterCompatibility
	if ok, err := m.Decode(&how); !ok || err != nil {
		return m, false, out
	}
	var gone, told []byte
	for _, p := range m.Params {
		if p.Code.Known() {
			continue
		}
		i, ok := how.Of(p.Code)
		if !ok || g.cfg.Transit && i.Transit() {
			continue
		}
		switch {
		case i.ReleaseCall():
			cause := g.cause(ParameterUnknown, byte(p.Code))
			if c.state.call() {
				return m, true, g.clear(now, c, cause, out)
			}
			if m.Type == IAM && c.state == idle {
				return m, true, g.release(now, c, New(REL, c.cic, cause), out)
			}
		case i.DiscardMessage():
			if m.Type == REL || m.Type == RLC { // these are never discarded: the circuit would hang
				continue
			}
			if i.SendNotification() && m.Type != CFN {
				out = g.send(out, New(CFN, c.cic, g.cause(UnrecognizedParameter, byte(m.Type), byte(p.Code))))
			}
			return m, true, out
		case i.DiscardParameter():
			gone = append(gone, byte(p.Code))
			if i.SendNotification() && m.Type != CFN {
				told = append(told, byte(p.Code))
			}
		}
	}
	if len(told) > 0 {
		out = g.send(out, New(CFN, c.cic, g.cause(ParameterUnknown, told...)))
	}
	if len(gone) > 0 {
		m = m.Clone()
		for _, code := range gone {
			m.Remove(ParameterCode(code))
		}
	}
	return m, false, out
}
