package as

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cron is a schedule of five fields as crontab(5) has them: minute, hour, day of the month, month,
// and day of the week, where 0 and 7 are Sunday. A field is "*", a number, a range "8-18", either
// with a step, "*/15" or "8-18/2", or a list of these with commas. Months and days of the week may
// have their English names in three letters. If both days are restricted, either will do.
// "@hourly", "@daily", "@weekly", "@monthly" and "@yearly" stand for the usual schedules.
//
// Where the clock is moved, a schedule with a fixed hour keeps its number of runs: one at a time
// that is skipped runs at the moment of the change, one at a time that comes twice runs the first
// time. Schedules of every hour ("*" or "*/n") follow the clock: what is skipped is not made up
// for, and what comes twice runs twice.
type Cron struct {
	text                          string
	minute, hour, dom, month, dow uint64 // bits
	anyDOM, anyDOW, everyHour     bool
	zone                          *time.Location
}

var cronNames = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

var monthNames = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseCron reads a schedule for a time zone; nil is UTC. A schedule that never comes, such as the
// 30th of February, is an error.
func ParseCron(s string, zone *time.Location) (Cron, error) {
	if zone == nil {
		zone = time.UTC
	}
	c := Cron{text: s, zone: zone}
	if full, ok := cronNames[strings.ToLower(strings.TrimSpace(s))]; ok {
		s = full
	}
	f := strings.Fields(s)
	if len(f) != 5 {
		return c, fmt.Errorf("as: schedule %q: %d fields, want 5", c.text, len(f))
	}
	for i, p := range []struct {
		name     string
		to       *uint64
		min, max int
		names    []string
	}{{"minute", &c.minute, 0, 59, nil}, {"hour", &c.hour, 0, 23, nil}, {"day of the month", &c.dom, 1, 31, nil},
		{"month", &c.month, 1, 12, monthNames}, {"day of the week", &c.dow, 0, 7, dayNames}} {
		var err error
		if *p.to, err = cronField(f[i], p.min, p.max, p.names); err != nil {
			return c, fmt.Errorf("as: schedule %q: %s: %w", c.text, p.name, err)
		}
	}
	if c.dow>>7&1 == 1 {
		c.dow |= 1
	}
	c.everyHour = strings.HasPrefix(f[1], "*")
	c.anyDOM, c.anyDOW = f[2] == "*", f[4] == "*"
	if c.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return c, fmt.Errorf("as: schedule %q never comes", c.text)
	}
	return c, nil
}

func cronField(s string, lowest, highest int, names []string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(s, ",") {
		span, step, stepped := strings.Cut(part, "/")
		every := 1
		if stepped {
			n, err := strconv.ParseUint(step, 10, 8)
			if err != nil || n == 0 {
				return 0, fmt.Errorf("bad step %q", step)
			}
			every = int(n)
		}
		from, to := lowest, highest
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var err error
			if from, err = cronValue(first, lowest, highest, names); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if to, err = cronValue(last, lowest, highest, names); err != nil {
					return 0, err
				}
			case !stepped:
				to = from
			}
			if to < from {
				return 0, fmt.Errorf("range %q is backwards", span)
			}
		}
		for v := from; v <= to; v += every {
			set |= 1 << v
		}
	}
	return set, nil
}

func cronValue(s string, lowest, highest int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToLower(s)); i >= 0 && s != "" {
		return i, nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) < lowest || int(n) > highest {
		return 0, fmt.Errorf("%q is not from %d to %d", s, lowest, highest)
	}
	return int(n), nil
}

// String returns the schedule as it was written.
func (c Cron) String() string { return c.text }

// Next returns the first time of the schedule after t; zero if there is none within eight years.
func (c Cron) Next(t time.Time) time.Time {
	if c.zone == nil {
		return time.Time{}
	}
	local := t.In(c.zone)
	// Times that are skipped run later, so that the day before may still have one: begin there.
	for day := -1; day < 8*366+1; day++ {
		y, m, d := time.Date(local.Year(), local.Month(), local.Day()+day, 12, 0, 0, 0, time.UTC).Date()
		if !c.on(y, m, d) {
			continue
		}
		var next time.Time
		for hours := c.hour; hours != 0; hours &= hours - 1 {
			for minutes := c.minute; minutes != 0; minutes &= minutes - 1 {
				for _, at := range c.moments(y, m, d, bits.TrailingZeros64(hours), bits.TrailingZeros64(minutes)) {
					if at.After(t) && (next.IsZero() || at.Before(next)) {
						next = at
					}
				}
			}
		}
		if !next.IsZero() {
			return next
		}
	}
	return time.Time{}
}

// on reports whether the schedule has the day.
func (c Cron) on(y int, m time.Month, d int) bool {
	if c.month>>m&1 == 0 {
		return false
	}
	dom := c.dom>>d&1 == 1
	dow := c.dow>>time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Weekday()&1 == 1
	if c.anyDOM || c.anyDOW {
		return dom && dow
	}
	return dom || dow
}

// moments are when the clock shows a time on a day: mostly one, none or two where it is moved.
func (c Cron) moments(y int, m time.Month, d, hour, minute int) []time.Time {
	shows := func(t time.Time) bool {
		return t.Hour() == hour && t.Minute() == minute && t.Day() == d
	}
	t := time.Date(y, m, d, hour, minute, 0, 0, c.zone)
	start, end := t.ZoneBounds()
	if !shows(t) { // skipped
		if c.everyHour {
			return nil
		}
		// Go takes the offset of before the change, or of after it.
		wall := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
		if _, offset := t.Zone(); t.Add(time.Duration(offset) * time.Second).UTC().After(wall) {
			return []time.Time{start}
		}
		return []time.Time{end}
	}
	list := []time.Time{t}
	_, offset := t.Zone()
	if !start.IsZero() {
		_, before := start.Add(-time.Second).Zone()
		if first := t.Add(time.Duration(offset-before) * time.Second); before > offset && first.Before(start) && shows(first) {
			list = []time.Time{first, t}
		}
	}
	if !end.IsZero() {
		_, after := end.Zone()
		if second := t.Add(time.Duration(offset-after) * time.Second); after < offset && !second.Before(end) && shows(second) {
			list = append(list, second)
		}
	}
	if !c.everyHour {
		return list[:1]
	}
	return list
}
