package learn_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

var t0 = time.Date(2026, 11, 27, 2, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// world is a learn service on a real store.
type world struct {
	t  testing.TB
	db *store.DB
	s  *learn.Service
}

func newWorld(t testing.TB) world {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "nk.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c := &catalog.Catalog{
		Services: map[string]*catalog.Service{
			"prefs":    {Meta: catalog.Meta{Name: "prefs"}, Team: "identity", Tier: catalog.Standard},
			"checkout": {Meta: catalog.Meta{Name: "checkout"}, Team: "payments", Tier: catalog.Critical},
		},
		SLOs:   map[string]*catalog.SLO{"checkout-availability": {Meta: catalog.Meta{Name: "checkout-availability"}, Service: "checkout", Target: 0.999}},
		Teams:  map[string]*catalog.Team{"identity": {}, "payments": {}},
		People: map[string]*catalog.Person{"mira": {}},
	}
	return world{t, db, learn.New(learn.Config{Store: db.Learn(), Catalog: func() *catalog.Catalog { return c }, Log: slog.New(slog.DiscardHandler)})}
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func incident(id string, sev detect.Severity, kind string, opened, resolved time.Time) respond.Incident {
	i := respond.Incident{
		ID: respond.ID(id), Group: detect.GroupID("grp-" + id), Title: "prefs: " + kind, Severity: sev, Status: respond.Investigating, Service: "checkout",
		OnsetAt: opened.Add(-20 * time.Second), OpenedAt: opened, Burning: []string{"checkout", "prefs"}, Affected: []string{"checkout", "prefs"},
		Cause: &diagnose.Suspect{Service: "prefs", Kind: kind}, Confidence: diagnose.High, NamedAt: opened.Add(10 * time.Second), Reason: "calm",
	}
	if !resolved.IsZero() {
		i.Status, i.ResolvedAt = respond.Resolved, resolved
	}
	return i
}

// fact stores an incident and lets learn follow a fact about it.
func (w world) fact(kind string, i respond.Incident, now time.Time) {
	w.t.Helper()
	w.must(w.db.Update(w.t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(w.t.Context(), i) }))
	e := event.New(kind, now, event.System, string(i.ID), kind, respond.Changed{Incident: i})
	e.Group = string(i.Group)
	w.follow(e, now)
}

func (w world) follow(e event.Event, now time.Time) {
	w.t.Helper()
	w.must(w.db.Learn().Update(w.t.Context(), func(tx learn.Tx) error {
		if err := tx.Append(w.t.Context(), e); err != nil {
			return err
		}
		return w.s.Follows()[e.Kind](w.t.Context(), tx, e, now)
	}))
}

func (w world) kinds(group string) []string {
	w.t.Helper()
	es, err := w.db.Events(w.t.Context(), event.Query{Group: group})
	w.must(err)
	var out []string
	for _, e := range es {
		if strings.HasPrefix(e.Kind, "learn.") && e.Kind != learn.KindAdded {
			out = append(out, e.Kind)
		}
	}
	return out
}

// elapse fires the timers of learn that are due, as a worker would.
func (w world) elapse(now time.Time) int {
	w.t.Helper()
	timers := w.s.Timers()
	for n := 0; ; n++ {
		err := w.db.Update(w.t.Context(), func(tx *store.Tx) error {
			j, err := tx.Take(w.t.Context(), slices.Collect(mapKeys(timers)), now)
			if err != nil {
				return err
			}
			return timers[j.Kind](w.t.Context(), tx, j, now)
		})
		if errs.Is(err, errs.NotFound) {
			return n
		}
		w.must(err)
	}
}

func mapKeys[T any](m job.Timers[T]) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (w world) item(rule string) learn.ActionItem {
	w.t.Helper()
	as, err := w.s.Items(w.t.Context(), false)
	w.must(err)
	for _, a := range as {
		if a.Rule == rule {
			return a
		}
	}
	w.t.Fatalf("there is no item of rule %s in %+v", rule, as)
	return learn.ActionItem{}
}

func TestResolvedIncidentGetsItsPostmortemOnce(t *testing.T) {
	w := newWorld(t)
	end := t0.Add(5 * time.Minute)
	i := incident("INC-1", detect.SEV1, diagnose.RetryStorm, t0, end)
	w.fact(respond.KindResolved, i, end)
	w.fact(respond.KindResolved, i, end.Add(time.Second))
	p, err := w.s.Of(t.Context(), "INC-1")
	w.must(err)
	if p.ID != "pm-INC-1" || p.State != learn.Draft || !p.Required || !p.DueAt.Equal(end.Add(48*time.Hour)) || !strings.Contains(p.Markdown, "## Cause") {
		t.Errorf("got %+v", p)
	}
	if len(p.Items) != 4 {
		t.Errorf("%d items, want 4 of a retry storm without a runbook: %+v", len(p.Items), p.Items)
	}
	if got := w.kinds("grp-INC-1"); !slices.Equal(got, []string{learn.KindDrafted}) {
		t.Errorf("facts %v, want one draft: the fact was handled twice", got)
	}
	list, err := w.s.List(t.Context(), 10)
	w.must(err)
	if len(list) != 1 || len(list[0].Items) != 4 {
		t.Errorf("list: %+v", list)
	}
}

func TestMinorIncidents(t *testing.T) {
	w := newWorld(t)
	w.fact(respond.KindResolved, incident("INC-3", detect.SEV3, diagnose.Slow, t0, t0.Add(time.Minute)), t0)
	w.fact(respond.KindResolved, incident("INC-4", detect.SEV4, diagnose.Slow, t0, t0.Add(time.Minute)), t0)
	if p, err := w.s.Of(t.Context(), "INC-3"); err != nil || p.Required {
		t.Errorf("SEV3 is drafted and not required; got %+v, %v", p, err)
	}
	if _, err := w.s.Of(t.Context(), "INC-4"); !errs.Is(err, errs.NotFound) {
		t.Errorf("SEV4 has no postmortem; got %v", err)
	}
}

func TestMutedIncidentGetsAPostmortemOnlyWhenSomebodyAsks(t *testing.T) {
	w := newWorld(t)
	i := incident("INC-5", detect.SEV1, diagnose.RetryStorm, t0, t0.Add(time.Minute))
	i.Muted, i.Reason = true, "all of its alerts are muted: silence s1 of mira"
	w.fact(respond.KindResolved, i, t0.Add(time.Minute))
	if _, err := w.s.Of(t.Context(), "INC-5"); !errs.Is(err, errs.NotFound) {
		t.Fatalf("a postmortem of what was silenced: %v", err)
	}
	if items, err := w.s.Items(t.Context(), false); err != nil || len(items) != 0 {
		t.Errorf("%+v, %v", items, err)
	}
	for range 2 {
		if p, err := w.s.Ask(t.Context(), "INC-5", "tomas", t0.Add(time.Hour)); err != nil || p.State != learn.Draft || !strings.Contains(p.Markdown, "muted") {
			t.Errorf("%+v, %v", p, err)
		}
	}
	if got := w.kinds("grp-INC-5"); !slices.Equal(got, []string{learn.KindDrafted, learn.KindAsked}) {
		t.Errorf("facts %v", got)
	}
	open := incident("INC-6", detect.SEV1, diagnose.RetryStorm, t0, time.Time{})
	open.Status = respond.Investigating
	w.must(w.db.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(t.Context(), open) }))
	if _, err := w.s.Ask(t.Context(), "INC-6", "tomas", t0); !errs.Is(err, errs.Conflict) {
		t.Errorf("%v", err)
	}
	if _, err := w.s.Ask(t.Context(), "INC-7", "tomas", t0); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestRunThatFinishesAfterTheEndIsInTheDraft(t *testing.T) {
	w := newWorld(t)
	end := t0.Add(5 * time.Minute)
	i := incident("INC-1", detect.SEV2, diagnose.RetryStorm, t0, end)
	w.fact(respond.KindResolved, i, end)
	r := remediate.Run{ID: "run_1", Incident: i.ID, Group: i.Group, Runbook: "calm-down", State: remediate.Succeeded, StartedAt: t0}
	w.must(w.db.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveRun(t.Context(), r) }))
	e := event.New(remediate.KindFinished, end, "runbook:calm-down", "run_1", "run of calm-down succeeded", remediate.Changed{Run: r})
	e.Group = string(i.Group)
	w.follow(e, end.Add(2*time.Second))
	p, err := w.s.Of(t.Context(), "INC-1")
	w.must(err)
	if !strings.Contains(p.Markdown, "Runbook `calm-down` resolved it without waking anybody") {
		t.Errorf("the draft does not know of the run:\n%s", p.Markdown)
	}
	if got := w.kinds("grp-INC-1"); len(got) != 1 {
		t.Errorf("facts %v, want no second draft", got)
	}
}

func TestReopenedIncident(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	end := t0.Add(5 * time.Minute)
	i := incident("INC-1", detect.SEV1, diagnose.Slow, t0, end)
	w.fact(respond.KindResolved, i, end)
	open := i
	open.Status, open.ResolvedAt, open.Reopened = respond.Investigating, time.Time{}, 1
	w.fact(respond.KindReopened, open, end.Add(time.Minute))
	if _, err := w.s.Publish(ctx, "pm-INC-1", "mira", end.Add(90*time.Second)); !errs.Is(err, errs.Conflict) {
		t.Errorf("the postmortem of an open incident was published: %v", err)
	}
	again := incident("INC-1", detect.SEV1, diagnose.Crash, t0, end.Add(time.Hour))
	w.fact(respond.KindResolved, again, end.Add(time.Hour))
	p, err := w.s.Of(ctx, "INC-1")
	w.must(err)
	if !strings.Contains(p.Markdown, "a crash at `prefs`") || !p.DueAt.Equal(end.Add(49*time.Hour)) {
		t.Errorf("not drafted again: %s", p.Markdown)
	}
	if a := w.item("slow/deadline"); a.State != learn.Dropped || a.Reason == "" {
		t.Errorf("the item of the old cause is %s, want dropped with a reason", a.State)
	}
	if a := w.item("crash/fallback"); a.State != learn.Open {
		t.Errorf("the item of the later cause is %s", a.State)
	}
	_, err = w.s.Publish(ctx, "pm-INC-1", "mira", end.Add(2*time.Hour))
	w.must(err)
	w.fact(respond.KindReopened, open, end.Add(3*time.Hour))
	w.fact(respond.KindReopened, open, end.Add(3*time.Hour))
	w.fact(respond.KindResolved, incident("INC-1", detect.SEV1, diagnose.Hang, t0, end.Add(4*time.Hour)), end.Add(4*time.Hour))
	q, err := w.s.Of(ctx, "INC-1")
	w.must(err)
	if q.Markdown != p.Markdown || q.State != learn.Published || !q.Newer() || q.OutdatedAt.IsZero() {
		t.Errorf("a published postmortem changed, or does not say that it is outdated: %+v", q)
	}
	want := []string{learn.KindDrafted, learn.KindDrafted, learn.KindDropped, learn.KindDropped, learn.KindDropped, learn.KindPublished, learn.KindOutdated}
	if got := w.kinds("grp-INC-1"); !slices.Equal(got, want) {
		t.Errorf("facts %v, want %v", got, want)
	}
}

func TestEditedTextIsChecked(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.fact(respond.KindResolved, incident("INC-1", detect.SEV1, diagnose.Slow, t0, t0.Add(time.Minute)), t0.Add(time.Minute))
	p, err := w.s.Edit(ctx, "pm-INC-1", "jon", "# Mine\n\nmira should have looked.", t0.Add(time.Hour))
	w.must(err)
	if len(p.Findings) != 1 || p.Findings[0].Line != 3 {
		t.Errorf("findings %+v, want one on line 3", p.Findings)
	}
	w.fact(respond.KindNoted, incident("INC-1", detect.SEV1, diagnose.Slow, t0, t0.Add(time.Minute)), t0.Add(2*time.Hour))
	if p, err = w.s.Get(ctx, "pm-INC-1"); err != nil || !strings.HasPrefix(p.Markdown, "# Mine") {
		t.Errorf("the edited text is gone: %q, %v", p.Markdown, err)
	}
	if _, err := w.s.Edit(ctx, "pm-INC-1", "jon", "  ", t0); !errs.Is(err, errs.Invalid) {
		t.Errorf("an empty text was taken: %v", err)
	}
	if _, err := w.s.Edit(ctx, "pm-INC-9", "jon", "x", t0); !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v, want not_found", err)
	}
	_, err = w.s.Publish(ctx, "pm-INC-1", "jon", t0.Add(3*time.Hour))
	w.must(err)
	if _, err := w.s.Publish(ctx, "pm-INC-1", "jon", t0.Add(3*time.Hour)); !errs.Is(err, errs.Conflict) {
		t.Errorf("published twice: %v", err)
	}
}

func TestOverdueIsChased(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	end := t0.Add(time.Minute)
	w.fact(respond.KindResolved, incident("INC-1", detect.SEV1, diagnose.Slow, t0, end), end)
	if n := w.elapse(end.Add(47 * time.Hour)); n != 0 {
		t.Errorf("%d timers fired early", n)
	}
	w.elapse(end.Add(49 * time.Hour))
	if got := w.kinds("grp-INC-1"); !slices.Equal(got, []string{learn.KindDrafted, learn.KindOverdue}) {
		t.Errorf("facts %v, want the required postmortem overdue", got)
	}
	w.elapse(end.Add(7*day + time.Hour))
	w.elapse(end.Add(14*day + 2*time.Hour))
	if a := w.item("slow/deadline"); a.Chased != 2 {
		t.Errorf("chased %d times, want 2: at the due time and a week later", a.Chased)
	}
	a, err := w.s.DropItem(ctx, w.item("slow/deadline").ID, "mira", "service is retired", end.Add(15*day))
	w.must(err)
	before := len(w.kinds("grp-INC-1"))
	w.elapse(end.Add(28 * day))
	if got := w.kinds("grp-INC-1"); len(got) != before {
		t.Errorf("a dropped item is chased: %v", got[before:])
	}
	if _, err := w.s.DropItem(ctx, a.ID, "mira", "again", end); !errs.Is(err, errs.Conflict) {
		t.Errorf("dropped twice: %v", err)
	}
	if _, err := w.s.DropItem(ctx, w.item("slow/capacity").ID, "mira", " ", end); !errs.Is(err, errs.Invalid) {
		t.Errorf("dropped without a reason: %v", err)
	}
}

func TestItemWaitsForItsExperiment(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	end := t0.Add(time.Minute)
	w.fact(respond.KindResolved, incident("INC-1", detect.SEV1, diagnose.RetryStorm, t0, end), end)
	a := w.item("retry_storm/retry-budget")
	if a.Experiment != "recreate-inc-1" {
		t.Fatalf("the item waits for %q", a.Experiment)
	}
	proven := func(run string, at time.Time) {
		t.Helper()
		w.must(w.db.Learn().Update(ctx, func(tx learn.Tx) error { return w.s.Proven(ctx, tx, a.Experiment, run, at, at.Add(time.Minute)) }))
	}
	proven("exp_before", end.Add(-time.Second))
	if _, err := w.s.CompleteItem(ctx, a.ID, "mira", "", end.Add(day)); !errs.Is(err, errs.Conflict) {
		t.Errorf("done by a proof from before the end: %v", err)
	}
	proven("exp_after", end.Add(day))
	done, err := w.s.CompleteItem(ctx, a.ID, "mira", "budgets shipped", end.Add(2*day))
	w.must(err)
	if done.State != learn.Done || done.Proof != "exp_after" || done.DoneBy != "mira" {
		t.Errorf("got %+v", done)
	}
	if _, err := w.s.CompleteItem(ctx, w.item("retry_storm/breaker").ID, "mira", "", end.Add(2*day)); err != nil {
		t.Errorf("an item without an experiment needs no proof: %v", err)
	}
}

func TestAddItem(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.fact(respond.KindResolved, incident("INC-1", detect.SEV1, diagnose.Slow, t0, t0.Add(time.Minute)), t0.Add(time.Minute))
	a, err := w.s.AddItem(ctx, "pm-INC-1", learn.NewItem{Text: " Write it down ", Priority: learn.P2}, "jon", t0)
	w.must(err)
	if a.Owner != "identity" || !a.DueAt.Equal(t0.Add(90*day)) || a.Text != "Write it down" || a.CreatedBy != "jon" || !strings.HasPrefix(string(a.ID), "ACT-") {
		t.Errorf("got %+v", a)
	}
	for _, bad := range []learn.NewItem{{Priority: learn.P0}, {Text: "x", Priority: "P9"}, {Text: "x", Priority: learn.P0, Owner: "nobody"}, {Text: "x", Priority: learn.P0, DueAt: t0.Add(-day)}} {
		if _, err := w.s.AddItem(ctx, "pm-INC-1", bad, "jon", t0); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: got %v, want invalid", bad, err)
		}
	}
	if _, err := w.s.AddItem(ctx, "pm-INC-9", learn.NewItem{Text: "x", Priority: learn.P0}, "jon", t0); !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v, want not_found", err)
	}
}

func TestThirdOfItsKindInAWeekIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	for k, opened := range []time.Time{t0.Add(-10 * day), t0, t0.Add(day), t0.Add(2 * day)} {
		id := "INC-" + string(rune('1'+k))
		i := incident(id, detect.SEV4, diagnose.Slow, opened, opened.Add(time.Minute))
		w.fact(respond.KindResolved, i, opened.Add(time.Minute))
		w.fact(respond.KindResolved, i, opened.Add(time.Minute))
		want := []string(nil)
		if k == 3 {
			want = []string{learn.KindRepeated}
		}
		if got := w.kinds("grp-" + id); !slices.Equal(got, want) {
			t.Errorf("%s: facts %v, want %v", id, got, want)
		}
	}
}

func TestMeasuresOfAWindow(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	one := incident("INC-1", detect.SEV1, diagnose.Slow, t0, t0.Add(2*time.Minute))
	two := incident("INC-2", detect.SEV1, diagnose.Slow, t0.Add(time.Hour), t0.Add(time.Hour+4*time.Minute))
	w.must(w.db.Update(ctx, func(tx *store.Tx) error {
		for _, i := range []respond.Incident{one, two, incident("INC-0", detect.SEV1, diagnose.Slow, t0.Add(-day), t0)} {
			if err := tx.SaveIncident(ctx, i); err != nil {
				return err
			}
		}
		told := event.New(page.KindOpened, t0, event.System, "pg_1", "people are told", nil)
		told.Group = string(two.Group)
		if err := tx.Append(ctx, told); err != nil {
			return err
		}
		return tx.SaveRun(ctx, remediate.Run{ID: "run_1", Incident: "INC-1", State: remediate.Succeeded})
	}))
	m, err := w.s.Measures(ctx, t0, t0.Add(day), t0.Add(2*day))
	w.must(err)
	if m.All.Incidents != 2 || m.All.MTTR != 3*time.Minute || m.All.MTTD != 20*time.Second || m.All.AutoRemediated != 1 || m.Repeated != 1 {
		t.Errorf("got %+v", m)
	}
}

func TestDraftIsInTheSameTransaction(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	i := incident("INC-1", detect.SEV1, diagnose.Slow, t0, t0.Add(time.Minute))
	w.must(w.db.Update(ctx, func(tx *store.Tx) error { return tx.SaveIncident(ctx, i) }))
	e := event.New(respond.KindResolved, t0, event.System, "INC-1", "", respond.Changed{Incident: i})
	err := w.db.Learn().Update(ctx, func(tx learn.Tx) error {
		if err := w.s.Follows()[respond.KindResolved](ctx, tx, e, t0); err != nil {
			return err
		}
		return context.Canceled
	})
	if err == nil {
		t.Fatal("the transaction was not given up")
	}
	if _, err := w.s.Of(ctx, "INC-1"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a draft outlived its transaction: %v", err)
	}
	if as, err := w.s.Items(ctx, false); err != nil || len(as) > 0 {
		t.Errorf("items outlived their transaction: %v, %v", as, err)
	}
	if n := w.elapse(t0.Add(365 * day)); n != 0 {
		t.Errorf("%d timers outlived their transaction", n)
	}
}
