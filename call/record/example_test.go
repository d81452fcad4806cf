package record_test

import (
	"context"
	"fmt"
	"os"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/record"
)

// An answering machine: what callers say is on the server when they have hung up.
func Example() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	spool, err := record.Open(record.Config{Dir: dir, URL: "https://example.org/voicemail/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer spool.Close()
	agent, err := call.NewAgent(call.Config{OnCall: func(c *call.Call) {
		if c.Answer(context.Background()) != nil {
			return
		}
		if _, err := spool.Start(c, record.Options{Meta: map[string]string{"from": c.Request().Value("From")}}); err != nil {
			c.HangUp(context.Background())
		}
		<-c.Context().Done()
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer agent.Close()
	fmt.Println(spool.Stats().Waiting)
	// Output: 0
}
