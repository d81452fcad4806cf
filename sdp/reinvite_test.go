package sdp

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Offers within a session that have broken other implementations.
func TestReinvites(t *testing.T) {
	pcma, _ := FormatStatic(8)
	carrier := Local{Media: []LocalMedia{{Address: ourAddr, Formats: []Format{
		format(98, "AMR-WB", 16000, "mode-set=0,1,2"), format(99, "AMR-WB", 16000, "mode-set=0,1,2; octet-align=1"), pcma, FormatEvents(101, 8000), FormatEvents(102, 16000),
	}}}}
	offer := func(version string, formats string, more ...string) string {
		return lines(append([]string{"v=0", "o=- 7 " + version + " IN IP4 203.0.113.1", "s=-", "c=IN IP4 203.0.113.2", "t=0 0", "m=audio 7000 RTP/AVP " + formats,
			"a=rtpmap:116 AMR-WB/16000", "a=fmtp:116 octet-align=1;mode-set=0,1,2", "a=rtpmap:118 AMR-WB/16000", "a=fmtp:118 mode-set=0,1,2",
			"a=rtpmap:96 telephone-event/16000", "a=rtpmap:97 telephone-event/8000"}, more...)...)
	}
	var s Session
	answer := func(text, want string) *Description {
		t.Helper()
		o := mustParse(t, text)
		d, err := s.Answer(o, carrier)
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, o, d)
		if got := strings.Join(d.Media[0].Formats, " "); got != want {
			t.Errorf("answered with %s, want %s", got, want)
		}
		// The address is ours, not the one of the offer.
		if d.Address(0) != ourAddr || d.Origin.Address != ourAddr.Addr().String() || d.Origin.SessionID != s.ID {
			t.Errorf("answered with\n%s", d)
		}
		return d
	}
	first := answer(offer("1", "116 118 8 0 96 97"), "116 118 8 96 97")
	// Both forms of AMR-WB keep their payload types and parameters in a hold, an offer of our own
	// and a resume.
	fmtp := func(d *Description) (out []string) {
		for _, a := range d.Media[0].Attributes {
			if a.Name == "fmtp" || a.Name == "rtpmap" {
				out = append(out, a.Value)
			}
		}
		slices.Sort(out)
		return out
	}
	held := answer(offer("2", "116 118 8 0 96 97", "a=sendonly"), "116 118 8 96 97")
	if d := cmp.Diff(fmtp(first), fmtp(held)); d != "" || held.DirectionOf(0) != RecvOnly {
		t.Errorf("hold: %s", d)
	}
	ours, err := s.CreateOffer(carrier)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fmtp(first), fmtp(ours)); d != "" {
		t.Errorf("our offer: %s", d)
	}
	if err := s.Withdraw(); err != nil {
		t.Fatal(err)
	}
	// The version moves on after a refused offer too, and only if the text is another.
	again, err := s.CreateOffer(carrier)
	if err != nil || again.Origin.Version != ours.Origin.Version || again.String() != ours.String() {
		t.Errorf("%v: version %d after %d", err, again.Origin.Version, ours.Origin.Version)
	}
	if err := s.Withdraw(); err != nil {
		t.Fatal(err)
	}
	// A codec is removed and nothing else; the last line has no end.
	answer(strings.TrimSuffix(offer("3", "118 8 96 97"), "\r\n"), "118 8 96 97")
	// Only what is offered now counts, whatever was agreed before.
	answer(offer("4", "8 97"), "8 97")
	// The same offer again, with the same version, gets an answer again, with the same version.
	v := s.Version
	answer(offer("4", "8 97"), "8 97")
	if s.Version != v {
		t.Errorf("version %d, want %d", s.Version, v)
	}
	// Nothing in common: refused, and the session goes on as it was.
	before := s.Clone()
	var re *RefusedError
	if _, err := s.Answer(mustParse(t, offer("5", "0")), carrier); !errors.As(err, &re) || !errors.Is(err, ErrNoFormat) {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(before, &s, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Errorf("a refused offer changed %s", d)
	}
	// The other form of AMR-WB comes back as it was.
	d := answer(offer("6", "116 96"), "116 96")
	if v, _ := d.Media[0].forFormat("fmtp", "116"); v != "mode-set=0,1,2; octet-align=1" {
		t.Errorf("fmtp %q", v)
	}
}
