package hss

import (
	"encoding/hex"
	"fmt"

	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/ims/aka"
)

const (
	schemeAKAv1  = cx.SchemeDigestAKAv1
	schemeAKAv2  = cx.SchemeDigestAKAv2
	schemeDigest = cx.SchemeSIPDigest
)

func (a *AKA) hidden() bool { return a.K.Hidden() || a.OPc.Hidden() || a.OP.Hidden() }

// amf is the authentication management field.
func (a *AKA) amf() aka.AMF {
	if b, err := hex.DecodeString(a.AMF); err == nil && len(b) == 2 {
		return aka.AMF(b)
	}
	return aka.AMF{0x80, 0}
}

// algorithm makes the algorithm set of the subscriber.
func (a *AKA) algorithm() (aka.Algorithm, error) {
	if a.Algorithm == TUAK {
		k := []byte(a.K.octets)
		var topc [32]byte
		if a.OPc.IsZero() {
			if len(a.OP.octets) != 32 {
				return nil, fmt.Errorf("hss: TOP of %d octets", len(a.OP.octets))
			}
			var err error
			if topc, err = aka.TOPc(k, [32]byte([]byte(a.OP.octets)), a.Iterations); err != nil {
				return nil, err
			}
		} else {
			if len(a.OPc.octets) != 32 {
				return nil, fmt.Errorf("hss: TOPc of %d octets", len(a.OPc.octets))
			}
			topc = [32]byte([]byte(a.OPc.octets))
		}
		return aka.NewTUAK(k, topc, aka.TUAKConfig{RES: a.RESLen, CK: a.CKLen, IK: a.IKLen, Iterations: a.Iterations})
	}
	if len(a.K.octets) != 16 {
		return nil, fmt.Errorf("hss: K of %d octets", len(a.K.octets))
	}
	k := [16]byte([]byte(a.K.octets))
	if !a.OPc.IsZero() {
		if len(a.OPc.octets) != 16 {
			return nil, fmt.Errorf("hss: OPc of %d octets", len(a.OPc.octets))
		}
		return aka.NewMilenage(k, [16]byte([]byte(a.OPc.octets))), nil
	}
	if len(a.OP.octets) != 16 {
		return nil, fmt.Errorf("hss: OP of %d octets", len(a.OP.octets))
	}
	return aka.NewMilenage(k, aka.OPc(k, [16]byte([]byte(a.OP.octets)))), nil
}
