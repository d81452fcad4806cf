package provision

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gotelco/telco/ims/hss"
)

// pyhssTables are PyHSS's objects, of all files.
type pyhssTables struct {
	apns, aucs, subscribers, imsSubscribers, routing []pyhssRow
}

// pyhssRow is one object: of JSON or a row of a table, each value as text.
type pyhssRow struct {
	file   string
	line   int
	values map[string]string
}

func (p *pyhssTables) table(name string) *[]pyhssRow {
	switch strings.ToLower(name) {
	case "apn":
		return &p.apns
	case "auc":
		return &p.aucs
	case "subscriber":
		return &p.subscribers
	case "ims_subscriber":
		return &p.imsSubscribers
	case "subscriber_routing":
		return &p.routing
	}
	return nil
}

// pyhssKind tells what an object of PyHSS's API is from its keys.
func pyhssKind(keys map[string]string) string {
	has := func(k string) bool { _, ok := keys[k]; return ok }
	switch {
	case has("ki"), has("opc") && has("amf"), has("auc_id") && has("sqn"):
		return "auc"
	case has("apn_ambr_dl"), has("apn_ambr_ul"):
		return "apn"
	case has("auc_id") && has("apn_list"):
		return "subscriber"
	case has("ims_subscriber_id"), has("msisdn_list"), has("ifc_path"):
		return "ims_subscriber"
	case has("ip_address") && has("apn_id"):
		return "subscriber_routing"
	}
	return ""
}

// pyhss reads objects of PyHSS's API: one, a list, or lists by the name of their table.
func (r *reader) pyhss(name string, text []byte) error {
	if first := bytes.TrimSpace(text); len(first) > 0 && first[0] != '{' && first[0] != '[' {
		return r.sqlDump(name, text, PyHSS)
	}
	l := newLines(text)
	var found []pyhssRow
	var tables []string
	err := walkJSON(text, func(path string, offset int, key bool) bool {
		if key || text[offset] != '{' {
			return true
		}
		var fields map[string]any
		d := json.NewDecoder(bytes.NewReader(text[offset:]))
		d.UseNumber()
		if d.Decode(&fields) != nil {
			return true
		}
		row := pyhssRow{file: name, values: make(map[string]string)}
		row.line, _ = l.place(offset)
		nested := false
		for k, v := range fields {
			switch v := v.(type) {
			case string:
				row.values[k] = v
			case json.Number:
				row.values[k] = v.String()
			case bool:
				row.values[k] = strconv.FormatBool(v)
			case map[string]any, []any:
				nested = true
			}
		}
		kind := pyhssKind(row.values)
		if kind == "" {
			if !nested {
				r.bad.add(&Error{File: name, Line: row.line, Path: path, Message: "this is no object of PyHSS: none of APN, AUC, SUBSCRIBER and IMS_SUBSCRIBER"})
			}
			return true
		}
		found, tables = append(found, row), append(tables, kind)
		return true
	})
	if err != nil {
		return strictJSON(name, text, 0, l, new(any))
	}
	for i, row := range found {
		t := r.py.table(tables[i])
		*t = append(*t, row)
	}
	return nil
}

// pyhssDump takes the tables of a dump.
func (r *reader) pyhssDump(name string, tables map[string]*sqlTable) {
	for table, t := range tables {
		to := r.py.table(table)
		if to == nil {
			continue
		}
		if t.columns == nil && len(t.rows) > 0 {
			r.bad.add(&Error{File: name, Line: t.rows[0].line, Message: "the columns of the table " + table + " are nowhere said; dump it with its CREATE TABLE"})
			continue
		}
		for _, row := range t.rows {
			out := pyhssRow{file: name, line: row.line, values: make(map[string]string)}
			if len(row.values) > len(t.columns) {
				r.bad.add(&Error{File: name, Line: row.line, Message: fmt.Sprintf("%s: %d values for %d columns", table, len(row.values), len(t.columns))})
				continue
			}
			for i, v := range row.values {
				if !v.null {
					out.values[t.columns[i]] = v.text
				}
			}
			*to = append(*to, out)
		}
	}
}

// pyhssSubscribers joins the objects of all files by IMSI.
func (r *reader) pyhssSubscribers() {
	p := &r.py
	byID := func(rows []pyhssRow, key string) map[string]pyhssRow {
		m := make(map[string]pyhssRow)
		for _, row := range rows {
			if id := row.values[key]; id != "" {
				m[id] = row
			}
		}
		return m
	}
	apns, aucs, subs := byID(p.apns, "apn_id"), byID(p.aucs, "auc_id"), byID(p.subscribers, "imsi")
	aucByIMSI := byID(p.aucs, "imsi")
	used := make(map[string]bool)
	for _, row := range p.subscribers {
		imsi := row.values["imsi"]
		if used[imsi] {
			r.bad.add(&Error{File: row.file, Line: row.line, Message: "the IMSI " + imsi + " came before"})
			continue
		}
		used[imsi] = true
		s := hss.Subscriber{ID: imsi}
		p := hss.PrivateIdentity{IMSI: imsi}
		r.pyhssKeys(row, &p, aucs, aucByIMSI)
		s.PrivateIdentities = []hss.PrivateIdentity{p}
		s.EPS = r.pyhssEPS(row, apns)
		addMSISDNs(&s, row.values["msisdn"])
		for _, ims := range r.py.imsSubscribers {
			if ims.values["imsi"] == imsi {
				r.pyhssIMS(ims, &s)
			}
		}
		r.add(row.file, row.line, s)
	}
	for _, row := range p.imsSubscribers {
		imsi := row.values["imsi"]
		if used[imsi] {
			continue
		}
		if _, ok := subs[imsi]; !ok {
			r.note(row.file, row.line, "the IMS subscriber %s has no SUBSCRIBER: it gets no packet access", imsi)
		}
		used[imsi] = true
		s := hss.Subscriber{ID: imsi, PrivateIdentities: []hss.PrivateIdentity{{IMSI: imsi}}}
		r.pyhssKeys(row, &s.PrivateIdentities[0], aucs, aucByIMSI)
		for _, ims := range r.py.imsSubscribers {
			if ims.values["imsi"] == imsi {
				r.pyhssIMS(ims, &s)
			}
		}
		r.add(row.file, row.line, s)
	}
	for _, a := range p.aucs {
		if len(p.subscribers)+len(p.imsSubscribers) == 0 {
			r.note(a.file, a.line, "keys that no subscriber uses")
		}
	}
}

// pyhssKeys takes the keys of the AUC that a subscriber names.
func (r *reader) pyhssKeys(row pyhssRow, p *hss.PrivateIdentity, byID, byIMSI map[string]pyhssRow) {
	auc, ok := byID[row.values["auc_id"]]
	if !ok {
		auc, ok = byIMSI[p.IMSI]
	}
	if !ok {
		r.bad.add(&Error{File: row.file, Line: row.line, Path: "auc_id", Message: fmt.Sprintf("no AUC %q in the files", row.values["auc_id"])})
		return
	}
	a := &hss.AKA{AMF: auc.values["amf"]}
	for _, k := range []struct {
		name string
		to   *hss.Secret
	}{{"ki", &a.K}, {"opc", &a.OPc}} {
		if auc.values[k.name] == "" {
			r.bad.add(&Error{File: auc.file, Line: auc.line, Path: k.name, Message: "is not there; PyHSS's API doesn't give keys, its database does"})
		} else if err := k.to.UnmarshalText([]byte(auc.values[k.name])); err != nil || k.to.Len() != 16 {
			r.bad.add(&Error{File: auc.file, Line: auc.line, Path: k.name, Message: "is not 32 hexadecimal digits"})
		}
	}
	if n := auc.values["sqn"]; n != "" {
		sqn, err := strconv.ParseUint(n, 10, 48)
		if err != nil {
			r.bad.add(&Error{File: auc.file, Line: auc.line, Path: "sqn", Message: fmt.Sprintf("%q is no sequence number", n)})
		}
		a.SQN = sqn
	}
	p.AKA = a
}

func (r *reader) pyhssEPS(row pyhssRow, apns map[string]pyhssRow) *hss.EPS {
	v := row.values
	e := &hss.EPS{
		Barred: v["enabled"] != "" && !isTrue(v["enabled"]), NetworkAccessMode: uint32(r.number(row, "nam")),
		MaxBitRateUL: r.number(row, "ue_ambr_ul"), MaxBitRateDL: r.number(row, "ue_ambr_dl"),
		PeriodicRAUTAUTimer: uint32(r.number(row, "subscribed_rau_tau_timer")),
	}
	if v["roaming_rule_list"] != "" || v["roaming_enabled"] != "" && !isTrue(v["roaming_enabled"]) {
		r.note(row.file, row.line, "roaming_enabled and roaming_rule_list are not carried over; see visitedPLMNs")
	}
	for _, id := range strings.Split(v["apn_list"], ",") {
		id = strings.TrimSpace(id)
		if id == "" {
			continue
		}
		a, ok := apns[id]
		if !ok {
			r.bad.add(&Error{File: row.file, Line: row.line, Path: "apn_list", Message: fmt.Sprintf("no APN %q in the files", id)})
			continue
		}
		apn := r.pyhssAPN(a)
		for _, route := range r.py.routing {
			if route.values["apn_id"] == id && route.values["subscriber_id"] == v["subscriber_id"] && route.values["ip_address"] != "" {
				apn.Addresses = append(apn.Addresses, route.values["ip_address"])
			}
		}
		e.APNs = append(e.APNs, apn)
		if id == v["default_apn"] {
			e.DefaultAPN = apn.Name
		}
	}
	return e
}

func (r *reader) pyhssAPN(a pyhssRow) hss.APN {
	v := a.values
	out := hss.APN{
		Name: v["apn"], QCI: uint8(r.number(a, "qci")), ARPPriority: uint8(r.number(a, "arp_priority")),
		PreEmptionCapability: isTrue(v["arp_preemption_capability"]), PreEmptionVulnerability: isTrue(v["arp_preemption_vulnerability"]),
		MaxBitRateUL: r.number(a, "apn_ambr_ul"), MaxBitRateDL: r.number(a, "apn_ambr_dl"),
		PDNGateway: v["pgw_address"], ChargingCharacteristics: v["charging_characteristics"],
	}
	if n := r.number(a, "ip_version"); int(n) < len(pdnTypes) {
		out.PDNType = pdnTypes[n]
	} else {
		r.bad.add(&Error{File: a.file, Line: a.line, Path: "ip_version", Message: "is not 0 to 3"})
	}
	if v["nbiot"] != "" && isTrue(v["nbiot"]) {
		r.note(a.file, a.line, "NB-IoT of the APN %s is not carried over", v["apn"])
	}
	return out
}

// pdnTypes are the values of PDN-Type (TS 29.272 section 7.3.62).
var pdnTypes = []string{"IPv4", "IPv6", "IPv4v6", "IPv4_OR_IPv6"}

// number is a value that has to be a number; it is zero where there is none.
func (r *reader) number(row pyhssRow, key string) uint64 {
	v := row.values[key]
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		r.bad.add(&Error{File: row.file, Line: row.line, Path: key, Message: fmt.Sprintf("%q is no number", v)})
	}
	return n
}

func isTrue(s string) bool {
	return s == "1" || strings.EqualFold(s, "true") || strings.EqualFold(s, "t")
}

func addMSISDNs(s *hss.Subscriber, list string) {
	for _, n := range strings.Split(list, ",") {
		n = strings.TrimPrefix(strings.TrimSpace(n), "+")
		if n != "" && !slices.Contains(s.MSISDNs, n) {
			s.MSISDNs = append(s.MSISDNs, n)
		}
	}
}

// pyhssIMS gives a subscriber its identities and criteria: those of the template that ifc_path names, or
// the identities of PyHSS's own template.
func (r *reader) pyhssIMS(row pyhssRow, s *hss.Subscriber) {
	v := row.values
	realm := r.o.realmOf(v["imsi"])
	impi := v["imsi"] + "@" + realm
	s.PrivateIdentities[0].IMPI = impi
	addMSISDNs(s, v["msisdn"]+","+v["msisdn_list"])
	if v["xcap_profile"] != "" || v["sh_profile"] != "" || v["sh_template_path"] != "" {
		r.note(row.file, row.line, "xcap_profile, sh_profile and sh_template_path are not carried over")
	}
	if path := v["ifc_path"]; path != "" && r.o.ReadFile != nil {
		text, err := r.o.ReadFile(path)
		if err == nil {
			mcc, mnc := r.o.plmn(v["imsi"])
			err = r.pyhssTemplate(text, map[string]string{"imsi": v["imsi"], "msisdn": v["msisdn"], "mcc": mcc, "mnc": mnc}, s)
		}
		if err == nil {
			return
		}
		r.bad.add(&Error{File: row.file, Line: row.line, Path: "ifc_path", Message: path + ": " + err.Error()})
		return
	}
	if v["ifc_path"] != "" {
		r.note(row.file, row.line, "the template %s was not read: no filter criteria", v["ifc_path"])
	}
	add := func(id, alias string) {
		for _, p := range s.PublicIdentities {
			if p.Identity == id {
				return
			}
		}
		s.PublicIdentities = append(s.PublicIdentities, hss.PublicIdentity{Identity: id, AliasGroup: alias, ImplicitSet: 1})
	}
	for _, n := range s.MSISDNs {
		add("sip:"+n+"@"+realm, "1")
		add("tel:"+n, "1")
	}
	add("sip:"+v["imsi"]+"@"+realm, "")
}

var templateVariable = regexp.MustCompile(`\{\{\s*iFC_vars\[['"](\w+)['"]\]\s*\}\}`)

// pyhssTemplate fills in a template and takes identities and criteria from it.
func (r *reader) pyhssTemplate(text []byte, vars map[string]string, s *hss.Subscriber) error {
	var unknown string
	text = templateVariable.ReplaceAllFunc(text, func(m []byte) []byte {
		name := string(templateVariable.FindSubmatch(m)[1])
		v, ok := vars[name]
		if !ok {
			unknown = name
		}
		return []byte(xmlEscape.Replace(v))
	})
	if unknown != "" {
		return fmt.Errorf("the template uses the unknown variable %q", unknown)
	}
	if bytes.Contains(text, []byte("{{")) || bytes.Contains(text, []byte("{%")) {
		return fmt.Errorf("the template does more than to fill in iFC_vars")
	}
	t, err := subscriberOfXML(text)
	if err != nil {
		return err
	}
	if len(t.PrivateIdentities) > 0 {
		s.PrivateIdentities[0].IMPI = t.PrivateIdentities[0].IMPI
	}
	s.PublicIdentities, s.ServiceProfiles = t.PublicIdentities, t.ServiceProfiles
	return nil
}

var xmlEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
