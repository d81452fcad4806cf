package kamailio

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gotelco/telco/internal/lab"
)

// build makes a program of the examples.
func build(t *testing.T, dir, program string) string {
	t.Helper()
	exe := filepath.Join(dir, program)
	cmd := exec.Command("go", "build", "-o", exe, "./examples/"+program)
	cmd.Dir = filepath.Join(folder(t), "../../..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exe
}

// TestKamailioExample runs the example of examples/as/kamailio as its README has it, on ports of the test's own and with two more
// telephones: our HSS, Kamailio's CSCFs, and two application servers behind Kamailio's dispatcher, with a call on each. One is killed:
// the call on the other one does not notice, and calls that come after it, at once, are all answered.
func TestKamailioExample(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, Packages, Programs()...)
	lab.Need(t, BaresipPackages, "baresip")
	dir, from := t.TempDir(), folder(t)
	port := func() int { return lab.FreePort(t) }
	config := func(dir, name string, pairs ...any) {
		text := read(t, filepath.Join(from, name))
		for i := 0; i < len(pairs); i += 2 {
			old := pairs[i].(string)
			if !strings.Contains(text, old) {
				t.Fatalf("%s lacks %q", name, old)
			}
			text = strings.ReplaceAll(text, old, fmt.Sprint(pairs[i+1]))
		}
		write(t, filepath.Join(dir, name), text)
	}

	hss, dispatcher, desk, hall, many := port(), port(), port(), port(), port()
	config(dir, "users.yaml", "127.0.0.1:5080", fmt.Sprint("127.0.0.1:", dispatcher))
	config(dir, "hss.yaml", ":3868", fmt.Sprint(":", hss), ":8081", fmt.Sprint(":", port()))
	Run(t, dir, "hss", build(t, dir, "hss"), "run", "hss.yaml")
	core := Start(t, Config{}, hss)
	servers := map[string]*Process{} // by their ports
	var uris []string
	program := build(t, dir, "as")
	for range 2 {
		p, own := port(), t.TempDir()
		config(own, "as.yaml", ":5080", fmt.Sprint(":", p), ":8080", fmt.Sprint(":", port()), ":5060", fmt.Sprint(":", core.ICSCF), ":5090", fmt.Sprint(":", desk),
			"admin:", "limits: {late: 0s, busy: 0}   # or a busy machine has calls refused\nadmin:",
			"trunks:\n", fmt.Sprintf("trunks:\n  - {name: hall, servers: [{uri: \"sip:127.0.0.2:%d\"}]}\n  - {name: many, servers: [{uri: \"sip:127.0.0.1:%d\"}]}\n", hall, many),
			"rules:\n", "rules:\n  - {match: {called: [\"+49301*\"]}, then: {action: bridge, targets: [{trunk: hall}]}}\n  - {match: {called: [\"+49302*\"]}, then: {action: bridge, targets: [{trunk: many}]}}\n")
		servers[strconv.Itoa(p)] = Run(t, own, "as", program, "-config", "as.yaml")
		uris = append(uris, fmt.Sprint("sip:127.0.0.1:", p))
		Eventually(t, "a server answers SIP", func() bool { return Answers("127.0.0.1", p) })
	}
	d := StartDispatcher(t, dispatcher, uris...)
	core.Wait(t)

	// A call on each of them.
	var callers, answers []*Phone
	var on []string // ports of servers
	at := map[string]int{"alice": port(), "bob": port()}
	for i, c := range []struct {
		name, number string
		to           int
	}{{"alice", "+49303333", desk}, {"bob", "+49301111", hall}} {
		core.RegisterAccount(t, filepath.Join(from, c.name+".csv"), c.name, at[c.name], 3600)
		answers = append(answers, Baresip{Name: c.number, Domain: "127.0.0.2", Host: "127.0.0.2", Port: c.to, Codec: "PCMA", Tone: 1000}.Start(t))
		callers = append(callers, Baresip{Name: c.name, Port: at[c.name], Proxy: core.PCSCF, Codec: "AMR", Tone: 440, Dial: "sip:" + c.number + "@" + Domain}.Start(t))
		callers[i].Hears(t, 1000, 0)
		m := regexp.MustCompile(`UDP 127\.0\.0\.1:(\d+) -> \S+\s+INVITE `).FindStringSubmatch(answers[i].Said())
		if m == nil {
			t.Fatalf("whose call it is: %s", answers[i].Said())
		}
		on = append(on, m[1])
	}
	if on[0] == on[1] || servers[on[0]] == nil || servers[on[1]] == nil {
		t.Fatalf("the calls are on %v", on)
	}

	const calls = 4
	answered := make(chan error, 1)
	go func() { answered <- Answer(t, many, calls) }()
	since := callers[1].Hears(t, 1000, 0)
	servers[on[0]].Kill()
	callers[0].Kill() // whose ends would wait for one another in vain
	answers[0].Kill()
	for i := range calls {
		if err := Call(t, at["alice"], core.PCSCF, "+49302222"); err != nil {
			t.Errorf("call %d after it: %v\n%s", i, err, d.RPC("dispatcher.list"))
		}
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	Eventually(t, "the dispatcher has found out", func() bool {
		return regexp.MustCompile(`:` + on[0] + `\s+FLAGS: I`).MatchString(d.RPC("dispatcher.list"))
	})
	callers[1].Hears(t, 1000, since+8000) // at least a second that began after all that
	callers[1].HangUp()
	answers[1].HungUp(t)
}
