package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// uncached serves a script that no browser keeps.
type uncached struct{ http.ResponseWriter }

func (u uncached) WriteHeader(status int) {
	u.Header().Set("Cache-Control", "no-store")
	u.ResponseWriter.WriteHeader(status)
}

// The feed is greeted by somebody who listens: its script may come late, and the first connection may be refused.
func TestPageIsLiveWhenItsScriptIsLateOrItsFeedRefused(t *testing.T) {
	w := newWorld(t)
	var refuse atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/js/live.js"):
			<-time.After(time.Second) // whoever did not wait for it has been greeted by then
			w.srv.Config.Handler.ServeHTTP(uncached{rw}, r)
		case r.URL.Path == "/live" && refuse.CompareAndSwap(true, false):
			http.Error(rw, "the server starts", http.StatusServiceUnavailable)
		default:
			w.srv.Config.Handler.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	b := browse(t, w)
	b.base = srv.URL
	b.signIn("amira")
	b.open("/slos")
	b.wait("the feed of a late script", `document.querySelector("#live").dataset.state === "on"`)
	refuse.Store(true)
	b.open("/slos")
	b.wait("the feed that was refused once", `document.querySelector("#live").dataset.state === "on"`)
	if refuse.Load() {
		t.Error("the feed was not refused")
	}
}
