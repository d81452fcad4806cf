package rtp

import "time"

// action is what is done about the packet at the head of a [Buffer].
type action uint8

const (
	playPacket  action = iota
	losePacket         // it is missing: report it
	skipPacket         // leave it out, there or missing, to shorten the delay
	insertFrame        // put one in before it, to make the delay longer
	dropPacket         // it came too late
)

// step is what to do next, and when.
type step struct {
	action action
	due    time.Duration
	at     time.Duration // place of the packet on the time line
	offset time.Duration // the offset from then on
	gap    int64         // packets that are missing before the first that is there
}

const (
	insertEvery = 3  // packets between two frames that are inserted
	skipEvery   = 25 // packets between two that are left out
)

// plan says what is to be done next. Something must be waiting.
//
//	Head                           Offset and aim                    Action
//	first of all                   -                                 play, offset = aim
//	there, after a pause           -                                 play, offset = aim, but not before its turn
//	there, came in time            aim above by half a packet        insert, offset + 1 packet
//	there, came in time            aim below by 2.5 packets          skip, offset - 1 packet
//	there, came in time            otherwise                         play
//	there, came late               aim above                         play, offset as late as it came, up to the aim
//	there, late by a packet still  -                                 drop
//	missing                        aim below by 1.5 packets          skip, offset - 1 packet
//	missing                        otherwise                         lose
//
// With a fixed delay, offset and aim are zero, and nothing is late.
func (b *Buffer) plan() step {
	p := step{offset: b.offset}
	s := b.slot(b.next)
	for !s.full || s.ext != b.next+p.gap { // all that waits lies within len(slots) of next
		p.gap++
		s = b.slot(b.next + p.gap)
	}
	if p.gap > 0 {
		// A missing packet belongs one interval after the last, or just before the next that is there, whichever is later.
		p.action, p.at = losePacket, s.at-time.Duration(p.gap)*b.interval
		if b.played {
			p.at = min(max(p.at, b.lastAt+b.interval), s.at)
		}
		if !b.cfg.Fixed {
			if !b.played {
				p.offset = b.goal()
			} else if b.offset-b.goal() >= b.interval*3/2 {
				p.action = skipPacket
			}
		}
		p.due = p.at + p.offset
		if p.action == skipPacket {
			p.offset -= b.interval
		}
		return p
	}
	p.at = s.at
	if b.cfg.Fixed {
		p.due = p.at
		return p
	}
	goal := b.goal()
	switch late := s.came - (s.at + b.offset); {
	case !b.played:
		p.offset = goal
	case s.silent:
	case s.marker || s.at-b.lastAt >= b.interval*3/2:
		p.offset = max(goal, b.lastAt+b.offset+b.interval-s.at)
	case late > 0:
		p.offset = max(b.offset, min(b.offset+late, goal))
		if s.came-(s.at+p.offset) >= b.interval {
			p.action = dropPacket
		}
	case goal-b.offset > b.interval/2 && b.since >= insertEvery:
		p.action = insertFrame
	case b.offset-goal >= b.interval*5/2 && b.since >= skipEvery:
		p.action = skipPacket
	}
	p.due = p.at + p.offset
	switch p.action {
	case insertFrame:
		p.offset += b.interval
	case skipPacket:
		p.offset -= b.interval
	}
	return p
}

// Pop gives out the next frame if it is due, its payload appended to dst[:0]. Call it until it
// returns false, which means that there is nothing to play yet: the speaker is silent or the
// packets are late. Frames come in the order of their sequence numbers; a missing one is reported
// as lost when a later packet is there and the time of the missing one has come.
func (b *Buffer) Pop(now time.Time, dst []byte) (Frame, bool) {
	for b.count > 0 {
		p := b.plan()
		if p.due > now.Sub(b.epoch) {
			return Frame{}, false
		}
		b.offset = p.offset
		s := b.slot(b.next + p.gap)
		f := Frame{Lost: true, Sequence: uint16(b.next), Timestamp: s.timestamp - uint32(p.gap)*uint32(units(b.interval, b.rate))}
		if p.action == insertFrame {
			b.since = 0
			b.stats.Inserted++
			f.Inserted = true
			return f, true
		}
		b.next++
		payload := s.payload // stays as it is until the next packet comes
		if p.gap == 0 {
			b.empty(s)
			b.count--
			if b.played {
				b.learn(s)
			}
			f.Timestamp = s.timestamp
		}
		b.played, b.lastAt, b.lastStamp, b.lastNoise = true, p.at, f.Timestamp, p.gap == 0 && s.noise
		switch p.action {
		case losePacket:
			b.stats.Concealed++
			b.bursts.lose()
			return f, true
		case dropPacket:
			b.stats.Late++
			b.bursts.discard(false)
			continue
		case skipPacket:
			b.since = 0
			b.stats.Skipped++
			if p.gap > 0 {
				b.bursts.lose()
			}
			continue
		}
		if s.silent {
			continue
		}
		b.since++
		b.stats.Played++
		b.bursts.play()
		return Frame{
			Payload: append(dst[:0], payload...), PayloadType: s.pt, Marker: s.marker, Noise: s.noise,
			Sequence: uint16(s.ext), Timestamp: s.timestamp,
		}, true
	}
	return Frame{}, false
}

// learn takes the length of a packet from two consecutive ones.
func (b *Buffer) learn(s *slot) {
	step := int64(int32(s.timestamp - b.lastStamp))
	if d := span(step, b.rate); !s.marker && !s.silent && !s.noise && !b.lastNoise && d > 0 && d <= 120*time.Millisecond {
		b.interval = d
	}
}

// Deadline is when the next call of [Buffer.Pop] has something to do; zero if nothing waits.
func (b *Buffer) Deadline() time.Time {
	if b.count == 0 {
		return time.Time{}
	}
	return b.epoch.Add(b.plan().due)
}
