package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// A step whose answer was lost is settled on the page of its run, with the keyboard alone.
func TestLostStepIsSettledWithTheKeyboard(t *testing.T) {
	w := newWorld(t)
	w.cat.Runbooks["lost"] = &catalog.Runbook{Meta: catalog.Meta{Name: "lost"}, File: "lost.md", Risk: catalog.Low,
		Blocks: []catalog.Block{{Text: "r = must(http.once(url = \"http://payment-api/lost\"))\nresolve(r[\"settled_by\"] + \" knows\")", Line: 1}}}
	now := w.clock.now()
	w.must(w.db.Update(w.ctx, func(tx *store.Tx) error {
		return tx.SaveIncident(w.ctx, respond.Incident{ID: "INC-9", Group: "g", Title: "payment-api hangs", Service: "payment-api", Status: respond.Identified, OpenedAt: now, OnsetAt: now})
	}))
	run, err := w.remediate.Start(w.ctx, "INC-9", "lost", false, "amira", now)
	w.must(err)
	at := func(s remediate.State) func() bool {
		return func() bool { r, _, _, err := w.remediate.Get(w.ctx, run.ID); return err == nil && r.State == s }
	}
	w.until("the run stops", at(remediate.Unknown))

	b := browse(t, w)
	b.signIn("amira")
	page := "/runs/" + string(run.ID)
	b.see(t, looks, page, "run-unknown")
	b.take(looks[0])
	b.open(page)
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	b.mark()
	reach := func(what, selector string) {
		t.Helper()
		for range 60 {
			b.do(chromedp.KeyEvent("\t"))
			if eval[bool](b, `document.activeElement.matches(`+"`"+selector+"`"+`)`) {
				return
			}
		}
		t.Fatalf("the tab key does not reach %s", what)
	}
	if eval[bool](b, `document.querySelector("#settle-yes form").checkVisibility()`) {
		t.Error("the answer is one key away: it has to be opened first")
	}
	reach("the answer", "#settle-yes > summary")
	b.do(chromedp.KeyEvent("\r"))
	reach("the note", "#settle-yes input[name=note]")
	b.do(chromedp.KeyEvent("seen in the console"))
	b.shoot("run-unknown-open")
	reach("the button", "#settle-yes button[value=yes]")
	b.do(chromedp.KeyEvent("\r"))
	b.wait("no more question", `document.querySelector("#settle-yes") === null`)
	b.wait("the end of the run", `document.querySelector("#run-head").textContent.includes("succeeded")`)
	b.wait("who said it", `document.querySelector("#run-settle").textContent.includes("seen in the console")`)
	b.same()
	b.quiet("settle")
	w.until("the run ends", at(remediate.Succeeded))
	r, _, _, err := w.remediate.Get(w.ctx, run.ID)
	w.must(err)
	if r.Reason != "amira knows" || len(r.Settled) != 1 || r.Settled[0].Note != "seen in the console" || !r.Settled[0].Happened {
		t.Errorf("run %+v", r)
	}

	over, err := w.remediate.Start(w.ctx, "INC-9", "lost", false, "amira", w.clock.now())
	w.must(err)
	run = over
	w.until("the next run stops", at(remediate.Unknown))
	_, err = w.respond.Resolve(w.ctx, "INC-9", "tomas", "it is over", w.clock.now())
	w.must(err)
	b.open("/runs/" + string(over.ID))
	if eval[bool](b, `document.querySelector("#settle-yes") !== null`) || !eval[bool](b, `document.querySelector("#run-settle").textContent.includes("INC-9 is over")`) {
		t.Error("the page asks about a step of an incident that is over")
	}
}
