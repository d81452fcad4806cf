package wire

import "testing"

func TestReader(t *testing.T) {
	r := NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19})
	if r.Uint8() != 1 || r.Uint16() != 0x0203 || r.Uint24() != 0x040506 || r.Uint32() != 0x0708090a || r.Uint64() != 0x0b0c0d0e0f101112 {
		t.Error("a value was read wrong")
	}
	if r.Err() != nil || r.Len() != 1 || r.Offset() != 18 {
		t.Errorf("err %v, len %d, offset %d", r.Err(), r.Len(), r.Offset())
	}
	if r.Uint16() != 0 || r.Err() != ErrTruncated {
		t.Errorf("a short read gave err %v", r.Err())
	}
	if r.Uint8() != 0 || r.Bytes(-1) != nil {
		t.Error("a read after an error gave something")
	}
	if r.Offset() != 18 {
		t.Errorf("a failed read moved to %d", r.Offset())
	}
}
