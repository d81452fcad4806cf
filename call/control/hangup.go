package control

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// ended notes that the call has ended.
func (c *Channel) ended(err error) {
	disposition := ""
	switch {
	case errors.Is(err, sip.ErrPeerHungUp):
		disposition = "recv_bye"
	case errors.Is(err, sip.ErrCanceled):
		disposition = "recv_cancel"
	}
	cause := CauseOf(err)
	if errors.Is(err, sip.ErrHungUp) {
		c.mu.Lock()
		if c.leaving != CauseNone {
			cause = c.leaving
		}
		c.mu.Unlock()
	}
	c.hangup(cause, disposition)
}

// Hangup ends the channel. The peer is told why: by the status code of a refusal, or by a Reason field (RFC 3326).
// A second Hangup does nothing.
func (c *Channel) Hangup(cause Cause) { c.hangup(cause, "") }

func (c *Channel) hangup(cause Cause, disposition string) {
	if cause == CauseNone {
		cause = NormalClearing
	}
	c.mu.Lock()
	if c.cause != CauseNone {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	c.times.Hungup = time.Now()
	in, answered := c.call, !c.times.Answered.IsZero()
	if disposition == "" {
		switch {
		case answered:
			disposition = "send_bye"
		case c.incoming:
			disposition = "send_refuse"
		case c.dialErr != nil:
			disposition = "recv_refuse"
		default:
			disposition = "send_cancel"
		}
	}
	c.setLocked("hangup_cause", cause.String(), "hangup_cause_q850", strconv.Itoa(cause.Q850()), "sip_hangup_disposition", disposition)
	jobs := c.jobs
	c.jobs = nil
	c.mu.Unlock()
	c.setState(StateHangup)
	c.setCallState("HANGUP")
	c.emit("CHANNEL_HANGUP")
	c.cancel(&ending{cause, sip.HangUpError{Reasons: []sip.Reason{cause.Reason()}}})
	c.drop(jobs, cause)
	switch {
	case in == nil || in.Context().Err() != nil:
	case c.incoming && !answered:
		c.refuse(in, cause) // before Serve returns
	default:
		go c.release(in, cause)
	}
	close(c.hooked)
}

// ending is the cause of a channel's context: the Cause, which is also told to a peer whose INVITE is cancelled.
type ending struct {
	cause Cause
	why   sip.HangUpError
}

func (e *ending) Error() string { return e.cause.Error() }

func (e *ending) Unwrap() []error { return []error{e.cause, &e.why} }

// refuse refuses a call that came in.
func (c *Channel) refuse(in *call.Call, cause Cause) {
	status := cause.SIPStatus()
	if cause == NormalClearing {
		status = 480
	}
	resp := sip.NewResponse(in.Request(), status, "")
	resp.Add("Reason", cause.Reason().String())
	if err := in.Respond(resp); err != nil {
		go c.release(in, cause) // it is being answered
	}
}

// release tells the peer of the end.
func (c *Channel) release(in *call.Call, cause Cause) {
	d := in.Dialog()
	if d == nil {
		return // the INVITE is cancelled with the channel's context
	}
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if err := d.Bye(ctx, sip.RequestOptions{Edit: func(r *sip.Request) { r.Add("Reason", cause.Reason().String()) }}); err != nil {
		c.sw.log.Debug("control: the end was not heard", "uuid", c.uuid, "err", err)
	}
}

// tearDown is the last thing that the channel's goroutine does.
func (c *Channel) tearDown() {
	<-c.hooked
	c.mu.Lock()
	br := c.bridge
	c.mu.Unlock()
	if br != nil {
		br.end(c)
	}
	c.stopRecordings()
	c.setState(StateReporting)
	c.billing()
	c.emit("CHANNEL_HANGUP_COMPLETE")
	for _, name := range []string{"api_hangup_hook", "api_reporting_hook"} {
		if hook := c.Var(name); hook != "" {
			c.sw.callAPI(context.WithoutCancel(c.ctx), c.Expand(hook))
		}
	}
	c.apiOn("hangup")
	if c.sw.cfg.OnDestroy != nil {
		c.sw.cfg.OnDestroy(c)
	}
	c.setState(StateDestroy)
	c.sw.mu.Lock()
	delete(c.sw.channels, c.uuid)
	c.sw.mu.Unlock()
	c.emit("CHANNEL_DESTROY")
	close(c.over)
}

// billing sets the variables of a call record.
func (c *Channel) billing() {
	c.codecVars() // a re-INVITE may have changed them
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.times
	total, billed := t.Hungup.Sub(t.Created), time.Duration(0)
	if !t.Answered.IsZero() {
		billed = max(t.Hungup.Sub(t.Answered), 0)
	}
	seconds := func(from time.Time) string { // whole ones, as they are told of the two moments
		if from.IsZero() {
			return "0"
		}
		return strconv.FormatInt(max(t.Hungup.Unix()-from.Unix(), 0), 10)
	}
	c.setLocked("duration", seconds(t.Created), "billsec", seconds(t.Answered), "mduration", strconv.FormatInt(total.Milliseconds(), 10),
		"billmsec", strconv.FormatInt(billed.Milliseconds(), 10), "uduration", strconv.FormatInt(total.Microseconds(), 10), "billusec", strconv.FormatInt(billed.Microseconds(), 10))
	for name, at := range map[string]time.Time{"start": t.Created, "answer": t.Answered, "end": t.Hungup, "progress": t.Progress, "progress_media": t.ProgressMedia, "bridge": t.Bridged} {
		epoch, text := "0", ""
		if !at.IsZero() {
			epoch, text = strconv.FormatInt(at.Unix(), 10), at.Format(time.DateTime)
		}
		c.setLocked(name+"_epoch", epoch, name+"_uepoch", stamp(at), name+"_stamp", text)
	}
	if c.call == nil {
		return
	}
	if m := c.call.Media(); m != nil {
		st := m.Stats()
		c.setLocked("rtp_audio_in_packet_count", strconv.FormatUint(st.RTP.PacketsReceived, 10), "rtp_audio_out_packet_count", strconv.FormatUint(st.RTP.PacketsSent, 10))
	}
}
