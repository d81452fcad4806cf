package as

import (
	"context"
	"errors"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Route returns the decision of the router in force, whichever Reload has brought: so a Server is a
// [Router] itself.
func (s *Server) Route(ctx context.Context, r *Request) (Decision, error) {
	return s.decision(ctx, s.settings.Load(), r)
}

// Send sends a message to one target, over the servers of a trunk, to each address of a phone, or to
// the IMS core, until one answers. It is a [Sender].
func (s *Server) Send(ctx context.Context, t Target, m *Message) (*sip.Response, error) {
	set := s.settings.Load()
	o := &outgoing{s: s, set: set, caller: m.Calling}
	called := m.Called
	if t.Called != "" {
		var err error
		if called, err = partyOfText(t.Called); err != nil {
			return nil, err
		}
	}
	var targets []control.Target
	var err error
	switch {
	case t.IMS:
		dest := called.URI
		if !called.Number.IsZero() {
			dest = called.Number.String()
		}
		targets, err = o.core(dest)
	case t.Trunk != "":
		if tr := set.trunk(t.Trunk); tr != nil {
			targets, err = o.trunk(tr, called)
		} else if _, ok := set.Phones.Users[t.Trunk]; ok {
			targets, err = o.phone(t.Trunk)
		} else {
			err = errNoTrunk
		}
	default:
		targets, err = o.uri(t.URI)
	}
	if err != nil {
		var cause control.Cause
		if errors.As(err, &cause) {
			err = &sip.ResponseError{Response: &sip.Response{StatusCode: cause.SIPStatus(), Reason: cause.String()}}
		}
		return nil, err
	}
	var resp *sip.Response
	err = errNoTrunk
	for _, target := range targets {
		resp, err = s.sendMessage(ctx, target, m)
		if again := target.Done == nil || target.Done(nil, err); !again || ctx.Err() != nil {
			break
		}
	}
	return resp, err
}

func (s *Server) sendMessage(ctx context.Context, target control.Target, m *Message) (*sip.Response, error) {
	ua := s.agent.UserAgent()
	req := ua.NewRequest(sip.MESSAGE, target.URI)
	tag := ""
	if from, err := req.From(); err == nil {
		tag = from.Tag()
	}
	from, err := sip.ParseAddress(target.From)
	if err != nil {
		return nil, err
	}
	from.Params.Set("tag", tag)
	req.Set("From", from.String())
	if target.To != "" {
		req.Set("To", target.To)
	}
	content := m.request(target.URI)
	for name, value := range content.Fields() {
		req.Add(name, value)
	}
	req.Body = content.Body
	if target.Edit != nil {
		target.Edit(req)
	}
	if target.Digest == nil {
		return ua.Do(ctx, req, target.Send)
	}
	target.Digest.Prepare(req)
	for try := 0; ; try++ {
		resp, err := ua.Endpoint().Do(ctx, req, target.Send)
		if err != nil {
			return nil, err
		}
		switch {
		case resp.IsSuccess():
			return resp, target.Digest.Learn(req, resp)
		case resp.StatusCode != 401 && resp.StatusCode != 407 || try > 0:
			return nil, &sip.ResponseError{Response: resp}
		}
		req = req.Clone() // another transaction, with another CSeq
		if err := target.Digest.Retry(ctx, req, resp); err != nil {
			return nil, err
		}
		if c, err := req.CSeq(); err == nil {
			c.Seq++
			req.Set("CSeq", c.String())
		}
	}
}

// Originate makes a call as call control's originate does, and returns when it has ended; it ends
// it when ctx is done. It is for JobsConfig.
func (s *Server) Originate(ctx context.Context, args string) error {
	ch, err := s.sw.OriginateString(ctx, args)
	if err != nil {
		return err
	}
	select {
	case <-ch.Context().Done():
		return nil
	case <-ctx.Done():
		ch.Hangup(control.AllottedTimeout)
		<-ch.Context().Done()
		return context.Cause(ctx)
	}
}
