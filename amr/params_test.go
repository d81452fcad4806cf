package amr

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseParams(t *testing.T) {
	red := 220
	for _, tc := range []struct {
		fmtp string
		want Params
		text string
	}{
		{"", Params{}, ""},
		{"octet-align=1", Params{OctetAlign: true}, "octet-align=1"},
		{" Octet-Align = 0 ; mode-set=7,0, 2 ;; MODE-CHANGE-PERIOD=2; mode-change-capability=2; mode-change-neighbor=1; max-red=220; future=x",
			Params{ModeSet: ModesOf(0, 2, 7), ModeChangePeriod: 2, ModeChangeCapability: 2, ModeChangeNeighbor: true, MaxRed: &red},
			"mode-set=0,2,7;mode-change-period=2;mode-change-capability=2;mode-change-neighbor=1;max-red=220"},
		{"crc=1;robust-sorting=1;interleaving=30", Params{CRC: true, RobustSorting: true, Interleaving: 30}, "crc=1;robust-sorting=1;interleaving=30"},
		{"mode-set=1;mode-set=2", Params{ModeSet: ModesOf(1)}, "mode-set=1"},
	} {
		tc.want.Channels = 1
		got, err := ParseParams(NB, 0, tc.fmtp)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", tc.fmtp, err, diff)
		}
		if got.String() != tc.text {
			t.Errorf("%q becomes %q", tc.fmtp, got)
		}
	}
	for _, bad := range []string{"octet-align=2", "mode-set=8", "mode-set=", "mode-set=0,,1", "mode-change-period=3", "max-red=-1", "max-red=70000", "interleaving=0", "crc"} {
		_, err := ParseParams(NB, 1, bad)
		var e *ParamError
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ParseParams(WB, 1, "mode-set=8"); err != nil {
		t.Errorf("mode 8 of AMR-WB: %v", err)
	}
}

// RFC 4867 section 8.3.1, its examples, and what peers in the field do.
func TestAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, ours, offer, want string
		ok                      bool
	}{
		{"bandwidth-efficient", "", "", "", true},
		{"layouts differ", "octet-align=1", "", "", false},
		{"layouts differ, the other way", "", "octet-align=1", "", false},
		{"octet-align=0 is the default", "", "octet-align=0", "", true},
		{"crc implies octet-align", "octet-align=1;crc=1", "crc=1", "crc=1", true},
		{"interleaving differs", "interleaving=10", "interleaving=20", "", false},
		{"the offered mode-set comes back", "", "mode-set=0,2,5,7", "mode-set=0,2,5,7", true},
		{"ours where none is offered", "mode-set=0,2,4,7", "", "mode-set=0,2,4,7", true},
		{"an offered set within ours", "mode-set=0,2,4,7", "mode-set=2,4", "mode-set=2,4", true},
		{"an offered set outside ours", "mode-set=0,2,4,7", "mode-set=0,2,5,7", "", false},
		{"the gateway of 8.3.3", "mode-set=0,2,4,7;mode-change-period=2;mode-change-capability=2;mode-change-neighbor=1", "mode-change-capability=2",
			"mode-set=0,2,4,7;mode-change-period=2;mode-change-capability=2;mode-change-neighbor=1", true},
		{"a gateway and an offerer that is not capable", "mode-change-period=2", "", "", false},
		{"an offerer that itself requires the period is capable", "mode-change-period=2", "mode-change-period=2", "mode-change-period=2;mode-change-capability=2", true},
		{"we keep the period", "", "mode-change-period=2", "mode-change-capability=2", true},
		{"unless we say that we cannot", "mode-change-capability=1", "mode-change-period=2", "", false},
		{"a handset's offer", "", "mode-change-capability=2;max-red=220", "mode-change-capability=2;max-red=220", true},
		{"max-red of our own", "max-red=0", "max-red=220", "max-red=0", true},
		{"an unknown parameter goes", "", "future=1", "", true},
		{"nonsense", "", "mode-set=99", "", false},
	} {
		got, ok := NB.Match(tc.ours, tc.offer)
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("%s: %q, %v, want %q, %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

// An answer never changes what makes the payload, never widens a mode-set, and answers itself.
func FuzzAnswer(f *testing.F) {
	f.Add("octet-align=1;mode-set=0,2", "octet-align=1;mode-change-period=2;max-red=20")
	f.Fuzz(func(t *testing.T, ours, theirs string) {
		for _, c := range []Codec{NB, WB} {
			p, err1 := ParseParams(c, 1, ours)
			offer, err2 := ParseParams(c, 1, theirs)
			if err1 != nil || err2 != nil {
				continue
			}
			if q, err := ParseParams(c, 1, offer.String()); err != nil || !cmp.Equal(q, offer) {
				t.Fatalf("%q does not come back: %v %v", theirs, q, err)
			}
			a, ok := p.Answer(offer)
			if !ok {
				continue
			}
			if !a.SamePayload(offer) || offer.ModeSet != 0 && a.ModeSet != offer.ModeSet {
				t.Fatalf("%q offered, %q answered", theirs, a)
			}
			if p.ModeSet != 0 && (a.ModeSet == 0 || a.ModeSet&^p.ModeSet != 0) {
				t.Fatalf("%q offered, %q answered by %q", theirs, a, ours)
			}
			if a.ModeChangePeriod == 2 && offer.ModeChangeCapability != 2 && offer.ModeChangePeriod != 2 {
				t.Fatalf("%q offered, %q answered", theirs, a)
			}
		}
	})
}

func TestModeControl(t *testing.T) {
	run := func(m *ModeControl, n int) (all []FrameType) {
		for range n {
			all = append(all, m.Next())
		}
		return all
	}
	check := func(name string, got []FrameType, want ...FrameType) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	m := NewModeControl(ModeControlConfig{})
	check("the highest mode", run(m, 1), 7)
	m.Request(3)
	check("a request", run(m, 2), 3, 3)
	m.Request(9)
	check("a request for no mode", run(m, 1), 3)
	m.Request(NoRequest)
	check("no request", run(m, 1), 7)

	m = NewModeControl(ModeControlConfig{ModeSet: ModesOf(0, 2, 4, 7), Period: 2, Neighbor: true})
	check("within the set", run(m, 3), 7, 7, 7)
	m.Request(5)
	check("outside the set", run(m, 2), 7, 7)
	m.Request(0)
	check("neighbours, every second frame", run(m, 6), 4, 4, 2, 2, 0, 0)
	m.Request(7)
	check("back", run(m, 7), 2, 2, 4, 4, 7, 7, 7)

	m = NewModeControl(ModeControlConfig{ModeSet: ModesOf(0, 2, 4, 7), Max: 5, Initial: 3})
	check("an initial mode", run(m, 1), 2)
	for range 3 {
		m.Loss(0)
	}
	check("then the highest that we want", run(m, 1), 4)
	m.Request(7)
	check("not above it", run(m, 1), 4)

	m = NewModeControl(ModeControlConfig{Codec: WB, Max: Mode1265})
	check("wideband", run(m, 1), Mode1265)
	for range 5 {
		m.Loss(0.2)
		m.Next()
	}
	check("losses", run(m, 1), Mode660)
	for range 3 {
		m.Loss(0)
	}
	check("better", run(m, 1), Mode885)
	m.Loss(0)
	m.Loss(0.03)
	m.Loss(0)
	m.Loss(0)
	check("not so good", run(m, 1), Mode885)
}

// Whatever is asked for, the mode is in the set and changes keep their distance.
func FuzzModeControl(f *testing.F) {
	f.Add(uint16(0x95), true, []byte{1, 2, 3, 0x80, 0x81, 7})
	f.Fuzz(func(t *testing.T, set uint16, neighbor bool, steps []byte) {
		for _, c := range []Codec{NB, WB} {
			s := ModeSet(set) & (1<<c.Modes() - 1)
			m := NewModeControl(ModeControlConfig{Codec: c, ModeSet: s, Period: 2, Neighbor: neighbor})
			last, at := FrameType(255), 0
			for i, b := range steps {
				if b&0x80 != 0 {
					m.Loss(float64(b&0x7f) / 127)
				} else {
					m.Request(FrameType(b))
				}
				mode := m.Next()
				if !s.Has(mode) || int(mode) >= c.Modes() {
					t.Fatalf("mode %d of set %v", mode, s)
				}
				if last != 255 && mode != last {
					if at != 0 && (i-at)%2 != 0 {
						t.Fatalf("changes at %d and %d", at, i)
					}
					if lo, hi := min(last, mode), max(last, mode); neighbor {
						for x := lo + 1; x < hi; x++ {
							if s.Has(x) {
								t.Fatalf("from %d to %d within %v", last, mode, s)
							}
						}
					}
					at = i
				}
				last = mode
			}
		}
	})
}
