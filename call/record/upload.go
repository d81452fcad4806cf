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
	"path"
	"strconv"
	"time"
)

// upload takes one recording after the other.
func (s *Spool) upload() {
	for {
		s.mu.Lock()
		var name string
		if len(s.queue) > 0 {
			name = s.queue[0]
			s.queue = s.queue[1:]
			s.stats.Waiting++
			if len(s.queue) > 0 {
				s.wakeUp() // another one has something to do too
			}
		}
		s.mu.Unlock()
		if name == "" {
			select {
			case <-s.wake:
				continue
			case <-s.ctx.Done():
				return
			}
		}
		if !s.deliver(name) {
			return
		}
		s.mu.Lock()
		s.stats.Waiting--
		s.stats.Uploaded++
		s.mu.Unlock()
		if s.cfg.OnUpload != nil {
			s.cfg.OnUpload(name)
		}
	}
}

// deliver tries until the server has the recording, and deletes it. It returns false when the spool closes.
func (s *Spool) deliver(name string) bool {
	for wait := s.cfg.MinRetry; ; wait = min(2*wait, s.cfg.MaxRetry) {
		err := s.try(name)
		if err == nil || errors.Is(err, fs.ErrNotExist) { // somebody has taken the file away
			os.Remove(s.path(name, complete))
			os.Remove(s.path(name, description))
			if err == nil {
				s.cfg.Logger.Info("recording uploaded", "name", name)
			} else {
				s.cfg.Logger.Warn("recording is not there", "name", name, "err", err)
			}
			return true
		}
		if s.ctx.Err() != nil {
			return false
		}
		s.mu.Lock()
		s.stats.Failures++
		s.stats.LastError = err
		s.mu.Unlock()
		s.cfg.Logger.Warn("recording is not uploaded yet", "name", name, "again_in", wait, "err", err)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return false
		}
	}
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
func (s *Spool) try(name string) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
	defer cancel()
	if s.cfg.Method == http.MethodPost {
		return s.post(ctx, name)
	}
	if err := s.put(ctx, name, complete, "audio/vnd.wave"); err != nil {
		return err
	}
	err := s.put(ctx, name, description, "application/json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there was none
	}
	return err
}

func (s *Spool) put(ctx context.Context, name, suffix, contentType string) error {
	f, err := os.Open(s.path(name, suffix))
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	u := *s.base
	u.Path, u.RawPath = path.Join("/", u.Path, name+suffix), ""
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.String(), f)
	if err != nil {
		return err
	}
	req.ContentLength = st.Size()
	req.GetBody = func() (io.ReadCloser, error) { return os.Open(s.path(name, suffix)) } // after a redirect
	req.Header.Set("Content-Type", contentType)
	return s.send(req)
}

// post sends everything as a form, which streams.
func (s *Spool) post(ctx context.Context, name string) error {
	if _, err := os.Stat(s.path(name, complete)); err != nil {
		return err
	}
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	written := make(chan struct{})
	go func() {
		defer close(written)
		pw.CloseWithError(s.form(form, name))
	}()
	defer func() { <-written }()
	defer pr.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base.String(), pr)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	return s.send(req)
}

func (s *Spool) form(form *multipart.Writer, name string) error {
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
	part, err := form.CreateFormFile(s.cfg.FileField, name+complete)
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
	for k, vs := range s.cfg.Header {
		req.Header[k] = vs
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
