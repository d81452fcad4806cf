package main

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
)

// scscf is an I- and S-CSCF as the HSS sees one, together with a phone whose card it knows: enough to show what an HSS does.
type scscf struct {
	node             *diameter.Node
	name, hss, realm string
	mu               sync.Mutex
	profiles         map[string]*cx.IMSSubscription // by public identity, of those that are registered
	ended, pushed    int
	changed          chan struct{} // one value after each RTR and PPR
	visited          []byte
}

// newSCSCF connects to an HSS. change, if not nil, has the last word about how.
func newSCSCF(host, name, realm, hss, addr string, log *slog.Logger, change func(*diameter.Config)) (*scscf, error) {
	s := &scscf{name: name, hss: hss, realm: realm, profiles: make(map[string]*cx.IMSSubscription), changed: make(chan struct{}, 64), visited: []byte(realm)}
	cfg := diameter.Config{
		OriginHost: host, OriginRealm: realm,
		Applications: []diameter.Application{{ID: cx.Application, VendorID: diameter.Vendor3GPP}},
		Peers:        []diameter.Peer{{Host: hss, Addresses: []string{addr}}},
		Services: []diameter.Service{
			{Application: cx.Application, Command: cx.CommandRegistrationTermination, Handler: s.rtr},
			{Application: cx.Application, Command: cx.CommandPushProfile, Handler: s.ppr},
		},
		Logger: log,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.node, err = diameter.New(cfg)
	return s, err
}

// head is what all requests begin with.
func (s *scscf) head() (session string, app diameter.VendorSpecificApplicationID, state diameter.AuthSessionState) {
	return s.node.NewSessionID(""), diameter.VendorSpecificApplicationID{VendorID: diameter.Vendor3GPP, AuthApplicationID: diameter.Some(cx.Application)},
		diameter.AuthSessionStateNoStateMaintained
}

// do sends a request and wants a success.
func (s *scscf) do(ctx context.Context, what string, req encoding.BinaryAppender) (diameter.Answer, error) {
	a, err := s.node.Do(ctx, req)
	if err != nil {
		return a, fmt.Errorf("%s: %w", what, err)
	}
	return a, nil
}

func succeeded(what string, r diameter.Result) error {
	if r.IsSuccess() {
		return nil
	}
	return fmt.Errorf("%s: %s", what, cx.ResultName(r))
}

// register registers an identity: UAR, MAR, the card's answer, UAR, SAR. It returns the SQN of the vector.
func (s *scscf) register(ctx context.Context, impi, impu string, card *aka.SIM) (aka.SQN, error) {
	if err := s.authorize(ctx, impi, impu); err != nil {
		return 0, err
	}
	v, err := s.vector(ctx, impi, impu, nil)
	if err != nil {
		return 0, err
	}
	rand, autn := [16]byte(v.SIPAuthenticate), [16]byte(v.SIPAuthenticate[16:])
	answer, err := card.Answer(rand, autn)
	var sync *aka.SyncFailure
	if errors.As(err, &sync) { // the card is ahead: it says how far
		if v, err = s.vector(ctx, impi, impu, append(rand[:], sync.AUTS[:]...)); err != nil {
			return 0, err
		}
		rand, autn = [16]byte(v.SIPAuthenticate), [16]byte(v.SIPAuthenticate[16:])
		answer, err = card.Answer(rand, autn)
	}
	if err != nil {
		return 0, fmt.Errorf("the card: %w", err)
	}
	if !slices.Equal(answer.RES, v.SIPAuthorization) || !slices.Equal(answer.CK, v.ConfidentialityKey) || !slices.Equal(answer.IK, v.IntegrityKey) {
		return 0, errors.New("the card's answer is not what the HSS expects")
	}
	if err := s.authorize(ctx, impi, impu); err != nil {
		return 0, err
	}
	return card.SQNMS(), s.assign(ctx, impi, impu, cx.ServerAssignmentTypeRegistration)
}

func (s *scscf) authorize(ctx context.Context, impi, impu string) error {
	q := &cx.UAR{DestinationRealm: s.realm, DestinationHost: diameter.Some(s.hss), UserName: impi, PublicIdentity: impu, VisitedNetworkIdentifier: s.visited}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = s.head()
	m, err := s.do(ctx, "UAR", q)
	if err != nil {
		return err
	}
	a, err := cx.ParseUAA(m.Message)
	if err != nil {
		return err
	}
	return succeeded("UAR", a.Result())
}

// vector asks for an authentication vector; resync is RAND and AUTS of a card that is ahead, or nil.
func (s *scscf) vector(ctx context.Context, impi, impu string, resync []byte) (v cx.SIPAuthDataItem, err error) {
	q := &cx.MAR{
		DestinationRealm: s.realm, DestinationHost: diameter.Some(s.hss), UserName: impi, PublicIdentity: impu, ServerName: s.name, SIPNumberAuthItems: 1,
		SIPAuthDataItem: cx.SIPAuthDataItem{SIPAuthenticationScheme: diameter.Some(cx.SchemeDigestAKAv1), SIPAuthorization: resync},
	}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = s.head()
	m, err := s.do(ctx, "MAR", q)
	if err != nil {
		return v, err
	}
	a, err := cx.ParseMAA(m.Message)
	if err != nil {
		return v, err
	}
	if err := succeeded("MAR", a.Result()); err != nil {
		return v, err
	}
	if len(a.SIPAuthDataItem) != 1 || len(a.SIPAuthDataItem[0].SIPAuthenticate) != 32 {
		return v, errors.New("MAR: an answer without a vector")
	}
	return a.SIPAuthDataItem[0], nil
}

// assign tells the HSS that a user is ours, or no more, and takes the profile.
func (s *scscf) assign(ctx context.Context, impi, impu string, kind cx.ServerAssignmentType) error {
	q := &cx.SAR{
		DestinationRealm: s.realm, DestinationHost: diameter.Some(s.hss), UserName: diameter.Some(impi), PublicIdentity: []string{impu}, ServerName: s.name,
		ServerAssignmentType: kind,
	}
	q.SessionID, q.VendorSpecificApplicationID, q.AuthSessionState = s.head()
	m, err := s.do(ctx, "SAR", q)
	if err != nil {
		return err
	}
	a, err := cx.ParseSAA(m.Message)
	if err != nil {
		return err
	}
	if err := succeeded("SAR", a.Result()); err != nil {
		return err
	}
	if kind != cx.ServerAssignmentTypeRegistration {
		s.mu.Lock()
		delete(s.profiles, impu)
		s.mu.Unlock()
		return nil
	}
	p, err := cx.ParseIMSSubscription(a.UserData)
	if err != nil {
		return err
	}
	s.keep(p)
	return nil
}

func (s *scscf) keep(p *cx.IMSSubscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range p.Identities() {
		s.profiles[id] = p
	}
}

// profile is that of a registered identity, or nil.
func (s *scscf) profile(impu string) *cx.IMSSubscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.profiles[impu]
}

func (s *scscf) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// rtr is told that registrations have ended.
func (s *scscf) rtr(_ context.Context, in *diameter.Incoming) (encoding.BinaryAppender, error) {
	q, err := cx.ParseRTR(in.Message)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.ended++
	for _, id := range q.PublicIdentity {
		delete(s.profiles, id)
	}
	s.mu.Unlock()
	defer s.notify()
	a := q.Answer(s.node.OriginHost(), s.realm)
	a.SetResult(diameter.Result{Code: diameter.Success})
	return &a, nil
}

// ppr is told that a profile has changed.
func (s *scscf) ppr(_ context.Context, in *diameter.Incoming) (encoding.BinaryAppender, error) {
	q, err := cx.ParsePPR(in.Message)
	if err != nil {
		return nil, err
	}
	if q.UserData != nil {
		p, err := cx.ParseIMSSubscription(q.UserData)
		if err != nil {
			return nil, &diameter.ProtocolError{ResultCode: diameter.UnableToComply}
		}
		s.keep(p)
	}
	s.mu.Lock()
	s.pushed++
	s.mu.Unlock()
	defer s.notify()
	a := q.Answer(s.node.OriginHost(), s.realm)
	a.SetResult(diameter.Result{Code: diameter.Success})
	return &a, nil
}
