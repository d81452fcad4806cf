package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call/control"
)

// Queue keeps callers waiting with music until an agent is free. Callers are served in the order in which they came, and
// agents are called in turn: whoever has been idle longest.
type Queue struct {
	Music string        // what is played meanwhile, again and again
	Ring  time.Duration // how long one agent is rung
	Pause time.Duration // of an agent after a call, or after he did not answer
	// Waiting is how many callers wait.
	Waiting atomic.Int32

	idle chan control.Endpoint // agents, in the order in which they became idle
	head chan struct{}         // held by the caller who is next
}

// NewQueue returns a queue with agents: endpoints of a dial string.
func NewQueue(agents []control.Endpoint) *Queue {
	q := &Queue{idle: make(chan control.Endpoint, len(agents)), head: make(chan struct{}, 1)}
	for _, a := range agents {
		q.idle <- a
	}
	return q
}

// App is the flow.
func (q *Queue) App(ctx context.Context, c *control.Channel, _ string) error {
	if err := c.Answer(ctx); err != nil {
		return err
	}
	q.Waiting.Add(1)
	agent, err := q.wait(ctx, c)
	q.Waiting.Add(-1)
	if err != nil {
		return err
	}
	return c.Switch().Bridge(c, agent) // from here on the two are by themselves: the end of one is that of the other
}

// wait plays music until an agent has answered.
func (q *Queue) wait(ctx context.Context, c *control.Channel) (*control.Channel, error) {
	music, silence := context.WithCancel(ctx)
	defer silence()
	go c.RunAction(music, control.Action{App: "endless_playback", Args: q.Music})
	select {
	case q.head <- struct{}{}: // those who wait for this get it in the order in which they came
		defer func() { <-q.head }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for {
		select {
		case endpoint := <-q.idle:
			agent, err := q.call(ctx, c, endpoint)
			if err == nil || ctx.Err() != nil {
				return agent, err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// call calls one agent, who is idle again some time after that call.
func (q *Queue) call(ctx context.Context, c *control.Channel, endpoint control.Endpoint) (*control.Channel, error) {
	again := func() { time.AfterFunc(q.Pause, func() { q.idle <- endpoint }) }
	agent, err := c.Switch().Originate(ctx, control.Originate{
		Dial: control.DialString{
			Vars:   []control.Var{{Name: "ignore_early_media", Value: "true"}, {Name: "sip_h_X-Queue", Value: c.Var("destination_number")}},
			Groups: [][]control.Endpoint{{endpoint}},
		},
		CallerName: c.Var("caller_id_name"), CallerNumber: c.Var("caller_id_number"), Timeout: q.Ring,
	})
	if err != nil {
		again()
		return nil, err
	}
	context.AfterFunc(agent.Context(), again)
	return agent, nil
}
