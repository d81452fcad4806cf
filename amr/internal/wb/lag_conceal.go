package wb

import (
	"slices"

	op "github.com/gotelco/telco/amr/internal/basicop"
)

// concealLag returns a lag for a bad frame (TS 26.191 section 6.2.3.3) from those of the last good subframes, the
// newest first, and the pitch gains of the last good subframes, the newest last. t0 is the lag as received.
func concealLag(gains, lags *[5]int16, t0, oldT0 int16, seed *int16, unusable bool) int16 {
	minLag, maxLag := slices.Min(lags[:]), slices.Max(lags[:])
	minGain := slices.Min(gains[:])
	lastGain, beforeGain := gains[4], gains[3]
	spread := maxLag - minLag
	voiced := lastGain > 8192 && beforeGain > 8192 // Q14 0.5

	if unusable {
		switch {
		case minGain > 8192 && spread < 10:
			t0 = oldT0
		case voiced:
			t0 = lags[0]
		default:
			t0 = randomLag(lags, seed)
		}
		return max(min(t0, maxLag), minLag)
	}

	var sum int16
	for _, l := range lags {
		sum += l
	}
	mean := op.Mult(sum, 6554) // Q15 1/5
	inside := t0 > minLag && t0 < maxLag
	fromLast := t0 - lags[0]
	switch {
	case spread < 10 && t0 > minLag-5 && t0-maxLag < 5,
		voiced && fromLast > -10 && fromLast < 10,
		minGain < 6554 && lastGain == minGain && inside,
		spread < 70 && inside,
		t0 > mean && t0 < maxLag:
		return t0 // plausible
	case minGain > 8192 && spread < 10, voiced:
		t0 = lags[0]
	default:
		t0 = randomLag(lags, seed)
	}
	return max(min(t0, maxLag), minLag)
}

// randomLag returns the mean of the three largest lags, varied at random.
func randomLag(lags *[5]int16, seed *int16) int16 {
	s := *lags
	slices.Sort(s[:])
	spread := min(s[4]-s[2], 40)
	vary := op.Mult(spread>>1, random(seed))
	return op.Add(op.Mult(s[2]+s[3]+s[4], 10923), vary)
}
