package cdr

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// HungUp says who ended a call.
type HungUp string

// Who ends calls.
const (
	ByCaller HungUp = "caller" // BYE or CANCEL
	ByCalled HungUp = "called" // BYE, or a refusal
	ByServer HungUp = "server" // routing, an application, an operator
	ByMedia  HungUp = "media"  // no RTP came any more
	ByTimer  HungUp = "timer"  // the session was not refreshed (RFC 4028), or nobody answered
)

// Record is what is kept of one call. Times are kept in UTC with milliseconds; zero times never
// came.
type Record struct {
	ID     string    `json:"id"`               // unique: the way to find a record that was sent twice
	Start  time.Time `json:"start"`            // the INVITE came in, or went out
	Ring   time.Time `json:"ring,omitzero"`    // first 180 or 183
	Answer time.Time `json:"answer,omitzero"`  // 200
	End    time.Time `json:"end"`              //
	Side   string    `json:"side,omitempty"`   // where it came from: "ims", "trunk", "phone"
	Trunk  string    `json:"trunk,omitempty"`  // and by what name
	Target string    `json:"target,omitempty"` // where it went: "trunk/a", "ims", a URI, an application
	Rule   string    `json:"rule,omitempty"`   // that decided so

	// The numbers, or URIs, as they came in, and as they were after rewriting.
	CallingIn  string `json:"calling_in,omitempty"`
	CalledIn   string `json:"called_in,omitempty"`
	Calling    string `json:"calling,omitempty"`
	Called     string `json:"called,omitempty"`
	ServedUser string `json:"served_user,omitempty"`
	Emergency  string `json:"emergency,omitempty"` // service of an emergency call (RFC 5031)

	// Who has diverted the call last, why (RFC 5806), and whom it was for at first.
	DivertedBy     string `json:"diverted_by,omitempty"`
	Diversion      string `json:"diversion,omitempty"`
	OriginalCalled string `json:"original_called,omitempty"`

	Status int    `json:"status"`            // SIP, final; 200 of calls that were answered
	Cause  int    `json:"cause,omitempty"`   // Q.850
	HungUp HungUp `json:"hung_up,omitempty"` //
	Reason string `json:"reason,omitempty"`  // in words

	ICID    string `json:"icid,omitempty"`     // of P-Charging-Vector (RFC 7315)
	OrigIOI string `json:"orig_ioi,omitempty"` // operators on both sides
	TermIOI string `json:"term_ioi,omitempty"`

	Recordings []string          `json:"recordings,omitempty"` // names of files, or addresses
	Legs       []Leg             `json:"legs,omitempty"`       // the caller's first, then in the order in which they were tried
	Vars       map[string]string `json:"vars,omitempty"`       // of the application
}

// Leg is one side of a call, or an attempt at one.
type Leg struct {
	CallID    string    `json:"call_id,omitempty"`
	Direction string    `json:"direction"`       // "in" or "out"
	URI       string    `json:"uri,omitempty"`   // Request-URI
	Peer      string    `json:"peer,omitempty"`  // address and port of signalling
	Start     time.Time `json:"start,omitzero"`  //
	Ring      time.Time `json:"ring,omitzero"`   //
	Answer    time.Time `json:"answer,omitzero"` //
	End       time.Time `json:"end,omitzero"`    //
	Status    int       `json:"status,omitempty"`
	Cause     int       `json:"cause,omitempty"`
	Codec     string    `json:"codec,omitempty"` // "AMR-WB/16000"
	Media     Media     `json:"media,omitzero"`
}

// Media is how the audio of a leg went.
type Media struct {
	Remote   string  `json:"remote,omitempty"` // address and port
	Sent     uint64  `json:"sent"`             // packets
	Received uint64  `json:"received"`         // packets
	Lost     uint64  `json:"lost"`             // of those the peer sent
	Late     uint64  `json:"late"`             // came too late to be played
	Jitter   float64 `json:"jitter_ms"`        // interarrival jitter (RFC 3550 section 6.4.1)
	RTT      float64 `json:"rtt_ms,omitempty"` // round trip; 0 if RTCP did not tell
	MOS      float64 `json:"mos,omitempty"`    // estimate by the E-model (G.107); 0 if nothing came

	// What the peer reported last of what we sent.
	PeerLost   float64 `json:"peer_lost,omitempty"` // fraction, 0 to 1
	PeerJitter float64 `json:"peer_jitter_ms,omitempty"`
}

// Duration is the time from Start to End.
func (r *Record) Duration() time.Duration { return span(r.Start, r.End) }

// Billed is the time from Answer to End, 0 for a call that was not answered.
func (r *Record) Billed() time.Duration {
	if r.Answer.IsZero() {
		return 0
	}
	return span(r.Answer, r.End)
}

func span(from, to time.Time) time.Duration {
	if from.IsZero() || to.Before(from) {
		return 0
	}
	return to.Sub(from)
}

// stamp is the layout of times: RFC 3339 in UTC, with milliseconds.
const stamp = "2006-01-02T15:04:05.000Z07:00"

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stamp)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// whole is r with times as they are kept.
func (r Record) whole() Record {
	for _, t := range []*time.Time{&r.Start, &r.Ring, &r.Answer, &r.End} {
		*t = kept(*t)
	}
	legs := make([]Leg, len(r.Legs))
	for i, l := range r.Legs {
		for _, t := range []*time.Time{&l.Start, &l.Ring, &l.Answer, &l.End} {
			*t = kept(*t)
		}
		for _, f := range []*float64{&l.Media.Jitter, &l.Media.RTT, &l.Media.MOS, &l.Media.PeerLost, &l.Media.PeerJitter} {
			*f = rounded(*f)
		}
		legs[i] = l
	}
	if r.Legs = legs; len(legs) == 0 {
		r.Legs = nil
	}
	return r
}

func kept(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

func rounded(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return math.Round(f*1000) / 1000
}

// AppendJSON appends the record as one line of JSON, its line feed included. Besides the fields of
// Record it has "duration" and "billsec", in seconds.
func (r Record) AppendJSON(b []byte) ([]byte, error) {
	r = r.whole()
	type plain Record // without methods
	line, err := json.Marshal(struct {
		plain
		Duration json.Number `json:"duration"`
		Billed   json.Number `json:"billsec"`
	}{plain(r), json.Number(seconds(r.Duration())), json.Number(seconds(r.Billed()))})
	if err != nil {
		return b, fmt.Errorf("cdr: %w", err)
	}
	return append(append(b, line...), '\n'), nil
}

// Columns are the names of the columns of CSV, in order. Those that begin with a_ are of the first
// leg, the caller's; those with b_ of the last one, which was answered if any was.
func Columns() []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// AppendCSV appends the record as one line of CSV, its line feed included.
func (r Record) AppendCSV(b []byte) ([]byte, error) {
	r = r.whole()
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = oneLine(c.value(&r))
	}
	return appendCSV(b, values)
}

func appendCSV(b []byte, values []string) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	w := csv.NewWriter(buf)
	err := w.Write(values)
	w.Flush()
	return buf.Bytes(), err
}

// oneLine makes blanks of control characters, so that a record is a line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r == 0x85 {
			return ' '
		}
		return r
	}, s)
}

type column struct {
	name  string
	value func(r *Record) string
}

var columns = makeColumns()

func makeColumns() []column {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	list := []column{
		{"id", func(r *Record) string { return r.ID }},
		{"start", func(r *Record) string { return moment(r.Start) }},
		{"ring", func(r *Record) string { return moment(r.Ring) }},
		{"answer", func(r *Record) string { return moment(r.Answer) }},
		{"end", func(r *Record) string { return moment(r.End) }},
		{"duration", func(r *Record) string { return seconds(r.Duration()) }},
		{"billsec", func(r *Record) string { return seconds(r.Billed()) }},
		{"side", func(r *Record) string { return r.Side }},
		{"trunk", func(r *Record) string { return r.Trunk }},
		{"target", func(r *Record) string { return r.Target }},
		{"rule", func(r *Record) string { return r.Rule }},
		{"calling_in", func(r *Record) string { return r.CallingIn }},
		{"called_in", func(r *Record) string { return r.CalledIn }},
		{"calling", func(r *Record) string { return r.Calling }},
		{"called", func(r *Record) string { return r.Called }},
		{"served_user", func(r *Record) string { return r.ServedUser }},
		{"emergency", func(r *Record) string { return r.Emergency }},
		{"diverted_by", func(r *Record) string { return r.DivertedBy }},
		{"diversion", func(r *Record) string { return r.Diversion }},
		{"original_called", func(r *Record) string { return r.OriginalCalled }},
		{"status", func(r *Record) string { return number(r.Status) }},
		{"cause", func(r *Record) string { return number(r.Cause) }},
		{"hung_up", func(r *Record) string { return string(r.HungUp) }},
		{"reason", func(r *Record) string { return r.Reason }},
		{"icid", func(r *Record) string { return r.ICID }},
		{"orig_ioi", func(r *Record) string { return r.OrigIOI }},
		{"term_ioi", func(r *Record) string { return r.TermIOI }},
		{"recordings", func(r *Record) string { return strings.Join(r.Recordings, " ") }},
		{"legs", func(r *Record) string { return strconv.Itoa(len(r.Legs)) }},
	}
	for _, side := range []struct {
		name string
		leg  func(r *Record) *Leg
	}{
		{"a_", func(r *Record) *Leg {
			if len(r.Legs) > 0 {
				return &r.Legs[0]
			}
			return nil
		}},
		{"b_", func(r *Record) *Leg {
			if len(r.Legs) > 1 {
				return &r.Legs[len(r.Legs)-1]
			}
			return nil
		}},
	} {
		for _, c := range []struct {
			name  string
			value func(l *Leg) string
		}{
			{"call_id", func(l *Leg) string { return l.CallID }},
			{"uri", func(l *Leg) string { return l.URI }},
			{"peer", func(l *Leg) string { return l.Peer }},
			{"status", func(l *Leg) string { return number(l.Status) }},
			{"codec", func(l *Leg) string { return l.Codec }},
			{"sent", func(l *Leg) string { return strconv.FormatUint(l.Media.Sent, 10) }},
			{"received", func(l *Leg) string { return strconv.FormatUint(l.Media.Received, 10) }},
			{"lost", func(l *Leg) string { return strconv.FormatUint(l.Media.Lost, 10) }},
			{"jitter_ms", func(l *Leg) string { return strconv.FormatFloat(l.Media.Jitter, 'f', -1, 64) }},
			{"mos", func(l *Leg) string { return strconv.FormatFloat(l.Media.MOS, 'f', -1, 64) }},
		} {
			list = append(list, column{side.name + c.name, func(r *Record) string {
				if l := side.leg(r); l != nil {
					return c.value(l)
				}
				return ""
			}})
		}
	}
	return list
}
