package tcap

import "github.com/gotelco/telco/internal/ber"

// DialogueKind says what a dialogue portion is (Q.773 section 3.4).
type DialogueKind uint8

// The dialogue portions.
const (
	DialogueRequest        DialogueKind = iota + 1 // AARQ
	DialogueResponse                               // AARE
	DialogueAbort                                  // ABRT
	DialogueUnidirectional                         // AUDT
	OtherDialogue                                  // of another abstract syntax, in Raw alone
)

// Diagnostics of a DialogueResponse that refuses.
const (
	NoReason            uint8   = 1
	ContextNotSupported uint8   = 2 // of the user: application context name not supported
	NoCommonDialogue    uint8   = 2 // of the provider: no common dialogue portion
	dialogueVersion             = 0x80
	dialogueAsID                = "0.0.17.773.1.1.1"
	unidialogueAsID             = "0.0.17.773.1.2.1"
	tagProtocolVersion  ber.Tag = 0x80
	tagContext          ber.Tag = 0xa1
	tagResult           ber.Tag = 0xa2
	tagDiagnostic       ber.Tag = 0xa3
	tagAbortSource      ber.Tag = 0x80
	tagUserInformation  ber.Tag = 0xbe
	tagSingleASN1       ber.Tag = 0xa0
	tagUserDiagnostic   ber.Tag = 0xa1
	tagProviderDiagnose ber.Tag = 0xa2
)

var dialogueTags = [...]ber.Tag{DialogueRequest: 0x60, DialogueResponse: 0x61, DialogueAbort: 0x64, DialogueUnidirectional: 0x60}

// Dialogue is a dialogue portion: which application speaks, and whether the other end agrees.
type Dialogue struct {
	Kind    DialogueKind
	Context string // application context name, an object identifier: "0.4.0.1.1.1.0.0"

	Refused    bool  // DialogueResponse: permanently
	Provider   bool  // DialogueResponse: Diagnostic is the provider's; DialogueAbort: the provider aborts
	Diagnostic uint8 // DialogueResponse; 0 if there is nothing to say

	// UserInformation is the contents of the user information, if there is one: EXTERNAL elements.
	UserInformation []byte

	// Raw is the contents of the dialogue portion, as it came, of OtherDialogue.
	Raw []byte
}

func (d *Dialogue) parse(b []byte) error {
	other := func() error { *d = Dialogue{Kind: OtherDialogue, Raw: b}; return nil }
	tag, external, rest, err := ber.Next(b)
	if err != nil {
		return err
	}
	if tag != ber.External || len(rest) > 0 {
		return other()
	}
	tag, oid, external, err := ber.Next(external)
	if err != nil {
		return err
	}
	syntax, err := ber.ParseOID(oid)
	if tag != ber.OID || err != nil || syntax != dialogueAsID && syntax != unidialogueAsID {
		return other()
	}
	tag, pdu, rest, err := ber.Next(external)
	if err != nil {
		return err
	}
	if tag != tagSingleASN1 || len(rest) > 0 {
		return ErrTag
	}
	tag, body, rest, err := ber.Next(pdu)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return ErrTag
	}
	switch {
	case tag == 0x60 && syntax == unidialogueAsID:
		d.Kind = DialogueUnidirectional
	case tag == 0x60:
		d.Kind = DialogueRequest
	case tag == 0x61 && syntax == dialogueAsID:
		d.Kind = DialogueResponse
	case tag == 0x64 && syntax == dialogueAsID:
		d.Kind = DialogueAbort
	default:
		return ErrTag
	}
	for len(body) > 0 {
		var value []byte
		if tag, value, body, err = ber.Next(body); err != nil {
			return err
		}
		if err := d.field(tag, value); err != nil {
			return err
		}
	}
	if d.Kind != DialogueAbort && d.Context == "" {
		return ErrMissing
	}
	return nil
}

func (d *Dialogue) field(tag ber.Tag, value []byte) error {
	switch {
	case tag == tagUserInformation:
		d.UserInformation = value
	case d.Kind == DialogueAbort && tag == tagAbortSource:
		v, err := ber.Int(value)
		if err != nil || v < 0 || v > 1 {
			return ErrValue
		}
		d.Provider = v == 1
	case d.Kind == DialogueAbort:
		return ErrTag
	case tag == tagProtocolVersion:
		if len(value) < 2 || value[1]&dialogueVersion == 0 {
			return ErrValue // version 1 is not among those
		}
	case tag == tagContext:
		tag, oid, rest, err := ber.Next(value)
		if err != nil {
			return err
		}
		if tag != ber.OID || len(rest) > 0 {
			return ErrTag
		}
		d.Context, err = ber.ParseOID(oid)
		return err
	case d.Kind == DialogueResponse && tag == tagResult:
		v, err := integer(value)
		if err != nil || v > 1 {
			return ErrValue
		}
		d.Refused = v == 1
	case d.Kind == DialogueResponse && tag == tagDiagnostic:
		tag, inner, rest, err := ber.Next(value)
		if err != nil {
			return err
		}
		if tag != tagUserDiagnostic && tag != tagProviderDiagnose || len(rest) > 0 {
			return ErrTag
		}
		d.Provider = tag == tagProviderDiagnose
		d.Diagnostic, err = integer(inner)
		return err
	default:
		return ErrTag
	}
	return nil
}

// integer reads an INTEGER from 0 to 127.
func integer(b []byte) (uint8, error) {
	tag, value, rest, err := ber.Next(b)
	if err != nil {
		return 0, err
	}
	v, err := ber.Int(value)
	if tag != ber.Integer || err != nil || v < 0 || v > 127 || len(rest) > 0 {
		return 0, ErrValue
	}
	return uint8(v), nil
}

func (d *Dialogue) append(b []byte) ([]byte, error) {
	if d.Kind == OtherDialogue {
		return append(b, d.Raw...), nil
	}
	if d.Kind < DialogueRequest || d.Kind > OtherDialogue || d.Diagnostic > 127 {
		return b, ErrValue
	}
	var body []byte
	if d.Kind == DialogueAbort {
		source := int64(0)
		if d.Provider {
			source = 1
		}
		body = ber.AppendInt(body, tagAbortSource, source)
	} else {
		oid, err := ber.AppendOID(nil, d.Context)
		if err != nil {
			return b, err
		}
		body = ber.Append(body, tagProtocolVersion, []byte{7, dialogueVersion})
		body = ber.Append(body, tagContext, ber.Append(nil, ber.OID, oid))
	}
	if d.Kind == DialogueResponse {
		result, tag := int64(0), tagUserDiagnostic
		if d.Refused {
			result = 1
		}
		if d.Provider {
			tag = tagProviderDiagnose
		}
		body = ber.Append(body, tagResult, ber.AppendInt(nil, ber.Integer, result))
		body = ber.Append(body, tagDiagnostic, ber.Append(nil, tag, ber.AppendInt(nil, ber.Integer, int64(d.Diagnostic))))
	}
	if d.UserInformation != nil {
		body = ber.Append(body, tagUserInformation, d.UserInformation)
	}
	syntax := dialogueAsID
	if d.Kind == DialogueUnidirectional {
		syntax = unidialogueAsID
	}
	oid, err := ber.AppendOID(nil, syntax)
	if err != nil {
		return b, err
	}
	external := ber.Append(nil, ber.OID, oid)
	external = ber.Append(external, tagSingleASN1, ber.Append(nil, dialogueTags[d.Kind], body))
	return ber.Append(b, ber.External, external), nil
}
