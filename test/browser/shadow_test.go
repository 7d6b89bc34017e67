package browser

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/web/ui"
	"nightkeeper/internal/loop/page"
)

// A server that runs beside another system says so on every page, and shows where the two differ.
func TestEveryPageOfAShadowSaysThatNobodyIsPaged(t *testing.T) {
	w := newWorld(t, func(c *ui.Config) { c.Shadow, c.Page.Shadow = true, true })
	w.calm()
	b := browse(t, w)
	b.open("/login")
	says := func(path string) {
		t.Helper()
		if !eval[bool](b, `document.querySelector("#shadow-bar")?.textContent.includes("nobody is paged") ?? false`) {
			t.Errorf("%s does not say that nobody is paged", path)
		}
	}
	says("/login")
	b.signIn("amira")
	for _, path := range []string{"/", "/oncall", "/incidents", "/slos", "/runbooks"} {
		b.open(path)
		says(path)
	}
	b.see(t, looks, "/shadow", "shadow-empty")
	now := w.clock.now()
	_, err := w.page.Compare(w.ctx, page.Beside{Source: "pagerduty", From: now.Add(-24 * time.Hour), To: now, Incidents: []page.Theirs{
		{ID: "Q1", Title: "disk is full on db-1, and nobody here knows of it", At: now.Add(-time.Hour), Told: []page.TheirNotice{{Who: page.Named{Name: "amira"}, At: now.Add(-time.Hour)}, {Who: page.Named{Name: "Zoë"}, At: now.Add(-50 * time.Minute)}}},
		{ID: "Q2", Title: "low urgency", At: now.Add(-2 * time.Hour)},
	}}, "tomas", now)
	w.must(err)
	b.see(t, looks, "/shadow", "shadow")
	if !eval[bool](b, `[...document.querySelectorAll("#main tbody tr")].map((e) => e.textContent).join().includes("only theirs")`) {
		t.Error("the table does not have what is only there")
	}
	v := visit(t, w)
	v.signIn("vera")
	if resp, body := v.get("/shadow/report.md"); resp.StatusCode != 200 || !strings.HasPrefix(body, "# Nightkeeper beside pagerduty") {
		t.Errorf("%s %.80s", resp.Status, body)
	}
}
