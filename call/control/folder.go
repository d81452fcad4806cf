package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gotelco/telco/call/soundfile"
)

// folder is a folder that names of files cannot leave; nil where there is none.
type folder struct {
	root *os.Root
	abs  string
}

func openFolder(name string) (*folder, error) {
	if name == "" {
		return nil, nil
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o750); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	return &folder{root, abs}, nil
}

func (f *folder) close() {
	if f != nil {
		f.root.Close()
	}
}

var errName = errors.New("control: no such name for a file")

// local is a name relative to the folder: an absolute one has to be in it.
func (f *folder) local(name string) (string, error) {
	if f == nil || name == "" || strings.ContainsRune(name, 0) {
		return "", errName
	}
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(f.abs, name)
		if err != nil {
			return "", errName
		}
		name = rel
	}
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%w: %q", errName, name)
	}
	return filepath.Clean(name), nil
}

// open opens a file for reading.
func (f *folder) open(name string) (*os.File, error) {
	name, err := f.local(name)
	if err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	if st, err := file.Stat(); err != nil || !st.Mode().IsRegular() {
		file.Close()
		return nil, fmt.Errorf("%w: %q", errName, name)
	}
	return file, nil
}

// create makes a file, and the folders that it is in.
func (f *folder) create(name string) (*os.File, string, error) {
	name, err := f.local(name)
	if err != nil {
		return nil, "", err
	}
	dir := ""
	for _, part := range strings.Split(filepath.ToSlash(filepath.Dir(name)), "/") {
		if dir = path.Join(dir, part); dir == "." {
			continue
		}
		if err := f.root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, "", err
		}
	}
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	return file, filepath.Join(f.abs, name), err
}

// list is the sound files of a folder, sorted.
func (f *folder) list(dir string) ([]string, error) {
	dir, err := f.local(dir)
	if err != nil {
		return nil, err
	}
	d, err := f.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(1000)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, ok := soundfile.KindOf(e.Name()); ok && e.Type().IsRegular() {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, fmt.Errorf("control: no sounds in %q", dir)
	}
	return names, nil
}
