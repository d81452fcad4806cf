package provision

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/hss"
)

// xml reads user profiles, and criteria that stand by themselves.
func (r *reader) xml(name string, text []byte) error {
	set := hss.SharedIFCSet{ID: r.o.SharedIFCSet}
	if set.ID == 0 {
		set.ID = 1
	}
	first := 0
	l := newLines(text)
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		at := int(d.InputOffset())
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := l.place(at)
		if err != nil {
			var s *xml.SyntaxError
			if errors.As(err, &s) {
				return &Error{File: name, Line: s.Line, Message: s.Msg}
			}
			return &Error{File: name, Line: line, Message: err.Error()}
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "IMSSubscription", "InitialFilterCriteria":
		default:
			continue // its parts are looked at
		}
		if err := d.Skip(); err != nil {
			return &Error{File: name, Line: line, Message: err.Error()}
		}
		part := text[at:d.InputOffset()]
		if start.Name.Local == "IMSSubscription" {
			s, err := subscriberOfXML(part)
			if err != nil {
				r.bad.add(&Error{File: name, Line: line, Message: err.Error()})
				continue
			}
			r.add(name, line, s)
			continue
		}
		c := hss.InitialFilterCriteria{XML: string(part)}
		f, err := c.CX()
		if err != nil {
			r.bad.add(&Error{File: name, Line: line, Message: err.Error()})
			continue
		}
		if first == 0 {
			first = line
		}
		set.InitialFilterCriteria = append(set.InitialFilterCriteria, hss.FromCX(f))
	}
	if len(set.InitialFilterCriteria) > 0 {
		r.addSet(set, func(string) (string, int, int) { return name, first, 0 })
	}
	return nil
}

// subscriberOfXML turns a user profile into a subscriber without keys.
func subscriberOfXML(text []byte) (hss.Subscriber, error) {
	var s hss.Subscriber
	profile, err := cx.ParseIMSSubscription(text)
	if err != nil {
		return s, err
	}
	if profile.PrivateID != "" {
		s.PrivateIdentities = []hss.PrivateIdentity{{IMPI: profile.PrivateID}}
		s.ID = profile.PrivateID
	}
	if len(profile.Extension)+len(profile.Other) > 0 {
		return s, errors.New("the IMSSubscription has elements of extensions, which cannot be kept")
	}
	for i := range profile.ServiceProfiles {
		in := &profile.ServiceProfiles[i]
		p := hss.ServiceProfile{Name: "profile-" + itoa(i+1), SharedIFCSets: in.SharedIFCSetIDs, ServiceIDs: in.ServiceIDs}
		if len(in.Extension)+len(in.Other) > 0 {
			return s, errors.New("a ServiceProfile has elements of extensions, which cannot be kept")
		}
		if n, ok := in.SubscribedMediaProfileID.Get(); ok {
			p.SubscribedMediaProfileID = &n
		}
		for _, c := range in.InitialFilterCriteria {
			p.InitialFilterCriteria = append(p.InitialFilterCriteria, hss.FromCX(c))
		}
		s.ServiceProfiles = append(s.ServiceProfiles, p)
		for _, id := range in.PublicIdentities {
			s.PublicIdentities = append(s.PublicIdentities, identityOfXML(id, p.Name))
		}
	}
	return s, nil
}

func identityOfXML(id cx.PublicIdentity, profile string) hss.PublicIdentity {
	out := hss.PublicIdentity{
		Identity: id.Identity, Barred: id.BarringIndication, Profile: profile, ImplicitSet: 1,
		DisplayName: id.DisplayName, AliasGroup: id.AliasIdentityGroupID, TraceInfo: id.ServiceLevelTraceInfo,
	}
	if n, ok := id.ServicePriorityLevel.Get(); ok {
		out.ServicePriorityLevel = &n
	}
	if n, ok := id.MaxNumOfAllowedSimultRegistrations.Get(); ok {
		out.MaxRegistrations = &n
	}
	switch t, _ := id.IdentityType.Get(); {
	case id.WildcardedPSI != "":
		out.Type, out.Identity, out.ImplicitSet = hss.WildcardedPSI, id.WildcardedPSI, 0
	case id.WildcardedIMPU != "":
		out.Type, out.Identity = hss.WildcardedIMPU, id.WildcardedIMPU
	case t == cx.DistinctPSI:
		out.Type, out.ImplicitSet = hss.DistinctPSI, 0
	case t == cx.WildcardedPSI:
		out.Type, out.ImplicitSet = hss.WildcardedPSI, 0
	case t == cx.IMPUWildcard || t == cx.WildcardedIMPU && strings.Count(id.Identity, "!") >= 2:
		out.Type = hss.WildcardedIMPU
	}
	return out
}
