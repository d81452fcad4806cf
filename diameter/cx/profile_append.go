package cx

import "github.com/gotelco/telco/diameter/internal/xmltree"

// AppendXML appends the profile as a document, as it goes into the AVP User-Data.
func (s *IMSSubscription) AppendXML(b []byte) []byte {
	b = append(b, xmltree.Header...)
	b = xmltree.Open(b, "IMSSubscription")
	b = xmltree.Text(b, "PrivateID", s.PrivateID)
	for i := range s.ServiceProfiles {
		b = s.ServiceProfiles[i].append(b)
	}
	b = extension(b, s.Extension)
	b = others(b, s.Other)
	return xmltree.Close(b, "IMSSubscription")
}

// extension appends an Extension that holds elements, unless there are none.
func extension(b []byte, elements []*Element) []byte {
	if len(elements) == 0 {
		return b
	}
	return xmltree.Close(others(xmltree.Open(b, "Extension"), elements), "Extension")
}

func others(b []byte, elements []*Element) []byte {
	for _, e := range elements {
		b = e.AppendXML(b)
	}
	return b
}

func (p *ServiceProfile) append(b []byte) []byte {
	b = xmltree.Open(b, "ServiceProfile")
	for i := range p.PublicIdentities {
		b = p.PublicIdentities[i].append(b)
	}
	if p.SubscribedMediaProfileID.Present || len(p.ServiceIDs) > 0 {
		b = xmltree.Open(b, "CoreNetworkServicesAuthorization")
		if id, ok := p.SubscribedMediaProfileID.Get(); ok {
			b = xmltree.Int(b, "SubscribedMediaProfileId", id)
		}
		if len(p.ServiceIDs) > 0 {
			b = xmltree.Open(xmltree.Open(b, "Extension"), "ListOfServiceIds")
			for _, id := range p.ServiceIDs {
				b = xmltree.Text(b, "ServiceId", id)
			}
			b = xmltree.Close(xmltree.Close(b, "ListOfServiceIds"), "Extension")
		}
		b = xmltree.Close(b, "CoreNetworkServicesAuthorization")
	}
	for i := range p.InitialFilterCriteria {
		b = p.InitialFilterCriteria[i].AppendXML(b)
	}
	if len(p.SharedIFCSetIDs) > 0 || len(p.Extension) > 0 {
		b = xmltree.Open(b, "Extension")
		for _, id := range p.SharedIFCSetIDs {
			b = xmltree.Int(b, "SharedIFCSetID", id)
		}
		b = xmltree.Close(extension(b, p.Extension), "Extension")
	}
	return xmltree.Close(others(b, p.Other), "ServiceProfile")
}

// append nests what came with each release in one more Extension (TS 29.228 Annex E, tPublicIdentityExtension and following).
func (p *PublicIdentity) append(b []byte) []byte {
	b = xmltree.Open(b, "PublicIdentity")
	if p.BarringIndication {
		b = xmltree.Bool(b, "BarringIndication", true)
	}
	b = xmltree.Text(b, "Identity", p.Identity)
	deep := 0
	switch {
	case len(p.Extension) > 0 && !p.MaxNumOfAllowedSimultRegistrations.Present && len(p.ExtendedPriorities) == 0:
		deep = 4
	case len(p.Extension) > 0:
		deep = 6
	case p.MaxNumOfAllowedSimultRegistrations.Present:
		deep = 5
	case len(p.ExtendedPriorities) > 0:
		deep = 4
	case p.WildcardedIMPU != "" || p.ServiceLevelTraceInfo != "" || p.ServicePriorityLevel.Present:
		deep = 3
	case p.DisplayName != "" || p.AliasIdentityGroupID != "":
		deep = 2
	case p.IdentityType.Present || p.WildcardedPSI != "":
		deep = 1
	}
	text := func(name, s string) {
		if s != "" {
			b = xmltree.Text(b, name, s)
		}
	}
	for level := 1; level <= deep; level++ {
		b = xmltree.Open(b, "Extension")
		switch level {
		case 1:
			if t, ok := p.IdentityType.Get(); ok {
				b = xmltree.Int(b, "IdentityType", int(t))
			}
			text("WildcardedPSI", p.WildcardedPSI)
		case 2:
			text("DisplayName", p.DisplayName)
			text("AliasIdentityGroupID", p.AliasIdentityGroupID)
		case 3:
			text("WildcardedIMPU", p.WildcardedIMPU)
			text("ServiceLevelTraceInfo", p.ServiceLevelTraceInfo)
			if l, ok := p.ServicePriorityLevel.Get(); ok {
				b = xmltree.Int(b, "ServicePriorityLevel", l)
			}
		case 4:
			for _, e := range p.ExtendedPriorities {
				b = xmltree.Open(b, "ExtendedPriority")
				b = xmltree.Text(b, "PriorityNamespace", e.PriorityNamespace)
				b = xmltree.Close(xmltree.Text(b, "PriorityLevel", e.PriorityLevel), "ExtendedPriority")
			}
		case 5:
			if n, ok := p.MaxNumOfAllowedSimultRegistrations.Get(); ok {
				b = xmltree.Int(b, "MaxNumOfAllowedSimultRegistrations", n)
			}
		}
	}
	b = others(b, p.Extension)
	for range deep {
		b = xmltree.Close(b, "Extension")
	}
	return xmltree.Close(others(b, p.Other), "PublicIdentity")
}

// AppendXML appends the criterion as an element.
func (c *InitialFilterCriteria) AppendXML(b []byte) []byte {
	b = xmltree.Open(b, "InitialFilterCriteria")
	b = xmltree.Int(b, "Priority", c.Priority)
	if t := c.TriggerPoint; t != nil {
		b = xmltree.Open(b, "TriggerPoint")
		b = xmltree.Bool(b, "ConditionTypeCNF", t.ConditionTypeCNF)
		for i := range t.SPTs {
			b = t.SPTs[i].append(b)
		}
		b = xmltree.Close(others(extension(b, t.Extension), t.Other), "TriggerPoint")
	}
	b = c.ApplicationServer.append(b)
	if p, ok := c.ProfilePartIndicator.Get(); ok {
		b = xmltree.Int(b, "ProfilePartIndicator", int(p))
	}
	return xmltree.Close(others(extension(b, c.Extension), c.Other), "InitialFilterCriteria")
}

func (s *SPT) append(b []byte) []byte {
	b = xmltree.Bool(xmltree.Open(b, "SPT"), "ConditionNegated", s.ConditionNegated)
	for _, g := range s.Groups {
		b = xmltree.Int(b, "Group", g)
	}
	switch kind := s.Kind.String(); s.Kind {
	case SPTRequestURI, SPTMethod:
		b = xmltree.Text(b, kind, s.Value)
	case SPTSessionCase:
		b = xmltree.Int(b, kind, int(s.SessionCase))
	default:
		first := "Header"
		if s.Kind == SPTSessionDescription {
			first = "Line"
		}
		b = xmltree.Text(xmltree.Open(b, kind), first, s.Name)
		if c, ok := s.Content.Get(); ok {
			b = xmltree.Text(b, "Content", c)
		}
		b = xmltree.Close(b, kind)
	}
	if len(s.RegistrationTypes) > 0 || len(s.Extension) > 0 {
		b = xmltree.Open(b, "Extension")
		for _, r := range s.RegistrationTypes {
			b = xmltree.Int(b, "RegistrationType", int(r))
		}
		b = xmltree.Close(extension(b, s.Extension), "Extension")
	}
	return xmltree.Close(others(b, s.Other), "SPT")
}

func (a *ApplicationServer) append(b []byte) []byte {
	b = xmltree.Text(xmltree.Open(b, "ApplicationServer"), "ServerName", a.ServerName)
	if h, ok := a.DefaultHandling.Get(); ok {
		b = xmltree.Int(b, "DefaultHandling", int(h))
	}
	if s, ok := a.ServiceInfo.Get(); ok {
		b = xmltree.Text(b, "ServiceInfo", s)
	}
	if a.IncludeRegisterRequest || a.IncludeRegisterResponse || len(a.Extension) > 0 {
		b = xmltree.Open(b, "Extension")
		if a.IncludeRegisterRequest {
			b = append(b, "<IncludeRegisterRequest/>"...)
		}
		if a.IncludeRegisterResponse {
			b = append(b, "<IncludeRegisterResponse/>"...)
		}
		b = xmltree.Close(extension(b, a.Extension), "Extension")
	}
	return xmltree.Close(others(b, a.Other), "ApplicationServer")
}
