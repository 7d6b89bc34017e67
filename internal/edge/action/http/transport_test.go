package http

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
)

func TestTransportGoesWhereItMay(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	r := ask.Request{Provider: "Chat", URL: srv.URL}
	if _, err := ask.New(Transport(nil)).Do(t.Context(), r); !errs.Is(err, errs.Invalid) {
		t.Errorf("a loopback address: %v", err)
	}
	if _, err := ask.New(Transport([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})).Do(t.Context(), r); err != nil {
		t.Errorf("an allowed address: %v", err)
	}
}
