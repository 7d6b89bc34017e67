package app_test

import (
	"net/http"
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// send posts a body as another system does: with a token, and without our client.
func send(t *testing.T, w *apptest.World, path, token, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.App.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestAlertOfPrometheusBecomesAPage(t *testing.T) {
	w := start(t)
	const alert = `[{"labels":{"alertname":"Down","service":"checkout","severity":"critical"},"annotations":{"summary":"checkout is down"}}]`
	for _, c := range []struct {
		token string
		want  int
	}{{"", 401}, {w.Token("read"), 403}, {w.Token("intake"), 200}} {
		if got := send(t, w, "/alertmanager/api/v2/alerts", c.token, alert); got != c.want {
			t.Errorf("%d, want %d", got, c.want)
		}
	}
	w.API.Await(page.KindOpened, 0)
	as := apptest.Get[[]detect.Alert](w.API, "/api/v1/alerts?firing=true")
	if len(as) != 1 || as[0].Integration != "intake" || as[0].Severity != detect.SEV1 || as[0].Service != "checkout" {
		t.Errorf("%+v", as)
	}
}

func TestAcknowledgingAtTheSourceAcknowledgesThePage(t *testing.T) {
	w := start(t)
	token := w.Token("intake")
	event := func(action string) {
		t.Helper()
		body := `{"routing_key":"` + token + `","event_action":"` + action + `","dedup_key":"k","payload":{"summary":"it is down","source":"web-1","severity":"critical","component":"checkout"}}`
		if got := send(t, w, "/pagerduty/v2/enqueue", "", body); got != 202 {
			t.Fatalf("%s: %d", action, got)
		}
	}
	event("trigger")
	opened := w.API.Await(page.KindOpened, 0)
	event("acknowledge")
	acked := w.API.Await(page.KindAcked, 0)
	if acked.Subject != opened.Subject || acked.Actor != "integration:intake" {
		t.Errorf("%+v", acked)
	}
	if is := apptest.Get[[]map[string]any](w.API, "/api/v1/incidents?open=true"); len(is) != 1 || is[0]["commander"] == "integration:intake" {
		t.Errorf("a program has command: %v", is)
	}
	event("resolve")
	w.API.Await(page.KindResolved, 0)
}

func TestWebhookWithTheTokenInItsAddress(t *testing.T) {
	w := start(t)
	if got := send(t, w, "/integrations/v1/webhook/"+w.Token("intake")+"/", "", `{"title":"backup failed","service":"checkout"}`); got != 200 {
		t.Errorf("%d", got)
	}
	w.API.Await(page.KindOpened, 0)
}

func TestHeartbeatOfTheCatalogIsPinged(t *testing.T) {
	w := start(t)
	w.Declare(apptest.Files{"beats.yaml": "apiVersion: nightkeeper/v1\nkind: Heartbeat\nmetadata: {name: backup}\nspec: {interval: 1d, service: checkout}\n"})
	if err := w.App.Reload(); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	w.Boot() // it is expected from the start on
	if got := send(t, w, "/heartbeat/"+w.Token("intake")+"/backup", "", ""); got != 200 {
		t.Errorf("%d", got)
	}
	type beat struct {
		Name, Interval, Grace string
		Declared, Late        bool
		LastPing              string `json:"last_ping"`
	}
	if bs := apptest.Get[[]beat](w.API, "/api/v1/heartbeats"); len(bs) != 1 || bs[0].Name != "backup" || bs[0].Interval != "1d" || bs[0].Grace != "1m" || !bs[0].Declared || bs[0].LastPing == "" {
		t.Errorf("%+v", bs)
	}
	w.API.Post("/api/v1/heartbeats", map[string]any{"name": "cron", "interval": "10m"})
	if bs := apptest.Get[[]beat](w.API, "/api/v1/heartbeats"); len(bs) != 2 || bs[1].Declared {
		t.Errorf("%+v", bs)
	}
	if got := send(t, w, "/v2/heartbeats/cron/ping", w.Token("intake"), ""); got != 202 {
		t.Errorf("where clients of Opsgenie look: %d", got)
	}
}
