package kamailio

import (
	"testing"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/internal/lab"
)

// TestKamailioRegister: a phone registers through all three CSCFs, and ends it.
func TestKamailioRegister(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, Packages, Programs()...)
	x := StartIMS(t, Config{}, Subscriber(t, "alice"))
	port := lab.FreePort(t)
	x.Register(t, "alice", port, 3600)
	if r := x.Registration(t, "alice"); r.State != hss.Registered || r.SCSCF != x.ServerName || x.Contacts("sip:alice-too@"+Domain) != 1 {
		t.Errorf("after the registration: %+v\n%s", r, x.RPC("scscf", "ulscscf.showimpu", "sip:alice-too@"+Domain))
	}
	x.Register(t, "alice", port, 0)
	Eventually(t, "de-registered at the HSS", func() bool { return x.Registration(t, "alice").State != hss.Registered })
}
