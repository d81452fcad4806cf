package provision

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/hss"
)

// equal compares what a batch holds, keys included.
func equal(want, got *Batch) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(Batch{}), cmp.Comparer(hss.Secret.Equal))
}

func key(digits string) hss.Secret {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return hss.NewSecret(b)
}

func ptr[T any](v T) *T { return &v }

func parseOne(t *testing.T, o Options, name, text string) *Batch {
	t.Helper()
	b, err := Parse(o, []string{name}, [][]byte{[]byte(text)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func TestFHoSS(t *testing.T) {
	got, err := Read(Options{}, "testdata/fhoss.sql")
	if err != nil {
		t.Fatal(err)
	}
	want := &Batch{
		SharedIFCSets: []hss.SharedIFCSet{{ID: 7, InitialFilterCriteria: []hss.InitialFilterCriteria{{
			Priority: 3, ApplicationServer: "sip:smsc.ims.example", DefaultHandling: "continue", ProfilePart: "registered",
			Triggers: []hss.Trigger{{Groups: []int{0}, SDPLine: "m", Content: ptr("audio")}, {Groups: []int{1}, RequestURI: "sip:.*"}},
		}}}},
		ServiceProfiles: []hss.ServiceProfile{
			{Name: "default_sp", SharedIFCSets: []int{7}, SubscribedMediaProfileID: ptr(4), InitialFilterCriteria: []hss.InitialFilterCriteria{{
				Priority: 10, ApplicationServer: "sip:mmtel.ims.example:5065", DefaultHandling: "terminate", ServiceInfo: ptr("info"),
				IncludeRegisterRequest: true, CNF: true, DSAI: []string{"cdiv"},
				Triggers: []hss.Trigger{
					{Groups: []int{0}, Method: "REGISTER", RegistrationTypes: []string{"initial", "de"}},
					{Groups: []int{1}, Not: true, Header: "Event", Content: ptr(".*presence.*")},
					{Groups: []int{1}, SessionCase: "terminatingRegistered"},
				},
			}}},
			{Name: "chat"},
		},
		Subscribers: []hss.Subscriber{{
			ID: "alice",
			PrivateIdentities: []hss.PrivateIdentity{
				{IMPI: "alice@ims.example", AKA: &hss.AKA{
					K: key("616c6963650000000000000000000000"), OPc: key("cdc202d5123e20f62b6d676ac72cb318"), AMF: "0000", SQN: 63}},
				{IMPI: "alice-tablet@ims.example", Scheme: cx.SchemeSIPDigest, Digest: &hss.Digest{
					Realm: "ims.example", HA1: hss.DigestHA1("", "alice-tablet@ims.example", "ims.example", "wonderland")}},
			},
			PublicIdentities: []hss.PublicIdentity{
				{Identity: "sip:alice@ims.example", ImplicitSet: 1, Profile: "default_sp", DisplayName: "Alice"},
				{Identity: "tel:+15550001", Barred: true, ImplicitSet: 1, Profile: "default_sp", PrivateIdentities: []string{"alice@ims.example"}},
				{Identity: "sip:chat-!.*!@ims.example", Type: hss.WildcardedPSI, Profile: "chat", PrivateIdentities: []string{"alice@ims.example"}},
			},
			VisitedNetworks: []string{"ims.example"},
			Capabilities: hss.Capabilities{Mandatory: []uint32{7}, Optional: []uint32{9},
				ServerNames: []string{"sip:scscf1.ims.example:6060", "sip:scscf2.ims.example:6060"}},
			Charging: &hss.Charging{PrimaryChargingCollectionFunctionName: "aaa://ccf.ims.example"},
		}},
		Notes: []Note{
			{"testdata/fhoss.sql", 8, "pri_ccf: ccf.ims.example becomes aaa://ccf.ims.example"},
			{"testdata/fhoss.sql", 15, "sip:lost@ims.example has no private identity with a subscription: left out"},
		},
	}
	if diff := equal(want, got); diff != "" {
		t.Error(diff)
	}
}

// With its CREATE TABLEs a dump may have its columns in another order.
func TestFHoSSColumns(t *testing.T) {
	text, err := os.ReadFile("testdata/fhoss.sql")
	if err != nil {
		t.Fatal(err)
	}
	s := strings.Replace(string(text), "INSERT INTO `tp` VALUES (1,'mmtel_tp',1),(2,'sms_tp',0)", "CREATE TABLE tp (condition_type_cnf int, id int, name text);\nINSERT INTO `tp` VALUES (1,1,'mmtel_tp'),(0,2,'sms_tp')", 1)
	b := parseOne(t, Options{}, "x.sql", s)
	if !b.ServiceProfiles[0].InitialFilterCriteria[0].CNF {
		t.Error("condition_type_cnf was read from another column")
	}
	for cut, want := range map[string]string{
		"INSERT INTO `tp`":   "x.sql:11: ifc: mmtel_ifc: there is no tp 1",
		"INSERT INTO `impu`": "x.sql:17: impi_impu: there is no impu 1",
		"INSERT INTO `sp`":   "x.sql:15: id_sp: there is no sp 1",
	} {
		_, err := Parse(Options{Format: FHoSS}, []string{"x.sql"}, [][]byte{[]byte(strings.Replace(string(text), cut, "INSERT INTO `x`", 1))})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v, want %s", cut, err, want)
		}
	}
}

const pyhssText = `{
 "apn": [{"apn_id": 1, "apn": "internet", "apn_ambr_dl": 9999, "apn_ambr_ul": 8888, "ip_version": 2, "qci": 9, "arp_priority": 4,
   "arp_preemption_capability": false, "arp_preemption_vulnerability": true, "charging_characteristics": "0800", "pgw_address": null},
  {"apn_id": 2, "apn": "ims", "apn_ambr_dl": 1000, "apn_ambr_ul": 1000, "qci": 5}],
 "auc": [{"auc_id": 1, "ki": "465B5CE8B199B49FAA5F0A2EE238A6BC", "opc": "E8ED289DEBA952E4283B54E88E6183CA", "amf": "8000", "sqn": 99, "imsi": "001010000000001"}],
 "subscriber": [{"subscriber_id": 5, "imsi": "001010000000001", "enabled": true, "auc_id": 1, "default_apn": 2, "apn_list": "1,2", "msisdn": "15550001",
   "ue_ambr_dl": 999999, "ue_ambr_ul": 888888, "nam": 2, "subscribed_rau_tau_timer": 600}],
 "ims_subscriber": [{"ims_subscriber_id": 1, "msisdn": "15550001", "msisdn_list": "15550001,15550002", "imsi": "001010000000001", "ifc_path": "ifc.xml"}]
}`

func pyhssWant() *Batch {
	return &Batch{Subscribers: []hss.Subscriber{{
		ID: "001010000000001",
		PrivateIdentities: []hss.PrivateIdentity{{
			IMPI: "001010000000001@ims.mnc001.mcc001.3gppnetwork.org", IMSI: "001010000000001",
			AKA: &hss.AKA{K: key("465B5CE8B199B49FAA5F0A2EE238A6BC"), OPc: key("E8ED289DEBA952E4283B54E88E6183CA"), AMF: "8000", SQN: 99},
		}},
		MSISDNs: []string{"15550001", "15550002"},
		PublicIdentities: []hss.PublicIdentity{
			{Identity: "sip:15550001@ims.mnc001.mcc001.3gppnetwork.org", ImplicitSet: 1, AliasGroup: "1"},
			{Identity: "tel:15550001", ImplicitSet: 1, AliasGroup: "1"},
			{Identity: "sip:15550002@ims.mnc001.mcc001.3gppnetwork.org", ImplicitSet: 1, AliasGroup: "1"},
			{Identity: "tel:15550002", ImplicitSet: 1, AliasGroup: "1"},
			{Identity: "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org", ImplicitSet: 1},
		},
		EPS: &hss.EPS{NetworkAccessMode: 2, MaxBitRateUL: 888888, MaxBitRateDL: 999999, PeriodicRAUTAUTimer: 600, DefaultAPN: "ims", APNs: []hss.APN{
			{Name: "internet", PDNType: "IPv4v6", QCI: 9, ARPPriority: 4, PreEmptionVulnerability: true, MaxBitRateUL: 8888, MaxBitRateDL: 9999, ChargingCharacteristics: "0800"},
			{Name: "ims", PDNType: "IPv4", QCI: 5, MaxBitRateUL: 1000, MaxBitRateDL: 1000},
		}},
	}}, Notes: []Note{{"x.json", 8, "the template ifc.xml was not read: no filter criteria"}}}
}

func TestPyHSS(t *testing.T) {
	if diff := equal(pyhssWant(), parseOne(t, Options{}, "x.json", pyhssText)); diff != "" {
		t.Error(diff)
	}
	// The same as a dump, and as the objects of several files.
	dump := "CREATE TABLE auc (auc_id INTEGER, ki VARCHAR(32), opc VARCHAR(32), amf VARCHAR(4), sqn BIGINT);\n" +
		"INSERT INTO auc VALUES(1,'465B5CE8B199B49FAA5F0A2EE238A6BC','E8ED289DEBA952E4283B54E88E6183CA','8000',99);\n"
	apns := `[{"apn_id": 1, "apn": "internet", "apn_ambr_dl": 9999, "apn_ambr_ul": 8888, "ip_version": 2, "qci": 9, "arp_priority": 4,
		"arp_preemption_vulnerability": true, "charging_characteristics": "0800"}, {"apn_id": 2, "apn": "ims", "apn_ambr_dl": 1000, "apn_ambr_ul": 1000, "qci": 5}]`
	rest := strings.Replace(strings.Replace(pyhssText, `"apn":`, `"x":`, 1), `"auc":`, `"y":`, 1)
	rest = rest[strings.Index(rest, `"subscriber"`):]
	got, err := Parse(Options{}, []string{"auc.sql", "apn.json", "x.json"}, [][]byte{[]byte(dump), []byte(apns), []byte("{" + strings.Repeat("\n", 7) + rest)})
	if err != nil {
		t.Fatal(err)
	}
	want := pyhssWant()
	want.Notes[0].Line = 10
	if diff := equal(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPyHSSTemplate(t *testing.T) {
	template := `<?xml version="1.0"?><!-- c --><IMSSubscription><PrivateID>{{ iFC_vars['imsi'] }}@ims.mnc{{ iFC_vars['mnc'] }}.mcc{{iFC_vars["mcc"]}}.3gppnetwork.org</PrivateID>
<ServiceProfile><PublicIdentity><Identity>tel:{{ iFC_vars['msisdn'] }}</Identity></PublicIdentity>
<InitialFilterCriteria><Priority>10</Priority><ApplicationServer><ServerName>sip:as.mnc{{ iFC_vars['mnc'] }}</ServerName><DefaultHandling>0</DefaultHandling></ApplicationServer></InitialFilterCriteria>
</ServiceProfile></IMSSubscription>`
	o := Options{ReadFile: func(name string) ([]byte, error) {
		if name != "ifc.xml" {
			t.Errorf("%q", name)
		}
		return []byte(template), nil
	}}
	want := pyhssWant()
	want.Notes = nil
	s := &want.Subscribers[0]
	s.PublicIdentities = []hss.PublicIdentity{{Identity: "tel:15550001", ImplicitSet: 1, Profile: "profile-1"}}
	s.ServiceProfiles = []hss.ServiceProfile{{Name: "profile-1", InitialFilterCriteria: []hss.InitialFilterCriteria{{Priority: 10, ApplicationServer: "sip:as.mnc001", DefaultHandling: "continue"}}}}
	if diff := equal(want, parseOne(t, o, "x.json", pyhssText)); diff != "" {
		t.Error(diff)
	}
	for bad, want := range map[string]string{
		"{{ iFC_vars['xx'] }}":      `x.json:8: ifc_path: ifc.xml: the template uses the unknown variable "xx"`,
		"{% if a %}":                "x.json:8: ifc_path: ifc.xml: the template does more than to fill in iFC_vars",
		"<ServiceProfile></Service": "x.json:8: ifc_path: ifc.xml: ",
	} {
		template = bad
		if _, err := Parse(o, []string{"x.json"}, [][]byte{[]byte(pyhssText)}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPyHSSErrors(t *testing.T) {
	for change, want := range map[[2]string]string{
		{`"auc_id": 1, "ki"`, `"auc_id": 2, "imsi_": 1, "ki"`}:                  "",
		{`"ki": "465B5CE8B199B49FAA5F0A2EE238A6BC", `, ``}:                      "x.json:5: ki: is not there; PyHSS's API doesn't give keys",
		{`"ki": "465B`, `"ki": "zz5B`}:                                          "x.json:5: ki: is not 32 hexadecimal digits",
		{`"apn_list": "1,2"`, `"apn_list": "1,3"`}:                              `x.json:6: apn_list: no APN "3" in the files`,
		{`"nam": 2`, `"nam": "x"`}:                                              `x.json:6: nam: "x" is no number`,
		{`"ip_version": 2`, `"ip_version": 4`}:                                  "x.json:2: ip_version: is not 0 to 3",
		{`"auc": [`, `"auc": [{"what": 1}, `}:                                   "x.json:5: auc[0]: this is no object of PyHSS",
		{`"subscriber": [`, `"subscriber": `}:                                   "x.json:7:",
		{`"auc_id": 1, "default_apn"`, `"auc_id": 7, "default_apn"`}:            "",
		{`, "imsi": "001010000000001"}]`, `}], "z": [{"auc_id": 8, "ki": ""}]`}: "",
	} {
		_, err := Parse(Options{}, []string{"x.json"}, [][]byte{[]byte(strings.Replace(pyhssText, change[0], change[1], 1))})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", change[1], err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", change[1], err, want)
		}
		if err != nil && strings.Contains(err.Error(), "5CE8") {
			t.Errorf("an error shows a key: %v", err)
		}
	}
}

func TestOpen5GS(t *testing.T) {
	text := `{"_id":{"$oid":"6"},"schema_version":1,"imsi":"001010000000001","msisdn":["15550001"],"security":{"k":"465B5CE8 B199B49F AA5F0A2E E238A6BC","amf":"8000","op":null,"opc":"E8ED289D EBA952E4 283B54E8 8E6183CA","sqn":{"$numberLong":"97"}},"ambr":{"downlink":{"value":1,"unit":3},"uplink":{"value":512,"unit":1}},"slice":[{"sst":1,"default_indicator":true,"session":[{"name":"internet","type":3,"qos":{"index":9,"arp":{"priority_level":8,"pre_emption_capability":1,"pre_emption_vulnerability":2}},"ambr":{"downlink":{"value":1,"unit":3},"uplink":{"value":1,"unit":3}},"ue":{"ipv4":"10.45.0.7"},"pcc_rule":[]}]}],"access_restriction_data":32,"subscriber_status":0,"network_access_mode":0,"subscribed_rau_tau_timer":12,"__v":0}
{"imsi":"310410000000002","security":{"k":"465B5CE8B199B49FAA5F0A2EE238A6BC","op":"E8ED289DEBA952E4283B54E88E6183CA","amf":"8000"},"ambr":{"downlink":1024000,"uplink":1024000},"pdn":[{"apn":"ims","type":0,"qos":{"qci":5,"arp":{"priority_level":1}}}],"subscriber_status":1}
`
	got := parseOne(t, Options{}, "subscribers.json", text)
	k, opc := key("465B5CE8B199B49FAA5F0A2EE238A6BC"), key("E8ED289DEBA952E4283B54E88E6183CA")
	want := &Batch{Subscribers: []hss.Subscriber{
		{
			ID: "001010000000001",
			PrivateIdentities: []hss.PrivateIdentity{{IMPI: "001010000000001@ims.mnc001.mcc001.3gppnetwork.org", IMSI: "001010000000001",
				AKA: &hss.AKA{K: k, OPc: opc, AMF: "8000", SQN: 97}}},
			MSISDNs: []string{"15550001"},
			PublicIdentities: []hss.PublicIdentity{
				{Identity: "sip:15550001@ims.mnc001.mcc001.3gppnetwork.org", ImplicitSet: 1, AliasGroup: "1"},
				{Identity: "tel:15550001", ImplicitSet: 1, AliasGroup: "1"},
				{Identity: "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org", ImplicitSet: 1},
			},
			EPS: &hss.EPS{AccessRestriction: 32, MaxBitRateUL: 512000, MaxBitRateDL: 1000000000, PeriodicRAUTAUTimer: 720, APNs: []hss.APN{
				{Name: "internet", PDNType: "IPv4v6", QCI: 9, ARPPriority: 8, PreEmptionVulnerability: true, MaxBitRateUL: 1000000000, MaxBitRateDL: 1000000000, Addresses: []string{"10.45.0.7"}},
			}},
		},
		{
			ID: "310410000000002",
			PrivateIdentities: []hss.PrivateIdentity{{IMPI: "310410000000002@ims.mnc410.mcc310.3gppnetwork.org", IMSI: "310410000000002",
				AKA: &hss.AKA{K: k, OP: opc, AMF: "8000"}}},
			PublicIdentities: []hss.PublicIdentity{{Identity: "sip:310410000000002@ims.mnc410.mcc310.3gppnetwork.org", ImplicitSet: 1}},
			EPS:              &hss.EPS{Barred: true, MaxBitRateUL: 1024000000, MaxBitRateDL: 1024000000, APNs: []hss.APN{{Name: "ims", QCI: 5, ARPPriority: 1}}},
		},
	}}
	if diff := equal(want, got); diff != "" {
		t.Error(diff)
	}
	_, err := Parse(Options{Format: Open5GS}, []string{"x"}, [][]byte{[]byte("{\"imsi\":\"001010000000001\",\n\"security\":{\"k\":\"secret\"}}\n{}")})
	if err == nil || err.Error() != "x:2:17: security.k: hss: a key is not in hexadecimal digits\nx:3:1: a document without an imsi" {
		t.Errorf("%v", err)
	}
}

func TestCSV(t *testing.T) {
	got := parseOne(t, Options{Realm: "ims.example"}, "x.csv", `# phones
id,impi,imsi,k,opc,impus,msisdns,profile,set,password
alice,alice@ims.example,001010000000001,465B5CE8B199B49FAA5F0A2EE238A6BC,E8ED289DEBA952E4283B54E88E6183CA,sip:alice@ims.example tel:+15550001(barred),15550001,gold,2,
alice,tablet@ims.example,,,,sip:alice@ims.example,,gold,2,"so, secret"
,bob@ims.example,,,,sip:bob@ims.example,,,,x
`)
	want := &Batch{Subscribers: []hss.Subscriber{
		{
			ID: "alice", MSISDNs: []string{"15550001"},
			PrivateIdentities: []hss.PrivateIdentity{
				{IMPI: "alice@ims.example", IMSI: "001010000000001", AKA: &hss.AKA{K: key("465B5CE8B199B49FAA5F0A2EE238A6BC"), OPc: key("E8ED289DEBA952E4283B54E88E6183CA")}},
				{IMPI: "tablet@ims.example", Digest: &hss.Digest{Realm: "ims.example", HA1: hss.DigestHA1("", "tablet@ims.example", "ims.example", "so, secret")}},
			},
			PublicIdentities: []hss.PublicIdentity{
				{Identity: "sip:alice@ims.example", Profile: "gold", ImplicitSet: 2}, {Identity: "tel:+15550001", Barred: true, Profile: "gold", ImplicitSet: 2},
			},
		},
		{
			PrivateIdentities: []hss.PrivateIdentity{{IMPI: "bob@ims.example", Digest: &hss.Digest{Realm: "ims.example", HA1: hss.DigestHA1("", "bob@ims.example", "ims.example", "x")}}},
			PublicIdentities:  []hss.PublicIdentity{{Identity: "sip:bob@ims.example"}},
		},
	}}
	if diff := equal(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"id,impo\n":                         `x.csv:1:4: unknown column "impo"`,
		"id,impi,id\n":                      `x.csv:1:9: the column "id" came before`,
		"impi,k\na@b,12 34 5\n":             "x.csv:2:5: k: hss: a key is not in hexadecimal digits",
		"impi,k\na@b,1234\n":                "x.csv:2:5: privateIdentities[0].aka.k: 2 octets, not 16\nx.csv:2: privateIdentities[0].aka.opc: one of opc and op has to be there",
		"impi;sqn\na@b;x\n":                 `x.csv:2:5: sqn: "x" is no such number`,
		"impi,imsi\na@b\n":                  "x.csv:2:1: wrong number of fields",
		"impi,imsi\na@b,\"\n":               "x.csv:2:",
		"impi,impus\na@b,http://x\n":        `x.csv:2:5: publicIdentities[0].identity: "http://x" is no SIP or tel URI`,
		"impi,imsi\na@b,12345\nc@d,1x3456x": "x.csv:2:5: privateIdentities[0].imsi: 5 digits, not 6 to 15\nx.csv:3:5: privateIdentities[0].imsi: \"1x3456x\" is not of digits only",
		"impi\na@b\na@b\n":                  "x.csv:3: the subscription \"a@b\" stands at x.csv:2, too\nx.csv:3:1: privateIdentities[0].impi: a@b stands at x.csv:2, too",
	} {
		_, err := Parse(Options{}, []string{"x.csv"}, [][]byte{[]byte(text)})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestXML(t *testing.T) {
	got := parseOne(t, Options{SharedIFCSet: 4}, "x.xml", `<?xml version="1.0"?>
<Sets>
<InitialFilterCriteria><Priority>1</Priority><ApplicationServer><ServerName>sip:as.example</ServerName></ApplicationServer></InitialFilterCriteria>
<IMSSubscription><PrivateID>a@b</PrivateID><ServiceProfile><PublicIdentity><BarringIndication>1</BarringIndication><Identity>sip:a@b</Identity></PublicIdentity>
<PublicIdentity><Identity>sip:a-!.*!@b</Identity><Extension><IdentityType>2</IdentityType></Extension></PublicIdentity></ServiceProfile></IMSSubscription>
</Sets>`)
	want := &Batch{
		SharedIFCSets: []hss.SharedIFCSet{{ID: 4, InitialFilterCriteria: []hss.InitialFilterCriteria{{Priority: 1, ApplicationServer: "sip:as.example"}}}},
		Subscribers: []hss.Subscriber{{
			ID: "a@b", PrivateIdentities: []hss.PrivateIdentity{{IMPI: "a@b"}}, ServiceProfiles: []hss.ServiceProfile{{Name: "profile-1"}},
			PublicIdentities: []hss.PublicIdentity{
				{Identity: "sip:a@b", Barred: true, Profile: "profile-1", ImplicitSet: 1}, {Identity: "sip:a-!.*!@b", Type: hss.WildcardedPSI, Profile: "profile-1"},
			},
		}},
	}
	if diff := equal(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"<a>\n<b></a>": "x.xml:2: ",
		"<a>\n<InitialFilterCriteria><Priority>x</Priority></InitialFilterCriteria></a>": "x.xml:2: ",
		"<a/>": "provision: there is nothing in the files",
	} {
		_, err := Parse(Options{}, []string{"x.xml"}, [][]byte{[]byte(text)})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestOwn(t *testing.T) {
	yaml := `# what subscribers share
serviceProfiles:
  - name: gold
    initialFilterCriteria:
      - priority: 10
        applicationServer: sip:mmtel.ims.example
        triggers: [{method: INVITE}, {sessionCase: originating}]
subscribers:
  - id: alice
    privateIdentities:
      - impi: alice@ims.example
        imsi: 001010000000001
        aka: {k: 00112233445566778899001122334455, opc: E8ED289DEBA952E4283B54E88E6183CA}
    publicIdentities:
      - {identity: 'sip:alice@ims.example', profile: gold}
    msisdns: [15550001]
`
	js := `{"serviceProfiles": [{"name": "gold", "initialFilterCriteria": [{"priority": 10, "applicationServer": "sip:mmtel.ims.example",
 "triggers": [{"method": "INVITE"}, {"sessionCase": "originating"}]}]}],
"subscribers": [
 {"id": "alice", "privateIdentities": [{"impi": "alice@ims.example", "imsi": "001010000000001",
   "aka": {"k": "00112233445566778899001122334455", "opc": "E8ED289DEBA952E4283B54E88E6183CA"}}],
  "publicIdentities": [{"identity": "sip:alice@ims.example", "profile": "gold"}], "msisdns": ["15550001"]}]}`
	want := &Batch{
		ServiceProfiles: []hss.ServiceProfile{{Name: "gold", InitialFilterCriteria: []hss.InitialFilterCriteria{{
			Priority: 10, ApplicationServer: "sip:mmtel.ims.example", Triggers: []hss.Trigger{{Method: "INVITE"}, {SessionCase: "originating"}}}}}},
		Subscribers: []hss.Subscriber{{
			ID: "alice", MSISDNs: []string{"15550001"},
			PrivateIdentities: []hss.PrivateIdentity{{IMPI: "alice@ims.example", IMSI: "001010000000001",
				AKA: &hss.AKA{K: key("00112233445566778899001122334455"), OPc: key("E8ED289DEBA952E4283B54E88E6183CA")}}},
			PublicIdentities: []hss.PublicIdentity{{Identity: "sip:alice@ims.example", Profile: "gold"}},
		}},
	}
	if diff := equal(want, parseOne(t, Options{}, "x.yaml", yaml)); diff != "" {
		t.Error(diff)
	}
	if diff := equal(want, parseOne(t, Options{}, "x.json", js)); diff != "" {
		t.Error(diff)
	}
	line := js[strings.Index(js, `{"id"`) : len(js)-2]
	want.ServiceProfiles = nil
	if diff := equal(want, parseOne(t, Options{}, "x.jsonl", "\n"+strings.ReplaceAll(line, "\n", " ")+"\n")); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"x.yaml", "impi: alice@", "impo: alice@", `x.yaml:11:9: unknown key "impo"`},
		{"x.yaml", "k: 0011", "k: 11", "x.yaml:13:18: privateIdentities[0].aka.k: 15 octets, not 16"},
		{"x.yaml", "k: 0011", "k: zz11", "x.yaml:13:18: subscribers[0].privateIdentities[0].aka.k: hss: a key is not in hexadecimal digits"},
		{"x.yaml", "msisdns: [15550001]", "msisdns: [15550001, '+1']", "x.yaml:16:25: msisdns[1]: "},
		{"x.yaml", "sessionCase: originating", "sessionCase: both", "x.yaml:5:9: initialFilterCriteria[0]: triggers[1]: sessionCase: "},
		{"x.yaml", "priority: 10", "priority: high", "x.yaml:5:19: serviceProfiles[0].initialFilterCriteria"},
		{"x.yaml", "msisdns: [15550001]", "msisdns: [15550001, 15550001]", "x.yaml:16:25: msisdns[1]: "},
		{"x.json", `"impi": "alice@`, `"impo": "alice@`, `x.json:4:41: unknown key "impo"`},
		{"x.json", `"k": "0011`, `"k": "11`, "x.json:5:17: privateIdentities[0].aka.k: 15 octets, not 16"},
		{"x.json", `"k": "0011`, `"k": "zz11`, "x.json:5:17: privateIdentities[0].aka.k: hss: a key is not"},
		{"x.json", `"subscribers"`, `"subscriber"`, `x.json:3:1: unknown key "subscriber"`},
		{"x.json", `"gold"}]`, `"gold",}]`, "x.json:6:"},
		{"x.json", `"msisdns": ["15550001"]`, `"msisdns": 15550001`, "x.json:6:"},
		{"x.json", `["15550001"]}]}`, `["15550001"]}]} x`, "x.json:6:110: something follows the document"},
		{"x.json", `["15550001"]}]}`, `["15550001"]}], "subscribers": []}`, "x.json:6:110: this key came before"},
	} {
		text := map[string]string{"x.yaml": yaml, "x.json": js}[c.name]
		if !strings.Contains(text, c.old) {
			t.Fatalf("no %s", c.old)
		}
		_, err := Parse(Options{}, []string{c.name}, [][]byte{[]byte(strings.Replace(text, c.old, c.new, 1))})
		var e *Error
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !errors.As(err, &e) {
			t.Errorf("%s\n got %v\nwant %s", c.new, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "2233") {
			t.Errorf("an error shows a key: %v", err)
		}
	}
}

func TestLocate(t *testing.T) {
	b := parseOne(t, Options{}, "x.yaml", "subscribers:\n  - publicIdentities:\n      - identity: sip:a@b\n        profile: none\nserviceProfiles:\n  - name: x\n")
	for field, want := range map[string]int{
		"subscribers[0].publicIdentities[0].profile": 4, "subscribers[0]": 2, "serviceProfiles[0].name": 6, "subscribers[1]": 0, "other": 0, "subscribers[x": 0,
	} {
		if _, line, _ := b.Locate(field); line != want {
			t.Errorf("%s in line %d, want %d", field, line, want)
		}
	}
}
