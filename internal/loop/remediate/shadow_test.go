package remediate_test

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

func TestARunbookOfAShadowIsRunDryUnlessAPersonAsks(t *testing.T) {
	w := newWorld(t, catalog.Low, fixing)
	w.s.Shadow = true
	w.named()
	w.For(time.Minute)
	w.want("dry", w.run().DryRun, true)
	w.want("requests", w.http.requests(), []string{"GET /health"})
	w.ended(remediate.Succeeded, "limited and restarted")
	w.want("incident", w.status(), respond.Identified)
	if _, err := w.s.Start(t.Context(), "INC-1", "book", false, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(time.Minute)
	if got := w.http.requests(); len(got) < 3 {
		t.Errorf("what a person asked for was not done: %q", got)
	}
}

func TestARunbookOfAShadowIsRunDryOncePerIncident(t *testing.T) {
	w := newWorld(t, catalog.Low, `resolve("done")`)
	w.s.Shadow = true
	w.named()
	w.ended(remediate.Succeeded, "done")
	w.say(respond.Incident{ID: "INC-1", Group: "g", Cause: &diagnose.Suspect{Service: "cart", Kind: diagnose.RetryStorm}})
	w.Settle()
	w.want("runs", len(w.Facts(remediate.KindStarted)), 1)
}
