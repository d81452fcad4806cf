package control

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// Serve takes a call that came in, sends it to the extension that was called, and returns when it has ended. It fits
// [call.Config].OnCall.
func (s *Switch) Serve(c *call.Call) {
	ch, err := s.adopt(c, nil)
	if err != nil {
		s.log.Warn("control: call refused", "err", err)
		return
	}
	number := ch.Var("destination_number")
	if number == "" {
		number = "s"
	}
	ch.next = &Extension{Number: number}
	go ch.run()
	<-ch.Done()
}

// Adopt makes a channel of a call that came in. It is parked: nobody answers it until it is told to. The call's
// OnCall must not return before the channel has answered or ended, see [Channel.Done]. Where there are too many
// channels the call is refused with 503, and the error is a Cause.
func (s *Switch) Adopt(c *call.Call, vars ...Var) (*Channel, error) {
	ch, err := s.adopt(c, vars)
	if err == nil {
		ch.parked = true
		go ch.run()
	}
	return ch, err
}

// adopt makes a channel, which does not run yet.
func (s *Switch) adopt(c *call.Call, vars []Var) (*Channel, error) {
	ch := s.newChannel("", true)
	for _, v := range vars {
		if v.Name == "uuid" && v.Value != "" {
			ch.uuid, ch.callUUID = v.Value, v.Value
		}
	}
	ch.call = c
	ch.describeIncoming(c)
	ch.setVars(vars)
	ch.name = ch.vars["channel_name"]
	if err := s.add(ch); err != nil {
		c.Refuse(503, "")
		return nil, err
	}
	ch.listenTo(c)
	ch.emit("CHANNEL_CREATE")
	ch.setState(StateInit)
	ch.setCallState("RINGING")
	context.AfterFunc(c.Context(), func() { ch.ended(context.Cause(c.Context())) })
	return ch, nil
}

// Answer answers a call that came in; of others it waits for the answer.
func (c *Channel) Answer(ctx context.Context) error {
	if !c.incoming {
		select {
		case <-c.answered:
			return nil
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case c.answering <- struct{}{}: // one at a time; it lasts until the caller has acknowledged
		defer func() { <-c.answering }()
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.IsAnswered() {
		return nil
	}
	if err := c.Call().Answer(ctx); err != nil {
		if c.ctx.Err() == nil {
			c.Hangup(CauseOf(err))
		}
		return err
	}
	c.markAnswered()
	return nil
}

// PreAnswer opens the audio of a call that came in before it is answered (183). Where there is audio, it does nothing.
func (c *Channel) PreAnswer() error {
	c.mu.Lock()
	in := c.call
	done := c.early || !c.times.Answered.IsZero() || !c.incoming
	c.mu.Unlock()
	if done {
		return nil
	}
	if err := in.Progress(); err != nil {
		return err
	}
	c.mu.Lock()
	c.early = true
	c.times.ProgressMedia = time.Now()
	c.mu.Unlock()
	c.codecVars()
	c.setCallState("EARLY")
	c.emit("CHANNEL_PROGRESS_MEDIA")
	c.executeOn("pre_answer")
	return nil
}

// RingReady tells the peer of a call that came in that somebody is alerted (180).
func (c *Channel) RingReady() error {
	c.mu.Lock()
	in := c.call
	done := c.early || !c.times.Answered.IsZero() || !c.incoming || !c.times.Progress.IsZero()
	if !done {
		c.times.Progress = time.Now()
	}
	c.mu.Unlock()
	if done {
		return nil
	}
	if err := in.Ring(); err != nil {
		return err
	}
	c.emit("CHANNEL_PROGRESS")
	c.executeOn("ring")
	return nil
}

// markAnswered notes that the call was answered, and tells of it.
func (c *Channel) markAnswered() {
	c.mu.Lock()
	if !c.times.Answered.IsZero() {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	c.times.Answered = now
	c.setLocked("endpoint_disposition", "ANSWER", "answer_epoch", strconv.FormatInt(now.Unix(), 10), "answer_uepoch", stamp(now), "answer_stamp", now.Format(time.DateTime))
	c.mu.Unlock()
	c.codecVars()
	close(c.answered)
	c.setCallState("ACTIVE")
	c.emit("CHANNEL_ANSWER")
	c.executeOn("answer")
	c.apiOn("answer")
}

// codecVars sets the variables that tell of the codec.
func (c *Channel) codecVars() {
	in := c.Call()
	if in == nil {
		return
	}
	codec := in.Codec()
	if codec.Name == "" {
		return
	}
	rate := strconv.Itoa(codec.SampleRate)
	c.set("read_codec", codec.Name, "write_codec", codec.Name, "read_rate", rate, "write_rate", rate,
		"rtp_use_codec_name", codec.Name, "rtp_use_codec_rate", strconv.Itoa(codec.ClockRate), "rtp_use_pt", strconv.Itoa(int(codec.PayloadType)))
	if m := in.Media(); m != nil {
		st := m.Stats()
		local := m.LocalAddr()
		c.set("local_media_ip", local.Addr().String(), "local_media_port", strconv.Itoa(int(local.Port())))
		if st.Remote.IsValid() {
			c.set("remote_media_ip", st.Remote.Addr().String(), "remote_media_port", strconv.Itoa(int(st.Remote.Port())))
		}
	}
}

// executeOn queues the applications of execute_on_EVENT and the variables that begin with it: "app args" or "app::args".
func (c *Channel) executeOn(event string) {
	for _, value := range c.varsWithPrefix("execute_on_" + event) {
		app, args, ok := strings.Cut(value, "::")
		if !ok {
			app, args, _ = strings.Cut(value, " ")
		}
		if err := c.enqueue(true, &job{Action: Action{App: app, Args: args}}); err != nil && c.ctx.Err() == nil {
			c.sw.log.Warn("control: not executed", "uuid", c.uuid, "app", app, "err", err)
		}
	}
}

// apiOn executes the commands of api_on_EVENT and the variables that begin with it.
func (c *Channel) apiOn(event string) {
	for _, value := range c.varsWithPrefix("api_on_" + event) {
		command := c.Expand(value)
		go c.sw.callAPI(context.WithoutCancel(c.ctx), command)
	}
}

func (s *Switch) callAPI(ctx context.Context, command string) {
	s.mu.Lock()
	api := s.api
	s.mu.Unlock()
	if api == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := api(ctx, command); err != nil {
		s.log.Warn("control: command failed", "command", command, "err", err)
	}
}

func (c *Channel) varsWithPrefix(prefix string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	if v := c.vars[prefix]; v != "" {
		out = append(out, v)
	}
	for i := 1; i < 100; i++ {
		v := c.vars[prefix+"_"+strconv.Itoa(i)]
		if v == "" {
			break
		}
		out = append(out, v)
	}
	return out
}

// listenTo hears of what the peer does in the call.
func (c *Channel) listenTo(in *call.Call) {
	in.OnDTMF(c.key)
	in.OnRequest(c.request)
	in.OnHold(c.isHeld)
}

// isHeld tells that one side holds the call, or does not any more.
func (c *Channel) isHeld(held bool) {
	if !held {
		c.setCallState("ACTIVE")
		c.emit("CHANNEL_UNHOLD")
		return
	}
	c.mu.Lock()
	c.times.LastHold = time.Now()
	c.mu.Unlock()
	c.setCallState("HELD")
	c.emit("CHANNEL_HOLD")
}

// request answers what the peer sends within the call.
func (c *Channel) request(in *sip.Incoming) {
	switch in.Request.Method {
	case sip.INFO:
		in.Reply(200, nil, "")
		c.emitBody("RECV_INFO", string(in.Request.Body), "SIP-Content-Type", in.Request.ContentType())
	case sip.MESSAGE:
		in.Reply(200, nil, "")
		c.emitBody("MESSAGE", string(in.Request.Body), "from", c.Var("sip_from_uri"), "type", in.Request.ContentType())
	default:
		in.Reply(405, nil, "")
	}
}
