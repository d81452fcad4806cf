package hss

import (
	"hash/fnv"
	"slices"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// capabilities is what an I-CSCF chooses an S-CSCF by (TS 29.228 section 6.7); nil if any will do, since Kamailio 5.6 drops an
// answer with a grouped AVP that is empty, and takes an answer without it for what it means.
func (h *HSS) capabilities(s subject) *cx.ServerCapabilities {
	c := s.Subscriber.Capabilities
	out := &cx.ServerCapabilities{MandatoryCapability: c.Mandatory, OptionalCapability: c.Optional}
	if s.State.NextSCSCF != "" {
		out.ServerName = []string{s.State.NextSCSCF}
		return out
	}
	out.ServerName = append(out.ServerName, c.ServerNames...)
	for _, name := range h.choose(c, s.ID()) {
		if !slices.Contains(out.ServerName, name) {
			out.ServerName = append(out.ServerName, name)
		}
	}
	if len(out.MandatoryCapability)+len(out.OptionalCapability)+len(out.ServerName) == 0 {
		return nil
	}
	return out
}

// choose returns the S-CSCFs with all mandatory capabilities, best first: by their priority, then by how many of the optional
// capabilities they have, and users are spread over equal ones.
func (h *HSS) choose(c Capabilities, id string) []string {
	type candidate struct {
		name     string
		priority int
		optional int
		spread   uint32
	}
	var list []candidate
	for _, server := range h.cfg.SCSCFs {
		has := func(n uint32) bool { return slices.Contains(server.Capabilities, n) }
		if slices.ContainsFunc(c.Mandatory, func(n uint32) bool { return !has(n) }) {
			continue
		}
		optional := 0
		for _, n := range c.Optional {
			if has(n) {
				optional++
			}
		}
		sum := fnv.New32a()
		sum.Write([]byte(id))
		sum.Write([]byte(server.Name))
		list = append(list, candidate{server.Name, server.Priority, optional, sum.Sum32()})
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		switch {
		case a.priority != b.priority:
			return a.priority - b.priority
		case a.optional != b.optional:
			return b.optional - a.optional
		case a.spread < b.spread:
			return -1
		}
		return 1
	})
	names := make([]string, len(list))
	for i, x := range list {
		names[i] = x.name
	}
	return names
}

// Features of Cx (TS 29.229 section 7.1.1, Feature-List-ID 1).
const (
	featureSharedIFC   = 1 << 0
	featureAlias       = 1 << 1
	featureRestoration = 1 << 2
)

// features is the answer to the features of a request: those that both ends have (TS 29.229 section 7.2.1).
func (h *HSS) features(asked []cx.SupportedFeatures) []cx.SupportedFeatures {
	var out []cx.SupportedFeatures
	for _, f := range asked {
		if f.VendorID != diameter.Vendor3GPP || f.FeatureListID != 1 {
			continue
		}
		ours := uint32(featureSharedIFC | featureAlias)
		if !h.cfg.NoRestoration {
			ours |= featureRestoration
		}
		out = append(out, cx.SupportedFeatures{VendorID: f.VendorID, FeatureListID: 1, FeatureList: f.FeatureList & ours})
	}
	return out
}

func hasFeature(list []cx.SupportedFeatures, feature uint32) bool {
	return slices.ContainsFunc(list, func(f cx.SupportedFeatures) bool {
		return f.VendorID == diameter.Vendor3GPP && f.FeatureListID == 1 && f.FeatureList&feature != 0
	})
}

// insists tells whether a request wants, by the M flag, features that are not there (TS 29.229 section 7.2.1). Those of other
// lists than ours are none that we have.
func insists(m diameter.Message, ours uint32) bool {
	for avp := range m.AVPs.All() {
		if avp.Code != cx.AVPSupportedFeatures || avp.VendorID != diameter.Vendor3GPP || !avp.IsMandatory() {
			continue
		}
		g := avp.Grouped()
		number := func(code diameter.AVPCode, vendor diameter.VendorID) uint32 {
			f, _ := g.Find(code, vendor)
			n, _ := f.Uint32()
			return n
		}
		if number(diameter.AVPVendorID, 0) != uint32(diameter.Vendor3GPP) || number(cx.AVPFeatureListID, diameter.Vendor3GPP) != 1 ||
			number(cx.AVPFeatureList, diameter.Vendor3GPP)&^ours != 0 {
			return true
		}
	}
	return false
}

const cxFeatures = featureSharedIFC | featureAlias | featureRestoration
