package learn

import (
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// t0 is the first sign of trouble in all tests.
var t0 = time.Date(2026, 11, 27, 2, 14, 10, 0, time.UTC)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// shop is a catalog with a payment path that depends on user-preferences-api.
func shop() *catalog.Catalog {
	c := &catalog.Catalog{
		Hash:     "c0ffee",
		Services: map[string]*catalog.Service{}, SLOs: map[string]*catalog.SLO{},
		Teams:    map[string]*catalog.Team{"identity": {Meta: catalog.Meta{Name: "identity"}}, "payments": {Meta: catalog.Meta{Name: "payments"}}},
		People:   map[string]*catalog.Person{"mira": {Meta: catalog.Meta{Name: "mira", DisplayName: "Mira Holm"}}},
		Runbooks: map[string]*catalog.Runbook{"retry-storm": {Meta: catalog.Meta{Name: "retry-storm"}, Risk: catalog.Low, Triggers: []catalog.Trigger{{Cause: diagnose.RetryStorm}}}},
	}
	add := func(name, team string, tier catalog.Tier) {
		c.Services[name] = &catalog.Service{Meta: catalog.Meta{Name: name}, Team: team, Tier: tier, Control: "http://127.0.0.1:9/" + name}
		slo := name + "-availability"
		c.SLOs[slo] = &catalog.SLO{Meta: catalog.Meta{Name: slo}, Service: name, Target: 0.999, Window: 28 * 24 * time.Hour}
	}
	add("user-preferences-api", "identity", catalog.Standard)
	add("checkout", "payments", catalog.Critical)
	add("payment", "payments", catalog.Critical)
	add("search", "payments", catalog.Standard)
	return c
}

// storm is a retry storm that a runbook ended.
func storm() respond.Incident {
	return respond.Incident{
		ID: "INC-7", Group: "grp_7", Title: "user-preferences-api: retry storm", Severity: detect.SEV1, Status: respond.Resolved,
		Service: "checkout", Commander: "mira", OnsetAt: at(0), OpenedAt: at(38), NamedAt: at(58), ResolvedAt: at(251),
		Alerts: []detect.AlertID{"al_1", "al_2", "al_3"}, Burning: []string{"checkout", "payment", "user-preferences-api"},
		Affected: []string{"cart", "checkout", "payment", "user-preferences-api"},
		Impact:   respond.Impact{LostRequests: 1204, Revenue: 14448.4, Currency: "EUR"},
		Cause: &diagnose.Suspect{Service: "user-preferences-api", Kind: diagnose.RetryStorm, Score: 0.93, Evidence: []diagnose.Evidence{
			{Text: "71 % of requests spend over 180ms in user-preferences-api itself; 90ms was its 95th percentile before, now the 90th is 512ms", Link: "/services/user-preferences-api/profile?from=1&to=2"},
			{Text: "48 % of the calls to it from 5 services are repeats of failed ones (0 % before); it gets 3.1 times its usual calls", Link: "/map?focus=user-preferences-api"},
		}},
		Diagnosis: diagnose.Diagnosis{Suspects: []diagnose.Suspect{
			{Service: "user-preferences-api", Kind: diagnose.RetryStorm, Score: 0.93}, {Service: "payment", Kind: diagnose.PoolExhaustion, Score: 0.5},
		}},
		Confidence: diagnose.High, Reason: "no alert fires any more",
	}
}

func fact(kind string, second int, actor, service, text string) event.Event {
	return event.Event{Kind: kind, At: at(second), Actor: actor, Group: "grp_7", Service: service, Text: text}
}

// stormCase is the storm with what was recorded about it.
func stormCase() Case {
	sys := event.System
	book := "runbook:retry-storm"
	return Case{
		Incident: storm(), Catalog: shop(),
		Runs: []remediate.Run{{ID: "run_1", Runbook: "retry-storm", State: remediate.Succeeded}},
		Events: []event.Event{
			fact(detect.KindFired, 38, sys, "checkout", "checkout burns its budget: budget burns 80.2 times too fast"),
			fact(page.KindHeld, 38, sys, "checkout", "held for at most 2m0s: a low-risk runbook may fix it first"),
			fact(respond.KindOpened, 38, sys, "checkout", "SEV1 INC-7 opened: checkout burns its error budget; commander by rota is mira"),
			fact(respond.KindImpact, 42, sys, "checkout", "2 services affected, 101 customer requests lost, about 1212 EUR"),
			fact(detect.KindFired, 43, sys, "payment", "payment burns its budget"),
			fact(respond.KindJoined, 43, sys, "checkout", "payment burns too and belongs here"),
			fact(detect.KindFired, 48, sys, "user-preferences-api", "user-preferences-api burns its budget"),
			fact(respond.KindNamed, 58, sys, "checkout", "suspected cause: user-preferences-api became slow and its callers' retries bury it: a retry storm. (two diagnoses in a row agree)"),
			fact(respond.KindImpact, 58, sys, "checkout", "4 services affected, 377 customer requests lost, about 4524 EUR"),
			fact(remediate.KindChosen, 58, sys, "user-preferences-api", "runbook retry-storm is of low risk and for retry_storm"),
			fact(remediate.KindStarted, 58, sys, "", "run of retry-storm started"),
			fact(remediate.KindNoted, 59, book, "", "looking at <b>callers</b>"),
			fact(remediate.KindActed, 60, book, "", "http.post http://127.0.0.1:9/user-preferences-api/limit {\"rps\":50}: done"),
			fact(respond.KindStatus, 60, sys, "checkout", "mitigating: runbook retry-storm is at work"),
			fact(respond.KindNoted, 120, "mira", "checkout", "watching from the train | payments look fine"),
			fact(detect.KindResolved, 240, sys, "checkout", "checkout is back within its objective"),
			fact(detect.KindResolved, 243, sys, "payment", "payment is back within its objective"),
			fact(detect.KindResolved, 250, sys, "user-preferences-api", "user-preferences-api is back within its objective"),
			fact(detect.KindGroupCalm, 250, sys, "", "no alert of the group fires any more"),
			fact(page.KindResolved, 250, sys, "checkout", "page resolved: no alert fires any more; nobody was told"),
			fact(respond.KindResolved, 251, sys, "checkout", "INC-7 resolved after 3m33s: no alert fires any more"),
			fact(KindDrafted, 251, sys, "checkout", "postmortem drafted"),
		},
		History: []respond.Incident{
			{ID: "INC-6", Title: "search: slow", Severity: detect.SEV3, OpenedAt: at(-100000), Service: "search", Cause: &diagnose.Suspect{Service: "search", Kind: diagnose.Slow}},
			{ID: "INC-3", Title: "user-preferences-api: retry storm", Severity: detect.SEV2, OpenedAt: at(-900000), Service: "checkout", Cause: &diagnose.Suspect{Service: "user-preferences-api", Kind: diagnose.RetryStorm}},
		},
	}
}
