package diameter

import "fmt"

// Opt is the value of an AVP that may be absent. The zero Opt is absent. Its Value is zero then, so that code which does
// not care may read it alone.
type Opt[T any] struct {
	Value   T
	Present bool
}

// Some returns a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{v, true} }

// Get returns the value and whether it is present.
func (o Opt[T]) Get() (T, bool) { return o.Value, o.Present }

// Or returns the value, or v where it is absent.
func (o Opt[T]) Or(v T) T {
	if o.Present {
		return o.Value
	}
	return v
}

// String formats the value, or returns "-" where it is absent.
func (o Opt[T]) String() string {
	if !o.Present {
		return "-"
	}
	return fmt.Sprint(o.Value)
}
