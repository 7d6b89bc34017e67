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
