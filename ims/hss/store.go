package hss

import (
	"errors"
	"fmt"
	"iter"
	"net"
)

// Store keeps subscriptions, what the network does with them, and the sequence numbers. [OpenStore] has one on disk, [NewMemoryStore]
// one that is lost with the process. Its methods are called by several goroutines at once.
type Store interface {
	// Find returns the subscription with a key. An identity that no subscription has as its own is looked for among the
	// wildcarded ones. What it returns must not be changed.
	Find(Key) (Entry, bool)

	// Commit makes changes, all of them or none. When it returns nil they are on disk, and Find sees them.
	// Errors are a [*ConflictError], [ErrNotFound] for a state of no subscription, [ErrFull], and others after which nothing
	// can be changed any more. One subscription is changed by one caller at a time.
	Commit(changes ...Change) error

	// NextSQN takes n SEQs in a row from the counter of a name (an IMPI or IMSI), and returns the first: at least floor, and higher
	// than any that it has returned for the name in its life, over restarts and crashes. Without wait it returns
	// [ErrWouldBlock] where the disk has to be written first.
	NextSQN(name string, n int, floor uint64, wait bool) (uint64, error)
	// RaiseSQN makes NextSQN return values higher than seq. It is on disk when RaiseSQN returns.
	RaiseSQN(name string, seq uint64) error
	// SQN is the value that the counter of a name has reached, 0 for one never used.
	SQN(name string) uint64

	// Shared returns the profiles and sets that subscriptions share. The value never changes.
	Shared() *Shared
	// Pushes returns what is owed to other nodes, the oldest first.
	Pushes() []Push
	// All returns all subscriptions in no order, more or less as they are while the caller goes through them.
	All() iter.Seq[Entry]
	// List returns the IDs after a given one in the order of their octets, limit at most.
	List(after string, limit int) []string
	// Len is the number of subscriptions.
	Len() int

	Close() error
}

// Entry is a subscription as it was when the store returned it.
type Entry struct {
	Subscriber *Subscriber
	State      *State // never nil
	Revision   uint64 // grows with each change of Subscriber
	// Wildcard is the wildcarded identity by which it was found, empty if it was not by one.
	Wildcard string
}

// ID is the ID of the subscription.
func (e Entry) ID() string { return e.Subscriber.id() }

// Shared is what subscriptions share.
type Shared struct {
	ServiceProfiles map[string]*ServiceProfile
	SharedIFCSets   map[int]*SharedIFCSet
}

// Change is one change of a store: one of the fields is set, but that State comes with StateOf.
type Change struct {
	Put    *Subscriber // a new subscription, or a new form of one with the same ID; its state stays
	Delete string      // the ID of a subscription. Sequence numbers stay, lest one be used twice should the user come back

	StateOf string // the ID of the subscription
	State   *State

	AddPush  *Push // its ID is set
	DonePush uint64

	PutServiceProfile    *ServiceProfile
	DeleteServiceProfile string
	PutSharedIFCSet      *SharedIFCSet
	DeleteSharedIFCSet   *int
}

// Errors of stores.
var (
	ErrNotFound   = errors.New("hss: no such subscription")
	ErrFull       = errors.New("hss: the disk is full")
	ErrWouldBlock = errors.New("hss: the disk has to be written first")
	ErrClosed     = fmt.Errorf("hss: store closed: %w", net.ErrClosed)
)

// ConflictError says that an identity belongs to another subscription, or is being given to one.
type ConflictError struct {
	Key   Key
	Owner string // the ID of the other subscription
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("hss: %v %q belongs to subscription %q", e.Key.Kind, e.Key.Value, e.Owner)
}
