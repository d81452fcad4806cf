module github.com/gotelco/telco

go 1.25.0

require (
	github.com/coder/websocket v1.8.14
	github.com/goccy/go-yaml v1.19.2
	github.com/google/go-cmp v0.7.0
	github.com/pion/rtp v1.10.6
	github.com/pion/sdp/v3 v3.0.20
	golang.org/x/net v0.57.0
	golang.org/x/sys v0.47.0
)

require github.com/pion/randutil v0.1.0 // indirect
