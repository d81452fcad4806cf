package call

import (
	"context"
	"errors"
	"fmt"

	"github.com/gotelco/telco/resample"
)

// Bridge connects two Media: each sends what the other receives, telephone-events included, in
// the codec and at the sample rate of its own leg. It takes the place of their sources. The bridge ends when one of them
// is closed, bridged to another, or [Unbridge] is called.
func Bridge(a, b *Media) error {
	if a == b {
		return errors.New("call: a leg cannot be bridged to itself")
	}
	if err := convertible(a.SampleRate(), b.SampleRate()); err != nil {
		return err
	}
	Unbridge(a)
	Unbridge(b)
	a.wheel.join(b, a)
	if err := a.bridgeTo(b); err != nil {
		return err
	}
	if err := b.bridgeTo(a); err != nil {
		a.unbridge(b)
		return err
	}
	return nil
}

// Unbridge ends the bridge that m is part of, if any. Both legs send silence then.
func Unbridge(m *Media) {
	m.mu.Lock()
	peer := m.peer
	m.mu.Unlock()
	if peer != nil {
		m.unbridge(peer)
		peer.unbridge(m)
	}
}

// Resume has m send again what the leg receives that it is bridged to, where it sends nothing else: after [Media.Play], which
// gives up that direction of a bridge.
func (m *Media) Resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && m.peer != nil && m.source == nil {
		m.setSource(m.bridge)
	}
}

func (m *Media) bridgeTo(peer *Media) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("call: bridge: %w", errClosed)
	}
	m.peer = peer
	m.bridge = &received{m: peer, by: m}
	m.setSource(m.bridge)
	return nil
}

// unbridge ends m's half of its bridge to peer.
func (m *Media) unbridge(peer *Media) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.peer != peer {
		return
	}
	m.peer = nil
	m.keyed.release()
	if m.source == Source(m.bridge) {
		m.setSource(nil)
	}
	m.bridge = nil
}

// received is what a Media received in this turn, as a Source for another one. Both have the same turn: only its goroutine
// reads m.frame, and only it writes m.frame, before any Media of the turn sends.
type received struct {
	m, by     *Media // by reads it
	from, to  int    // of convert, in Hz
	convert   *resample.Resampler
	converted []int16
}

func (r *received) ReadSamples(pcm []int16) (int, error) {
	if on := r.m.on.Load(); on == nil || on != r.by.on.Load() {
		return 0, nil // they are being parted, and the frame belongs to another goroutine
	}
	if len(r.m.frame) == len(pcm) || len(r.m.frame) == 0 {
		return copy(pcm, r.m.frame), nil
	}
	// Both are 20 ms.
	if from, to := len(r.m.frame)*50, len(pcm)*50; from != r.from || to != r.to {
		c, err := resample.New(from, to)
		if err != nil {
			return 0, err
		}
		r.from, r.to, r.convert = from, to, c
	}
	r.converted = r.convert.Append(r.converted[:0], r.m.frame)
	return copy(pcm, r.converted), nil
}

// convertible says why legs of two sample rates cannot be bridged.
func convertible(a, b int) error {
	if a == b {
		return nil
	}
	if _, err := resample.New(a, b); err != nil {
		return fmt.Errorf("call: no bridge: %w", err)
	}
	return nil
}

// Play sends src until it ends, and returns nil; or until ctx is done, another source takes its
// place, or m is closed, and returns why. A bridge of m in this direction is given up; the other
// direction goes on.
func (m *Media) Play(ctx context.Context, src Source) error {
	ended := &untilEOF{Source: src}
	m.mu.Lock()
	switch {
	case m.closed:
		m.mu.Unlock()
		return errClosed
	case ctx.Err() != nil: // what is being sent is not ours to end
		m.mu.Unlock()
		return context.Cause(ctx)
	}
	done := m.setSource(ended)
	m.mu.Unlock()
	select {
	case <-done:
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case ended.err != nil:
			return ended.result()
		case m.closed:
			return errClosed
		}
		return ErrReplaced
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		if ended.err != nil {
			return ended.result() // the result is there already
		}
		if m.source == Source(ended) {
			m.setSource(nil)
		}
		return context.Cause(ctx)
	}
}
