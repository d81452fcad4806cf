package amr_test

import (
	"bytes"
	"fmt"
	"io"

	"github.com/gotelco/telco/amr"
)

// Silence becomes comfort noise: one SID frame after the hangover, then nothing.
func ExampleEncoder() {
	enc, err := amr.NewEncoder(amr.EncoderConfig{Codec: amr.NB, Mode: amr.Mode122, DTX: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	pcm := make([]int16, amr.NB.FrameSamples())
	buf := make([]byte, 0, 64)
	for range 10 {
		frame, err := enc.Encode(buf[:0], pcm)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(frame.Type, " ")
	}
	fmt.Println()
	// Output: 7 7 7 7 7 7 7 8 15 15
}

// A stream of frames into RTP payloads in which each frame comes twice, and out of them although one packet is lost.
func ExamplePacketizer() {
	format := amr.PayloadFormat{Codec: amr.NB, OctetAligned: true}
	p, err := amr.NewPacketizer(amr.PacketizerConfig{Format: format, Redundancy: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := amr.NewFrameBuffer(amr.FrameBufferConfig{Format: format, Ahead: 1})
	var buf []byte
	var frames []amr.Frame
	for seq := range uint16(6) {
		frame := amr.Frame{Type: amr.Mode475, Data: bytes.Repeat([]byte{byte(seq) * 2}, 12)}
		packet, ok, err := p.Push(buf[:0], frame)
		if err != nil || !ok {
			fmt.Println(ok, err)
			return
		}
		if seq != 3 { // which is lost
			if err := b.Push(seq, packet.Timestamp, packet.Payload); err != nil {
				fmt.Println(err)
			}
		}
		var state amr.State
		if frames, state = b.Pop(frames[:0]); state == amr.Idle {
			fmt.Println(state)
			continue
		}
		fmt.Println(state, frames[0].Data[0]/2)
	}
	// Output:
	// Idle
	// Playing 0
	// Playing 1
	// Playing 2
	// Playing 3
	// Playing 4
}

// Take a payload apart.
func ExamplePayloadReader() {
	r := amr.PayloadReader{Format: amr.PayloadFormat{Codec: amr.NB}} // bandwidth-efficient
	p, err := r.Read([]byte{0xf4, 0x48, 0, 0, 0, 0, 0x40})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("request", p.CMR, "frames", len(p.Frames), "type", p.Frames[0].Type, "bad", p.Frames[0].Bad)
	_, err = r.Read([]byte{0xf4})
	fmt.Println(err)
	// Output:
	// request 15 frames 1 type 8 bad false
	// amr: payload: ToC at octet 0: truncated
}

// What to answer an offer of a gateway to a circuit-switched network.
func ExampleParams_Answer() {
	offer, err := amr.ParseParams(amr.NB, 1, "octet-align=1; mode-set=0,2,4,7; mode-change-period=2; mode-change-neighbor=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	ours := amr.Params{Codec: amr.NB, OctetAlign: true, ModeChangeCapability: 2}
	answer, ok := ours.Answer(offer)
	fmt.Println(answer, ok)
	_, ok = amr.Params{Codec: amr.NB}.Answer(offer) // another payload
	fmt.Println(ok)
	// Output:
	// octet-align=1;mode-set=0,2,4,7;mode-change-capability=2 true
	// false
}

// The peer asks for a lower mode, and bears one step every 40 ms.
func ExampleModeControl() {
	m := amr.NewModeControl(amr.ModeControlConfig{Codec: amr.NB, ModeSet: amr.ModesOf(0, 2, 4, 7), Period: 2, Neighbor: true})
	fmt.Print(m.Next(), " ")
	m.Request(amr.Mode475)
	for range 7 {
		fmt.Print(m.Next(), " ")
	}
	fmt.Println()
	// Output: 7 4 4 2 2 0 0 0
}

// Write a file and read it back.
func ExampleFileWriter() {
	var file bytes.Buffer
	w, err := amr.NewFileWriter(&file, amr.WB, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	w.Write(amr.Frame{Type: amr.Mode660, Data: make([]byte, amr.WB.Octets(amr.Mode660))})
	w.Write(amr.Frame{Type: amr.NoData})

	r, err := amr.NewFileReader(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Codec())
	for {
		frame, err := r.Next()
		if err == io.EOF {
			return
		}
		fmt.Println(frame.Type, len(frame.Data), err)
	}
	// Output:
	// AMR-WB
	// 0 17 <nil>
	// 15 0 <nil>
}

// Interface format 2, as some modems and files of 3GPP have it.
func ExampleCodec_AppendIF2() {
	b, err := amr.NB.AppendIF2(nil, amr.Frame{Type: amr.SIDNB, Data: []byte{0x80, 0, 0, 0, 0x12}})
	fmt.Printf("% x %v\n", b, err)
	frame, n, err := amr.NB.ParseIF2(nil, b)
	fmt.Printf("%d octets: type %d, % x %v\n", n, frame.Type, frame.Data, err)
	// Output:
	// 18 00 00 00 80 04 <nil>
	// 6 octets: type 8, 80 00 00 00 12 <nil>
}
