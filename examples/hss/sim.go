package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
)

const simHelp = `usage: hss sim [flags]

Makes keys for a card, or computes with those of one (Milenage, TS 35.206). Keys come from a file, lest others on the machine see
them: lines "K 465b…" and "OPc cd63…" or "OP cdc2…".

  hss sim                                       new K and OPc
  hss sim -keys card.txt                        OPc of OP
  hss sim -keys card.txt -rand RAND -sqn SQN    the vector: what an HSS sends, and what the card has to answer
  hss sim -keys card.txt -rand RAND -autn AUTN  what the card makes of a challenge: is its MAC right, which SQN does it carry?
  hss sim -keys card.txt -rand RAND -auts AUTS  is a resynchronisation genuine, and how far is the card?
`

func sim(_ context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	fs := flag.NewFlagSet("hss sim", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, simHelp, "\nFlags:\n")
		fs.PrintDefaults()
	}
	keys := fs.String("keys", "", "`file` with K, and OPc or OP")
	randHex := fs.String("rand", "", "RAND in 32 hexadecimal `digits`")
	sqnHex := fs.String("sqn", "000000000000", "SQN in 12 hexadecimal `digits`")
	amfHex := fs.String("amf", "8000", "AMF in 4 hexadecimal `digits`")
	autnHex := fs.String("autn", "", "AUTN in 32 hexadecimal `digits`")
	autsHex := fs.String("auts", "", "AUTS in 28 hexadecimal `digits`")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	fail := func(err error) int {
		fmt.Fprintln(stderr, "hss sim:", err)
		return 1
	}
	if *keys == "" {
		k, opc, _, err := cardKeys("")
		if err != nil {
			return fail(err)
		}
		fmt.Fprintf(stdout, "K    %s\nOPc  %s\n", k.RevealHex(), opc.RevealHex())
		return 0
	}
	k, opc, _, err := cardKeys(*keys)
	if err != nil {
		return fail(err)
	}
	fmt.Fprintf(stdout, "OPc  %s\n", opc.RevealHex())
	if *randHex == "" {
		return 0
	}
	alg := aka.NewMilenage([16]byte(k.Reveal()), [16]byte(opc.Reveal()))
	var rnd, autn, sqn, amf, auts []byte
	for _, x := range []struct {
		name, digits string
		to           *[]byte
		n            int
	}{{"rand", *randHex, &rnd, 16}, {"autn", *autnHex, &autn, 16}, {"sqn", *sqnHex, &sqn, 6}, {"amf", *amfHex, &amf, 2}, {"auts", *autsHex, &auts, 14}} {
		if *x.to, err = hex.DecodeString(x.digits); err != nil || len(*x.to) != x.n && x.digits != "" {
			return fail(fmt.Errorf("-%s wants %d hexadecimal digits", x.name, 2*x.n))
		}
	}
	r := [16]byte(rnd)
	switch {
	case len(autn) > 0:
		n, err := aka.CheckAUTN(alg, r, [16]byte(autn))
		if err != nil {
			return fail(errors.New("the MAC in AUTN is wrong: another K, or an OP that was taken for an OPc"))
		}
		res, _, _, _ := alg.F2345(r)
		fmt.Fprintf(stdout, "MAC  right\nSQN  %v\nRES  %x\n", n, res)
	case len(auts) > 0:
		n, err := aka.CheckAUTS(alg, r, aka.AUTS(auts))
		if err != nil {
			return fail(errors.New("the MAC in AUTS is wrong: another K, or an OP that was taken for an OPc, or another RAND"))
		}
		fmt.Fprintf(stdout, "MAC  right\nSQN  %v of the card\n", n)
	default:
		v, err := aka.NewVector(alg, r, aka.ParseSQN([6]byte(sqn)), aka.AMF(amf))
		if err != nil {
			return fail(err)
		}
		fmt.Fprintf(stdout, "RAND %x\nAUTN %x\nXRES %x\nCK   %x\nIK   %x\n", v.RAND, v.AUTN, v.XRES, v.CK, v.IK)
	}
	return 0
}

// cardKeys reads K and OPc from a file, or makes new ones. Lines may have a name in front: K, OPc, OP.
func cardKeys(file string) (k, opc hss.Secret, made bool, err error) {
	if file == "" {
		var b [32]byte
		if _, err := rand.Read(b[:]); err != nil {
			return k, opc, false, err
		}
		return hss.NewSecret(b[:16]), hss.NewSecret(b[16:]), true, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return k, opc, false, err
	}
	var plain []hss.Secret
	var op hss.Secret
	for i, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(strings.ReplaceAll(line, ":", " "))
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		name := ""
		if len(f) > 1 {
			name, f = strings.ToLower(f[0]), f[1:]
		}
		s, err := hss.ParseSecret(strings.Join(f, ""))
		if err != nil || s.Len() != 16 {
			return k, opc, false, fmt.Errorf("%s:%d: not a key of 32 hexadecimal digits", file, i+1)
		}
		switch name {
		case "k", "ki":
			k = s
		case "opc":
			opc = s
		case "op":
			op = s
		case "":
			plain = append(plain, s)
		default:
			return k, opc, false, fmt.Errorf("%s:%d: what is %q?", file, i+1, name)
		}
	}
	if len(plain) == 2 && k.IsZero() && opc.IsZero() {
		k, opc = plain[0], plain[1]
	}
	if opc.IsZero() && op.Len() == 16 && k.Len() == 16 {
		c := aka.OPc([16]byte(k.Reveal()), [16]byte(op.Reveal()))
		opc = hss.NewSecret(c[:])
	}
	if k.IsZero() || opc.IsZero() {
		return k, opc, false, fmt.Errorf("%s: wants K, and OPc or OP", file)
	}
	return k, opc, false, nil
}

// homeDomain is the home network domain of an IMSI (TS 23.003 section 13.2).
func homeDomain(imsi string) string {
	if len(imsi) < 6 {
		return "invalid"
	}
	mcc, mnc := imsi[:3], "0"+imsi[3:5]
	if mcc == "302" || mcc >= "310" && mcc <= "316" {
		mnc = imsi[3:6]
	}
	return "ims.mnc" + mnc + ".mcc" + mcc + ".3gppnetwork.org"
}
