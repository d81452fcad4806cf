package rtp

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sippCaptures is where Debian's SIPp keeps recordings of real devices.
const sippCaptures = "/usr/share/sip-tester"

// datagrams calls f with each UDP datagram of a classic pcap file of Ethernet frames with IPv4.
func datagrams(t *testing.T, name string, f func(at time.Time, from netip.AddrPort, data []byte)) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(sippCaptures, name))
	if err != nil {
		t.Skipf("needs SIPp's captures (Debian: apt-get install sip-tester): %v", err)
	}
	le := binary.LittleEndian
	if len(b) < 24 || le.Uint32(b) != 0xa1b2c3d4 || le.Uint32(b[20:]) != 1 {
		t.Fatalf("%s is not the kind of capture it was", name)
	}
	for b = b[24:]; len(b) >= 16; {
		at := time.Unix(int64(le.Uint32(b)), int64(le.Uint32(b[4:]))*1000)
		n := int(le.Uint32(b[8:]))
		frame := b[16 : 16+n]
		b = b[16+n:]
		ip := frame[14:]
		head := int(ip[0]&15) * 4
		addr, _ := netip.AddrFromSlice(ip[12:16])
		udp := ip[head:]
		size := int(binary.BigEndian.Uint16(udp[4:]))
		f(at, netip.AddrPortFrom(addr, binary.BigEndian.Uint16(udp)), udp[8:size])
	}
}

// Recordings of telephone-events of each key, whose first packet has duration 0.
func TestCapturedEvents(t *testing.T) {
	for file, key := range map[string]byte{
		"0": '0', "1": '1', "2": '2', "3": '3', "4": '4', "5": '5', "6": '6', "7": '7', "8": '8', "9": '9', "pound": '#', "star": '*',
	} {
		var s *Stream
		var got []EventReport
		datagrams(t, "dtmf_2833_"+file+".pcap", func(at time.Time, from netip.AddrPort, data []byte) {
			if s == nil {
				s = NewStream(at, Config{Receive: []Format{{PayloadType: data[1] & 0x7f, Event: true}}})
			}
			if err := s.Receive(at, from, data); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			for e, ok := s.PopEvent(at); ok; e, ok = s.PopEvent(at) {
				got = append(got, e)
			}
		})
		if len(got) != 2 || got[0].End || !got[1].End || got[0].Code.Key() != key || got[1].Code.Key() != key || got[1].Duration < 60*time.Millisecond || got[1].Volume != 10 {
			t.Errorf("%s: %+v", file, got)
		}
	}
}

// Seven seconds of speech in packets of 30 ms: all of it is played, in order, at an even pace.
func TestCapturedSpeech(t *testing.T) {
	var s *Stream
	played, packets := 0, 0
	var now time.Time
	drain := func(until time.Time) {
		for ; now.Before(until); now = now.Add(10 * time.Millisecond) {
			n := 0
			for f, ok := s.Pop(now, nil); ok; f, ok = s.Pop(now, nil) {
				if f.Lost || len(f.Payload) != 240 || f.PayloadType != 8 {
					t.Fatalf("frame %d: %+v", played, f)
				}
				played++
				if n++; n > 1 {
					t.Errorf("%d frames at once after %d", n, played)
				}
			}
		}
	}
	datagrams(t, "g711a.pcap", func(at time.Time, from netip.AddrPort, data []byte) {
		if s == nil {
			s, now = NewStream(at, Config{Receive: []Format{{PayloadType: 8}}}), at
		}
		drain(at)
		packets++
		if err := s.Receive(at, from, data); err != nil {
			t.Errorf("packet %d: %v", packets, err)
		}
	})
	drain(now.Add(time.Second))
	st := s.Stats()
	if played != packets || st.Lost != 0 || st.Jitter > 10*time.Millisecond || st.Buffer.Late != 0 {
		t.Errorf("played %d of %d, %+v", played, packets, st)
	}
}
