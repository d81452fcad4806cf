package provision_test

import (
	"fmt"
	"os"

	"github.com/gotelco/telco/ims/hss/provision"
)

func ExampleParse() {
	text := `
subscribers:
  - id: alice
    privateIdentities:
      - impi: alice@ims.example
        imsi: 001010000000001
        aka: {k: 465B5CE8B199B49FAA5F0A2EE238A6BC, opc: E8ED289DEBA952E4283B54E88E6183CA}
    publicIdentities:
      - identity: sip:alice@ims.example
`
	batch, err := provision.Parse(provision.Options{}, []string{"users.yaml"}, [][]byte{[]byte(text)})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch.Write(os.Stdout, provision.ExportOptions{Format: provision.JSONL})
	_, err = provision.Parse(provision.Options{}, []string{"users.yaml"}, [][]byte{[]byte(text + "        barring: true\n")})
	fmt.Println(err)
	// Output:
	// {"id":"alice","privateIdentities":[{"impi":"alice@ims.example","imsi":"001010000000001","aka":{"k":"***","opc":"***"}}],"publicIdentities":[{"identity":"sip:alice@ims.example"}]}
	// users.yaml:10:9: unknown key "barring"
}
