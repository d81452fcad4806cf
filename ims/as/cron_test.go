package as

import (
	"testing"
	"time"
)

func TestCron(t *testing.T) {
	zone := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	berlin, lordHowe, saoPaulo := zone("Europe/Berlin"), zone("Australia/Lord_Howe"), zone("America/Sao_Paulo")
	for _, c := range []struct {
		cron  string
		zone  *time.Location
		after string
		want  []string
	}{
		{"*/20 * * * *", nil, "2026-11-23T16:05:00Z", []string{"2026-11-23T16:20:00Z", "2026-11-23T16:40:00Z", "2026-11-23T17:00:00Z"}},
		{"0 9-17/4 * * mon-fri", nil, "2026-11-27T13:00:00Z", []string{"2026-11-27T17:00:00Z", "2026-11-30T09:00:00Z"}},
		{"30 6 * * *", berlin, "2026-11-23T05:30:00Z", []string{"2026-11-24T06:30:00+01:00"}},
		{"0 0 29 2 *", nil, "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
		{"0 0 29 2 *", nil, "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}}, // 2100 is none
		{"0 12 13 * fri", nil, "2026-11-01T00:00:00Z", []string{"2026-11-06T12:00:00Z", "2026-11-13T12:00:00Z", "2026-11-20T12:00:00Z"}},
		{"0 12 13 * 7", nil, "2026-11-01T12:00:00Z", []string{"2026-11-08T12:00:00Z", "2026-11-13T12:00:00Z"}},
		{"0 12 */2 * sun", nil, "2026-11-01T12:00:00Z", []string{"2026-11-03T12:00:00Z"}}, // "*/2" restricts
		{"5/20 0 1 jan,Jul *", nil, "2026-07-01T00:05:00Z", []string{"2026-07-01T00:25:00Z", "2026-07-01T00:45:00Z", "2027-01-01T00:05:00Z"}},
		{"@daily", nil, "2026-11-23T16:05:00Z", []string{"2026-11-24T00:00:00Z"}},
		// Summer time begins on 2026-03-29 at 02:00 in Berlin: 02:30 is skipped.
		{"30 2 * * *", berlin, "2026-03-28T12:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"0,30 2 * * *", berlin, "2026-03-28T12:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
		{"30 * * * *", berlin, "2026-03-29T00:00:00Z", []string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"}},
		// It ends on 2026-10-25 at 03:00: 02:30 comes twice.
		{"30 2 * * *", berlin, "2026-10-24T12:00:00Z", []string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"30 2 * * *", berlin, "2026-10-25T00:30:00Z", []string{"2026-10-26T02:30:00+01:00"}},
		{"30 */1 * * *", berlin, "2026-10-25T00:00:00Z", []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"}},
		// Half an hour, at 02:00 on 2026-10-04 and 2026-04-05.
		{"15 2 * * *", lordHowe, "2026-10-03T00:00:00Z", []string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"45 1 * * *", lordHowe, "2026-04-04T00:00:00Z", []string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		{"*/30 * * * *", lordHowe, "2026-04-04T14:10:00Z", []string{"2026-04-05T01:30:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"}},
		// Midnight itself was skipped on 2018-11-04.
		{"0 0 * * *", saoPaulo, "2018-11-03T12:00:00Z", []string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
	} {
		cron, err := ParseCron(c.cron, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			at = cron.Next(at)
			if got := at.Format(time.RFC3339); got != want {
				t.Errorf("%s in %v: %s, want %s", cron, c.zone, got, want)
			}
		}
	}
	for _, bad := range []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *",
		"a * * * *", "1, * * * *", "* * * foo *", "-1 * * * *", "0 0 30 2 *", "@never", "*/x * * * *", "1-x * * * *"} {
		if c, err := ParseCron(bad, nil); err == nil {
			t.Errorf("%q was accepted: %+v", bad, c)
		}
	}
	if !(Cron{}).Next(time.Now()).IsZero() {
		t.Error("the zero Cron comes")
	}
}

// Whatever the schedule, times are in order, fit it, and those of every hour are what a search by
// the minute finds.
func FuzzCron(f *testing.F) {
	f.Add("*/20 2-4 * * mon-fri", int64(1774742400))
	f.Add("30 2 29 2 *", int64(1774742400))
	f.Add("15 * * * *", int64(1792879200))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		c, err := ParseCron(s, berlin)
		if err != nil {
			return
		}
		at := time.Unix(unix%(1<<32), 0)
		next := c.Next(at)
		if next.IsZero() || !next.After(at) || next.Second() != 0 {
			t.Fatalf("%q after %v: %v", s, at, next)
		}
		fits := func(x time.Time) bool {
			x = x.In(berlin)
			return c.on(x.Year(), x.Month(), x.Day()) && c.hour>>x.Hour()&1 == 1 && c.minute>>x.Minute()&1 == 1
		}
		if c.everyHour && !fits(next) {
			t.Fatalf("%q after %v: %v", s, at, next)
		}
		if c.everyHour && next.Sub(at) < 3*24*time.Hour {
			for x := at.Truncate(time.Minute).Add(time.Minute); x.Before(next); x = x.Add(time.Minute) {
				if fits(x) {
					t.Fatalf("%q after %v: %v, but %v comes before", s, at, next, x)
				}
			}
		}
	})
}
