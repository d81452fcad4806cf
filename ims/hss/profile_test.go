package hss

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// TestProfile looks at what an S-CSCF gets: all of the implicit set, the default identity first, criteria by priority, shared sets by
// their numbers or as criteria (TS 29.228 sections 6.5.1 and 6.6).
func TestProfile(t *testing.T) {
	type identity struct {
		id     string
		barred bool
	}
	type profile struct {
		identities []identity
		servers    []string
		shared     []int
	}
	features := func(bits uint32) func(*cx.SAR) {
		return func(q *cx.SAR) {
			q.SupportedFeatures = []cx.SupportedFeatures{{VendorID: diameter.Vendor3GPP, FeatureListID: 1, FeatureList: bits}}
		}
	}
	set := []identity{{aliceIMPU, false}, {aliceTel, false}, {"sip:001010000000001@ims.example", true}}
	for _, c := range []struct {
		name string
		q    *cx.SAR
		want []profile
	}{
		{"without the feature", sar(registration, s1, aliceIMPI, aliceTel), []profile{{set, []string{"sip:shared.ims.example", "sip:as.ims.example"}, nil}}},
		{"with the feature", sar(registration, s1, aliceIMPI, aliceTel, features(featureSharedIFC|featureAlias)), []profile{{set, []string{"sip:as.ims.example"}, []int{7}}}},
		{"a set of its own", sar(registration, s1, aliceWork, "sip:alice-work@ims.example"), []profile{{[]identity{{"sip:alice-work@ims.example", false}}, []string{"sip:shared.ims.example", "sip:as.ims.example"}, nil}}},
		{"a PSI", sar(unregistered, s1, "", roomIdentity), []profile{{[]identity{{roomIdentity, false}}, []string{"sip:shared.ims.example", "sip:as.ims.example"}, nil}}},
		{"criteria by priority", sar(registration, s1, bobIMPI, bobIMPU), []profile{{[]identity{{bobIMPU, false}, {"sip:bob-barred@ims.example", true}}, []string{"sip:as1.ims.example", "sip:as2.ims.example"}, nil}}},
	} {
		h := fixture(t, nil)
		a, err := h.sar(c.q, call{encode(t, c.q), true})
		must(t, err)
		doc, err := cx.ParseIMSSubscription(a.UserData)
		must(t, err)
		var got []profile
		for _, p := range doc.ServiceProfiles {
			var out profile
			for _, id := range p.PublicIdentities {
				out.identities = append(out.identities, identity{id.Identity, id.BarringIndication})
			}
			for _, f := range p.InitialFilterCriteria {
				out.servers = append(out.servers, f.ApplicationServer.ServerName)
			}
			out.shared = p.SharedIFCSetIDs
			got = append(got, out)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(profile{}, identity{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if charged := a.ChargingInformation != nil; charged != (doc.PrivateID != bobIMPI) {
			t.Errorf("%s: charging %v", c.name, a.ChargingInformation)
		}
		if identities := a.AssociatedIdentities; (identities != nil) != (doc.PrivateID != bobIMPI) {
			t.Errorf("%s: associated identities %v", c.name, identities)
		}
		if f := c.q.SupportedFeatures; len(a.SupportedFeatures) != len(f) {
			t.Errorf("%s: features %v", c.name, a.SupportedFeatures)
		}
	}
}

// A request that insists on a feature that is not there is refused (TS 29.229 section 7.2.1).
func TestFeatureUnsupported(t *testing.T) {
	h := fixture(t, nil)
	for _, c := range []struct {
		mandatory bool
		list      uint32
		bits      uint32
		want      string
	}{{true, 1, featureSharedIFC, first}, {true, 1, 1 << 9, "FEATURE_UNSUPPORTED"}, {true, 2, 1, "FEATURE_UNSUPPORTED"}, {false, 1, 1 << 9, first}} {
		q := uar(aliceIMPI, aliceIMPU)
		flags := diameter.AVPFlags(0)
		if c.mandatory {
			flags = diameter.Mandatory
		}
		b, at := diameter.BeginAVP(nil, cx.AVPSupportedFeatures, flags, diameter.Vendor3GPP)
		b = diameter.AppendUint32(b, diameter.AVPVendorID, diameter.Mandatory, 0, uint32(diameter.Vendor3GPP))
		b = diameter.AppendUint32(b, cx.AVPFeatureListID, 0, diameter.Vendor3GPP, c.list)
		b = diameter.AppendUint32(b, cx.AVPFeatureList, 0, diameter.Vendor3GPP, c.bits)
		m := encode(t, q)
		m.AVPs = append(m.AVPs, diameter.EndAVP(b, at)...)
		parsed, err := cx.ParseUAR(m)
		must(t, err)
		a, err := h.uar(&parsed, call{m, true})
		must(t, err)
		if got := resultOf(a.Result(), nil); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
