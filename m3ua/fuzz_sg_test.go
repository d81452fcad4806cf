package m3ua

import (
	"encoding/binary"
	"testing"
	"time"
)

// FuzzSG feeds a gateway's core whatever messages, from two ASPs, and looks at what must hold in
// every state.
func FuzzSG(f *testing.F) {
	frame := func(who byte, ms ...Message) (b []byte) {
		for _, m := range ms {
			w, _ := m.AppendBinary(nil)
			b = append(b, who, 0)
			b = binary.BigEndian.AppendUint16(b, uint16(len(w)))
			b = append(b, w...)
		}
		return b
	}
	f.Add(frame(0, everyMessage...))
	f.Add(append(frame(1, &ASPUp{}, &ASPActive{}, &DAUD{Affected: dest}), frame(0, &ASPUp{}, &ASPActive{TrafficMode: Override}, everyMessage[21], &ASPDown{})...))
	f.Fuzz(func(t *testing.T, in []byte) {
		cfg := rkm()
		cfg.TRecovery, cfg.TBeat, cfg.ExternalRouting = time.Second, time.Second, false
		g := newSGCore(cfg)
		for _, a := range cfg.ASP {
			g.asps[a.Name] = &aspCore{cfg: a}
			g.associated(g.asps[a.Name], false, nil)
		}
		for _, c := range cfg.AS {
			s := &asCore{cfg: c}
			g.as = append(g.as, s)
			for _, name := range c.ASPs {
				g.join(s, g.asps[name], false)
			}
		}
		now := time.Unix(0, 0)
		for len(in) >= 4 {
			who, n := in[0], int(binary.BigEndian.Uint16(in[2:]))
			stream := uint16(in[1])
			n = min(n, len(in)-4)
			b := in[4 : 4+n]
			in = in[4+n:]
			a := g.asps[string(rune('a'+who&1))]
			if who&0x80 != 0 {
				now = now.Add(700 * time.Millisecond)
				g.expire(now, nil)
			}
			m, err := Parse(b)
			var out []output
			if err != nil {
				out = g.bad(now, a, err, b, nil)
			} else {
				out = g.handle(now, a, stream, m, b, nil)
			}
			for _, o := range out {
				if o.send == nil {
					continue
				}
				if _, err := o.send.AppendBinary(nil); err != nil {
					t.Fatalf("%+v: %v", o.send, err)
				}
				if _, isErr := o.send.(*ERR); isErr && len(b) >= 4 && b[2] == 0 && b[3] == 0 {
					t.Fatalf("ERR in answer to ERR % x", b)
				}
			}
			for _, s := range g.as {
				active := s.count(Active)
				if s.state == Active && active == 0 || s.state == Pending && (active > 0 || s.recovery.IsZero()) || s.mode == Override && active > 1 {
					t.Fatalf("AS %s is AS-%v in mode %v with %d active ASPs", s.cfg.Name, s.state, s.mode, active)
				}
				for _, mb := range s.members {
					if mb.state != Down && !mb.asp.up {
						t.Fatalf("%s is %v in %s and down", mb.asp.cfg.Name, mb.state, s.cfg.Name)
					}
				}
			}
			if len(g.as) > len(cfg.AS)+cfg.Registration.MaxKeys {
				t.Fatalf("%d AS", len(g.as))
			}
		}
	})
}

// FuzzASP does so with an ASP's core.
func FuzzASP(f *testing.F) {
	var all []byte
	for _, m := range everyMessage {
		w, _ := m.AppendBinary(nil)
		all = append(append(all, 0, byte(len(w))), w...)
	}
	f.Add(all, byte(0))
	f.Add(all, byte(1))
	f.Add(all, byte(2))
	f.Fuzz(func(t *testing.T, in []byte, x byte) {
		cfg := withKey
		cfg.RoutingContexts, cfg.Exchange, cfg.TBeat = []uint32{7, 8}, Exchange(x%3), time.Second
		c := newClientCore(cfg)
		now := time.Unix(0, 0)
		c.goal = Active
		c.associated(now, false, nil)
		for len(in) >= 2 {
			n := min(int(in[1]), len(in)-2)
			b := in[2 : 2+n]
			stream := uint16(in[0] & 3)
			if in[0]&0x80 != 0 {
				now = now.Add(time.Second)
				c.expire(now, nil)
			}
			in = in[2+n:]
			m, err := Parse(b)
			var out []output
			if err != nil {
				out = c.bad(now, err, b, nil)
			} else {
				out = c.handle(now, stream, m, b, nil)
			}
			for _, o := range out {
				if o.send != nil {
					if _, err := o.send.AppendBinary(nil); err != nil {
						t.Fatalf("%+v: %v", o.send, err)
					}
				}
			}
			if c.state() == Active && !c.up {
				t.Fatal("active and down")
			}
		}
	})
}
