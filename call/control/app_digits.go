package control

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
)

// digitOptions say which keys to read.
type digitOptions struct {
	min, max    int
	first, next time.Duration
	terminators string
	prompt      string
}

// digits plays a prompt and reads keys. The keys are what was pressed, also when they are too few; the terminator is 0
// if there was none.
func (c *Channel) digits(ctx context.Context, o digitOptions) (keys string, terminator byte, err error) {
	if err := c.ready(); err != nil {
		return "", 0, err
	}
	var b strings.Builder
	take := func(k byte) bool { // says whether it is over
		if strings.IndexByte(o.terminators, k) >= 0 {
			terminator = k
			return true
		}
		b.WriteByte(k)
		return b.Len() >= o.max
	}
	if o.prompt != "" && o.prompt != "silence" {
		key, err := c.prompt(ctx, o.prompt)
		if err != nil {
			return "", 0, err
		}
		if key != 0 && take(key) {
			return b.String(), terminator, nil
		}
	}
	wait := o.first
	if b.Len() > 0 {
		wait = o.next
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		k, err := c.nextKey(ctx, t.C)
		if errors.Is(err, call.ErrNoInput) {
			return b.String(), 0, nil
		}
		if err != nil {
			return b.String(), 0, err
		}
		if take(k) {
			return b.String(), terminator, nil
		}
		t.Reset(o.next)
	}
}

// prompt plays a file until its end or a key, which it returns.
func (c *Channel) prompt(ctx context.Context, name string) (byte, error) {
	c.keyMu.Lock()
	waiting := len(c.keys) > 0
	c.keyMu.Unlock()
	if waiting { // typed ahead
		return c.nextKey(ctx, nil)
	}
	return c.playFile(ctx, name, "0123456789*#ABCD")
}

// number reads an argument, def if it is missing or no number.
func number(args []string, i, def int) int {
	if i < len(args) {
		if n, err := strconv.Atoi(args[i]); err == nil {
			return n
		}
	}
	return def
}

func arg(args []string, i int) string {
	if i < len(args) && args[i] != "none" {
		return args[i]
	}
	return ""
}

func (c *Channel) digitArgs(min, max, first, next int, terminators string) (digitOptions, error) {
	if min < 0 || max > 128 || min > 128 || first > 1<<30 || next > 1<<30 {
		return digitOptions{}, parseError("digits", strconv.Itoa(max), errTooMany)
	}
	max1 := max
	if max1 < min {
		max1 = min
	}
	if max1 == 0 {
		max1 = 1
	}
	if first < 1000 {
		first = 1000
	}
	if next <= 0 {
		next = first
	}
	return digitOptions{min: min, max: max1, first: time.Duration(first) * time.Millisecond, next: time.Duration(next) * time.Millisecond, terminators: terminators}, nil
}

// appPlayAndGetDigits is MIN MAX TRIES TIMEOUT_MS TERMINATORS FILE INVALID_FILE VARIABLE REGEXP DIGIT_TIMEOUT_MS
// TRANSFER_ON_FAILURE.
func appPlayAndGetDigits(ctx context.Context, c *Channel, line string) error {
	args, err := splitWords(line)
	if err != nil {
		return parseError("play_and_get_digits", line, err)
	}
	for i := range args {
		args[i] = unquoteWhole(args[i])
	}
	o, err := c.digitArgs(max(number(args, 0, 0), 0), number(args, 1, 0), number(args, 3, 1000), number(args, 9, 0), arg(args, 4))
	if err != nil {
		return err
	}
	tries, invalid, name := max(number(args, 2, 1), 1), arg(args, 6), arg(args, 7)
	o.prompt = arg(args, 5)
	valid := func(string) bool { return true }
	if pattern := arg(args, 8); pattern != "" && !strings.HasPrefix(pattern, "_") {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return parseError("regular expression", pattern, err)
		}
		valid = re.MatchString
	}
	if name != "" {
		if err := c.SetVar(name, ""); err != nil {
			return err
		}
		c.set(name+"_invalid", "")
	}
	for range min(tries, 100) {
		keys, terminator, err := c.digits(ctx, o)
		if err != nil {
			return err
		}
		if terminator != 0 {
			c.set("read_terminator_used", string(rune(terminator)))
		}
		if len(keys) >= o.min && len(keys) > 0 && valid(keys) || len(keys) == 0 && o.min == 0 {
			if name != "" {
				c.SetVar(name, keys)
			}
			c.set("read_result", "success")
			return nil
		}
		if name != "" && keys != "" {
			c.SetVar(name+"_invalid", keys)
		}
		if invalid != "" && invalid != "silence" {
			if _, err := c.playFile(ctx, invalid, ""); err != nil && ctx.Err() != nil {
				return err
			}
			c.FlushKeys()
		}
	}
	c.set("read_result", "failure")
	if to := arg(args, 10); to != "" {
		return c.Transfer(parseTransfer(to, ":"))
	}
	return nil
}

// appRead is MIN MAX FILE VARIABLE TIMEOUT_MS TERMINATORS DIGIT_TIMEOUT_MS.
func appRead(ctx context.Context, c *Channel, line string) error {
	args, err := splitWords(line)
	if err != nil {
		return parseError("read", line, err)
	}
	for i := range args {
		args[i] = unquoteWhole(args[i])
	}
	terminators := arg(args, 5)
	if len(args) <= 5 {
		terminators = "#"
	}
	o, err := c.digitArgs(max(number(args, 0, 1), 1), number(args, 1, 1), number(args, 4, 1000), number(args, 6, 0), terminators)
	if err != nil {
		return err
	}
	o.prompt = arg(args, 2)
	name := arg(args, 3)
	c.set("read_terminator_used", "", "read_result", "")
	keys, terminator, err := c.digits(ctx, o)
	if name != "" {
		if err := c.SetVar(name, keys); err != nil {
			return err
		}
	}
	result := "success"
	switch {
	case err != nil:
		result = "failure"
	case len(keys) < o.min && terminator == 0:
		result = "timeout"
	}
	if terminator != 0 {
		c.set("read_terminator_used", string(rune(terminator)))
	}
	c.set("read_result", result)
	return err
}
