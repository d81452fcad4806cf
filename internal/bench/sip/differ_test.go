package sip

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
	telco "github.com/gotelco/telco/sip"
)

// TestDiffer parses every file below the directory that TELCO_SIP_CORPUS names with both libraries
// and compares what they understood of the messages that both accept. The differences are logged:
// which library is right, only a reader of the RFC can tell.
func TestDiffer(t *testing.T) {
	dir := os.Getenv("TELCO_SIP_CORPUS")
	if dir == "" {
		t.Skip("TELCO_SIP_CORPUS names no directory of messages")
	}
	counts := map[string]int{}
	p := sipgo.NewParser()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		ours, err := telco.Parse(b)
		if err == nil {
			err = telco.Check(ours, false)
		}
		theirs, err2 := p.ParseSIP(b)
		counts[fmt.Sprintf("telco accepts %v, sipgo accepts %v", err == nil, err2 == nil)]++
		switch {
		case (err == nil) != (err2 == nil):
			t.Logf("%s: telco %v, sipgo %v", filepath.Base(path), err, err2)
		case err == nil:
			if a, b := telcoView(ours), sipgoView(theirs); a != b {
				counts["understood differently"]++
				t.Logf("%s:\n\ttelco %s\n\tsipgo %s", filepath.Base(path), a, b)
			}
		}
		return nil
	})
	if err != nil || len(counts) == 0 {
		t.Fatalf("%d files: %v", len(counts), err)
	}
	for what, n := range counts {
		t.Logf("%s: %d", what, n)
	}
}

func telcoView(m telco.Message) string {
	h := m.Head()
	via, _ := h.Via()
	from, _ := h.From()
	to, _ := h.To()
	cseq, _ := h.CSeq()
	s := fmt.Sprintf("%q %q %q %d %q %d", via.Host, from.Tag(), to.Tag(), cseq.Seq, h.CallID(), len(m.Content()))
	if r, ok := m.(*telco.Request); ok {
		s += fmt.Sprintf(" %q", r.Method)
	}
	return s
}

func sipgoView(m sipgo.Message) string {
	tag := func(p sipgo.HeaderParams) string { s, _ := p.Get("tag"); return s }
	s := ""
	if via, from, to, cseq, id := m.Via(), m.From(), m.To(), m.CSeq(), m.CallID(); via != nil && from != nil && to != nil && cseq != nil && id != nil {
		s = fmt.Sprintf("%q %q %q %d %q %d", via.Host, tag(from.Params), tag(to.Params), cseq.SeqNo, id.Value(), len(m.Body()))
	}
	if r, ok := m.(*sipgo.Request); ok {
		s += fmt.Sprintf(" %q", string(r.Method))
	}
	return s
}
