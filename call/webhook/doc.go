// Package webhook asks web servers what to do: JSON by HTTP POST, signed, bounded in time, size and number, and
// without a server that hangs costing more than that.
//
// A [Client] sends to one server. [Hooks] is an application for channels of package control: the server is told of a
// call, answers with what the call shall do, is told how that went, and so on until it has nothing more to say. One that
// asks for a PIN and connects:
//
//	→ {"version":1, "reason":"start", "channel":{"uuid":"…", "caller_number":"4930123", …}, "results":[], "variables":{…}}
//	← {"actions":[{"app":"answer"}, {"app":"play_and_get_digits", "args":"4 4 3 5000 # pin.wav bad.wav pin \\d{4}"}]}
//	→ {"version":1, "reason":"next", …, "variables":{"pin":"1234", …}}
//	← {"actions":[{"app":"bridge", "args":"user/1000"}], "done":true}
//
// and in the program:
//
//	hooks, err := webhook.New(webhook.Config{Secret: "…"})
//	sw.Handle("webhook", hooks.App) // webhook:https://example.org/call in a dialplan
//	defer hooks.Close()
//
// [Schema] is the JSON Schema of both sides. Servers in Go check the signature with [Verify].
//
// # Limitations
//
// Redirects are not followed. Answers are not streamed: what a server wants a call to do meanwhile, such as music while
// it thinks, it has to say before.
package webhook
