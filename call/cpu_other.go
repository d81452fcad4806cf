//go:build !unix

package call

import "time"

// processorTime is what the process has used so far; this system is not asked.
func processorTime() time.Duration { return 0 }
