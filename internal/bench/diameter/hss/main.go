// Hss is the HSS under test of the benchmarks: it answers Cx's requests from a store on disk, with a
// Milenage vector and a sequence number that is reserved on disk for each Multimedia-Auth-Request.
//
//	hss -dir /tmp/store -listen 127.0.0.32:3868      serve one subscriber, "001010000000001@" and the realm
//	hss -dir /tmp/store -fill 1000000                write subscribers
//	hss -dir /tmp/store -measure                     open the store, and look subscribers up
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/ims/hss"
)

var (
	dir    = flag.String("dir", "", "folder of the store")
	listen = flag.String("listen", "127.0.0.32:3868", "where to listen")
	realm  = flag.String("realm", "ims.mnc001.mcc001.3gppnetwork.org", "the realm served")
	fill   = flag.Int("fill", 0, "write so many subscribers, and end")
	look   = flag.Bool("measure", false, "open the store, look up, and end")
	cpu    = flag.String("cpuprofile", "", "file for a CPU profile")
)

func main() {
	flag.Parse()
	if *dir == "" {
		log.Fatal("-dir is needed")
	}
	if *look {
		measure()
		return
	}
	store, err := hss.OpenStore(hss.StoreConfig{Dir: *dir})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if *fill > 0 {
		write(store)
		return
	}
	if _, ok := store.Find(hss.Key{Kind: hss.KeyID, Value: "1"}); !ok {
		if err := store.Commit(hss.Change{Put: subscriber(1)}); err != nil {
			log.Fatal(err)
		}
	}
	serve(store)
}

// subscriber is one with an ISIM: three public identities, a service profile that many have, and packet access.
func subscriber(i int) *hss.Subscriber {
	imsi := fmt.Sprintf("00101%010d", i)
	key := func(s string) hss.Secret {
		b, _ := hex.DecodeString(s)
		return hss.NewSecret(b)
	}
	k := fmt.Sprintf("465b5ce8b199b49faa5f0a2e%08x", i)
	return &hss.Subscriber{
		ID: fmt.Sprint(i),
		PrivateIdentities: []hss.PrivateIdentity{{IMPI: imsi + "@" + *realm, IMSI: imsi,
			AKA: &hss.AKA{K: key(k), OPc: key("cd63cb71954a9f4e48a5994e37a02baf"), AMF: "8000"}}},
		PublicIdentities: []hss.PublicIdentity{
			{Identity: "sip:" + imsi + "@" + *realm, Profile: "voice"},
			{Identity: fmt.Sprintf("sip:+1555%07d@%s", i, *realm), Profile: "voice", Default: true},
			{Identity: fmt.Sprintf("tel:+1555%07d", i), Profile: "voice"},
		},
		MSISDNs: []string{fmt.Sprintf("1555%07d", i)},
		EPS:     &hss.EPS{APNs: []hss.APN{{Name: "internet"}, {Name: "ims", PDNType: "IPv4v6"}}},
	}
}

func write(store *hss.JournalStore) {
	t := time.Now()
	var batch []hss.Change
	flush := func() {
		if err := store.Commit(batch...); err != nil {
			log.Fatal(err)
		}
		batch = batch[:0]
	}
	for i := 1; i <= *fill; i++ {
		if batch = append(batch, hss.Change{Put: subscriber(i)}); len(batch) == 1000 {
			flush()
		}
	}
	flush()
	fmt.Printf("%d subscribers written in %.1f s\n", *fill, time.Since(t).Seconds())
	t = time.Now()
	if err := store.Compact(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("compacted in %.1f s\n", time.Since(t).Seconds())
}

// profile begins a CPU profile, if one is wanted, and returns what ends it.
func profile() func() {
	if *cpu == "" {
		return func() {}
	}
	f, err := os.Create(*cpu)
	if err != nil {
		log.Fatal(err)
	}
	pprof.StartCPUProfile(f)
	return pprof.StopCPUProfile
}

// processor is the processor time that the process has taken.
func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is what the process has in memory, in MiB: now, and at most.
func resident() (now, peak int) {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &now)
		fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	return now >> 10, peak >> 10
}

func measure() {
	defer profile()()
	t := time.Now()
	store, err := hss.OpenStore(hss.StoreConfig{Dir: *dir})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	d, work := time.Since(t), processor()
	_, peak := resident()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := store.Len()
	fmt.Printf("%d subscribers opened in %.2f s (%.2f s of processor time); at most %d MiB resident, %d MiB in use\n", n, d.Seconds(), work.Seconds(), peak, m.HeapAlloc>>20)

	for _, k := range []struct {
		name string
		key  func(i int) hss.Key
	}{
		{"IMPI", func(i int) hss.Key { return hss.Key{Kind: hss.KeyIMPI, Value: fmt.Sprintf("00101%010d@%s", i, *realm)} }},
		{"IMPU", func(i int) hss.Key { return hss.Key{Kind: hss.KeyIMPU, Value: fmt.Sprintf("tel:+1555%07d", i)} }},
	} {
		for _, of := range []int{1000, n} { // few at a time are kept ready; of all, hardly any is
			const lookups = 200000
			keys := make([]hss.Key, lookups)
			for i := range keys {
				keys[i] = k.key(1 + rand.IntN(min(of, n)))
			}
			t := processor()
			for _, key := range keys {
				if _, ok := store.Find(key); !ok {
					log.Fatalf("%v not found", key)
				}
			}
			fmt.Printf("look-up by %s, among %d of %d: %.2f us of processor time\n", k.name, min(of, n), n, float64((processor()-t).Microseconds())/lookups)
		}
	}
	_, peak = resident()
	fmt.Printf("at most %d MiB resident\n", peak)
}

func serve(store *hss.JournalStore) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	host := "hss." + *realm
	h, err := hss.New(hss.Config{Host: host, Realm: *realm, Store: store, Logger: logger})
	if err != nil {
		log.Fatal(err)
	}
	defer profile()()
	n, err := diameter.New(diameter.Config{
		OriginHost: host, OriginRealm: *realm, Applications: h.Applications(), Services: h.Services(), Accept: diameter.Accept{Hosts: []string{"*"}}, Logger: logger,
	})
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	go n.Serve(l)
	h.Attach(n)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	n.Close()
	h.Close()
}
