package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/app"
	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// A server beside another one takes its alerts, decides whom to tell, calls nobody, and says what differs.
func TestAShadowRunsBesideAnotherSystemAndReports(t *testing.T) {
	var called atomic.Int32
	phone := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	defer phone.Close()
	files := apptest.Files{"shop.yaml": apptest.Catalog("checkout"), "eve.yaml": fmt.Sprintf(`apiVersion: nightkeeper/v1
kind: Person
metadata: {name: eve, annotations: {pagerduty/id: PEVE}}
spec:
  contacts: [{channel: webhook, address: %q}]
---
apiVersion: nightkeeper/v1
kind: AlertRule
metadata: {name: all}
spec:
  match: ['alertname=~".*"']
  escalationPolicy: eve
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: eve}
spec:
  loops: 1
  steps: [{targets: [{person: eve}]}]
`, phone.URL)}
	w := apptest.Start(t, files, func(o *app.Options) {
		o.Shadow = true
		o.AllowOutgoing, _ = app.ParsePrefixes("127.0.0.1")
	})
	token := w.Token("intake")
	body := `{"routing_key":"` + token + `","event_action":"trigger","dedup_key":"disk","payload":{"summary":"it is down","source":"web-1","severity":"critical","component":"checkout"}}`
	if got := send(t, w, "/pagerduty/v2/enqueue", "", body); got != 202 {
		t.Fatal(got)
	}
	e := w.API.AwaitWhere(page.KindShadowed, 0, func(e event.Event) bool { return strings.Contains(e.Text, "eve would have been told by webhook") })
	if called.Load() != 0 {
		t.Error("the phone of eve rang")
	}
	beside := map[string]any{"source": "pagerduty", "from": e.At.Add(-time.Hour), "to": e.At.Add(time.Hour), "incidents": []map[string]any{
		{"id": "Q1", "title": "it is down", "keys": []string{"disk"}, "at": e.At, "told": []map[string]any{{"who": map[string]any{"id": "PEVE"}, "at": e.At}}},
	}}
	w.API.Post("/api/v1/shadow", beside)
	r := apptest.Get[page.ShadowReport](w.API, "/api/v1/shadow")
	if !r.Ready() || r.Same != 1 || !r.Shadow || r.By != "admin" || r.Rows[0].Matched != "the same key" {
		t.Errorf("%+v", r)
	}
	if st := apptest.Get[struct{ Shadow bool }](w.API, "/api/v1/status"); !st.Shadow {
		t.Error("the status does not say that it is a shadow")
	}
	if got := w.As(w.Token("read")).Call("POST", "/api/v1/shadow", beside).Code(); got != "denied" {
		t.Errorf("a token that may only read compared: %q", got)
	}
}
