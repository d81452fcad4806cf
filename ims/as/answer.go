package as

import (
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// onRespond adds the header fields of the caller's network to what it is answered, and notes the answer. It must not
// block.
func (x *session) onRespond(resp *sip.Response) {
	x.mu.Lock()
	out, proxied, told := x.out, x.proxied, x.told
	if x.rang.IsZero() && (resp.StatusCode == 180 || resp.StatusCode == 183) {
		x.rang = time.Now()
	}
	if resp.StatusCode >= 200 && x.status == 0 {
		x.status = resp.StatusCode
		if resp.IsSuccess() {
			x.answered = time.Now()
		}
	}
	answered := !x.answered.IsZero() && resp.IsSuccess()
	x.mu.Unlock()
	if answered && !proxied {
		x.underWay()
	}
	// A refusal ends a call that has no channel, whoever refuses it: the agent does so for want of room, too.
	if proxied && !resp.IsProvisional() || resp.StatusCode >= 300 {
		x.s.spawn(func() { x.finish(nil) })
	}
	if proxied {
		return
	}
	if resp.StatusCode == 100 || resp.StatusCode >= 300 || x.peer.trust < Trusted {
		return
	}
	if out != nil {
		if answer := out.Response(); answer != nil {
			x.connected(&resp.Header, &answer.Header, x.trustOf())
		}
	}
	if !resp.Has("History-Info") && (len(x.past.history) > 0 || x.req.HasToken("Supported", "histinfo")) {
		for _, e := range told { // RFC 7044 section 9.4
			resp.Add("History-Info", e.Address.String())
		}
	}
	if v, err := x.req.ChargingVector(); err == nil && !resp.Has("P-Charging-Vector") {
		if x.set.IMS.TermIOI != "" && x.peer.side == SideIMS && v.TermIOI() == "" {
			v.Params.SetQuoted("term-ioi", x.set.IMS.TermIOI)
		}
		resp.Set("P-Charging-Vector", v.String())
	}
}

// carriedBack are the header fields of an answer that the other leg gets too.
var carriedBack = map[string]Trust{
	"P-Asserted-Identity": Trusted, "P-Charging-Vector": Trusted, "P-Charging-Function-Addresses": Home, "P-Access-Network-Info": Trusted,
	"Feature-Caps": Home, "History-Info": Trusted, "Session-ID": Untrusted, "Privacy": Trusted,
}

// connected carries the answer's header fields over from a network of the trust from.
func (x *session) connected(dst, src *sip.Header, from Trust) {
	for name, need := range carriedBack {
		if from < need || x.peer.trust < need || dst.Has(name) {
			continue
		}
		for v := range src.Values(name) {
			dst.Add(name, v)
		}
	}
}

// trustOf is the trust of the network that has answered.
func (x *session) trustOf() Trust {
	x.mu.Lock()
	defer x.mu.Unlock()
	if name, ok := strings.CutPrefix(x.target, "trunk/"); ok {
		if t := x.set.trunk(name); t != nil {
			return t.Trust
		}
	}
	if x.target == "ims" {
		return Home
	}
	return Untrusted
}
