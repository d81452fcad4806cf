package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// run is the goroutine of a channel: it does one thing after the other until the channel has ended.
func (c *Channel) run() {
	for c.ctx.Err() == nil {
		c.mu.Lock()
		switch {
		case c.owned:
			c.mu.Unlock()
			c.idle()
		case c.next != nil:
			ext := *c.next
			c.next, c.parked, c.program = nil, false, nil
			c.mu.Unlock()
			c.route(ext)
		case len(c.jobs) > 0:
			j := c.jobs[0]
			c.jobs = slices.Delete(c.jobs, 0, 1)
			ctx := c.stage
			c.mu.Unlock()
			c.work(ctx, j)
		case c.bridge != nil:
			c.mu.Unlock()
			c.setState(StateExchangeMedia)
			c.idle()
		case len(c.program) > 0:
			a := c.program[0]
			c.program = c.program[1:]
			ctx := c.stage
			c.mu.Unlock()
			c.setState(StateExecute)
			c.work(ctx, &job{Action: a})
		case c.parked:
			c.mu.Unlock()
			c.parking()
		default:
			c.mu.Unlock()
			c.Hangup(NormalClearing) // the extension is at its end
		}
	}
	c.tearDown()
}

// idle waits until there may be something to do.
func (c *Channel) idle() {
	select {
	case <-c.wake:
	case <-c.ctx.Done():
	}
}

// parking is the state of a channel that waits for what it is told.
func (c *Channel) parking() {
	c.setState(StatePark)
	c.emit("CHANNEL_PARK")
	for c.ctx.Err() == nil {
		c.mu.Lock()
		stay := c.parked && c.next == nil && c.bridge == nil && len(c.program) == 0
		var j *job
		if stay && len(c.jobs) > 0 {
			j = c.jobs[0]
			c.jobs = slices.Delete(c.jobs, 0, 1)
		}
		ctx := c.stage
		c.mu.Unlock()
		switch {
		case !stay:
			c.emit("CHANNEL_UNPARK")
			return
		case j != nil:
			c.work(ctx, j)
		default:
			c.idle()
		}
	}
	c.emit("CHANNEL_UNPARK")
}

// wait does what is queued until done is closed or ctx is done. It is how applications wait that let others work in
// the meantime: park, bridge, sleep.
func (c *Channel) wait(ctx context.Context, done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return nil
		default:
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.mu.Lock()
		var j *job
		if len(c.jobs) > 0 && (c.locked == 0 || c.jobs[0].first) {
			j = c.jobs[0]
			c.jobs = slices.Delete(c.jobs, 0, 1)
		}
		c.mu.Unlock()
		if j != nil {
			c.work(ctx, j)
			continue
		}
		select {
		case <-c.wake:
		case <-done:
		case <-ctx.Done():
		}
	}
}

// Serve executes what is queued on the channel, on the goroutine of an [App], until ctx is done or done is closed: for
// applications that wait for what others have the channel do, such as an outbound event socket.
func (c *Channel) Serve(ctx context.Context, done <-chan struct{}) error {
	c.firm()
	return c.wait(ctx, done)
}

// firm keeps Break from ending the application that runs.
func (c *Channel) firm() {
	c.mu.Lock()
	if n := len(c.running); n > 0 {
		c.running[n-1].firm = true
	}
	c.mu.Unlock()
}

// work does a job, as often as it says.
func (c *Channel) work(ctx context.Context, j *job) {
	if j.Lock {
		c.lock(1)
		defer c.lock(-1)
	}
	for i := 0; ; i++ {
		begin := time.Now()
		if j.do != nil {
			j.err = j.do(ctx)
		} else {
			j.err = c.execute(ctx, j.Action)
		}
		if j.err != nil || i+1 >= j.loops && j.loops >= 0 || c.breathe(ctx, begin) != nil {
			break
		}
	}
	if j.done != nil {
		close(j.done)
	}
}

func (c *Channel) lock(n int) {
	c.mu.Lock()
	c.locked += n
	c.mu.Unlock()
	c.poke()
}

// execute runs one application.
func (c *Channel) execute(ctx context.Context, a Action) error {
	c.sw.mu.Lock()
	app := c.sw.apps[a.App]
	c.sw.mu.Unlock()
	if app == nil {
		c.sw.log.Warn("control: no such application", "uuid", c.uuid, "app", a.App)
		c.Hangup(DestinationOutOfOrder)
		return fmt.Errorf("%w: %.60q", errUnknownApp, a.App)
	}
	if a.UUID == "" {
		a.UUID = NewUUID()
	}
	a.Args = c.Expand(a.Args)
	appCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &running{action: a, cancel: cancel}
	c.mu.Lock()
	c.running = append(c.running, r)
	c.setLocked("current_application", a.App, "current_application_data", a.Args, "current_application_response", "")
	c.mu.Unlock()
	about := []string{"Application", a.App, "Application-Data", a.Args, "Application-UUID", a.UUID, "Application-Response", "_none_"}
	c.emit("CHANNEL_EXECUTE", about...)
	err := app(appCtx, c, a.Args)
	if cause := context.Cause(appCtx); err != nil && cause != nil && errors.Is(err, cause) {
		c.sw.log.Debug("control: application ends early", "uuid", c.uuid, "app", a.App, "err", err)
	} else if err != nil {
		c.sw.log.Warn("control: application failed", "uuid", c.uuid, "app", a.App, "err", err)
	}
	c.mu.Lock()
	c.running = slices.DeleteFunc(c.running, func(o *running) bool { return o == r })
	response := c.vars["current_application_response"]
	c.mu.Unlock()
	if response == "" {
		response = "_none_"
		if err != nil {
			response = "-ERR " + err.Error()
		}
	}
	about[len(about)-1] = response
	c.emit("CHANNEL_EXECUTE_COMPLETE", about...)
	return err
}

// Queue has the channel execute applications, one after the other, after those that wait already: when it has nothing
// else to do or waits itself (parked, bridged, asleep).
func (c *Channel) Queue(actions ...Action) error {
	jobs := make([]*job, len(actions))
	for i, a := range actions {
		jobs[i] = &job{Action: a}
	}
	return c.enqueue(false, jobs...)
}

// QueueLoops is Queue for one application that is executed a number of times, until it fails or ends if loops is
// negative.
func (c *Channel) QueueLoops(a Action, loops int) error {
	return c.enqueue(false, &job{Action: a, loops: loops})
}

func (c *Channel) enqueue(first bool, jobs ...*job) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	c.mu.Lock()
	if len(c.jobs)+len(jobs) > c.sw.cfg.MaxQueue {
		c.mu.Unlock()
		return errQueueFull
	}
	if first {
		for _, j := range jobs {
			j.first = true
		}
		c.jobs = slices.Insert(c.jobs, 0, jobs...)
	} else {
		c.jobs = append(c.jobs, jobs...)
	}
	c.mu.Unlock()
	c.poke()
	return nil
}

// Execute queues an application and waits until it is done, or ctx is; in the latter case it may still be executed.
// It must not be called by an App for its own channel: [Channel.Run] is for that.
func (c *Channel) Execute(ctx context.Context, app, args string) error {
	return c.ExecuteAction(ctx, Action{App: app, Args: args})
}

// ExecuteAction is Execute for an Action with a UUID.
func (c *Channel) ExecuteAction(ctx context.Context, a Action) error {
	j := &job{Action: a, done: make(chan struct{})}
	if err := c.enqueue(false, j); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.err
	default:
	}
	select {
	case <-j.done:
		return j.err
	case <-c.over:
		select {
		case <-j.done:
			return j.err
		default:
			return context.Cause(c.ctx)
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run executes an application at once, on the goroutine of the App that calls it with its own context.
func (c *Channel) Run(ctx context.Context, app, args string) error {
	return c.execute(ctx, Action{App: app, Args: args})
}

// Break ends the application that runs, such as a playback, but not a bridge; with all it also forgets those that wait.
func (c *Channel) Break(all bool) {
	c.mu.Lock()
	var dropped []*job
	if all {
		dropped, c.jobs = c.jobs, nil
	}
	var r *running
	if n := len(c.running); n > 0 && !c.running[n-1].firm {
		r = c.running[n-1]
	}
	c.mu.Unlock()
	c.drop(dropped, errBreak)
	if r != nil {
		r.cancel(errBreak)
	}
}

func (c *Channel) drop(jobs []*job, err error) {
	for _, j := range jobs {
		j.err = err
		if j.done != nil {
			close(j.done)
		}
	}
}

// Transfer has the channel leave what it does and go to an extension. A bridge it is in ends; what becomes of the
// other leg see [Channel.TransferBoth] and the variable park_after_bridge.
func (c *Channel) Transfer(ext Extension) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if ext.Number == "" {
		return parseError("extension", ext.Number, errEmpty)
	}
	c.mu.Lock()
	c.next = &ext
	c.parked = false
	c.times.Transferred = time.Now()
	c.setLocked("transfer_source", fmt.Sprintf("%d:%s:uuid_transfer:%s", time.Now().Unix(), c.uuid, ext.Number))
	br := c.bridge
	end := c.leaves()
	jobs := c.jobs
	c.jobs = nil
	c.mu.Unlock()
	c.drop(jobs, errTransferred)
	end()
	if br != nil {
		br.end(c)
	}
	c.poke()
	return nil
}

// TransferBoth is Transfer for both legs of a bridge, to the same extension.
func (c *Channel) TransferBoth(ext Extension) error {
	other := c.Bridged()
	if other == nil {
		return errNotBridged
	}
	for _, leg := range []*Channel{other, c} { // before the bridge ends, which would end the other leg
		leg.mu.Lock()
		leg.next = &ext
		leg.mu.Unlock()
	}
	if err := other.Transfer(ext); err != nil {
		return err
	}
	return c.Transfer(ext)
}

// Park has the channel leave what it does and wait for what it is told.
func (c *Channel) Park() error { return c.Transfer(Extension{Number: "park", Dialplan: "inline"}) }

// route takes the channel to an extension.
func (c *Channel) route(ext Extension) {
	if ext.Context == "" {
		ext.Context = c.sw.cfg.Context
	}
	c.mu.Lock()
	c.ext = ext
	inline := ext.Dialplan == "inline"
	if !inline && ext.Number != "" && ext.Number[0] != '&' {
		c.setLocked("destination_number", ext.Number)
	}
	c.mu.Unlock()
	c.setState(StateRouting)
	actions, err := c.actions(ext)
	if err != nil {
		var cause Cause
		if !errors.As(err, &cause) {
			cause = NormalTemporaryFailure
			c.sw.log.Warn("control: no way on", "uuid", c.uuid, "extension", ext.Number, "err", err)
		}
		c.Hangup(cause)
		return
	}
	c.mu.Lock()
	c.program = actions
	c.mu.Unlock()
}

func (c *Channel) actions(ext Extension) ([]Action, error) {
	if a, ok, err := ext.app(); ok {
		return []Action{a}, err
	}
	if ext.Dialplan == "inline" {
		return ParseInline(ext.Number)
	}
	if c.sw.cfg.Dialplan == nil {
		return nil, NoRouteDestination
	}
	actions, err := c.sw.cfg.Dialplan(c.ctx, c, ext)
	if err == nil && len(actions) == 0 {
		err = NoRouteDestination
	}
	return actions, err
}
