package isup

// Instruction says what an exchange does with a message or parameter that it does not know (Q.763
// sections 3.33 and 3.41, Q.764 section 2.9.5.3).
type Instruction uint8

// Transit tells an exchange in the middle of the way to pass on what it does not know: the other
// instructions are for the exchanges at its ends.
func (i Instruction) Transit() bool { return i&0x01 == 0 }

// ReleaseCall tells to release the call.
func (i Instruction) ReleaseCall() bool { return i&0x02 != 0 }

// SendNotification tells to send a CFN.
func (i Instruction) SendNotification() bool { return i&0x04 != 0 }

// DiscardMessage tells to discard the message.
func (i Instruction) DiscardMessage() bool { return i&0x08 != 0 }

// DiscardParameter tells to discard the parameter; of parameters alone.
func (i Instruction) DiscardParameter() bool { return i&0x10 != 0 }

// An Instruction is put together of these bits.
const (
	EndNodeInterpretation Instruction = 0x01 // the opposite of Transit
	ReleaseCall           Instruction = 0x02
	SendNotification      Instruction = 0x04
	DiscardMessage        Instruction = 0x08
	DiscardParameter      Instruction = 0x10
)

const lastInstruction = 0x80 // the extension bit: no more octets follow

// MessageCompatibility is the message compatibility information (Q.763 section 3.33).
type MessageCompatibility struct {
	Instruction Instruction
	More        []byte // further octets: broadband/narrowband interworking
}

// Code is PMessageCompatibility.
func (MessageCompatibility) Code() ParameterCode { return PMessageCompatibility }

// AppendBinary appends the value.
func (c MessageCompatibility) AppendBinary(b []byte) ([]byte, error) {
	o := byte(c.Instruction) &^ lastInstruction
	if len(c.More) == 0 {
		o |= lastInstruction
	}
	return append(append(b, o), c.More...), nil
}

// UnmarshalBinary reads the value.
func (c *MessageCompatibility) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		return ErrLength
	}
	*c = MessageCompatibility{Instruction: Instruction(b[0] &^ lastInstruction)}
	if len(b) > 1 {
		c.More = b[1:]
	}
	return nil
}

// ParameterInstruction says what to do with one parameter.
type ParameterInstruction struct {
	Parameter   ParameterCode
	Instruction Instruction
	More        []byte // further octets of the instruction indicators, as they are on the wire
}

// ParameterCompatibility is the parameter compatibility information (Q.763 section 3.41).
type ParameterCompatibility []ParameterInstruction

// Code is PParameterCompatibility.
func (ParameterCompatibility) Code() ParameterCode { return PParameterCompatibility }

// AppendBinary appends the value.
func (c ParameterCompatibility) AppendBinary(b []byte) ([]byte, error) {
	if len(c) == 0 {
		return b, ErrLength
	}
	for _, p := range c {
		o := byte(p.Instruction) &^ lastInstruction
		if len(p.More) == 0 {
			o |= lastInstruction
		}
		b = append(b, byte(p.Parameter), o)
		for i, m := range p.More {
			if m &^= lastInstruction; i == len(p.More)-1 {
				m |= lastInstruction
			}
			b = append(b, m)
		}
	}
	return b, nil
}

// UnmarshalBinary reads the value.
func (c *ParameterCompatibility) UnmarshalBinary(b []byte) error {
	*c = (*c)[:0]
	if len(b) == 0 {
		return ErrLength
	}
	for len(b) > 0 {
		if len(b) < 2 {
			return ErrTruncated
		}
		p := ParameterInstruction{Parameter: ParameterCode(b[0]), Instruction: Instruction(b[1] &^ lastInstruction)}
		n := 2
		for b[n-1]&lastInstruction == 0 {
			if n++; n > len(b) {
				return ErrTruncated
			}
		}
		if n > 2 {
			p.More = b[2:n]
		}
		*c, b = append(*c, p), b[n:]
	}
	return nil
}

// Of returns the instruction for a parameter.
func (c ParameterCompatibility) Of(code ParameterCode) (Instruction, bool) {
	for _, p := range c {
		if p.Parameter == code {
			return p.Instruction, true
		}
	}
	return 0, false
}
