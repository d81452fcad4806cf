package control

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Event returns an event about the channel, with the headers that all of them have: Unique-ID, Channel-*, Caller-*,
// Other-Leg-* where there is another, and the variables. pairs are further headers, name and value in turn.
func (c *Channel) Event(name string, pairs ...string) *Event {
	subclass := ""
	if s, ok := strings.CutPrefix(name, "CUSTOM "); ok {
		name, subclass = "CUSTOM", s
	}
	e := c.sw.NewEvent(name, subclass)
	e.UUID = c.uuid
	c.mu.Lock()
	other := c.partner()
	if other == nil {
		other = c.other
	}
	c.describe(e)
	created := c.times.Created
	c.mu.Unlock()
	if other != nil {
		other.mu.Lock()
		kind := "originator"
		if c.incoming || !other.incoming && other.times.Created.After(created) {
			kind = "originatee"
		}
		e.Add("Other-Type", kind)
		other.profile(e, "Other-Leg-")
		other.mu.Unlock()
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		e.Set(pairs[i], pairs[i+1])
	}
	if withVars(name) || isTrue(c.Var("verbose_events")) {
		c.mu.Lock()
		e.Fields = slices.Grow(e.Fields, len(c.vars))
		for _, k := range slices.Sorted(maps.Keys(c.vars)) {
			if !strings.HasPrefix(k, nolocal) {
				e.Add("variable_"+k, c.vars[k])
			}
		}
		c.mu.Unlock()
	}
	return e
}

// withVars tells which events have the variables.
func withVars(name string) bool {
	switch name {
	case "CHANNEL_STATE", "CHANNEL_CALLSTATE", "DTMF":
		return false
	}
	return true
}

// emit tells of an event about the channel.
func (c *Channel) emit(name string, pairs ...string) {
	if c.sw.watching.Load() == 0 {
		return
	}
	c.emitBody(name, "", pairs...)
}

// emitBody tells of an event with a body; nothing after CHANNEL_DESTROY.
func (c *Channel) emitBody(name, body string, pairs ...string) {
	c.emitting.Lock()
	defer c.emitting.Unlock()
	if !c.destroyed {
		c.destroyed = name == "CHANNEL_DESTROY"
		e := c.Event(name, pairs...)
		e.Body = body
		c.sw.Emit(e)
	}
}

// describe adds what an event says about its channel. The caller holds mu.
func (c *Channel) describe(e *Event) {
	e.Add("Channel-State", c.state.String())
	e.Add("Channel-Call-State", c.callState)
	e.Add("Channel-State-Number", strconv.Itoa(int(c.state)))
	e.Add("Channel-Name", c.name)
	e.Add("Unique-ID", c.uuid)
	e.Add("Call-Direction", c.direction())
	e.Add("Presence-Call-Direction", c.direction())
	e.Add("Channel-HIT-Dialplan", strconv.FormatBool(c.incoming))
	e.Add("Channel-Call-UUID", c.callUUID)
	e.Add("Answer-State", c.answerState())
	if c.cause != CauseNone {
		e.Add("Hangup-Cause", c.cause.String())
	}
	if codec := c.vars["write_codec"]; codec != "" {
		for _, dir := range []string{"Read", "Write"} {
			e.Add("Channel-"+dir+"-Codec-Name", codec)
			e.Add("Channel-"+dir+"-Codec-Rate", c.vars["write_rate"])
		}
	}
	c.profile(e, "Caller-")
}

func (c *Channel) direction() string {
	if c.incoming {
		return "inbound"
	}
	return "outbound"
}

func (c *Channel) answerState() string {
	switch {
	case c.cause != CauseNone:
		return "hangup"
	case !c.times.Answered.IsZero():
		return "answered"
	case !c.times.ProgressMedia.IsZero():
		return "early"
	}
	return "ringing"
}

// profile adds what a leg's Caller-… headers say. The caller holds mu.
func (c *Channel) profile(e *Event, prefix string) {
	add := func(name, value string) {
		if value != "" {
			e.Add(prefix+name, value)
		}
	}
	add("Direction", c.direction())
	add("Logical-Direction", c.direction())
	add("Username", c.vars["sip_from_user"])
	add("Dialplan", c.ext.Dialplan)
	add("Caller-ID-Name", c.vars["caller_id_name"])
	add("Caller-ID-Number", c.vars["caller_id_number"])
	add("Orig-Caller-ID-Name", c.vars["caller_id_name"])
	add("Orig-Caller-ID-Number", c.vars["caller_id_number"])
	add("Callee-ID-Name", c.vars["callee_id_name"])
	add("Callee-ID-Number", c.vars["callee_id_number"])
	add("Network-Addr", c.vars["sip_network_ip"])
	add("ANI", c.vars["caller_id_number"])
	add("Destination-Number", c.vars["destination_number"])
	add("Unique-ID", c.uuid)
	add("Source", "mod_sofia")
	add("Context", c.ext.Context)
	add("Channel-Name", c.name)
	add("Profile-Index", "1")
	t := c.times
	add("Profile-Created-Time", stamp(t.Created))
	add("Channel-Created-Time", stamp(t.Created))
	add("Channel-Answered-Time", stamp(t.Answered))
	add("Channel-Progress-Time", stamp(t.Progress))
	add("Channel-Progress-Media-Time", stamp(t.ProgressMedia))
	add("Channel-Hangup-Time", stamp(t.Hungup))
	add("Channel-Transfer-Time", stamp(t.Transferred))
	add("Channel-Resurrect-Time", "0")
	add("Channel-Bridged-Time", stamp(t.Bridged))
	add("Channel-Last-Hold", stamp(t.LastHold))
	add("Channel-Hold-Accum", "0")
	add("Screen-Bit", "true")
	add("Privacy-Hide-Name", "false")
	add("Privacy-Hide-Number", "false")
}
