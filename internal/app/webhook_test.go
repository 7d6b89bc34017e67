package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// The channel, the guarded request and the signature together: each of them alone was right when none arrived.
func TestWebhookArrivesSignedAndIsTriedAgain(t *testing.T) {
	type post struct {
		header http.Header
		body   string
	}
	posts := make(chan post, 99)
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posts <- post{r.Header, string(b)}
		if n++; n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer srv.Close()
	text := strings.Replace(apptest.Catalog("checkout"), "{channel: inbox}", "{channel: webhook, address: '"+srv.URL+"/hook'}", 1)
	w := apptest.Start(t, apptest.Files{"shop.yaml": text}, nil)
	w.Outage("checkout")
	first, second := <-posts, <-posts
	if first.body == "" || first.header.Get("Idempotency-Key") == "" || first.header.Get("Idempotency-Key") != second.header.Get("Idempotency-Key") {
		t.Errorf("the repeat is not known again: %v and %v", first.header, second.header)
	}
	if !strings.HasPrefix(first.header.Get("Nightkeeper-Signature"), "t=") || first.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", first.header)
	}
	w.API.AwaitWhere(page.KindNotified, 0, func(e event.Event) bool { return e.Text == "mira was told by webhook" })
}
