package provision

import (
	"errors"
	"strconv"
)

// Error is one thing that is wrong with a file.
type Error struct {
	File         string
	Line, Column int    // from 1; zero if the place is not known
	Path         string // "subscribers[1].public[0].identity"; may be empty
	Message      string
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			s += ":" + strconv.Itoa(e.Column)
		}
	}
	if e.Path != "" {
		s += ": " + e.Path
	}
	return s + ": " + e.Message
}

// maxErrors bounds how many errors one file gets; a file of the wrong kind has as many as lines.
const maxErrors = 50

// problems gathers what is wrong.
type problems struct {
	all  []error
	more int
}

func (p *problems) add(e *Error) {
	if len(p.all) >= maxErrors {
		p.more++
		return
	}
	p.all = append(p.all, e)
}

func (p *problems) err() error {
	switch {
	case len(p.all) == 0:
		return nil
	case p.more > 0:
		return errors.Join(append(p.all, errors.New("and "+strconv.Itoa(p.more)+" more"))...)
	case len(p.all) == 1:
		return p.all[0]
	}
	return errors.Join(p.all...)
}
