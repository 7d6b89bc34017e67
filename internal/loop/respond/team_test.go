package respond_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// A team shows who is on call for it now and next, whom a test reached, what fires, and what is open.
func TestTeamShowsWhatAsksForIt(t *testing.T) {
	const text = `
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: turns}
spec: {start: 2026-11-02, turn: 7d, members: [mira, ines]}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: pay}
spec: {loops: 1, steps: [{targets: [{schedule: turns}]}], hold: {SEV1: 0s, SEV2: 0s, SEV3: 0s}}
---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: payments}
spec: {members: [mira, ines], escalationPolicy: pay, manager: greta}
---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: search}
spec: {members: [wei]}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: charge}
spec: {team: payments, tier: critical}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: bank}
spec: {team: payments}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: index}
spec: {team: search}
`
	db := storetest.Open(t, storetest.SQLite(t))
	g := newStageOn(t, db, "2026-11-03 12:00", regions(text))
	d := detect.New(detect.Config{Store: db.Detect(), Catalog: func() *catalog.Catalog { return g.cat }, Related: func(string) []string { return nil }, At: func(a string) string { return a }, Log: slog.New(slog.DiscardHandler)})
	rs, err := d.Receive(t.Context(), []detect.Incoming{
		{Source: "webhook", Integration: "w", Key: "1", Title: "charges fail", Labels: map[string]string{"service": "charge", "severity": "critical"}},
		{Source: "webhook", Integration: "w", Key: "2", Title: "disk fills", Labels: map[string]string{"service": "charge", "severity": "SEV4"}},
	}, g.Now())
	g.ok(err)
	if len(rs) != 2 {
		t.Fatalf("got %d receipts", len(rs))
	}
	_, err = g.page.Check(t.Context(), "greta", "mira")
	g.ok(err)

	got, err := g.s.Team(t.Context(), d, g.page, "payments", g.Now())
	if err != nil {
		t.Fatal(err)
	}
	var people, schedules []string
	for _, m := range got.Members {
		people = append(people, m.Person+" "+strings.Join(m.OnCall, "+"))
	}
	for _, u := range got.Schedules {
		schedules = append(schedules, u.Schedule+": "+strings.Join(u.Now.People(), ",")+" then "+strings.Join(u.Next.People(), ","))
	}
	f := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	f("members", people, []string{"ines emea-ic", "mira oncall+turns"})
	f("schedules", schedules, []string{"turns: mira then ines"})
	f("policies", got.Policies, []string{"pay"})
	if len(got.Services) != 2 || got.Services[0].Service != "charge" || got.Services[0].Firing != 2 || !got.Services[0].Severity.Worse(detect.SEV4) || got.Services[1].Firing != 0 || got.Firing() != 1 {
		t.Errorf("services: %+v", got.Services)
	}
	if got.Members[0].Reachable() || !got.Members[1].Reachable() {
		t.Errorf("a test reached mira and not ines: %+v", got.Members)
	}
	if len(got.Incidents) != 1 {
		t.Errorf("got incidents %+v, want one", got.Incidents)
	}
	all, err := g.s.Teams(t.Context(), d, g.page, g.Now())
	if err != nil || len(all) != 2 || all[1].Name != "search" || len(all[1].Incidents) != 0 || all[1].Firing() != 0 {
		t.Errorf("got %+v, %v", all, err)
	}
	if _, err := g.s.Team(t.Context(), d, g.page, "payment", g.Now()); !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v, want not found", err)
	}
}
