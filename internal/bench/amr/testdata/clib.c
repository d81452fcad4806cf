// The C libraries on one stream: clib nb|wb encode MODE DTX PCM FILE RUNS, or clib nb|wb decode FILE RUNS. Prints the least
// processor time of a frame in nanoseconds.
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>
#include <opencore-amrwb/dec_if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vo-amrwbenc/enc_if.h>

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static unsigned char *load(const char *name, long *n) {
	FILE *f = fopen(name, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		perror(name), exit(1);
	*n = ftell(f);
	rewind(f);
	unsigned char *b = calloc(*n + 64, 1);
	if (fread(b, 1, *n, f) != (size_t)*n)
		exit(1);
	fclose(f);
	return b;
}

int main(int argc, char **argv) {
	static const int octets[2][16] = {{12, 13, 15, 17, 19, 20, 26, 31, 5}, {17, 23, 32, 36, 40, 46, 50, 58, 60, 5}};
	if (argc < 5)
		return 2;
	int wb = !strcmp(argv[1], "wb"), samples = wb ? 320 : 160, encode = !strcmp(argv[2], "encode");
	int runs = atoi(argv[argc - 1]);
	long n;
	unsigned char *in = load(argv[encode ? 5 : 3], &n);
	double best = 1e18;
	for (int r = 0; r < runs; r++) {
		int frames = 0;
		double start, t;
		unsigned char out[64];
		short pcm[320];
		if (encode) {
			int mode = atoi(argv[3]), dtx = atoi(argv[4]);
			FILE *f = fopen(argv[6], "wb");
			fputs(wb ? "#!AMR-WB\n" : "#!AMR\n", f);
			void *e = wb ? E_IF_init() : Encoder_Interface_init(dtx);
			start = now();
			for (; (frames + 1) * samples * 2 <= n; frames++) {
				memcpy(pcm, in + frames * samples * 2, samples * 2);
				int k = wb ? E_IF_encode(e, mode, pcm, out, dtx) : Encoder_Interface_Encode(e, mode, pcm, out, 0);
				fwrite(out, 1, k, f);
			}
			t = now() - start;
			fclose(f);
			wb ? E_IF_exit(e) : Encoder_Interface_exit(e);
		} else {
			void *d = wb ? D_IF_init() : Decoder_Interface_init();
			start = now();
			for (long p = wb ? 9 : 6; p < n; p += 1 + octets[wb][in[p] >> 3 & 15], frames++)
				wb ? D_IF_decode(d, in + p, pcm, 0) : Decoder_Interface_Decode(d, in + p, pcm, 0);
			t = now() - start;
			wb ? D_IF_exit(d) : Decoder_Interface_exit(d);
		}
		if (frames && t / frames < best)
			best = t / frames;
	}
	printf("%.0f\n", best);
	return 0;
}
