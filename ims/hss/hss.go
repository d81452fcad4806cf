package hss

import (
	"context"
	"crypto/rand"
	"encoding"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/s6a"
	"github.com/gotelco/telco/diameter/sh"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/trace"
)

// Config sets up an [HSS]. Host, Realm and Store are needed; everything else works when zero.
type Config struct {
	Host  string // Origin-Host of the node that serves, such as "hss.ims.example.com"
	Realm string // its Origin-Realm
	Store Store

	// SCSCFs are the S-CSCFs that the HSS may name to an I-CSCF (TS 29.228 section 6.7). If empty, the I-CSCF gets the capabilities
	// that a user needs and chooses by itself.
	SCSCFs []SCSCF

	// Charging is for subscriptions that have no charging functions of their own.
	Charging *Charging

	// SQN is how sequence numbers are made up (TS 33.102 Annex C). Its IND tells the nodes apart that ask for vectors.
	SQN aka.SQNScheme
	// INDFirst and INDs are the part of the INDs that this HSS uses, so that several serve one card. If INDs is zero, all of them.
	INDFirst, INDs int

	// MaxVectors is how many vectors an answer holds at most. If zero, 5.
	MaxVectors int
	// AuthPending is how long the authentication pending flag stands (TS 29.228 section 6.3.1). If zero, 4 min.
	AuthPending time.Duration

	// NoRestoration switches off the IMS restoration procedures (TS 23.380): reassignment of an S-CSCF that cannot be reached, and
	// keeping what a new one restores registrations from.
	NoRestoration bool
	// DropServerNames refuses to keep the S-CSCF of a user who deregisters, though the S-CSCF asks for it
	// (DIAMETER_SUCCESS_SERVER_NAME_NOT_STORED).
	DropServerNames bool

	// ASPermissions are what application servers may do (TS 29.328 section 6.2). If nil, every one that may connect may do everything.
	ASPermissions []ASPermission
	// MaxRepositoryData is the size of the data that an application server may keep under one service indication, in octets. If
	// zero, 16 KiB.
	MaxRepositoryData int
	// MaxNotifications is how many subscriptions to notifications one user may have. If zero, 100.
	MaxNotifications int
	// NotificationExpiry bounds subscriptions to notifications that ask for longer or for ever. If zero, no bound.
	NotificationExpiry time.Duration

	Push PushConfig

	// Rand is where RANDs come from. If nil, crypto/rand.
	Rand io.Reader

	// Audit, if set, is called with everything that somebody has changed. It must not wait.
	Audit func(AuditEvent)

	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called; otherwise with changes of state. The messages are the node's to trace
}

// SCSCF is an S-CSCF that users can be assigned to.
type SCSCF struct {
	Name         string   `json:"name"` // SIP URI
	Capabilities []uint32 `json:"capabilities,omitempty"`
	Priority     int      `json:"priority,omitempty"` // lower ones first
}

// HSS answers requests of the Cx, Sh and S6a interfaces, and tells other nodes of changes.
type HSS struct {
	cfg   Config
	store Store

	seed  maphash.Seed
	locks [256]sync.Mutex // of subscriptions, by hash of their ID

	pending authPending
	algs    algorithms
	stats   counters
	push    pusher

	wg     sync.WaitGroup
	mu     sync.Mutex
	closed bool
	moot   atomic.Bool // closed
}

// New makes an HSS.
func New(cfg Config) (*HSS, error) {
	switch {
	case cfg.Host == "" || cfg.Realm == "":
		return nil, errors.New("hss: config: Host and Realm are needed")
	case cfg.Store == nil:
		return nil, errors.New("hss: config: Store is needed")
	case cfg.INDs < 0 || cfg.INDFirst < 0 || cfg.INDFirst+cfg.INDs > cfg.SQN.Slots():
		return nil, fmt.Errorf("hss: config: INDs %d to %d of %d", cfg.INDFirst, cfg.INDFirst+cfg.INDs-1, cfg.SQN.Slots())
	}
	if cfg.INDs == 0 {
		cfg.INDs = cfg.SQN.Slots() - cfg.INDFirst
	}
	if cfg.MaxVectors <= 0 {
		cfg.MaxVectors = 5
	}
	if cfg.AuthPending <= 0 {
		cfg.AuthPending = 4 * time.Minute
	}
	if cfg.MaxRepositoryData <= 0 {
		cfg.MaxRepositoryData = 16 << 10
	}
	if cfg.MaxNotifications <= 0 {
		cfg.MaxNotifications = 100
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	h := &HSS{cfg: cfg, store: cfg.Store, seed: maphash.MakeSeed()}
	h.push.init(h)
	return h, nil
}

// Applications are those that a node with the [HSS.Services] announces.
func (h *HSS) Applications() []diameter.Application {
	return []diameter.Application{
		{ID: cx.Application, VendorID: diameter.Vendor3GPP},
		{ID: sh.Application, VendorID: diameter.Vendor3GPP},
		{ID: s6a.Application, VendorID: diameter.Vendor3GPP},
	}
}

// Services are the handlers of the HSS, for diameter.Config. They answer on the goroutine that reads the connection where nothing has
// to be written to disk first, and on one of their own otherwise.
func (h *HSS) Services() []diameter.Service {
	return []diameter.Service{
		{Application: cx.Application, Command: cx.CommandUserAuthorization, Handler: handler(h, "UAR", cx.ParseUAR, h.uar)},
		{Application: cx.Application, Command: cx.CommandServerAssignment, Handler: handler(h, "SAR", cx.ParseSAR, h.sar)},
		{Application: cx.Application, Command: cx.CommandLocationInfo, Handler: handler(h, "LIR", cx.ParseLIR, h.lir)},
		{Application: cx.Application, Command: cx.CommandMultimediaAuth, Handler: handler(h, "MAR", cx.ParseMAR, h.mar)},
		{Application: sh.Application, Command: sh.CommandUserData, Handler: handler(h, "UDR", sh.ParseUDR, h.udr)},
		{Application: sh.Application, Command: sh.CommandProfileUpdate, Handler: handler(h, "PUR", sh.ParsePUR, h.pur)},
		{Application: sh.Application, Command: sh.CommandSubscribeNotifications, Handler: handler(h, "SNR", sh.ParseSNR, h.snr)},
		{Application: s6a.Application, Command: s6a.CommandAuthenticationInformation, Handler: handler(h, "AIR", s6a.ParseAIR, h.air)},
		{Application: s6a.Application, Command: s6a.CommandUpdateLocation, Handler: handler(h, "ULR", s6a.ParseULR, h.ulr)},
		{Application: s6a.Application, Command: s6a.CommandPurgeUE, Handler: handler(h, "Purge", s6a.ParsePUR, h.purge)},
		{Application: s6a.Application, Command: s6a.CommandNotify, Handler: handler(h, "NOR", s6a.ParseNOR, h.nor)},
	}
}

// answer is what the typed answers have in common.
type answer interface {
	encoding.BinaryAppender
	Result() diameter.Result
}

// errWait says that a request cannot be answered without waiting for the disk.
var errWait = errors.New("hss: the disk has to be written")

// call is a request that came, as it came.
type call struct {
	m    diameter.Message
	wait bool // whether the handler may wait, on a goroutine of its own
}

// handler parses requests, counts, and runs f: at first without waiting, and where f wants to, again on a goroutine of its own.
func handler[T any, A answer](h *HSS, name string, parse func(diameter.Message) (T, error), f func(*T, call) (A, error)) diameter.Handler {
	return func(_ context.Context, in *diameter.Incoming) (encoding.BinaryAppender, error) {
		q, err := parse(in.Message)
		if err != nil {
			h.stats.failed(name, err)
			return nil, err
		}
		a, err := f(&q, call{m: in.Message})
		if err != errWait {
			if err != nil {
				h.stats.failed(name, err)
				return nil, err
			}
			h.stats.answered(name, a.Result())
			return a, nil
		}
		if !h.spawn(func() {
			defer func() {
				if v := recover(); v != nil {
					h.logf(slog.LevelError, "handler panics", "command", name, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
					in.Fail(&diameter.ProtocolError{ResultCode: diameter.UnableToComply})
				}
			}()
			a, err := f(&q, call{in.Message, true})
			if err != nil {
				err = h.storeError(name, err)
				h.stats.failed(name, err)
				in.Fail(err)
				return
			}
			h.stats.answered(name, a.Result())
			in.Answer(a)
		}) {
			return nil, &diameter.ProtocolError{ResultCode: diameter.UnableToDeliver, Text: "the HSS is closing"}
		}
		return nil, nil
	}
}

// storeError makes an answer of what a store says: the disk may have room later.
func (h *HSS) storeError(what string, err error) error {
	var p *diameter.ProtocolError
	switch {
	case errors.As(err, &p):
		return err
	case errors.Is(err, ErrFull):
		h.logf(slog.LevelError, "the disk is full", "command", what, "err", err)
		return &diameter.ProtocolError{ResultCode: diameter.OutOfSpace, Text: "the HSS cannot write"}
	}
	h.logf(slog.LevelError, "request failed", "command", what, "err", err)
	return &diameter.ProtocolError{ResultCode: diameter.UnableToComply}
}

// spawn runs f on a goroutine that Close waits for.
func (h *HSS) spawn(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		f()
	}()
	return true
}

// Close ends pushes and waits for requests under way. The store stays open.
func (h *HSS) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.moot.Store(true)
	h.push.close()
	h.wg.Wait()
	return nil
}

// lock takes the lock of a subscription. Only who holds it changes the subscription.
func (h *HSS) lock(id string) (unlock func()) {
	m := &h.locks[maphash.String(h.seed, id)%uint64(len(h.locks))]
	m.Lock()
	return m.Unlock
}

// locked finds whom a request is about, and where the request may wait, takes the lock of the subscription: until it finds the same
// one under the lock, as an identity may have moved to another.
func locked[S interface{ ID() string }](h *HSS, wait bool, find func() (S, diameter.Result)) (s S, refused diameter.Result, unlock func()) {
	s, refused = find()
	for wait && refused.Code == 0 {
		id := s.ID()
		unlock = h.lock(id)
		if s, refused = find(); refused.Code != 0 || s.ID() == id {
			return s, refused, unlock
		}
		unlock()
	}
	return s, refused, func() {}
}

func (h *HSS) logf(level slog.Level, msg string, args ...any) {
	if h.cfg.Logger != nil {
		h.cfg.Logger.Log(context.Background(), level, msg, args...)
	}
}

// changed traces a change of state.
func (h *HSS) changed(iface, subject, comment string) {
	if h.cfg.Trace != nil {
		h.cfg.Trace(trace.Event{Time: time.Now(), Dir: trace.State, Interface: iface, Proto: trace.Diameter, Correlation: subject, Comment: comment})
	}
	h.logf(slog.LevelInfo, comment, "interface", iface, "subscription", subject)
}

func success() diameter.Result { return diameter.Result{Code: diameter.Success} }

func baseResult(c diameter.ResultCode) diameter.Result { return diameter.Result{Code: c} }

// missing is the error for a conditional AVP that has to be there.
func missing(code diameter.AVPCode, vendor diameter.VendorID) error {
	return &diameter.ProtocolError{ResultCode: diameter.MissingAVP, FailedAVP: []diameter.AVP{{Code: code, VendorID: vendor, Flags: diameter.Mandatory}}}
}
