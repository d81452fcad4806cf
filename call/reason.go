package call

import (
	"context"
	"errors"
	"fmt"

	"github.com/gotelco/telco/sip"
)

// Reasons returns what the peer, or we, said of why the call has ended (RFC 3326): in BYE, CANCEL or a refusal. It is nil
// before the end, and where nothing was said.
func (c *Call) Reasons() []sip.Reason {
	if c.ctx.Err() == nil {
		return nil
	}
	return ReasonsOf(context.Cause(c.ctx))
}

// ReasonsOf returns the Reason fields of what ended a call: of the cause of [Call.Context], or of the error of
// [Agent.Dial].
func ReasonsOf(err error) []sip.Reason {
	var bye *sip.ByeError
	var cancelled *sip.CancelError
	var refused *sip.ResponseError
	var ours *sip.HangUpError
	switch {
	case errors.As(err, &ours):
		return ours.Reasons
	case errors.As(err, &bye):
		return reasonsIn(bye.Request.Head())
	case errors.As(err, &cancelled) && cancelled.Request != nil:
		return reasonsIn(cancelled.Request.Head())
	case errors.As(err, &refused):
		return reasonsIn(refused.Response.Head())
	}
	return nil
}

// endReasons is Reasons, and what a leg that ends by itself would have said: its session expired, or it went silent.
func (c *Call) endReasons() []sip.Reason {
	if r := c.Reasons(); r != nil {
		return r
	}
	switch err := context.Cause(c.ctx); { // 102 is "recovery on timer expiry" (ITU-T Q.850)
	case errors.Is(err, sip.ErrSessionExpired):
		return []sip.Reason{sip.NewReason("SIP", 408, "session timer expired"), sip.NewReason("Q.850", 102, "")}
	case errors.Is(err, ErrMediaTimeout):
		return []sip.Reason{sip.NewReason("Q.850", 102, "no media")}
	}
	return nil
}

// maxReasons bounds what is passed on.
const maxReasons = 8

func reasonsIn(h *sip.Header) (list []sip.Reason) {
	for r, err := range h.Reasons() {
		if err == nil && len(list) < maxReasons {
			list = append(list, r)
		}
	}
	return list
}

func addReasons(h *sip.Header, reasons []sip.Reason) {
	for _, r := range reasons {
		h.Add("Reason", r.String())
	}
}

// hungUp is err with reasons to tell.
func hungUp(err error, reasons []sip.Reason) error {
	if len(reasons) == 0 {
		return err
	}
	return fmt.Errorf("%w: %w", err, &sip.HangUpError{Reasons: reasons})
}
