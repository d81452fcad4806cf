package sip

import (
	"errors"
	"net"
	"os"
	"time"
)

// send queues one message.
func (c *conn) send(data []byte) error {
	c.mu.Lock()
	switch {
	case c.dead, c.draining:
		c.mu.Unlock()
		return &TransportError{"send", c.flow.Transport, c.flow.Remote, errFlowClosed}
	case c.queued+len(data) > c.network.cfg.MaxQueue:
		c.mu.Unlock()
		c.network.stats.slowReaders.Add(1)
		c.cut(errSlowReader)
		return &TransportError{"send", c.flow.Transport, c.flow.Remote, errSlowReader}
	}
	c.queue = append(c.queue, data...)
	c.ends = append(c.ends, len(c.queue))
	c.queued += len(data)
	if !c.writing {
		c.writing = true
		c.network.wg.Add(1)
		go c.write()
	}
	c.mu.Unlock()
	c.network.stats.sent[c.flow.Transport].Add(1)
	return nil
}

// write writes until the queue is empty.
func (c *conn) write() {
	defer c.network.wg.Done()
	c.mu.Lock()
	for len(c.queue) > 0 && !c.dead {
		out, ends := c.queue, c.ends
		c.queue, c.ends = c.spare[:0], c.spareEnd[:0]
		timeout := c.network.cfg.WriteTimeout
		if c.draining {
			timeout = min(timeout, drainTimeout)
		}
		c.mu.Unlock()

		c.nc.SetWriteDeadline(time.Now().Add(timeout))
		err := c.writeOut(out, ends)

		c.mu.Lock()
		c.queued -= len(out)
		c.spare, c.spareEnd = out, ends
		if err != nil && !c.dead {
			c.mu.Unlock()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.network.stats.slowReaders.Add(1)
				err = errSlowReader
			} else {
				c.network.stats.sendErrors.Add(1)
			}
			c.cut(err)
			c.mu.Lock()
		}
	}
	c.writing = false
	if cap(c.queue)+cap(c.spare) > 4*readBufferMin && !c.dead {
		if c.trimmer == nil {
			c.trimmer = time.AfterFunc(releaseAfter, c.trim)
		} else {
			c.trimmer.Reset(releaseAfter)
		}
	}
	drained := c.draining && !c.dead
	c.mu.Unlock()
	if drained {
		c.cut(net.ErrClosed)
	}
}

// trim gives the buffers of a burst back, a while after it.
func (c *conn) trim() {
	c.mu.Lock()
	if !c.writing {
		c.queue, c.spare = nil, nil
	}
	c.mu.Unlock()
}

// writeOut writes a batch: streams take it whole, WebSocket a message at a time.
func (c *conn) writeOut(out []byte, ends []int) error {
	if c.flow.Transport == TCP || c.flow.Transport == TLS {
		_, err := c.nc.Write(out)
		return err
	}
	start := 0
	for _, end := range ends {
		if _, err := c.nc.Write(out[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

const drainTimeout = time.Second

// drain closes the connection once its queue is empty, or after a second.
func (c *conn) drain(reason error) {
	c.mu.Lock()
	c.draining = true
	busy := c.writing
	c.mu.Unlock()
	if busy {
		c.nc.SetWriteDeadline(time.Now().Add(drainTimeout))
		return
	}
	c.cut(reason)
}
