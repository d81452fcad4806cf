// Package websocket carries SIP over WebSocket (RFC 7118), for package sip: a [Listener] to be
// given to an Endpoint's ServeListener, and a [Dialer] whose Dial is the DialWebSocket of its
// network configuration. It is a package of its own so that programs without WebSocket don't
// carry net/http.
//
//	l, err := websocket.Listen("127.0.0.1:8080", websocket.Config{})
//	endpoint.ServeListener(l, sip.ListenConfig{Transport: sip.WS})
//
// A Listener is an http.Handler too, so that one web server can serve both the pages of a web
// phone and its signalling.
//
// # Conformance
//
//   - RFC 7118 section 4: the subprotocol "sip" is demanded from both sides
//   - RFC 7118 section 5: one SIP message a WebSocket message, text or binary
//   - RFC 7118 section 6: CRLF keep-alives, and answers to WebSocket pings
//   - RFC 6455: by github.com/coder/websocket; compression (RFC 7692) is not offered
//
// Limitations: a proxy between us and the peer, if the environment names one, is not used. The
// address of a client behind a reverse proxy is that of the proxy.
package websocket
