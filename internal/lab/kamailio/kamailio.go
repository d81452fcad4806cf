// Package kamailio runs an IMS core for tests: Kamailio as P-, I- and S-CSCF with the configuration
// of examples/as/kamailio, a home subscriber server of ours, and phones of SIPp and baresip.
// Everything is on 127.0.0.1, on ports that are free, and without root.
//
//	core := kamailio.StartIMS(t, kamailio.Config{}, kamailio.Subscriber("alice", kamailio.AS(uri)))
//	phone := kamailio.Phone{Name: "alice", Port: lab.FreePort(t)}
//	core.Register(t, phone.Name, phone.Port, 3600)
//
// Tests that use it name the programs they want by lab.Need: [Packages] and [Programs] are those of
// the core.
package kamailio

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
)

// Packages are Debian's names of what a core needs.
const Packages = "kamailio kamailio-ims-modules kamailio-presence-modules sip-tester"

// Domain is the home network's name, and the realm of its Diameter nodes.
const Domain = "ims.example"

// Programs are what a core needs on PATH.
func Programs() []string { return []string{"kamailio", "kamcmd", "sipp"} }

// Config says what of a core to run.
type Config struct {
	Roles      []string // of "pcscf", "icscf", "scscf"; if nil, all three
	Capability int      // which the S-CSCF has
}

// Core is the CSCFs that run.
type Core struct {
	PCSCF, ICSCF, SCSCF int    // ports of 127.0.0.1, for UDP and TCP
	ServerName          string // of the S-CSCF, a SIP URI

	roles []string
	dir   string
}

// Start starts CSCFs that have their HSS on a TCP port of 127.0.0.1, under the Origin-Host localhost.
// They end with the test. Start does not wait for them: see [Core.Wait].
func Start(t testing.TB, cfg Config, hssPort int) *Core {
	t.Helper()
	c := &Core{PCSCF: lab.FreePort(t), ICSCF: lab.FreePort(t), SCSCF: lab.FreePort(t), dir: t.TempDir()}
	c.ServerName = fmt.Sprintf("sip:127.0.0.1:%d", c.SCSCF)
	from := folder(t)
	// One process for all datagrams: of two, one may overtake the other, and SIPp takes messages in one order alone.
	c.write(t, "common.cfg", substitute(t, read(t, filepath.Join(from, "common.cfg")), "\nchildren=2\n", "\nchildren=1\n"))
	for _, name := range []string{"pcscf.cfg", "icscf.cfg", "scscf.cfg", "db/version", "db/nds_trusted_domains"} {
		c.write(t, name, read(t, filepath.Join(from, name)))
	}
	c.write(t, "db/s_cscf", substitute(t, read(t, filepath.Join(from, "db/s_cscf")), `127.0.0.1\:6060`, fmt.Sprintf(`127.0.0.1\:%d`, c.SCSCF)))
	c.write(t, "db/s_cscf_capabilities", substitute(t, read(t, filepath.Join(from, "db/s_cscf_capabilities")), "1:1:0", fmt.Sprintf("1:1:%d", cfg.Capability)))
	c.write(t, "site.cfg", substitute(t, read(t, filepath.Join(from, "site.cfg")), "!4060!", fmt.Sprintf("!%d!", c.PCSCF), "!5060!", fmt.Sprintf("!%d!", c.ICSCF),
		"!6060!", fmt.Sprintf("!%d!", c.SCSCF), "!/tmp/telco-ims!", "!"+c.dir+"!"))
	for _, name := range []string{"icscf.xml", "scscf.xml"} {
		text := read(t, filepath.Join(from, name))
		acceptor := regexp.MustCompile(`<Acceptor port="\d+"`).FindString(text)
		c.write(t, name, substitute(t, text, `port="3868"`, fmt.Sprintf(`port="%d"`, hssPort), acceptor, fmt.Sprintf(`<Acceptor port="%d"`, lab.FreePort(t))))
	}
	c.roles = cfg.Roles
	if c.roles == nil {
		c.roles = []string{"icscf", "scscf", "pcscf"}
	}
	for _, role := range c.roles {
		run(t, c.dir, role+".cfg")
	}
	return c
}

// Dispatcher is Kamailio in front of several servers.
type Dispatcher struct {
	Port int // of 127.0.0.1, for UDP and TCP
	dir  string
}

// StartDispatcher starts a dispatcher to servers, which are SIP URIs, at a port of 127.0.0.1, and waits until it answers. It ends with
// the test.
func StartDispatcher(t testing.TB, port int, servers ...string) *Dispatcher {
	t.Helper()
	d := &Dispatcher{Port: port, dir: t.TempDir()}
	from := folder(t)
	write(t, filepath.Join(d.dir, "common.cfg"), substitute(t, read(t, filepath.Join(from, "common.cfg")), "\nchildren=2\n", "\nchildren=1\n"))
	write(t, filepath.Join(d.dir, "dispatcher.cfg"), read(t, filepath.Join(from, "dispatcher.cfg")))
	write(t, filepath.Join(d.dir, "site.cfg"), substitute(t, read(t, filepath.Join(from, "site.cfg")), "!5070!", fmt.Sprintf("!%d!", d.Port), "!/tmp/telco-ims!", "!"+d.dir+"!"))
	list := ""
	for _, s := range servers {
		list += "1 " + s + "\n"
	}
	write(t, filepath.Join(d.dir, "dispatcher.list"), list)
	run(t, d.dir, "dispatcher.cfg")
	Eventually(t, "the dispatcher answers SIP", func() bool { return Answers("127.0.0.1", d.Port) })
	return d
}

// RPC asks it by kamcmd, and returns what it prints.
func (d *Dispatcher) RPC(args ...string) string { return rpc(d.dir, "dispatcher", args...) }

// Wait waits until all nodes serve.
func (c *Core) Wait(t testing.TB) {
	t.Helper()
	for _, role := range c.roles {
		port := map[string]int{"pcscf": c.PCSCF, "icscf": c.ICSCF, "scscf": c.SCSCF}[role]
		Eventually(t, role+" answers SIP", func() bool { return Answers("127.0.0.1", port) })
		if role != "pcscf" {
			Eventually(t, role+" is connected to the HSS", func() bool { return strings.Contains(c.RPC(role, "cdp.list_peers"), "State: I_Open") })
		}
	}
}

// RPC asks a node by kamcmd, and returns what it prints.
func (c *Core) RPC(role string, args ...string) string { return rpc(c.dir, role, args...) }

func rpc(dir, name string, args ...string) string {
	out, _ := exec.Command("kamcmd", append([]string{"-s", "unix:" + filepath.Join(dir, name+".ctl")}, args...)...).CombinedOutput()
	return string(out)
}

// Contacts is how many contacts the S-CSCF has of a public identity that have not expired.
func (c *Core) Contacts(impu string) int {
	return len(regexp.MustCompile(`expires: [1-9]`).FindAllString(c.RPC("scscf", "ulscscf.showimpu", impu), -1))
}

func (c *Core) write(t testing.TB, name, text string) { write(t, filepath.Join(c.dir, name), text) }

// run starts a Kamailio in dir with a configuration that lies there; it ends with the test.
func run(t testing.TB, dir, config string) {
	t.Helper()
	name := strings.TrimSuffix(config, ".cfg")
	own := filepath.Join(dir, name)
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"kamailio", "-DD", "-E", "-f", filepath.Join(dir, config), "-m", "64", "-M", "8", "-Y", own, "-w", dir, "-P", filepath.Join(own, "pid")}
	if os.Geteuid() == 0 { // the P-CSCF would empty the kernel's IPsec tables
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skip("as root it needs setpriv (Debian: apt-get install util-linux)")
		}
		args = append([]string{"setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"}, args...)
	}
	Run(t, dir, name, args...)
}

// Process is a program that runs until it is stopped. What it prints is in the test's log if that fails.
type Process struct {
	*exec.Cmd
	stdin *os.File // of this side: it ends with us
	log   string
	done  chan struct{}
}

// Command is a program that runs in dir.
func Command(dir string, args ...string) *Process {
	p := &Process{Cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.Dir, p.WaitDelay = dir, time.Second
	ownGroup(p.Cmd)
	return p
}

// Start starts the program, which is interrupted when the test ends.
func (p *Process) Start(t testing.TB, name string) {
	t.Helper()
	log, err := os.Create(filepath.Join(p.Dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	in, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin, p.log, p.Stdin, p.Stdout, p.Stderr = stdin, log.Name(), in, log, log
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	go func() {
		p.Wait()
		log.Close()
		stdin.Close()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			said := p.Said()
			t.Logf("%s said:\n%s", name, said[max(0, len(said)-6000):])
		}
	})
}

// Run starts a program in dir.
func Run(t testing.TB, dir, name string, args ...string) *Process {
	t.Helper()
	p := Command(dir, args...)
	p.Start(t, name)
	return p
}

// Said is what it has printed.
func (p *Process) Said() string {
	b, _ := os.ReadFile(p.log)
	return string(b)
}

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop interrupts it and waits for its end; it is killed if that takes too long.
func (p *Process) Stop() {
	p.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// Kill ends it, with its children, as kill -9 does.
func (p *Process) Kill() {
	select {
	case <-p.done: // whose ID may be somebody else's by now
		return
	default:
	}
	killGroup(p.Cmd)
	<-p.done
}

// Eventually waits until ok, a minute at most.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Answers tells whether somebody answers OPTIONS at a UDP port of an address of 127.0.0.0/8.
func Answers(host string, port int) bool {
	conn, err := net.Dial("udp4", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return false
	}
	defer conn.Close()
	fmt.Fprintf(conn, "OPTIONS sip:%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nFrom: <sip:probe@%s>;tag=1\r\nTo: <sip:%s:%d>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", host, port, conn.LocalAddr(), time.Now().UnixNano(), host, host, port, conn.LocalAddr())
	conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := conn.Read(make([]byte, 2000))
	return err == nil && n > 0
}

// folder is where examples/as/kamailio lies.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if at := filepath.Join(dir, "examples/as/kamailio"); exists(filepath.Join(at, "scscf.cfg")) {
			return at
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("examples/as/kamailio is not there")
		}
		dir = up
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// substitute replaces pairs of strings, each of which has to be there.
func substitute(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q stands %d times in the configuration", pairs[i], strings.Count(text, pairs[i]))
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}
