// Package record records calls to files and uploads them by HTTP when the calls have ended.
//
// A [Spool] is a folder of recordings on their way to a server. What it holds survives the end of the process
// at any moment: a recording that was being written is closed and uploaded after the restart, and one that the
// server has, but of which the process did not hear in time, is uploaded again under the same name. So
// the server ends up with one whole copy of each, and the folder is empty.
//
//	spool, err := record.Open(record.Config{Dir: "spool", URL: "https://example.org/recordings/", Logger: log})
//	defer spool.Close()
//	r, err := spool.Start(c, record.Options{Stereo: true, Meta: map[string]string{"to": "+4930123456"}})
//	…
//	err = r.Stop() // or at the end of the call
//
// # How it is uploaded
//
// With PUT, the file goes to URL/NAME.wav and its description to URL/NAME.json after it; who finds the description
// has the whole recording. With POST, one request of type multipart/form-data goes to URL, with the file in
// the part "file" (FileField) and every entry of the description as a part of its own, as users of
// FreeSWITCH's mod_httapi know it. Redirects are followed with PUT. An answer of 2xx ends it; anything else is tried
// again later, at intervals that grow to MaxRetry. A recording may have a [Destination] of its own.
//
// # Limitations
//
// Recordings are WAV files of 16-bit samples. Uploads that failed go behind those that wait, and a server that did not take one is left
// alone for a while; what goes to other servers is not held up.
package record
