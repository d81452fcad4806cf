package sccp

import (
	"time"

	"github.com/gotelco/telco/internal/loop"
	"github.com/gotelco/telco/mtp3"
)

// Unitdata is a message from or for a local subsystem: the parameters of N-UNITDATA and N-NOTICE (Q.711 section 6.2).
type Unitdata struct {
	// Called and Calling are the addresses. A request whose called address has another point's code is sent there as it is; one with
	// a global title is translated; one with a subsystem number alone is for this node. The calling address of an
	// indication is made such that it can be called in turn: a subsystem number alone gets the OPC. In a notice they have
	// changed places: Called is who sent the message that comes back.
	Called, Calling Address

	Class         uint8  // 0, or 1: messages with the same Sequence arrive in order
	Sequence      uint32 // of a request of class 1; in an indication the SLS
	ReturnOnError bool   // a message that cannot be delivered comes back as a notice

	Importance    uint8 // 0 to 7
	HasImportance bool  // otherwise 4

	Data []byte

	Cause ReturnCause    // of a notice: why it comes back
	OPC   mtp3.PointCode // of an indication: the point that sent the message; of those from this node, its own
}

// UserState is the state of a local subsystem.
type UserState uint8

// The states.
const (
	OutOfService UserState = iota
	InService
	Busy // messages come back with "subsystem congestion"
)

var userStateNames = [...]string{"out of service", "in service", "busy"}

// String is the state in words.
func (s UserState) String() string { return name(userStateNames[:], s, "UserState") }

// SubsystemConfig describes a local subsystem.
type SubsystemConfig struct {
	Concerned  []mtp3.PointCode // points that are told at once when it goes in or out of service
	HasReplica bool
	Replica    mtp3.PointCode // the point with its replica, of the same number, which has to grant that it goes out of service
}

// subsystem is a local one.
type subsystem struct {
	ssn       SSN
	cfg       SubsystemConfig
	state     UserState
	coord     loop.Timer // T(coord chg)
	ignoreSST loop.Timer // T(ignore SST)
	asked     bool       // the replica at asker wants to go out of service
	asker     mtp3.PointCode
}

// AddSubsystem equips the node with a subsystem. It is out of service until SetSubsystem says otherwise.
// One that is there already gets the new configuration.
func (n *Node) AddSubsystem(ssn SSN, cfg SubsystemConfig) error {
	if ssn <= SCMG {
		return ErrSSN
	}
	if s := n.subs[ssn]; s != nil {
		s.cfg = cfg
		return nil
	}
	s := &subsystem{ssn: ssn, cfg: cfg}
	s.coord.Fire = func() {
		n.log("coordinated state change was not granted", "ssn", ssn)
		n.tell(CoordRefused, State{PC: n.cfg.PointCode, SSN: ssn})
	}
	s.ignoreSST.Fire = func() {}
	n.subs[ssn] = s
	return nil
}

// RemoveSubsystem takes a subsystem out of service and away.
func (n *Node) RemoveSubsystem(now time.Time, ssn SSN, out []Output) []Output {
	s := n.subs[ssn]
	if s == nil {
		return out
	}
	n.begin(now, out)
	n.setState(s, OutOfService)
	n.timers.Stop(&s.coord)
	n.timers.Stop(&s.ignoreSST)
	n.subs[ssn] = nil
	return n.end()
}

// SetSubsystem is the N-STATE request: a subsystem goes in or out of service. The error is ErrSubsystem.
func (n *Node) SetSubsystem(now time.Time, ssn SSN, state UserState, out []Output) ([]Output, error) {
	s := n.subs[ssn]
	if s == nil {
		return out, ErrSubsystem
	}
	n.begin(now, out)
	n.setState(s, state)
	return n.end(), nil
}

// setState tells the concerned points and the other subsystems (Q.714 sections 5.3.2, 5.3.3, 5.3.6 and 5.3.7).
func (n *Node) setState(s *subsystem, state UserState) {
	was := s.state
	s.state = state
	n.timers.Stop(&s.ignoreSST)
	if (was == OutOfService) == (state == OutOfService) {
		return
	}
	n.log("subsystem", "ssn", s.ssn, "state", state.String())
	typ := SSA
	if state == OutOfService {
		typ = SSP
	}
	for _, pc := range s.cfg.Concerned {
		n.sendSCMG(pc, n.cfg.PointCode, SCMGMessage{Type: typ, SSN: s.ssn, PC: n.cfg.PointCode})
	}
	n.tell(StateIndication, State{PC: n.cfg.PointCode, SSN: s.ssn, InService: state != OutOfService})
}

// Subsystem is the state of a local subsystem; ok is false if there is none.
func (n *Node) Subsystem(ssn SSN) (state UserState, ok bool) {
	if s := n.subs[ssn]; s != nil {
		return s.state, true
	}
	return OutOfService, false
}

// Unitdata is the N-UNITDATA request of a local subsystem. An error says that the request cannot be sent whatever the
// state of the network; all else that goes wrong comes as a notice if ReturnOnError is set, and is counted.
func (n *Node) Unitdata(now time.Time, u Unitdata, out []Output) ([]Output, error) {
	switch {
	case len(u.Data) == 0:
		return out, ErrUnitNoData
	case u.Class > 1:
		return out, ErrClass
	case u.Importance > 7:
		return out, ErrImportance
	case len(u.Data) > maxData:
		return out, ErrUnitTooLong
	}
	m := Message{Type: UDT, Class: u.Class, ReturnOnError: u.ReturnOnError, HopCounter: n.cfg.HopCounter, Called: u.Called, Calling: u.Calling,
		Data: u.Data, Importance: u.Importance, HasImportance: u.HasImportance}
	n.begin(now, out)
	split, err := n.shape(&m)
	if err != nil {
		return n.end(), err
	}
	n.stats.Requests++
	values := n.cfg.Format.SLSValues()
	o := origin{from: fromUser, opc: n.cfg.PointCode, dpc: n.cfg.PointCode, sls: mtp3.SLS(int(u.Sequence) & (values - 1)), split: split}
	if u.Class == 0 { // section 2.3: no order, so any SLS
		o.sls = mtp3.SLS(int(n.turn) & (values - 1))
		n.turn++
	}
	n.route(&m, &o)
	return n.end(), nil
}

// shape chooses the type of a message of this node, and whether it has to go in segments (Q.714 section 4.1.1).
func (n *Node) shape(m *Message) (split bool, err error) {
	n.address = n.codec.AppendAddress(n.address[:0], m.Called)
	called := len(n.address)
	n.address = n.codec.AppendAddress(n.address, m.Calling)
	if called > 255 || len(n.address)-called > 255 {
		return false, ErrUnitTooLong
	}
	addresses := len(n.address) + n.reserve(m)
	// A label, type, class, three pointers and three lengths.
	room := min(n.cfg.MaxSIF-n.cfg.Format.LabelLen()-8, 252) - addresses
	segment := n.segmentRoom(addresses, m.HasImportance)
	switch {
	case len(m.Data) <= room && !n.cfg.Extended && !m.HasImportance:
		return false, nil
	case len(m.Data) <= n.singleRoom(addresses, m.HasImportance):
		m.Type = XUDT
		return false, nil
	case n.cfg.Long:
		m.Type = LUDT
		ref, err := n.reference()
		if err != nil {
			return false, err
		}
		m.HasSegmentation, m.Segmentation = true, Segmentation{First: true, InOrder: m.Class == 1, Reference: ref}
		return false, nil
	}
	m.Type = XUDT
	if segment*16 < len(m.Data) {
		return false, ErrUnitTooLong
	}
	return true, nil
}

// reserve is how much longer a relay makes a message: the point code that it adds to the calling address.
func (n *Node) reserve(m *Message) int {
	if c := &m.Calling; c.RouteOnSSN && c.HasSSN && !c.HasPC {
		return n.codec.pcLen()
	}
	return 0
}
