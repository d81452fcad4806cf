package stp

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"

	"github.com/gotelco/telco/mtp3"
)

// TestInbox: who finds the inbox full waits until the loop has taken what is there; nothing is lost, and the order is
// kept; who waits when the node ends is told.
func TestInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in inbox
		in.init()
		put := func(i int) (ok, wake bool) {
			m := mtp3.MSU{SI: mtp3.SCCP, Label: mtp3.Label{DPC: 7, SLS: mtp3.SLS(i % 16)}, Data: binary.BigEndian.AppendUint32(nil, uint32(i))}
			return in.put(3, nil, &m)
		}
		const n = 3*inboxItems + 5
		sent := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range n {
				if ok, wake := put(i); !ok || wake != (i%inboxItems == 0) {
					t.Errorf("%d: %v, %v", i, ok, wake)
				}
				sent++
			}
		}()
		got := 0
		for got < n {
			synctest.Wait()
			if want := min(got+inboxItems, n); sent != want {
				t.Fatalf("%d were put in, want %d", sent, want)
			}
			items, buf := in.take()
			start := 0
			for i := range items {
				if data := buf[start:items[i].end]; !bytes.Equal(data, binary.BigEndian.AppendUint32(nil, uint32(got))) || items[i].owner != 3 || items[i].msu.Label.SLS != mtp3.SLS(got%16) {
					t.Fatalf("%d: %v %+v", got, data, items[i])
				}
				start = items[i].end
				got++
				in.pending[7].Add(-1)
			}
			in.done(items, buf)
		}
		<-done
		if p := in.pending[7].Load(); p != 0 || in.waits.Load() == 0 {
			t.Errorf("%d are pending, %d waited", p, in.waits.Load())
		}
		for i := range inboxItems {
			put(i)
		}
		told := make(chan bool)
		go func() { ok, _ := put(0); told <- ok }()
		synctest.Wait()
		in.close()
		if <-told {
			t.Error("a message was taken after the end")
		}
	})
}
