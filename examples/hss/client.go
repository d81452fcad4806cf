package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/ims/hss/httpapi"
	"github.com/gotelco/telco/ims/hss/provision"
)

// commands are those of an administrator.
var commands = map[string]func(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int{
	"import": importFiles, "export": export, "add": add, "show": show, "list": list, "delete": remove, "deregister": deregister, "push": push, "assign": assign, "cancel": cancelLocation, "audit": audit, "sim": sim,
}

// client asks the API of a running HSS.
type client struct {
	fs        *flag.FlagSet
	server    *string
	tokenFile *string
	token     string
	out       io.Writer
	err       io.Writer
}

// newClient defines the flags that all commands have.
func newClient(name, help string, stdout, stderr io.Writer) *client {
	c := &client{fs: flag.NewFlagSet("hss "+name, flag.ContinueOnError), out: stdout, err: stderr}
	c.fs.SetOutput(stderr)
	c.fs.Usage = func() {
		fmt.Fprint(stderr, help, "\nFlags:\n")
		c.fs.PrintDefaults()
	}
	c.server = c.fs.String("server", "http://127.0.0.1:8080", "`URL` of the HSS's API")
	c.tokenFile = c.fs.String("token-file", "", "`file` with the token")
	return c
}

// parse reads the flags; ok is false if the command is to end with status.
func (c *client) parse(args []string, least, most int) (status int, ok bool) {
	switch err := c.fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, false
	case err != nil:
		return 2, false
	}
	if n := c.fs.NArg(); n < least || n > most {
		fmt.Fprintf(c.err, "%s: %d arguments; see -h\n", c.fs.Name(), n)
		return 2, false
	}
	if *c.tokenFile != "" {
		b, err := os.ReadFile(*c.tokenFile)
		if err != nil {
			fmt.Fprintln(c.err, err)
			return 1, false
		}
		c.token = strings.TrimSpace(string(b))
	}
	return 0, true
}

// fail says what went wrong.
func (c *client) fail(err error) int {
	fmt.Fprintf(c.err, "%s: %v\n", c.fs.Name(), err)
	return 1
}

// do sends a request. out, if not nil, takes the answer's JSON. An error of the API is a *httpapi.Problem.
func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	switch v := in.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(v)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(*c.server, "/")+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%w (is an HSS running there? -server names another)", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		var p httpapi.Problem
		if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p) != nil || p.Status == 0 {
			return errors.New(res.Status)
		}
		return &p
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// find returns the ID of the subscriber with an identity.
func (c *client) find(ctx context.Context, identity string) (httpapi.Summary, error) {
	var l httpapi.List
	if err := c.do(ctx, http.MethodGet, "/v1/subscribers?identity="+url.QueryEscape(identity), nil, &l); err != nil {
		return httpapi.Summary{}, err
	}
	if len(l.Subscribers) == 0 {
		return httpapi.Summary{}, fmt.Errorf("nobody is %q", identity)
	}
	return l.Subscribers[0], nil
}

func subscriberPath(id string) string { return "/v1/subscribers/" + url.PathEscape(id) }

// looksLikeConfig tells a configuration from a file of subscribers.
func looksLikeConfig(name string) bool {
	b, err := os.ReadFile(name)
	return err != nil || regexp.MustCompile(`(?m)^(host|realm|listen|admin|peers|accept|data|scscfs|tls):`).Match(b)
}

const importHelp = `usage: hss import [flags] FILE...

Stores the subscribers of files in a running HSS; those that it has already are replaced, all others stay. Everything is
checked first: if anything is wrong, in whichever file, nothing is changed, and each error has its file, line and column.

  YAML, JSON, JSONL, CSV   our own: hss export prints some
  PyHSS                    its objects APN, AUC, SUBSCRIBER, IMS_SUBSCRIBER as JSON, or a dump of its tables; name all files
  FHoSS                    mysqldump hss_db
  Open5GS                  mongoexport --db open5gs --collection subscribers
  XML                      user profiles or initial filter criteria of TS 29.228

  hss import -n users.yaml                      say what would change
  hss import -realm ims.example auc.json subscriber.json ims_subscriber.json apn.json
  mysqldump hss_db | hss import -format fhoss -
`

func importFiles(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("import", importHelp, stdout, stderr)
	dry := c.fs.Bool("n", false, "say what would change, and change nothing")
	o := provision.Options{ReadFile: os.ReadFile}
	c.fs.Func("format", fmt.Sprintf("`format` of the files, one of %q (default: told from name and content)", provision.Formats()), func(s string) error {
		o.Format = provision.Format(s)
		return nil
	})
	c.fs.StringVar(&o.Realm, "realm", "", "home `domain`, for formats without it (default: made of each IMSI)")
	c.fs.IntVar(&o.MNCDigits, "mnc-digits", 0, "`length` of the MNC in IMSIs (default: 3 for North America, else 2)")
	c.fs.IntVar(&o.SharedIFCSet, "ifc-set", 0, "`number` for criteria in XML without a user (default 1)")
	if status, ok := c.parse(args, 1, 1000); !ok {
		return status
	}
	batch, err := readFiles(o, c.fs.Args())
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, n := range batch.Notes {
		fmt.Fprintln(stderr, "note:", n)
	}
	// Large ones go in parts, each checked before any is applied.
	parts, err := split(batch)
	if err != nil {
		return c.fail(err)
	}
	var total httpapi.Plan
	for i, part := range parts {
		var plan httpapi.Plan
		if err := c.do(ctx, http.MethodPost, "/v1/batch?dryRun=true", part.json, &plan); err != nil {
			var p *httpapi.Problem
			if errors.As(err, &p) {
				for j := range p.Errors { // the part's numbers are not the batch's
					p.Errors[j].Field = part.field(p.Errors[j].Field)
				}
			}
			fmt.Fprintln(stderr, located(batch, err))
			return 1
		}
		if *dry {
			for _, ch := range plan.Changes {
				if i > 0 && ch.Kind != "subscriber" {
					continue
				}
				fmt.Fprintln(stdout, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", ch.Action, ch.Kind, ch.ID, strings.Join(ch.Fields, " "))))
			}
		}
	}
	for _, part := range parts {
		var plan httpapi.Plan
		query := ""
		if *dry {
			query = "?dryRun=true"
		}
		if err := c.do(ctx, http.MethodPost, "/v1/batch"+query, part.json, &plan); err != nil {
			return c.fail(err)
		}
		total.Created, total.Updated, total.Unchanged = total.Created+plan.Created, total.Updated+plan.Updated, total.Unchanged+plan.Unchanged
	}
	word := "done"
	if *dry {
		word = "dry run"
	}
	fmt.Fprintf(stdout, "%s: %d created, %d updated, %d unchanged\n", word, total.Created, total.Updated, total.Unchanged)
	return 0
}

// readFiles reads files, of which "-" is the standard input.
func readFiles(o provision.Options, names []string) (*provision.Batch, error) {
	texts := make([][]byte, len(names))
	for i, name := range names {
		var err error
		if name == "-" {
			texts[i], err = io.ReadAll(os.Stdin)
		} else {
			texts[i], err = os.ReadFile(name)
		}
		if err != nil {
			return nil, err
		}
	}
	return provision.Parse(o, names, texts)
}

// part is some of a batch, with what all subscribers share.
type part struct {
	json  []byte
	first int // the number of its first subscriber
}

// field is a field of the whole batch.
func (p part) field(name string) string {
	var n int
	if _, err := fmt.Sscanf(name, "subscribers[%d]", &n); err != nil {
		return name
	}
	return fmt.Sprintf("subscribers[%d]%s", n+p.first, name[strings.IndexByte(name, ']')+1:])
}

const partSize = 20000

func split(b *provision.Batch) ([]part, error) {
	var parts []part
	for first := 0; first == 0 || first < len(b.Subscribers); first += partSize {
		some := *b
		some.Subscribers = b.Subscribers[first:min(first+partSize, len(b.Subscribers))]
		var out bytes.Buffer
		if err := some.Write(&out, provision.ExportOptions{Format: provision.JSON, Keys: true}); err != nil {
			return nil, err
		}
		parts = append(parts, part{out.Bytes(), first})
	}
	return parts, nil
}

const exportHelp = `usage: hss export [flags]

Prints all subscribers. Keys read "***", and stay as they are when the file is imported again into the same HSS. With -keys
they are printed in the clear: that needs -data, the folder of an HSS that is not running.
`

func export(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("export", exportHelp, stdout, stderr)
	format := c.fs.String("format", "yaml", "`format`: yaml, json or jsonl")
	keys := c.fs.Bool("keys", false, "print keys in the clear")
	data := c.fs.String("data", "", "read from this `folder` of an HSS that is not running")
	if status, ok := c.parse(args, 0, 0); !ok {
		return status
	}
	if *keys && *data == "" {
		return c.fail(errors.New("the API never gives keys: -keys needs -data"))
	}
	var batch *provision.Batch
	if *data != "" {
		if _, err := os.Stat(*data); err != nil {
			return c.fail(err)
		}
		st, err := hss.OpenStore(hss.StoreConfig{Dir: *data})
		if err != nil {
			return c.fail(err)
		}
		defer st.Close()
		batch = provision.FromStore(st)
	} else {
		var err error
		if batch, err = c.download(ctx); err != nil {
			return c.fail(err)
		}
	}
	if err := batch.Write(stdout, provision.ExportOptions{Format: provision.Format(*format), Keys: *keys}); err != nil {
		return c.fail(err)
	}
	return 0
}

// download reads everything over the API.
func (c *client) download(ctx context.Context) (*provision.Batch, error) {
	b := new(provision.Batch)
	if err := c.do(ctx, http.MethodGet, "/v1/ifc-sets", nil, &b.SharedIFCSets); err != nil {
		return nil, err
	}
	if err := c.do(ctx, http.MethodGet, "/v1/service-profiles", nil, &b.ServiceProfiles); err != nil {
		return nil, err
	}
	for after, more := "", true; more; {
		var l httpapi.List
		if err := c.do(ctx, http.MethodGet, "/v1/subscribers?limit=1000&after="+url.QueryEscape(after), nil, &l); err != nil {
			return nil, err
		}
		for _, x := range l.Subscribers {
			var s hss.Subscriber
			if err := c.do(ctx, http.MethodGet, subscriberPath(x.ID), nil, &s); err != nil {
				return nil, err
			}
			s.ID = x.ID
			b.Subscribers = append(b.Subscribers, s)
		}
		after, more = l.Next, l.Next != ""
	}
	return b, nil
}

func show(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("show", "usage: hss show [flags] IDENTITY\n\nPrints a subscriber, found by ID, IMPI, IMSI, public identity or MSISDN, and what the network does with him.\n", stdout, stderr)
	if status, ok := c.parse(args, 1, 1); !ok {
		return status
	}
	x, err := c.find(ctx, c.fs.Arg(0))
	if err != nil {
		return c.fail(err)
	}
	var s hss.Subscriber
	var state json.RawMessage
	if err := c.do(ctx, http.MethodGet, subscriberPath(x.ID), nil, &s); err != nil {
		return c.fail(err)
	}
	if err := c.do(ctx, http.MethodGet, subscriberPath(x.ID)+"/state", nil, &state); err != nil {
		return c.fail(err)
	}
	b := provision.Batch{Subscribers: []hss.Subscriber{s}}
	if err := b.Write(stdout, provision.ExportOptions{}); err != nil {
		return c.fail(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, state, "# ", "  "); err != nil {
		return c.fail(err)
	}
	fmt.Fprintf(stdout, "# %s\n", pretty.String())
	return 0
}

func list(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("list", "usage: hss list [flags] [PREFIX]\n\nPrints a line for each subscriber, or for those whose ID begins with PREFIX.\n", stdout, stderr)
	limit := c.fs.Int("limit", 100, "at most so many; 0: all")
	if status, ok := c.parse(args, 0, 1); !ok {
		return status
	}
	w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tREGISTERED\tS-CSCF\tPUBLIC IDENTITIES")
	n := 0
	for after := ""; ; {
		size := 1000
		if *limit > 0 {
			size = min(size, *limit-n)
		}
		var l httpapi.List
		if err := c.do(ctx, http.MethodGet, fmt.Sprintf("/v1/subscribers?limit=%d&prefix=%s&after=%s", size, url.QueryEscape(c.fs.Arg(0)), url.QueryEscape(after)), nil, &l); err != nil {
			return c.fail(err)
		}
		for _, s := range l.Subscribers {
			registered := "no"
			if s.Registered {
				registered = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.ID, registered, strings.Join(s.SCSCFs, " "), strings.Join(s.IMPUs, " "))
		}
		n += len(l.Subscribers)
		after = l.Next
		if after == "" || *limit > 0 && n >= *limit {
			w.Flush()
			fmt.Fprintf(stdout, "%d of %d\n", n, l.Total)
			return 0
		}
	}
}

const addHelp = `usage: hss add [flags]

Makes a subscriber. Without -keys it makes new keys and prints them, once: nobody can read them later.

  hss add -imsi 001010000000002 -impu sip:bob@ims.example,tel:+15550002 -msisdn 15550002
  hss add -id bob -impi bob@ims.example -imsi 001010000000002 -keys bob.keys -apn internet,ims

The file of -keys has two lines: K and OPc in hexadecimal digits. What else a subscriber can have: hss import.
`

func add(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("add", addHelp, stdout, stderr)
	id := c.fs.String("id", "", "`ID` of the subscription (default: the IMPI)")
	impi := c.fs.String("impi", "", "private `identity` (default: the IMSI at its home domain)")
	imsi := c.fs.String("imsi", "", "`IMSI`")
	impus := c.fs.String("impu", "", "public `identities`, divided by commas (default: sip: and the IMPI)")
	msisdns := c.fs.String("msisdn", "", "`numbers` in international format without +, divided by commas")
	profile := c.fs.String("profile", "", "shared service `profile`")
	apns := c.fs.String("apn", "", "`APNs` for packet access, divided by commas")
	keys := c.fs.String("keys", "", "`file` with K and OPc")
	if status, ok := c.parse(args, 0, 0); !ok {
		return status
	}
	if *imsi == "" && *impi == "" {
		return c.fail(errors.New("wants -imsi or -impi"))
	}
	if *impi == "" {
		*impi = *imsi + "@" + homeDomain(*imsi)
	}
	if *impus == "" {
		*impus = "sip:" + *impi
	}
	k, opc, made, err := cardKeys(*keys)
	if err != nil {
		return c.fail(err)
	}
	s := hss.Subscriber{ID: *id, MSISDNs: fields(*msisdns), PrivateIdentities: []hss.PrivateIdentity{{IMPI: *impi, IMSI: *imsi, AKA: &hss.AKA{K: k, OPc: opc}}}}
	for _, u := range fields(*impus) {
		s.PublicIdentities = append(s.PublicIdentities, hss.PublicIdentity{Identity: u, Profile: *profile})
	}
	if *apns != "" {
		s.EPS = &hss.EPS{}
		for _, a := range fields(*apns) {
			s.EPS.APNs = append(s.EPS.APNs, hss.APN{Name: a})
		}
	}
	if s.ID == "" {
		s.ID = *impi
	}
	if err := s.Validate(); err != nil {
		return c.fail(err)
	}
	var out bytes.Buffer
	b := provision.Batch{Subscribers: []hss.Subscriber{s}}
	if err := b.Write(&out, provision.ExportOptions{Format: provision.JSONL, Keys: true}); err != nil {
		return c.fail(err)
	}
	if err := c.do(ctx, http.MethodPost, "/v1/subscribers", out.Bytes(), nil); err != nil {
		return c.fail(err)
	}
	fmt.Fprintf(stdout, "%s added\n", s.ID)
	if made {
		fmt.Fprintf(stdout, "K    %s\nOPc  %s\n", k.RevealHex(), opc.RevealHex())
	}
	return 0
}

func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// one runs a command about one subscriber.
func one(ctx context.Context, c *client, args []string, done string, f func(id string) error) int {
	if status, ok := c.parse(args, 1, 1); !ok {
		return status
	}
	x, err := c.find(ctx, c.fs.Arg(0))
	if err == nil {
		err = f(x.ID)
	}
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintf(c.out, "%s %s\n", x.ID, done)
	return 0
}

func remove(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("delete", "usage: hss delete [flags] IDENTITY\n\nRemoves a subscriber. The S-CSCF gets an RTR, the MME a CLR.\n", stdout, stderr)
	return one(ctx, c, args, "deleted", func(id string) error { return c.do(ctx, http.MethodDelete, subscriberPath(id), nil, nil) })
}

func deregister(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("deregister", "usage: hss deregister [flags] IDENTITY\n\nEnds a subscriber's registrations. The S-CSCF gets an RTR, now or when it can be reached.\n", stdout, stderr)
	var d httpapi.Deregistration
	c.fs.StringVar(&d.Reason, "reason", "", "permanentTermination, newServerAssigned, serverChange or removeSCSCF (default permanentTermination)")
	c.fs.StringVar(&d.Info, "info", "", "`text` for people")
	c.fs.StringVar(&d.Identity, "identity", "", "only the set of this public `identity`")
	return one(ctx, c, args, "deregistered", func(id string) error { return c.do(ctx, http.MethodPost, subscriberPath(id)+"/deregister", d, nil) })
}

func push(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("push", "usage: hss push [flags] IDENTITY\n\nSends a subscriber's profile to the S-CSCF again (PPR). Changes are sent without being asked for.\n", stdout, stderr)
	var p httpapi.Pushed
	return one(ctx, c, args, "is on the way", func(id string) error {
		if err := c.do(ctx, http.MethodPost, subscriberPath(id)+"/push", nil, &p); err != nil {
			return err
		}
		if p.Servers == 0 {
			return errors.New("no S-CSCF serves " + id)
		}
		return nil
	})
}

func assign(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("assign", "usage: hss assign [flags] IDENTITY\n\nChooses the S-CSCF of a subscriber's next registration; one with another S-CSCF is ended (RTR). Without -scscf the choice is taken back.\n", stdout, stderr)
	var a httpapi.Assignment
	c.fs.StringVar(&a.Name, "scscf", "", "SIP `URI` of the S-CSCF")
	return one(ctx, c, args, "assigned", func(id string) error { return c.do(ctx, http.MethodPut, subscriberPath(id)+"/scscf", a, nil) })
}

func cancelLocation(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("cancel", "usage: hss cancel [flags] IDENTITY\n\nMakes the MME and SGSN forget a subscriber (CLR).\n", stdout, stderr)
	return one(ctx, c, args, "detached", func(id string) error {
		return c.do(ctx, http.MethodPost, subscriberPath(id)+"/cancel-location", nil, nil)
	})
}

func audit(ctx context.Context, args []string, stdout *os.File, stderr io.Writer) int {
	c := newClient("audit", "usage: hss audit [flags]\n\nPrints who has changed what, the newest last.\n", stdout, stderr)
	n := c.fs.Int("n", 100, "how many")
	if status, ok := c.parse(args, 0, 0); !ok {
		return status
	}
	var p httpapi.AuditPage
	if err := c.do(ctx, http.MethodGet, fmt.Sprintf("/v1/audit?limit=%d", *n), nil, &p); err != nil {
		return c.fail(err)
	}
	for i := len(p.Events) - 1; i >= 0; i-- {
		e := p.Events[i]
		line := fmt.Sprintf("%s %s: %s %s %s", e.Time.Local().Format(time.DateTime), e.Who, e.What, e.Subject, e.Details)
		if e.Error != "" {
			line += " refused: " + e.Error
		}
		fmt.Fprintln(stdout, strings.TrimSpace(line))
	}
	return 0
}
