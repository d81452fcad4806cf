package as

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// When is a time of the week, of the year, or both: everything that is set has to hold.
type When struct {
	// Days of the week, "mon-fri,sun". If empty, every day.
	Days string `yaml:"days"`
	// Dates of the year, "12-24..12-26", or of one year, "2026-12-24", in a list with commas. If
	// empty, every date.
	Dates string `yaml:"dates"`
	// From and To are times of the day on the clock, "08:00" and "17:30"; To is the first minute
	// outside. Where To is not after From, the time ends on the next day, and Days and Dates are
	// those of its beginning. If both are empty, the whole day.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Zone is a name of the time zone database, "Europe/Berlin". If empty, that of the rules.
	Zone string `yaml:"zone"`
}

// when is a When that is ready for use.
type when struct {
	days     uint8 // bit per time.Weekday
	dates    [][2]date
	from, to int // minutes
	zone     *time.Location
	text     string
}

// date is a day of a year; year 0 is any.
type date struct{ year, month, day int }

func compileWhen(w When, zone *time.Location) (when, error) {
	out := when{days: 0x7f, to: 24 * 60, zone: zone,
		text: strings.Join(strings.Fields(w.Days+" "+w.Dates+" "+w.From+"-"+w.To+" "+w.Zone), " ")}
	var err error
	if w.Zone != "" {
		if out.zone, err = time.LoadLocation(w.Zone); err != nil {
			return out, fmt.Errorf("time zone: %w", err)
		}
	}
	if w.Days != "" {
		out.days = 0
		for part := range strings.SplitSeq(w.Days, ",") {
			first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
			a, err := weekday(first)
			if err != nil {
				return out, err
			}
			b := a
			if isRange {
				if b, err = weekday(last); err != nil {
					return out, err
				}
			}
			for d := a; ; d = (d + 1) % 7 {
				out.days |= 1 << d
				if d == b {
					break
				}
			}
		}
	}
	if w.Dates != "" {
		for part := range strings.SplitSeq(w.Dates, ",") {
			first, last, isRange := strings.Cut(strings.TrimSpace(part), "..")
			var r [2]date
			if r[0], err = parseDate(first); err != nil {
				return out, err
			}
			r[1] = r[0]
			if isRange {
				if r[1], err = parseDate(last); err != nil {
					return out, err
				}
			}
			if (r[0].year == 0) != (r[1].year == 0) || r[0].year != 0 && r[1].before(r[0]) {
				return out, fmt.Errorf("dates %q: the end does not fit the beginning", part)
			}
			out.dates = append(out.dates, r)
		}
	}
	if w.From != "" {
		if out.from, err = clock(w.From); err != nil {
			return out, err
		}
	}
	if w.To != "" {
		if out.to, err = clock(w.To); err != nil {
			return out, err
		}
	}
	if out.from == 24*60 {
		return out, fmt.Errorf("time %q is the end of a day", w.From)
	}
	return out, nil
}

func weekday(s string) (int, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	for d := range 7 {
		if name := strings.ToLower(time.Weekday(d).String()); s == name || s == name[:3] {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day of the week", s)
}

func clock(s string) (int, error) {
	h, m, ok := strings.Cut(s, ":")
	hour, err1 := strconv.ParseUint(h, 10, 8)
	minute, err2 := strconv.ParseUint(m, 10, 8)
	if !ok || len(m) != 2 || err1 != nil || err2 != nil || minute > 59 || hour*60+minute > 24*60 {
		return 0, fmt.Errorf("%q is no time of the day such as 08:30", s)
	}
	return int(hour*60 + minute), nil
}

func parseDate(s string) (date, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse("2006-01-02", s); err == nil {
		return date{t.Year(), int(t.Month()), t.Day()}, nil
	}
	t, err := time.Parse("2006-01-02", "2024-"+s) // a leap year
	if err != nil {
		return date{}, fmt.Errorf("%q is no date such as 12-24 or 2026-12-24", s)
	}
	return date{0, int(t.Month()), t.Day()}, nil
}

func (d date) before(e date) bool {
	return d.year*10000+d.month*100+d.day < e.year*10000+e.month*100+e.day
}

// contains reports whether t is within. What the clock shows counts: an hour that is skipped
// when summer time begins never comes, one that is repeated counts twice.
func (w *when) contains(t time.Time) bool {
	t = t.In(w.zone)
	minute := t.Hour()*60 + t.Minute()
	if w.to > w.from {
		return minute >= w.from && minute < w.to && w.on(t)
	}
	return minute >= w.from && w.on(t) ||
		minute < w.to && w.on(time.Date(t.Year(), t.Month(), t.Day()-1, 12, 0, 0, 0, w.zone))
}

func (w *when) on(t time.Time) bool {
	if w.days>>t.Weekday()&1 == 0 {
		return false
	}
	if len(w.dates) == 0 {
		return true
	}
	for _, r := range w.dates {
		d := date{t.Year(), int(t.Month()), t.Day()}
		if r[0].year == 0 {
			d.year = 0
		}
		if in := !d.before(r[0]) && !r[1].before(d); in || r[1].before(r[0]) && (!d.before(r[0]) || !r[1].before(d)) {
			return true
		}
	}
	return false
}
