package sh

import (
	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/internal/xmltree"
)

// AppendXML appends the document, as it goes into the AVP User-Data.
func (d *Data) AppendXML(b []byte) []byte {
	b = xmltree.Open(append(b, xmltree.Header...), "Sh-Data")
	b = d.PublicIdentifiers.append(b, "PublicIdentifiers")
	for i := range d.RepositoryData {
		b = d.RepositoryData[i].append(b, "RepositoryData")
	}
	if d.IMSData != nil {
		b = d.IMSData.append(b)
	}
	if l := d.CSLocationInformation; l != nil {
		b = optional(xmltree.Open(b, "CSLocationInformation"), "LocationNumber", l.LocationNumber)
		b = l.Location.appendArea(b)
		b = l.Location.appendPlace(b)
		b = appendAddresses(b, "VLRNumber", l.VLRNumber)
		b = appendAddresses(b, "MSCNumber", l.MSCNumber)
		b = xmltree.Close(l.Location.appendAge(b), "CSLocationInformation")
	}
	if l := d.PSLocationInformation; l != nil {
		b = l.Location.appendArea(xmltree.Open(b, "PSLocationInformation"))
		b = optional(b, "RoutingAreaId", l.RoutingAreaID)
		b = l.Location.appendPlace(b)
		b = appendAddresses(b, "SGSNNumber", l.SGSNNumber)
		b = xmltree.Close(l.Location.appendAge(b), "PSLocationInformation")
	}
	if s, ok := d.CSUserState.Get(); ok {
		b = xmltree.Int(b, "CSUserState", int(s))
	}
	if s, ok := d.PSUserState.Get(); ok {
		b = xmltree.Int(b, "PSUserState", int(s))
	}
	levels := 0
	switch {
	case len(d.Extension) > 0:
		levels = 3
	case d.AllIdentities != nil:
		levels = 2
	case d.RegisteredIdentities != nil || d.ImplicitIdentities != nil || d.AliasIdentities != nil || len(d.AliasesRepositoryData) > 0:
		levels = 1
	}
	for level := 1; level <= levels; level++ {
		b = xmltree.Open(b, "Extension")
		switch level {
		case 1:
			b = d.RegisteredIdentities.append(b, "RegisteredIdentities")
			b = d.ImplicitIdentities.append(b, "ImplicitIdentities")
			b = d.AliasIdentities.append(b, "AliasIdentities")
			for i := range d.AliasesRepositoryData {
				b = d.AliasesRepositoryData[i].append(b, "AliasesRepositoryData")
			}
		case 2:
			b = d.AllIdentities.append(b, "AllIdentities")
		case 3:
			b = elements(b, d.Extension)
		}
	}
	for range levels {
		b = xmltree.Close(b, "Extension")
	}
	return xmltree.Close(elements(b, d.Other), "Sh-Data")
}

func elements(b []byte, es []*cx.Element) []byte {
	for _, e := range es {
		b = e.AppendXML(b)
	}
	return b
}

func extension(b []byte, es []*cx.Element) []byte {
	if len(es) == 0 {
		return b
	}
	return xmltree.Close(elements(xmltree.Open(b, "Extension"), es), "Extension")
}

func optional(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return xmltree.Text(b, name, s)
}

func (i *Identities) append(b []byte, name string) []byte {
	if i == nil {
		return b
	}
	b = xmltree.Open(b, name)
	for _, id := range i.IMSPublicIdentities {
		b = xmltree.Text(b, "IMSPublicIdentity", id)
	}
	for _, n := range i.MSISDNs {
		b = xmltree.Text(b, "MSISDN", n)
	}
	if i.IdentityType.Present || i.WildcardedPSI != "" || i.WildcardedIMPU != "" || len(i.Extension) > 0 {
		b = xmltree.Open(b, "Extension")
		if t, ok := i.IdentityType.Get(); ok {
			b = xmltree.Int(b, "IdentityType", int(t))
		}
		b = optional(b, "WildcardedPSI", i.WildcardedPSI)
		if i.WildcardedIMPU != "" || len(i.Extension) > 0 {
			b = optional(xmltree.Open(b, "Extension"), "WildcardedIMPU", i.WildcardedIMPU)
			b = xmltree.Close(extension(b, i.Extension), "Extension")
		}
		b = xmltree.Close(b, "Extension")
	}
	return xmltree.Close(b, name)
}

func (r *RepositoryData) append(b []byte, name string) []byte {
	b = xmltree.Text(xmltree.Open(b, name), "ServiceIndication", r.ServiceIndication)
	b = xmltree.Int(b, "SequenceNumber", r.SequenceNumber)
	if r.ServiceData != nil {
		b = xmltree.Close(append(xmltree.Open(b, "ServiceData"), r.ServiceData...), "ServiceData")
	}
	return xmltree.Close(extension(b, r.Extension), name)
}

func (d *IMSData) append(b []byte) []byte {
	b = xmltree.Open(b, "Sh-IMS-Data")
	if d.SCSCFName != "" || d.NoSCSCFName {
		b = xmltree.Text(b, "SCSCFName", d.SCSCFName)
	}
	if d.InitialFilterCriteria != nil {
		b = xmltree.Open(b, "IFCs")
		for i := range d.InitialFilterCriteria {
			b = d.InitialFilterCriteria[i].AppendXML(b)
		}
		b = xmltree.Close(b, "IFCs")
	}
	if s, ok := d.IMSUserState.Get(); ok {
		b = xmltree.Int(b, "IMSUserState", int(s))
	}
	if c := d.ChargingInformation; c != nil {
		b = xmltree.Open(b, "ChargingInformation")
		for _, f := range []struct {
			name string
			uri  diameter.Opt[string]
		}{
			{"PrimaryEventChargingFunctionName", c.PrimaryEventChargingFunctionName},
			{"SecondaryEventChargingFunctionName", c.SecondaryEventChargingFunctionName},
			{"PrimaryChargingCollectionFunctionName", c.PrimaryChargingCollectionFunctionName},
			{"SecondaryChargingCollectionFunctionName", c.SecondaryChargingCollectionFunctionName},
		} {
			if uri, ok := f.uri.Get(); ok {
				b = xmltree.Text(b, f.name, uri)
			}
		}
		b = xmltree.Close(b, "ChargingInformation")
	}
	if d.PSIActivation.Present || len(d.DSAI) > 0 || len(d.Extension) > 0 {
		b = xmltree.Open(b, "Extension")
		if p, ok := d.PSIActivation.Get(); ok {
			b = xmltree.Bool(b, "PSIActivation", p)
		}
		if len(d.DSAI) > 0 || len(d.Extension) > 0 {
			b = xmltree.Open(b, "Extension")
			for _, x := range d.DSAI {
				b = xmltree.Text(xmltree.Open(b, "DSAI"), "DSAI-Tag", x.Tag)
				b = xmltree.Close(xmltree.Bool(b, "DSAI-Value", !x.Active), "DSAI")
			}
			b = xmltree.Close(extension(b, d.Extension), "Extension")
		}
		b = xmltree.Close(b, "Extension")
	}
	return xmltree.Close(elements(b, d.Other), "Sh-IMS-Data")
}

func (l *Location) appendArea(b []byte) []byte {
	b = optional(b, "CellGlobalId", l.CellGlobalID)
	b = optional(b, "ServiceAreaId", l.ServiceAreaID)
	return optional(b, "LocationAreaId", l.LocationAreaID)
}

func (l *Location) appendPlace(b []byte) []byte {
	b = optional(b, "GeographicalInformation", l.GeographicalInformation)
	return optional(b, "GeodeticInformation", l.GeodeticInformation)
}

func (l *Location) appendAge(b []byte) []byte {
	if v, ok := l.CurrentLocationRetrieved.Get(); ok {
		b = xmltree.Bool(b, "CurrentLocationRetrieved", v)
	}
	if v, ok := l.AgeOfLocationInformation.Get(); ok {
		b = xmltree.Int(b, "AgeOfLocationInformation", v)
	}
	return elements(extension(b, l.Extension), l.Other)
}

func appendAddresses(b []byte, name string, addresses []string) []byte {
	if len(addresses) == 0 {
		return b
	}
	b = xmltree.Open(b, name)
	for _, a := range addresses {
		b = xmltree.Text(b, "Address", a)
	}
	return xmltree.Close(b, name)
}
