package provision

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gotelco/telco/ims/hss"
)

// Batch is what files say: subscribers, and what they share.
type Batch struct {
	SharedIFCSets   []hss.SharedIFCSet
	ServiceProfiles []hss.ServiceProfile // shared ones
	Subscribers     []hss.Subscriber

	// Notes are things that an importer left out or had to guess, for the operator to read.
	Notes []Note

	places                    []func(path string) (file string, line, column int) // of Subscribers
	setPlaces, sharedProfiles []func(path string) (file string, line, column int)
}

// Note is a remark on a place in a file.
type Note struct {
	File    string
	Line    int // zero if it is about the whole file
	Message string
}

func (n Note) String() string {
	if n.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Message)
	}
	return n.File + ": " + n.Message
}

// Options help to read files that don't say everything.
type Options struct {
	// Format of the files. If empty, it is told from their names and contents.
	Format Format

	// Realm is the home domain, for formats that don't have it: "ims.mnc001.mcc001.3gppnetwork.org". If empty it is made of
	// each IMSI, with the MNC of MNCDigits.
	Realm string
	// MNCDigits is the length of the MNC in IMSIs, 2 or 3. If zero, 3 for North America (MCC 302 and 310 to 316), else 2.
	MNCDigits int

	// SharedIFCSet is the number that the criteria of an XML file without users get. If zero, 1.
	SharedIFCSet int

	// ReadFile reads files that others name, such as the iFC templates of PyHSS. If nil, they are not read.
	ReadFile func(name string) ([]byte, error)
}

// Format is how a file is written.
type Format string

// The formats.
const (
	YAML    Format = "yaml"     // our own; see the package's documentation
	JSON    Format = "json"     // the same in JSON
	JSONL   Format = "jsonl"    // a subscriber in JSON on each line
	CSV     Format = "csv"      // a private identity on each line
	PyHSS   Format = "pyhss"    // objects of PyHSS's API in JSON, or a dump of its tables
	FHoSS   Format = "fhoss"    // a dump of FHoSS's tables
	Open5GS Format = "open5gs"  // what mongoexport makes of Open5GS' subscribers
	XML     Format = "xml"      // user profiles (IMSSubscription) or initial filter criteria of TS 29.228
	sqlDump Format = "sql dump" // PyHSS or FHoSS
)

// Formats are all formats that Read knows.
func Formats() []Format { return []Format{YAML, JSON, JSONL, CSV, PyHSS, FHoSS, Open5GS, XML} }

// Read reads files. Nothing is returned if anything is wrong; the error then is an *[Error] or several joined by errors.Join.
func Read(o Options, names ...string) (*Batch, error) {
	texts := make([][]byte, len(names))
	for i, name := range names {
		var err error
		if texts[i], err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return Parse(o, names, texts)
}

// Parse is like Read for texts that are there already; names stand for them in errors, and their endings say the format.
func Parse(o Options, names []string, texts [][]byte) (*Batch, error) {
	r := reader{o: o, b: new(Batch), noted: make(map[Note]bool)}
	for i, name := range names {
		r.file(name, texts[i])
	}
	r.pyhssSubscribers()
	r.check()
	if err := r.bad.err(); err != nil {
		return nil, err
	}
	return r.b, nil
}

// reader gathers a Batch from files.
type reader struct {
	o   Options
	b   *Batch
	bad problems
	py  pyhssTables

	noted map[Note]bool
}

func (r *reader) file(name string, text []byte) {
	text = []byte(strings.TrimPrefix(string(text), "\ufeff"))
	format := r.o.Format
	if format == "" {
		format = guess(name, text)
	}
	var err error
	switch format {
	case YAML:
		err = r.yaml(name, text)
	case JSON:
		err = r.json(name, text)
	case JSONL:
		err = r.jsonLines(name, text)
	case CSV:
		err = r.csv(name, text)
	case PyHSS:
		err = r.pyhss(name, text)
	case FHoSS, sqlDump:
		err = r.sqlDump(name, text, format)
	case Open5GS:
		err = r.open5gs(name, text)
	case XML:
		err = r.xml(name, text)
	default:
		err = &Error{File: name, Message: fmt.Sprintf("the format cannot be told; name one of %q", Formats())}
	}
	r.fail(name, err)
}

// fail notes an error, which may be several.
func (r *reader) fail(name string, err error) {
	switch e := err.(type) {
	case nil:
	case *Error:
		r.bad.add(e)
	case interface{ Unwrap() []error }:
		for _, x := range e.Unwrap() {
			r.fail(name, x)
		}
	default:
		r.bad.add(&Error{File: name, Message: err.Error()})
	}
}

func (r *reader) note(file string, line int, format string, args ...any) {
	n := Note{file, line, fmt.Sprintf(format, args...)}
	if !r.noted[n] {
		r.noted[n] = true
		r.b.Notes = append(r.b.Notes, n)
	}
}

// add takes a subscriber that a line of a file describes.
func (r *reader) add(file string, line int, s hss.Subscriber) {
	r.addAt(s, func(string) (string, int, int) { return file, line, 0 })
}

func (r *reader) addAt(s hss.Subscriber, place func(path string) (string, int, int)) {
	r.b.Subscribers = append(r.b.Subscribers, s)
	r.b.places = append(r.b.places, place)
}

func (r *reader) addSet(s hss.SharedIFCSet, place func(path string) (string, int, int)) {
	r.b.SharedIFCSets = append(r.b.SharedIFCSets, s)
	r.b.setPlaces = append(r.b.setPlaces, place)
}

func (r *reader) addProfile(p hss.ServiceProfile, place func(path string) (string, int, int)) {
	r.b.ServiceProfiles = append(r.b.ServiceProfiles, p)
	r.b.sharedProfiles = append(r.b.sharedProfiles, place)
}

// guess tells the format of a file.
func guess(name string, text []byte) Format {
	ending := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	head := string(text[:min(len(text), 1<<16)])
	switch ending {
	case "yaml", "yml":
		return YAML
	case "csv":
		return CSV
	case "sql", "dump":
		return sqlDump
	case "xml":
		return XML
	}
	switch first := strings.TrimSpace(head); {
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["):
		if f := guessJSON(text); f != "" {
			return f
		}
		if ending == "jsonl" || ending == "ndjson" {
			return JSONL
		}
		return JSON
	case strings.HasPrefix(first, "<"):
		return XML
	case strings.Contains(head, "CREATE TABLE"), strings.Contains(head, "INSERT INTO"):
		return sqlDump
	}
	return ""
}

// realmOf is the home domain of an IMSI (TS 23.003 section 13.2).
func (o *Options) realmOf(imsi string) string {
	if o.Realm != "" {
		return o.Realm
	}
	mcc, mnc := o.plmn(imsi)
	return "ims.mnc" + mnc + ".mcc" + mcc + ".3gppnetwork.org"
}

// plmn is the MCC and the MNC of an IMSI, both with three digits.
func (o *Options) plmn(imsi string) (mcc, mnc string) {
	if len(imsi) < 6 {
		return "000", "000"
	}
	mcc = imsi[:3]
	n := o.MNCDigits
	if n == 0 {
		n = 2
		if mcc == "302" || mcc >= "310" && mcc <= "316" {
			n = 3
		}
	}
	mnc = imsi[3 : 3+n]
	if n == 2 {
		mnc = "0" + mnc
	}
	return mcc, mnc
}

// Locate is where a field stands that is named as in a document of our own: "subscribers[3].publicIdentities[0].profile". The line is zero
// if that is not known.
func (b *Batch) Locate(field string) (file string, line, column int) {
	for list, places := range map[string][]func(string) (string, int, int){
		"subscribers": b.places, "sharedIFCSets": b.setPlaces, "serviceProfiles": b.sharedProfiles,
	} {
		rest, ok := strings.CutPrefix(field, list+"[")
		if !ok {
			continue
		}
		digits, path, _ := strings.Cut(rest, "]")
		if i, err := strconv.Atoi(digits); err == nil && i >= 0 && i < len(places) {
			return places[i](strings.TrimPrefix(path, "."))
		}
	}
	return "", 0, 0
}
