package esl

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/call/control"
)

// sendmsg has a channel do something: the command's fields say what. In a connection that is not async it returns
// when that is done.
func (c *client) sendmsg(cmd *Command, id string) string {
	if id == "" {
		id = cmd.Header.Get("session-id")
	}
	own := c.channel()
	ch, async := own, true
	switch {
	case id != "" && (own == nil || id != own.UUID()):
		if c.outbound && !c.full {
			return "-ERR invalid session id [" + id + "]"
		}
		ch = c.s.sw.Channel(id)
	case own != nil:
		async = c.async || isTrue(cmd.Header.Get("async"))
	}
	if ch == nil {
		return "-ERR invalid session id [" + id + "]"
	}
	switch call := strings.ToLower(cmd.Header.Get("call-command")); call {
	case "execute":
		return c.sendExecute(ch, cmd, async)
	case "hangup":
		cause := control.NormalClearing
		if s := cmd.Header.Get("hangup-cause"); s != "" {
			if named, err := control.ParseCause(s); err == nil && named != control.CauseNone {
				cause = named
			}
		}
		ch.Hangup(cause)
		return "+OK"
	case "xferext":
		return c.sendApplications(ch, cmd)
	case "unicast", "nomedia":
		return "-ERR " + call + " is not supported"
	case "":
		return "-ERR Invalid Command!"
	default:
		return "-ERR invalid call-command [" + call + "]"
	}
}

// sendExecute queues an application.
func (c *client) sendExecute(ch *control.Channel, cmd *Command, async bool) string {
	app := cmd.Header.Get("execute-app-name")
	if app == "" {
		return "-ERR no execute-app-name"
	}
	a := control.Action{App: app, Args: cmd.Header.Get("execute-app-arg"), UUID: cmd.Header.Get("Event-UUID"), Lock: isTrue(cmd.Header.Get("event-lock"))}
	if a.Args == "" && strings.EqualFold(cmd.Header.Get("Content-Type"), "text/plain") {
		a.Args = string(cmd.Body)
	}
	if a.UUID == "" {
		a.UUID = control.NewUUID()
	}
	loops := 1
	if s := cmd.Header.Get("loops"); s != "" {
		loops, _ = strconv.Atoi(s)
	}
	if !async {
		for i := 0; i < max(loops, 1) || loops < 0; i++ {
			if ch.ExecuteAction(c.ctx, a) != nil {
				break
			}
		}
		return "+OK"
	}
	// As in FreeSWITCH, what isn't locked works while another application does that isn't locked either. Here that
	// is so for applications that take no time.
	if !a.Lock && quick[app] && !c.s.locks.held(ch.UUID()) {
		if app == "break" { // not itself
			ch.Break(false)
		} else if err := ch.RunAction(ch.Context(), a); err != nil {
			c.s.log.Debug("sendmsg", "uuid", ch.UUID(), "app", app, "err", err)
		}
		return "+OK"
	}
	if a.Lock {
		c.s.locks.add(ch.UUID(), a.UUID)
	}
	if err := ch.QueueLoops(a, loops); err != nil {
		c.s.locks.done(ch.UUID(), a.UUID)
		return "-ERR " + err.Error()
	}
	return "+OK"
}

// sendApplications has the channel go to an extension made of the applications in the fields.
func (c *client) sendApplications(ch *control.Channel, cmd *Command) string {
	var list []string
	for _, f := range cmd.Header {
		if strings.EqualFold(f.Name, "application") {
			app, args, _ := strings.Cut(f.Value, " ")
			list = append(list, app+":"+args)
		}
	}
	text := strings.Join(list, "\x1f")
	if len(list) == 0 || strings.Count(text, "\x1f") != len(list)-1 {
		return "-ERR no application"
	}
	if err := ch.Transfer(control.Extension{Number: "m:\x1f:" + text, Dialplan: "inline"}); err != nil {
		return "-ERR " + err.Error()
	}
	return "+OK"
}

// quick are the applications that take no time.
var quick = map[string]bool{
	"break": true, "export": true, "hangup": true, "info": true, "log": true, "multiset": true, "multiunset": true, "record_session": true, "displace_session": true, "stop_displace_session": true,
	"record_session_mask": true, "record_session_unmask": true, "record_session_pause": true, "record_session_resume": true,
	"set": true, "set_global": true, "stop_record_session": true, "unset": true,
}

// locks are the applications that channels were told to execute with event-lock and have not done yet.
type locks struct {
	n  atomic.Int64
	mu sync.Mutex
	m  map[string]map[string]bool
}

func (l *locks) add(channel, app string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]map[string]bool)
	}
	if l.m[channel] == nil {
		l.m[channel] = make(map[string]bool)
	}
	if !l.m[channel][app] {
		l.m[channel][app] = true
		l.n.Add(1)
	}
}

func (l *locks) held(channel string) bool {
	if l.n.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.m[channel]) > 0
}

func (l *locks) done(channel, app string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m[channel][app] {
		delete(l.m[channel], app)
		l.n.Add(-1)
	}
	if len(l.m[channel]) == 0 {
		delete(l.m, channel)
	}
}

// watch notes what an event tells of.
func (l *locks) watch(e *control.Event) {
	if l.n.Load() == 0 || e.UUID == "" {
		return
	}
	switch e.Name {
	case "CHANNEL_EXECUTE_COMPLETE":
		l.done(e.UUID, e.Field("Application-UUID"))
	case "CHANNEL_DESTROY":
		l.mu.Lock()
		l.n.Add(-int64(len(l.m[e.UUID])))
		delete(l.m, e.UUID)
		l.mu.Unlock()
	}
}
