package amr

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// capturePayloads writes each payload as an RTP packet of payload type 96 to port 4000, and returns the capture and the
// arguments that have tshark dissect it as the named encoding of a codec.
func capturePayloads(t *testing.T, c Codec, encoding string, payloads [][]byte) (name string, args []string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "amr.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range payloads {
		b := []byte{0x80, 96}
		b = binary.BigEndian.AppendUint16(b, uint16(i))
		b = binary.BigEndian.AppendUint32(b, uint32(i*c.FrameSamples()))
		b = binary.BigEndian.AppendUint32(b, 0x1234)
		w.Trace(trace.Event{
			Time: time.Unix(int64(i), 0), Dir: trace.Sent, Proto: trace.RTP, Transport: trace.UDP, Data: append(b, p...),
			Local: netip.MustParseAddrPort("192.0.2.1:4000"), Remote: netip.MustParseAddrPort("192.0.2.2:4000"),
		})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dissector, mode := "amr", "Narrowband AMR"
	if c == WB {
		dissector, mode = "amr_wb", "Wideband AMR"
	}
	return name, []string{"-d", "udp.port==4000,rtp", "-d", "rtp.pt==96," + dissector, "-o", "amr.encoding.version:" + encoding, "-o", "amr.mode:" + mode}
}

// complaints are the fields that tshark has for what is wrong with a payload.
var complaints = []string{"amr.spare_bit_not0", "amr.not_enough_data_for_frames", "amr.superfluous_data", "amr.padding_bits_not0", "amr.reserved.not_zero", "_ws.malformed"}

// tshark reads from our payloads what we put into them: both packings, both codecs, all modes, SID, NO_DATA, damaged
// frames, several frames in a packet, every mode request. Of CRC, robust sorting, interleaving and several channels it
// knows nothing.
func TestTSharkPayload(t *testing.T) {
	tsharktest.Need(t)
	for _, c := range []Codec{NB, WB} {
		for _, aligned := range []bool{false, true} {
			format := PayloadFormat{Codec: c, OctetAligned: aligned}
			encoding, family := "RFC 3267 BW-efficient", "wb"
			if aligned {
				encoding = "RFC 3267 octet aligned"
			}
			if c == NB {
				family = "nb"
			}
			t.Run(fmt.Sprintf("%v %s", c, encoding), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				var payloads [][]byte
				var want [][]string
				kinds := types(c)
				for i := range 400 {
					p := Payload{CMR: FrameType(i % 16)}
					if int(p.CMR) >= c.Modes() { // tshark calls the others an error
						p.CMR = NoRequest
					}
					n := 1
					if i >= 3*len(kinds) {
						n += r.IntN(4)
					}
					var fts, qs, fs []string
					for j := range n {
						f := randomFrame(r, c, kinds[(i+j*7)%len(kinds)])
						p.Frames = append(p.Frames, f)
						fts = append(fts, fmt.Sprint(int(f.Type)))
						qs = append(qs, fmt.Sprint(bit(!f.Bad)))
						fs = append(fs, fmt.Sprint(bit(j < n-1)))
					}
					b, err := format.AppendPayload(nil, p)
					if err != nil {
						t.Fatal(err)
					}
					payloads = append(payloads, b)
					want = append(want, []string{fmt.Sprint(int(p.CMR)), strings.Join(fts, ","), strings.Join(qs, ","), strings.Join(fs, ",")})
				}
				name, args := capturePayloads(t, c, encoding, payloads)
				fields := []string{"amr." + family + ".cmr", "amr." + family + ".toc.ft", "amr.toc.q", "amr.toc.f"}
				got := tsharktest.Fields(t, name, "", fields, args...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				for _, row := range tsharktest.Fields(t, name, strings.Join(complaints, " || ")+" || _ws.expert.severity >= error", append([]string{"frame.number", "_ws.expert.message"}, complaints...), args...) {
					t.Error(row)
				}
			})
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
