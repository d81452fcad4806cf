package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gotelco/telco/ims/as"
)

// explain says where a call would go.
func explain(cfg Config, side, from, to string) (*as.Explanation, error) {
	rules, err := cfg.rules(cfg.names(), nil)
	if err != nil {
		return nil, err
	}
	defer rules.Close()
	emergency, err := cfg.emergency(nil)
	if err != nil {
		return nil, err
	}
	s, err := as.New(cfg.server(nil, rules, emergency))
	if err != nil {
		return nil, err
	}
	defer closeNow(s)
	q := as.Question{Side: as.SidePhone, From: from, To: to}
	switch kind, name, _ := strings.Cut(side, "/"); kind {
	case "phone":
	case "ims":
		q.Side, q.Case = as.SideIMS, as.CaseOrig
	case "trunk":
		q.Side, q.Trunk = as.SideTrunk, name
	default:
		return nil, fmt.Errorf("side %q is none of ims, trunk/NAME and phone", side)
	}
	return s.Explain(context.Background(), q)
}
