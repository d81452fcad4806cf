package as_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gotelco/telco/ims/as"
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
