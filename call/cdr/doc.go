// Package cdr keeps call records: one [Record] for each call, on disk before anybody is told that
// it is kept.
//
// A [Log] is a file of records, CSV with a header line or JSON lines:
//
//	log, report, err := cdr.Open(cdr.Config{Dir: "/var/lib/as/cdr", Format: cdr.CSV, Daily: true})
//	defer log.Close()
//	…
//	err = log.Append(cdr.Record{ID: id, Start: start, Answer: answer, End: end, …})
//
// Append returns when the record is on disk. Records of calls that end at the same time share one
// write and one sync (group commit). A process or a machine that dies leaves at most one torn line
// at the end, which Open cuts off, sets aside and reports; nobody had been told that it was kept.
//
// Calls that last are kept from their beginning on, so that they leave a record even if the process
// dies before their end:
//
//	err := log.Begin(cdr.Record{ID: id, Start: start, …})   // again when it is answered
//
// Files are rotated by size, by day, or by [Log.Rotate]: calls.csv becomes calls-TIME.csv by a
// rename, so a name with a time in it is a complete file that never changes again.
//
// On a full disk calls go on: records wait in memory, as many as Config.MaxPending, and are
// written when there is room again. Append says so by a [PendingError], and [Log.Stats] does.
//
// # Reading them
//
// Each record is one line, also of CSV: line breaks within values become blanks. Every value has
// quotes where it needs them (RFC 4180). So
//
//	python3 -c 'import csv; print(sum(float(r["billsec"]) for r in csv.DictReader(open("calls.csv"))))'
//	jq -r 'select(.status >= 500) | [.id, .called, .status] | @tsv' calls.jsonl
//
// work as they stand. Times are UTC with milliseconds (RFC 3339; JSON leaves trailing zeros out); a time that never came is
// empty in CSV and not there in JSON. Durations are seconds with three decimals.
//
// # Limitations
//
// There is no charging protocol (Rf, Ro) here. A record is written when its call has ended; a call
// that is under way when a process dies leaves one if [Log.Begin] was told of it, and the next
// process opens the log.
package cdr
