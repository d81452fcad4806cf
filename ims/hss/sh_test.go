package hss

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

const as1, as2 = "as1.ims.example", "as2.ims.example"

func udr(impu string, refs ...sh.DataReference) *sh.UDR {
	q := &sh.UDR{OriginHost: as1, OriginRealm: "ims.example", DestinationRealm: "ims.example", DataReference: refs}
	q.SessionID, _, q.AuthSessionState = head()
	q.VendorSpecificApplicationID = vendorApplication(sh.Application)
	q.UserIdentity = identity(impu)
	return q
}

// identity is a User-Identity: of digits it is an MSISDN.
func identity(s string) sh.UserIdentity {
	if strings.Contains(s, ":") {
		return sh.UserIdentity{PublicIdentity: diameter.Some(s)}
	}
	return sh.UserIdentity{MSISDN: appendBCD(nil, s)}
}

func pur(host, impu string, ref sh.DataReference, d sh.Data) *sh.PUR {
	q := &sh.PUR{OriginHost: host, OriginRealm: "ims.example", DestinationRealm: "ims.example", DataReference: []sh.DataReference{ref}, UserData: d.AppendXML(nil), UserIdentity: identity(impu)}
	q.SessionID, _, q.AuthSessionState = head()
	q.VendorSpecificApplicationID = vendorApplication(sh.Application)
	return q
}

func repository(service string, sequence int, data string) sh.Data {
	r := sh.RepositoryData{ServiceIndication: service, SequenceNumber: sequence}
	if data != "" {
		r.ServiceData = []byte(data)
	}
	return sh.Data{RepositoryData: []sh.RepositoryData{r}}
}

func snr(host, impu string, refs ...sh.DataReference) *sh.SNR {
	q := &sh.SNR{OriginHost: host, OriginRealm: "ims.example", DestinationRealm: "ims.example", DataReference: refs, UserIdentity: identity(impu)}
	q.SessionID, _, q.AuthSessionState = head()
	q.VendorSpecificApplicationID = vendorApplication(sh.Application)
	return q
}

// read gives an UDR to the HSS and returns the result and the document.
func read(t testing.TB, h *HSS, q *sh.UDR) (string, *sh.Data) {
	t.Helper()
	a, err := h.udr(q, call{encode(t, q), true})
	if err != nil {
		return resultOf(diameter.Result{}, err), nil
	}
	b := wire(t, a, sh.ParseUDA)
	if b.UserData == nil {
		return resultOf(b.Result(), nil), nil
	}
	d, err := sh.ParseData(b.UserData)
	must(t, err)
	return resultOf(b.Result(), nil), d
}

func write(t testing.TB, h *HSS, q *sh.PUR) string {
	t.Helper()
	a, err := h.pur(q, call{encode(t, q), true})
	if err != nil {
		return resultOf(diameter.Result{}, err)
	}
	b := wire(t, a, sh.ParsePUA)
	return resultOf(b.Result(), nil)
}

func subscribe(t testing.TB, h *HSS, q *sh.SNR) (string, *sh.SNA) {
	t.Helper()
	a, err := h.snr(q, call{encode(t, q), true})
	if err != nil {
		return resultOf(diameter.Result{}, err), nil
	}
	b := wire(t, a, sh.ParseSNA)
	return resultOf(b.Result(), nil), &b
}

// shName is a result of Sh in the words of the specification.
var shNames = map[string]string{
	"4100 of vendor 10415": "USER_DATA_NOT_AVAILABLE", "5100 of vendor 10415": "USER_DATA_NOT_RECOGNIZED", "5101 of vendor 10415": "OPERATION_NOT_ALLOWED",
	"5102 of vendor 10415": "CANNOT_BE_READ", "5103 of vendor 10415": "CANNOT_BE_MODIFIED", "5104 of vendor 10415": "CANNOT_BE_NOTIFIED",
	"5105 of vendor 10415": "OUT_OF_SYNC", "5106 of vendor 10415": "SUBS_DATA_ABSENT", "5108 of vendor 10415": "DSAI_NOT_AVAILABLE",
}

func named(s string) string {
	if n, ok := shNames[s]; ok {
		return n
	}
	return s
}

// withDSAI gives alice's profile a criterion that can be switched.
func withDSAI(t testing.TB, h *HSS) {
	t.Helper()
	e, _ := h.store.Find(Key{KeyID, "alice"})
	s := e.Subscriber.Clone()
	s.ServiceProfiles[0].InitialFilterCriteria = append(s.ServiceProfiles[0].InitialFilterCriteria,
		InitialFilterCriteria{Priority: 5, ApplicationServer: "sip:forward.ims.example", DSAI: []string{"forward"}})
	must(t, h.store.Commit(Change{Put: s}))
}

// TestUDR reads every kind of data that the HSS has (TS 29.328 section 6.1.1.1 and table 7.6.1).
func TestUDR(t *testing.T) {
	h := fixture(t, nil)
	withDSAI(t, h)
	must(t, h.store.Commit(Change{StateOf: "bob", State: &State{Registrations: []Registration{{SCSCF: s2, State: Unregistered}}}}))
	ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
	if got := write(t, h, pur(as1, aliceIMPU, sh.DataReferenceRepositoryData, repository("diary", 0, "<a>1</a>"))); got != ok {
		t.Fatal(got)
	}
	with := func(q *sh.UDR, f func(*sh.UDR)) *sh.UDR { f(q); return q }
	for _, c := range []struct {
		name, want string
		q          *sh.UDR
		look       func(*sh.Data) string // what is there, "" if all is well
	}{
		{"step 2: unknown user", unknown, udr("sip:nobody@ims.example", sh.DataReferenceIMSUserState), nil},
		{"step 2: unknown MSISDN", unknown, udr("999", sh.DataReferenceMSISDN), nil},
		{"step 2: External-Identifier", unknown, with(udr(aliceIMPU, sh.DataReferenceMSISDN), func(q *sh.UDR) {
			q.UserIdentity = sh.UserIdentity{ExternalIdentifier: diameter.Some("x@y")}
		}), nil},
		{"step 2a: private identity of another", mismatch, with(udr(aliceIMPU, sh.DataReferenceIMSI), func(q *sh.UDR) { q.UserName = diameter.Some(bobIMPI) }), nil},
		{"step 3: state of a PSI", "OPERATION_NOT_ALLOWED", udr("sip:chat@ims.example", sh.DataReferenceIMSUserState), nil},
		{"step 3: repository by MSISDN", "OPERATION_NOT_ALLOWED", with(udr("15551234567", sh.DataReferenceRepositoryData), func(q *sh.UDR) { q.ServiceIndication = [][]byte{[]byte("diary")} }), nil},
		{"step 3: what can only be subscribed to", "OPERATION_NOT_ALLOWED", udr(aliceIMPU, sh.DataReferenceUEReachabilityForIP), nil},
		{"step 3: no such data", "OPERATION_NOT_ALLOWED", udr(aliceIMPU, 77), nil},
		{"repository data without the service", "DIAMETER_MISSING_AVP", udr(aliceIMPU, sh.DataReferenceRepositoryData), nil},
		{"criteria without the server", "DIAMETER_MISSING_AVP", udr(aliceIMPU, sh.DataReferenceInitialFilterCriteria), nil},
		{"RepositoryData", ok, with(udr(aliceIMPU, sh.DataReferenceRepositoryData), func(q *sh.UDR) { q.ServiceIndication = [][]byte{[]byte("diary"), []byte("none")} }), func(d *sh.Data) string {
			if len(d.RepositoryData) == 1 && string(d.RepositoryData[0].ServiceData) == "<a>1</a>" && d.RepositoryData[0].SequenceNumber == 0 {
				return ""
			}
			return "repository"
		}},
		{"IMSPublicIdentity", ok, udr(aliceIMPU, sh.DataReferenceIMSPublicIdentity), func(d *sh.Data) string {
			if slices.Equal(d.PublicIdentifiers.IMSPublicIdentities, []string{aliceIMPU, aliceTel, "sip:alice-work@ims.example", "sip:chat@ims.example"}) && d.PublicIdentifiers.WildcardedPSI == roomWildcard {
				return ""
			}
			return strings.Join(d.PublicIdentifiers.IMSPublicIdentities, " ")
		}},
		{"IMSPublicIdentity: sets", ok, with(udr(aliceIMPU, sh.DataReferenceIMSPublicIdentity), func(q *sh.UDR) {
			q.IdentitySet = []sh.IdentitySet{sh.IdentitySetRegisteredIdentities, sh.IdentitySetImplicitIdentities, sh.IdentitySetAliasIdentities}
		}), func(d *sh.Data) string {
			if len(d.RegisteredIdentities.IMSPublicIdentities) == 2 && len(d.ImplicitIdentities.IMSPublicIdentities) == 2 && len(d.AliasIdentities.IMSPublicIdentities) == 1 {
				return ""
			}
			return "sets"
		}},
		{"IMSUserState: registered", ok, udr(aliceTel, sh.DataReferenceIMSUserState), func(d *sh.Data) string {
			if d.IMSData.IMSUserState.Value == sh.Registered {
				return ""
			}
			return d.IMSData.IMSUserState.String()
		}},
		{"IMSUserState: unregistered", ok, udr(bobIMPU, sh.DataReferenceIMSUserState), func(d *sh.Data) string {
			if d.IMSData.IMSUserState.Value == sh.RegisteredUnregServices {
				return ""
			}
			return d.IMSData.IMSUserState.String()
		}},
		{"S-CSCFName", ok, udr(aliceIMPU, sh.DataReferenceSCSCFName), func(d *sh.Data) string {
			return strings.TrimPrefix(d.IMSData.SCSCFName, s1)
		}},
		{"InitialFilterCriteria", ok, with(udr(aliceIMPU, sh.DataReferenceInitialFilterCriteria), func(q *sh.UDR) { q.ServerName = diameter.Some("sip:as.ims.example") }), func(d *sh.Data) string {
			if len(d.IMSData.InitialFilterCriteria) == 1 && d.IMSData.InitialFilterCriteria[0].Priority == 1 {
				return ""
			}
			return "criteria"
		}},
		{"ChargingInformation by MSISDN", ok, udr("15551234567", sh.DataReferenceChargingInformation), func(d *sh.Data) string {
			return strings.TrimPrefix(d.IMSData.ChargingInformation.PrimaryChargingCollectionFunctionName.Value, "aaa://ccf.example")
		}},
		{"MSISDN", ok, udr(aliceIMPU, sh.DataReferenceMSISDN), func(d *sh.Data) string {
			return strings.TrimPrefix(strings.Join(d.PublicIdentifiers.MSISDNs, " "), "15551234567")
		}},
		{"PSIActivation", ok, udr("sip:chat@ims.example", sh.DataReferencePSIActivation), func(d *sh.Data) string {
			if v, there := d.IMSData.PSIActivation.Get(); v && there {
				return ""
			}
			return "inactive"
		}},
		{"DSAI", ok, with(udr(aliceIMPU, sh.DataReferenceDSAI), func(q *sh.UDR) { q.ServerName = diameter.Some("sip:forward.ims.example") }), func(d *sh.Data) string {
			if slices.Equal(d.IMSData.DSAI, []sh.DSAI{{Tag: "forward", Active: true}}) {
				return ""
			}
			return "dsai"
		}},
		{"IMSI", ok, udr(aliceIMPU, sh.DataReferenceIMSI), func(d *sh.Data) string {
			return strings.TrimPrefix(findText(d.Extension, "IMSI"), "001010000000001")
		}},
		{"IMSPrivateUserIdentity", ok, udr(aliceIMPU, sh.DataReferenceIMSPrivateUserIdentity), func(d *sh.Data) string {
			return strings.TrimPrefix(findText(d.Extension, "IMSPrivateUserIdentity"), aliceIMPI)
		}},
		{"ServicePriorityLevel", ok, udr(aliceIMPU, sh.DataReferenceServicePriorityLevel), func(d *sh.Data) string {
			return strings.TrimPrefix(findText(d.IMSData.Extension, "ServicePriorityLevel"), "2")
		}},
		{"what the HSS does not have", ok, udr(aliceIMPU, sh.DataReferenceLocationInformation), nil},
	} {
		got, d := read(t, h, c.q)
		if named(got) != c.want {
			t.Errorf("%s: %s, want %s", c.name, named(got), c.want)
			continue
		}
		if (d != nil) != (c.look != nil) {
			t.Errorf("%s: data %v", c.name, d)
			continue
		}
		if c.look != nil {
			if wrong := c.look(d); wrong != "" {
				t.Errorf("%s: %s", c.name, wrong)
			}
		}
	}
	ask(t, h, mar(aliceWork, "sip:alice-work@ims.example", s1, withScheme(schemeDigest)))
	if _, d := read(t, h, udr("sip:alice-work@ims.example", sh.DataReferenceIMSUserState)); d.IMSData.IMSUserState.Value != sh.AuthenticationPending {
		t.Errorf("state %v", d.IMSData.IMSUserState)
	}
}

// TestPURRepository goes through step 6 of TS 29.328 section 6.1.2.1.
func TestPURRepository(t *testing.T) {
	h := fixture(t, func(c *Config) { c.MaxRepositoryData = 10 })
	ref := sh.DataReferenceRepositoryData
	for i, c := range []struct {
		sequence int
		data     string
		want     string
	}{
		{1, "<a/>", "OUT_OF_SYNC"}, // nothing there yet
		{0, "", "OPERATION_NOT_ALLOWED"},
		{0, "<aaaaaaaaaaaaaaaaa/>", "TOO_MUCH_DATA"},
		{0, "<a/>", ok},
		{0, "<b/>", "OUT_OF_SYNC"},
		{2, "<b/>", "OUT_OF_SYNC"},
		{1, "<b/>", ok},
		{2, "<bbbbbbbbbbbbbbbbb/>", "TOO_MUCH_DATA"},
		{1, "<c/>", "OUT_OF_SYNC"},
		{2, "", ok},
		{3, "<d/>", "OUT_OF_SYNC"},
		{0, "<d/>", ok},
	} {
		if got := named(write(t, h, pur(as1, aliceIMPU, ref, repository("x", c.sequence, c.data)))); got != c.want {
			t.Errorf("%d: number %d, %q: %s, want %s", i, c.sequence, c.data, got, c.want)
		}
	}
	if got := named(write(t, h, pur(as1, aliceIMPU, ref, sh.Data{}))); got != "USER_DATA_NOT_RECOGNIZED" {
		t.Error(got)
	}
	q := pur(as1, aliceIMPU, ref, sh.Data{})
	q.UserData = []byte("<nonsense")
	if got := named(write(t, h, q)); got != "USER_DATA_NOT_RECOGNIZED" {
		t.Error(got)
	}
	if got := named(write(t, h, pur(as1, aliceIMPU, sh.DataReferenceIMSUserState, sh.Data{}))); got != "OPERATION_NOT_ALLOWED" {
		t.Error(got)
	}
	// Of two updates both are made or none.
	two := sh.Data{RepositoryData: []sh.RepositoryData{{ServiceIndication: "y", ServiceData: []byte("<y/>")}, {ServiceIndication: "x", SequenceNumber: 9, ServiceData: []byte("<x/>")}}}
	if got := named(write(t, h, pur(as1, aliceIMPU, ref, two))); got != "OUT_OF_SYNC" {
		t.Error(got)
	}
	if e, _ := h.store.Find(Key{KeyID, "alice"}); len(e.State.RepositoryData) != 1 {
		t.Errorf("%+v", e.State.RepositoryData)
	}
}

// TestPURSwitches switches a PSI and a criterion; the S-CSCFs are told.
func TestPURSwitches(t *testing.T) {
	h := fixture(t, nil)
	withDSAI(t, h)
	ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
	ask(t, h, sar(unregistered, s2, "", "sip:bob-psi@ims.example"))
	activation := func(v bool) sh.Data { return sh.Data{IMSData: &sh.IMSData{PSIActivation: diameter.Some(v)}} }
	dsai := func(tag string, v bool) sh.Data {
		return sh.Data{IMSData: &sh.IMSData{DSAI: []sh.DSAI{{Tag: tag, Active: v}}}}
	}
	if got := named(write(t, h, pur(as1, roomIdentity, sh.DataReferencePSIActivation, activation(false)))); got != "OPERATION_NOT_ALLOWED" {
		t.Errorf("wildcarded PSI: %s", got)
	}
	if got := write(t, h, pur(as1, "sip:bob-psi@ims.example", sh.DataReferencePSIActivation, activation(false))); got != ok {
		t.Error(got)
	}
	if got := ask(t, h, lir("sip:bob-psi@ims.example")); got.result != unknown {
		t.Errorf("inactive PSI: %+v", got)
	}
	owed(t, h, "RTR s2.ims.example PERMANENT_TERMINATION")
	if got := write(t, h, pur(as1, "sip:bob-psi@ims.example", sh.DataReferencePSIActivation, activation(true))); got != ok {
		t.Error(got)
	}
	if got := ask(t, h, lir("sip:bob-psi@ims.example")); got.result != "UNREGISTERED_SERVICE" {
		t.Errorf("active PSI: %+v", got)
	}
	if got := named(write(t, h, pur(as1, aliceIMPU, sh.DataReferenceDSAI, dsai("other", false)))); got != "DSAI_NOT_AVAILABLE" {
		t.Error(got)
	}
	profile := func() string {
		q := sar(noAssignment, s1, aliceIMPI, aliceIMPU)
		a, err := h.sar(q, call{encode(t, q), true})
		must(t, err)
		return string(a.UserData)
	}
	if !strings.Contains(profile(), "sip:forward.ims.example") {
		t.Error("the criterion is not there")
	}
	if got := write(t, h, pur(as1, aliceIMPU, sh.DataReferenceDSAI, dsai("forward", false))); got != ok {
		t.Error(got)
	}
	doc, err := cx.ParseIMSSubscription([]byte(profile()))
	must(t, err)
	for _, p := range doc.ServiceProfiles { // the tel URI still has it
		has := strings.Contains(string((&cx.IMSSubscription{ServiceProfiles: []cx.ServiceProfile{p}}).AppendXML(nil)), "sip:forward.ims.example")
		if p.PublicIdentities[0].Identity == aliceIMPU && has || p.PublicIdentities[0].Identity == aliceTel && !has {
			t.Errorf("%s: criterion %v", p.PublicIdentities[0].Identity, has)
		}
	}
	owed(t, h, "RTR s2.ims.example PERMANENT_TERMINATION", "PPR s1.ims.example profile")
}

// TestSNR subscribes, and looks what is owed after changes (TS 29.328 sections 6.1.3.1 and 6.1.4.1).
func TestSNR(t *testing.T) {
	h := fixture(t, nil)
	ref := sh.DataReferenceRepositoryData
	diary := func(q *sh.SNR) *sh.SNR { q.ServiceIndication = [][]byte{[]byte("diary")}; return q }
	check := func(what, want string, q *sh.SNR) *sh.SNA {
		t.Helper()
		got, a := subscribe(t, h, q)
		if named(got) != want {
			t.Errorf("%s: %s, want %s", what, named(got), want)
		}
		return a
	}
	check("step 2", unknown, snr(as1, "sip:nobody@ims.example", sh.DataReferenceIMSUserState))
	check("step 3", "OPERATION_NOT_ALLOWED", snr(as1, aliceIMPU, sh.DataReferenceMSISDN))
	check("step 3a", "DSAI_NOT_AVAILABLE", func() *sh.SNR {
		q := snr(as1, aliceIMPU, sh.DataReferenceDSAI)
		q.DSAITag = [][]byte{[]byte("x")}
		return q
	}())
	check("what the HSS does not have", "CANNOT_BE_NOTIFIED", snr(as1, aliceIMPU, sh.DataReferenceUEReachabilityForIP))
	check("step 5", "SUBS_DATA_ABSENT", diary(snr(as1, aliceIMPU, ref)))
	write(t, h, pur(as1, aliceIMPU, ref, repository("diary", 0, "<a/>")))
	check("step 6", ok, diary(snr(as1, aliceIMPU, ref)))
	check("step 6", ok, diary(snr(as2, aliceIMPU, ref)))
	check("state", ok, snr(as2, aliceIMPU, sh.DataReferenceIMSUserState, sh.DataReferenceSCSCFName))
	expired := snr(as1, aliceIMPU, sh.DataReferenceIMSUserState)
	expired.ExpiryTime = diameter.Some(time.Now().Add(-time.Minute).Truncate(time.Second))
	if a := check("step 4", ok, expired); !a.ExpiryTime.Present {
		t.Error("no Expiry-Time in the answer")
	}
	once := snr(as1, "15551234567", sh.DataReferenceChargingInformation)
	once.OneTimeNotification = diameter.Some(sh.OneTimeNotificationOneTimeNotificationRequested)
	once.SendDataIndication = diameter.Some(sh.SendDataIndicationUserDataRequested)
	if a := check("data", ok, once); a.UserData == nil {
		t.Error("no data in the answer")
	}

	write(t, h, pur(as1, aliceIMPU, ref, repository("diary", 1, "<b/>"))) // told to the other one
	owed(t, h, "PNR "+as2)
	ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU)) // state and S-CSCF; the other subscription has expired
	owed(t, h, "PNR "+as2, "PNR "+as2, "PNR "+as2)
	ask(t, h, sar(reRegister, s1, aliceIMPI, aliceIMPU)) // no change
	owed(t, h, "PNR "+as2, "PNR "+as2, "PNR "+as2)
	e, _ := h.store.Find(Key{KeyID, "alice"})
	for range 2 { // the second change of charging finds no subscription any more
		s := e.Subscriber.Clone()
		s.Charging.PrimaryChargingCollectionFunctionName += "x"
		if _, err := h.As("test").Put(s, PutOptions{}); err != nil {
			t.Fatal(err)
		}
		e, _ = h.store.Find(Key{KeyID, "alice"})
	}
	owed(t, h, "PNR "+as2, "PNR "+as2, "PNR "+as2, "PNR "+as1, "PPR s1.ims.example charging", "PPR s1.ims.example charging")
	off := diary(snr(as2, aliceIMPU, ref))
	off.SubsReqType = sh.SubsReqTypeUnsubscribe
	check("unsubscribe", ok, off)
	check("unsubscribe twice", ok, off)
	write(t, h, pur(as2, aliceIMPU, ref, repository("diary", 2, ""))) // removed: as1 is told, and its subscription ends
	owed(t, h, "PNR "+as2, "PNR "+as2, "PNR "+as2, "PNR "+as1, "PNR "+as1, "PPR s1.ims.example charging", "PPR s1.ims.example charging")
	e, _ = h.store.Find(Key{KeyID, "alice"})
	if len(e.State.Notifications) != 2 {
		t.Errorf("%+v", e.State.Notifications)
	}
	last := h.Pushes()[len(h.Pushes())-1]
	m, err := diameter.ParseMessage(last.Message)
	must(t, err)
	q, err := sh.ParsePNR(m)
	must(t, err)
	d, err := sh.ParseData(q.UserData)
	must(t, err)
	if len(d.RepositoryData) != 1 || d.RepositoryData[0].ServiceData != nil || d.RepositoryData[0].SequenceNumber != 2 {
		t.Errorf("%s", q.UserData)
	}
}

func TestSNRLimits(t *testing.T) {
	h := fixture(t, func(c *Config) { c.MaxNotifications = 2; c.NotificationExpiry = time.Hour })
	for i, want := range []string{ok, ok, "RESOURCES_EXCEEDED"} {
		got, a := subscribe(t, h, snr([]string{"a", "b", "c"}[i], aliceIMPU, sh.DataReferenceIMSUserState))
		if got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
		if want == ok && (!a.ExpiryTime.Present || time.Until(a.ExpiryTime.Value) > time.Hour) {
			t.Errorf("expires %v", a.ExpiryTime)
		}
	}
}

// TestPermissions checks the permissions list of application servers (TS 29.328 section 6.2).
func TestPermissions(t *testing.T) {
	h := fixture(t, func(c *Config) {
		c.ASPermissions = []ASPermission{{Host: "*.ims.example", Pull: []sh.DataReference{sh.DataReferenceIMSUserState}, Subscribe: []sh.DataReference{AllData}}, {Host: "as3.example", Update: []sh.DataReference{AllData}}}
	})
	from := func(q *sh.UDR, host string) *sh.UDR { q.OriginHost = host; return q }
	for _, c := range []struct {
		q    *sh.UDR
		want string
	}{
		{udr(aliceIMPU, sh.DataReferenceIMSUserState), ok},
		{udr(aliceIMPU, sh.DataReferenceIMSUserState, sh.DataReferenceIMSI), "CANNOT_BE_READ"},
		{from(udr(aliceIMPU, sh.DataReferenceIMSUserState), "as3.example"), "CANNOT_BE_READ"},
		{from(udr("sip:nobody@ims.example", sh.DataReferenceIMSUserState), "elsewhere"), "CANNOT_BE_READ"},
	} {
		if got, _ := read(t, h, c.q); named(got) != c.want {
			t.Errorf("%s %v: %s, want %s", c.q.OriginHost, c.q.DataReference, named(got), c.want)
		}
	}
	if got := named(write(t, h, pur(as1, aliceIMPU, 0, repository("x", 0, "<a/>")))); got != "CANNOT_BE_MODIFIED" {
		t.Error(got)
	}
	if got := named(write(t, h, pur("as3.example", aliceIMPU, 0, repository("x", 0, "<a/>")))); got != ok {
		t.Error(got)
	}
	if got, _ := subscribe(t, h, snr("as3.example", aliceIMPU, sh.DataReferenceIMSUserState)); named(got) != "CANNOT_BE_NOTIFIED" {
		t.Error(got)
	}
	if got, _ := subscribe(t, h, snr(as1, aliceIMPU, sh.DataReferenceIMSUserState)); got != ok {
		t.Error(got)
	}
}
