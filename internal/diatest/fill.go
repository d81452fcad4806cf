// Package diatest makes messages for the tests of typed commands.
package diatest

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/gotelco/telco/diameter"
)

// Fill sets every field of a command or group to a value that its AVP can hold: two of what may come more than once, every
// optional one present. Each value differs from its neighbours. The Header is left alone.
func Fill(command any) {
	n := uint32(0)
	v := reflect.ValueOf(command).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Name != "Header" {
			fill(v.Type().Field(i).Name, v.Field(i), &n)
		}
	}
}

// octets are values of AVPs whose octets tshark looks into.
var octets = map[string][]byte{
	"FramedIPAddress":  {192, 0, 2, 7},
	"VisitedPLMNID":    {0x00, 0xf1, 0x10},
	"GroupPLMNID":      {0x00, 0xf1, 0x10},
	"FramedIPv6Prefix": {0, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0},
}

func fill(name string, v reflect.Value, n *uint32) {
	*n++
	switch v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(*n)})))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1795000000+int64(*n), 0).UTC()))
		return
	case []byte:
		if b, ok := octets[name]; ok {
			v.SetBytes(b)
		} else { // the digits of a PLMN, of a number, or of nothing
			v.SetBytes([]byte{0x00, 0xf1, 0x10, 0x10 * byte(*n%10), byte(*n / 10 % 10)})
		}
		return
	case diameter.ResultCode:
		v.SetUint(uint64(diameter.Success))
		return
	case diameter.VendorID:
		v.SetUint(uint64(diameter.Vendor3GPP))
		return
	case diameter.ApplicationID:
		v.SetUint(16777216)
		return
	case []diameter.AVP: // as a field of its own and as the contents of Failed-AVP
		v.Set(reflect.ValueOf([]diameter.AVP{{Code: 50000 + diameter.AVPCode(*n), Data: []byte{byte(*n)}}}))
		return
	case diameter.VendorSpecificApplicationID:
		v.Set(reflect.ValueOf(diameter.VendorSpecificApplicationID{VendorID: diameter.Vendor3GPP, AuthApplicationID: diameter.Some(diameter.ApplicationID(16777216))}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("v" + string(rune('a'+*n%26)) + ".example")
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n & 3))
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n & 1))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(name, v.Index(0), n)
		fill(name, v.Index(1), n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(name, v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case f.Name == "Present" && f.Type.Kind() == reflect.Bool:
				v.Field(i).SetBool(true)
			case f.Name == "Value" && v.NumField() == 2: // of an Opt
				fill(name, v.Field(i), n)
			default:
				fill(f.Name, v.Field(i), n)
			}
		}
	default:
		panic("diatest: a field of the type " + v.Type().String())
	}
}
