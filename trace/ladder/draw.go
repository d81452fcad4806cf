package ladder

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gotelco/telco/trace"
)

// layout is where the columns stand on a line.
type layout struct {
	space   int  // characters from one column to the next
	compact bool // the terminal is too narrow for columns: "a -> b  INVITE"
	detail  int  // where the details start
}

const (
	timeWidth = 10 // "   0.000  "
	minSpace  = 13
	maxSpace  = 24
	minDetail = 12
)

func (l *Ladder) place() {
	n := len(l.columns)
	want := minSpace
	for _, c := range l.columns {
		want = max(want, utf8.RuneCountInString(c)+3)
	}
	want = min(max(want, 20), maxSpace)
	l.layout = layout{space: want}
	if n > 1 {
		room := (l.cfg.Width - timeWidth - minDetail - 3) / (n - 1)
		l.layout.space = min(want, room)
	}
	l.layout.compact = l.layout.space < minSpace
	l.layout.detail = timeWidth + (n-1)*l.layout.space + 3
}

// head draws the columns' names where they are new.
func (l *Ladder) head(at time.Time) {
	if l.drawn == len(l.columns) {
		return
	}
	l.drawn = len(l.columns)
	l.place()
	if l.layout.compact {
		return
	}
	l.time(at)
	for i, c := range l.columns {
		w := l.layout.space
		name := clean(c, w-2)
		l.bold(name)
		if i < len(l.columns)-1 {
			l.pad(w - utf8.RuneCountInString(name))
		}
	}
	l.emit()
}

// message draws an arrow.
func (l *Ladder) message(e trace.Event, from, to int, s Summary) {
	l.head(e.Time)
	l.time(e.Time)
	on, off := l.paint(e, s)
	if l.layout.compact {
		l.buf = append(l.buf, on...)
		text := clean(l.columns[from]+" -> "+l.columns[to]+"  "+join(s.Label, s.Detail), max(l.cfg.Width-timeWidth, 20))
		l.buf = append(append(l.buf, text...), off...)
		l.emit()
		return
	}
	if from == to {
		s.Detail = join(s.Label+" to itself", s.Detail)
		l.lanes(from)
		l.detail(s.Detail, on, off)
		l.emit()
		return
	}
	left, right := min(from, to), max(from, to)
	for i := range l.columns {
		switch {
		case i < left || i > right:
			l.buf = append(l.buf, '|')
		case i == left:
			l.buf = append(l.buf, '|')
			l.buf = append(l.buf, on...)
			l.arrow(s.Label, (right-left)*l.layout.space-1, from > to)
			l.buf = append(l.buf, off...)
		case i == right:
			l.buf = append(l.buf, '|')
		}
		if i < len(l.columns)-1 && (i < left || i >= right) {
			l.pad(l.layout.space - 1)
		}
	}
	l.detail(s.Detail, on, off)
	l.emit()
}

// arrow appends a line of n characters with a label in its middle.
func (l *Ladder) arrow(label string, n int, back bool) {
	label = clean(label, n-6)
	dashes := n - 3 - utf8.RuneCountInString(label) // the head and two blanks are the rest
	lead := dashes / 2
	if back {
		l.buf = append(l.buf, '<')
	}
	l.repeat('-', lead)
	l.buf = append(append(append(l.buf, ' '), label...), ' ')
	l.repeat('-', dashes-lead)
	if !back {
		l.buf = append(l.buf, '>')
	}
}

// state draws a change of state: a star in its participant's column.
func (l *Ladder) state(e trace.Event) {
	at := -1
	if e.Local.IsValid() || e.Interface != "" {
		at = l.participant(e.Local, e, true)
	}
	l.head(e.Time)
	l.time(e.Time)
	text := e.Comment
	if at < 0 || l.layout.compact {
		text = join(e.Proto.String(), text)
	}
	on, off := "", ""
	if l.color {
		on, off = "\x1b[2m", "\x1b[0m"
	}
	if l.layout.compact {
		name := ""
		if at >= 0 {
			name = l.columns[at] + "  "
		}
		l.buf = append(append(append(l.buf, on...), clean(name+text, max(l.cfg.Width-timeWidth, 20))...), off...)
	} else {
		l.lanes(at)
		l.detail(text, on, off)
	}
	l.emit()
}

// lanes draws the columns with a star in one.
func (l *Ladder) lanes(star int) {
	for i := range l.columns {
		c := byte('|')
		if i == star {
			c = '*'
		}
		l.buf = append(l.buf, c)
		if i < len(l.columns)-1 {
			l.pad(l.layout.space - 1)
		}
	}
}

func (l *Ladder) detail(text, on, off string) {
	text = clean(text, max(l.cfg.Width-l.layout.detail, minDetail))
	if text == "" {
		return
	}
	l.buf = append(append(append(append(l.buf, "  "...), on...), text...), off...)
}

func (l *Ladder) time(at time.Time) {
	l.buf = l.buf[:0]
	ms := at.Sub(l.start).Milliseconds()
	sign := ""
	if ms < 0 {
		ms, sign = -ms, "-"
	}
	s := sign + strconv.FormatInt(ms/1000, 10) + "." + strconv.FormatInt(1000+ms%1000, 10)[1:]
	l.pad(timeWidth - 2 - len(s))
	l.buf = append(append(l.buf, s...), "  "...)
}

func (l *Ladder) pad(n int) { l.repeat(' ', n) }

func (l *Ladder) repeat(c byte, n int) {
	for range n {
		l.buf = append(l.buf, c)
	}
}

func (l *Ladder) bold(s string) {
	if l.color {
		s = "\x1b[1m" + s + "\x1b[0m"
	}
	l.buf = append(l.buf, s...)
}

// paint gives each correlation a colour of its own, and refusals red.
func (l *Ladder) paint(e trace.Event, s Summary) (on, off string) {
	switch {
	case !l.color:
		return "", ""
	case s.Bad:
		return "\x1b[31m", "\x1b[0m"
	case e.Correlation == "":
		return "", ""
	}
	h := fnv.New32a()
	h.Write([]byte(e.Correlation))
	return "\x1b[" + [...]string{"32", "33", "34", "35", "36", "92", "94", "96"}[h.Sum32()%8] + "m", "\x1b[0m"
}

// emit writes the line and leaves the buffer empty.
func (l *Ladder) emit() {
	l.buf = append(trimRight(l.buf), '\n')
	if l.err == nil {
		_, l.err = l.out.Write(l.buf)
	}
	l.buf = l.buf[:0]
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// clean replaces what could upset a terminal, and cuts s to n characters.
func clean(s string, n int) string {
	if n <= 0 {
		return ""
	}
	var b strings.Builder
	count, cut := 0, 0
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '.'
		}
		if count == n-1 {
			cut = b.Len()
		}
		if count == n {
			return b.String()[:cut] + "~"
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + ", " + b
}
