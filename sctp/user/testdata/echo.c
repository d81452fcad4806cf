/* An echo over usrsctp, whose packets go over UDP:
 *     echo UDPPORT PEERUDPPORT PORT listen|connect
 * sends every message back as it came, with its stream, PPID and U flag, until the association ends. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

static void set(struct socket *s, int option, const void *value, socklen_t n) {
	if (usrsctp_setsockopt(s, IPPROTO_SCTP, option, value, n) < 0) {
		perror("setsockopt");
		exit(1);
	}
}

int main(int argc, char **argv) {
	static char buf[1 << 18];
	if (argc != 5)
		return 2;
	usrsctp_init(atoi(argv[1]), NULL, NULL);
	usrsctp_sysctl_set_sctp_blackhole(2);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	struct socket *s = usrsctp_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (s == NULL) {
		perror("socket");
		return 1;
	}
	struct sctp_udpencaps encaps = {0};
	encaps.sue_address.ss_family = AF_INET;
	encaps.sue_port = htons(atoi(argv[2]));
	set(s, SCTP_REMOTE_UDP_ENCAPS_PORT, &encaps, sizeof encaps);
	int on = 1;
	set(s, SCTP_RECVRCVINFO, &on, sizeof on);
	set(s, SCTP_NODELAY, &on, sizeof on);
	struct sctp_initmsg init = {.sinit_num_ostreams = 20, .sinit_max_instreams = 20};
	set(s, SCTP_INITMSG, &init, sizeof init);
	struct sctp_rtoinfo rto = {.srto_initial = 200, .srto_min = 100, .srto_max = 1000};
	set(s, SCTP_RTOINFO, &rto, sizeof rto);

	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(atoi(argv[3]))};
	if (strcmp(argv[4], "listen") == 0) {
		if (usrsctp_bind(s, (struct sockaddr *)&a, sizeof a) < 0 || usrsctp_listen(s, 1) < 0) {
			perror("listen");
			return 1;
		}
		puts("ready");
		fflush(stdout);
		if ((s = usrsctp_accept(s, NULL, NULL)) == NULL) {
			perror("accept");
			return 1;
		}
	} else if (usrsctp_connect(s, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("connect");
		return 1;
	}
	for (;;) {
		struct sctp_rcvinfo info;
		socklen_t infolen = sizeof info, fromlen = 0;
		unsigned int kind = 0;
		int flags = 0;
		ssize_t n = usrsctp_recvv(s, buf, sizeof buf, NULL, &fromlen, &info, &infolen, &kind, &flags);
		if (n < 0) {
			perror("recvv");
			return 1;
		}
		if (n == 0)
			break;
		if (kind != SCTP_RECVV_RCVINFO || !(flags & MSG_EOR)) {
			fprintf(stderr, "a message in parts\n");
			return 1;
		}
		struct sctp_sndinfo out = {.snd_sid = info.rcv_sid, .snd_ppid = info.rcv_ppid, .snd_flags = info.rcv_flags & SCTP_UNORDERED};
		if (usrsctp_sendv(s, buf, n, NULL, 0, &out, sizeof out, SCTP_SENDV_SNDINFO, 0) < 0) {
			perror("sendv");
			return 1;
		}
	}
	usrsctp_close(s);
	for (int i = 0; i < 100 && usrsctp_finish() != 0; i++)
		usleep(20000);
	puts("over");
	return 0;
}
