package control_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// A switch that answers calls to 100 with a tone, and sends all others to a gateway. Here it is called by a phone in the
// same process.
func Example() {
	var sw *control.Switch
	agent, err := call.NewAgent(call.Config{Address: netip.MustParseAddr("127.0.0.1"), OnCall: func(c *call.Call) { sw.Serve(c) }})
	if err != nil {
		log.Fatal(err)
	}
	defer agent.Close()
	sw, err = control.New(control.Config{
		Agent: agent,
		Dialplan: func(_ context.Context, c *control.Channel, ext control.Extension) ([]control.Action, error) {
			if ext.Number != "100" {
				return []control.Action{{App: "bridge", Args: "sofia/gateway/carrier/" + ext.Number}}, nil
			}
			return []control.Action{
				{App: "answer"},
				{App: "playback", Args: "tone_stream://%(200,0,440)"},
				{App: "hangup", Args: "NORMAL_CLEARING"},
			}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sw.Close(context.Background())
	done := make(chan struct{})
	defer sw.Watch(func(e *control.Event) {
		switch e.Name {
		case "CHANNEL_ANSWER", "PLAYBACK_STOP":
			fmt.Println(e.Name, e.Field("Caller-Destination-Number"))
		case "CHANNEL_HANGUP_COMPLETE":
			fmt.Println(e.Name, e.Field("Hangup-Cause"))
			close(done)
		}
	})()

	at, err := agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}) // now that there is a switch
	if err != nil {
		log.Fatal(err)
	}
	phone, _ := listen(nil)
	defer phone.Close()
	if _, err := phone.Dial(context.Background(), "sip:100@"+at.Local.String(), call.DialOptions{}); err != nil {
		log.Fatal(err)
	}
	<-done
	// Output:
	// CHANNEL_ANSWER 100
	// PLAYBACK_STOP 100
	// CHANNEL_HANGUP_COMPLETE NORMAL_CLEARING
}

// listen makes an agent on 127.0.0.1.
func listen(onCall func(*call.Call)) (*call.Agent, netip.AddrPort) {
	agent, err := call.NewAgent(call.Config{Address: netip.MustParseAddr("127.0.0.1"), OnCall: onCall})
	if err != nil {
		log.Fatal(err)
	}
	flow, err := agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	return agent, flow.Local
}

// A program calls two phones, and connects them.
func ExampleSwitch_Originate() {
	answer := func(c *call.Call) { c.Answer(context.Background()); <-c.Context().Done() }
	alice, a := listen(answer)
	defer alice.Close()
	bob, b := listen(answer)
	defer bob.Close()
	agent, _ := listen(nil)
	defer agent.Close()
	sw, err := control.New(control.Config{Agent: agent})
	if err != nil {
		log.Fatal(err)
	}
	defer sw.Close(context.Background())

	ctx := context.Background()
	first, err := sw.OriginateString(ctx, fmt.Sprintf("{origination_caller_id_name='Click to call'}sofia/example/alice@%v &park", a))
	if err != nil {
		log.Fatal(err)
	}
	second, err := sw.OriginateString(ctx, fmt.Sprintf("sofia/example/bob@%v &park", b))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sw.Bridge(first, second))
	fmt.Println(first.Bridged() == second)
	second.Hangup(control.NormalClearing)
	<-first.Done() // the end of one is that of the other
	fmt.Println(first.Cause().String())
	// Output:
	// <nil>
	// true
	// NORMAL_CLEARING
}

func ExampleParseDialString() {
	d, err := control.ParseDialString("{originate_timeout=20}[leg_timeout=5]sofia/gateway/carrier/4930123,user/1000|error/USER_BUSY")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Vars)
	for i, group := range d.Groups {
		for _, leg := range group {
			fmt.Println(i, leg.Kind, leg.Name, leg.Dest, leg.Vars)
		}
	}
	// Output:
	// [{originate_timeout 20}]
	// 0 sofia/gateway carrier 4930123 [{leg_timeout 5}]
	// 0 user  1000 []
	// 1 error  USER_BUSY []
}

func ExampleCause() {
	c, err := control.ParseCause("user_busy")
	fmt.Println(c.String(), int(c), c.SIPStatus(), c.Reason(), err)
	fmt.Println(control.CauseOfStatus(404).String())
	// Output:
	// USER_BUSY 17 486 Q.850;cause=17;text="USER_BUSY" <nil>
	// UNALLOCATED_NUMBER
}

// An application of one's own: callers have to know a number.
func ExampleSwitch_Handle() {
	agent, _ := listen(nil)
	defer agent.Close()
	sw, err := control.New(control.Config{Agent: agent})
	if err != nil {
		log.Fatal(err)
	}
	defer sw.Close(context.Background())
	sw.Handle("pin", func(ctx context.Context, c *control.Channel, args string) error {
		if err := c.Run(ctx, "read", "4 4 tone_stream://%(200,0,440) pin 5000 #"); err != nil {
			return err
		}
		if c.Var("pin") != args {
			c.Hangup(control.CallRejected)
		}
		return nil
	})
	for _, name := range sw.Apps() {
		if name == "pin" || name == "read" {
			fmt.Println(name)
		}
	}
	// Output:
	// pin
	// read
}
