package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// upload takes one recording after the other.
func (s *Spool) upload() {
	for {
		w, again, ok := s.take(time.Now())
		if !ok {
			var timer <-chan time.Time
			if again > 0 {
				timer = time.After(again)
			}
			select {
			case <-s.wake:
			case <-timer:
			case <-s.ctx.Done():
				return
			}
			continue
		}
		done := s.deliver(w)
		s.mu.Lock()
		s.stats.Waiting--
		if done {
			s.stats.Uploaded++
		} else {
			s.enqueue(w.name)
		}
		s.mu.Unlock()
		if s.ctx.Err() != nil {
			return
		}
		if done && s.cfg.OnUpload != nil {
			s.cfg.OnUpload(w.name)
		}
	}
}

// take takes the first recording whose server may be asked; again is when there may be one, if there is none now.
func (s *Spool) take(now time.Time) (w waiting, again time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queue {
		h := s.hosts[s.queue[i].to.host()]
		if h != nil && h.until.After(now) {
			if d := h.until.Sub(now); again == 0 || d < again {
				again = d
			}
			continue
		}
		w = s.queue[i]
		s.queue = append(s.queue[:i:i], s.queue[i+1:]...)
		s.stats.Waiting++
		if len(s.queue) > 0 {
			s.wakeUp() // another one has something to do too
		}
		return w, 0, true
	}
	return w, again, false
}

// deliver tries to give a recording to its server, and deletes it if that is done.
func (s *Spool) deliver(w waiting) bool {
	err := s.try(w)
	host := w.to.host()
	if err == nil || errors.Is(err, fs.ErrNotExist) { // somebody has taken the file away
		os.Remove(s.path(w.name, complete))
		os.Remove(s.path(w.name, description))
		os.Remove(s.path(w.name, destination))
		if err == nil {
			s.cfg.Logger.Info("recording uploaded", "name", w.name)
		} else {
			s.cfg.Logger.Warn("recording is not there", "name", w.name, "err", err)
		}
		s.mu.Lock()
		delete(s.hosts, host)
		s.mu.Unlock()
		s.wakeUp()
		return true
	}
	if s.ctx.Err() != nil {
		return false
	}
	s.mu.Lock()
	s.stats.Failures++
	s.stats.LastError = err
	h := s.hosts[host]
	if h == nil {
		h = &server{wait: s.cfg.MinRetry}
		s.hosts[host] = h
	}
	if now := time.Now(); now.After(h.until) { // the others that failed meanwhile have asked before
		h.until = now.Add(h.wait)
		h.wait = min(2*h.wait, s.cfg.MaxRetry)
	}
	again := time.Until(h.until)
	s.mu.Unlock()
	s.cfg.Logger.Warn("recording is not uploaded yet", "name", w.name, "again_in", again, "err", err)
	return false
}

// StatusError is a server's refusal.
type StatusError struct {
	Status int    // of HTTP
	Text   string // what it said, at most 200 octets
}

func (e *StatusError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("record: the server says %d", e.Status)
	}
	return fmt.Sprintf("record: the server says %d: %s", e.Status, e.Text)
}

// try uploads once.
func (s *Spool) try(w waiting) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
	defer cancel()
	if w.to.Method == http.MethodPost {
		return s.post(ctx, w)
	}
	if err := s.put(ctx, w, complete, "audio/vnd.wave"); err != nil {
		return err
	}
	err := s.put(ctx, w, description, "application/json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there was none
	}
	return err
}

func (s *Spool) put(ctx context.Context, w waiting, suffix, contentType string) error {
	name := w.name
	to, err := w.to.address(name, suffix)
	if err != nil {
		return err
	}
	f, err := os.Open(s.path(name, suffix))
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to, f)
	if err != nil {
		return err
	}
	req.ContentLength = st.Size()
	req.GetBody = func() (io.ReadCloser, error) { return os.Open(s.path(name, suffix)) } // after a redirect
	req.Header.Set("Content-Type", contentType)
	return s.send(req)
}

// post sends everything as a form, which streams.
func (s *Spool) post(ctx context.Context, w waiting) error {
	if _, err := os.Stat(s.path(w.name, complete)); err != nil {
		return err
	}
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	written := make(chan struct{})
	go func() {
		defer close(written)
		pw.CloseWithError(s.form(form, w))
	}()
	defer func() { <-written }()
	defer pr.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.to.URL, pr)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	return s.send(req)
}

func (s *Spool) form(form *multipart.Writer, w waiting) error {
	name, file, field := w.name, w.name+complete, s.cfg.FileField
	if w.to.File != "" {
		file = strings.TrimSuffix(w.to.File, complete) + complete
	}
	if w.to.FileField != "" {
		field = w.to.FileField
	}
	if d, err := s.describe(name); err == nil {
		fields := map[string]string{
			"name": d.Name, "start": d.Start.Format(time.RFC3339Nano), "seconds": strconv.FormatFloat(d.Seconds, 'f', 3, 64),
			"sample_rate": strconv.Itoa(d.SampleRate), "channels": strconv.Itoa(d.Channels), "incomplete": d.Incomplete,
		}
		for k, v := range d.Meta {
			if _, taken := fields[k]; !taken {
				fields[k] = v
			}
		}
		for k, v := range fields {
			if v == "" {
				continue
			}
			if err := form.WriteField(k, v); err != nil {
				return err
			}
		}
	}
	part, err := form.CreateFormFile(field, file)
	if err != nil {
		return err
	}
	f, err := os.Open(s.path(name, complete))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(part, f); err != nil {
		return err
	}
	return form.Close()
}

// send takes the answer.
func (s *Spool) send(req *http.Request) error {
	if s.base != nil && req.URL.Scheme == s.base.Scheme && req.URL.Host == s.base.Host {
		for k, vs := range s.cfg.Header {
			req.Header[k] = vs
		}
	}
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) { // its text has the address, and that may have a password
			err = ue.Err
		}
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	if resp.StatusCode/100 != 2 {
		return &StatusError{resp.StatusCode, printable(text)}
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return nil
}

// printable is text of the network for a log.
func printable(b []byte) string {
	out := make([]rune, 0, len(b))
	for _, r := range string(b) {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
