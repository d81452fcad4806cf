package call

// SetSource lets src be what is sent from now on; nil is silence. It takes the place of a bridge in
// this direction.
func (m *Media) SetSource(src Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.setSource(src)
	}
}

func (m *Media) setSource(src Source) (done <-chan struct{}) {
	if m.sourced != nil {
		close(m.sourced)
	}
	m.source, m.sourced = src, make(chan struct{})
	return m.sourced
}

// AddSink lets s have what is received from now on, silence included: 50 times a second, so that
// sinks of several legs stay in step.
func (m *Media) AddSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.sinks = append(m.sinks, s)
	}
}

// RemoveSink lets go of s. When it returns s is not called any more.
func (m *Media) RemoveSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropSink(s)
}

func (m *Media) dropSink(s Sink) { m.sinks = without(m.sinks, s) }

func without(sinks []Sink, s Sink) []Sink {
	for i, have := range sinks {
		if have == s {
			return append(sinks[:i:i], sinks[i+1:]...)
		}
	}
	return sinks
}

// AddSentSink lets s have what is sent from now on, silence included: 50 times a second, after the sinks of AddSink
// have had what was received.
func (m *Media) AddSentSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.sent = append(m.sent, s)
	}
}

// RemoveSentSink lets go of s. When it returns s is not called any more.
func (m *Media) RemoveSentSink(s Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = without(m.sent, s)
}
