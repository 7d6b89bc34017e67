package story

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// holding makes pages wait for a low-risk runbook.
func holding(hold string) apptest.Files {
	return apptest.Files{
		"shop.yaml": strings.Replace(apptest.Catalog("checkout"), "hold: {SEV1: 0s", "hold: {SEV1: "+hold, 1),
		"calm.md":   "---\nowner: shop\nreviewed: 2026-10-01\nrisk: low\ntriggers: [{cause: retry_storm}]\n---\n# Calm\n\n```starlark\nresolve(\"calm\")\n```\n",
	}
}

// A page is held while a runbook could fix it, and the trouble ends in time: nobody is woken.
func TestHeldPageThatIsFixedInTimeWakesNobody(t *testing.T) {
	t.Parallel()
	w := apptest.Start(t, holding("10m"), nil)
	w.Outage("checkout")
	held := w.API.Await(page.KindHeld, 0)
	w.Recovery("checkout")
	resolved := w.API.Await(page.KindResolved, held.Seq)
	if !strings.Contains(resolved.Text, "nobody was told") {
		t.Errorf("resolved: %s", resolved.Text)
	}
	for _, person := range []string{"mira", "tomas"} {
		if ns := apptest.Get[[]page.Notification](w.API, "/api/v1/inbox/"+person); len(ns) > 0 {
			t.Errorf("%s was told: %+v", person, ns)
		}
	}
}

// A page is held and nothing fixes it: when its time is over people are told, by every contact they have.
func TestHeldPageThatIsNotFixedIsReleased(t *testing.T) {
	t.Parallel()
	posts := make(chan string, 9)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { posts <- r.Header.Get("Nightkeeper-Signature") }))
	defer hook.Close()
	files := holding("1s")
	files["shop.yaml"] = strings.Replace(files["shop.yaml"], "{channel: inbox}", "{channel: webhook, address: '"+hook.URL+"'}", 1)
	w := apptest.Start(t, files, nil)
	w.Outage("checkout")
	held := w.API.Await(page.KindHeld, 0)
	w.API.Await(page.KindOpened, held.Seq)
	w.API.AwaitWhere(page.KindNotified, held.Seq, func(e event.Event) bool { return e.Text == "mira was told by webhook" })
	if sig := <-posts; !strings.HasPrefix(sig, "t=") {
		t.Errorf("signature %q", sig)
	}
}
