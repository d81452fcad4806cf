package sip

import "strconv"

// CSeq is the value of the CSeq header field (RFC 3261 section 20.16).
type CSeq struct {
	Seq    uint32 // below 2**31 when sent; received values up to 2**32-1 are taken
	Method Method
}

// ParseCSeq reads a CSeq value.
func ParseCSeq(s string) (CSeq, error) {
	c, err := parseCSeq(s, false)
	return c, asError(err)
}

func parseCSeq(s string, strict bool) (CSeq, *ParseError) {
	i := skipLWS(s, 0)
	j := i
	for j < len(s) && s[j]-'0' <= 9 {
		j++
	}
	if j == i {
		return CSeq{}, bad(i, "no sequence number")
	}
	limit := uint64(1<<32 - 1)
	if strict {
		limit = 1<<31 - 1
	}
	n, ok := number(s[i:j], limit)
	if !ok {
		return CSeq{}, bad(i, "sequence number too large")
	}
	k := skipLWS(s, j)
	if k == j {
		return CSeq{}, bad(j, "no white space after the sequence number")
	}
	end := trimRight(s, k, len(s))
	if p := firstNot(s[k:end], isToken); p >= 0 || k == end {
		return CSeq{}, bad(k+max(p, 0), "bad method")
	}
	return CSeq{uint32(n), internMethod(s[k:end])}, nil
}

// String returns "1 INVITE".
func (c CSeq) String() string {
	b, _ := c.AppendText(nil)
	return string(b)
}

// AppendText appends what String returns.
func (c CSeq) AppendText(b []byte) ([]byte, error) {
	b = strconv.AppendUint(b, uint64(c.Seq), 10)
	return append(append(b, ' '), c.Method...), nil
}
