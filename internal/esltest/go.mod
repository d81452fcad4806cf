module github.com/gotelco/telco/internal/esltest

go 1.25.0

require (
	github.com/0x19/goesl v0.0.0-20230805100056-48992ef4fdb1
	github.com/cgrates/fsock v0.0.0-20241217115946-62b079e0b9bc
	github.com/gotelco/telco v0.0.0
	github.com/op/go-logging v0.0.0-20160315200505-970db520ece7
	github.com/percipia/eslgo v1.5.0
)

require (
	github.com/pion/randutil v0.1.0 // indirect
	github.com/pion/rtp v1.10.6 // indirect
	github.com/pion/sdp/v3 v3.0.20 // indirect
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/gotelco/telco => ../..
