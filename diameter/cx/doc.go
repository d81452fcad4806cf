// Package cx is the Cx and Dx interfaces.
package cx

//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia cx.dia
