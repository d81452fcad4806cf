package esl_test

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/call/esl"
)

// A switch that programs control by the event socket, and such a program.
func Example() {
	agent, err := call.NewAgent(call.Config{})
	if err != nil {
		panic(err)
	}
	defer agent.Close()
	sw, err := control.New(control.Config{Agent: agent})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer sw.Close(ctx)
	server, err := esl.New(esl.Config{Switch: sw, Password: "secret", Version: "1.0"})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0") // mostly server.ListenAndServe("")
	if err != nil {
		panic(err)
	}
	go server.Serve(l)

	events := make(chan *esl.Event, 10)
	client, err := esl.Dial(ctx, l.Addr().String(), "secret", func(m *esl.Message) {
		if e, err := m.Event(); err == nil {
			events <- e
		}
	})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	client.Send(ctx, &esl.Command{Line: "event json BACKGROUND_JOB"})
	m, err := client.Send(ctx, &esl.Command{Line: "bgapi originate error/USER_BUSY &park", Header: esl.Header{{Name: "Job-UUID", Value: "1"}}})
	fmt.Println(m.Header.Get("Reply-Text"), err)
	e := <-events
	fmt.Print(e.Name(), " ", e.Header.Get("Job-Command"), ": ", e.Body)
	text, err := client.API(ctx, "uuid_kill 1-2-3")
	fmt.Println(text, err)
	// Output:
	// +OK Job-UUID: 1 <nil>
	// BACKGROUND_JOB originate: -ERR USER_BUSY
	//  esl: api: -ERR No such channel!
}

// A program that calls connect to (the application "socket").
func ExampleNewClient() {
	l, err := net.Listen("tcp", "127.0.0.1:8084")
	if err != nil {
		return
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			c := esl.NewClient(conn, nil)
			defer c.Close()
			ctx := context.Background()
			channel, err := c.Connect(ctx)
			if err != nil {
				return
			}
			fmt.Println("call from", channel.Get("Caller-Caller-ID-Number"))
			c.Execute(ctx, "", "answer", "")
			c.Execute(ctx, "", "playback", "welcome.wav")
			c.Execute(ctx, "", "hangup", "")
		}()
	}
}

func ExampleEvent_Append() {
	e := esl.Event{Header: esl.Header{{Name: "Event-Name", Value: "CUSTOM"}, {Name: "Event-Subclass", Value: "my::event"}}, Body: "hello"}
	os.Stdout.Write(e.Append(nil, esl.Plain))
	fmt.Println()
	os.Stdout.Write(e.Append(nil, esl.JSON))
	// Output:
	// Event-Name: CUSTOM
	// Event-Subclass: my%3A%3Aevent
	// Content-Length: 5
	//
	// hello
	// {"Event-Name":"CUSTOM","Event-Subclass":"my::event","Content-Length":"5","_body":"hello"}
}
