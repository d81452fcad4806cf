// Package control steers calls as users of FreeSWITCH know it, without its wire: channels by UUID, with variables and
// applications, dial strings, hangup causes, and events under FreeSWITCH's names. Front ends (an event socket, HTTP) stand
// on it, and so may programs:
//
//	var sw *control.Switch
//	agent, err := call.NewAgent(call.Config{OnCall: func(c *call.Call) { sw.Serve(c) }})
//	sw, err = control.New(control.Config{Agent: agent, Dialplan: dialplan, Sounds: "sounds"})
//	…
//	c, err := sw.OriginateString(ctx, "{ignore_early_media=true}sofia/external/bob@192.0.2.7 &playback(welcome.wav)")
package control
