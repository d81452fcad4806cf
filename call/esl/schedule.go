package esl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call/control"
)

// A scheduler runs things later.
type scheduler struct {
	mu      sync.Mutex
	last    uint32
	tasks   map[uint32]*task
	stopped bool
}

type task struct {
	id          uint32
	group, what string
	at          time.Time
	every       time.Duration // repeated, if not zero
	timer       *time.Timer
}

// add has f run at a time. It reports 0 if there are too many tasks.
func (s *Server) schedule(at time.Time, every time.Duration, group, what string, f func()) uint32 {
	sc := &s.sched
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.stopped || len(sc.tasks) >= s.cfg.MaxTasks {
		return 0
	}
	if sc.tasks == nil {
		sc.tasks = make(map[uint32]*task)
	}
	for sc.last++; sc.last == 0 || sc.tasks[sc.last] != nil; sc.last++ {
	}
	t := &task{id: sc.last, group: group, what: what, at: at, every: every}
	t.timer = time.AfterFunc(time.Until(at), func() {
		sc.mu.Lock()
		if sc.stopped || sc.tasks[t.id] != t {
			sc.mu.Unlock()
			return
		}
		if t.every > 0 {
			t.at = time.Now().Add(t.every)
			t.timer.Reset(t.every)
		} else {
			delete(sc.tasks, t.id)
		}
		s.work.Add(1)
		sc.mu.Unlock()
		defer s.work.Done()
		f()
	})
	sc.tasks[t.id] = t
	return t.id
}

// del forgets the task of that number, or the group of that name.
func (sc *scheduler) del(name string) (n int) {
	id, err := strconv.ParseUint(name, 10, 32)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for _, t := range sc.tasks {
		if err == nil && t.id == uint32(id) || err != nil && t.group == name {
			t.timer.Stop()
			delete(sc.tasks, t.id)
			n++
		}
	}
	return n
}

// forget is del for one task.
func (sc *scheduler) forget(id uint32) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if t := sc.tasks[id]; t != nil {
		t.timer.Stop()
		delete(sc.tasks, id)
	}
}

func (sc *scheduler) list() []*task {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	var out []*task
	for _, t := range sc.tasks {
		c := *t
		out = append(out, &c)
	}
	slices.SortFunc(out, func(a, b *task) int { return cmp.Compare(a.id, b.id) })
	return out
}

func (sc *scheduler) stop() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.stopped = true
	for _, t := range sc.tasks {
		t.timer.Stop()
	}
}

// when reads +SECONDS from now, @SECONDS for ever again, or the time since 1970.
func when(s string) (at time.Time, every time.Duration, ok bool) {
	rest, again := strings.CutPrefix(s, "@")
	rest, in := strings.CutPrefix(rest, "+")
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil || n < 0 || n > 1<<33 || again && n == 0 {
		return time.Time{}, 0, false
	}
	d := time.Duration(n) * time.Second
	switch {
	case again:
		return time.Now().Add(d), d, true
	case in:
		return time.Now().Add(d), 0, true
	}
	return time.Unix(n, 0), 0, true
}

const (
	syntaxSchedAPI       = "[+@]<time> <group_name> <command_string>[&]"
	syntaxSchedBroadcast = "[[+]<time>|@time] <uuid> <path> [aleg|bleg|both]"
	syntaxSchedHangup    = "[+]<time> <uuid> [<cause>]"
	syntaxSchedTransfer  = "[+]<time> <uuid> <extension> [<dialplan>] [<context>]"
)

const tooManyTasks = "-ERR too many tasks\n"

// scheduleCommands do something later.
var scheduleCommands = map[string]apiCommand{
	"sched_api": {syntaxSchedAPI, "Schedule an api command", func(s *Server, _ context.Context, args string) string {
		words := split(args, 3)
		at, every, ok := when(arg(words, 0))
		if len(words) < 3 || !ok {
			return "-ERR Invalid syntax. USAGE: " + syntaxSchedAPI + "\n"
		}
		line := strings.TrimSuffix(words[2], "&")
		id := s.schedule(at, every, words[1], line, func() { s.run(s.ctx, line) })
		if id == 0 {
			return tooManyTasks
		}
		return fmt.Sprintf("+OK Added: %d\n", id)
	}},
	"sched_broadcast": {syntaxSchedBroadcast, "Schedule a broadcast event to a running call", func(s *Server, _ context.Context, args string) string {
		words := split(args, 4)
		at, every, ok := when(arg(words, 0))
		if len(words) < 3 || !ok {
			return usage(syntaxSchedBroadcast)
		}
		rest := strings.Join(words[1:], " ")
		ch := s.sw.Channel(words[1])
		if ch == nil {
			return noChannel
		}
		return s.later(ch, at, every, "broadcast", func() { broadcastCommand(s, s.ctx, rest) })
	}},
	"sched_del": {"<task_id>|<group_id>", "Delete a scheduled task", func(s *Server, _ context.Context, args string) string {
		return fmt.Sprintf("+OK Deleted: %d\n", s.sched.del(args))
	}},
	"sched_hangup": {syntaxSchedHangup, "Schedule a running call to hangup", func(s *Server, _ context.Context, args string) string {
		words := split(args, 3)
		at, _, ok := when(arg(words, 0))
		if len(words) < 2 || !ok {
			return usage(syntaxSchedHangup)
		}
		cause := control.AllottedTimeout
		if c, err := control.ParseCause(arg(words, 2)); err == nil && c != control.CauseNone {
			cause = c
		}
		ch := s.sw.Channel(words[1])
		if ch == nil {
			return noChannel
		}
		return s.later(ch, at, 0, "hangup", func() { ch.Hangup(cause) })
	}},
	"sched_transfer": {syntaxSchedTransfer, "Schedule a transfer for a running call", func(s *Server, _ context.Context, args string) string {
		words := split(args, 5)
		at, _, ok := when(arg(words, 0))
		if len(words) < 3 || !ok {
			return usage(syntaxSchedTransfer)
		}
		ch := s.sw.Channel(words[1])
		if ch == nil {
			return noChannel
		}
		ext := control.Extension{Number: words[2], Dialplan: arg(words, 3), Context: arg(words, 4)}
		return s.later(ch, at, 0, "transfer", func() { ch.Transfer(ext) })
	}},
	"unsched_api": {"<task_id>", "Unschedule an api command", func(s *Server, _ context.Context, args string) string {
		if s.sched.del(args) == 0 {
			return "-ERR No such task\n"
		}
		return "+OK\n"
	}},
}

// later schedules something about a channel, in a group of its UUID. It is forgotten when that ends.
func (s *Server) later(ch *control.Channel, at time.Time, every time.Duration, what string, f func()) string {
	id := s.schedule(at, every, ch.UUID(), what, f)
	if id == 0 {
		return tooManyTasks
	}
	context.AfterFunc(ch.Context(), func() { s.sched.forget(id) })
	return "+OK\n"
}
