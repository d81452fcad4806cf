package cdr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gotelco/telco/call/cdr"
)

func Example() {
	dir, err := os.MkdirTemp("", "cdr")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log, _, err := cdr.Open(cdr.Config{Dir: dir, Format: cdr.JSON})
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Date(2026, 11, 23, 15, 54, 16, 0, time.UTC)
	err = log.Append(cdr.Record{ID: "42", Start: start, Answer: start.Add(2 * time.Second), End: start.Add(32500 * time.Millisecond),
		Calling: "+4930123", Called: "+4930456", Status: 200, Cause: 16, HungUp: cdr.ByCalled})
	fmt.Println(err, log.Close())
	b, _ := os.ReadFile(filepath.Join(dir, "calls.jsonl"))
	fmt.Printf("%s", b)
	// Output:
	// <nil> <nil>
	// {"id":"42","start":"2026-11-23T15:54:16Z","answer":"2026-11-23T15:54:18Z","end":"2026-11-23T15:54:48.5Z","calling":"+4930123","called":"+4930456","status":200,"cause":16,"hung_up":"called","duration":32.500,"billsec":30.500}
}
