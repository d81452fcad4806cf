package stp_test

import (
	"fmt"
	"strings"

	"github.com/gotelco/telco/stp"
)

const file = `
node:    { name: STP-A, point-code: 1.2.1, network-indicator: national }
listen:  [ { m3ua: "127.0.0.1:2905" } ]
as:      [ { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, peer: "127.0.0.11" } ] } ]
linkset: [ { name: to-B, adjacent: 4.5.1, links: [ { slc: 0, m2pa: { connect: "127.0.0.2" } } ] } ]
route:   [ { to: 4.5.0/11, via: to-B, priority: 1 } ]
`

func ExampleParseConfig() {
	_, err := stp.ParseConfig("stp.yaml", []byte("node: { point-code: 1.2.9 }\nroutes: []\n"))
	fmt.Println(err)
	// Output:
	// stp.yaml:1:21: node.point-code: mtp3: parse point code "1.2.9": part 3 is not a number of 3 bits
	// stp.yaml:2:1: routes: unknown key; do you mean "route"?
}

func ExampleConfig_Check() {
	c, err := stp.ParseConfig("stp.yaml", []byte(file+"gtt: { match: { prefix: \"49\" }, to: { pc: 7.7.7 } }\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range c.Check() {
		fmt.Println(f)
	}
	// Output:
	// stp.yaml:7:39: error: gtt leads to 7.7.7, but no route leads there
}

func ExamplePlan() {
	now, err1 := stp.ParseConfig("stp.yaml", []byte(file))
	next, err2 := stp.ParseConfig("stp.yaml", []byte(strings.Replace(file, "4.5.0/11", "4.5.6", 1)))
	if err1 != nil || err2 != nil {
		fmt.Println(err1, err2)
		return
	}
	for _, s := range stp.Plan(now, next) {
		fmt.Println(s)
	}
	// Output:
	// keep node STP-A
	// keep listen m3ua 127.0.0.1:2905
	// keep linkset to-B
	// keep link to-B/0
	// keep asp a1
	// keep as A
	// remove route 4.5.0/11 via linkset to-B (what only it led to cannot be reached any more)
	// add route 4.5.6 via linkset to-B: priority 1
	// keep route: 1 ways
}

func ExampleImportOsmo() {
	c, findings, err := stp.ImportOsmo("osmo-stp.cfg", strings.NewReader(`
cs7 instance 0
 network-indicator national
 point-code 1.2.1
 asp a1 0 2905 m3ua
  remote-ip 127.0.0.11
 as A m3ua
  asp a1
  traffic-mode roundrobin
  routing-key 1 1.2.3
 listen m3ua 2905
  local-ip 127.0.0.1
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	fmt.Printf("%s", c.Text())
	// Output:
	// osmo-stp.cfg:9:1: note: roundrobin becomes loadshare by SLS: message by message the order would be lost
	// node:
	//   point-code: 1.2.1
	//   network-indicator: national
	// listen:
	//   - m3ua: 127.0.0.1:2905
	// as:
	//   - name: A
	//     point-code: 1.2.3
	//     routing-context: 1
	//     mode: loadshare
	//     asps:
	//       - name: a1
	//         peer: 127.0.0.11
}
