package esl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

// prefixes are the commands that FreeSWITCH knows by their first letters: libraries send "events" for "event".
var prefixes = strings.Fields("exit ... resume myevents connect getvar divert_events sendmsg sendevent log linger nolinger nolog event nixevent noevents")

// command carries out one command of a client that has logged in, as FreeSWITCH's mod_event_socket does: names
// may be in any case, replies are its own. An error ends the connection.
func (c *client) command(cmd *Command) error {
	c.s.commands.Add(1)
	name, args := cmd.Name(), cmd.Args()
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			name = p
			break
		}
	}
	switch name {
	case "exit", "...":
		if err := c.reply("+OK bye"); err != nil {
			return err
		}
		return errBye
	case "auth", "userauth":
		return c.reply("-ERR command not found") // there was one already
	case "filter":
		c.mu.Lock()
		r := c.sub.filter(args)
		c.mu.Unlock()
		return c.reply(r)
	case "myevents":
		return c.reply(c.myEvents(args))
	case "divert_events":
		return c.reply(c.divert(args))
	case "sendmsg":
		return c.reply(c.sendmsg(cmd, args))
	}
	if ch := c.channel(); ch != nil {
		switch name {
		case "connect":
			return c.write(c.channelData(ch))
		case "resume":
			ch.SetVar("socket_resume", "true")
			return c.reply("+OK")
		case "getvar":
			v := ch.Var(args)
			if v == "" {
				return c.reply("-ERR command not found") // so says FreeSWITCH
			}
			return c.reply(v)
		}
	}
	if c.outbound && !c.full {
		return c.reply("-ERR command not found")
	}
	switch name {
	case "api":
		text := c.s.run(c.s.ctx, args)
		if text == "" {
			text = "-ERR no reply\n"
		}
		return c.message("api/response", text)
	case "bgapi":
		return c.bgapi(cmd, args)
	case "sendevent":
		return c.reply(c.sendevent(cmd, args))
	case "event":
		return c.reply(c.events(args))
	case "nixevent":
		c.mu.Lock()
		found := c.sub.event(strings.Fields(args), false)
		c.mu.Unlock()
		if !found {
			return c.reply("-ERR no keywords supplied")
		}
		return c.reply("+OK events nixed")
	case "noevents":
		c.mu.Lock()
		c.flush(false, true)
		was := c.sub.none()
		c.mu.Unlock()
		if !was {
			return c.reply("-ERR not listening for events")
		}
		return c.reply("+OK no longer listening for events")
	case "log":
		return c.reply(c.logLevel(args))
	case "nolog":
		c.s.taps(c, -1)
		c.mu.Lock()
		c.flush(true, false)
		was := c.logging
		c.logging = false
		c.mu.Unlock()
		if !was {
			return c.reply("-ERR not loging") // sic
		}
		return c.reply("+OK no longer logging")
	case "linger", "nolinger":
		return c.reply(c.setLinger(name == "linger", args))
	}
	return c.reply("-ERR command not found")
}

// channel returns what the client controls: nil if nothing.
func (c *client) channel() *control.Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ch
}

// channelData is the reply to connect: the channel's fields and variables, written as an event.
func (c *client) channelData(ch *control.Channel) []byte {
	e := ch.Event("CHANNEL_DATA")
	var h Header
	for _, f := range e.Fields { // the caller profile twice, as FreeSWITCH has it
		if name, ok := strings.CutPrefix(f.Name, "Caller-"); ok {
			h.Add("Channel-"+name, f.Value)
		}
	}
	at := slices.IndexFunc(e.Fields, func(f Field) bool { return strings.HasPrefix(f.Name, "Channel-") })
	h = slices.Concat(Header(e.Fields[:max(at, 0)]), h, Header(e.Fields[max(at, 0):]))
	mode, control := "static", "single-channel"
	if c.async {
		mode = "async"
	}
	if c.full {
		control = "full"
	}
	h.Add("Content-Type", "command/reply")
	h.Add("Reply-Text", "+OK\n")
	h.Add("Socket-Mode", mode)
	h.Add("Control", control)
	return append(appendFields(nil, h), '\n')
}

// events carries out the command event.
func (c *client) events(args string) string {
	words := strings.Fields(args)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(words) > 0 {
		if f, ok := parseFormat(words[0]); ok {
			c.format, words = f, words[1:]
		}
	}
	if !c.sub.event(words, true) {
		return "-ERR no keywords supplied"
	}
	return "+OK event listener enabled " + c.format.String()
}

// myEvents carries out the command myevents, with which a connection takes part in a channel.
func (c *client) myEvents(args string) string {
	words := strings.Fields(args)
	if len(words) > 1 {
		if _, ok := parseFormat(words[0]); ok { // either order is in use
			words[0], words[1] = words[1], words[0]
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sub.mine != "" {
		return "-ERR aready enabled." // sic
	}
	if c.ch == nil {
		if len(words) == 0 {
			return "-ERR command not found"
		}
		ch := c.s.sw.Channel(words[0])
		if ch == nil {
			return "-ERR invalid uuid"
		}
		c.ch, c.async, words = ch, true, words[1:]
		if ch.Context().Err() != nil {
			c.end()
		}
	}
	for _, w := range words {
		if f, ok := parseFormat(w); ok {
			c.format = f
		}
	}
	c.sub.event(myEvents, true)
	c.sub.mine = c.ch.UUID()
	return "+OK Events Enabled"
}

func (c *client) divert(args string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ch == nil:
		return "-ERR not controlling a session."
	case args == "":
		return "-ERR missing value."
	case strings.EqualFold(args, "on"):
		c.sub.diverted = c.ch.UUID()
		return "+OK events diverted"
	}
	c.sub.diverted = ""
	return "+OK events not diverted"
}

func (c *client) setLinger(on bool, args string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch == nil {
		return "-ERR not controlling a session"
	}
	if c.linger = on; !on {
		return "+OK will not linger"
	}
	c.lingers = -1
	if args == "" {
		return "+OK will linger"
	}
	n, err := strconv.Atoi(args)
	if err != nil || n < 0 {
		n = 0 // as atoi has it
	}
	n = min(n, 1<<24)
	c.lingers = time.Duration(n) * time.Second
	return fmt.Sprintf("+OK will linger %d seconds", n)
}

func (c *client) logLevel(args string) string {
	level, name := 7, ""
	if f := strings.Fields(args); len(f) > 0 {
		var ok bool
		if level, ok = parseLogLevel(f[0]); !ok {
			return "-ERR invalid log level"
		}
		name = f[0]
	}
	c.mu.Lock()
	c.logging = true
	c.mu.Unlock()
	c.s.taps(c, level)
	return fmt.Sprintf("+OK log level %s [%d]", name, level)
}

// sendevent hands an event of the client to everybody. SEND_MESSAGE and SEND_INFO about a channel are sent
// within its call.
func (c *client) sendevent(cmd *Command, name string) string {
	name = strings.TrimPrefix(strings.ToUpper(name), "SWITCH_EVENT_")
	if name == "" {
		name = strings.ToUpper(cmd.Header.Get("Event-Name"))
	}
	subclass := cmd.Header.Get("Event-Subclass")
	switch {
	case name == "CUSTOM":
	case name != "ALL" && eventNames[name]:
		subclass = ""
	case subclass != "": // some libraries name the subclass alone
		name = "CUSTOM"
	default:
		name = "CLONE"
	}
	e := c.s.sw.NewEvent(name, subclass)
	id := control.NewUUID()
	e.Add("Command", cmd.Line)
	for _, f := range cmd.Header {
		switch {
		case strings.EqualFold(f.Name, "Content-Length"), strings.EqualFold(f.Name, "Event-Name"), strings.EqualFold(f.Name, "Event-Subclass") && subclass != "":
			continue
		}
		e.Set(f.Name, f.Value)
	}
	e.Set("Event-UUID", id)
	e.UUID, e.Body = cmd.Header.Get("Unique-ID"), string(cmd.Body)
	switch done, refused := c.s.sendInDialog(e); {
	case refused != "":
		return refused
	case done:
	case c.s.cfg.OnEvent != nil:
		if err := c.s.cfg.OnEvent(c.ctx, e); err != nil {
			return "-ERR " + err.Error()
		}
	}
	c.s.sw.Emit(e)
	return "+OK " + id
}
