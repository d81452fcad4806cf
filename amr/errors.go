package amr

import "fmt"

// A FrameError is a frame that cannot be decoded, or not encoded, as it is.
type FrameError struct {
	Codec  Codec
	Type   FrameType
	Reason string
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("amr: %v frame of type %d: %s", e.Codec, e.Type, e.Reason)
}

// A ConfigError is a configuration that no codec can be made of.
type ConfigError struct {
	Field string
	Value int
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("amr: %s: no such value %d", e.Field, e.Value)
}
