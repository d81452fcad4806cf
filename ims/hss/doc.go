// Package hss is the Home Subscriber Server of an IMS core (Cx: TS 29.228, Sh: TS 29.328) and of a private LTE core (S6a: TS
// 29.272), as a library: its rules, its store, and what it tells the other nodes. A program gives it a Diameter node.
//
// # Quick start
//
//	store, err := hss.OpenStore(hss.StoreConfig{Dir: "/var/lib/hss"})
//	h, err := hss.New(hss.Config{Host: "hss.ims.example", Realm: "ims.example", Store: store})
//	n, err := diameter.New(diameter.Config{
//		OriginHost: "hss.ims.example", OriginRealm: "ims.example",
//		Applications: h.Applications(), Services: h.Services(),
//		Accept: diameter.Accept{Hosts: []string{".ims.example"}},
//	})
//	go n.Serve(listener)
//	h.Attach(n) // from now on RTR, PPR, PNR, CLR and IDR are sent
//
//	_, err = h.As("alice").Put(&hss.Subscriber{...}, hss.PutOptions{})
//
// A [Subscriber] is what an operator provisions, in plain structs with names for JSON and YAML; [Subscriber.Validate] says which
// field is wrong. A [State] is what the HSS learns from the network. A [Store] keeps both, and the sequence numbers of cards: the
// one here appends to a journal, and a change is on disk before it is answered or acknowledged. [Admin] changes subscriptions for
// somebody, and sees to it that everybody who holds a copy is told: [HSS.As].
//
// Keys are [Secret]s, which print as "***". [Config.Audit] has who changed what, without them.
//
// # Sequence numbers
//
// A card has one counter for IMS and packet access. It is reserved ahead on disk in blocks; a restart skips what is left of a block.
// It is never lowered, neither by a new form of the subscription, nor by its deletion, nor by an AUTS; an AUTS that is right raises it.
// The IND of a vector tells the nodes apart that ask, so that each can use its vectors in its own order.
//
// # Conformance
//
//   - TS 29.228 section 6.1.1 (UAR), 6.1.2 (SAR, all types of Cx), 6.1.3 (RTR), 6.1.4 (LIR), 6.2.2 (PPR), 6.3 (MAR), 6.5 (implicit
//     sets), 6.6 (profiles, shared iFC sets), 6.7 (capabilities), 8.1 (another S-CSCF); IMS restoration of TS 23.380 as far as the
//     HSS's part for S-CSCFs: the reassignment pending flag and SCSCF-Restoration-Info
//   - TS 29.229 section 7: Supported-Features, lists 1 (SharedIFC, AliasInd, IMSRestorationInd)
//   - TS 29.328 section 6.1.1 (UDR), 6.1.2 (PUR with repository data, PSI activation, DSAI, STN-SR), 6.1.3 (SNR), 6.1.4 (PNR), 6.2
//     (permissions); table 7.6.1 with the data 0, 10 to 13, 16 to 19, 21, 23, 27, 32 to 34
//   - TS 29.272 section 5.2.1 (ULR, CLR, PUR), 5.2.2 (IDR), 5.2.3 (AIR), 5.2.5 (NOR); TS 33.401 Annex A.2 (KASME)
//   - TS 33.102 section 6.3.5 and Annex C.1 (resynchronisation, sequence numbers)
//   - TS 23.003 section 13.4 (canonical identities), 13.4A and 13.5 (wildcarded identities)
//
// # Limitations
//
// Authentication is AKAv1, AKAv2 and SIP Digest; GIBA and NASS-bundled are refused. Locations, user states, T-ADS, SMS registration and
// reachability are not there to be read by Sh: such a UDR succeeds without data, and a SNR is refused. Application servers are not told
// of changes to shared profiles, nor of the end of a subscription. Emergency registrations are not kept apart: an RTA that
// names some ends no state. P-CSCF restoration by SAR-Flags is taken note of, but no MME is told. S6a has no DSR, RSR, or CSG data.
//
// # Limits
//
// What peers can make an HSS hold is bounded by [Config]: vectors in an answer, repository data, subscriptions to notifications,
// pushes that are owed. A full disk refuses changes with DIAMETER_OUT_OF_SPACE, and what needs none goes on being answered.
package hss
