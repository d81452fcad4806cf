//go:build (amd64 || arm64) && !purego

package kernel

import (
	"testing"
	"unsafe"
)

// TestLayout holds the offsets that the assembly reads at.
func TestLayout(t *testing.T) {
	var p PairSearch
	var a correlateArgs
	var b correlate4Args
	var c ChainSearch
	for name, o := range map[string][2]uintptr{
		"N":      {unsafe.Offsetof(p.N), 24},
		"Count":  {unsafe.Offsetof(p.Count), 48},
		"Cross":  {unsafe.Offsetof(p.Cross), 80},
		"Ps0":    {unsafe.Offsetof(p.Ps0), 96},
		"Pulses": {unsafe.Offsetof(p.Pulses), 104},
		"Sq":     {unsafe.Offsetof(p.Sq), 184},
		"At":     {unsafe.Offsetof(p.At), 248},
		"exact":  {unsafe.Offsetof(p.exact), 280},
		"alp1":   {unsafe.Offsetof(p.alp1), 288},
		"ps1":    {unsafe.Offsetof(p.ps1), 352},
		"Lanes":  {unsafe.Offsetof(p.Lanes), 384},
		"Square": {unsafe.Offsetof(p.Square), 392},
		"Slots":  {unsafe.Offsetof(p.Slots), 408},
		"back":   {unsafe.Offsetof(a.back), 80},
		"signs":  {unsafe.Offsetof(a.signs), 160},
		"same":   {unsafe.Offsetof(a.same), 256},
		"other":  {unsafe.Offsetof(a.other), 352},
		"first":  {unsafe.Offsetof(c.First), 104},
		"ps":     {unsafe.Offsetof(c.Ps), 112},
		"ats":    {unsafe.Offsetof(c.At), 136},
		"exact3": {unsafe.Offsetof(c.exact), 160},
		"h4":     {unsafe.Offsetof(b.h), 256},
		"signs4": {unsafe.Offsetof(b.signs), 336},
		"same4":  {unsafe.Offsetof(b.same), 432},
		"other4": {unsafe.Offsetof(b.other), 528},
		"row":    {unsafe.Sizeof(Matrix{}[0]), 96},
	} {
		if o[0] != o[1] {
			t.Errorf("%s is at %d, the assembly has it at %d", name, o[0], o[1])
		}
	}
}
