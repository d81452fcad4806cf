// Package kernel is the SCTP of the Linux kernel.
//
//	if err := kernel.Available(); err != nil {
//		log.Fatal(err) // or package sctp/user, over UDP
//	}
//	conn, err := kernel.Network{}.Dial(ctx, local, remote, sctp.Config{})
//
// An address of several IPs is bound and dialled with all of them (sctp_bindx, sctp_connectx);
// without any, the kernel offers all that the machine has. A port of UDP in the remote address, or
// in that of a listener, has the kernel wrap packets in UDP towards that port (RFC 6951; the sysctl
// net.sctp.udp_port says where it receives them).
//
// # Why not a library
//
// The calls are made here, on package golang.org/x/sys/unix. github.com/ishidawataru/sctp blocks a
// thread for each association (100 that wait hold 104), has no deadlines, does not wake Accept by
// Close, and drops the end-of-record flag, without which a message over 16 KB or so cannot be told
// from its parts; its descriptors cannot be moved to the runtime's poller from outside. What was
// left to use of it were its numbers.
//
// # How it works
//
// Sockets are in the one-to-one style (RFC 6458 section 4), non-blocking, in the runtime's poller.
// One goroutine per association stays in one read of the poller and takes up to 64 messages by each
// recvmmsg; as the poller tells of edges, no call is spent on finding out that nothing is left.
// What Send is given goes out by one sendmmsg; three messages or more by two, of which the first
// tells the kernel that more follows, so that packets are filled. It reads ahead two batches, and
// then leaves what arrives to the kernel, whose window closes.
//
// Messages are whole: parts are put together up to Config.MaxMessage, and an association that sends
// a longer one is aborted. Events come from the kernel's notifications, in order with the messages.
//
// # Limitations
//
//   - Abort tells the peer that the user aborted (cause 12), without the text: Linux takes a text
//     from one-to-many sockets alone.
//   - Linux on 64-bit processors; elsewhere Listen and Dial return ErrUnavailable.
//   - Buffers are what the kernel makes of them: it counts its own overhead, and grants an ordinary
//     process up to net.core.rmem_max and wmem_max.
//   - Times are in whole milliseconds. Config.SACKDelay is 500 ms at most, as RFC 9260 has it.
//   - Trace gets messages and events, not packets; Status.Retransmitted is what the kernel counts.
package kernel
