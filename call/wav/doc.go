// Package wav reads and writes WAV files of telephone speech: 16-bit PCM, A-law and mu-law.
//
// A [Writer] streams. The file is playable at every moment, also when the program is killed:
// until the first update of the header its sizes say "until the end of the file", and after it
// they cover what had been written then, whole frames only.
//
//	f, _ := os.Create("call.wav")
//	w, err := wav.NewWriter(f, wav.Format{Encoding: wav.PCM, Channels: 2, SampleRate: 8000})
//	w.WriteSamples(pcm)
//	w.Close()
//
// A [Reader] takes chunks in any order (data before fmt needs an io.Seeker), skips those it does
// not know, reads no further than the data chunk says and allocates nothing that a file's size
// fields could inflate.
//
// # Conformance
//
//   - Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991): RIFF
//     WAVE with fmt, fact and data chunks
//   - RFC 2361: WAVE_FORMAT_PCM (1), WAVE_FORMAT_ALAW (6), WAVE_FORMAT_MULAW (7)
//   - WAVE_FORMAT_EXTENSIBLE is read when its sub-format is one of the three
//
// Not done: 8, 24 and 32-bit PCM, floating point, RF64 (a file ends before 4 GiB with
// [ErrTooLong]; that is 37 hours of stereo at 8000 samples a second).
package wav
