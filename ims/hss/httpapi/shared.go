package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/httpguard"
)

// contentTag is an entity tag made of what there is.
func contentTag(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return `""` // what came in as JSON goes out as JSON
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// matches checks If-Match and If-None-Match against what is there now; v is nil if there is nothing.
func matches(r *http.Request, v any, there bool) error {
	if m := r.Header.Get("If-Match"); m != "" && (!there || m != "*" && m != contentTag(v)) {
		return hss.ErrRevision
	}
	if m := r.Header.Get("If-None-Match"); m == "*" && there {
		return hss.ErrRevision
	}
	return nil
}

func (h *Handler) listProfiles(w http.ResponseWriter, r *http.Request) error {
	out := []*hss.ServiceProfile{}
	for _, p := range h.cfg.Store.Shared().ServiceProfiles {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *hss.ServiceProfile) int { return strings.Compare(a.Name, b.Name) })
	return h.api.Answer(w, http.StatusOK, out)
}

func (h *Handler) readProfile(w http.ResponseWriter, r *http.Request) error {
	p, ok := h.cfg.Store.Shared().ServiceProfiles[r.PathValue("name")]
	if !ok {
		return notFound("such service profile")
	}
	w.Header().Set("ETag", contentTag(p))
	return h.api.Answer(w, http.StatusOK, p)
}

func (h *Handler) replaceProfile(w http.ResponseWriter, r *http.Request) error {
	p := new(hss.ServiceProfile)
	if err := httpguard.Body(r, p); err != nil {
		return err
	}
	name := r.PathValue("name")
	if p.Name == "" {
		p.Name = name
	}
	if p.Name != name {
		return badRequest("the body has another name than the path")
	}
	if err := p.Validate(); err != nil {
		return err
	}
	old, ok := h.cfg.Store.Shared().ServiceProfiles[name]
	if err := matches(r, old, ok); err != nil {
		return err
	}
	if err := h.admin(r).PutServiceProfile(*p); err != nil {
		return err
	}
	w.Header().Set("ETag", contentTag(p))
	return h.api.Answer(w, created(ok), p)
}

// created is the status of an answer to PUT.
func created(existed bool) int {
	if existed {
		return http.StatusOK
	}
	return http.StatusCreated
}

func (h *Handler) deleteProfile(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	p, ok := h.cfg.Store.Shared().ServiceProfiles[name]
	if !ok {
		return notFound("such service profile")
	}
	if err := matches(r, p, ok); err != nil {
		return err
	}
	if err := h.admin(r).DeleteServiceProfile(name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) listSets(w http.ResponseWriter, r *http.Request) error {
	out := []*hss.SharedIFCSet{}
	for _, s := range h.cfg.Store.Shared().SharedIFCSets {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *hss.SharedIFCSet) int { return a.ID - b.ID })
	return h.api.Answer(w, http.StatusOK, out)
}

// set is the set that a path names.
func (h *Handler) set(r *http.Request) (id int, s *hss.SharedIFCSet, err error) {
	id, err = strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 0 {
		return 0, nil, badRequest("the ID of an iFC set is a number")
	}
	return id, h.cfg.Store.Shared().SharedIFCSets[id], nil
}

func (h *Handler) readSet(w http.ResponseWriter, r *http.Request) error {
	_, s, err := h.set(r)
	if err != nil {
		return err
	}
	if s == nil {
		return notFound("such iFC set")
	}
	w.Header().Set("ETag", contentTag(s))
	return h.api.Answer(w, http.StatusOK, s)
}

func (h *Handler) replaceSet(w http.ResponseWriter, r *http.Request) error {
	id, old, err := h.set(r)
	if err != nil {
		return err
	}
	s := &hss.SharedIFCSet{ID: id}
	if err := httpguard.Body(r, s); err != nil {
		return err
	}
	if s.ID != id {
		return badRequest("the body has another id than the path")
	}
	if err := s.Validate(); err != nil {
		return err
	}
	if err := matches(r, old, old != nil); err != nil {
		return err
	}
	if err := h.admin(r).PutSharedIFCSet(*s); err != nil {
		return err
	}
	w.Header().Set("ETag", contentTag(s))
	return h.api.Answer(w, created(old != nil), s)
}

func (h *Handler) deleteSet(w http.ResponseWriter, r *http.Request) error {
	id, old, err := h.set(r)
	if err != nil {
		return err
	}
	if old == nil {
		return notFound("such iFC set")
	}
	if err := matches(r, old, true); err != nil {
		return err
	}
	if err := h.admin(r).DeleteSharedIFCSet(id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) listSCSCFs(w http.ResponseWriter, r *http.Request) error {
	out := h.admin(r).SCSCFs()
	if out == nil {
		out = []hss.SCSCF{}
	}
	return h.api.Answer(w, http.StatusOK, out)
}

func (h *Handler) listPushes(w http.ResponseWriter, r *http.Request) error {
	out := h.cfg.Store.Pushes()
	if out == nil {
		out = []hss.Push{}
	}
	return h.api.Answer(w, http.StatusOK, out[:min(len(out), maxLimit)])
}

func (h *Handler) readStats(w http.ResponseWriter, r *http.Request) error {
	return h.api.Answer(w, http.StatusOK, h.cfg.HSS.Stats())
}
