package provision

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// sqlValue is a value of an INSERT statement.
type sqlValue struct {
	null bool
	text string // a string's octets, or a number as it was written
}

// sqlRow is a row, with the line that its first value stands in.
type sqlRow struct {
	line   int
	values []sqlValue
}

// sqlTable is what a dump says of a table.
type sqlTable struct {
	columns []string // of CREATE TABLE, in order; nil if the dump has none
	rows    []sqlRow
}

// parseSQLDump reads the CREATE TABLE and INSERT statements of a dump of MySQL or MariaDB, SQLite
// (.dump) or PostgreSQL (pg_dump --inserts); other statements are skipped. Rows of INSERTs that name their columns are
// brought in the order of the first such INSERT, or of CREATE TABLE.
func parseSQLDump(file string, text []byte) (map[string]*sqlTable, error) {
	p := sqlParser{file: file, s: string(text), line: 1}
	head := p.s[:min(len(p.s), 4096)]
	p.plain = strings.Contains(head, "PRAGMA foreign_keys") || strings.Contains(head, "PostgreSQL database dump")
	tables := make(map[string]*sqlTable)
	for {
		word := p.word()
		switch {
		case word == "" && p.eof():
			return tables, nil
		case strings.EqualFold(word, "CREATE"):
			if err := p.create(tables); err != nil {
				return nil, err
			}
		case strings.EqualFold(word, "INSERT"), strings.EqualFold(word, "REPLACE"):
			if err := p.insert(tables); err != nil {
				return nil, err
			}
		}
		if err := p.skipStatement(); err != nil {
			return nil, err
		}
	}
}

// sqlParser walks over a dump.
type sqlParser struct {
	file string
	s    string
	i    int
	line int

	plain bool // a backslash in a string is a backslash
}

func (p *sqlParser) errorf(format string, args ...any) error {
	return &Error{File: p.file, Line: p.line, Message: fmt.Sprintf(format, args...)}
}

func (p *sqlParser) eof() bool {
	p.space()
	return p.i >= len(p.s)
}

func (p *sqlParser) advance(n int) {
	p.line += strings.Count(p.s[p.i:p.i+n], "\n")
	p.i += n
}

// space skips white space and comments.
func (p *sqlParser) space() {
	for p.i < len(p.s) {
		rest := p.s[p.i:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n':
			p.advance(1)
		case rest[0] == '#' || strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' ' || rest[2] == '-'):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			p.advance(n)
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				p.advance(len(rest))
				return
			}
			p.advance(n + 4)
		default:
			return
		}
	}
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// word takes a bare word, or nothing.
func (p *sqlParser) word() string {
	p.space()
	n := p.i
	for n < len(p.s) && isWord(p.s[n]) {
		n++
	}
	w := p.s[p.i:n]
	p.i = n
	return w
}

// name takes an identifier, quoted or not; of one with its schema (a.b), the last part.
func (p *sqlParser) name() string {
	for {
		p.space()
		var n string
		if p.i < len(p.s) && (p.s[p.i] == '`' || p.s[p.i] == '"') {
			end := strings.IndexByte(p.s[p.i+1:], p.s[p.i])
			if end < 0 {
				return ""
			}
			n = p.s[p.i+1 : p.i+1+end]
			p.advance(end + 2)
		} else {
			n = p.word()
		}
		if !p.take('.') {
			return strings.ToLower(n)
		}
	}
}

// take consumes c, if it comes next.
func (p *sqlParser) take(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.advance(1)
		return true
	}
	return false
}

// skipStatement goes on behind the next semicolon that stands in no string.
func (p *sqlParser) skipStatement() error {
	for !p.eof() {
		switch c := p.s[p.i]; c {
		case ';':
			p.advance(1)
			return nil
		case '\'', '"', '`':
			if _, err := p.quoted(); err != nil {
				return err
			}
		default:
			p.advance(1)
		}
	}
	return nil
}

// quoted takes a string in its quotes. Backquotes know no escapes.
func (p *sqlParser) quoted() (string, error) {
	q := p.s[p.i]
	line := p.line
	var b strings.Builder
	for i := p.i + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == q && i+1 < len(p.s) && p.s[i+1] == q: // doubled
			b.WriteByte(q)
			i++
		case c == q:
			p.advance(i + 1 - p.i)
			return b.String(), nil
		case c == '\\' && q != '`' && !p.plain && i+1 < len(p.s):
			i++
			b.WriteByte(sqlEscape(p.s[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", &Error{File: p.file, Line: line, Message: "a string that doesn't end"}
}

func sqlEscape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 0x1a
	}
	return c
}

// create reads CREATE TABLE; the word CREATE has been taken.
func (p *sqlParser) create(tables map[string]*sqlTable) error {
	if !strings.EqualFold(p.word(), "TABLE") {
		return nil
	}
	at, line := p.i, p.line
	if strings.EqualFold(p.word(), "IF") {
		p.word() // NOT
		p.word() // EXISTS
	} else {
		p.i, p.line = at, line
	}
	name := p.name()
	if name == "" || !p.take('(') {
		return p.errorf("CREATE TABLE without a name and columns")
	}
	t := &sqlTable{}
	for {
		p.space()
		bare := p.i < len(p.s) && isWord(p.s[p.i])
		column := p.name()
		switch strings.ToUpper(column) {
		case "PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FOREIGN", "FULLTEXT", "CHECK":
			if bare {
				break // no column
			}
			fallthrough
		default:
			t.columns = append(t.columns, column)
		}
		more, err := p.columnEnd()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	tables[name] = t
	return nil
}

// columnEnd skips to the comma (true) or closing parenthesis behind a column's definition.
func (p *sqlParser) columnEnd() (more bool, err error) {
	for depth := 0; !p.eof(); {
		switch c := p.s[p.i]; {
		case c == '\'' || c == '"' || c == '`':
			if _, err := p.quoted(); err != nil {
				return false, err
			}
			continue
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			p.advance(1)
			return false, nil
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			p.advance(1)
			return true, nil
		case c == ';':
			return false, p.errorf("CREATE TABLE ends within its columns")
		}
		p.advance(1)
	}
	return false, p.errorf("CREATE TABLE ends within its columns")
}

// insert reads INSERT INTO t [(columns)] VALUES (…), (…); the word INSERT has been taken.
func (p *sqlParser) insert(tables map[string]*sqlTable) error {
	at, line := p.i, p.line
	for {
		w := p.word()
		if strings.EqualFold(w, "INTO") {
			break
		}
		if !strings.EqualFold(w, "IGNORE") && !strings.EqualFold(w, "DELAYED") && !strings.EqualFold(w, "LOW_PRIORITY") && !strings.EqualFold(w, "OR") && !strings.EqualFold(w, "REPLACE") {
			p.i, p.line = at, line
			break
		}
	}
	name := p.name()
	if name == "" {
		return p.errorf("INSERT without the name of a table")
	}
	t := tables[name]
	if t == nil {
		t = &sqlTable{}
		tables[name] = t
	}
	var columns []string
	if p.take('(') {
		for {
			c := p.name()
			if c == "" {
				return p.errorf("INSERT INTO %s: a list of columns that cannot be read", name)
			}
			columns = append(columns, c)
			if p.take(')') {
				break
			}
			if !p.take(',') {
				return p.errorf("INSERT INTO %s: a list of columns that cannot be read", name)
			}
		}
		if t.columns == nil {
			t.columns = columns
		}
	}
	if w := p.word(); !strings.EqualFold(w, "VALUES") && !strings.EqualFold(w, "VALUE") {
		return p.errorf("INSERT INTO %s: %q where VALUES should stand", name, w)
	}
	for {
		if !p.take('(') {
			return p.errorf("INSERT INTO %s: a row has to begin with a parenthesis", name)
		}
		row, err := p.row()
		if err != nil {
			return err
		}
		if columns != nil {
			if row, err = p.ordered(name, row, columns, t.columns); err != nil {
				return err
			}
		}
		t.rows = append(t.rows, row)
		if !p.take(',') {
			return nil
		}
	}
}

// ordered brings a row of named columns in the order of the table.
func (p *sqlParser) ordered(table string, row sqlRow, from, to []string) (sqlRow, error) {
	if len(row.values) != len(from) {
		return row, &Error{File: p.file, Line: row.line, Message: fmt.Sprintf("%s: %d values for %d columns", table, len(row.values), len(from))}
	}
	out := sqlRow{line: row.line, values: make([]sqlValue, len(to))}
	for i := range out.values {
		out.values[i].null = true
	}
next:
	for i, c := range from {
		for j, d := range to {
			if c == d {
				out.values[j] = row.values[i]
				continue next
			}
		}
		return row, &Error{File: p.file, Line: row.line, Message: fmt.Sprintf("%s has no column %q", table, c)}
	}
	return out, nil
}

func (p *sqlParser) row() (sqlRow, error) {
	p.space()
	row := sqlRow{line: p.line}
	for {
		v, err := p.value()
		if err != nil {
			return row, err
		}
		row.values = append(row.values, v)
		if p.take(')') {
			return row, nil
		}
		if !p.take(',') {
			return row, p.errorf("a value ends with neither comma nor parenthesis")
		}
	}
}

func (p *sqlParser) value() (sqlValue, error) {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '_' { // a character set: _binary 'x'
		p.word()
		p.space()
	}
	if p.i >= len(p.s) {
		return sqlValue{}, p.errorf("ends within a row")
	}
	switch c := p.s[p.i]; {
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return sqlValue{text: s}, err
	case c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9':
		n := p.i + 1
		for n < len(p.s) && (isWord(p.s[n]) || p.s[n] == '.' || (p.s[n] == '-' || p.s[n] == '+') && (p.s[n-1] == 'e' || p.s[n-1] == 'E')) {
			n++
		}
		s := p.s[p.i:n]
		p.i = n
		if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
			b, err := hex.DecodeString(h)
			if err != nil {
				return sqlValue{}, p.errorf("a number in hexadecimal that cannot be read")
			}
			return sqlValue{text: string(b)}, nil
		}
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return sqlValue{}, p.errorf("a number that cannot be read")
		}
		return sqlValue{text: s}, nil
	}
	switch w := p.word(); {
	case strings.EqualFold(w, "NULL"):
		return sqlValue{null: true}, nil
	case strings.EqualFold(w, "TRUE"):
		return sqlValue{text: "1"}, nil
	case strings.EqualFold(w, "FALSE"):
		return sqlValue{text: "0"}, nil
	case strings.EqualFold(w, "X") && p.i < len(p.s) && p.s[p.i] == '\'':
		s, err := p.quoted()
		if err != nil {
			return sqlValue{}, err
		}
		b, err := hex.DecodeString(s)
		if err != nil {
			return sqlValue{}, p.errorf("octets in hexadecimal that cannot be read")
		}
		return sqlValue{text: string(b)}, nil
	}
	return sqlValue{}, p.errorf("a value that cannot be read")
}
