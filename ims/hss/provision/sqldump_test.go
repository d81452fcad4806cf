package provision

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smallDump = `-- MySQL dump 10.11
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS ` + "`impi`" + `;
CREATE TABLE ` + "`impi`" + ` (
  ` + "`id`" + ` int(11) NOT NULL auto_increment,
  ` + "`identity`" + ` varchar(255) NOT NULL default 'a,b)',
  k tinyblob,
  PRIMARY KEY  (` + "`id`" + `),
  KEY ` + "`idx`" + ` USING BTREE (` + "`identity`" + `)
) ENGINE=MyISAM COMMENT='it''s; one';
LOCK TABLES impi WRITE;
INSERT INTO ` + "`impi`" + ` VALUES (4,'alice@open-ims.test','\0\'x\\'),
 (-2, 'b;ob', NULL);
INSERT IGNORE INTO hss_db.impi (k, id) VALUES (0x6162, 7), (_binary 'z', 8);
SELECT ';' FROM nowhere;
# a comment; with INSERT INTO impi VALUES (1)
INSERT INTO other VALUES (1.5e-3, TRUE, X'4142', "say ""so""")`

func TestSQLDump(t *testing.T) {
	got, err := parseSQLDump("x.sql", []byte(smallDump))
	if err != nil {
		t.Fatal(err)
	}
	s := func(s string) sqlValue { return sqlValue{text: s} }
	null := sqlValue{null: true}
	want := map[string]*sqlTable{
		"impi": {columns: []string{"id", "identity", "k"}, rows: []sqlRow{
			{12, []sqlValue{s("4"), s("alice@open-ims.test"), s("\x00'x\\")}},
			{13, []sqlValue{s("-2"), s("b;ob"), null}},
			{14, []sqlValue{s("7"), null, s("ab")}},
			{14, []sqlValue{s("8"), null, s("z")}},
		}},
		"other": {rows: []sqlRow{{17, []sqlValue{s("1.5e-3"), s("1"), s("AB"), s(`say "so"`)}}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sqlTable{}, sqlRow{}, sqlValue{})); diff != "" {
		t.Error(diff)
	}
	got, err = parseSQLDump("x.sql", []byte("PRAGMA foreign_keys=OFF;\nINSERT INTO t VALUES('a\\');"))
	if err != nil || got["t"].rows[0].values[0].text != `a\` {
		t.Errorf("a dump of SQLite: %v, %v", got["t"], err)
	}
}

func TestSQLDumpErrors(t *testing.T) {
	for text, want := range map[string]string{
		"\nINSERT INTO a VALUES ('x":                            "x:2: a string that doesn't end",
		"INSERT INTO a VALUES (1\n 2)":                          "x:2: a value ends with neither comma nor parenthesis",
		"INSERT INTO a VALUES (what)":                           "x:1: a value that cannot be read",
		"INSERT INTO a VALUES (1x)":                             "x:1: a number that cannot be read",
		"INSERT INTO a VALUES (0x1)":                            "x:1: a number in hexadecimal that cannot be read",
		"INSERT INTO a VALUES (X'1')":                           "x:1: octets in hexadecimal that cannot be read",
		"INSERT INTO a SELECT 1":                                `x:1: INSERT INTO a: "SELECT" where VALUES should stand`,
		"INSERT INTO a VALUES 1":                                "x:1: INSERT INTO a: a row has to begin with a parenthesis",
		"INSERT INTO a (b":                                      "x:1: INSERT INTO a: a list of columns that cannot be read",
		"INSERT INTO a (":                                       "x:1: INSERT INTO a: a list of columns that cannot be read",
		"INSERT INTO":                                           "x:1: INSERT without the name of a table",
		"CREATE TABLE (":                                        "x:1: CREATE TABLE without a name and columns",
		"CREATE TABLE a (b int;":                                "x:1: CREATE TABLE ends within its columns",
		"CREATE TABLE a (b int":                                 "x:1: CREATE TABLE ends within its columns",
		"INSERT INTO a (b) VALUES (1,2)":                        "x:1: a: 2 values for 1 columns",
		"CREATE TABLE a (b int);\nINSERT INTO a (c) VALUES (1)": `x:2: a has no column "c"`,
		"INSERT INTO a VALUES (":                                "x:1: ends within a row",
	} {
		_, err := parseSQLDump("x", []byte(text))
		var e *Error
		if err == nil || err.Error() != want || !errors.As(err, &e) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// FuzzSQLDump: whatever a dump holds, reading it ends, and rows lie within the file.
func FuzzSQLDump(f *testing.F) {
	f.Add(smallDump)
	f.Add("INSERT INTO a(b,c) VALUES (1,NULL),(_utf8 'x', -2);")
	f.Fuzz(func(t *testing.T, text string) {
		tables, err := parseSQLDump("x", []byte(text))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("a %T: %v", err, err)
		}
		last := strings.Count(text, "\n") + 1
		if e != nil && (e.Line < 1 || e.Line > last) {
			t.Errorf("line %d of %d", e.Line, last)
		}
		for _, table := range tables {
			for _, r := range table.rows {
				if r.line < 1 || r.line > last || len(r.values) == 0 {
					t.Errorf("%+v", r)
				}
			}
		}
	})
}
