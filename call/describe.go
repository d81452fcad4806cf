package call

import (
	"slices"
	"strings"

	"github.com/gotelco/telco/sdp"
)

// describe says in n what we offer or answer with, now. The caller holds mu.
func (c *Call) describe(n *negotiation, dir sdp.Direction) {
	n.local = c.agent.local(c.socks, c.at, n.codecs, dir)
	c.keying.start(&c.agent.cfg)
	for i := range n.local.Media {
		c.keying.describe(&n.local.Media[i])
		c.offerNoise(&n.local.Media[i], n.codecs)
		if m := &n.local.Media[i]; c.agent.cfg.XR {
			m.Attributes = append(m.Attributes, sdp.Attribute{Name: "rtcp-xr", Value: "voip-metrics"})
		}
		c.pad.describe(&n.local.Media[i], &c.agent.cfg)
	}
}

// agree fills in what was agreed for the i-th stream beyond codecs and addresses. The caller holds mu.
func (c *Call) agree(n *negotiation, cfg *MediaConfig, i int) (err error) {
	c.keysOf(cfg)
	if list := n.Streams[i].Noise; len(list) > 0 && cfg.Send.Codec.Noise {
		cfg.SendNoise, cfg.ReceiveNoise, cfg.DTX = list[0].Send.PayloadType, list[0].Receive.PayloadType, c.agent.cfg.DTX
	}
	local, remote := &n.Local.Media[i], &n.Remote.Media[i]
	cfg.XR = wantsMetrics(n.Remote.Attributes) || wantsMetrics(remote.Attributes)
	cfg.Encrypt, cfg.Decrypt, err = c.keying.agreed(local, remote)
	return err
}

// offerNoise adds comfort noise where a codec can do with it.
func (c *Call) offerNoise(m *sdp.LocalMedia, codecs []Codec) {
	if f, ok := sdp.FormatStatic(13); ok && !c.agent.cfg.NoNoise && slices.ContainsFunc(codecs, func(c Codec) bool { return c.Noise }) {
		m.Formats = append(m.Formats, f)
	}
}

// wantsMetrics says whether a description asks for VoIP metrics (RFC 3611 section 5.1).
func wantsMetrics(list []sdp.Attribute) bool {
	for _, a := range list {
		if a.Name == "rtcp-xr" && slices.Contains(strings.Fields(a.Value), "voip-metrics") {
			return true
		}
	}
	return false
}
