package cdr

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

// mend cuts a file after its last complete line. Records that were acknowledged are complete: they
// were synced. What came after them is at most one group, of which any page may be missing, and a
// missing page is zeros, which no record holds.
func mend(path string) (Report, error) {
	report := Report{Path: path}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return report, err
	}
	// Twice a group: the line in front of it is there too.
	from := max(0, size-2*maxGroup)
	tail := make([]byte, size-from)
	if _, err := io.ReadFull(io.NewSectionReader(f, from, size-from), tail); err != nil {
		return report, err
	}
	good := tail
	if i := bytes.IndexByte(good, 0); i >= 0 {
		good = good[:i]
	}
	good = good[:bytes.LastIndexByte(good, '\n')+1]
	report.Size = from + int64(len(good))
	if report.Torn = size - report.Size; report.Torn == 0 {
		return report, nil
	}
	report.TornFile = fmt.Sprintf("%s.torn-%d", path, time.Now().UnixNano())
	// Its loss is no reason not to go on: nobody was told that it was kept.
	if err := os.WriteFile(report.TornFile, tail[len(good):], 0o640); err != nil {
		os.Remove(report.TornFile)
		report.TornFile = ""
	}
	if err := f.Truncate(report.Size); err != nil {
		return report, err
	}
	return report, f.Sync()
}
