// Package sh is the Sh interface.
package sh

//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia -import cx=../cx/cx.dia sh.dia
