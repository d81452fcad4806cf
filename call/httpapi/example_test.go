package httpapi_test

import (
	"log"
	"net/http"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/call/httpapi"
)

func Example() {
	var sw *control.Switch
	agent, err := call.NewAgent(call.Config{OnCall: func(c *call.Call) { sw.Serve(c) }})
	if err != nil {
		log.Fatal(err)
	}
	if sw, err = control.New(control.Config{Agent: agent}); err != nil {
		log.Fatal(err)
	}
	http.Handle("/v1/", httpapi.New(httpapi.Config{Switch: sw}))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
