package main

import (
	"errors"

	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// began keeps what there will be of a call's record if the program dies during it.
func (p *program) began(i *as.CallInfo) {
	for _, l := range p.cdr {
		if err := l.Begin(i.Record()); err != nil {
			p.log.Warn("the call will leave no record if the program dies", "uuid", i.ID, "err", err)
		}
	}
}

// ended keeps the record of a call.
func (p *program) ended(i *as.CallInfo) {
	log := p.log.With("uuid", i.ID, "call_id", i.CallID)
	log.Info("call ended", "from", i.Request.Calling.String(), "to", i.Request.Called.String(), "target", i.Target, "rule", i.Decision.Rule,
		"status", i.Status, "cause", i.Cause.String())
	for _, l := range p.cdr {
		err := l.Append(i.Record())
		var pending *cdr.PendingError
		switch {
		case errors.As(err, &pending):
			log.Error("call record waits for the disk", "err", err)
		case err != nil:
			p.lost.Add(1)
			log.Error("call record is lost", "err", err)
		}
	}
}

// report writes the counters.
func (p *program) report(m *metrics.Writer) {
	s := p.server.Stats()
	m.Gauge("as_calls", "Calls from outside now.", float64(s.Calls))
	m.Gauge("as_channels", "Legs of calls now.", float64(s.Control.Channels))
	for _, x := range []struct {
		outcome string
		n       uint64
	}{{"answered", s.Answered}, {"failed", s.Failed}, {"proxied", s.Proxied}, {"refused", s.Refused}, {"unknown", s.Unknown}, {"timeout", s.Timeouts}} {
		m.Counter("as_calls_total", "Calls from outside since the start.", float64(x.n), "outcome", x.outcome)
	}
	m.Counter("as_calls_received_total", "Calls from outside since the start.", float64(s.Received))
	m.Counter("as_requests_total", "Requests outside of calls since the start.", float64(s.Requests))
	m.Gauge("as_registered", "Users of the core and phones that are registered.", float64(s.Users), "kind", "ims")
	m.Gauge("as_registered", "Users of the core and phones that are registered.", float64(s.Phones), "kind", "phone")
	m.Gauge("as_draining", "1 while new calls are refused.", number(s.Draining))
	for _, t := range s.Trunks {
		m.Gauge("as_trunk_calls", "Calls over a trunk now.", float64(t.Calls), "trunk", t.Name)
		for _, srv := range t.Servers {
			m.Gauge("as_trunk_server_up", "1 while a server of a trunk is used.", number(srv.Usable), "trunk", t.Name, "server", srv.URI)
		}
		if r := t.Registration; r.Name != "" {
			m.Gauge("as_trunk_registered", "1 while we are registered with a trunk.", number(r.State == sip.Registered), "trunk", t.Name)
		}
	}
	w := p.server.Agent().Wheel().Stats()
	m.Counter("as_media_turns_total", "Turns of the 20 ms wheel.", float64(w.Turns))
	m.Counter("as_media_turns_skipped_total", "Turns that were given up because the machine was too busy.", float64(w.Skipped))
	m.Counter("as_media_busy_seconds_total", "Time that the turns took.", w.Busy.Seconds())
	m.Gauge("as_media_late_seconds", "How late the wheel turns: 90th percentile of the last second.", s.Admission.Late.Seconds())
	m.Counter("as_admission_refused_total", "Calls that were refused because the machine was too busy.", float64(s.Admission.Refused))
	m.Counter("as_events_lost_total", "Events that watchers were too slow for.", float64(s.Control.Lost))
	if p.spool != nil {
		r := p.spool.Stats()
		m.Gauge("as_recordings_active", "Recordings that are being written.", float64(r.Active))
		m.Gauge("as_recordings_waiting", "Recordings that wait for their upload.", float64(r.Waiting))
		m.Counter("as_recordings_uploaded_total", "Recordings that were uploaded.", float64(r.Uploaded))
		m.Counter("as_recordings_failures_total", "Uploads that failed and are tried again.", float64(r.Failures))
		m.Counter("as_recordings_incomplete_total", "Recordings that lack something.", float64(r.Incomplete))
	}
	if p.messages != nil {
		c := p.messages.Stats()
		for _, x := range []struct {
			outcome string
			n       uint64
		}{{"sent", c.Sent}, {"failed", c.Failed}, {"received", c.Received}, {"refused", c.Refused}} {
			m.Counter("as_messages_total", "Messages since the start.", float64(x.n), "outcome", x.outcome)
		}
	}
	for i, l := range p.cdr {
		c := l.Stats()
		name := p.cfg.CDR[i].Format.String()
		m.Counter("as_cdr_written_total", "Call records on disk.", float64(c.Written), "format", name)
		m.Gauge("as_cdr_pending", "Call records that wait for the disk.", float64(c.Pending), "format", name)
		m.Counter("as_cdr_lost_total", "Call records that were lost.", float64(c.Lost), "format", name)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
