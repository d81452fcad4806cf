package provision

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/hss"
)

// fhossColumns are the columns of the tables that are read, in the order of FHoSS's own hss_db.sql: a dump may be without its
// CREATE TABLEs.
var fhossColumns = map[string]string{
	"application_server":   "id name server_name default_handling service_info diameter_address rep_data_size_limit udr pur snr udr_rep_data udr_impu udr_ims_user_state udr_scscf_name udr_ifc udr_location udr_user_state udr_charging_info udr_msisdn udr_psi_activation udr_dsai udr_aliases_rep_data pur_rep_data pur_psi_activation pur_dsai pur_aliases_rep_data snr_rep_data snr_impu snr_ims_user_state snr_scscf_name snr_ifc snr_psi_activation snr_dsai snr_aliases_rep_data include_register_response include_register_request",
	"capabilities_set":     "id id_set name id_capability is_mandatory",
	"charging_info":        "id name pri_ecf sec_ecf pri_ccf sec_ccf",
	"dsai":                 "id dsai_tag",
	"dsai_ifc":             "id id_dsai id_ifc",
	"dsai_impu":            "id id_dsai id_impu dsai_value",
	"ifc":                  "id name id_application_server id_tp profile_part_ind",
	"impi":                 "id id_imsu identity k auth_scheme default_auth_scheme amf op opc sqn ip line_identifier zh_uicc_type zh_key_life_time zh_default_auth_scheme",
	"impi_impu":            "id id_impi id_impu user_state",
	"impu":                 "id identity type barring user_state id_sp id_implicit_set id_charging_info wildcard_psi display_name psi_activation can_register",
	"impu_visited_network": "id id_impu id_visited_network",
	"imsu":                 "id name scscf_name diameter_name id_capabilities_set id_preferred_scscf_set",
	"preferred_scscf_set":  "id id_set name scscf_name priority",
	"repository_data":      "id sqn id_impu service_indication rep_data",
	"shared_ifc_set":       "id id_set name id_ifc priority",
	"sp":                   "id name cn_service_auth",
	"sp_ifc":               "id id_sp id_ifc priority",
	"sp_shared_ifc_set":    "id id_sp id_shared_ifc_set",
	"spt":                  "id id_tp condition_negated grp type requesturi method header header_content session_case sdp_line sdp_line_content registration_type",
	"tp":                   "id name condition_type_cnf",
	"visited_network":      "id identity",
}

// sqlDump reads a dump of FHoSS's or PyHSS's tables.
func (r *reader) sqlDump(name string, text []byte, format Format) error {
	tables, err := parseSQLDump(name, text)
	if err != nil {
		return err
	}
	if format == sqlDump {
		switch {
		case tables["impi"] != nil && tables["impu"] != nil:
			format = FHoSS
		case tables["auc"] != nil || tables["ims_subscriber"] != nil:
			format = PyHSS
		default:
			return &Error{File: name, Message: "neither the tables of FHoSS (impi, impu, …) nor those of PyHSS (auc, subscriber, …)"}
		}
	}
	if format == PyHSS {
		r.pyhssDump(name, tables)
		return nil
	}
	f := fhoss{r: r, file: name, rows: make(map[string][]fhossRow), ids: make(map[string]map[int]fhossRow), groups: make(map[string]map[int][]fhossRow)}
	for table, columns := range fhossColumns {
		f.table(table, strings.Fields(columns), tables[table])
	}
	f.run()
	return nil
}

// fhossRow is a row by the names of its columns.
type fhossRow struct {
	line   int
	values map[string]sqlValue
}

func (f fhossRow) text(column string) string { return f.values[column].text }

// id is a number that refers to something; a NULL or 0 refers to nothing.
func (f fhossRow) id(column string) int {
	n, _ := strconv.Atoi(f.text(column)) // what is none refers to nothing
	return n
}

// fhoss turns tables into a Batch.
type fhoss struct {
	r    *reader
	file string
	rows map[string][]fhossRow

	ids    map[string]map[int]fhossRow   // of byID
	groups map[string]map[int][]fhossRow // of group
}

func (f *fhoss) errorf(row fhossRow, path, format string, args ...any) {
	f.r.bad.add(&Error{File: f.file, Line: row.line, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (f *fhoss) table(name string, columns []string, t *sqlTable) {
	if t == nil {
		return
	}
	if t.columns != nil {
		columns = t.columns
	}
	for _, row := range t.rows {
		if len(row.values) > len(columns) {
			f.errorf(fhossRow{line: row.line}, name, "%d values, but the table has %d columns: dump it with its CREATE TABLE", len(row.values), len(columns))
			return
		}
		out := fhossRow{line: row.line, values: make(map[string]sqlValue, len(columns))}
		for i, v := range row.values {
			out.values[columns[i]] = v
		}
		f.rows[name] = append(f.rows[name], out)
	}
}

// byID is a table by its column id.
func (f *fhoss) byID(table string) map[int]fhossRow {
	m, ok := f.ids[table]
	if ok {
		return m
	}
	m = make(map[int]fhossRow)
	f.ids[table] = m
	for _, row := range f.rows[table] {
		m[row.id("id")] = row
	}
	return m
}

// group is a table by another column.
func (f *fhoss) group(table, column string) map[int][]fhossRow {
	m, ok := f.groups[table+" "+column]
	if ok {
		return m
	}
	m = make(map[int][]fhossRow)
	f.groups[table+" "+column] = m
	for _, row := range f.rows[table] {
		m[row.id(column)] = append(m[row.id(column)], row)
	}
	return m
}

func (f *fhoss) run() {
	criteria := f.criteria()
	f.sharedSets(criteria)
	profiles := f.profiles(criteria)
	impus, links := f.byID("impu"), f.group("impi_impu", "id_impi")
	impis := f.group("impi", "id_imsu")
	names := make(map[string]bool)
	owner := make(map[int]int) // of an IMPU: its IMSU
	for _, imsu := range f.rows["imsu"] {
		s := hss.Subscriber{ID: imsu.text("name")}
		if s.ID == "" || names[s.ID] {
			s.ID += "#" + itoa(imsu.id("id"))
		}
		names[s.ID] = true
		users := make(map[int][]string) // of an IMPU: its IMPIs
		var order []int
		for _, impi := range impis[imsu.id("id")] {
			for _, link := range links[impi.id("id")] {
				id := link.id("id_impu")
				if len(users[id]) == 0 {
					order = append(order, id)
				}
				users[id] = append(users[id], impi.text("identity"))
			}
		}
		for _, id := range order {
			row, ok := impus[id]
			if !ok {
				f.errorf(imsu, "impi_impu", "there is no impu %d", id)
				continue
			}
			if was, ok := owner[id]; ok {
				f.errorf(row, "impu", "%s belongs to the subscriptions %d and %d", row.text("identity"), was, imsu.id("id"))
			}
			owner[id] = imsu.id("id")
			p := f.identity(row, profiles)
			if len(users[id]) < len(impis[imsu.id("id")]) {
				p.PrivateIdentities = users[id]
			}
			s.PublicIdentities = append(s.PublicIdentities, p)
		}
		for _, impi := range impis[imsu.id("id")] {
			s.PrivateIdentities = append(s.PrivateIdentities, f.private(impi, &s))
		}
		f.visited(imsu, order, &s)
		f.capabilities(imsu, &s)
		f.charging(imsu, order, impus, &s)
		f.r.add(f.file, imsu.line, s)
	}
	for _, row := range f.rows["impu"] {
		if _, ok := owner[row.id("id")]; !ok {
			f.r.note(f.file, row.line, "%s has no private identity with a subscription: left out", row.text("identity"))
		}
	}
	if n := len(f.rows["repository_data"]); n > 0 {
		f.r.note(f.file, f.rows["repository_data"][0].line, "%d pieces of repository data are not carried over", n)
	}
}

// criteria are the initial filter criteria by their ids; priorities come with the profiles and sets.
func (f *fhoss) criteria() map[int]cx.InitialFilterCriteria {
	servers, points, triggers := f.byID("application_server"), f.byID("tp"), f.group("spt", "id_tp")
	out := make(map[int]cx.InitialFilterCriteria)
	for _, row := range f.rows["ifc"] {
		var c cx.InitialFilterCriteria
		as, ok := servers[row.id("id_application_server")]
		if !ok {
			f.errorf(row, "ifc", "%s has no application server", row.text("name"))
			continue
		}
		c.ApplicationServer = cx.ApplicationServer{
			ServerName: as.text("server_name"), DefaultHandling: diameter.Some(cx.DefaultHandling(as.id("default_handling"))),
			IncludeRegisterRequest: as.id("include_register_request") != 0, IncludeRegisterResponse: as.id("include_register_response") != 0,
		}
		if info := as.text("service_info"); info != "" {
			c.ApplicationServer.ServiceInfo = diameter.Some(info)
		}
		if v := row.values["profile_part_ind"]; !v.null && v.text != "" && v.text != "-1" {
			c.ProfilePartIndicator = diameter.Some(cx.ProfilePart(row.id("profile_part_ind")))
		}
		if id := row.id("id_tp"); id > 0 {
			tp, ok := points[id]
			if !ok {
				f.errorf(row, "ifc", "%s: there is no tp %d", row.text("name"), id)
				continue
			}
			if spts := triggers[id]; len(spts) > 0 {
				c.TriggerPoint = &cx.TriggerPoint{ConditionTypeCNF: tp.id("condition_type_cnf") != 0}
				for _, spt := range spts {
					c.TriggerPoint.SPTs = append(c.TriggerPoint.SPTs, f.trigger(spt))
				}
			}
		}
		out[row.id("id")] = c
	}
	return out
}

func (f *fhoss) trigger(row fhossRow) cx.SPT {
	s := cx.SPT{ConditionNegated: row.id("condition_negated") != 0, Groups: []int{row.id("grp")}}
	content := func(column string) {
		if v := row.values[column]; !v.null && v.text != "" {
			s.Content = diameter.Some(v.text)
		}
	}
	switch row.id("type") {
	case 0:
		s.Kind, s.Value = cx.SPTRequestURI, row.text("requesturi")
	case 1:
		s.Kind, s.Value = cx.SPTMethod, row.text("method")
		for i := range 3 { // a mask
			if row.id("registration_type")>>i&1 != 0 {
				s.RegistrationTypes = append(s.RegistrationTypes, cx.RegistrationType(i))
			}
		}
	case 2:
		s.Kind, s.Name = cx.SPTSIPHeader, row.text("header")
		content("header_content")
	case 3:
		s.Kind, s.SessionCase = cx.SPTSessionCase, cx.SessionCase(row.id("session_case"))
	case 4:
		s.Kind, s.Name = cx.SPTSessionDescription, row.text("sdp_line")
		content("sdp_line_content")
	default:
		f.errorf(row, "spt", "%q is no type of a trigger", row.text("type"))
	}
	return s
}

// prioritized are the criteria of a profile or set, the first one first.
func (f *fhoss) prioritized(rows []fhossRow, criteria map[int]cx.InitialFilterCriteria) []hss.InitialFilterCriteria {
	tags := make(map[int][]string)
	dsai := f.byID("dsai")
	for _, row := range f.rows["dsai_ifc"] {
		if tag := dsai[row.id("id_dsai")].text("dsai_tag"); tag != "" {
			tags[row.id("id_ifc")] = append(tags[row.id("id_ifc")], tag)
		}
	}
	rows = slices.Clone(rows)
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].id("priority") < rows[j].id("priority") })
	var out []hss.InitialFilterCriteria
	for _, row := range rows {
		id := row.id("id_ifc")
		if id == 0 {
			continue
		}
		c, ok := criteria[id]
		if !ok {
			f.errorf(row, "id_ifc", "there is no ifc %d", id)
			continue
		}
		c.Priority = row.id("priority")
		h := hss.FromCX(c)
		h.DSAI = tags[id]
		out = append(out, h)
	}
	return out
}

func (f *fhoss) sharedSets(criteria map[int]cx.InitialFilterCriteria) {
	groups := f.group("shared_ifc_set", "id_set")
	done := make(map[int]bool)
	for _, row := range f.rows["shared_ifc_set"] {
		id := row.id("id_set")
		if done[id] {
			continue
		}
		done[id] = true
		f.r.addSet(hss.SharedIFCSet{ID: id, InitialFilterCriteria: f.prioritized(groups[id], criteria)},
			func(string) (string, int, int) { return f.file, row.line, 0 })
	}
}

// profiles makes the service profiles, which subscriptions share, and returns their names by id.
func (f *fhoss) profiles(criteria map[int]cx.InitialFilterCriteria) map[int]string {
	own, shared := f.group("sp_ifc", "id_sp"), f.group("sp_shared_ifc_set", "id_sp")
	names := make(map[int]string)
	used := make(map[string]bool)
	for _, row := range f.rows["sp"] {
		id := row.id("id")
		name := strings.ReplaceAll(row.text("name"), " ", "_")
		if name == "" || used[name] {
			name += "#" + itoa(id)
		}
		used[name], names[id] = true, name
		p := hss.ServiceProfile{Name: name, InitialFilterCriteria: f.prioritized(own[id], criteria)}
		for _, s := range shared[id] {
			p.SharedIFCSets = append(p.SharedIFCSets, s.id("id_shared_ifc_set"))
		}
		if n := row.id("cn_service_auth"); n > 0 {
			p.SubscribedMediaProfileID = &n
		}
		f.r.addProfile(p, func(string) (string, int, int) { return f.file, row.line, 0 })
	}
	return names
}

func (f *fhoss) identity(row fhossRow, profiles map[int]string) hss.PublicIdentity {
	p := hss.PublicIdentity{
		Identity: row.text("identity"), Barred: row.id("barring") != 0, ImplicitSet: row.id("id_implicit_set"),
		DisplayName: row.text("display_name"), Profile: profiles[row.id("id_sp")],
	}
	switch row.id("type") {
	case 1:
		p.Type = hss.DistinctPSI
	case 2:
		p.Type = hss.WildcardedPSI
		if w := row.text("wildcard_psi"); w != "" {
			p.Identity = w
		}
	}
	if p.IsPSI() {
		p.ImplicitSet, p.Inactive = 0, row.id("psi_activation") == 0
	} else if v := row.values["can_register"]; v.text == "0" {
		f.r.note(f.file, row.line, "%s may not register (can_register), which is not carried over", p.Identity)
	}
	if row.id("id_sp") != 0 && p.Profile == "" {
		f.errorf(row, "id_sp", "there is no sp %d", row.id("id_sp"))
	}
	return p
}

// The bits of auth_scheme.
const (
	fhossAKA    = 1 | 2
	fhossDigest = 4 | 8 | 16 | 128
)

// private takes a private identity with its keys. FHoSS has one secret for all schemes: the octets of K, or a password.
func (f *fhoss) private(row fhossRow, s *hss.Subscriber) hss.PrivateIdentity {
	p := hss.PrivateIdentity{IMPI: row.text("identity")}
	schemes, k := row.id("auth_scheme"), row.text("k")
	if schemes&fhossAKA != 0 {
		p.AKA = f.aka(row, k)
	}
	if schemes&fhossDigest != 0 {
		realm := f.r.o.Realm
		if realm == "" {
			_, realm, _ = strings.Cut(p.IMPI, "@")
		}
		p.Digest = &hss.Digest{Realm: realm, HA1: hss.DigestHA1("", p.IMPI, realm, strings.TrimRight(k, "\x00"))}
	}
	switch d := row.id("default_auth_scheme"); {
	case d&fhossDigest != 0 && p.Digest != nil:
		p.Scheme = cx.SchemeSIPDigest
	case d == 2 && p.AKA != nil:
		f.r.note(f.file, row.line, "%s: AKAv2-MD5 was the default, now it is AKAv1-MD5", p.IMPI)
	case d == 32 || d == 64:
		f.r.note(f.file, row.line, "%s: Early IMS and NASS bundled authentication are not carried over", p.IMPI)
	}
	if p.AKA == nil && p.Digest == nil {
		f.r.note(f.file, row.line, "%s has no scheme that is known here: it cannot authenticate", p.IMPI)
	}
	return p
}

func (f *fhoss) aka(row fhossRow, k string) *hss.AKA {
	if b, err := hex.DecodeString(k); err == nil && len(b) == 16 {
		k = string(b)
	}
	if len(k) > 16 {
		f.errorf(row, "k", "is longer than 16 octets")
		k = ""
	}
	a := &hss.AKA{K: hss.NewSecret([]byte((k + strings.Repeat("\x00", 16))[:16]))}
	amf := (row.text("amf") + "\x00\x00")[:2]
	a.AMF = hex.EncodeToString([]byte(amf))
	op, opc := octets16(row.text("op")), octets16(row.text("opc"))
	// FHoSS takes OPc where it was changed from its default and OP was not.
	if zero := strings.Repeat("\x00", 16); opc != zero && op == zero {
		a.OPc = hss.NewSecret([]byte(opc))
	} else {
		a.OP = hss.NewSecret([]byte(op))
	}
	if t := row.text("sqn"); t != "" {
		n, err := strconv.ParseUint(t, 16, 48)
		if err != nil {
			f.errorf(row, "sqn", "is not twelve hexadecimal digits")
		}
		a.SQN = n
	}
	return a
}

// octets16 are octets or their hexadecimal digits, filled up with zeros.
func octets16(s string) string {
	if b, err := hex.DecodeString(s); err == nil && len(b) == 16 {
		s = string(b)
	}
	return (s + strings.Repeat("\x00", 16))[:16]
}

// visited gathers the networks from where the user may register. FHoSS has them for each public identity.
func (f *fhoss) visited(imsu fhossRow, impus []int, s *hss.Subscriber) {
	networks := f.byID("visited_network")
	by := f.group("impu_visited_network", "id_impu")
	differ := false
	var first []string
	for i, id := range impus {
		var of []string
		for _, row := range by[id] {
			if n := networks[row.id("id_visited_network")].text("identity"); n != "" {
				of = append(of, n)
				if !slices.Contains(s.VisitedNetworks, n) {
					s.VisitedNetworks = append(s.VisitedNetworks, n)
				}
			}
		}
		if i == 0 {
			first = of
		} else if !slices.Equal(first, of) {
			differ = true
		}
	}
	if differ {
		f.r.note(f.file, imsu.line, "%s: its public identities have different visited networks; now all have all of them", s.ID)
	}
}

func (f *fhoss) capabilities(imsu fhossRow, s *hss.Subscriber) {
	for _, row := range f.group("capabilities_set", "id_set")[imsu.id("id_capabilities_set")] {
		n := uint32(row.id("id_capability"))
		if row.id("is_mandatory") != 0 {
			s.Capabilities.Mandatory = append(s.Capabilities.Mandatory, n)
		} else {
			s.Capabilities.Optional = append(s.Capabilities.Optional, n)
		}
	}
	rows := slices.Clone(f.group("preferred_scscf_set", "id_set")[imsu.id("id_preferred_scscf_set")])
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].id("priority") < rows[j].id("priority") })
	for _, row := range rows {
		s.Capabilities.ServerNames = append(s.Capabilities.ServerNames, row.text("scscf_name"))
	}
}

func (f *fhoss) charging(imsu fhossRow, order []int, impus map[int]fhossRow, s *hss.Subscriber) {
	infos := f.byID("charging_info")
	for _, id := range order {
		row, ok := infos[impus[id].id("id_charging_info")]
		if !ok {
			continue
		}
		uri := func(column string) string {
			v := row.text(column)
			if v != "" && !strings.HasPrefix(v, "aaa://") && !strings.HasPrefix(v, "aaas://") {
				f.r.note(f.file, row.line, "%s: %s becomes aaa://%s", column, v, v)
				v = "aaa://" + v
			}
			return v
		}
		c := hss.Charging{
			PrimaryEventChargingFunctionName: uri("pri_ecf"), SecondaryEventChargingFunctionName: uri("sec_ecf"),
			PrimaryChargingCollectionFunctionName: uri("pri_ccf"), SecondaryChargingCollectionFunctionName: uri("sec_ccf"),
		}
		switch {
		case c == hss.Charging{}:
		case s.Charging == nil:
			s.Charging = &c
		case *s.Charging != c:
			f.r.note(f.file, imsu.line, "%s: its public identities have different charging functions; the first are taken", s.ID)
		}
	}
}
