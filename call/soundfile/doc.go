// Package soundfile plays and records files of speech: WAV (PCM, A-law and mu-law), AMR and AMR-WB (.amr and .awb).
//
//	err := soundfile.Play(ctx, c, "welcome.awb")
//
//	r, err := soundfile.Record(c.Media(), "call.wav", soundfile.Options{Stereo: true})
//	…
//	err = r.Close()
//
// Neither ever makes the media wait for the disk: see [call.ReadAhead] and [call.Tap]. A [Reader] and a [Writer] are there for other
// streams than files.
//
// # Conformance
//
//   - RFC 4867 section 5: the storage format of AMR and AMR-WB, of one and of several channels; frames that were lost are concealed
//   - WAV as package call/wav reads and writes it
//
// # Limitations
//
// Files with another sample rate than 8, 16 or 48 kHz cannot be played, nor those with more than 15 channels.
package soundfile
