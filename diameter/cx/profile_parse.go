package cx

import (
	"fmt"
	"slices"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/internal/xmltree"
)

// ProfileError says that a document is no user profile.
type ProfileError struct{ Err error }

// Error returns what is wrong.
func (e *ProfileError) Error() string { return "cx: user profile: " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *ProfileError) Unwrap() error { return e.Err }

// ParseIMSSubscription reads a user profile from the AVP User-Data. Elements are looked for by name, in any order; those that
// are not known are kept. The error is a [*ProfileError].
func ParseIMSSubscription(b []byte) (*IMSSubscription, error) {
	root, err := xmltree.Parse(b)
	if err != nil {
		return nil, &ProfileError{err}
	}
	if root.Name.Local != "IMSSubscription" {
		return nil, &ProfileError{fmt.Errorf("the root is <%s>", root.Name.Local)}
	}
	s := new(IMSSubscription)
	for _, e := range root.Children {
		switch e.Name.Local {
		case "PrivateID":
			s.PrivateID = e.Token()
		case "ServiceProfile":
			p, err := parseServiceProfile(e)
			if err != nil {
				return nil, &ProfileError{err}
			}
			s.ServiceProfiles = append(s.ServiceProfiles, p)
		case "Extension":
			s.Extension = append(s.Extension, e.Children...)
		default:
			s.Other = append(s.Other, e)
		}
	}
	return s, nil
}

// unknown sorts an element that has no field: what stands in an Extension is kept for one.
func unknown(e *Element, extension, other *[]*Element) {
	if e.Name.Local == "Extension" && e.Name.Space == "" {
		*extension = append(*extension, e.Children...)
	} else {
		*other = append(*other, e)
	}
}

const maxInt32 = 1<<31 - 1

func parseServiceProfile(in *Element) (p ServiceProfile, err error) {
	for _, e := range in.Children {
		switch e.Name.Local {
		case "PublicIdentity":
			id, err := parsePublicIdentity(e)
			if err != nil {
				return p, err
			}
			p.PublicIdentities = append(p.PublicIdentities, id)
		case "InitialFilterCriteria":
			c, err := ParseInitialFilterCriteria(e)
			if err != nil {
				return p, err
			}
			p.InitialFilterCriteria = append(p.InitialFilterCriteria, c)
		case "CoreNetworkServicesAuthorization":
			if err := p.parseAuthorization(e); err != nil {
				return p, err
			}
		case "Extension":
			for _, e := range e.Children {
				if e.Name.Local != "SharedIFCSetID" {
					unknown(e, &p.Extension, &p.Extension)
					continue
				}
				id, err := e.Int(0, maxInt32)
				if err != nil {
					return p, err
				}
				p.SharedIFCSetIDs = append(p.SharedIFCSetIDs, id)
			}
		default:
			p.Other = append(p.Other, e)
		}
	}
	return p, nil
}

func (p *ServiceProfile) parseAuthorization(in *Element) error {
	for _, e := range in.Children {
		switch e.Name.Local {
		case "SubscribedMediaProfileId":
			id, err := e.Int(0, maxInt32)
			if err != nil {
				return err
			}
			p.SubscribedMediaProfileID = diameter.Some(id)
		case "Extension", "ListOfServiceIds":
			if err := p.parseAuthorization(e); err != nil {
				return err
			}
		case "ServiceId":
			p.ServiceIDs = append(p.ServiceIDs, e.Text)
		}
	}
	return nil
}

func parsePublicIdentity(in *Element) (p PublicIdentity, err error) {
	err = p.parse(in, false)
	return p, err
}

func (p *PublicIdentity) parse(in *Element, extended bool) (err error) {
	for _, e := range in.Children {
		n := 0
		switch e.Name.Local {
		case "Identity":
			p.Identity = e.Token()
		case "BarringIndication":
			p.BarringIndication, err = e.Bool()
		case "IdentityType":
			n, err = e.Int(0, 255)
			p.IdentityType = diameter.Some(IdentityType(n))
		case "WildcardedPSI":
			p.WildcardedPSI = e.Token()
		case "DisplayName":
			p.DisplayName = e.Text
		case "AliasIdentityGroupID":
			p.AliasIdentityGroupID = e.Text
		case "WildcardedIMPU":
			p.WildcardedIMPU = e.Token()
		case "ServiceLevelTraceInfo":
			p.ServiceLevelTraceInfo = e.Text
		case "ServicePriorityLevel":
			n, err = e.Int(0, 255)
			p.ServicePriorityLevel = diameter.Some(n)
		case "ExtendedPriority":
			x := ExtendedPriority{}
			for _, e := range e.Children {
				switch e.Name.Local {
				case "PriorityNamespace":
					x.PriorityNamespace = e.Text
				case "PriorityLevel":
					x.PriorityLevel = e.Text
				}
			}
			p.ExtendedPriorities = append(p.ExtendedPriorities, x)
		case "MaxNumOfAllowedSimultRegistrations":
			n, err = e.Int(0, maxInt32)
			p.MaxNumOfAllowedSimultRegistrations = diameter.Some(n)
		case "Extension":
			err = p.parse(e, true)
		default:
			if extended {
				p.Extension = append(p.Extension, e)
			} else {
				p.Other = append(p.Other, e)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ParseInitialFilterCriteria reads a criterion from its element.
func ParseInitialFilterCriteria(in *Element) (c InitialFilterCriteria, err error) {
	n := 0
	for _, e := range in.Children {
		switch e.Name.Local {
		case "Priority":
			c.Priority, err = e.Int(0, maxInt32)
		case "TriggerPoint":
			c.TriggerPoint, err = parseTriggerPoint(e)
		case "ApplicationServer":
			c.ApplicationServer, err = parseApplicationServer(e)
		case "ProfilePartIndicator":
			n, err = e.Int(0, 255)
			c.ProfilePartIndicator = diameter.Some(ProfilePart(n))
		default:
			unknown(e, &c.Extension, &c.Other)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func parseTriggerPoint(in *Element) (t *TriggerPoint, err error) {
	t = new(TriggerPoint)
	for _, e := range in.Children {
		switch e.Name.Local {
		case "ConditionTypeCNF":
			t.ConditionTypeCNF, err = e.Bool()
		case "SPT":
			var s SPT
			s, err = parseSPT(e)
			t.SPTs = append(t.SPTs, s)
		default:
			unknown(e, &t.Extension, &t.Other)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

func parseSPT(in *Element) (s SPT, err error) {
	kinds, n := 0, 0
	for _, e := range in.Children {
		switch e.Name.Local {
		case "ConditionNegated":
			s.ConditionNegated, err = e.Bool()
		case "Group":
			n, err = e.Int(0, maxInt32)
			s.Groups = append(s.Groups, n)
		case "RequestURI", "Method", "SIPHeader", "SessionCase", "SessionDescription":
			kinds++
			for s.Kind = 0; s.Kind.String() != e.Name.Local; s.Kind++ {
			}
			err = s.parseKind(e)
		case "Extension":
			for _, x := range e.Children {
				if x.Name.Local != "RegistrationType" {
					unknown(x, &s.Extension, &s.Extension)
					continue
				}
				if n, err = x.Int(0, 255); err != nil {
					return s, err
				}
				s.RegistrationTypes = append(s.RegistrationTypes, RegistrationType(n))
			}
		default:
			s.Other = append(s.Other, e)
		}
		if err != nil {
			return s, err
		}
	}
	if kinds != 1 || len(s.Groups) == 0 {
		return s, fmt.Errorf("<SPT> with %d conditions and %d groups", kinds, len(s.Groups))
	}
	return s, nil
}

func (s *SPT) parseKind(in *Element) (err error) {
	switch s.Kind {
	case SPTRequestURI, SPTMethod:
		if s.Value = in.Text; s.Kind == SPTMethod {
			s.Value = in.Token()
		}
	case SPTSessionCase:
		n := 0
		n, err = in.Int(0, 255)
		s.SessionCase = SessionCase(n)
	default:
		for _, e := range in.Children {
			switch e.Name.Local {
			case "Header", "Line":
				s.Name = e.Token()
			case "Content":
				s.Content = diameter.Some(e.Text)
			default:
				s.Other = append(s.Other, e)
			}
		}
	}
	return err
}

func parseApplicationServer(in *Element) (a ApplicationServer, err error) {
	n := 0
	for _, e := range in.Children {
		switch e.Name.Local {
		case "ServerName":
			a.ServerName = e.Token()
		case "DefaultHandling":
			n, err = e.Int(0, 255)
			a.DefaultHandling = diameter.Some(DefaultHandling(n))
		case "ServiceInfo":
			a.ServiceInfo = diameter.Some(e.Text)
		case "Extension":
			for _, e := range e.Children {
				switch e.Name.Local {
				case "IncludeRegisterRequest":
					a.IncludeRegisterRequest = true
				case "IncludeRegisterResponse":
					a.IncludeRegisterResponse = true
				default:
					unknown(e, &a.Extension, &a.Extension)
				}
			}
		default:
			a.Other = append(a.Other, e)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// Identities returns the public identities of all service profiles: the implicit registration sets, in the order of the
// document, barred ones included.
func (s *IMSSubscription) Identities() []string {
	var ids []string
	for _, p := range s.ServiceProfiles {
		for _, i := range p.PublicIdentities {
			if !slices.Contains(ids, i.Identity) {
				ids = append(ids, i.Identity)
			}
		}
	}
	return ids
}

// DefaultIdentity returns the first public identity that is not barred: the default public user identity (TS 23.228 section
// 4.3.3.4). It is empty if all are barred.
func (s *IMSSubscription) DefaultIdentity() string {
	for _, p := range s.ServiceProfiles {
		for _, i := range p.PublicIdentities {
			if !i.BarringIndication {
				return i.Identity
			}
		}
	}
	return ""
}

// Profile returns the service profile that holds an identity, matching wildcards (see [MatchWildcard]) where no identity is
// equal; or nil.
func (s *IMSSubscription) Profile(identity string) *ServiceProfile {
	for i := range s.ServiceProfiles {
		for _, p := range s.ServiceProfiles[i].PublicIdentities {
			if p.Identity == identity {
				return &s.ServiceProfiles[i]
			}
		}
	}
	for i := range s.ServiceProfiles {
		for _, p := range s.ServiceProfiles[i].PublicIdentities {
			for _, w := range []string{p.WildcardedPSI, p.WildcardedIMPU, p.Identity} {
				if w != "" && MatchWildcard(w, identity) {
					return &s.ServiceProfiles[i]
				}
			}
		}
	}
	return nil
}
