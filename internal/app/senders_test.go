package app_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
)

// Every address on the page for senders is taken, and its bodies are read: they are sent as they stand there.
func TestPageForSendersIsTrue(t *testing.T) {
	b, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("payments"),
		"beats.yaml": "apiVersion: nightkeeper/v1\nkind: Heartbeat\nmetadata: {name: backup}\nspec: {interval: 1d}\n---\napiVersion: nightkeeper/v1\nkind: Heartbeat\nmetadata: {name: intake}\nspec: {interval: 1d}\n"}, nil)
	token := w.Token("intake")

	addresses := regexp.MustCompile("https://nightkeeper\\.example\\.org(/[^\\s`\")]*)").FindAllStringSubmatch(page, -1)
	seen := map[string]bool{}
	for _, m := range addresses {
		path := strings.ReplaceAll(m[1], "TOKEN", token)
		if seen[path] || path == "/alertmanager" || path == "/pagerduty" {
			continue
		}
		seen[path] = true
		if path == "/alertmanager/" {
			path += "api/v2/alerts"
		}
		// An empty object is refused by a reader that knows what is missing; what is mounted nowhere is 404 or 405.
		switch got := send(t, w, path, token, "{}"); got {
		case 200, 202, 400, 422:
		default:
			t.Errorf("%s answers %d", m[1], got)
		}
	}
	if len(seen) < 12 {
		t.Errorf("the page has only %d addresses", len(seen))
	}

	bodies := regexp.MustCompile(`(?m)^curl https://nightkeeper\.example\.org(/\S+) (?:-H '([^']*)' )?--json '(.*)'$`).FindAllStringSubmatch(page, -1)
	for _, m := range bodies {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.App.URL()+strings.ReplaceAll(m[1], "TOKEN", token), strings.NewReader(strings.ReplaceAll(m[3], "TOKEN", token)))
		if err != nil {
			t.Fatal(err)
		}
		if name, value, ok := strings.Cut(strings.ReplaceAll(m[2], "TOKEN", token), ": "); ok {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 && resp.StatusCode != 202 {
			t.Errorf("%s: %d", m[0], resp.StatusCode)
		}
	}
	if len(bodies) != 5 {
		t.Errorf("the page has %d calls with bodies, want 5", len(bodies))
	}
	datadog := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(page)
	if got := send(t, w, "/intake/datadog/"+token, "", datadog[1]); got != 200 {
		t.Errorf("Datadog's payload: %d", got)
	}
}
