package aka_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/gotelco/telco/ims/aka"
)

// A challenge is answered; the same challenge again makes the card ask for resynchronisation.
func Example() {
	k := [16]byte{0x46, 0x5b, 0x5c, 0xe8, 0xb1, 0x99, 0xb4, 0x9f, 0xaa, 0x5f, 0x0a, 0x2e, 0xe2, 0x38, 0xa6, 0xbc}
	alg := aka.NewMilenage(k, aka.OPc(k, [16]byte{0xcd, 0xc2}))
	card := aka.NewSIM(alg, aka.SQNScheme{}, 0)

	rand := [16]byte{0x23, 0x55} // random, in a network
	v, _ := aka.NewVector(alg, rand, aka.SQNScheme{}.Join(1, 0), aka.AMF{0x80, 0})
	answer, err := card.Answer(v.RAND, v.AUTN)
	fmt.Println(bytes.Equal(answer.RES, v.XRES), err)

	_, err = card.Answer(v.RAND, v.AUTN)
	var sync *aka.SyncFailure
	if errors.As(err, &sync) {
		sqn, err := aka.CheckAUTS(alg, rand, sync.AUTS)
		fmt.Println("card is at", sqn, err)
	}
	// Output:
	// true <nil>
	// card is at 000000000020 <nil>
}
