package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/httpguard"
)

func describe(i control.ChannelInfo) Channel {
	d := Channel{
		UUID: i.UUID, Direction: "outbound", Name: i.Name, State: i.State.String(), CallState: i.CallState, CallerName: i.CallerName,
		CallerNumber: i.CallerNumber, Destination: i.Destination, Address: i.Address, Codec: i.Codec, Bridged: i.Bridged,
		Call: i.CallUUID, Created: i.Created.UTC(), App: i.App.App,
	}
	if i.Incoming {
		d.Direction = "inbound"
	}
	if !i.Answered.IsZero() {
		t := i.Answered.UTC()
		d.Answered = &t
	}
	if i.Cause != control.CauseNone {
		d.Cause = i.Cause.String()
	}
	return d
}

// channel returns the channel that a request is about.
func (h *Handler) channel(r *http.Request) (*control.Channel, error) {
	c := h.cfg.Switch.Channel(r.PathValue("uuid"))
	if c == nil {
		return nil, &Problem{Status: http.StatusNotFound, Detail: "there is no channel of that UUID"}
	}
	return c, nil
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	l := ChannelList{Channels: []Channel{}}
	for _, i := range h.cfg.Switch.Channels() {
		l.Channels = append(l.Channels, describe(i))
	}
	return h.api.Answer(w, http.StatusOK, l)
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	return h.api.Answer(w, http.StatusOK, whole(c))
}

func whole(c *control.Channel) Channel {
	d := describe(c.Info())
	d.Variables, d.Recordings = c.Vars(), c.Recordings()
	return d
}

// then says where a call goes that has been answered.
func (o Originate) then() (control.Extension, error) {
	switch {
	case o.Extension != "" && len(o.Actions) > 0:
		return control.Extension{}, errors.New("either actions or an extension")
	case o.Extension != "":
		if strings.HasPrefix(o.Extension, "&") {
			return control.Extension{}, errors.New("applications go into actions")
		}
		return control.Extension{Number: o.Extension, Context: o.Context}, nil
	case len(o.Actions) == 0:
		return control.Extension{Number: "&park()"}, nil
	}
	return control.Extension{}, nil // parked, until the actions are queued
}

func (h *Handler) originate(w http.ResponseWriter, r *http.Request) error {
	var o Originate
	if err := httpguard.Body(r, &o); err != nil {
		return err
	}
	dial, err := control.ParseDialString(o.To)
	if err != nil {
		return unusable(err)
	}
	then, err := o.then()
	if err == nil {
		err = h.known(o.Actions)
	}
	if err == nil && (o.Timeout < 0 || o.Timeout > 86400) {
		err = fmt.Errorf("timeout %g is not between 0 and 86400 s", o.Timeout)
	}
	if err != nil {
		return unusable(err)
	}
	uuid := control.NewUUID()
	for name, value := range o.Variables {
		if name == "origination_uuid" {
			return unusable(errors.New("origination_uuid is not for you to choose"))
		}
		dial.Vars = append(dial.Vars, control.Var{Name: name, Value: value})
	}
	if dial.Legs() == 1 { // the one that answers is known before
		dial.Vars = append(dial.Vars, control.Var{Name: "origination_uuid", Value: uuid})
	} else if !o.Wait {
		return unusable(errors.New("which of several legs answers is only known with wait"))
	}
	request := control.Originate{
		Dial: dial, Then: then, CallerName: o.CallerName, CallerNumber: o.CallerNumber, Timeout: time.Duration(o.Timeout * float64(time.Second)),
	}
	made := func(ctx context.Context) (*control.Channel, error) {
		c, err := h.cfg.Switch.Originate(ctx, request)
		if err == nil && len(o.Actions) > 0 {
			err = c.Queue(append(actions(o.Actions), control.Action{App: "hangup"})...)
		}
		return c, err
	}
	if !o.Wait {
		go func() {
			if _, err := made(context.WithoutCancel(r.Context())); err != nil && h.cfg.Logger != nil {
				h.cfg.Logger.Info("a call that was asked for has failed", "uuid", uuid, "err", err)
			}
		}()
		return h.api.Answer(w, http.StatusAccepted, Made{uuid})
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.MaxWait)
	defer cancel()
	c, err := made(ctx)
	if err != nil {
		return err
	}
	return h.api.Answer(w, http.StatusCreated, whole(c))
}

func actions(list []Action) []control.Action {
	var out []control.Action
	for _, a := range list {
		out = append(out, control.Action{App: a.App, Args: a.Args})
	}
	return out
}

// known refuses actions of which there are none by that name.
func (h *Handler) known(list []Action) error {
	names := map[string]bool{}
	for _, n := range h.cfg.Switch.Apps() {
		names[n] = true
	}
	for i, a := range list {
		if !names[a.App] {
			return fmt.Errorf("actions[%d]: there is no application %.60q; see /v1/applications", i, a.App)
		}
	}
	return nil
}

func (h *Handler) hangup(w http.ResponseWriter, r *http.Request) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	cause := control.NormalClearing
	if s := r.URL.Query().Get("cause"); s != "" {
		if cause, err = control.ParseCause(s); err != nil {
			return unusable(err)
		}
	}
	c.Hangup(cause)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) act(w http.ResponseWriter, r *http.Request) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	var a Actions
	if err := httpguard.Body(r, &a); err != nil {
		return err
	}
	if err := h.known(a.Actions); err != nil {
		return unusable(err)
	}
	if !a.Wait {
		if err := c.Queue(actions(a.Actions)...); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.MaxWait)
	defer cancel()
	results := Results{Results: []Result{}}
	for _, x := range a.Actions {
		one := Result{App: x.App, Args: x.Args}
		if err := c.Execute(ctx, x.App, x.Args); err != nil {
			if ctx.Err() != nil {
				return &Problem{Status: http.StatusGatewayTimeout, Detail: "the actions take longer than a request may"}
			}
			one.Error = err.Error()
		}
		results.Results = append(results.Results, one)
	}
	return h.api.Answer(w, http.StatusOK, results)
}

func (h *Handler) stop(w http.ResponseWriter, r *http.Request) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	c.Break(true)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) set(w http.ResponseWriter, r *http.Request) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	var vars Variables
	if err := httpguard.Body(r, &vars); err != nil {
		return err
	}
	for name, value := range vars {
		if err := c.SetVar(name, value); err != nil {
			return unusable(err)
		}
	}
	return h.api.Answer(w, http.StatusOK, whole(c))
}

func (h *Handler) bridge(w http.ResponseWriter, r *http.Request) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	var b Bridge
	if err := httpguard.Body(r, &b); err != nil {
		return err
	}
	other := h.cfg.Switch.Channel(b.UUID)
	if other == nil {
		return unusable(errors.New("there is no other channel of that UUID"))
	}
	if err := h.cfg.Switch.Bridge(c, other); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// done answers what has no body with the outcome of f.
func (h *Handler) done(w http.ResponseWriter, r *http.Request, request any, f func(*control.Channel) error) error {
	c, err := h.channel(r)
	if err != nil {
		return err
	}
	if request != nil {
		if err := httpguard.Body(r, request); err != nil {
			return err
		}
	}
	if err := f(c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) unbridge(w http.ResponseWriter, r *http.Request) error {
	return h.done(w, r, nil, (*control.Channel).Unbridge)
}

func (h *Handler) transfer(w http.ResponseWriter, r *http.Request) error {
	var t Transfer
	return h.done(w, r, &t, func(c *control.Channel) error {
		if t.Extension == "" {
			return unusable(errors.New("an extension is needed"))
		}
		ext := control.Extension{Number: t.Extension, Dialplan: t.Dialplan, Context: t.Context}
		if t.Both {
			return c.TransferBoth(ext)
		}
		return c.Transfer(ext)
	})
}

func (h *Handler) park(w http.ResponseWriter, r *http.Request) error {
	return h.done(w, r, nil, (*control.Channel).Park)
}

func (h *Handler) dtmf(w http.ResponseWriter, r *http.Request) error {
	var d DTMF
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.MaxWait)
	defer cancel()
	return h.done(w, r, &d, func(c *control.Channel) error { return c.SendDTMF(ctx, d.Keys) })
}

func (h *Handler) record(w http.ResponseWriter, r *http.Request) error {
	var rec Recording
	return h.done(w, r, &rec, func(c *control.Channel) error {
		if rec.Name == "" || rec.Limit < 0 {
			return unusable(errors.New("a name is needed, and a limit is not negative"))
		}
		return c.Record(rec.Name, time.Duration(rec.Limit*float64(time.Second)))
	})
}

func (h *Handler) stopRecord(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "all"
	}
	return h.done(w, r, nil, func(c *control.Channel) error { return c.StopRecord(name) })
}

func (h *Handler) applications(w http.ResponseWriter, r *http.Request) error {
	return h.api.Answer(w, http.StatusOK, Applications{h.cfg.Switch.Apps()})
}

func (h *Handler) stats(w http.ResponseWriter, r *http.Request) error {
	s := h.cfg.Switch.Stats()
	return h.api.Answer(w, http.StatusOK, Stats{
		Channels: s.Channels, Peak: s.Peak, Total: s.Total, LostEvents: s.Lost, Started: h.cfg.Switch.Started().UTC(),
	})
}
