package http

import (
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Dialer returns a dialer that connects to public addresses and to those that are allowed, and to no other.
func Dialer(allow []netip.Prefix) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: guard{allow: allow}.control}
}

// Transport returns a transport that goes where Dialer goes. It uses no proxy, as the action does not.
func Transport(allow []netip.Prefix) *http.Transport {
	return &http.Transport{DialContext: Dialer(allow).DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4, MaxResponseHeaderBytes: 64 << 10}
}
