package rtp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/rtp/srtp"
	"github.com/gotelco/telco/trace"
)

func contexts(t testing.TB, s srtp.Suite, key srtp.Key, n int) (out []*srtp.Context) {
	t.Helper()
	for range n {
		c, err := srtp.NewContext(s, key)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// Two streams with keys understand each other; nothing is readable on the wire; packets that are not authentic neither latch nor
// change anything.
func TestSRTPStreams(t *testing.T) {
	for _, s := range []srtp.Suite{srtp.AESCM128HMACSHA180, srtp.AESCM128HMACSHA132, srtp.AEADAES128GCM, srtp.AEADAES256GCM} {
		ab, ba := contexts(t, s, srtp.NewKey(s), 2), contexts(t, s, srtp.NewKey(s), 2)
		x, y := pair(Config{Encrypt: ab[0], Decrypt: ba[0]}, Config{Encrypt: ba[1], Decrypt: ab[1], Buffer: BufferConfig{Delay: -1, Fixed: true}})
		speech := bytes.Repeat([]byte("speech"), 30)
		now := t0
		z := NewStream(t0, Config{Remote: peerAddr, SSRC: x.Stats().SSRC})
		for i := range 100 {
			now = now.Add(20 * time.Millisecond)
			b, _, err := x.AppendAudio([]byte("head"), now, speech, 160)
			if err != nil || string(b[:4]) != "head" || bytes.Contains(b, []byte("speech")) {
				t.Fatal(s, err)
			}
			forged, _, _ := z.AppendAudio(nil, now, speech, 160)
			if err := y.Receive(now, thiefAddr, forged); err == nil {
				t.Fatal(s, "a forged packet was taken")
			}
			if err := y.Receive(now, ourAddr, b[4:]); err != nil {
				t.Fatal(s, i, err)
			}
			if err := y.Receive(now, ourAddr, b[4:]); !errors.Is(err, srtp.ErrReplay) {
				t.Fatal(s, i, err)
			}
			f, ok := y.Pop(now, nil)
			if !ok || !bytes.Equal(f.Payload, speech) {
				t.Fatalf("%v: %d: %+v", s, i, f)
			}
			if i == 50 {
				b, _, err := x.AppendReport(nil, now)
				if err != nil {
					t.Fatal(err)
				}
				if err := y.ReceiveRTCP(now, ourAddr, b); err != nil {
					t.Error(s, err)
				}
				b[len(b)-1] ^= 1
				if err := y.ReceiveRTCP(now, ourAddr, b); err == nil {
					t.Error(s, "a changed report was taken")
				}
			}
		}
		st := y.Stats()
		if st.PacketsReceived != 100 || st.Unauthentic+st.Replayed != 201 || st.Lost != 0 || st.Source != ourAddr || y.lastSRNTP == 0 {
			t.Errorf("%v: %+v", s, st)
		}
	}
}

// FFmpeg sends SRTP; we decrypt it, and tshark finds RTP in what we have made of it.
func TestSRTPFromFFmpeg(t *testing.T) {
	needFFmpeg(t)
	capture := tsharktest.Capture(t, "-d", "udp.port==5000,rtp")
	key := srtp.NewKey(srtp.AESCM128HMACSHA180)
	in := contexts(t, srtp.AESCM128HMACSHA180, key, 2)
	conn, other := ports(t)
	defer conn.Close()
	defer other.Close()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000",
		"-t", "2", "-c:a", "pcm_alaw", "-ac", "1", "-f", "rtp", "-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", base64.StdEncoding.EncodeToString(key),
		"srtp://"+conn.LocalAddr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	s := NewStream(time.Now(), Config{Decrypt: in[0], Receive: []Format{{PayloadType: 8}}})
	buf := make([]byte, 2048)
	for s.Stats().OctetsReceived < 8000 {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, from, err := conn.(*net.UDPConn).ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatal(err, s.Stats())
		}
		if err := s.Receive(time.Now(), from, buf[:n]); err != nil {
			t.Fatal(err)
		}
		plain, err := in[1].DecryptRTP(nil, buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		capture(trace.Event{Time: time.Now(), Dir: trace.Received, Proto: trace.RTP, Transport: trace.UDP, Local: ourAddr, Remote: peerAddr, Data: plain})
	}
	if st := s.Stats(); st.Unauthentic+st.Malformed+st.Replayed != 0 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}
