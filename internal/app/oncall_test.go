package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

const twoPeople = `
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: nils}
spec: {contacts: [{channel: inbox}]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: nights}
spec: {start: 2026-01-05T09:00, turn: 7d, members: [mira]}
`

// An override that somebody makes by the API says who is on call from then on, is on the log, and is in
// their calendar, which needs no token.
func TestOverrideByTheAPIReachesEverything(t *testing.T) {
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout") + twoPeople}, nil)
	type duty struct {
		Schedule string
		Now      rota.Shift
	}
	onCall := func() string {
		t.Helper()
		return strings.Join(apptest.Get[[]duty](w.API, "/api/v1/oncall")[0].Now.People(), "+")
	}
	if got := onCall(); got != "mira" {
		t.Fatalf("on call: %s", got)
	}
	w.API.Post("/api/v1/overrides", map[string]any{"schedule": "nights", "people": []string{"nils"}, "instead": "mira", "to": time.Now().Add(time.Hour), "reason": "dentist"})
	if got := onCall(); got != "nils" {
		t.Errorf("on call: %s", got)
	}
	e := w.API.Await(page.KindOverridden, 0)
	o, err := event.Decode[rota.Override](e)
	if err != nil || o.Instead != "mira" || o.By != "admin" {
		t.Errorf("%+v, %v", o, err)
	}
	url := apptest.Get[struct{ URL string }](w.API, "/api/v1/calendars/person/nils").URL
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(b), "Instead of mira") {
		t.Errorf("%s: %s %v %s", url, resp.Status, err, b)
	}
	w.API.Post("/api/v1/overrides/"+o.ID+"/cancel", nil)
	if got := onCall(); got != "mira" {
		t.Errorf("on call: %s", got)
	}
}
