package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gotelco/telco/call/webhook"
)

// A server that lets a caller through to the extension that he types.
func Example() {
	http.HandleFunc("POST /call", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || webhook.Verify("secret", r.Header.Get(webhook.SignatureHeader), body, time.Now(), 0) != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var req webhook.Request
		if json.Unmarshal(body, &req) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(next(req))
	})
	fmt.Printf("%+v\n", next(webhook.Request{Reason: webhook.Next, Variables: map[string]string{"extension": "1000"}}).Actions)
	// Output: [{App:bridge Args:user/1000}]
}

func next(req webhook.Request) webhook.Answer {
	if ext := req.Variables["extension"]; ext != "" {
		return webhook.Answer{Actions: []webhook.Action{{App: "bridge", Args: "user/" + ext}}, Done: true}
	}
	return webhook.Answer{Actions: []webhook.Action{
		{App: "answer"}, {App: "play_and_get_digits", Args: "4 4 3 5000 # extension.wav invalid.wav extension \\d{4}"},
	}}
}

func ExampleSign() {
	body := []byte(`{"version":1}`)
	at := time.Unix(1_800_000_000, 0)
	value := webhook.Sign("secret", at, body)
	fmt.Println(value)
	// What the web server does with the header field X-Telco-Signature:
	fmt.Println(webhook.Verify("secret", value, body, at.Add(time.Second), 0))
	fmt.Println(webhook.Verify("other", value, body, at.Add(time.Second), 0))
	// Output:
	// t=1800000000,v1=28f918f7d99c239e973db1a85f2fe83c191d0547d6748c973f0516b36017e338
	// <nil>
	// webhook: bad signature
}
