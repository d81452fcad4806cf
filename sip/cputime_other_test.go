//go:build !unix

package sip

import "time"

// cpuTime is not measured here.
func cpuTime() time.Duration { return 0 }
