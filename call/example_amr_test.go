package call_test

import (
	"fmt"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/call"
)

// An agent that prefers AMR-WB in both forms of its payload, and transcodes to A-law.
func ExampleAMR() {
	codecs := append(call.AMRWB(), call.AMRNB()...)
	codecs = append(codecs, call.PCMA)
	agent, err := call.NewAgent(call.Config{Codecs: codecs})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer agent.Close()

	narrow := call.AMR(call.AMRConfig{Codec: amr.NB, OctetAligned: true, ModeSet: amr.ModesOf(0, 2, 4, 7), DTX: true})
	answer, ok := narrow.Match(narrow.FMTP, "octet-align=1;mode-change-capability=2;max-red=220")
	fmt.Println(answer, ok)
	// Output: octet-align=1;mode-set=0,2,4,7;mode-change-capability=2;max-red=0 true
}
