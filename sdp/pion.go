package sdp

import (
	"fmt"

	"github.com/pion/sdp/v3"
)

// Pion returns the description as github.com/pion/sdp has it, for programs that work with that. It
// fails where pion's parser refuses what this package takes: media such as "image", transports
// such as "udptl", bandwidth types and lines that it does not know.
func (d *Description) Pion() (*sdp.SessionDescription, error) {
	b, err := d.AppendText(nil)
	if err != nil {
		return nil, err
	}
	out := &sdp.SessionDescription{}
	if err := out.UnmarshalString(string(b)); err != nil {
		return nil, fmt.Errorf("sdp: %w", err)
	}
	return out, nil
}

// FromPion returns the description that github.com/pion/sdp has.
func FromPion(in *sdp.SessionDescription) (*Description, error) {
	b, err := in.Marshal()
	if err != nil {
		return nil, fmt.Errorf("sdp: %w", err)
	}
	return Parse(b)
}
