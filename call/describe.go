package call

import "github.com/gotelco/telco/sdp"

// describe says in local what we offer or answer with, now. The caller holds mu.
func (c *Call) describe(dir sdp.Direction) {
	c.local = c.agent.local(c.socks, c.at, c.agent.cfg.Codecs, dir)
	c.keying.start(&c.agent.cfg)
	for i := range c.local.Media {
		c.keying.describe(&c.local.Media[i])
		c.pad.describe(&c.local.Media[i], &c.agent.cfg)
	}
}

// agree fills in what was agreed for the i-th stream beyond codecs and addresses. The caller holds mu.
func (c *Call) agree(cfg *MediaConfig, i int) (err error) {
	c.keysOf(cfg)
	local, remote := &c.session.Local.Media[i], &c.session.Remote.Media[i]
	cfg.Encrypt, cfg.Decrypt, err = c.keying.agreed(local, remote)
	return err
}
