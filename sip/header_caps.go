package sip

import (
	"iter"
	"slices"
	"strings"
)

// OptionTags lists the registered option tags (IANA, Session Initiation Protocol Parameters), for
// [Policy] and for what asks whether a tag is known at all.
func OptionTags() []string {
	return []string{
		"100rel", "199", "answermode", "early-session", "eventlist", "explicitsub", "from-change", "geolocation-http",
		"geolocation-sip", "gin", "gruu", "histinfo", "ice", "join", "multiple-refer", "norefersub", "nosub", "outbound",
		"path", "policy", "precondition", "pref", "privacy", "recipient-list-invite", "recipient-list-message",
		"recipient-list-subscribe", "record-aware", "replaces", "resource-priority", "sdp-anat", "sec-agree", "siprec",
		"tdialog", "timer", "trickle-ice", "uui",
	}
}

// Unsupported returns the option tags of a field (Require, Proxy-Require) that are not among the
// supported ones: what a 420 lists in its Unsupported field (RFC 3261 section 8.2.2.3). It stops
// after 32 tags, so that no request makes its answer large.
func (h *Header) Unsupported(name string, supported []string) []string {
	var list []string
	for tag := range h.Values(name) {
		if !contains(supported, tag) {
			if list = append(list, tag); len(list) == 32 {
				break
			}
		}
	}
	return list
}

// Allows reports whether the Allow field has a method.
func (h *Header) Allows(m Method) bool {
	for v := range h.Values("Allow") {
		if v == string(m) {
			return true
		}
	}
	return false
}

// baseTags are the feature tags that are written without a plus sign (RFC 3840 section 10, RFC
// 4235, RFC 5688).
var baseTags = [...]string{
	"actor", "application", "audio", "automata", "class", "control", "data", "description", "duplex", "events",
	"extensions", "isfocus", "language", "message", "methods", "mobility", "priority", "schemes", "text", "type", "video",
}

// FeatureTag reports whether a Contact parameter is a feature tag (RFC 3840 section 9): one that
// starts with a plus sign, or one of the base tags.
func FeatureTag(name string) bool {
	if strings.HasPrefix(name, "+") {
		return true
	}
	return slices.ContainsFunc(baseTags[:], func(t string) bool { return fold(t, name) })
}

// Features returns the feature tags among the parameters and their values without quotes:
// "audio" and "", "+g.3gpp.icsi-ref" and "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel".
func (a Address) Features() iter.Seq2[string, string] { return a.Params.features() }

func (p Params) features() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for n, v := range p.All() {
			if FeatureTag(n) && !yield(n, v) {
				return
			}
		}
	}
}

// HasFeature reports whether a feature tag is there with the given value among its
// comma-separated ones; value "" asks for the tag alone, whose value must not be FALSE.
func (a Address) HasFeature(name, value string) bool { return a.Params.hasFeature(name, value) }

func (p Params) hasFeature(name, value string) bool {
	v, ok := p.Value(name)
	if !ok {
		return false
	}
	if value == "" {
		return !fold(v, "FALSE")
	}
	for item := range strings.SplitSeq(v, ",") {
		if fold(trimLWS(item), value) {
			return true
		}
	}
	return false
}

// ContactPreference is a value of Accept-Contact or Reject-Contact (RFC 3841 section 9.2).
type ContactPreference struct{ Element }

// ParseContactPreference reads an Accept-Contact or Reject-Contact value.
func ParseContactPreference(s string) (ContactPreference, error) {
	e, err := ParseElement(s)
	return ContactPreference{e}, err
}

// Require reports that contacts that do not match are to be dropped.
func (c ContactPreference) Require() bool { return c.Params.Has("require") }

// Explicit reports that contacts must name the features themselves to match.
func (c ContactPreference) Explicit() bool { return c.Params.Has("explicit") }

// Features returns the feature tags and their values without quotes.
func (c ContactPreference) Features() iter.Seq2[string, string] { return c.Params.features() }

// Match compares the preference with the feature tags of a contact (RFC 3841 section 7.2.4): how
// many of its tags the contact has with a common value, of how many. A contact with a tag but
// without a common value, or whose tag is FALSE, does not match at all.
func (c ContactPreference) Match(contact Address) (matched, of int, ok bool) {
	for name, want := range c.Features() {
		of++
		have, there := contact.Params.Value(name)
		if !there {
			continue
		}
		if !featureOverlap(want, have) {
			return 0, of, false
		}
		matched++
	}
	return matched, of, true
}

// featureOverlap: two lists of values have one in common; ! negates a value, and no value is
// TRUE.
func featureOverlap(want, have string) bool {
	if strings.Count(want, ",") >= maxCompared || strings.Count(have, ",") >= maxCompared {
		return want == have
	}
	for w := range strings.SplitSeq(orTrue(want), ",") {
		w, wn := strings.CutPrefix(trimLWS(w), "!")
		for h := range strings.SplitSeq(orTrue(have), ",") {
			h, hn := strings.CutPrefix(trimLWS(h), "!")
			switch equal := fold(w, h); {
			case wn == hn && equal, wn != hn && !equal, wn && hn:
				return true
			}
		}
	}
	return false
}

func orTrue(v string) string {
	if v == "" {
		return "TRUE"
	}
	return v
}

// AcceptContacts returns the Accept-Contact values.
func (h *Header) AcceptContacts() iter.Seq2[ContactPreference, error] {
	return h.preferences("Accept-Contact")
}

// RejectContacts returns the Reject-Contact values.
func (h *Header) RejectContacts() iter.Seq2[ContactPreference, error] {
	return h.preferences("Reject-Contact")
}

func (h *Header) preferences(name string) iter.Seq2[ContactPreference, error] {
	return many(h, name, func(s string, strict bool) (ContactPreference, *ParseError) {
		e, err := parseElement(s, strict)
		return ContactPreference{e}, err
	})
}

// FeatureCaps returns the Feature-Caps values (RFC 6809): Value is "*", Params are the
// capabilities.
func (h *Header) FeatureCaps() iter.Seq2[Element, error] { return h.Elements("Feature-Caps") }
