package sdp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	ourAddr  = netip.MustParseAddrPort("192.0.2.1:4000")
	peerAddr = netip.MustParseAddrPort("192.0.2.2:5000")
)

// peer is the other side: AMR octet-aligned first, and PCMA.
func peer() Local {
	pcma, _ := FormatStatic(8)
	return Local{Media: []LocalMedia{{
		Address: peerAddr, Formats: []Format{format(107, "amr", 8000, "octet-align=1"), pcma, FormatEvents(101, 8000)},
	}}}
}

// exchange lets a offer and b answer, and returns both.
func exchange(t *testing.T, a *Session, la Local, b *Session, lb Local) (offer, answer *Description) {
	t.Helper()
	offer, err := a.CreateOffer(la)
	if err != nil {
		t.Fatal(err)
	}
	arrived := mustParse(t, offer.String())
	answer, err = b.Answer(arrived, lb)
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, arrived, answer)
	if err := a.ReceiveAnswer(mustParse(t, answer.String()), la); err != nil {
		t.Fatal(err)
	}
	if len(a.Streams) != len(b.Streams) {
		t.Fatal("streams")
	}
	for i := range a.Streams {
		if a.Streams[i].Active != b.Streams[i].Active || a.Streams[i].Direction != b.Streams[i].Direction.Reverse() {
			t.Errorf("stream %d: %+v\n%+v", i, a.Streams[i], b.Streams[i])
		}
	}
	return offer, answer
}

// checkAnswer checks what RFC 3264 section 6 demands of every answer.
func checkAnswer(t *testing.T, offer, answer *Description) {
	t.Helper()
	if len(offer.Media) != len(answer.Media) {
		t.Fatalf("%d m= lines answer %d", len(answer.Media), len(offer.Media))
	}
	for i := range offer.Media {
		o, a := &offer.Media[i], &answer.Media[i]
		if o.Kind != a.Kind || o.Proto != a.Proto || len(a.Formats) == 0 || o.Port == 0 && a.Port != 0 {
			t.Errorf("m= line %d: %+v answers %+v", i, a, o)
		}
		if a.Port == 0 {
			continue
		}
		if answer.ConnectionOf(i) == (Connection{}) {
			t.Errorf("m= line %d has no connection", i)
		}
		for _, f := range a.Formats {
			if !slices.Contains(o.Formats, f) {
				t.Errorf("m= line %d: format %s was not offered", i, f)
			}
		}
		offered := o.Codecs()
		codec := false
		for _, c := range a.Codecs() {
			n := slices.IndexFunc(offered, func(d Codec) bool { return d.PayloadType == c.PayloadType })
			if n < 0 || !offered[n].Same(c) {
				t.Errorf("m= line %d: %+v was not offered", i, c)
			}
			codec = codec || !c.auxiliary()
		}
		if a.IsRTP() && (!codec || len(a.Codecs()) != len(a.Formats)) {
			t.Errorf("m= line %d: %v", i, a)
		}
		od, ad := offer.DirectionOf(i), answer.DirectionOf(i)
		if ad.And(od.Reverse()) != ad {
			t.Errorf("m= line %d: %v answers %v", i, ad, od)
		}
		if a.Mux() && !o.Mux() {
			t.Errorf("m= line %d: rtcp-mux was not offered", i)
		}
	}
	if diff := cmp.Diff(offer.Time, answer.Time, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func mediaText(d *Description) string {
	s := d.String()
	return s[strings.Index(s, "m="):]
}

// A call: offer, answer, hold by either side, resume. Payload types and fmtp never change, the
// version of o= does by one when the text does.
func TestCall(t *testing.T) {
	var a, b Session
	la, lb := voice(), peer()
	offer, answer := exchange(t, &a, la, &b, lb)
	wantOffer := lines("m=audio 4000 RTP/AVP 96 97 98 8 0 99 100", "a=rtpmap:96 AMR-WB/16000", "a=fmtp:96 mode-change-capability=2",
		"a=rtpmap:97 AMR/8000", "a=fmtp:97 mode-change-capability=2", "a=rtpmap:98 AMR/8000", "a=fmtp:98 octet-align=1",
		"a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:99 telephone-event/16000", "a=fmtp:99 0-15",
		"a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15", "a=ptime:20", "a=sendrecv")
	if d := cmp.Diff(wantOffer, mediaText(offer)); d != "" {
		t.Error(d)
	}
	wantAnswer := lines("m=audio 5000 RTP/AVP 98 8 100", "a=rtpmap:98 AMR/8000", "a=fmtp:98 octet-align=1", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15", "a=sendrecv")
	if d := cmp.Diff(wantAnswer, mediaText(answer)); d != "" {
		t.Error(d)
	}
	if got := a.Streams[0]; got.Remote != peerAddr || got.Local != ourAddr || got.RemoteRTCP.Port() != 5001 || got.ID != "audio0" || len(got.Codecs) != 2 || len(got.Events) != 1 {
		t.Errorf("%+v", got)
	}
	if got := b.Streams[0]; got.Ptime != 20 || got.Codecs[0].Send.PayloadType != 98 || got.Codecs[0].Format != 0 {
		t.Errorf("%+v", got)
	}
	if e, ok := a.Streams[0].EventsFor(a.Streams[0].Codecs[0].Send); !ok || e.Send.PayloadType != 100 {
		t.Errorf("%+v", e)
	}

	// The callee holds us, with the same o= line but its version, the same types and fmtp.
	lb.Media[0].Direction = SendOnly
	hold, held := exchange(t, &b, lb, &a, la)
	if hold.Origin.Version != answer.Origin.Version+1 || hold.Origin.SessionID != answer.Origin.SessionID {
		t.Errorf("o= %+v after %+v", hold.Origin, answer.Origin)
	}
	if d := cmp.Diff(strings.Replace(wantAnswer, "sendrecv", "sendonly", 1), mediaText(hold)); d != "" {
		t.Error(d)
	}
	if held.DirectionOf(0) != RecvOnly || held.Origin.Version != offer.Origin.Version+1 {
		t.Errorf("hold was answered with\n%s", held)
	}
	if !a.Streams[0].Held() || b.Streams[0].Held() {
		t.Error("who is held")
	}
	// We hold too. One side resumes and is still held, then the other (RFC 6337 section 5.3).
	la.Media[0].Direction = SendOnly
	if o, n := exchange(t, &a, la, &b, lb); o.DirectionOf(0) != SendOnly || n.DirectionOf(0) != Inactive {
		t.Errorf("holding the holder: %v, %v", o.DirectionOf(0), n.DirectionOf(0))
	}
	lb.Media[0].Direction = SendRecv
	if o, n := exchange(t, &b, lb, &a, la); o.DirectionOf(0) != SendRecv || n.DirectionOf(0) != SendOnly {
		t.Errorf("resuming while held: %v, %v", o.DirectionOf(0), n.DirectionOf(0))
	}
	la.Media[0].Direction = SendRecv
	exchange(t, &a, la, &b, lb)
	if a.Streams[0].Direction != SendRecv {
		t.Errorf("after resuming: %v", a.Streams[0].Direction)
	}
	// Nothing changes: nor does the version.
	before, _ := exchange(t, &a, la, &b, lb)
	same, _ := exchange(t, &a, la, &b, lb)
	if d := cmp.Diff(before.String(), same.String()); d != "" {
		t.Error(d)
	}
}

// The forms of hold that are met, each answered so that music can still come, or not at all.
func TestHold(t *testing.T) {
	first := lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", "m=audio 5000 RTP/AVP 8", "a=sendrecv")
	for _, c := range []struct {
		name, from, to string
		want           Direction
		remote         bool // there is somewhere to send to
	}{
		{"sendonly", "a=sendrecv", "a=sendonly", RecvOnly, true},
		{"inactive", "a=sendrecv", "a=inactive", Inactive, true},
		{"recvonly", "a=sendrecv", "a=recvonly", SendOnly, true},
		{"sendonly of the session", "m=audio 5000 RTP/AVP 8\r\na=sendrecv", "a=sendonly\r\nm=audio 5000 RTP/AVP 8", RecvOnly, true},
		{"0.0.0.0", "c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0", SendRecv, false},
		{"0.0.0.0 and sendonly", "c=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\na=sendrecv", "c=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\na=sendonly", RecvOnly, false},
		{"0.0.0.0 and inactive", "c=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\na=sendrecv", "c=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\na=inactive", Inactive, false},
		{"IPv6", "c=IN IP4 192.0.2.2", "c=IN IP6 ::", SendRecv, false},
		{"no direction", "\r\na=sendrecv", "", SendRecv, true},
	} {
		var s Session
		if _, err := s.Answer(mustParse(t, first), voice()); err != nil {
			t.Fatal(err)
		}
		offer := mustParse(t, strings.Replace(first, c.from, c.to, 1))
		answer, err := s.Answer(offer, voice())
		if err != nil {
			t.Fatal(c.name, err)
		}
		checkAnswer(t, offer, answer)
		st := s.Streams[0]
		if answer.DirectionOf(0) != c.want || st.Direction != c.want || st.Remote.IsValid() != c.remote {
			t.Errorf("%s: answered %v, %+v", c.name, answer.DirectionOf(0), st)
		}
		if st.Held() == (c.want == SendRecv && c.remote || c.want == SendOnly) {
			t.Errorf("%s: held is %v", c.name, st.Held())
		}
		// And back.
		if answer, err = s.Answer(mustParse(t, first), voice()); err != nil || answer.DirectionOf(0) != SendRecv || s.Streams[0].Remote != peerAddr {
			t.Errorf("%s: resumed %v %v", c.name, answer, err)
		}
	}
	// A first offer from 0.0.0.0: a third party sets up the call (RFC 3725).
	var s Session
	answer, err := s.Answer(mustParse(t, strings.Replace(first, "c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0", 1)), voice())
	if err != nil || answer.DirectionOf(0) != SendRecv || s.Streams[0].Remote.IsValid() {
		t.Errorf("%v %v", answer, err)
	}
}

// The table of type Session.
func TestStates(t *testing.T) {
	description := func() *Description {
		return mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", "m=audio 5000 RTP/AVP 8"))
	}
	ops := map[string]func(*Session) error{
		"CreateOffer":   func(s *Session) error { _, err := s.CreateOffer(voice()); return err },
		"ReceiveOffer":  func(s *Session) error { return s.ReceiveOffer(description()) },
		"CreateAnswer":  func(s *Session) error { _, err := s.CreateAnswer(voice()); return err },
		"ReceiveAnswer": func(s *Session) error { return s.ReceiveAnswer(description(), voice()) },
		"Withdraw":      (*Session).Withdraw,
		"Refuse":        (*Session).Refuse,
	}
	to := map[State]string{Stable: "", LocalOffer: "CreateOffer", RemoteOffer: "ReceiveOffer"}
	for _, c := range []struct {
		in   State
		op   string
		next State
		err  error
	}{
		{Stable, "CreateOffer", LocalOffer, nil}, {Stable, "ReceiveOffer", RemoteOffer, nil},
		{Stable, "CreateAnswer", Stable, ErrNoOffer}, {Stable, "ReceiveAnswer", Stable, ErrNoOffer},
		{Stable, "Withdraw", Stable, ErrNoOffer}, {Stable, "Refuse", Stable, ErrNoOffer},
		{LocalOffer, "ReceiveAnswer", Stable, nil}, {LocalOffer, "Withdraw", Stable, nil},
		{LocalOffer, "ReceiveOffer", LocalOffer, ErrGlare}, {LocalOffer, "CreateOffer", LocalOffer, ErrPending},
		{LocalOffer, "CreateAnswer", LocalOffer, ErrNoOffer}, {LocalOffer, "Refuse", LocalOffer, ErrNoOffer},
		{RemoteOffer, "CreateAnswer", Stable, nil}, {RemoteOffer, "Refuse", Stable, nil},
		{RemoteOffer, "ReceiveOffer", RemoteOffer, ErrPending}, {RemoteOffer, "CreateOffer", RemoteOffer, ErrPending},
		{RemoteOffer, "ReceiveAnswer", RemoteOffer, ErrNoOffer}, {RemoteOffer, "Withdraw", RemoteOffer, ErrNoOffer},
	} {
		var s Session
		if op := to[c.in]; op != "" {
			if err := ops[op](&s); err != nil {
				t.Fatal(err)
			}
		}
		before := *s.Clone()
		err := ops[c.op](&s)
		if !errors.Is(err, c.err) || s.State != c.next || (s.Offer == nil) != (c.next == Stable) {
			t.Errorf("%v, %s: %v, then %v", c.in, c.op, err, s.State)
		}
		var se *StateError
		if c.err != nil && (!errors.As(err, &se) || se.State != c.in || cmp.Diff(before, s, cmpopts.EquateEmpty()) != "") {
			t.Errorf("%v, %s: %v changed %s", c.in, c.op, err, cmp.Diff(before, s, cmpopts.EquateEmpty()))
		}
	}
	// The 200 repeats the answer of the 183.
	var s Session
	if _, err := s.CreateOffer(voice()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.ReceiveAnswer(description(), voice()); err != nil {
			t.Error(err)
		}
	}
}

// An INVITE without an offer: the 200 has it, the ACK answers, and later the same again within the
// session: everything is offered anew, what was agreed first.
func TestLateOffer(t *testing.T) {
	var a, b Session
	la, lb := voice(), peer()
	exchange(t, &b, lb, &a, la) // b's 200, a's ACK
	if got := a.Streams[0].Codecs[0]; got.Send.PayloadType != 107 || got.Receive.PayloadType != 107 || got.Format != 2 {
		t.Errorf("%+v", got)
	}
	offer, _ := exchange(t, &a, la, &b, lb)
	if got, want := strings.SplitN(mediaText(offer), "\r\n", 2)[0], "m=audio 4000 RTP/AVP 107 8 96 97 0 101 99"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	la.Reoffer = AgreedOnly
	offer, _ = exchange(t, &a, la, &b, lb)
	if got, want := strings.SplitN(mediaText(offer), "\r\n", 2)[0], "m=audio 4000 RTP/AVP 107 8 101"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	la.Reoffer = AsListed
	offer, _ = exchange(t, &a, la, &b, lb)
	if got, want := strings.SplitN(mediaText(offer), "\r\n", 2)[0], "m=audio 4000 RTP/AVP 96 97 107 8 0 99 101"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// RFC 3264 section 8.3.2: 98 has stood for AMR and stands for nothing else; a codec comes back
// with the type it had.
func TestPayloadTypesAreStable(t *testing.T) {
	var a, b Session
	la, lb := voice(), peer()
	exchange(t, &a, la, &b, lb)
	all := la.Media[0].Formats
	la.Media[0].Formats = []Format{all[3], format(98, "EVS", 16000, "")}
	offer, _ := exchange(t, &a, la, &b, lb)
	if got, want := offer.Media[0].Formats, []string{"8", "101"}; cmp.Diff(want, got) != "" {
		t.Errorf("EVS: %v, want %v", got, want)
	}
	la.Media[0].Formats = all
	offer, _ = exchange(t, &a, la, &b, lb)
	for _, c := range offer.Media[0].Codecs() {
		n := slices.IndexFunc(all, func(f Format) bool { return f.PayloadType == c.PayloadType })
		if n < 0 || !all[n].Same(c) || all[n].Fmtp != c.Fmtp {
			t.Errorf("%+v", c)
		}
	}
	// Formats that ask for no payload type get one each.
	var s Session
	l := Local{Media: []LocalMedia{{Address: ourAddr, Formats: []Format{format(0, "AMR", 8000, ""), format(0, "AMR", 8000, "octet-align=1"), format(96, "EVS", 16000, "")}}}}
	d, err := s.CreateOffer(l)
	if err != nil || cmp.Diff([]string{"96", "97", "98"}, d.Media[0].Formats) != "" {
		t.Errorf("%v %v", d, err)
	}
}

// Streams are added below, removed with port 0, refused, and slots are used again.
func TestStreamsComeAndGo(t *testing.T) {
	video := LocalMedia{ID: "cam", Kind: "video", Address: netip.AddrPortFrom(ourAddr.Addr(), 4010), Formats: []Format{format(96, "VP8", 90000, "")}}
	fax := LocalMedia{ID: "fax", Raw: &Media{Kind: "image", Port: 4020, Proto: "udptl", Formats: []string{"t38"}, Attributes: []Attribute{{"T38FaxVersion", "0"}}},
		Address: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.99"), 4022)}
	var a, b Session
	la, lb := voice(), peer()
	mlines := func(d *Description) (out []string) {
		for _, m := range d.Media {
			out = append(out, fmt.Sprint(m.Kind, " ", m.Port))
		}
		return out
	}
	check := func(step string, wantOffer, wantAnswer []string) {
		t.Helper()
		o, n := exchange(t, &a, la, &b, lb)
		if d := cmp.Diff([][]string{wantOffer, wantAnswer}, [][]string{mlines(o), mlines(n)}); d != "" {
			t.Errorf("%s: %s", step, d)
		}
	}
	la.Media = append(la.Media, video)
	check("video refused", []string{"audio 4000", "video 4010"}, []string{"audio 5000", "video 0"})
	if a.Streams[1].Active || a.Streams[1].ID != "" {
		t.Errorf("%+v", a.Streams[1])
	}
	lb.Media = append(lb.Media, LocalMedia{Kind: "video", Address: netip.AddrPortFrom(peerAddr.Addr(), 5010), Formats: video.Formats})
	check("video", []string{"audio 4000", "video 4010"}, []string{"audio 5000", "video 5010"})
	la.Media = la.Media[:1]
	check("video removed", []string{"audio 4000", "video 0"}, []string{"audio 5000", "video 0"})
	la.Media = append(la.Media, fax)
	lb.Media = append(lb.Media, fax)
	check("fax in its place", []string{"audio 4000", "image 4022"}, []string{"audio 5000", "image 4022"})
	if st := a.Streams[1]; !st.Active || st.Proto != "udptl" || st.Remote.Addr().String() != "192.0.2.99" || a.Sent.Media[1].Connection.Address != "192.0.2.99" {
		t.Errorf("%+v", st)
	}
	la.Media = append(la.Media, video)
	check("video again", []string{"audio 4000", "image 4022", "video 4010"}, []string{"audio 5000", "image 4022", "video 5010"})
	la.Media = la.Media[1:]
	la.Media[0].ID, la.Media[1].ID = "fax", "cam"
	check("audio removed", []string{"audio 0", "image 4022", "video 4010"}, []string{"audio 0", "image 4022", "video 5010"})
}

func TestSingleCodecAndPreference(t *testing.T) {
	offer := mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", "m=audio 5000 RTP/AVP 0 8 13 98 99 101 102",
		"a=rtpmap:98 AMR-WB/16000", "a=rtpmap:99 AMR/8000", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:102 telephone-event/16000"))
	cn, _ := FormatStatic(13)
	for _, c := range []struct {
		name                string
		prefer, single      bool
		codecs, events, add []string
	}{
		{"all", false, false, []string{"0", "8", "98", "99"}, []string{"101", "102"}, []string{"13"}},
		{"ours first", true, false, []string{"98", "99", "8", "0"}, []string{"102", "101"}, []string{"13"}},
		{"one", false, true, []string{"0"}, []string{"101"}, []string{"13"}},
		{"one, ours first", true, true, []string{"98"}, []string{"102"}, nil},
	} {
		l := voice()
		l.PreferLocal, l.SingleCodec = c.prefer, c.single
		l.Media[0].Formats = append(l.Media[0].Formats, cn)
		var s Session
		answer, err := s.Answer(offer, l)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(slices.Concat(c.codecs, c.add, c.events), answer.Media[0].Formats); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		checkAnswer(t, offer, answer)
	}
}

// An offer that came in a response cannot be refused: the answer has port 0 throughout.
func TestMustAnswer(t *testing.T) {
	var s Session
	l := voice()
	l.MustAnswer = true
	offer := mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", "m=audio 5000 RTP/AVP 18", "m=video 5002 RTP/AVP 31"))
	answer, err := s.Answer(offer, l)
	if err != nil || answer.Media[0].Port != 0 || answer.Media[1].Port != 0 || s.State != Stable || s.Streams[0].Active {
		t.Errorf("%v %v", answer, err)
	}
	checkAnswer(t, offer, answer)
}

// Answers that cannot be.
func TestWrongAnswers(t *testing.T) {
	head := lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0")
	for _, c := range []struct {
		name, media string
		at          int
		want        error
	}{
		{"no media", "", -1, ErrMedia},
		{"two media", "m=audio 1 RTP/AVP 8\nm=audio 1 RTP/AVP 8", -1, ErrMedia},
		{"other kind", "m=video 1 RTP/AVP 8", 0, ErrMedia},
		{"other transport", "m=audio 1 RTP/SAVP 8", 0, ErrTransport},
		{"a codec that was not offered", "m=audio 1 RTP/AVP 18 101\na=rtpmap:101 telephone-event/8000", 0, ErrNoFormat},
		{"the other form of AMR-WB", "m=audio 1 RTP/AVP 96\na=rtpmap:96 AMR-WB/16000\na=fmtp:96 octet-align=1", 0, ErrNoFormat},
		{"multicast", "c=IN IP4 233.252.0.1\nm=audio 1 RTP/AVP 8", 0, ErrMulticast},
	} {
		var s Session
		if _, err := s.CreateOffer(voice()); err != nil {
			t.Fatal(err)
		}
		text := head + c.media
		if strings.HasPrefix(c.media, "c=") {
			text = strings.Replace(head, "c=IN IP4 192.0.2.2\r\n", "", 1) + c.media
		}
		err := s.ReceiveAnswer(mustParse(t, text), voice())
		var ae *AnswerError
		if !errors.As(err, &ae) || ae.Media != c.at || ae.Err != c.want || s.State != Stable || s.Remote != nil || s.Streams != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// What is put right silently: more than was offered, a wider direction, other payload types.
	var s Session
	l := voice()
	l.Media[0].Direction = RecvOnly
	if _, err := s.CreateOffer(l); err != nil {
		t.Fatal(err)
	}
	err := s.ReceiveAnswer(mustParse(t, head+"m=audio 7000 RTP/AVP 120 18 8\na=rtpmap:120 AMR-WB/16000\na=sendrecv"), l)
	if err != nil {
		t.Fatal(err)
	}
	st := s.Streams[0]
	if st.Direction != RecvOnly || len(st.Codecs) != 2 || st.Codecs[0].Send.PayloadType != 120 || st.Codecs[0].Receive.PayloadType != 96 {
		t.Errorf("%+v", st)
	}
}

func TestAddresses(t *testing.T) {
	var s Session
	l := voice()
	l.Media[0].Address = netip.MustParseAddrPort("[2001:db8::1]:4000")
	l.Media[0].Mux, l.Media[0].RTCP = true, 4999
	d, err := s.CreateOffer(l)
	if err != nil {
		t.Fatal(err)
	}
	if d.Connection != (Connection{"IN", "IP6", "2001:db8::1"}) || d.Origin.AddrType != "IP6" || d.Media[0].Connection != (Connection{}) || !d.Media[0].Mux() || d.RTCPAddress(0).Port() != 4000 {
		t.Error(d)
	}
	if v, _ := d.Media[0].Attribute("rtcp"); v != "4999" {
		t.Error(d)
	}
	// The answer does not take up rtcp-mux and names a host.
	if err := s.ReceiveAnswer(mustParse(t, lines("v=0", "o=- 1 1 IN IP4 a", "s=-", "c=IN IP4 media.example.com", "m=audio 6000 RTP/AVP 8")), l); err != nil {
		t.Fatal(err)
	}
	if st := s.Streams[0]; st.Mux || st.Remote.IsValid() || st.RemoteHost != "media.example.com" || st.RemotePort != 6000 {
		t.Errorf("%+v", st)
	}
	// An offer of rtcp-mux that we do not take up: RTCP goes to the next port.
	var b Session
	if _, err := b.Answer(mustParse(t, lines("v=0", "o=- 1 1 IN IP4 a", "s=-", "c=IN IP4 192.0.2.2", "m=audio 6000 RTP/AVP 8", "a=rtcp-mux")), voice()); err != nil {
		t.Fatal(err)
	}
	if st := b.Streams[0]; st.Mux || st.RemoteRTCP.Port() != 6001 {
		t.Errorf("%+v", st)
	}
	st := Stream{Bandwidth: []Bandwidth{{"AS", 64}, {"RS", 0}, {"RR", 0}}}
	if !st.NoRTCP() || (&Stream{Bandwidth: []Bandwidth{{"RS", 0}}}).NoRTCP() || !(&Stream{Bandwidth: []Bandwidth{{"AS", 0}}}).NoRTCP() {
		t.Error("NoRTCP")
	}
}

// Preconditions and keys are the caller's: Adjust sees the offered line and adds to ours.
func TestAdjust(t *testing.T) {
	adjust := func(theirs, ours *Media) {
		if theirs == nil {
			ours.Attributes = append(ours.Attributes, Attribute{"curr", "qos local none"})
			return
		}
		if v, ok := theirs.Attribute("curr"); ok {
			ours.Attributes = append(ours.Attributes, Attribute{"curr", strings.Replace(v, "local", "remote", 1)})
		}
	}
	var a, b Session
	la, lb := voice(), peer()
	la.Media[0].Adjust, lb.Media[0].Adjust = adjust, adjust
	la.Media[0].Protos = []string{"RTP/SAVP"}
	lb.Media[0].Protos = []string{"RTP/AVP", "RTP/SAVP"}
	la.Media[0].Bandwidth = []Bandwidth{{"AS", 49}}
	offer, answer := exchange(t, &a, la, &b, lb)
	if offer.Media[0].Proto != "RTP/SAVP" || answer.Media[0].Proto != "RTP/SAVP" || b.Streams[0].Bandwidth[0].Value != 49 {
		t.Error(answer)
	}
	if v, _ := answer.Media[0].Attribute("curr"); v != "qos remote none" {
		t.Error(answer)
	}
}

// A Session survives being written down at every state, and its copies are independent.
func TestSessionIsData(t *testing.T) {
	var a, b Session
	la, lb := voice(), peer()
	if _, err := a.CreateOffer(la); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	var restored Session
	if err := json.Unmarshal(text, &restored); err != nil {
		t.Fatal(err)
	}
	fork := restored.Clone()
	answer, err := b.Answer(restored.Offer, lb)
	if err != nil {
		t.Fatal(err)
	}
	if err := restored.ReceiveAnswer(answer, la); err != nil {
		t.Fatal(err)
	}
	if fork.State != LocalOffer || fork.Offer == nil || fork.Streams != nil {
		t.Errorf("the fork changed: %+v", fork)
	}
	text, err = json.Marshal(&restored)
	if err != nil {
		t.Fatal(err)
	}
	var again Session
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	la.Media[0].Direction = SendOnly
	one, err1 := restored.CreateOffer(la)
	two, err2 := again.CreateOffer(la)
	if err1 != nil || err2 != nil || one.String() != two.String() {
		t.Errorf("%v %v\n%s\n%s", err1, err2, one, two)
	}
}

// A peer that withdraws m= lines breaks RFC 3264 section 8, and is served all the same.
func TestFewerMedia(t *testing.T) {
	var a, b Session
	la, lb := voice(), peer()
	la.Media = append(la.Media, LocalMedia{Kind: "video", Address: ourAddr, Formats: []Format{format(96, "VP8", 90000, "")}})
	exchange(t, &a, la, &b, lb)
	offer := mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", "m=audio 5000 RTP/AVP 8"))
	answer, err := a.Answer(offer, la)
	if err != nil || len(answer.Media) != 1 {
		t.Fatal(answer, err)
	}
	exchange(t, &a, la, &b, lb)
	empty, err := a.Answer(mustParse(t, lines("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "t=0 0")), la)
	if err != nil || len(empty.Media) != 0 {
		t.Errorf("an offer without media: %v %v", empty, err)
	}
}

// randomLocal draws media and formats, with overlapping names and payload types.
func randomLocal(r *rand.Rand, addr netip.AddrPort) Local {
	names := []string{"PCMU", "PCMA", "AMR", "AMR-WB", "G729", "opus", TelephoneEvent, ComfortNoise}
	l := Local{SingleCodec: r.IntN(3) == 0, PreferLocal: r.IntN(3) == 0, Reoffer: Reoffer(r.IntN(3))}
	for range r.IntN(4) {
		m := LocalMedia{
			Kind: []string{"audio", "audio", "video"}[r.IntN(3)], Address: netip.AddrPortFrom(addr.Addr(), uint16(1+r.IntN(65535))),
			Mux: r.IntN(2) == 0, Direction: Direction(r.IntN(4)), Ptime: r.IntN(2) * 20, RTCP: uint16(r.IntN(2) * r.IntN(65536)),
			Formats: []Format{{Codec: static[8], Match: octetAlign}},
		}
		if r.IntN(4) == 0 {
			m.Protos = []string{"RTP/SAVP", "RTP/AVP"}
		}
		for range r.IntN(6) {
			m.Formats = append(m.Formats, format(uint8(r.IntN(128)), names[r.IntN(len(names))], []int{8000, 16000}[r.IntN(2)], []string{"", "octet-align=1", "mode-set=7"}[r.IntN(3)]))
		}
		r.Shuffle(len(m.Formats), func(i, j int) { m.Formats[i], m.Formats[j] = m.Formats[j], m.Formats[i] })
		l.Media = append(l.Media, m)
	}
	return l
}

func used(s *Session, i int) map[uint8]Codec {
	if i < len(s.Used) {
		return s.Used[i]
	}
	return nil
}

// negotiate plays a random dialogue of two sessions and checks every answer.
func negotiate(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	sides := [2]Session{}
	for range 6 {
		from := r.IntN(2)
		a, b := &sides[from], &sides[1-from]
		la, lb := randomLocal(r, ourAddr), randomLocal(r, peerAddr)
		before, version := a.Sent, a.Version
		offer, err := a.CreateOffer(la)
		if err != nil {
			if strings.Contains(err.Error(), "no formats") { // AgreedOnly, and nothing of it is left
				continue
			}
			t.Fatalf("seed %d: %v", seed, err)
		}
		same := before != nil && before.String() == offer.String()
		if same != (a.Version == version) {
			t.Fatalf("seed %d: version %d after %d", seed, a.Version, version)
		}
		if len(offer.Media) < len(a.Slots) {
			t.Fatalf("seed %d: a line is gone", seed)
		}
		for i := range offer.Media {
			for _, c := range offer.Media[i].Codecs() {
				if old, ok := used(a, i)[c.PayloadType]; ok && !old.Same(c) {
					t.Fatalf("seed %d: %d stood for %+v and now for %+v", seed, c.PayloadType, old, c)
				}
			}
		}
		offer = mustParse(t, offer.String())
		answer, err := b.Answer(offer, lb)
		if err != nil {
			var re *RefusedError
			if !errors.As(err, &re) || b.State != Stable {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := a.Withdraw(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		checkAnswer(t, offer, answer)
		if err := a.ReceiveAnswer(mustParse(t, answer.String()), la); err != nil {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, offer, answer)
		}
		for i := range a.Streams {
			x, y := a.Streams[i], b.Streams[i]
			if x.Active != y.Active || x.Direction != y.Direction.Reverse() && x.Active || len(x.Codecs) != len(y.Codecs) || x.Mux != y.Mux {
				t.Fatalf("seed %d: stream %d: %+v\n%+v\n%s\n%s", seed, i, x, y, offer, answer)
			}
			for n := range x.Codecs {
				if x.Codecs[n].Send.PayloadType != y.Codecs[n].Receive.PayloadType || x.Codecs[n].Receive.PayloadType != y.Codecs[n].Send.PayloadType {
					t.Fatalf("seed %d: codec %d: %+v\n%+v", seed, n, x.Codecs[n], y.Codecs[n])
				}
			}
		}
	}
}

func TestNegotiations(t *testing.T) {
	for seed := range uint64(1000) {
		negotiate(t, seed)
	}
}

// FuzzAnswer answers whatever parses, twice, and checks the answers.
func FuzzAnswer(f *testing.F) {
	for _, s := range realOffers {
		f.Add([]byte(s.text), []byte(realOffers[0].text), uint64(1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, seed uint64) {
		negotiate(t, seed)
		r := rand.New(rand.NewPCG(seed, 1))
		var s Session
		for _, b := range [][]byte{first, second, first} {
			offer, err := Parse(b)
			if err != nil {
				continue
			}
			l := voice()
			if r.IntN(2) == 0 {
				l = randomLocal(r, ourAddr)
			}
			answer, err := s.Answer(offer, l)
			if err != nil {
				var re *RefusedError
				if !errors.As(err, &re) || s.State != Stable {
					t.Fatalf("%v", err)
				}
				continue
			}
			checkAnswer(t, offer, answer)
			if _, err := Parse([]byte(answer.String())); err != nil {
				t.Fatalf("%v in\n%s", err, answer)
			}
			// Our own offer within such a session, answered with whatever.
			if _, err := s.CreateOffer(l); err != nil {
				continue
			}
			var ae *AnswerError
			if err := s.ReceiveAnswer(offer, l); err != nil && !errors.As(err, &ae) || s.State != Stable {
				t.Fatalf("%v", err)
			}
		}
	})
}
