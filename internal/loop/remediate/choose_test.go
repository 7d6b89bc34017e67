package remediate

import (
	"strings"
	"testing"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/respond/diagnose"
)

func TestChooseRunsOnlyWhatMayRunByItself(t *testing.T) {
	book := func(name string, risk catalog.Risk, ts ...catalog.Trigger) *catalog.Runbook {
		return &catalog.Runbook{Meta: catalog.Meta{Name: name}, Risk: risk, Triggers: ts, Blocks: []catalog.Block{{Text: "resolve('x')"}}}
	}
	c := &catalog.Catalog{Runbooks: map[string]*catalog.Runbook{
		"storm":      book("storm", catalog.Low, catalog.Trigger{Cause: diagnose.RetryStorm}),
		"storm-cart": book("storm-cart", catalog.Low, catalog.Trigger{Cause: diagnose.RetryStorm, Service: "cart"}),
		"rollback":   book("rollback", catalog.High, catalog.Trigger{Cause: diagnose.BadDeploy}),
		"pool":       book("pool", catalog.Medium, catalog.Trigger{Cause: diagnose.PoolExhaustion}),
		"corrupt":    book("corrupt", catalog.Low, catalog.Trigger{Cause: diagnose.DataCorruption}),
		"anything":   book("anything", catalog.Low, catalog.Trigger{Service: "ledger"}),
		"prose":      {Meta: catalog.Meta{Name: "prose"}, Risk: catalog.Low, Triggers: []catalog.Trigger{{Cause: diagnose.Crash}}},
	}}
	f := func(kind, service string, conf diagnose.Confidence, runbook string, release bool, reason string) {
		t.Helper()
		p := choose(c, diagnose.Suspect{Kind: kind, Service: service}, conf)
		got := ""
		if p.runbook != nil {
			got = p.runbook.Name
		}
		if got != runbook || p.release != release || !strings.Contains(p.reason, reason) {
			t.Errorf("%s of %s: runbook %q, release %v, %q; want %q, %v, %q", kind, service, got, p.release, p.reason, runbook, release, reason)
		}
	}
	f(diagnose.RetryStorm, "prefs", diagnose.High, "storm", false, "of low risk")
	f(diagnose.RetryStorm, "cart", diagnose.Medium, "storm-cart", false, "of low risk")
	f(diagnose.RetryStorm, "prefs", diagnose.Low, "", true, "hardly more than a guess")
	f(diagnose.BadDeploy, "cart", diagnose.High, "rollback", true, "a person decides")
	f(diagnose.PoolExhaustion, "cart", diagnose.High, "pool", true, "of medium risk")
	f(diagnose.Hang, "cart", diagnose.High, "", true, "no runbook is for hang of cart")
	f(diagnose.Crash, "cart", diagnose.High, "", true, "no runbook") // one that can only be read
	// What is suspicious is never touched, whatever a runbook claims to be for.
	f(diagnose.DataCorruption, "cart", diagnose.High, "", true, "automation must not touch it")
	f(diagnose.DataCorruption, "ledger", diagnose.High, "", true, "automation must not touch it")
	f(diagnose.Unknown, "ledger", diagnose.High, "", true, "always goes to a person")
}

func TestEveryBuiltinThatIsNotReadCountsAsAChange(t *testing.T) {
	want := map[string]bool{"http.put": true, "http.post": true, "http.delete": true, "http.once": true}
	for _, b := range Builtins() {
		if changes(b.Name) != want[b.Name] {
			t.Errorf("%s changes something: %v", b.Name, changes(b.Name))
		}
	}
	if changes("no.such") {
		t.Error("what does not exist changes nothing")
	}
}
