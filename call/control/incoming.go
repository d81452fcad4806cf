package control

import (
	"strconv"
	"strings"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// describeIncoming sets the variables that tell of an INVITE.
func (c *Channel) describeIncoming(in *call.Call) {
	req := in.Request()
	c.setLocked("direction", "inbound", "sip_call_id", req.CallID(), "sip_user_agent", req.Value("User-Agent"), "read_codec", "", "write_codec", "")
	if a := in.Flow().Remote; a.IsValid() {
		ip, port := a.Addr().Unmap().String(), strconv.Itoa(int(a.Port()))
		c.setLocked("sip_network_ip", ip, "sip_network_port", port, "sip_received_ip", ip, "sip_received_port", port, "network_addr", ip)
	}
	number, display := "", ""
	address := func(prefix string, a sip.Address) {
		u := a.URI
		user := u.User
		if u.Scheme == "tel" {
			user = u.Number()
		}
		c.setLocked(prefix+"user", sip.Unescape(user), prefix+"host", u.Host, prefix+"uri", strings.TrimPrefix(strings.TrimPrefix(u.String(), "sip:"), "sips:"))
		if u.Port != 0 {
			c.setLocked(prefix+"port", strconv.Itoa(u.Port))
		}
	}
	if a, err := req.From(); err == nil {
		address("sip_from_", a)
		number, display = c.vars["sip_from_user"], a.Display
		c.setLocked("sip_from_display", a.Display, "sip_full_from", req.Value("From"), "sip_from_tag", a.Tag())
	}
	if a, err := req.To(); err == nil {
		address("sip_to_", a)
		c.setLocked("sip_to_display", a.Display, "sip_full_to", req.Value("To"))
	}
	if a, err := req.Contact(); err == nil {
		address("sip_contact_", a)
	}
	if u, err := req.URI(); err == nil {
		address("sip_req_", sip.Address{URI: u})
	}
	for a, err := range req.AssertedIdentities() {
		if err == nil {
			if number = a.URI.User; a.URI.Scheme == "tel" {
				number = a.URI.Number()
			}
			number = sip.Unescape(number)
			c.setLocked("sip_P-Asserted-Identity", req.Value("P-Asserted-Identity"))
			break
		}
	}
	for name, value := range req.Fields() {
		if strings.HasPrefix(name, "X-") || strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "P-") {
			if len(c.vars) < c.sw.cfg.MaxVars && checkVar("sip_h_"+name, value) == nil {
				c.setLocked("sip_h_"+name, value)
			}
		}
	}
	if display == "" {
		display = number
	}
	destination := c.vars["sip_req_user"]
	if destination == "" {
		destination = c.vars["sip_to_user"]
	}
	c.setLocked("caller_id_number", number, "caller_id_name", display, "ani", number, "destination_number", destination)
	c.name = "sofia/external/" + c.vars["sip_from_uri"]
	c.setLocked("channel_name", c.name)
}
