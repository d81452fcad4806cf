package hss

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// AuditEvent is one thing that somebody has done: an administrator by [Admin], an application server by Sh. It holds no secret.
type AuditEvent struct {
	Time    time.Time `json:"time"`
	Who     string    `json:"who"`               // as given to [HSS.As], or the Origin-Host of an application server
	What    string    `json:"what"`              // such as "put", "delete", "deregister"
	Subject string    `json:"subject,omitempty"` // the ID of the subscription, or the name of a profile
	Details string    `json:"details,omitempty"` // what it was about: names of fields and identities, no values of keys
	Error   string    `json:"error,omitempty"`   // why it was refused; empty if it was done
}

func (h *HSS) audit(who, what, subject, details string, err error) {
	if h.cfg.Audit == nil {
		return
	}
	e := AuditEvent{Time: time.Now().UTC(), Who: who, What: what, Subject: subject, Details: details}
	if err != nil {
		e.Error = err.Error()
	}
	h.cfg.Audit(e)
}

// AuditLog writes events as lines of JSON, for Config.Audit. Its methods may be called by several goroutines at once.
type AuditLog struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewAuditLog returns one that writes to w.
func NewAuditLog(w io.Writer) *AuditLog { return &AuditLog{w: w} }

// Event writes an event.
func (l *AuditLog) Event(e AuditEvent) {
	b, err := json.Marshal(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		_, err = l.w.Write(append(b, '\n'))
	}
	if err != nil {
		l.err = err
	}
}

// Err returns the last error of the writer, nil if there was none.
func (l *AuditLog) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
