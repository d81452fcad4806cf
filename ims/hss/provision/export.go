package provision

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/gotelco/telco/ims/hss"
)

// ExportOptions say how to write subscribers.
type ExportOptions struct {
	// Format is YAML, JSON or JSONL. If empty, YAML. JSONL holds subscribers alone, whatever they share.
	Format Format

	// Keys writes keys and digests in the clear. Without it they read "***", and whoever reads the file into an HSS
	// that has these subscribers leaves their keys as they are.
	Keys bool
}

// FromStore is all that a store holds, in the order of IDs.
func FromStore(st hss.Store) *Batch {
	b := new(Batch)
	shared := st.Shared()
	for _, s := range shared.SharedIFCSets {
		b.SharedIFCSets = append(b.SharedIFCSets, *s)
	}
	slices.SortFunc(b.SharedIFCSets, func(x, y hss.SharedIFCSet) int { return x.ID - y.ID })
	for _, p := range shared.ServiceProfiles {
		b.ServiceProfiles = append(b.ServiceProfiles, *p)
	}
	slices.SortFunc(b.ServiceProfiles, func(x, y hss.ServiceProfile) int { return cmp.Compare(x.Name, y.Name) })
	for e := range st.All() {
		s := *e.Subscriber
		s.ID = e.ID()
		b.Subscribers = append(b.Subscribers, s)
	}
	slices.SortFunc(b.Subscribers, func(x, y hss.Subscriber) int { return cmp.Compare(x.ID, y.ID) })
	return b
}

// Write writes what a batch holds, so that Read reads the same.
func (b *Batch) Write(w io.Writer, o ExportOptions) error {
	out := bufio.NewWriter(w)
	switch o.Format {
	case JSONL:
		for i := range b.Subscribers {
			js, err := subscriberJSON(&b.Subscribers[i], o.Keys)
			if err != nil {
				return err
			}
			out.Write(append(js, '\n'))
		}
		return out.Flush()
	case "", YAML, JSON:
	default:
		return fmt.Errorf("provision: %q cannot be written; %q, %q and %q can", o.Format, YAML, JSON, JSONL)
	}
	doc := struct {
		SharedIFCSets   []hss.SharedIFCSet   `json:"sharedIFCSets,omitempty"`
		ServiceProfiles []hss.ServiceProfile `json:"serviceProfiles,omitempty"`
		Subscribers     []json.RawMessage    `json:"subscribers,omitempty"`
	}{b.SharedIFCSets, b.ServiceProfiles, nil}
	for i := range b.Subscribers {
		js, err := subscriberJSON(&b.Subscribers[i], o.Keys)
		if err != nil {
			return err
		}
		doc.Subscribers = append(doc.Subscribers, js)
	}
	var js bytes.Buffer
	e := json.NewEncoder(&js)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	text := js.Bytes()
	if o.Format != JSON {
		var err error
		if text, err = yaml.JSONToYAML(text); err != nil {
			return fmt.Errorf("provision: %w", err)
		}
	}
	out.Write(text)
	return out.Flush()
}

// subscriberJSON is a subscriber in JSON, with its keys if that is asked for.
func subscriberJSON(s *hss.Subscriber, keys bool) ([]byte, error) {
	js, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("provision: %w", err)
	}
	if !keys {
		return js, nil
	}
	// Secrets print as "***" in the order of their fields. A text cannot look like one with its name: quotes within are escaped.
	var out []byte
	fill := func(name string, secret hss.Secret) {
		hidden := []byte(`"` + name + `":"***"`)
		at := bytes.Index(js, hidden)
		if secret.IsZero() || at < 0 {
			return
		}
		out = append(append(out, js[:at]...), `"`+name+`":"`+secret.RevealHex()+`"`...)
		js = js[at+len(hidden):]
	}
	for i := range s.PrivateIdentities {
		p := &s.PrivateIdentities[i]
		if p.AKA != nil {
			fill("k", p.AKA.K)
			fill("opc", p.AKA.OPc)
			fill("op", p.AKA.OP)
		}
		if p.Digest != nil {
			fill("ha1", p.Digest.HA1)
			fill("alternateHA1", p.Digest.AlternateHA1)
		}
	}
	return append(out, js...), nil
}
