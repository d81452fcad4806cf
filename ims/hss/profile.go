package hss

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// ServiceProfile is what public identities share (TS 29.228 Annex B.2): services, in the form of initial filter criteria.
type ServiceProfile struct {
	Name                  string                  `json:"name"`
	InitialFilterCriteria []InitialFilterCriteria `json:"initialFilterCriteria,omitempty"`
	// SharedIFCSets are numbers of [SharedIFCSet]. An S-CSCF without that feature gets the criteria instead.
	SharedIFCSets []int `json:"sharedIFCSets,omitempty"`
	// SubscribedMediaProfileID and ServiceIDs are CoreNetworkServicesAuthorization.
	SubscribedMediaProfileID *int     `json:"subscribedMediaProfileID,omitempty"`
	ServiceIDs               []string `json:"serviceIDs,omitempty"`
}

// SharedIFCSet is a set of criteria that S-CSCFs know by its number (TS 29.228 section 6.6, feature SharedIFC).
type SharedIFCSet struct {
	ID                    int                     `json:"id"`
	InitialFilterCriteria []InitialFilterCriteria `json:"initialFilterCriteria"`
}

// InitialFilterCriteria says which requests go through an application server (TS 29.228 Annex B.2.2), in the words of an operator.
// XML, if there, is the element as Annex E has it, and everything else but DSAI is empty then.
type InitialFilterCriteria struct {
	Priority          int    `json:"priority,omitempty"`          // the lowest comes first
	ApplicationServer string `json:"applicationServer,omitempty"` // SIP URI
	// DefaultHandling is "continue" or "terminate": what becomes of a session whose server is out of reach. If empty, "continue".
	DefaultHandling         string  `json:"defaultHandling,omitempty"`
	ServiceInfo             *string `json:"serviceInfo,omitempty"` // handed to the server in third-party REGISTERs
	IncludeRegisterRequest  bool    `json:"includeRegisterRequest,omitempty"`
	IncludeRegisterResponse bool    `json:"includeRegisterResponse,omitempty"`
	// ProfilePart is "registered", "unregistered", or empty for both.
	ProfilePart string `json:"profilePart,omitempty"`

	// Triggers decide which requests. None: all requests.
	Triggers []Trigger `json:"triggers,omitempty"`
	// CNF is the conjunctive normal form: of each group one trigger holds. Without it all triggers of one group hold (Annex C).
	CNF bool `json:"cnf,omitempty"`

	// DSAI are tags of dynamic service activation info (TS 29.328 section 7.6.15): while all of them are inactive the criterion is
	// kept from the S-CSCF.
	DSAI []string `json:"dsai,omitempty"`

	XML string `json:"xml,omitempty"`
}

// Trigger is a service point trigger (TS 29.228 Annex B.2.3): one of Method, RequestURI, Header, SDPLine and SessionCase.
type Trigger struct {
	Groups     []int  `json:"groups,omitempty"` // if empty, group 0
	Not        bool   `json:"not,omitempty"`
	Method     string `json:"method,omitempty"`
	RequestURI string `json:"requestURI,omitempty"` // a regular expression
	Header     string `json:"header,omitempty"`     // a regular expression of header names
	SDPLine    string `json:"sdpLine,omitempty"`    // a letter
	// Content is a regular expression of what Header or SDPLine holds; nil: that there is one is enough.
	Content *string `json:"content,omitempty"`
	// SessionCase is "originating", "terminatingRegistered", "terminatingUnregistered", "originatingUnregistered" or
	// "originatingCDIV".
	SessionCase string `json:"sessionCase,omitempty"`
	// RegistrationTypes narrow the method REGISTER: "initial", "re", "de".
	RegistrationTypes []string `json:"registrationTypes,omitempty"`
}

var (
	sessionCases      = []string{"originating", "terminatingRegistered", "terminatingUnregistered", "originatingUnregistered", "originatingCDIV"}
	registrationTypes = []string{"initial", "re", "de"}
	defaultHandlings  = []string{"continue", "terminate"}
	profileParts      = []string{"registered", "unregistered"}
)

func nameIndex(names []string, s string) (int, error) {
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is none of %q", s, names)
}

// CX returns the criterion as Cx has it.
func (c *InitialFilterCriteria) CX() (cx.InitialFilterCriteria, error) {
	var f cx.InitialFilterCriteria
	if c.XML != "" {
		p, err := cx.ParseIMSSubscription([]byte("<IMSSubscription><PrivateID>x</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:x</Identity></PublicIdentity>" +
			c.XML + "</ServiceProfile></IMSSubscription>"))
		if err != nil {
			return f, err
		}
		if n := len(p.ServiceProfiles[0].InitialFilterCriteria); n != 1 {
			return f, fmt.Errorf("xml holds %d criteria", n)
		}
		return p.ServiceProfiles[0].InitialFilterCriteria[0], nil
	}
	f.Priority = c.Priority
	f.ApplicationServer = cx.ApplicationServer{ServerName: c.ApplicationServer, IncludeRegisterRequest: c.IncludeRegisterRequest, IncludeRegisterResponse: c.IncludeRegisterResponse}
	if c.DefaultHandling != "" {
		i, err := nameIndex(defaultHandlings, c.DefaultHandling)
		if err != nil {
			return f, fmt.Errorf("defaultHandling: %w", err)
		}
		f.ApplicationServer.DefaultHandling = diameter.Some(cx.DefaultHandling(i))
	}
	if c.ServiceInfo != nil {
		f.ApplicationServer.ServiceInfo = diameter.Some(*c.ServiceInfo)
	}
	if c.ProfilePart != "" {
		i, err := nameIndex(profileParts, c.ProfilePart)
		if err != nil {
			return f, fmt.Errorf("profilePart: %w", err)
		}
		f.ProfilePartIndicator = diameter.Some(cx.ProfilePart(i))
	}
	if len(c.Triggers) == 0 {
		return f, nil
	}
	f.TriggerPoint = &cx.TriggerPoint{ConditionTypeCNF: c.CNF}
	for i := range c.Triggers {
		s, err := c.Triggers[i].cx()
		if err != nil {
			return f, fmt.Errorf("triggers[%d]: %w", i, err)
		}
		f.TriggerPoint.SPTs = append(f.TriggerPoint.SPTs, s)
	}
	return f, nil
}

func (t *Trigger) cx() (s cx.SPT, err error) {
	s.ConditionNegated, s.Groups = t.Not, t.Groups
	if len(s.Groups) == 0 {
		s.Groups = []int{0}
	}
	kinds := 0
	set := func(v string, k cx.SPTKind) bool {
		if v != "" {
			kinds++
			s.Kind = k
		}
		return v != ""
	}
	if set(t.Method, cx.SPTMethod) {
		s.Value = t.Method
	}
	if set(t.RequestURI, cx.SPTRequestURI) {
		s.Value = t.RequestURI
	}
	if set(t.Header, cx.SPTSIPHeader) {
		s.Name = t.Header
	}
	if set(t.SDPLine, cx.SPTSessionDescription) {
		s.Name = t.SDPLine
	}
	if set(t.SessionCase, cx.SPTSessionCase) {
		i, err := nameIndex(sessionCases, t.SessionCase)
		if err != nil {
			return s, fmt.Errorf("sessionCase: %w", err)
		}
		s.SessionCase = cx.SessionCase(i)
	}
	if kinds != 1 {
		return s, fmt.Errorf("%d of method, requestURI, header, sdpLine and sessionCase are there", kinds)
	}
	if t.Content != nil {
		s.Content = diameter.Some(*t.Content)
	}
	for _, r := range t.RegistrationTypes {
		i, err := nameIndex(registrationTypes, r)
		if err != nil {
			return s, fmt.Errorf("registrationTypes: %w", err)
		}
		s.RegistrationTypes = append(s.RegistrationTypes, cx.RegistrationType(i))
	}
	return s, nil
}

// FromCX returns a criterion of Cx in the words of an operator, or as XML where these cannot say everything.
func FromCX(f cx.InitialFilterCriteria) InitialFilterCriteria {
	c := InitialFilterCriteria{
		Priority: f.Priority, ApplicationServer: f.ApplicationServer.ServerName,
		IncludeRegisterRequest: f.ApplicationServer.IncludeRegisterRequest, IncludeRegisterResponse: f.ApplicationServer.IncludeRegisterResponse,
	}
	plain := len(f.Extension)+len(f.Other)+len(f.ApplicationServer.Extension)+len(f.ApplicationServer.Other) == 0
	name := func(names []string, i int) string {
		if i < 0 || i >= len(names) {
			plain = false
			return ""
		}
		return names[i]
	}
	if h, ok := f.ApplicationServer.DefaultHandling.Get(); ok {
		c.DefaultHandling = name(defaultHandlings, int(h))
	}
	if s, ok := f.ApplicationServer.ServiceInfo.Get(); ok {
		c.ServiceInfo = &s
	}
	if p, ok := f.ProfilePartIndicator.Get(); ok {
		c.ProfilePart = name(profileParts, int(p))
	}
	if tp := f.TriggerPoint; tp != nil {
		c.CNF = tp.ConditionTypeCNF
		plain = plain && len(tp.Extension)+len(tp.Other) == 0 && len(tp.SPTs) > 0
		for i := range tp.SPTs {
			s := &tp.SPTs[i]
			plain = plain && len(s.Extension)+len(s.Other) == 0
			t := Trigger{Groups: s.Groups, Not: s.ConditionNegated}
			switch s.Kind {
			case cx.SPTMethod:
				t.Method = s.Value
			case cx.SPTRequestURI:
				t.RequestURI = s.Value
			case cx.SPTSIPHeader:
				t.Header = s.Name
			case cx.SPTSessionDescription:
				t.SDPLine = s.Name
			case cx.SPTSessionCase:
				t.SessionCase = name(sessionCases, int(s.SessionCase))
			}
			if v, ok := s.Content.Get(); ok {
				t.Content = &v
			}
			for _, r := range s.RegistrationTypes {
				t.RegistrationTypes = append(t.RegistrationTypes, name(registrationTypes, int(r)))
			}
			c.Triggers = append(c.Triggers, t)
		}
	}
	if !plain {
		return InitialFilterCriteria{XML: string(f.AppendXML(nil))}
	}
	return c
}
