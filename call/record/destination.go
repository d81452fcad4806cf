package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
)

// Destination is where one recording goes, instead of where the Config of the spool says. It is kept beside the
// recording, in a file that only the owner may read.
type Destination struct {
	// URL is an address of http or https. With PUT, one whose path ends in .wav is that of the file itself, and the
	// description goes beside it with .json; else both go below it, as with Config.URL.
	URL string `json:"url"`
	// Method is PUT or POST. If empty, PUT.
	Method string `json:"method,omitempty"`
	// FileField is the name of the part with the file, for POST. If empty, that of the Config.
	FileField string `json:"field,omitempty"`
	// File is the name of the file that the server is told. If empty, NAME.wav. It need not be unique.
	File string `json:"file,omitempty"`
}

// destination is the suffix of the file that says where a recording goes.
const destination = ".to"

// check says what is wrong with d, and fills in what is left out.
func (d *Destination) check() error {
	u, err := url.Parse(d.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("record: %q is no address to upload to", redacted(d.URL))
	}
	if d.Method == "" {
		d.Method = http.MethodPut
	}
	if d.Method != http.MethodPut && d.Method != http.MethodPost {
		return fmt.Errorf("record: recordings are uploaded by PUT or POST, not by %s", d.Method)
	}
	if d.File != "" {
		return checkName(d.File)
	}
	return nil
}

// writeDestination keeps where a recording goes; it is on disk before anything else of it is.
func (s *Spool) writeDestination(name string, d Destination) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path(name, destination), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// destinationOf says where a recording goes; false if nowhere. An error is that of its file.
func (s *Spool) destinationOf(name string) (Destination, bool, error) {
	b, err := os.ReadFile(s.path(name, destination))
	if errors.Is(err, fs.ErrNotExist) {
		if s.base == nil {
			return Destination{}, false, nil
		}
		return Destination{URL: s.base.String(), Method: s.cfg.Method}, true, nil
	}
	var d Destination
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err == nil {
		err = d.check()
	}
	return d, err == nil, err
}

// server is what is known of a server, so that one that is down does not hold up what goes to others.
type server struct {
	until time.Time // nothing is tried before
	wait  time.Duration
}

// address is where a file goes by PUT.
func (d Destination) address(name, suffix string) (string, error) {
	u, err := url.Parse(d.URL)
	if err != nil {
		return "", err
	}
	if exact, ok := strings.CutSuffix(u.Path, complete); ok {
		u.Path, u.RawPath = exact+suffix, ""
		return u.String(), nil
	}
	file := name
	if d.File != "" {
		file = strings.TrimSuffix(d.File, complete)
	}
	u.Path, u.RawPath = path.Join("/", u.Path, file+suffix), ""
	return u.String(), nil
}

// host is what the destinations of one server have in common.
func (d Destination) host() string {
	if u, err := url.Parse(d.URL); err == nil {
		return u.Host
	}
	return ""
}
