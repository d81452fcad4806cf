package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// explanation is what "as route" prints.
type explanation struct {
	Calling  string     `json:"calling"`
	Called   string     `json:"called"`
	Decision string     `json:"decision"`
	Rule     string     `json:"rule"`
	Tried    []as.Tried `json:"tried"`
}

// explain says where a call would go.
func explain(cfg Config, side, from, to string) (*explanation, error) {
	rules, err := cfg.rules(cfg.names(), nil)
	if err != nil {
		return nil, err
	}
	defer rules.Close()
	req := &as.Request{Side: as.SidePhone}
	border := cfg.Phones.Border
	switch kind, name, _ := strings.Cut(side, "/"); kind {
	case "phone":
	case "ims":
		req.Side, req.Case, border = as.SideIMS, as.CaseOrig, cfg.IMS.Border
	case "trunk":
		req.Side, req.Trunk = as.SideTrunk, name
		found := false
		for _, t := range cfg.Trunks {
			if t.Name == name {
				border, found = t.Border, true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no trunk %q", name)
		}
	default:
		return nil, fmt.Errorf("side %q is none of ims, trunk/NAME and phone", side)
	}
	b, err := as.NewBorder(border)
	if err != nil {
		return nil, err
	}
	emergency, err := cfg.emergency(nil)
	if err != nil {
		return nil, err
	}
	req.Emergency = emergency.Match(uri(to, cfg.Domain))
	if req.Called, err = b.CalledIn(uri(to, cfg.Domain)); err != nil {
		return nil, fmt.Errorf("%s: %w", to, err)
	}
	if req.Calling, err = b.CalledIn(uri(from, cfg.Domain)); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, tried, err := rules.Explain(ctx, req)
	if err != nil {
		return nil, err
	}
	d, err := cfg.server(nil, rules, nil).Router.Route(ctx, req)
	if err != nil {
		return nil, err
	}
	return &explanation{Calling: d.Calling.String(), Called: d.Called.String(), Decision: d.String(), Rule: d.Rule, Tried: tried}, nil
}

// uri is what a caller has dialled.
func uri(s, domain string) sip.URI {
	if u, err := sip.ParseURI(s); err == nil && (u.Scheme == "sip" || u.Scheme == "sips" || u.Scheme == "tel") {
		return u
	}
	return sip.URI{Scheme: "sip", User: s, Host: domain}
}
