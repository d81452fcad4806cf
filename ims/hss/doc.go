// Package hss is the Home Subscriber Server of an IMS core (TS 29.228, TS 29.328) and of a private LTE core (TS 29.272).
//
// A [Subscriber] is what an operator provisions, a [State] what the HSS learns from the network; a [Store] keeps both.
package hss
