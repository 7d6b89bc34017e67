package ui

import (
	"net/http"
	"testing"
)

func TestAddressOfAClient(t *testing.T) {
	f := func(remote, want string, forwarded ...string) {
		t.Helper()
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}}
		if got := remoteOf(r); got != want {
			t.Errorf("%s with %q: %s, want %s", remote, forwarded, got, want)
		}
	}
	f("192.0.2.1:999", "192.0.2.1")
	f("192.0.2.1:999", "192.0.2.1", "203.0.113.9") // not a proxy that we know
	f("127.0.0.1:999", "127.0.0.1")
	f("127.0.0.1:999", "203.0.113.9", "203.0.113.9")
	f("127.0.0.1:999", "203.0.113.9", "10.0.0.1, 203.0.113.9")
	f("[::1]:999", "203.0.113.9", "10.0.0.1", "203.0.113.9")
	f("127.0.0.1:999", "127.0.0.1", "10.0.0.1, who knows")
}
