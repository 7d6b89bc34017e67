package page_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// order carries out an order of a later phase.
func (w *world) order(j job.Job) {
	w.t.Helper()
	if err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error { return tx.Enqueue(w.t.Context(), j) }); err != nil {
		w.t.Fatal(err)
	}
	w.Settle()
}

// mailed returns who got a message, in order, and forgets it.
func (w *world) mailed() string {
	var out []string
	for _, m := range w.mail.sent {
		out = append(out, m.Person)
	}
	w.mail.sent = nil
	return strings.Join(out, " ")
}

func TestCallIsAPageThatIsNeverHeld(t *testing.T) {
	w := newWorld(t)
	w.cat.Policies["region/emea"] = &catalog.EscalationPolicy{Meta: catalog.Meta{Name: "region/emea"}, Loops: 3, Steps: []catalog.Step{
		{After: mins(15), Targets: []catalog.Target{{Person: "ines"}}}, {After: mins(10), Targets: []catalog.Target{{Person: "tomas"}}}}}
	c := page.Call{Group: "command/INC-7", For: "INC-7", Service: "checkout", Severity: detect.SEV2, Policy: "region/emea", Title: "Take command of INC-7", Reason: "it hits emea"}
	w.order(page.CallJob(c, w.Now()))
	if got := w.mailed(); got != "ines" {
		t.Errorf("told %q at once, want ines", got)
	}
	w.order(page.CallJob(c, w.Now())) // the order came twice
	p, err := w.s.Of(t.Context(), "command/INC-7")
	if err != nil || p.State != page.Open || p.For != "INC-7" || w.mailed() != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	w.For(10*time.Minute - time.Second)
	if got := w.mailed(); strings.Contains(got, "tomas") {
		t.Errorf("told %q before their time", got)
	}
	w.For(time.Second)
	if got := w.mailed(); got != "tomas" {
		t.Errorf("told %q after 10 minutes, want tomas", got)
	}
	if _, err := w.s.Ack(t.Context(), p.ID, "tomas", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(time.Hour)
	if got := w.mailed(); strings.Contains(got, "ines") {
		t.Errorf("told %q after it was acknowledged", got)
	}
	// A call by another policy takes its place, and ends with its order.
	c.Policy, c.Reason = "default", "it hits two regions"
	w.order(page.CallJob(c, w.Now()))
	next, err := w.s.Of(t.Context(), "command/INC-7")
	if err != nil || next.ID == p.ID || !slices.Equal(next.Told, []string{"mira"}) {
		t.Fatalf("%+v, %v", next, err)
	}
	c.Group = "command/INC-8"
	err = w.DB.Update(t.Context(), func(tx *store.Tx) error {
		for _, g := range []detect.GroupID{"command/INC-7", "command/INC-8", "command/INC-9"} {
			if err := tx.Enqueue(t.Context(), page.CallJob(page.Call{Group: "command/INC-8", Policy: "default"}, w.Now())); err != nil {
				return err
			}
			if err := page.EndCall(t.Context(), tx, g, "the incident is resolved", w.Now()); err != nil {
				return err
			}
		}
		return page.EndCall(t.Context(), tx, "command/INC-8", "the incident is resolved", w.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	live, err := w.s.Live(t.Context())
	if err != nil || slices.ContainsFunc(live, func(p page.Page) bool { return p.For != "" || p.Group == "command/INC-8" }) {
		t.Errorf("calls are over: %+v, %v", live, err)
	}
}

func TestCallTellsThoseFirstWhoAreAskedForByName(t *testing.T) {
	w := newWorld(t)
	w.order(page.CallJob(page.Call{Group: "handoff/HO-1", For: "INC-7", Severity: detect.SEV1, Policy: "default", First: []string{"ines"}, Title: "Take over INC-7"}, w.Now()))
	if got := w.mailed(); got != "ines" {
		t.Errorf("told %q, want ines", got)
	}
	w.For(10 * time.Minute)
	if got := w.mailed(); got != "mira" {
		t.Errorf("told %q, want the first step of the policy", got)
	}
}

func TestTellIsANotice(t *testing.T) {
	w := newWorld(t)
	w.order(page.TellJob(page.Tell{Key: "HO-1/soon/mira", About: "INC-7", Person: "mira", Kind: "handoff", Title: "You take over INC-7 soon", Text: "At 18:00.", Link: "/incidents/INC-7"}, w.Now()))
	w.order(page.TellJob(page.Tell{Key: "HO-1/soon/nobody", Person: "nobody"}, w.Now()))
	if len(w.mail.sent) != 1 {
		t.Fatalf("%+v", w.mail.sent)
	}
	if m := w.mail.sent[0]; !m.Notice || m.Answerable() || m.PageURL != "https://nk.example.org/incidents/INC-7" || m.Service != "INC-7" {
		t.Errorf("%+v", m)
	}
}

func TestCalledIsWhoAPolicyCallsFirst(t *testing.T) {
	c := &catalog.Catalog{People: mailTo("mira", "ines"),
		Schedules: map[string]*catalog.Schedule{
			"empty": {Meta: catalog.Meta{Name: "empty"}, TimeZone: "UTC", Layers: []catalog.Layer{{Name: "a", Start: "2030-01-01", From: "2030-01-01", Turn: catalog.Every(time.Hour), Members: catalog.Crews("mira")}}},
			"full":  {Meta: catalog.Meta{Name: "full"}, TimeZone: "UTC", Start: "2026-01-05", Turn: catalog.Every(time.Hour), Members: catalog.Crews("ines")}},
		Roles: map[string]*catalog.Role{"db": {Schedule: "full"}}}
	f := func(want string, targets ...catalog.Target) {
		t.Helper()
		p := &catalog.EscalationPolicy{}
		for _, x := range targets {
			p.Steps = append(p.Steps, catalog.Step{Targets: []catalog.Target{x}})
		}
		c.Policies = map[string]*catalog.EscalationPolicy{"p": p}
		if got := strings.Join(page.Called(c, "p", nil, t0), " "); got != want {
			t.Errorf("%+v: %q, want %q", targets, got, want)
		}
	}
	f("mira", catalog.Target{Person: "mira"}, catalog.Target{Person: "ines"})
	f("ines", catalog.Target{Schedule: "empty"}, catalog.Target{Schedule: "full"})
	f("ines", catalog.Target{Role: "db"})
	f("", catalog.Target{Role: "none"})
	if got := page.Called(c, "none", nil, t0); got != nil {
		t.Errorf("%v", got)
	}
}
