package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

const (
	window = 500 // messages under way at most
	size   = 80  // octets of user data
	ppid   = 3
)

var be = binary.BigEndian

// result is what one round measured.
type result struct{ took, cpu, delay time.Duration }

// load sends messages from one Application Server to another through the server that listens on port 2905.
func load(pid, n, lone, batch int) (r result, err error) {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	a, err := up(ctx, "127.0.0.2:3000", 1)
	if err != nil {
		return r, err
	}
	defer a.Close()
	b, err := up(ctx, "127.0.0.3:3001", 2)
	if err != nil {
		return r, err
	}
	defer b.Close()
	time.Sleep(300 * time.Millisecond)
	go func() { // what is said to A
		in := make([]sctp.Received, 0, 16)
		for {
			var err error
			if in, err = a.Receive(ctx, in[:0]); err != nil {
				return
			}
		}
	}()
	arrived, failed := make(chan int, 1<<16), make(chan error, 1)
	go func() {
		next := uint64(0)
		in := make([]sctp.Received, 0, 64)
		for {
			var err error
			if in, err = b.Receive(ctx, in[:0]); err != nil {
				failed <- err
				return
			}
			k := 0
			for _, m := range in {
				if m.Event != nil || len(m.Data) < 8 || m.Data[2] != 1 || m.Data[3] != 1 {
					continue
				}
				number, ok := userData(m.Data)
				if !ok || number != next {
					failed <- fmt.Errorf("message %d came where %d was due", number, next)
					return
				}
				next++
				k++
			}
			arrived <- k
		}
	}()
	seq := uint64(0)
	out := make([]sctp.Message, batch)
	for i := range out {
		out[i] = sctp.Message{Stream: 1, PPID: ppid, Data: data()}
	}
	send := func(k int) error {
		for i := range k {
			d := out[i].Data
			be.PutUint64(d[len(d)-size:], seq)
			d[len(d)-size-1] = byte(seq & 15) // SLS; all on one stream, so that the order of all can be checked
			seq++
		}
		_, err := a.Send(ctx, out[:k]...)
		return err
	}
	under := 0
	wait := func() error {
		select {
		case k := <-arrived:
			under -= k
			return nil
		case err := <-failed:
			return err
		case <-time.After(5 * time.Second):
			return errors.New("nothing arrives")
		}
	}
	var delays []time.Duration
	for range lone {
		t := time.Now()
		if err := send(1); err != nil {
			return r, err
		}
		for under = 1; under > 0; {
			if err := wait(); err != nil {
				return r, err
			}
		}
		delays = append(delays, time.Since(t))
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		r.delay = delays[len(delays)/2]
	}
	before, began := cpu(pid), time.Now()
	for sent := 0; sent < n; {
		k := min(batch, n-sent)
		for under+k > window {
			if err := wait(); err != nil {
				return r, err
			}
		}
		if err := send(k); err != nil {
			return r, err
		}
		sent += k
		under += k
	}
	for under > 0 {
		if err := wait(); err != nil {
			return r, err
		}
	}
	r.took, r.cpu = time.Since(began), cpu(pid)-before
	return r, nil
}

// up sets up an association and makes its Application Server active.
func up(ctx context.Context, local string, rc uint32) (sctp.Conn, error) {
	cfg := sctp.Config{SendBuffer: 4 << 20, ReceiveBuffer: 4 << 20}
	c, err := kernel.Network{}.Dial(ctx, sctp.AddrOf(netip.MustParseAddrPort(local)), sctp.AddrOf(netip.MustParseAddrPort("127.0.0.1:2905")), cfg)
	if err != nil {
		return nil, err
	}
	for _, ask := range []struct {
		class, kind, ack byte
		param            []byte
	}{{3, 1, 4, nil}, {4, 1, 3, param(6, be.AppendUint32(nil, rc))}} {
		if _, err := c.Send(ctx, sctp.Message{PPID: ppid, Data: message(ask.class, ask.kind, ask.param)}); err != nil {
			return nil, err
		}
		for acked := false; !acked; {
			in, err := c.Receive(ctx, make([]sctp.Received, 0, 1))
			if err != nil {
				return nil, err
			}
			for _, m := range in {
				acked = acked || m.Event == nil && len(m.Data) >= 8 && m.Data[2] == ask.class && m.Data[3] == ask.ack
			}
		}
	}
	return c, nil
}

// data is a DATA message from 0.12.4 to 0.12.5, SCCP, national.
func data() []byte {
	pd := be.AppendUint32(nil, 12<<3|4)
	pd = be.AppendUint32(pd, 12<<3|5)
	pd = append(pd, 3, 2, 0, 0)
	return message(1, 1, append(param(6, be.AppendUint32(nil, 1)), param(0x210, append(pd, make([]byte, size)...))...))
}

// userData is the number in the user data of a DATA message.
func userData(b []byte) (uint64, bool) {
	for at := 8; at+4 <= len(b); {
		tag, n := be.Uint16(b[at:]), int(be.Uint16(b[at+2:]))
		if n < 4 || at+n > len(b) {
			break
		}
		if tag == 0x210 && n >= 4+12+8 {
			return be.Uint64(b[at+16:]), true
		}
		at += (n + 3) &^ 3
	}
	return 0, false
}

func param(tag uint16, v []byte) []byte {
	b := be.AppendUint16(nil, tag)
	return append(be.AppendUint16(b, uint16(4+len(v))), v...)
}

func message(class, kind byte, params []byte) []byte {
	b := []byte{1, 0, class, kind}
	return append(be.AppendUint32(b, uint32(8+len(params))), params...)
}
