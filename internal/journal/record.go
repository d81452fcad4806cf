package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A record on disk is its length (4 octets, little endian), the CRC-32C of length and content
// (4 octets), and the content. A file begins with magic.
const (
	magic      = "telco journal 1\n"
	recordHead = 8

	// MaxRecord is the longest record in octets.
	MaxRecord = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTorn says that a file ends, or goes on with nonsense, after its last complete record.
var errTorn = errors.New("journal: torn record")

func checksum(head, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:4], castagnoli), castagnoli, content)
}

func appendRecord(b, content []byte) []byte {
	var head [recordHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(content)))
	binary.LittleEndian.PutUint32(head[4:], checksum(head[:], content))
	return append(append(b, head[:]...), content...)
}

// readRecords calls each with every complete record of r, whose content is valid during the call,
// and returns how many octets they and magic take. The error is errTorn, one of reading, or each's.
func readRecords(r io.Reader, each func([]byte) error) (good int64, err error) {
	br := bufio.NewReaderSize(r, 1<<20)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(br, head); err != nil {
		return 0, torn(err)
	}
	if string(head) != magic {
		return 0, errTorn
	}
	good = int64(len(magic))
	head = head[:recordHead]
	var content []byte
	for {
		if _, err := io.ReadFull(br, head); err == io.EOF {
			return good, nil
		} else if err != nil {
			return good, torn(err)
		}
		n := int(binary.LittleEndian.Uint32(head))
		if n > MaxRecord {
			return good, errTorn
		}
		if cap(content) < n {
			content = make([]byte, n+n/2)
		}
		content = content[:n]
		if _, err := io.ReadFull(br, content); err != nil {
			return good, torn(err)
		}
		if checksum(head, content) != binary.LittleEndian.Uint32(head[4:]) {
			return good, errTorn
		}
		if err := each(content); err != nil {
			return good, err
		}
		good += recordHead + int64(n)
	}
}

func torn(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}
