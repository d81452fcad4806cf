module github.com/gotelco/telco/internal/bench

go 1.26

require (
	github.com/emiago/sipgo v1.7.2
	github.com/fiorix/go-diameter/v4 v4.0.4
	github.com/gotelco/telco v0.0.0
	github.com/ishidawataru/sctp v0.0.0-20251114114122-19ddcbc6aae2
	github.com/pion/logging v0.2.4
	github.com/pion/sctp v1.12.1
	golang.org/x/sys v0.47.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/pool v0.2.1 // indirect
	github.com/gobwas/ws v1.3.2 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/icholy/digest v1.2.0 // indirect
	github.com/pion/randutil v0.1.0 // indirect
	github.com/pion/rtp v1.10.6 // indirect
	github.com/pion/sdp/v3 v3.0.20 // indirect
	github.com/pion/transport/v5 v5.1.4 // indirect
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/sync v0.16.0 // indirect
)

replace github.com/gotelco/telco => ../..
