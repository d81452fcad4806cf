//go:build linux

package main

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/g711"
)

// codec is what a leg speaks.
type codec struct {
	name        string
	payloadType uint8
	rate        int
}

func codecOf(name string) (codec, error) {
	switch name {
	case "PCMU":
		return codec{name, 0, 8000}, nil
	case "PCMA":
		return codec{name, 8, 8000}, nil
	case "AMR":
		return codec{name, 96, 8000}, nil
	case "AMR-WB":
		return codec{name, 97, 16000}, nil
	}
	return codec{}, fmt.Errorf("unknown codec %q", name)
}

func (c codec) g711() bool { return c.payloadType < 96 }

func (c codec) law() g711.Law { return g711.Law(c.payloadType) }

// fits says whether a packet has the payload type and a size of the codec.
func (c codec) fits(p []byte) bool {
	if p[1]&0x7f != c.payloadType {
		return false
	}
	if c.g711() {
		return len(p) == 12+160
	}
	return len(p) >= 12+2 && len(p) <= 12+2+60
}

// tone is the payloads of a second of a tone: a sine of a whole number of periods, at 12.2 or 12.65 kbit/s where it is AMR.
func (c codec) tone(hz float64) ([][]byte, error) {
	pcm := make([]int16, c.rate)
	for i := range pcm {
		pcm[i] = int16(9000 * math.Sin(2*math.Pi*hz*float64(i)/float64(c.rate)))
	}
	var all [][]byte
	if c.g711() {
		for b := c.law().AppendEncode(nil, pcm); len(b) >= 160; b = b[160:] {
			all = append(all, b[:160:160])
		}
		return all, nil
	}
	cfg := amr.EncoderConfig{Codec: amr.NB, Mode: amr.Mode122}
	if c.name == "AMR-WB" {
		cfg = amr.EncoderConfig{Codec: amr.WB, Mode: amr.Mode1265}
	}
	enc, err := amr.NewEncoder(cfg)
	if err != nil {
		return nil, err
	}
	n := cfg.Codec.FrameSamples()
	format := amr.PayloadFormat{Codec: cfg.Codec, OctetAligned: true}
	for ; len(pcm) >= n; pcm = pcm[n:] {
		f, err := enc.Encode(nil, pcm[:n])
		if err != nil {
			return nil, err
		}
		b, err := format.AppendPayload(nil, amr.Payload{CMR: amr.NoRequest, Frames: []amr.Frame{f}})
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// share is the part of the energy of G.711 audio that a tone has, in pieces of 100 ms.
func (c codec) share(audio []byte, hz float64) float64 {
	pcm := c.law().AppendDecode(nil, audio)
	k := 2 * math.Cos(2*math.Pi*hz/8000)
	sum, n := 0.0, 0
	for ; len(pcm) >= 800; pcm = pcm[800:] {
		var s1, s2, energy float64
		for _, v := range pcm[:800] {
			s1, s2 = float64(v)+k*s1-s2, s1
			energy += float64(v) * float64(v)
		}
		if energy > 0 {
			sum += (s1*s1 + s2*s2 - k*s1*s2) / 400 / energy
		}
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

func (c codec) describe(at netip.AddrPort) []byte {
	s := fmt.Sprintf("v=0\r\no=load 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP %[3]d\r\na=rtpmap:%[3]d %[4]s/%[5]d\r\n",
		at.Addr(), at.Port(), c.payloadType, c.name, c.rate)
	if !c.g711() {
		s += fmt.Sprintf("a=fmtp:%d octet-align=1\r\n", c.payloadType)
	}
	return []byte(s + "a=ptime:20\r\na=sendrecv\r\n")
}

// described finds where a description wants its media, and under which payload type the codec.
func (c codec) described(body string) (at netip.AddrPort, pt uint8, err error) {
	var ip, port string
	found := false
	for _, l := range strings.Split(body, "\n") {
		l = strings.TrimSpace(l)
		switch f := strings.Fields(l); {
		case strings.HasPrefix(l, "c=IN IP4 "):
			ip = f[2]
		case strings.HasPrefix(l, "m=audio ") && len(f) > 3:
			port = f[1]
			for _, p := range f[3:] {
				if n, _ := strconv.Atoi(p); c.g711() && n == int(c.payloadType) {
					pt, found = c.payloadType, true
				}
			}
		case strings.HasPrefix(l, "a=fmtp:") && !c.g711() && strings.Contains(l, "octet-align=1"):
			n, _ := strconv.Atoi(strings.TrimPrefix(f[0], "a=fmtp:"))
			if strings.Contains(body, fmt.Sprintf("a=rtpmap:%d %s/%d", n, c.name, c.rate)) && !found {
				pt, found = uint8(n), true
			}
		}
	}
	at, err = netip.ParseAddrPort(ip + ":" + port)
	if err == nil && !found {
		err = fmt.Errorf("no %s in %q", c.name, body)
	}
	return at, pt, err
}
