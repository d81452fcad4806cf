package control

import (
	"testing"

	"github.com/gotelco/telco/call"
)

// BenchmarkEvent is what telling of something about a channel costs, whatever the number of watchers.
func BenchmarkEvent(b *testing.B) {
	agent, err := call.NewAgent(call.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer agent.Close()
	sw, err := New(Config{Agent: agent, Heartbeat: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer sw.Close(b.Context())
	c := sw.newChannel("", false)
	for i := range 60 {
		c.SetVar("variable"+string(rune('a'+i%26))+string(rune('a'+i/26)), "some value")
	}
	var text []byte
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Event("CHANNEL_EXECUTE", "Application", "playback")
		}
	})
	e := c.Event("CHANNEL_EXECUTE", "Application", "playback")
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			text, _ = e.AppendText(text[:0])
		}
	})
	b.Run("unwatched", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.emit("CHANNEL_EXECUTE", "Application", "playback")
		}
	})
}
