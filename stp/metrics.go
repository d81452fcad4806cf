package stp

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// metrics writes the counters in the text format of Prometheus.
func (h *handler) metrics(w http.ResponseWriter, r *http.Request) {
	s, err := h.n.Status(r.Context())
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(s.AppendMetrics(nil))
}

// AppendMetrics writes a status in the text format of Prometheus.
func (s *Status) AppendMetrics(b []byte) []byte {
	m := metricWriter{b: b}
	flag := func(on bool) uint64 {
		if on {
			return 1
		}
		return 0
	}
	m.family("stp_link_up", "gauge", "whether the link carries traffic")
	for _, l := range s.Links {
		m.value(flag(l.State == "in service"), "link", l.Name)
	}
	for _, f := range []struct {
		name, typ, help string
		of              func(*LinkStatus) uint64
	}{
		{"stp_link_received_msus_total", "counter", "messages received over the link", func(l *LinkStatus) uint64 { return l.MSUsIn }},
		{"stp_link_sent_msus_total", "counter", "messages sent over the link", func(l *LinkStatus) uint64 { return l.MSUsOut }},
		{"stp_link_received_octets_total", "counter", "octets received over the link", func(l *LinkStatus) uint64 { return l.OctetsIn }},
		{"stp_link_sent_octets_total", "counter", "octets sent over the link", func(l *LinkStatus) uint64 { return l.OctetsOut }},
		{"stp_link_discarded_msus_total", "counter", "messages for which the link's buffers were full", func(l *LinkStatus) uint64 { return l.Discarded }},
		{"stp_link_failures_total", "counter", "how often the link failed", func(l *LinkStatus) uint64 { return l.Failures }},
		{"stp_link_changeovers_total", "counter", "changeovers from the link", func(l *LinkStatus) uint64 { return l.Changeovers }},
		{"stp_link_queue_msus", "gauge", "messages that wait or are not acknowledged", func(l *LinkStatus) uint64 { return uint64(l.Queued + l.Unacknowledged) }},
		{"stp_link_congestion_level", "gauge", "congestion level of the link, 0 to 3", func(l *LinkStatus) uint64 { return uint64(l.Congestion) }},
	} {
		m.family(f.name, f.typ, f.help)
		for i := range s.Links {
			m.value(f.of(&s.Links[i]), "link", s.Links[i].Name)
		}
	}
	m.family("stp_linkset_up", "gauge", "whether routes use the linkset")
	for _, l := range s.Linksets {
		m.value(flag(l.State == "available"), "linkset", l.Name)
	}
	m.family("stp_as_up", "gauge", "whether the Application Server is active")
	for _, a := range s.AS {
		m.value(flag(a.State == "ACTIVE"), "as", a.Name)
	}
	m.family("stp_as_sent_msus_total", "counter", "messages given to ASPs of the Application Server")
	for _, a := range s.AS {
		m.value(a.Transferred, "as", a.Name)
	}
	m.family("stp_as_refused_msus_total", "counter", "messages that no ASP of the Application Server took")
	for _, a := range s.AS {
		m.value(a.Refused+a.Overflowed+a.Expired, "as", a.Name)
	}
	for _, f := range []struct {
		name, typ, help string
		of              func(*ASPStatus) uint64
	}{
		{"stp_asp_up", "gauge", "whether the ASP is active somewhere", func(a *ASPStatus) uint64 { return flag(a.State == "ACTIVE") }},
		{"stp_asp_received_messages_total", "counter", "M3UA messages from the ASP", func(a *ASPStatus) uint64 { return a.MessagesIn }},
		{"stp_asp_sent_messages_total", "counter", "M3UA messages to the ASP", func(a *ASPStatus) uint64 { return a.Messages }},
		{"stp_asp_dropped_msus_total", "counter", "messages for which the queue to the ASP was full", func(a *ASPStatus) uint64 { return a.Dropped }},
		{"stp_asp_queue_messages", "gauge", "messages that wait for the ASP", func(a *ASPStatus) uint64 { return uint64(a.Queued) }},
	} {
		m.family(f.name, f.typ, f.help)
		for i := range s.ASPs {
			m.value(f.of(&s.ASPs[i]), "asp", s.ASPs[i].Name)
		}
	}
	m.family("stp_destination_up", "gauge", "whether the destination can be reached")
	for _, d := range s.Routes {
		m.value(flag(d.State != "unavailable"), "destination", d.To)
	}
	m.family("stp_dropped_msus_total", "counter", "messages that were not forwarded, by reason")
	for _, r := range sortedKeys(s.Traffic.Dropped) {
		m.value(s.Traffic.Dropped[r], "reason", r)
	}
	for _, f := range []struct {
		name, typ, help string
		v               uint64
	}{
		{"stp_from_as_msus_total", "counter", "messages from Application Servers and gateways", s.Traffic.FromAS},
		{"stp_to_as_msus_total", "counter", "messages to Application Servers and gateways", s.Traffic.ToAS},
		{"stp_changeovers_total", "counter", "changeovers begun", s.Traffic.Changeovers},
		{"stp_changebacks_total", "counter", "changebacks begun", s.Traffic.Changebacks},
		{"stp_retrieved_msus_total", "counter", "messages retrieved from failed links", s.Traffic.Retrieved},
		{"stp_held_msus", "gauge", "messages that wait for diversions", uint64(s.Traffic.Held)},
		{"stp_alarms", "gauge", "what is not as it should be", uint64(len(s.Alarms))},
		{"stp_start_time_seconds", "gauge", "when the node was started", uint64(max(s.Since.Unix(), 0))},
	} {
		m.family(f.name, f.typ, f.help)
		m.value(f.v)
	}
	return m.b
}

type metricWriter struct {
	b    []byte
	name string
}

func (m *metricWriter) family(name, typ, help string) {
	m.name = name
	m.b = fmt.Appendf(m.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, typ)
}

var metricEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (m *metricWriter) value(v uint64, label ...string) {
	m.b = append(m.b, m.name...)
	if len(label) == 2 {
		m.b = append(m.b, '{')
		m.b = append(append(m.b, label[0]...), `="`...)
		m.b = append(append(m.b, metricEscape.Replace(label[1])...), `"}`...)
	}
	m.b = append(m.b, ' ')
	m.b = strconv.AppendUint(m.b, v, 10)
	m.b = append(m.b, '\n')
}
