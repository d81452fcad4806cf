package hss

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// TestDiskFull fills a disk: changes are refused, what is there is read and answered, and it goes on once there is room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a file system of its own wants root: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	store := open(t, dir)
	must(t, store.Commit(Change{Put: alice(t)}))
	h, err := New(Config{Host: "hss", Realm: "realm", Store: store})
	must(t, err)
	defer h.Close()
	admin := h.As("test")
	ask(t, h, sar(registration, s1, aliceIMPI, aliceIMPU))
	ask(t, h, mar(aliceIMPI, aliceIMPU, s1))
	ballast := dir + "/ballast"
	must(t, os.WriteFile(ballast, make([]byte, 64<<10), 0o600))
	kept := 0
	for {
		_, err = admin.Put(&Subscriber{ID: fmt.Sprint("user", kept), PublicIdentities: []PublicIdentity{{Identity: fmt.Sprintf("sip:%d@ims.example", kept), DisplayName: strings.Repeat("x", 1000)}}}, PutOptions{})
		if err != nil {
			break
		}
		if kept++; kept > 1000 {
			t.Fatal("the disk does not get full")
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if got := ask(t, h, uar(aliceIMPI, aliceIMPU)); got.result != subsequent {
		t.Errorf("UAR: %+v", got)
	}
	if got := ask(t, h, mar(aliceIMPI, aliceIMPU, s1)); got.result != ok { // by what is reserved
		t.Errorf("MAR: %+v", got)
	}
	if got := ask(t, h, lir(aliceIMPU)); got.result != ok {
		t.Errorf("LIR: %+v", got)
	}
	if got := ask(t, h, sar(reRegister, s1, aliceIMPI, aliceIMPU)); got.result != ok {
		t.Errorf("SAR that changes nothing: %+v", got)
	}
	big := sar(registration, s1, aliceWork, "sip:alice-work@ims.example", func(q *cx.SAR) {
		q.SCSCFRestorationInfo = &cx.SCSCFRestorationInfo{UserName: aliceWork, RestorationInfo: []cx.RestorationInfo{{Path: make([]byte, 8000), Contact: []byte("<sip:c>")}}}
	})
	if _, err := h.sar(big, call{encode(t, big), true}); !errors.Is(err, ErrFull) {
		t.Errorf("SAR: %v", err)
	} else if got := resultOf(diameter.Result{}, h.storeError("SAR", err)); got != "DIAMETER_OUT_OF_SPACE" {
		t.Errorf("SAR: %s", got)
	}
	if got := ask(t, h, uar(aliceWork, "sip:alice-work@ims.example")); got.server != s1 {
		t.Errorf("a change that was refused is seen: %+v", got)
	}
	must(t, os.Remove(ballast))
	if got := ask(t, h, big); got.result != ok {
		t.Errorf("with room again: %+v", got)
	}
	must(t, store.Close())
	again := open(t, dir)
	if again.Len() != kept+1 {
		t.Errorf("%d subscriptions kept, want %d", again.Len(), kept+1)
	}
}
