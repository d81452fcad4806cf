package hss

import (
	"net/netip"
	"strings"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/s6a"
)

// configuration is an APN as an MME has it (TS 29.272 section 7.3.35). up and down are the bit rates of the subscription.
func (a *APN) configuration(context uint32, up, down uint64) s6a.APNConfiguration {
	c := s6a.APNConfiguration{ContextIdentifier: context, ServiceSelection: a.Name}
	switch a.PDNType {
	case "IPv6":
		c.PDNType = s6a.PDNTypeIPv6
	case "IPv4v6":
		c.PDNType = s6a.PDNTypeIPv4v6
	case "IPv4_OR_IPv6":
		c.PDNType = s6a.PDNTypeIPv4ORIPv6
	}
	qci, priority := s6a.QoSClassIdentifier(a.QCI), uint32(a.ARPPriority)
	if qci == 0 {
		if qci = s6a.QoSClassIdentifierQCI9; strings.EqualFold(a.Name, "ims") {
			qci = s6a.QoSClassIdentifierQCI5
		}
	}
	if priority == 0 {
		priority = 8
	}
	arp := s6a.AllocationRetentionPriority{
		PriorityLevel:           priority,
		PreEmptionCapability:    diameter.Some(s6a.PreEmptionCapabilityPreEmptionCapabilityDisabled),
		PreEmptionVulnerability: diameter.Some(s6a.PreEmptionVulnerabilityPreEmptionVulnerabilityDisabled),
	}
	if a.PreEmptionCapability {
		arp.PreEmptionCapability.Value = s6a.PreEmptionCapabilityPreEmptionCapabilityEnabled
	}
	if a.PreEmptionVulnerability {
		arp.PreEmptionVulnerability.Value = s6a.PreEmptionVulnerabilityPreEmptionVulnerabilityEnabled
	}
	c.EPSSubscribedQoSProfile = &s6a.EPSSubscribedQoSProfile{QoSClassIdentifier: qci, AllocationRetentionPriority: arp}
	if a.MaxBitRateUL != 0 {
		up = a.MaxBitRateUL
	}
	if a.MaxBitRateDL != 0 {
		down = a.MaxBitRateDL
	}
	c.AMBR = ambr(up, down)
	for _, s := range a.Addresses {
		if ip, err := netip.ParseAddr(s); err == nil {
			c.ServedPartyIPAddress = append(c.ServedPartyIPAddress, ip)
		}
	}
	if a.PDNGateway != "" {
		if ip, err := netip.ParseAddr(a.PDNGateway); err == nil {
			c.MIP6AgentInfo = &s6a.MIP6AgentInfo{MIPHomeAgentAddress: []netip.Addr{ip}}
			c.PDNGWAllocationType = diameter.Some(s6a.PDNGWAllocationTypeStatic)
		}
	}
	if a.ChargingCharacteristics != "" {
		c.TGPPChargingCharacteristics = diameter.Some(a.ChargingCharacteristics)
	}
	c.VPLMNDynamicAddressAllowed = diameter.Some(s6a.VPLMNDynamicAddressAllowedNotallowed)
	if a.VPLMNAddressAllowed {
		c.VPLMNDynamicAddressAllowed.Value = s6a.VPLMNDynamicAddressAllowedAllowed
	}
	return c
}
