package esl

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

const syntaxShow = "codec|application|api|calls [count]|channels [count|like <match string>]|calls|bridged_calls|modules|registrations|status|tasks"

// A Registration is what "show registrations", "sofia status profile … reg" and sofia_contact tell of a phone.
type Registration struct {
	User, Realm string
	CallID      string
	Contact     string // URI
	Expires     time.Time
	Network     string // address and port that it came from
	Transport   string // udp, tcp, …
	UserAgent   string
	Profile     string
	Metadata    string
}

// A table is what show prints.
type table struct {
	columns []string
	rows    [][]string
}

var channelColumns = strings.Fields(`uuid direction created created_epoch name state cid_name cid_num ip_addr dest application
application_data dialplan context read_codec read_rate read_bit_rate write_codec write_rate write_bit_rate secure
hostname presence_id presence_data accountcode callstate callee_name callee_num callee_direction call_uuid
sent_callee_name sent_callee_num initial_cid_name initial_cid_num initial_ip_addr initial_dest initial_dialplan
initial_context`)

// callColumns are those of one leg; the other's follow, with b_ before them.
var callColumns = strings.Fields(`uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id
presence_data accountcode callstate callee_name callee_num callee_direction call_uuid hostname sent_callee_name
sent_callee_num b_uuid b_direction b_created b_created_epoch b_name b_state b_cid_name b_cid_num b_ip_addr b_dest
b_presence_id b_presence_data b_accountcode b_callstate b_callee_name b_callee_num b_callee_direction
b_sent_callee_name b_sent_callee_num call_created_epoch`)

// showCommands tell of what there is.
var showCommands = map[string]apiCommand{
	"show":          {syntaxShow, "Show various reports", (*Server).show},
	"sofia":         {syntaxSofia, "Show the SIP profiles and gateways", (*Server).sofia},
	"sofia_contact": {"[profile/]<user>@<domain>", "Dial string of a registered user", (*Server).sofiaContact},
}

func (s *Server) show(ctx context.Context, args string) string {
	words := split(args, 6)
	if len(words) == 0 {
		return usage(syntaxShow)
	}
	what, rest := strings.ToLower(words[0]), words[1:]
	if what == "status" {
		return s.status()
	}
	count, like := false, ""
	switch {
	case len(rest) > 0 && strings.EqualFold(rest[0], "count"):
		count, rest = true, rest[1:]
	case len(rest) > 1 && what == "channels" && strings.EqualFold(rest[0], "like"):
		like, rest = rest[1], rest[2:]
	}
	as, delim := "delim", ","
	if len(rest) > 1 && strings.EqualFold(rest[0], "as") {
		as = strings.ToLower(rest[1])
		if len(rest) > 2 {
			delim = rest[2]
		}
	}
	var t table
	switch strings.TrimSuffix(what, "s") {
	case "channel":
		t = s.channelTable(like)
	case "call", "detailed_call":
		t = s.callTable(false)
	case "bridged_call", "detailed_bridged_call":
		t = s.callTable(true)
	case "registration":
		t = s.registrationTable()
	case "api":
		t.columns = []string{"name", "description", "syntax", "ikey"}
		for _, name := range s.Commands() {
			t.rows = append(t.rows, []string{name, commands[name].about, commands[name].syntax, "mod_commands"})
		}
	case "application":
		t.columns = []string{"name", "description", "syntax", "ikey"}
		for _, name := range s.sw.Apps() {
			t.rows = append(t.rows, []string{name, "", "", "mod_dptools"})
		}
	case "codec":
		t.columns = []string{"type", "name", "ikey"}
		for _, c := range s.cfg.Codecs {
			t.rows = append(t.rows, []string{"codec", c, "telco"})
		}
	case "module":
		t.columns = []string{"type", "name", "ikey", "filename"}
		t.rows = [][]string{{"generic", "mod_event_socket", "mod_event_socket", ""}}
	case "task":
		t.columns = strings.Fields("task_id task_desc task_group task_runtime task_sql_manager hostname")
		for _, k := range s.sched.list() {
			t.rows = append(t.rows, []string{fmt.Sprint(k.id), k.what, k.group, epoch(k.at), "0", s.hostname()})
		}
	case "dialplan", "endpoint", "file", "timer", "chat", "say", "management", "limit", "interface", "aliase", "complete", "nat_map":
		t.columns = []string{"type", "name", "ikey"}
	default:
		return usage(syntaxShow)
	}
	return t.text(as, delim, count)
}

// text is the table as FreeSWITCH prints it.
func (t table) text(as, delim string, count bool) string {
	var b []byte
	switch as {
	case "delim", "csv":
		if count {
			return fmt.Sprintf("\n%d total.\n", len(t.rows))
		}
		if len(t.rows) > 0 {
			b = append(append(b, strings.Join(t.columns, delim)...), '\n')
		}
		for _, row := range t.rows {
			for i, v := range row {
				if i > 0 {
					b = append(b, delim...)
				}
				b = append(b, oneLine(v)...)
			}
			b = append(b, '\n')
		}
		return fmt.Sprintf("%s\n%d total.\n", b, len(t.rows))
	case "json":
		if len(t.rows) == 0 {
			return "{\"row_count\": 0}\n"
		}
		b = fmt.Appendf(b, `{"row_count":%d,"rows":[`, len(t.rows))
		rows := t.rows
		if count {
			rows = nil
		}
		for i, row := range rows {
			if i > 0 {
				b = append(b, ',')
			}
			for j, v := range row {
				b = append(b, "{,"[min(j, 1)])
				b = appendJSONString(b, t.columns[j])
				b = append(b, ':')
				b = appendJSONString(b, v)
			}
			b = append(b, '}')
		}
		return string(append(b, "]}"...))
	case "xml":
		if len(t.rows) == 0 {
			return "<result row_count=\"0\"/>\n"
		}
		b = fmt.Appendf(b, "<result row_count=\"%d\">\n", len(t.rows))
		rows := t.rows
		if count {
			rows = nil
		}
		for i, row := range rows {
			b = fmt.Appendf(b, "  <row row_id=\"%d\">\n", i+1)
			for j, v := range row {
				b = append(b, "    "...)
				b = appendElement(b, t.columns[j], v)
			}
			b = append(b, "  </row>\n"...)
		}
		return string(append(b, "</result>\n"...))
	}
	return "-ERR Cannot find format " + as + "\n"
}

func (s *Server) hostname() string { return s.sw.Hostname() }

func epoch(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// describe returns what the columns tell of a channel.
func (s *Server) describe(i control.ChannelInfo) map[string]string {
	direction := "outbound"
	if i.Incoming {
		direction = "inbound"
	}
	rate := ""
	if i.SampleRate > 0 {
		rate = strconv.Itoa(i.SampleRate)
	}
	m := map[string]string{
		"uuid": i.UUID, "direction": direction, "created": i.Created.Format(time.DateTime), "created_epoch": epoch(i.Created), "name": i.Name,
		"state": i.State.String(), "cid_name": i.CallerName, "cid_num": i.CallerNumber, "ip_addr": i.Address, "dest": i.Destination,
		"application": i.App.App, "application_data": i.App.Args, "dialplan": i.Extension.Dialplan, "context": i.Extension.Context,
		"read_codec": i.Codec, "read_rate": rate, "write_codec": i.Codec, "write_rate": rate, "hostname": s.hostname(),
		"callstate": i.CallState, "initial_cid_name": i.CallerName, "initial_cid_num": i.CallerNumber, "initial_ip_addr": i.Address,
		"initial_dest": i.Destination, "initial_dialplan": i.Extension.Dialplan, "initial_context": i.Extension.Context,
	}
	if i.Bridged != "" || i.CallUUID != i.UUID {
		m["call_uuid"] = i.CallUUID
	}
	if ch := s.sw.Channel(i.UUID); ch != nil {
		m["presence_id"], m["presence_data"], m["accountcode"] = ch.Var("presence_id"), ch.Var("presence_data"), ch.Var("accountcode")
		m["callee_name"], m["callee_num"] = ch.Var("callee_id_name"), ch.Var("callee_id_number")
	}
	return m
}

func pick(columns []string, m map[string]string) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = m[c]
	}
	return row
}

func (s *Server) channelTable(like string) table {
	t := table{columns: channelColumns}
	like = strings.Trim(like, "%")
	for _, i := range s.sw.Channels() {
		m := s.describe(i)
		found := like == ""
		for _, c := range []string{"uuid", "name", "cid_name", "cid_num", "presence_data", "accountcode"} {
			found = found || strings.Contains(strings.ToLower(m[c]), strings.ToLower(like))
		}
		if found {
			t.rows = append(t.rows, pick(channelColumns, m))
		}
	}
	return t
}

// callTable has a row for each call: a leg, and the one that it is bridged to.
func (s *Server) callTable(bridged bool) table {
	t := table{columns: callColumns}
	all := s.sw.Channels()
	byID := make(map[string]control.ChannelInfo, len(all))
	for _, i := range all {
		byID[i.UUID] = i
	}
	done := make(map[string]bool)
	for _, i := range all { // the oldest leg first
		if done[i.UUID] || bridged && i.Bridged == "" {
			continue
		}
		m := s.describe(i)
		m["call_created_epoch"] = epoch(i.Times.Bridged)
		if other, ok := byID[i.Bridged]; ok {
			done[other.UUID] = true
			for name, v := range s.describe(other) {
				m["b_"+name] = v
			}
		}
		t.rows = append(t.rows, pick(callColumns, m))
	}
	return t
}

func (s *Server) registrations() []Registration {
	if s.cfg.Registrations == nil {
		return nil
	}
	return s.cfg.Registrations()
}

func (s *Server) registrationTable() table {
	t := table{columns: strings.Fields("reg_user realm token url expires network_ip network_port network_proto hostname metadata")}
	for _, r := range s.registrations() {
		host, port, _ := net.SplitHostPort(r.Network)
		t.rows = append(t.rows, []string{r.User, r.Realm, r.CallID, r.Contact, epoch(r.Expires), host, port, r.Transport, s.hostname(), r.Metadata})
	}
	return t
}
