package call

import (
	"slices"
	"strings"

	"github.com/gotelco/telco/sip"
)

// Early reports whether a provisional response to a call of ours tells of early media: something to hear before the
// answer, such as an announcement, instead of the ringing tone that is otherwise for the caller's side to make.
//
// P-Early-Media decides where it is there (RFC 5009). Else a description tells of it, but not in calls with preconditions,
// where everybody describes media long before there is any (TS 24.628 section 4.7.2.1).
func (c *Call) Early(resp *sip.Response) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media == nil {
		return false
	}
	for _, v := range resp.EarlyMedia() {
		switch strings.ToLower(v) {
		case "sendrecv", "sendonly":
			return true
		case "recvonly", "inactive":
			return false
		}
	}
	return len(resp.Body) > 0 && len(c.neg.pre.Rows) == 0
}

const (
	earlyMedia     = "P-Early-Media"
	earlySupported = "supported"
)

// authorize reports whether the caller is to be told that there is early media: it knows of that, and was not told yet. The
// caller holds mu.
func (c *Call) authorize() bool {
	known := !c.authorized && slices.ContainsFunc(c.in.Request.EarlyMedia(), func(v string) bool { return strings.EqualFold(v, earlySupported) })
	c.authorized = c.authorized || known
	return known
}
