package rtp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Speech, a pause that comfort noise describes twice, speech: the noise is played as it came, the pause is none of
// loss, and the second talkspurt has the marker.
func TestComfortNoise(t *testing.T) {
	cn := Format{PayloadType: 13, Noise: true}
	x, y := pair(Config{SendNoise: cn}, Config{Receive: []Format{{}, cn}, Buffer: BufferConfig{Fixed: true}})
	var got []string
	for i := range 40 {
		now := t0.Add(time.Duration(i) * 20 * time.Millisecond)
		var b []byte
		var err error
		switch {
		case i == 10 || i == 20:
			b, _, err = x.AppendNoise(nil, now, []byte{60}, 160)
		case i > 10 && i < 30:
			x.Skip(160)
		default:
			b, _, err = x.AppendAudio(nil, now, make([]byte, 160), 160)
		}
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			if err := y.Receive(now, ourAddr, b); err != nil {
				t.Fatal(err)
			}
		}
		for f, ok := y.Pop(now, nil); ok; f, ok = y.Pop(now, nil) {
			switch {
			case f.Lost:
				t.Errorf("%+v", f)
			case f.Noise:
				got = append(got, fmt.Sprint("noise@", i))
			case f.Marker:
				got = append(got, fmt.Sprint("talkspurt@", i))
			}
		}
	}
	if s := strings.Join(got, " "); s != "talkspurt@3 noise@13 noise@23 talkspurt@33" {
		t.Error(s)
	}
	if _, _, err := y.AppendNoise(nil, t0, []byte{60}, 160); err != ErrNoNoise {
		t.Error(err)
	}
}
