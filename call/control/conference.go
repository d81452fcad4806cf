package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/call"
)

// room is a conference by its name.
type room struct {
	name    string
	uuid    string
	mix     *call.Conference
	members int
	next    int // the next member's number
	people  map[int]*participant
}

// participant is one channel in a conference.
type participant struct {
	c      *Channel
	room   *room
	id     int
	member *call.Member
	out    chan struct{} // closed when it is to leave

	mu          sync.Mutex // held while something is done to it
	muted, deaf atomic.Bool
	gone        bool
}

const maxRooms = 1000

// enter makes the conference if it is not there.
func (s *Switch) enter(name string, rate int) (*room, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		if len(s.rooms) >= maxRooms {
			return nil, 0, errors.New("control: too many conferences")
		}
		mix, err := call.NewConference(rate)
		if err != nil {
			return nil, 0, err
		}
		r = &room{name: name, uuid: NewUUID(), mix: mix, people: map[int]*participant{}}
		s.rooms[name] = r
	}
	r.members++
	r.next++
	return r, r.next, nil
}

func (s *Switch) leave(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.members--; r.members == 0 {
		delete(s.rooms, r.name)
		r.mix.Close()
	}
}

// appConference is NAME[@PROFILE][+PIN][+flags{mute|deaf}]: everybody in it hears the others. It lasts until the channel ends or
// is transferred; key 0 mutes and unmutes, # leaves.
func appConference(ctx context.Context, c *Channel, args string) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(args), "+")
	name, profile, _ := strings.Cut(name, "@")
	if name == "" || len(name) > maxVarName {
		return parseError("conference", args, errEmpty)
	}
	pin, flags, _ := strings.Cut(rest, "+")
	if strings.HasPrefix(pin, "flags{") {
		pin, flags = "", pin
	}
	rate := 8000
	if strings.HasPrefix(profile, "wide") || strings.HasPrefix(profile, "hd") {
		rate = 16000
	}
	if err := c.Answer(ctx); err != nil {
		return err
	}
	if pin != "" {
		keys, _, err := c.digits(ctx, digitOptions{min: len(pin), max: len(pin), first: 5e9, next: 3e9, terminators: "#"})
		if err != nil {
			return err
		}
		if keys != pin {
			return errors.New("control: a wrong PIN")
		}
	}
	r, id, err := c.sw.enter(name, rate)
	if err != nil {
		return err
	}
	defer c.sw.leave(r)
	m := c.media()
	if m == nil {
		return errNoMedia
	}
	member, err := r.mix.Add(m)
	if err != nil {
		return err
	}
	defer r.mix.Remove(member)
	p := &participant{c: c, room: r, id: id, member: member, out: make(chan struct{})}
	c.sw.mu.Lock()
	r.people[id] = p
	c.sw.mu.Unlock()
	defer func() {
		c.sw.mu.Lock()
		delete(r.people, id)
		c.sw.mu.Unlock()
	}()
	c.firm()
	c.set("conference_name", name, "conference_uuid", r.uuid, "conference_member_id", strconv.Itoa(id))
	p.tell("add-member")
	if strings.Contains(flags, "mute") {
		p.do("mute")
	}
	if strings.Contains(flags, "deaf") {
		p.do("deaf")
	}
	defer c.watchKeys(func(k byte) bool {
		switch k { // on the goroutine of all media
		case '0':
			go p.do("toggle")
		case '#':
			go p.do("kick")
		default:
			return false
		}
		return true
	})()
	err = c.wait(ctx, p.out)
	p.tell("del-member")
	return err
}

// tell tells of something about a member.
func (p *participant) tell(action string) {
	p.c.emit("CUSTOM conference::maintenance", "Conference-Name", p.room.name, "Conference-Unique-ID", p.room.uuid,
		"Member-ID", strconv.Itoa(p.id), "Action", action)
}

// do mutes a member and so on; what changes nothing is not told.
func (p *participant) do(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, deaf := p.muted.Load(), p.deaf.Load()
	now, hears := was, !deaf
	switch what {
	case "mute":
		now = true
	case "unmute":
		now = false
	case "toggle":
		now = !now
	case "deaf":
		hears = false
	case "undeaf":
		hears = true
	case "kick":
		if !p.gone {
			p.gone = true
			close(p.out)
		}
	}
	if now != was {
		p.muted.Store(now)
		p.member.Mute(now)
		if now {
			p.tell("mute-member")
		} else {
			p.tell("unmute-member")
		}
	}
	if hears == deaf {
		p.deaf.Store(!hears)
		p.member.Deafen(!hears)
		if hears {
			p.tell("undeaf-member")
		} else {
			p.tell("deaf-member")
		}
	}
}

// ConferenceInfo is a snapshot of a conference.
type ConferenceInfo struct {
	Name, UUID string
	Members    []ConferenceMember // in the order of their numbers
}

// ConferenceMember is a channel in a conference.
type ConferenceMember struct {
	ID          int
	UUID        string
	Muted, Deaf bool
}

// Conferences returns the conferences that there are, sorted by name.
func (s *Switch) Conferences() []ConferenceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []ConferenceInfo
	for _, name := range slices.Sorted(maps.Keys(s.rooms)) {
		r := s.rooms[name]
		info := ConferenceInfo{Name: r.name, UUID: r.uuid}
		for _, id := range slices.Sorted(maps.Keys(r.people)) {
			p := r.people[id]
			info.Members = append(info.Members, ConferenceMember{id, p.c.uuid, p.muted.Load(), p.deaf.Load()})
		}
		out = append(out, info)
	}
	return out
}

// ConferenceDo does something to the member of that number of a conference, or to all if it is 0: mute, unmute, deaf, undeaf, or
// kick, which has it leave. It returns how many members were concerned.
func (s *Switch) ConferenceDo(name string, id int, what string) (n int) {
	s.mu.Lock()
	var people []*participant
	if r := s.rooms[name]; r != nil {
		for _, p := range r.people {
			if id == 0 || p.id == id {
				people = append(people, p)
			}
		}
	}
	s.mu.Unlock()
	for _, p := range people {
		p.do(what)
	}
	return len(people)
}

// appThreeWay lets the channel take part in what another one is bridged to: its UUID.
func appThreeWay(ctx context.Context, c *Channel, args string) error {
	return c.listen(ctx, strings.TrimSpace(args), false)
}

// appEavesdrop lets the channel hear what another one is bridged to: its UUID. Keys: 2 speaks to the peer of that
// channel, 1 to the other side, 3 to both, 0 to none.
func appEavesdrop(ctx context.Context, c *Channel, args string) error {
	return c.listen(ctx, strings.TrimSpace(args), true)
}

// listen joins the bridge of another channel until that ends, or ctx is done.
func (c *Channel) listen(ctx context.Context, uuid string, silent bool) error {
	target := c.sw.Channel(uuid)
	if target == nil || target == c {
		return fmt.Errorf("%w: %.40q", errNoChannel, uuid)
	}
	target.mu.Lock()
	br := target.bridge
	target.mu.Unlock()
	if br == nil {
		return errNotBridged
	}
	if err := c.Answer(ctx); err != nil {
		return err
	}
	c.firm()
	m := c.media()
	if m == nil {
		return errNoMedia
	}
	member, err := br.join(m)
	if err != nil {
		return err
	}
	defer br.part(member)
	member.Mute(silent)
	if silent {
		defer c.watchKeys(func(k byte) bool {
			switch k {
			case '0', '1', '2', '3':
				go member.Mute(k == '0')
				return true
			}
			return false
		})()
	}
	return c.wait(ctx, br.done)
}

// join lets another leg take part in a bridge, which becomes a conference for the time.
func (br *bridge) join(m *call.Media) (*call.Member, error) {
	br.mu.Lock()
	defer br.mu.Unlock()
	select {
	case <-br.done:
		return nil, errNotBridged
	default:
	}
	if br.room == nil {
		ma, mb := br.a.media(), br.b.media()
		if ma == nil || mb == nil {
			return nil, errNoMedia
		}
		rate := 8000
		if ma.SampleRate() > 8000 && mb.SampleRate() > 8000 {
			rate = 16000
		}
		mix, err := call.NewConference(rate)
		if err != nil {
			return nil, err
		}
		call.Unbridge(ma)
		for _, leg := range []*call.Media{ma, mb} {
			if _, err := mix.Add(leg); err != nil {
				mix.Close()
				call.Bridge(ma, mb)
				return nil, err
			}
		}
		br.room = mix
	}
	member, err := br.room.Add(m)
	if err == nil {
		br.extra++
	}
	return member, err
}

// part undoes join.
func (br *bridge) part(member *call.Member) {
	br.mu.Lock()
	defer br.mu.Unlock()
	if br.room == nil {
		return
	}
	br.room.Remove(member)
	if br.extra--; br.extra > 0 {
		return
	}
	br.room.Close()
	br.room = nil
	select {
	case <-br.done:
	default:
		if ma, mb := br.a.media(), br.b.media(); ma != nil && mb != nil {
			call.Bridge(ma, mb)
		}
	}
}

// appEcho has the peer hear itself.
func appEcho(ctx context.Context, c *Channel, _ string) error {
	if err := c.Answer(ctx); err != nil {
		return err
	}
	m := c.media()
	if m == nil {
		return errNoMedia
	}
	e := &echo{}
	m.AddSink(e)
	defer m.RemoveSink(e)
	m.SetSource(e)
	defer m.SetSource(nil)
	return c.wait(ctx, nil)
}

// echo gives what it was given, on the wheel's goroutine.
type echo struct{ frame []int16 }

func (e *echo) WriteSamples(pcm []int16) error {
	e.frame = append(e.frame[:0], pcm...)
	return nil
}

func (e *echo) ReadSamples(pcm []int16) (int, error) {
	n := copy(pcm, e.frame)
	e.frame = e.frame[:0]
	return n, nil
}
