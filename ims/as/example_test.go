package as_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

func ExampleRules() {
	rules, err := as.NewRules(as.RulesConfig{
		Rules: []as.Rule{
			{Name: "closed", Match: as.Match{Called: []string{"+4930123*"}, When: []as.When{{Days: "sat-sun"}, {From: "18:00", To: "08:00"}}},
				Then: &as.Decision{Status: 480, Announcement: "closed.wav"}},
			{Name: "office", Match: as.Match{Called: []string{"+4930123*"}}, Then: &as.Decision{Targets: []as.Target{{Trunk: "pbx"}, {Trunk: "mobile"}}}},
		},
		Zone: "Europe/Berlin",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	number, _ := as.ParseNumber("+49 30 123-45")
	d, tried, _ := rules.Explain(context.Background(), &as.Request{
		Called: as.Party{Number: number}, Time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)})
	for _, t := range tried {
		fmt.Println(t.Rule, t.Matched, t.Why)
	}
	fmt.Println(d)
	// Output:
	// closed false time Mon 2026-11-23 10:00 CET does not match [sat-sun - 18:00-08:00]
	// office true decided: bridge trunk/pbx, trunk/mobile
	// bridge trunk/pbx, trunk/mobile
}

func ExampleBorder() {
	// A trunk in Berlin that writes numbers as its phones dial them, and needs 9 for a line.
	border, err := as.NewBorder(as.BorderConfig{
		Plan:      as.PlanConfig{Country: "49", National: "0", Area: "30", Short: []string{"11[0-8]"}},
		Form:      as.FormNational,
		URI:       as.URIPlain,
		CalledIn:  []as.Rewrite{{Prefix: "9", Strip: 1}},
		CalledOut: []as.Rewrite{{Prefix: "0", Add: "9"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range []string{"sip:9089123@pbx", "sip:1234567@pbx", "sip:112@pbx", "tel:+1-212-555-0123"} {
		u, _ := sip.ParseURI(s)
		in, err := border.CalledIn(u)
		out, _ := border.CalledOut(in, "pbx.example.org")
		fmt.Println(in, out, err)
	}
	// Output:
	// +4989123 sip:9089123@pbx.example.org <nil>
	// +49301234567 sip:90301234567@pbx.example.org <nil>
	// 112 sip:112@pbx.example.org <nil>
	// +12125550123 sip:90012125550123@pbx.example.org <nil>
}

func ExampleParseCron() {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := as.ParseCron("30 2 * * sun", zone)
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 3, 20, 0, 0, 0, 0, zone)
	for range 3 { // on the 29th there is no 02:30
		at = c.Next(at)
		fmt.Println(at)
	}
	// Output:
	// 2026-03-22 02:30:00 +0100 CET
	// 2026-03-29 03:00:00 +0200 CEST
	// 2026-04-05 02:30:00 +0200 CEST
}
