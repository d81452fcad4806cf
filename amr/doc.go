// Package amr is the Adaptive Multi-Rate speech codec, narrowband (AMR) and wideband (AMR-WB), and
// the formats that carry it.
package amr
