package pcapng

import (
	"bufio"
	"errors"
	"net"
	"os"
)

// Create makes a capture file, or empties the one that is there. It is readable by its owner and
// group alone, for a capture holds what subscribers say. What the Writer holds back is written at
// least once a second while events come, and by Flush and Close.
func Create(name string, cfg Config) (*Writer, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	w, err := NewWriter(b, cfg)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w.flush = b.Flush
	w.close = f.Close
	return w, nil
}

// Close ends the Writer: it closes the file of one made by [Create], and events that come later
// are counted as lost. It returns the first error so far.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.err, net.ErrClosed) {
		return nil
	}
	if w.flush != nil && w.err == nil {
		w.keep(w.flush())
	}
	if w.close != nil {
		w.keep(w.close())
	}
	err := w.err
	w.err = net.ErrClosed
	return err
}
