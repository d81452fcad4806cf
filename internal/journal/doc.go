// Package journal keeps what must survive the end of a process, however it ends: records in
// append-only files, on disk before Append returns.
//
// Appends that come while the disk is busy share one write and one sync (group commit). Opening
// replays what was kept: the newest snapshot, then the records after it. A tail that a crash tore
// is cut back to the last complete record, set aside in a file of its own, and reported.
//
// Compaction writes the present state as a snapshot while appends go on, so records should say
// what is (a whole subscriber, a registration) and not what changed: replaying one twice, or an
// old one before a newer one, must end in the same state.
//
// A full disk fails the append that meets it and nothing else: the file is cut back to where it
// was, and later appends are tried anew. An error of sync fails the journal for good, as nobody
// knows then what the disk holds; opening it again finds out.
package journal
