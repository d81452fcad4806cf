package as

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// A call for help is taken where there is no room for others, its number is left as it is, and the desk hears of it while the call
// goes on.
func TestEmergencyCall(t *testing.T) {
	full := trunkTo("carrier", hostTrunk+1)
	full.MaxCalls = 1
	asked := make(chan *Request, 10)
	run(t, Config{
		Call: call.Config{Admission: call.Admission{MaxCalls: 2}}, MaxCalls: 1,
		IMS:    IMS{Border: BorderConfig{Plan: PlanConfig{Country: "49", National: "0", Area: "30"}}},
		Trunks: []Trunk{full, trunkTo("desk", hostTrunk+2)},
		Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
			asked <- r
			return Decision{Action: Bridge, Targets: []Target{{Trunk: "carrier"}}}, nil
		}),
	}, func(h *house) {
		sos, err := NewEmergency(EmergencyConfig{Alerts: []Target{{Trunk: "desk", Called: "+4930110"}}, Send: h.s.Send})
		if err != nil {
			h.Fatal(err)
		}
		cfg := h.cfg
		cfg.Emergency = sos
		if err := h.s.Reload(cfg); err != nil {
			h.Fatal(err)
		}
		h.carrier(hostTrunk+1, nil)
		desk := h.script(hostTrunk + 2)
		p := h.cscf()
		first := p.invite("tel:5550;phone-context=+49")
		p.send(first)
		firstOK := p.answered(first)
		if r := <-asked; r.Called.String() != "+49305550" || r.Emergency != "" {
			h.Errorf("%+v", r)
		}
		second := p.invite("tel:5551;phone-context=+49")
		p.send(second)
		p.response(503, second)

		for _, uri := range []string{"tel:112;phone-context=+49", "urn:service:sos.fire"} {
			if uri != "tel:112;phone-context=+49" { // also where others are to go elsewhere
				ctx, cancel := context.WithCancel(h.Context())
				cancel()
				h.s.Drain(ctx)
			}
			help := p.invite(uri)
			p.send(help)
			alert := desk.request(sip.MESSAGE) // nobody has answered it while the call is
			ok := p.answered(help)
			r := <-asked
			if want := map[bool]string{true: "112", false: uri}[strings.HasPrefix(uri, "tel")]; r.Called.String() != want || !strings.HasPrefix(r.Emergency, "urn:service:sos") {
				h.Errorf("%+v", r)
			}
			body := string(alert.Content())
			if alert.RequestURI != "sip:+4930110@10.0.0.32:5060;user=phone" || alert.Value("Priority") != "emergency" || !strings.Contains(body, "Caller: +493011111") ||
				!strings.Contains(body, "("+r.Emergency+")") && !strings.Contains(body, "Called: "+r.Emergency) || !strings.Contains(body, "Access: ") {
				h.Errorf("%s", alert)
			}
			desk.respond(alert, 200, "")
			p.send(p.within(help, ok, sip.BYE, "2"))
			p.response(200, nil)
		}
		// Not without end, though: ten more.
		var byes []*sip.Request
		for range 10 {
			help := p.invite("urn:service:sos")
			p.send(help)
			desk.respond(desk.request(sip.MESSAGE), 200, "")
			byes = append(byes, p.within(help, p.answered(help), sip.BYE, "2"))
			<-asked
		}
		help := p.invite("urn:service:sos")
		p.send(help)
		p.response(503, help)
		for _, bye := range byes {
			p.send(bye)
			p.response(200, nil)
		}
		p.send(p.within(first, firstOK, sip.BYE, "2"))
		if end := h.end(12); end.Status != 200 {
			h.Errorf("%+v", end)
		}
		synctest.Wait()
		if st := sos.Stats(); st.Calls != 12 || st.Delivered != 12 || st.Pending != 0 {
			h.Errorf("%+v", st)
		}
		if st := h.s.Stats(); st.Refused != 2 || st.Admission.Refused != 0 {
			h.Errorf("%+v", st)
		}
		h.s.Resume()
		if err := sos.Close(h.Context()); err != nil {
			h.Error(err)
		}
	})
}
