package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/httpguard"
)

// Batch is many things to store at once.
type Batch struct {
	SharedIFCSets   []hss.SharedIFCSet   `json:"sharedIFCSets,omitempty"`
	ServiceProfiles []hss.ServiceProfile `json:"serviceProfiles,omitempty"`
	Subscribers     []hss.Subscriber     `json:"subscribers,omitempty"`
}

// Change is what becomes of one of the things of a [Batch].
type Change struct {
	Kind   string   `json:"kind"`   // "subscriber", "serviceProfile" or "sharedIFCSet"
	ID     string   `json:"id"`     // its ID, name or number
	Action string   `json:"action"` // "create" or "update"
	Fields []string `json:"fields,omitempty"`
}

// Plan is what a [Batch] changes.
type Plan struct {
	Applied   bool     `json:"applied"` // false of a dry run
	Created   int      `json:"created"`
	Updated   int      `json:"updated"`
	Unchanged int      `json:"unchanged"`
	Changes   []Change `json:"changes"`
}

// maxProblems bounds how many errors an answer holds.
const maxProblems = 100

// Check says what a batch would change, and everything that is wrong with it: a *Problem.
func Check(a hss.Admin, b *Batch) (*Plan, error) {
	p := Plan{Changes: []Change{}}
	bad := Problem{Status: http.StatusUnprocessableEntity, Detail: "nothing was changed"}
	wrong := func(field string, err error) {
		for _, f := range asProblem(err).fields() {
			if len(bad.Errors) < maxProblems {
				bad.Errors = append(bad.Errors, FieldProblem{joinField(field, f.Field), f.Reason})
			}
		}
	}
	count := func(kind, id string, there, same bool, fields []string) {
		switch {
		case !there:
			p.Created++
			p.Changes = append(p.Changes, Change{kind, id, "create", nil})
		case same:
			p.Unchanged++
		default:
			p.Updated++
			p.Changes = append(p.Changes, Change{kind, id, "update", fields})
		}
	}
	seen := make(map[any]string)
	once := func(key any, field string) {
		if was, ok := seen[key]; ok {
			wrong(field, &hss.FieldError{Reason: fmt.Sprintf("is the same as %s", was)})
			return
		}
		seen[key] = field
	}
	shared := a.Shared()
	for i := range b.SharedIFCSets {
		s, field := &b.SharedIFCSets[i], fmt.Sprintf("sharedIFCSets[%d]", i)
		if err := s.Validate(); err != nil {
			wrong(field, err)
		}
		once(s.ID, field+".id")
		old := shared.SharedIFCSets[s.ID]
		count("sharedIFCSet", fmt.Sprint(s.ID), old != nil, old != nil && reflect.DeepEqual(contentTag(old), contentTag(s)), nil)
	}
	for i := range b.ServiceProfiles {
		s, field := &b.ServiceProfiles[i], fmt.Sprintf("serviceProfiles[%d]", i)
		if err := s.Validate(); err != nil {
			wrong(field, err)
		}
		once("profile "+s.Name, field+".name")
		old := shared.ServiceProfiles[s.Name]
		count("serviceProfile", s.Name, old != nil, old != nil && reflect.DeepEqual(contentTag(old), contentTag(s)), nil)
	}
	for i := range b.Subscribers {
		s, field := &b.Subscribers[i], fmt.Sprintf("subscribers[%d]", i)
		isNew, fields, err := a.Check(s, b.ServiceProfiles...)
		if err != nil {
			wrong(field, err)
			continue
		}
		for _, k := range s.Keys() {
			once(k, field)
		}
		count("subscriber", s.Keys()[0].Value, !isNew, len(fields) == 0, fields)
	}
	if len(bad.Errors) > 0 {
		return nil, &bad
	}
	return &p, nil
}

// Apply makes the changes of a plan that Check has found. It tells how many were made, all of them unless err is set.
func Apply(a hss.Admin, b *Batch, p *Plan) (done int, err error) {
	change := make(map[string]bool, len(p.Changes))
	for _, c := range p.Changes {
		change[c.Kind+" "+c.ID] = true
	}
	for _, s := range b.SharedIFCSets {
		if change[fmt.Sprint("sharedIFCSet ", s.ID)] {
			if err := a.PutSharedIFCSet(s); err != nil {
				return done, err
			}
			done++
		}
	}
	for _, s := range b.ServiceProfiles {
		if change["serviceProfile "+s.Name] {
			if err := a.PutServiceProfile(s); err != nil {
				return done, err
			}
			done++
		}
	}
	// Several at once share one write to the disk.
	var n, next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var stop atomic.Bool
	for range 256 {
		wg.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(b.Subscribers) {
					return
				}
				s := &b.Subscribers[i]
				if !change["subscriber "+s.Keys()[0].Value] {
					continue
				}
				if _, e := a.Put(s, hss.PutOptions{}); e != nil {
					once.Do(func() { err = fmt.Errorf("subscriber %s: %w", s.Keys()[0].Value, e) })
					stop.Store(true)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	done += int(n.Load())
	p.Applied = err == nil
	return done, err
}

// fields are the errors of a problem, at least one.
func (p *Problem) fields() []FieldProblem {
	if len(p.Errors) == 0 {
		return []FieldProblem{{Reason: p.Detail}}
	}
	return p.Errors
}

func joinField(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}

func (h *Handler) batch(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "dryRun")
	if err != nil {
		return err
	}
	var dry bool
	switch v := q.Get("dryRun"); v {
	case "", "false":
	case "true":
		dry = true
	default:
		return badRequest("dryRun is true or false")
	}
	var b Batch
	if err := httpguard.Body(r, &b); err != nil {
		return err
	}
	plan, err := Check(h.admin(r), &b)
	if err != nil {
		return err
	}
	if dry {
		return h.api.Answer(w, http.StatusOK, plan)
	}
	done, err := Apply(h.admin(r), &b, plan)
	if err != nil {
		p := asProblem(err)
		var conflict *hss.ConflictError
		if errors.As(err, &conflict) || p.Status < 500 {
			p.Status = http.StatusConflict // it was right when it was checked
		}
		p.Detail = fmt.Sprintf("%s; %d of %d changes were made before", p.Detail, done, len(plan.Changes))
		return p
	}
	return h.api.Answer(w, http.StatusOK, plan)
}
