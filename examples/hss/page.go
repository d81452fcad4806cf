package main

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/ims/hss"
)

//go:embed page.html
var pageHTML []byte

// status is what the page shows.
type status struct {
	Host      string       `json:"host"`
	Realm     string       `json:"realm"`
	Listening []string     `json:"listening"`
	Data      string       `json:"data"`
	Peers     []peerStatus `json:"peers"`
	HSS       hss.Stats    `json:"hss"`
}

type peerStatus struct {
	Host      string    `json:"host"`
	State     string    `json:"state"`
	Watchdog  string    `json:"watchdog"`
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
	Open      bool      `json:"open"`
	Transport string    `json:"transport"`
	Remote    string    `json:"remote"`
	Requests  uint64    `json:"requests"`
	Answers   uint64    `json:"answers"`
}

func (s *server) status() status {
	out := status{Host: s.cfg.Host, Realm: s.cfg.Realm, Listening: s.listening, Data: s.cfg.Data, Peers: []peerStatus{}, HSS: s.hss.Stats()}
	for _, p := range s.node.Stats().Peers {
		out.Peers = append(out.Peers, statusOf(p))
	}
	return out
}

func statusOf(p diameter.PeerStatus) peerStatus {
	x := peerStatus{
		Host: p.Host, State: p.State.String(), Watchdog: p.Watchdog.String(), Reason: p.Reason, Since: p.Since, Open: p.Usable, Transport: p.Transport,
		Requests: p.RequestsReceived + p.RequestsSent, Answers: p.AnswersSent + p.AnswersReceived,
	}
	if p.Remote.IsValid() {
		x.Remote = p.Remote.String()
	}
	return x
}

// page adds the page and what it asks for.
func (s *server) page() {
	s.adm.Handle("GET /{$}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		s.wrote(w.Write(pageHTML))
	}))
	s.adm.Handle("GET /status", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		s.wrote(0, json.NewEncoder(w).Encode(s.status()))
	}))
}

func (s *server) wrote(_ int, err error) {
	if err != nil {
		s.log.Debug("a reader has left", "err", err)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
