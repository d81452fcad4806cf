package sh

import (
	"bytes"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/internal/xmltree"
)

// parse reads the children of Sh-Data, and those of the extensions within it, which each release nests in the one before.
func (d *Data) parse(in *cx.Element, extended bool) (err error) {
	n := 0
	for _, e := range in.Children {
		switch e.Name.Local {
		case "PublicIdentifiers":
			d.PublicIdentifiers, err = parseIdentities(e)
		case "RegisteredIdentities":
			d.RegisteredIdentities, err = parseIdentities(e)
		case "ImplicitIdentities":
			d.ImplicitIdentities, err = parseIdentities(e)
		case "AliasIdentities":
			d.AliasIdentities, err = parseIdentities(e)
		case "AllIdentities":
			d.AllIdentities, err = parseIdentities(e)
		case "RepositoryData", "AliasesRepositoryData":
			var r RepositoryData
			r, err = parseRepositoryData(e)
			if e.Name.Local == "RepositoryData" {
				d.RepositoryData = append(d.RepositoryData, r)
			} else {
				d.AliasesRepositoryData = append(d.AliasesRepositoryData, r)
			}
		case "Sh-IMS-Data":
			d.IMSData = new(IMSData)
			err = d.IMSData.parse(e, false)
		case "CSLocationInformation":
			d.CSLocationInformation = new(CSLocation)
			err = d.CSLocationInformation.parse(e)
		case "PSLocationInformation":
			d.PSLocationInformation = new(PSLocation)
			err = d.PSLocationInformation.parse(e)
		case "CSUserState":
			n, err = e.Int(0, 255)
			d.CSUserState = diameter.Some(CSUserState(n))
		case "PSUserState":
			n, err = e.Int(0, 255)
			d.PSUserState = diameter.Some(PSUserState(n))
		case "Extension":
			err = d.parse(e, true)
		default:
			keep(e, extended, &d.Extension, &d.Other)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func keep(e *cx.Element, extended bool, extension, other *[]*cx.Element) {
	if extended {
		*extension = append(*extension, e)
	} else {
		*other = append(*other, e)
	}
}

func parseIdentities(in *cx.Element) (*Identities, error) {
	i := new(Identities)
	return i, i.parse(in)
}

func (i *Identities) parse(in *cx.Element) (err error) {
	for _, e := range in.Children {
		switch e.Name.Local {
		case "IMSPublicIdentity":
			i.IMSPublicIdentities = append(i.IMSPublicIdentities, e.Token())
		case "MSISDN":
			i.MSISDNs = append(i.MSISDNs, e.Token())
		case "IdentityType":
			n := 0
			n, err = e.Int(0, 255)
			i.IdentityType = diameter.Some(cx.IdentityType(n))
		case "WildcardedPSI":
			i.WildcardedPSI = e.Token()
		case "WildcardedIMPU":
			i.WildcardedIMPU = e.Token()
		case "Extension":
			err = i.parse(e)
		default:
			i.Extension = append(i.Extension, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseRepositoryData(in *cx.Element) (r RepositoryData, err error) {
	for _, e := range in.Children {
		switch e.Name.Local {
		case "ServiceIndication":
			r.ServiceIndication = e.Text
		case "SequenceNumber":
			if r.SequenceNumber, err = e.Int(0, 65535); err != nil {
				return r, err
			}
		case "ServiceData":
			r.ServiceData = serviceData(e)
		case "Extension":
			r.Extension = append(r.Extension, e.Children...)
		default:
			r.Extension = append(r.Extension, e)
		}
	}
	return r, nil
}

// serviceData returns the XML within an element, as it stood there unless it needs a namespace from without.
func serviceData(e *cx.Element) []byte {
	alone := append(xmltree.Open(nil, "ServiceData"), e.Inner()...)
	if again, err := xmltree.Parse(xmltree.Close(alone, "ServiceData")); err == nil && e.Name.Space == "" && len(e.Attr) == 0 && again.Equal(e) {
		return append([]byte{}, e.Inner()...)
	}
	b := xmltree.Escape([]byte{}, e.Text)
	for _, c := range e.Children {
		b = c.AppendXML(b)
	}
	return bytes.Clone(b)
}

func (d *IMSData) parse(in *cx.Element, extended bool) (err error) {
	for _, e := range in.Children {
		n, yes := 0, false
		switch e.Name.Local {
		case "SCSCFName":
			d.SCSCFName = e.Token()
			d.NoSCSCFName = d.SCSCFName == ""
		case "IFCs":
			if d.InitialFilterCriteria == nil {
				d.InitialFilterCriteria = []cx.InitialFilterCriteria{}
			}
			err = d.parse(e, extended)
		case "InitialFilterCriteria":
			var c cx.InitialFilterCriteria
			c, err = cx.ParseInitialFilterCriteria(e)
			d.InitialFilterCriteria = append(d.InitialFilterCriteria, c)
		case "IMSUserState":
			n, err = e.Int(0, 255)
			d.IMSUserState = diameter.Some(IMSUserState(n))
		case "ChargingInformation":
			d.ChargingInformation = parseCharging(e)
		case "PSIActivation":
			yes, err = e.Bool()
			d.PSIActivation = diameter.Some(yes)
		case "DSAI":
			var x DSAI
			for _, e := range e.Children {
				switch e.Name.Local {
				case "DSAI-Tag":
					x.Tag = e.Text
				case "DSAI-Value": // ACTIVE 0, INACTIVE 1
					if n, err = e.Int(0, 1); err != nil {
						return err
					}
					x.Active = n == 0
				}
			}
			d.DSAI = append(d.DSAI, x)
		case "Extension":
			err = d.parse(e, true)
		default:
			keep(e, extended, &d.Extension, &d.Other)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseCharging(in *cx.Element) *cx.ChargingInformation {
	c := new(cx.ChargingInformation)
	for _, e := range in.Children {
		switch v := diameter.Some(e.Token()); e.Name.Local {
		case "PrimaryEventChargingFunctionName":
			c.PrimaryEventChargingFunctionName = v
		case "SecondaryEventChargingFunctionName":
			c.SecondaryEventChargingFunctionName = v
		case "PrimaryChargingCollectionFunctionName":
			c.PrimaryChargingCollectionFunctionName = v
		case "SecondaryChargingCollectionFunctionName":
			c.SecondaryChargingCollectionFunctionName = v
		}
	}
	return c
}

func (l *CSLocation) parse(in *cx.Element) error {
	for _, e := range in.Children {
		switch e.Name.Local {
		case "LocationNumber":
			l.LocationNumber = e.Token()
		case "VLRNumber":
			l.VLRNumber = addresses(e)
		case "MSCNumber":
			l.MSCNumber = addresses(e)
		default:
			if err := l.Location.parse(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *PSLocation) parse(in *cx.Element) error {
	for _, e := range in.Children {
		switch e.Name.Local {
		case "RoutingAreaId":
			l.RoutingAreaID = e.Token()
		case "SGSNNumber":
			l.SGSNNumber = addresses(e)
		default:
			if err := l.Location.parse(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Location) parse(e *cx.Element) (err error) {
	n, yes := 0, false
	switch e.Name.Local {
	case "CellGlobalId":
		l.CellGlobalID = e.Token()
	case "ServiceAreaId":
		l.ServiceAreaID = e.Token()
	case "LocationAreaId":
		l.LocationAreaID = e.Token()
	case "GeographicalInformation":
		l.GeographicalInformation = e.Token()
	case "GeodeticInformation":
		l.GeodeticInformation = e.Token()
	case "CurrentLocationRetrieved":
		yes, err = e.Bool()
		l.CurrentLocationRetrieved = diameter.Some(yes)
	case "AgeOfLocationInformation":
		n, err = e.Int(0, 32767)
		l.AgeOfLocationInformation = diameter.Some(n)
	case "Extension":
		l.Extension = append(l.Extension, e.Children...)
	default:
		l.Other = append(l.Other, e)
	}
	return err
}

func addresses(in *cx.Element) (out []string) {
	for _, e := range in.Children {
		if e.Name.Local == "Address" {
			out = append(out, e.Token())
		}
	}
	return out
}
