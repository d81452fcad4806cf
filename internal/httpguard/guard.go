// Package httpguard decides who may use an API for administration, and says errors as RFC 9457 has it.
package httpguard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Refused says why a request is not served, with an HTTP status code; 0 means that it is. token has to come as
// "Authorization: Bearer TOKEN"; if it is empty, only requests from this machine are served. Bodies have to be JSON,
// and no page of another host may use a browser that runs here.
func Refused(r *http.Request, token string) (status int, why string) {
	if token == "" {
		if a, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !a.Addr().Unmap().IsLoopback() {
			return http.StatusForbidden, "without a token, only this machine is served"
		}
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		// A web page elsewhere must not reach us through a browser here under a name of its own.
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && host != "localhost" {
			return http.StatusForbidden, "without a token, only requests to localhost or an address are served"
		}
	} else {
		sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got, want := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(token))
		if !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return http.StatusUnauthorized, "wants the token"
		}
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads && r.ContentLength != 0 {
		if t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(t) != "application/json" {
			return http.StatusUnsupportedMediaType, "the body has to be application/json"
		}
	}
	// Without a body a web page could still make a browser here POST.
	if origin := r.Header.Get("Origin"); origin != "" && !reads && !strings.HasSuffix(origin, "://"+r.Host) {
		return http.StatusForbidden, "not from a page of another host"
	}
	return 0, ""
}
