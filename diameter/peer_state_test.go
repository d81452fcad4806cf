package diameter

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rfc6733Section56 is the table of RFC 6733 section 5.6 as it is printed there.
const rfc6733Section56 = `
      Closed           Start            I-Snd-Conn-Req   Wait-Conn-Ack
                       R-Conn-CER       R-Accept,        R-Open
                                        Process-CER,
                                        R-Snd-CEA
      Wait-Conn-Ack    I-Rcv-Conn-Ack   I-Snd-CER        Wait-I-CEA
                       I-Rcv-Conn-Nack  Cleanup          Closed
                       R-Conn-CER       R-Accept,        Wait-Conn-Ack/
                                        Process-CER      Elect
                       Timeout          Error            Closed
      Wait-I-CEA       I-Rcv-CEA        Process-CEA      I-Open
                       R-Conn-CER       R-Accept,        Wait-Returns
                                        Process-CER,
                                        Elect
                       I-Peer-Disc      I-Disc           Closed
                       I-Rcv-Non-CEA    Error            Closed
                       Timeout          Error            Closed
      Wait-Conn-Ack/   I-Rcv-Conn-Ack   I-Snd-CER,Elect  Wait-Returns
      Elect            I-Rcv-Conn-Nack  R-Snd-CEA        R-Open
                       R-Peer-Disc      R-Disc           Wait-Conn-Ack
                       R-Conn-CER       R-Reject         Wait-Conn-Ack/
                                                         Elect
                       Timeout          Error            Closed
      Wait-Returns     Win-Election     I-Disc,R-Snd-CEA R-Open
                       I-Peer-Disc      I-Disc,          R-Open
                                        R-Snd-CEA
                       I-Rcv-CEA        R-Disc           I-Open
                       R-Peer-Disc      R-Disc           Wait-I-CEA
                       R-Conn-CER       R-Reject         Wait-Returns
                       Timeout          Error            Closed
      R-Open           Send-Message     R-Snd-Message    R-Open
                       R-Rcv-Message    Process          R-Open
                       R-Rcv-DWR        Process-DWR,     R-Open
                                        R-Snd-DWA
                       R-Rcv-DWA        Process-DWA      R-Open
                       R-Conn-CER       R-Reject         R-Open
                       Stop             R-Snd-DPR        Closing
                       R-Rcv-DPR        R-Snd-DPA        Closing
                       R-Peer-Disc      R-Disc           Closed
      I-Open           Send-Message     I-Snd-Message    I-Open
                       I-Rcv-Message    Process          I-Open
                       I-Rcv-DWR        Process-DWR,     I-Open
                                        I-Snd-DWA
                       I-Rcv-DWA        Process-DWA      I-Open
                       R-Conn-CER       R-Reject         I-Open
                       Stop             I-Snd-DPR        Closing
                       I-Rcv-DPR        I-Snd-DPA        Closing
                       I-Peer-Disc      I-Disc           Closed
      Closing          I-Rcv-DPA        I-Disc           Closed
                       R-Rcv-DPA        R-Disc           Closed
                       Timeout          Error            Closed
                       I-Peer-Disc      I-Disc           Closed
                       R-Peer-Disc      R-Disc           Closed
`

type printedRow struct{ state, event, actions, next string }

// printedRows reads the table by its columns.
func printedRows(t *testing.T, table string) []printedRow {
	t.Helper()
	var rows []printedRow
	state := ""
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\n") + strings.Repeat(" ", 80)
		col := func(from, to int) string { return strings.TrimSpace(line[from:to]) }
		if col(0, 80) == "" {
			continue
		}
		if s := col(0, 23); s == "Elect" {
			state += s
			for i := range rows {
				if rows[i].state == "Wait-Conn-Ack/" {
					rows[i].state = state
				}
			}
		} else if s != "" {
			state = s
		}
		if ev := col(23, 40); ev != "" {
			rows = append(rows, printedRow{state, ev, col(40, 57), col(57, 80)})
			continue
		}
		last := &rows[len(rows)-1]
		last.actions += col(40, 57)
		last.next += col(57, 80)
	}
	return rows
}

func TestPeerStateMachine(t *testing.T) {
	rows := printedRows(t, rfc6733Section56)
	if len(rows) != 43 {
		t.Fatalf("%d rows read, the RFC has 43", len(rows))
	}
	now := time.Unix(1e9, 0)
	for _, row := range rows {
		t.Run(row.state+" "+row.event, func(t *testing.T) {
			// The peer's name is higher, so that no election is won in passing.
			m := peerMachine{local: "a.example", remote: "b.example", connect: 20 * time.Second, wait: 10 * time.Second, closing: 5 * time.Second}
			m.state = PeerState(index(t, peerStateNames[:], row.state))
			out, ok := m.handle(now, peerEvent(index(t, peerEventNames[:], row.event)), nil)
			if !ok {
				t.Fatal("no row")
			}
			var names []string
			for _, a := range out {
				names = append(names, a.String())
			}
			got := printedRow{row.state, row.event, strings.Join(names, ","), m.state.String()}
			if d := cmp.Diff(row, got, cmp.AllowUnexported(printedRow{})); d != "" {
				t.Errorf("-RFC +ours\n%s", d)
			}
			if want := m.state != PeerClosed && !m.state.Open() && m.state.String() != row.state; want != !m.deadline.IsZero() && want {
				t.Errorf("deadline %v in %v", m.deadline, m.state)
			}
		})
	}
}

func index(t *testing.T, names []string, name string) int {
	t.Helper()
	for i, n := range names {
		if n == name {
			return i
		}
	}
	t.Fatalf("no %q", name)
	return 0
}

// TestPeerStateMachineTimers: each state that waits ends by itself.
func TestPeerStateMachineTimers(t *testing.T) {
	start := time.Unix(1e9, 0)
	for _, c := range []struct {
		name   string
		events []peerEvent
		after  time.Duration
	}{
		{"Wait-Conn-Ack", []peerEvent{evStart}, 20 * time.Second},
		{"Wait-I-CEA", []peerEvent{evStart, evIRcvConnAck}, 10 * time.Second},
		{"Wait-Conn-Ack/Elect", []peerEvent{evStart, evRConnCER}, 20 * time.Second},
		{"Wait-Returns", []peerEvent{evStart, evIRcvConnAck, evRConnCER}, 10 * time.Second},
		{"Closing", []peerEvent{evRConnCER, evStop}, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := peerMachine{local: "a", remote: "b", connect: 20 * time.Second, wait: 10 * time.Second, closing: 5 * time.Second}
			for _, ev := range c.events {
				m.handle(start, ev, nil)
			}
			if m.state.String() != c.name || !m.deadline.Equal(start.Add(c.after)) {
				t.Fatalf("%v until %v, want %s until %v", m.state, m.deadline, c.name, start.Add(c.after))
			}
			if out := m.expire(m.deadline.Add(-1), nil); out != nil {
				t.Errorf("%v before the time", out)
			}
			out := m.expire(m.deadline, nil)
			if d := cmp.Diff([]peerAction{acError}, out); d != "" || m.state != PeerClosed || !m.deadline.IsZero() {
				t.Errorf("%v, %v: %s", m.state, m.deadline, d)
			}
		})
	}
}

// TestPeerStateMachineBeyondTheTable covers the rows that the RFC leaves out.
func TestPeerStateMachineBeyondTheTable(t *testing.T) {
	inTable := map[string]bool{}
	for _, r := range printedRows(t, rfc6733Section56) {
		inTable[r.state+" "+r.event] = true
	}
	for _, r := range peerTable {
		if name := r.state.String() + " " + r.event.String(); !inTable[name] {
			t.Run(name, func(t *testing.T) {
				m := peerMachine{state: r.state, local: "b", remote: "a"}
				out, ok := m.handle(time.Unix(1e9, 0), r.event, nil)
				if !ok || len(out) == 0 {
					t.Errorf("%v, %v", out, ok)
				}
				left := m.state == PeerClosed || m.state == PeerROpen && r.event != evStop
				if !left && m.state != PeerClosing {
					t.Errorf("ends in %v", m.state)
				}
			})
		}
	}
	m := peerMachine{}
	if out, ok := m.handle(time.Unix(1e9, 0), evIRcvDWA, nil); ok || out != nil || m.state != PeerClosed {
		t.Errorf("a DWA in Closed: %v, %v, %v", out, ok, m.state)
	}
}

func TestElection(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		local, remote string
		wins          bool
	}{
		{"b.example", "a.example", true},
		{"a.example", "b.example", false},
		{"B.example", "a.example", true},
		{"b.example", "A.example", true},
		{"A.example", "b.example", false},
		{"a.example.net", "a.example", true},
		{"a.example", "a.example.net", false},
		{"a_b", "aAb", false}, // '_' precedes 'a'
		{"Z", "_", true},
	} {
		if got := winsElection(c.local, c.remote); got != c.wins {
			t.Errorf("%s against %s: %v", c.local, c.remote, got)
		}
		m := peerMachine{state: PeerWaitICEA, local: c.local, remote: c.remote}
		want, next := []peerAction{acRAccept, acProcessCER, acElect}, PeerWaitReturns
		if c.wins {
			want, next = append(want, acIDisc, acRSndCEA), PeerROpen
		}
		got, _ := m.handle(now, evRConnCER, nil)
		if d := cmp.Diff(want, got); d != "" || m.state != next {
			t.Errorf("%s against %s: %v, %s", c.local, c.remote, m.state, d)
		}
	}
}

// TestElectionOnBothSides: whatever the order of events, the two ends keep the same connection.
func TestElectionOnBothSides(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, first := range []peerEvent{evIRcvConnAck, evRConnCER} {
		hi := peerMachine{state: PeerWaitConnAck, local: "z", remote: "a"}
		lo := peerMachine{state: PeerWaitConnAck, local: "a", remote: "z"}
		for _, m := range []*peerMachine{&hi, &lo} {
			m.handle(now, first, nil)
			m.handle(now, evIRcvConnAck+evRConnCER-first, nil)
		}
		if hi.state != PeerROpen || lo.state != PeerWaitReturns {
			t.Fatalf("%v first: %v and %v", first, hi.state, lo.state)
		}
		lo.handle(now, evIRcvCEA, nil) // hi answered on the connection that lo made
		lo.handle(now, evRPeerDisc, nil)
		if lo.state != PeerIOpen {
			t.Errorf("%v first: %v", first, lo.state)
		}
	}
}
