// Package provision brings subscribers into an HSS and out of it again: from files of its own (YAML, JSON, CSV), from PyHSS, FHoSS
// and Open5GS, and from user profiles in XML.
//
//	batch, err := provision.Read(provision.Options{}, "subscribers.yaml")
//	if err != nil {
//		return err // subscribers.yaml:13:18: privateIdentities[0].aka.k: 15 octets, not 16
//	}
//
// Reading is strict: unknown keys and columns, keys that appear twice, values that an HSS could not use, and identities that two
// subscriptions have are errors, and each names file, line and column. Nothing is taken from files of which one is wrong. No error
// shows a key or a password.
//
// # Files of its own
//
// A document in YAML or JSON has the lists sharedIFCSets, serviceProfiles and subscribers, whose elements are those of package hss:
//
//	serviceProfiles:
//	  - name: voice
//	    initialFilterCriteria:
//	      - {priority: 10, applicationServer: "sip:mmtel.ims.example", triggers: [{method: INVITE}]}
//	subscribers:
//	  - id: alice
//	    privateIdentities:
//	      - impi: alice@ims.example
//	        imsi: 001010000000001
//	        aka: {k: 465B5CE8B199B49FAA5F0A2EE238A6BC, opc: E8ED289DEBA952E4283B54E88E6183CA}
//	    publicIdentities:
//	      - {identity: "sip:alice@ims.example", profile: voice}
//	    msisdns: [15550001]
//
// In YAML a number where a text belongs stays as it is written, leading zeros included. A file that ends in .jsonl has a subscriber
// on each line, for millions of them. CSV has a private identity on each line, under the columns id, impi, imsi, k, opc, op, amf, sqn,
// algorithm, realm, password, ha1, impus, msisdns, profile, set, visited and apns, in any order; lines with the same id are of
// one subscription, lists are divided by spaces, and "(barred)" behind an identity bars it.
//
// # Files of others
//
//   - PyHSS: the objects of its API (APN, AUC, SUBSCRIBER, IMS_SUBSCRIBER, SUBSCRIBER_ROUTING) in JSON, or a dump of its tables. Its API
//     does not give keys, its database does. Templates of criteria are filled in; those that calculate are refused.
//   - FHoSS: a dump of its tables by mysqldump, with or without CREATE TABLE.
//   - Open5GS: mongoexport --collection=subscribers, of versions since 1.0.
//   - TS 29.228: elements IMSSubscription and InitialFilterCriteria, anywhere in an XML file. The latter become a shared iFC set.
//
// What an importer leaves out or has to guess is in [Batch.Notes].
//
// # Limitations
//
// State is not imported: users register again. Repository data of application servers, roaming rules of PyHSS, and its templates
// for Sh are left out, with a note.
package provision
