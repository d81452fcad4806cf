package main

import (
	"strings"
	"unicode"
)

// goName turns a name of a dictionary into one of Go: Session-Id into SessionID, 3GPP-IMSI into TGPPIMSI.
func goName(name string) string {
	if rest, ok := strings.CutPrefix(name, "3GPP"); ok {
		name = "TGPP" + rest
	}
	var b strings.Builder
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '/' }) {
		switch w {
		case "Id":
			w = "ID"
		case "Ids":
			w = "IDs"
		}
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// initialisms stay in capitals where a value's name is written in capitals throughout.
const initialisms = ` AAA APN AS CAT CRBT CS CSCF CSG DRMP DSAI EPS ERPP GERAN GPRS HNB HPLMN HSPA ID IMEI IMS IMSI IP IPV4 IPV6 LA LIPA
 LTE MME MPLS MSISDN NB NR OC ODB OLR PDN PDP PGW PGWC PLMN PS PSI PWS QCI QOS RA RAT SGSN SIPTO SM SMS SMSC SS STN STR SRVCC TA TADS TAU TLS TPS UDR UE UICC UTRAN EUTRAN V4 V6 VPLMN WLAN WIFI RAU UICC LCS MO MT `

// valueName turns a value's name into the end of a Go constant: RE_REGISTRATION into ReRegistration.
func valueName(name string) string {
	if strings.ContainsFunc(name, unicode.IsLower) {
		return goName(name)
	}
	var b strings.Builder
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '/' || r == ' ' }) {
		if !strings.Contains(initialisms, " "+w+" ") {
			w = w[:1] + strings.ToLower(w[1:])
		}
		b.WriteString(w)
	}
	return b.String()
}
