// Package s6a is the S6a interface.
package s6a

//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia -import cx=../cx/cx.dia -import sh=../sh/sh.dia s6a.dia
