package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/gotelco/telco/ims/hss"
)

// open5gsSubscriber is a document of Open5GS' collection "subscribers", as far as an HSS needs it. Numbers may be {"$numberLong": "…"}.
type open5gsSubscriber struct {
	IMSI     string   `json:"imsi"`
	MSISDN   []string `json:"msisdn"`
	Security struct {
		K   hss.Secret  `json:"k"`
		OP  *hss.Secret `json:"op"`
		OPc *hss.Secret `json:"opc"`
		AMF string      `json:"amf"`
		SQN mongoNumber `json:"sqn"`
	} `json:"security"`
	AMBR  open5gsAMBR `json:"ambr"`
	Slice []struct {
		Session []open5gsSession `json:"session"`
	} `json:"slice"`
	PDN []open5gsSession `json:"pdn"` // before 2.3

	AccessRestriction mongoNumber `json:"access_restriction_data"`
	Status            mongoNumber `json:"subscriber_status"`
	ODB               mongoNumber `json:"operator_determined_barring"`
	AccessMode        mongoNumber `json:"network_access_mode"`
	RAUTAUTimer       mongoNumber `json:"subscribed_rau_tau_timer"` // minutes
}

type open5gsAMBR struct {
	Uplink   open5gsRate `json:"uplink"`
	Downlink open5gsRate `json:"downlink"`
}

type open5gsSession struct {
	Name string      `json:"name"`
	APN  string      `json:"apn"` // before 2.3
	Type mongoNumber `json:"type"`
	QoS  struct {
		Index mongoNumber `json:"index"`
		QCI   mongoNumber `json:"qci"` // before 2.3
		ARP   struct {
			Priority      mongoNumber `json:"priority_level"`
			Capability    mongoNumber `json:"pre_emption_capability"` // 1: disabled, 2: enabled
			Vulnerability mongoNumber `json:"pre_emption_vulnerability"`
		} `json:"arp"`
	} `json:"qos"`
	AMBR open5gsAMBR `json:"ambr"`
	UE   struct {
		Addr  string `json:"addr"` // before 2.4
		Addr6 string `json:"addr6"`
		IPv4  string `json:"ipv4"`
		IPv6  string `json:"ipv6"`
	} `json:"ue"`
}

// open5gsRate is a value with a unit (0 to 4: bit/s, kbit/s and so on), or a number of kbit/s (before 2.2).
type open5gsRate uint64

func (r *open5gsRate) UnmarshalJSON(b []byte) error {
	var v struct {
		Value mongoNumber `json:"value"`
		Unit  mongoNumber `json:"unit"`
	}
	var old mongoNumber
	if old.UnmarshalJSON(b) == nil {
		*r = open5gsRate(old * 1000)
		return nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	n := uint64(v.Value)
	for range min(v.Unit, 4) {
		n *= 1000
	}
	*r = open5gsRate(n)
	return nil
}

// mongoNumber is a number in MongoDB's extended JSON.
type mongoNumber uint64

func (n *mongoNumber) UnmarshalJSON(b []byte) error {
	s := string(bytes.TrimSpace(b))
	if s == "null" {
		return nil
	}
	if strings.HasPrefix(s, "{") {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		for _, k := range []string{"$numberLong", "$numberInt", "$numberDouble"} {
			if v, ok := m[k].(string); ok {
				s = v
			}
		}
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return errors.New("is no number")
	}
	*n = mongoNumber(v)
	return nil
}

// open5gs reads documents one after the other, or a list of them (mongoexport --jsonArray).
func (r *reader) open5gs(name string, text []byte) error {
	l := newLines(text)
	d := json.NewDecoder(bytes.NewReader(text))
	if first := bytes.TrimSpace(text); len(first) > 0 && first[0] == '[' {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	for d.More() {
		at := skipSpace(text, int(d.InputOffset()))
		line, column := l.place(at)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return &Error{File: name, Line: line, Column: column, Message: "ends too early"}
			}
			return strictJSON(name, text[at:], at, l, new(any))
		}
		var in open5gsSubscriber
		if err := json.Unmarshal(raw, &in); err != nil {
			e := &Error{File: name, Line: line, Column: column, Message: strings.TrimPrefix(err.Error(), "json: ")}
			if offset, path, ok := refusedValue(raw, &in); ok {
				e.Path = path
				e.Line, e.Column = l.place(at + offset)
			}
			r.bad.add(e)
			continue
		}
		if in.IMSI == "" {
			r.bad.add(&Error{File: name, Line: line, Column: column, Message: "a document without an imsi"})
			continue
		}
		r.add(name, line, in.subscriber(r, name, line))
	}
	return nil
}

func (in *open5gsSubscriber) subscriber(r *reader, file string, line int) hss.Subscriber {
	realm := r.o.realmOf(in.IMSI)
	s := hss.Subscriber{ID: in.IMSI}
	p := hss.PrivateIdentity{IMPI: in.IMSI + "@" + realm, IMSI: in.IMSI, AKA: &hss.AKA{
		K: in.Security.K, AMF: in.Security.AMF, SQN: uint64(in.Security.SQN),
	}}
	switch {
	case in.Security.OPc != nil && in.Security.OPc.Len() > 0:
		p.AKA.OPc = *in.Security.OPc
	case in.Security.OP != nil:
		p.AKA.OP = *in.Security.OP
	}
	s.PrivateIdentities = []hss.PrivateIdentity{p}
	for _, n := range in.MSISDN {
		addMSISDNs(&s, n)
	}
	for _, n := range s.MSISDNs { // the identities that Open5GS' HSS makes of them
		s.PublicIdentities = append(s.PublicIdentities,
			hss.PublicIdentity{Identity: "sip:" + n + "@" + realm, ImplicitSet: 1, AliasGroup: "1"},
			hss.PublicIdentity{Identity: "tel:" + n, ImplicitSet: 1, AliasGroup: "1"})
	}
	s.PublicIdentities = append(s.PublicIdentities, hss.PublicIdentity{Identity: "sip:" + in.IMSI + "@" + realm, ImplicitSet: 1})
	e := &hss.EPS{
		Barred: in.Status == 1, ODB: uint32(in.ODB), NetworkAccessMode: uint32(in.AccessMode), AccessRestriction: uint32(in.AccessRestriction),
		MaxBitRateUL: uint64(in.AMBR.Uplink), MaxBitRateDL: uint64(in.AMBR.Downlink), PeriodicRAUTAUTimer: uint32(in.RAUTAUTimer) * 60,
	}
	sessions := in.PDN
	for _, sl := range in.Slice {
		sessions = append(sessions, sl.Session...)
	}
	for _, x := range sessions {
		a := hss.APN{
			Name: x.Name + x.APN, QCI: uint8(x.QoS.Index + x.QoS.QCI), ARPPriority: uint8(x.QoS.ARP.Priority),
			PreEmptionCapability: x.QoS.ARP.Capability == 2, PreEmptionVulnerability: x.QoS.ARP.Vulnerability == 2,
			MaxBitRateUL: uint64(x.AMBR.Uplink), MaxBitRateDL: uint64(x.AMBR.Downlink),
		}
		if x.Type >= 1 && int(x.Type) <= 3 { // 1: IPv4, 2: IPv6, 3: both
			a.PDNType = pdnTypes[x.Type-1]
		}
		for _, addr := range []string{x.UE.IPv4 + x.UE.Addr, x.UE.IPv6 + x.UE.Addr6} {
			if addr != "" {
				a.Addresses = append(a.Addresses, addr)
			}
		}
		e.APNs = append(e.APNs, a)
	}
	s.EPS = e
	return s
}

// guessJSON tells the format of JSON that is not ours from the keys of its first object, or returns nothing.
func guessJSON(text []byte) Format {
	keys := make(map[string]string)
	n := 0
	_ = walkJSON(text, func(path string, _ int, key bool) bool {
		if key {
			name := path[strings.LastIndexByte(path, '.')+1:]
			if strings.Count(path, ".")+strings.Count(path, "[") <= 2 {
				keys[name] = ""
			}
		}
		n++
		return n < 200
	})
	has := func(k string) bool { _, ok := keys[k]; return ok }
	switch {
	case has("imsi") && has("security"):
		return Open5GS
	case has("subscribers"), has("sharedIFCSets"), has("serviceProfiles"), has("privateIdentities"), has("publicIdentities"):
		return ""
	case pyhssKind(keys) != "":
		return PyHSS
	}
	for k := range keys {
		if (&pyhssTables{}).table(k) != nil {
			return PyHSS
		}
	}
	return ""
}
