package as_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/lab/kamailio"
)

// TestServerProcess is no test: it is the server that TestKamailioDispatcher runs in a process of its own, until that is killed or its
// standard input ends.
func TestServerProcess(t *testing.T) {
	port, telephones, _ := strings.Cut(os.Getenv("TELCO_AS_PROCESS"), " ")
	if port == "" {
		t.Skip("is a part of TestKamailioDispatcher (TELCO_AS_PROCESS is not set)")
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	var list [][2]string
	for _, s := range strings.Fields(telephones) {
		number, uri, _ := strings.Cut(s, "=")
		list = append(list, [2]string{number, uri})
	}
	startServer(t, serverConfig(t, nil, list...), n)
	io.Copy(io.Discard, os.Stdin)
}

// TestKamailioDispatcher: two servers behind Kamailio's dispatcher. One is killed. A call on the other one does not notice, and calls
// that come after it, at once, are all answered.
func TestKamailioDispatcher(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, kamailio.Packages, kamailio.Programs()...)
	lab.Need(t, kamailio.BaresipPackages, "baresip")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Two callers with a telephone each, and one that only counts calls.
	const many = "+49301000"
	manyPort := lab.FreePort(t)
	var desks []kamailio.Baresip
	telephones := fmt.Sprintf("%s=sip:127.0.0.1:%d", many, manyPort)
	for i := range 2 {
		d := kamailio.Baresip{Name: number + strconv.Itoa(i), Domain: "127.0.0.2", Host: "127.0.0.2", Port: lab.FreePort(t), Codec: "PCMA", Tone: 1000}
		desks = append(desks, d)
		telephones += fmt.Sprintf(" %s=sip:127.0.0.2:%d", d.Name, d.Port)
	}
	servers := map[string]*kamailio.Process{} // by their ports
	var uris []string
	for range 2 {
		port := lab.FreePort(t)
		uris = append(uris, fmt.Sprintf("sip:127.0.0.1:%d", port))
		p := kamailio.Command(t.TempDir(), exe, "-test.run=^TestServerProcess$")
		p.Env = append(os.Environ(), fmt.Sprintf("TELCO_AS_PROCESS=%d %s", port, telephones))
		p.Start(t, "server")
		servers[strconv.Itoa(port)] = p
		kamailio.Eventually(t, "a server answers SIP", func() bool { return kamailio.Answers("127.0.0.1", port) })
	}
	d := kamailio.StartDispatcher(t, uris...)

	// A call on each of them.
	var callers, answers []*kamailio.Phone
	var on []string // ports of servers
	for i, name := range []string{"alice", "bob"} {
		answers = append(answers, desks[i].Start(t))
		callers = append(callers, kamailio.Baresip{Name: name, Port: lab.FreePort(t), Proxy: d.Port, Codec: "AMR", Tone: 440, Dial: "sip:" + desks[i].Name + "@" + kamailio.Domain}.Start(t))
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
	go func() { answered <- kamailio.Answer(t, manyPort, calls) }()
	since := callers[1].Hears(t, 1000, 0)
	servers[on[0]].Kill()
	callers[0].Kill() // whose ends would wait for one another in vain
	answers[0].Kill()
	for i := range calls {
		if err := kamailio.Call(t, lab.FreePort(t), d.Port, many); err != nil {
			t.Errorf("call %d after it: %v\n%s", i, err, d.RPC("dispatcher.list"))
		}
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	kamailio.Eventually(t, "the dispatcher has found out", func() bool {
		return regexp.MustCompile(`:` + on[0] + `\s+FLAGS: I`).MatchString(d.RPC("dispatcher.list"))
	})
	callers[1].Hears(t, 1000, since+8000) // at least a second that began after all that
	callers[1].HangUp()
	answers[1].HungUp(t)
}
