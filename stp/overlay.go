package stp

import (
	"reflect"
)

// overlay copies the fields of from that are not zero over those of to.
func overlay[T any](to, from *T) {
	t, f := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for i := range t.NumField() {
		if !f.Field(i).IsZero() {
			t.Field(i).Set(f.Field(i))
		}
	}
}
