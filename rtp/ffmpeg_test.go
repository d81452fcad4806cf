package rtp

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needFFmpeg skips where FFmpeg is missing or time is short.
func needFFmpeg(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("needs ffmpeg (Debian: apt-get install ffmpeg)")
	}
}

// tone is the amplitude of a frequency in samples at 44100 Hz (Goertzel).
func tone(pcm []int16, hz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/44100)
	var a, b float64
	for _, s := range pcm {
		a, b = float64(s)+c*a-b, a
	}
	return 2 * math.Sqrt(a*a+b*b-a*b*c) / float64(len(pcm))
}

// ports returns two UDP sockets on consecutive ports.
func ports(t *testing.T) (rtp, rtcp net.PacketConn) {
	t.Helper()
	for range 100 {
		a, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := addrPort(a.LocalAddr())
		b, err := net.ListenPacket("udp4", nextPort(p).String())
		if err == nil && p.Port()%2 == 0 {
			return a, b
		}
		if err == nil {
			b.Close()
		}
		a.Close()
	}
	t.Fatal("no two ports in a row are free")
	return nil, nil
}

// FFmpeg sends a tone as L16 at 44100 Hz, with its sender reports; we play it.
func TestReceiveFromFFmpeg(t *testing.T) {
	needFFmpeg(t)
	a, b := ports(t)
	s := NewSession(a, b, Config{Receive: []Format{{PayloadType: 11, ClockRate: 44100}}, ReportInterval: 200 * time.Millisecond})
	defer s.Close()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "3", "-c:a", "pcm_s16be", "-ac", "1", "-f", "rtp", "rtp://"+a.LocalAddr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	var pcm []int16
	lost := 0
	for deadline := time.Now().Add(20 * time.Second); len(pcm) < 2*44100 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
		for {
			f, ok := s.Pop(nil)
			if !ok {
				break
			}
			if f.Lost {
				lost++
			}
			for i := 0; i+1 < len(f.Payload); i += 2 {
				pcm = append(pcm, int16(binary.BigEndian.Uint16(f.Payload[i:])))
			}
		}
	}
	st := s.Stats()
	if len(pcm) < 2*44100 || lost != 0 || st.Lost != 0 || st.Malformed != 0 {
		t.Fatalf("%d samples, %d lost, %+v", len(pcm), lost, st)
	}
	if at440, at1000 := tone(pcm[22050:66150], 440), tone(pcm[22050:66150], 1000); at440 < 3000 || at1000 > at440/100 {
		t.Errorf("440 Hz %.0f, 1000 Hz %.0f", at440, at1000)
	}
}

// We send a tone to FFmpeg, which records it.
func TestSendToFFmpeg(t *testing.T) {
	needFFmpeg(t)
	pa, pb := ports(t) // for FFmpeg, which cannot be told to take any
	remote := addrPort(pa.LocalAddr())
	pa.Close()
	pb.Close()
	dir := t.TempDir()
	sdp, wav := filepath.Join(dir, "x.sdp"), filepath.Join(dir, "x.raw")
	text := fmt.Sprintf("v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP 11\na=rtpmap:11 L16/44100/1\n", remote.Port())
	if err := os.WriteFile(sdp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "warning", "-protocol_whitelist", "file,udp,rtp", "-i", sdp, "-t", "1.5", "-f", "s16le", wav)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	a, b := ports(t)
	s := NewSession(a, b, Config{Remote: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), remote.Port()),
		Send: Format{PayloadType: 11, ClockRate: 44100}, ReportInterval: 500 * time.Millisecond})
	defer s.Close()
	const n = 441 // 10 ms
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	payload := make([]byte, 0, 2*n)
	var err error
	ended := false
	for i := 0; i < 3000 && !ended; i++ {
		payload = payload[:0]
		for k := range n {
			payload = binary.BigEndian.AppendUint16(payload, uint16(int16(8000*math.Sin(2*math.Pi*440*float64(i*n+k)/44100))))
		}
		s.Send(payload, n)
		select {
		case err = <-done:
			ended = true
		case <-tick.C:
		}
	}
	if !ended {
		cmd.Process.Kill()
		err = <-done
	}
	raw, rerr := os.ReadFile(wav)
	if err != nil || rerr != nil || len(raw) < 2*44100 {
		t.Fatalf("%v, %v, %d octets recorded\n%s", err, rerr, len(raw), stderr.String())
	}
	if strings.Contains(stderr.String(), "missed") || strings.Contains(stderr.String(), "bad") {
		t.Errorf("FFmpeg says: %s", stderr.String())
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	if at440 := tone(pcm[4410:44100], 440); at440 < 7500 || at440 > 8500 {
		t.Errorf("440 Hz %.0f, want 8000", at440)
	}
}
