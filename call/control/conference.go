package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotelco/telco/call"
)

// room is a conference by its name.
type room struct {
	name    string
	uuid    string
	mix     *call.Conference
	members int
	next    int // the next member's number
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
		r = &room{name: name, uuid: NewUUID(), mix: mix}
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
	muted := strings.Contains(flags, "mute")
	member.Mute(muted)
	member.Deafen(strings.Contains(flags, "deaf"))
	c.firm()
	c.set("conference_name", name, "conference_uuid", r.uuid, "conference_member_id", strconv.Itoa(id))
	about := []string{"Conference-Name", name, "Conference-Unique-ID", r.uuid, "Member-ID", strconv.Itoa(id), "Action", "add-member"}
	c.emit("CUSTOM conference::maintenance", about...)
	left := make(chan struct{})
	keys := make(chan byte, 8)
	defer c.watchKeys(func(k byte) bool {
		if k != '0' && k != '#' {
			return false
		}
		select {
		case keys <- k:
		default:
		}
		return true
	})()
	go func() {
		for {
			select {
			case k := <-keys:
				if k == '#' {
					close(left)
					return
				}
				muted = !muted
				member.Mute(muted)
				action := "unmute-member"
				if muted {
					action = "mute-member"
				}
				c.emit("CUSTOM conference::maintenance", append(about[:6:6], "Action", action)...)
			case <-ctx.Done():
				return
			}
		}
	}()
	err = c.wait(ctx, left)
	about[7] = "del-member"
	c.emit("CUSTOM conference::maintenance", about...)
	return err
}

// ConferenceInfo is a snapshot of a conference.
type ConferenceInfo struct {
	Name, UUID string
	Members    int
}

// Conferences returns the conferences that there are.
func (s *Switch) Conferences() []ConferenceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []ConferenceInfo
	for _, r := range s.rooms {
		out = append(out, ConferenceInfo{r.name, r.uuid, r.members})
	}
	return out
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
