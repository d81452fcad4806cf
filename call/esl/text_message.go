package esl

import (
	"cmp"
	"context"
	"strings"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// A TextMessage is a message outside of calls that a client has asked for by sendevent.
type TextMessage struct {
	From, To    string // user@host, a number or a URI; From may be empty
	Subject     string
	ContentType string // text/plain if the client said nothing
	Body        string
}

// TextMessageOf reads an event that asks for a message outside of calls, for [Config].OnEvent: SEND_MESSAGE with the fields
// user and host, or CUSTOM SMS::SEND_MESSAGE with to and from. ok is false for all other events, and for those about a channel,
// which the Server carries out itself.
func TextMessageOf(e *control.Event) (m TextMessage, ok bool) {
	plain := func(names ...string) string {
		for _, name := range names {
			if v := strings.Trim(e.Field(name), "<> "); v != "" {
				return v
			}
		}
		return ""
	}
	m = TextMessage{From: plain("from", "from_full"), Subject: e.Field("subject"), ContentType: "text/plain", Body: e.Body}
	switch {
	case e.Name == "SEND_MESSAGE" && dialogOf(e) == "":
		m.To, m.ContentType = plain("user", "to", "to-uri"), cmp.Or(e.Field("content-type"), m.ContentType)
		if host := e.Field("host"); host != "" && m.To != "" && !strings.Contains(m.To, "@") {
			m.To += "@" + host
		}
	case e.Name == "CUSTOM" && e.Subclass == "SMS::SEND_MESSAGE":
		m.To, m.ContentType = plain("to", "to_full"), cmp.Or(e.Field("type"), m.ContentType)
		m.Body = cmp.Or(m.Body, e.Field("_body"))
	}
	return m, m.To != ""
}

// dialogOf is the UUID of the channel that SEND_MESSAGE or SEND_INFO is about.
func dialogOf(e *control.Event) string { return cmp.Or(e.Field("uuid"), e.UUID) }

// sendInDialog carries out SEND_MESSAGE and SEND_INFO about a channel. done is false for other events.
func (s *Server) sendInDialog(e *control.Event) (done bool, refused string) {
	method := sip.MESSAGE
	switch {
	case dialogOf(e) == "":
		return false, ""
	case e.Name == "SEND_MESSAGE":
	case e.Name == "SEND_INFO":
		method = sip.INFO
	default:
		return false, ""
	}
	ch := s.sw.Channel(dialogOf(e))
	if ch == nil {
		return true, "-ERR invalid uuid"
	}
	sent := s.background(func() {
		ctx, cancel := context.WithTimeout(s.ctx, appWait)
		defer cancel()
		if err := ch.Send(ctx, method, e.Field("content-type"), []byte(e.Body)); err != nil {
			s.log.Warn("sendevent", "event", e.Name, "uuid", ch.UUID(), "err", err)
		}
	})
	if !sent {
		return true, "-ERR too many jobs"
	}
	return true, ""
}

// sendCommand is uuid_send_info and uuid_send_message: UUID [TYPE SUBTYPE] TEXT.
func sendCommand(method sip.Method) func(*Server, context.Context, string) string {
	return func(s *Server, ctx context.Context, args string) string {
		id, text, _ := strings.Cut(args, " ")
		kind := "text/plain"
		if words := strings.SplitN(text, " ", 3); method == sip.INFO && len(words) == 3 {
			kind, text = words[0]+"/"+words[1], words[2]
		}
		if text == "" {
			return usage(syntaxSend)
		}
		ch := s.sw.Channel(id)
		if ch == nil {
			return "-ERR Cannot locate session!\n"
		}
		ctx, cancel := context.WithTimeout(ctx, appWait)
		defer cancel()
		if err := ch.Send(ctx, method, kind, []byte(text)); err != nil {
			return "-ERR " + oneLine(err.Error()) + "\n"
		}
		return "+OK Success\n"
	}
}
