package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// exchange is an end point: an ASP, the messages that it got, and what its STP told it.
type exchange struct {
	name string
	pc   mtp3.PointCode
	asp  *m3ua.ASP

	mu    sync.Mutex
	got   []mtp3.MSU
	heard []string
	stuck chan struct{} // if not nil, it takes nothing until that is closed
}

// attach brings up an exchange at its gateway.
func (d *demo) attach(name string, pc mtp3.PointCode, at, gateway string, rc uint32) (*exchange, error) {
	x := &exchange{name: name, pc: pc}
	local := sctp.AddrOf(netip.AddrPortFrom(netip.MustParseAddr(at), 2905))
	remote := sctp.AddrOf(netip.AddrPortFrom(netip.MustParseAddr(gateway), 2905))
	x.asp = m3ua.NewASP(m3ua.ClientConfig{
		Name: name, RoutingContexts: []uint32{rc},
		Dial: func(ctx context.Context) (sctp.Conn, error) {
			return d.net.Dial(ctx, local, remote, sctp.Config{ReceiveBuffer: 8192})
		},
		Transfer: func(in *m3ua.Indication) { x.take(&in.MSU) },
		Event:    x.event,
	})
	d.exchanges = append(d.exchanges, x)
	ctx, cancel := context.WithTimeout(d.ctx, 10*time.Second)
	defer cancel()
	if err := x.asp.Active(ctx); err != nil {
		return nil, fmt.Errorf("exchange %s: %w", name, err)
	}
	return x, nil
}

// exchange is the last one of a name.
func (d *demo) exchange(name string) *exchange {
	for _, x := range slices.Backward(d.exchanges) {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (x *exchange) take(m *mtp3.MSU) {
	x.mu.Lock()
	stuck := x.stuck
	c := *m
	c.Data = slices.Clone(m.Data)
	x.got = append(x.got, c)
	x.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
}

func (x *exchange) event(e m3ua.Event) {
	if e.Kind != m3ua.PrimitiveEvent || e.Primitive.Affected.Wild >= 14 {
		return
	}
	s := fmt.Sprintf("%v %s", e.Primitive.Kind, mtp3.Format{}.DestinationString(e.Primitive.Affected))
	if e.Primitive.Kind == mtp3.StatusPrimitive {
		s += " " + e.Primitive.Status.Cause.String()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard = append(x.heard, s)
}

// forget forgets what arrived.
func (x *exchange) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.got, x.heard = nil, nil
}

// said tells whether the STP told something that begins so.
func (x *exchange) said(prefix string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.ContainsFunc(x.heard, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

func (x *exchange) messages() []mtp3.MSU {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.got)
}

func (x *exchange) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.got)
}

func (x *exchange) send(to mtp3.PointCode, sls mtp3.SLS, si mtp3.ServiceIndicator, data []byte) error {
	return x.asp.Transfer(&mtp3.MSU{SI: si, NI: mtp3.National, Label: mtp3.Label{OPC: x.pc, DPC: to, SLS: sls}, Data: data})
}

// number is the content of a test message.
func number(i int) []byte { return []byte{byte(i >> 16), byte(i >> 8), byte(i)} }

// flood sends n numbered messages over all SLS, some 1000 a second.
func (x *exchange) flood(ctx context.Context, to mtp3.PointCode, n int) (sent int) {
	for i := range n {
		if x.send(to, mtp3.SLS(i%16), mtp3.MTPTest, number(i)) == nil {
			sent++
		}
		if i%10 == 9 {
			pause(ctx, 10*time.Millisecond)
		}
	}
	return sent
}

// tally counts what became of n numbered messages.
func tally(got []mtp3.MSU, n int) (lost, doubled, disordered int) {
	seen := make([]int, n)
	last := map[mtp3.SLS]int{}
	for _, m := range got {
		if m.SI != mtp3.MTPTest || len(m.Data) != 3 {
			continue
		}
		i := int(m.Data[0])<<16 | int(m.Data[1])<<8 | int(m.Data[2])
		if i >= n {
			continue
		}
		seen[i]++
		if before, ok := last[m.Label.SLS]; ok && i <= before {
			disordered++
		}
		last[m.Label.SLS] = i
	}
	for _, c := range seen {
		if c == 0 {
			lost++
		} else if c > 1 {
			doubled += c - 1
		}
	}
	return lost, doubled, disordered
}
