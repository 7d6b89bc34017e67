package learn

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

var kinds = []string{
	diagnose.RetryStorm, diagnose.Slow, diagnose.Errors, diagnose.Crash, diagnose.Hang, diagnose.PoolExhaustion,
	diagnose.TrafficSurge, diagnose.BadDeploy, diagnose.DataCorruption, diagnose.Unknown,
}

func TestEveryCauseHasActionItems(t *testing.T) {
	for _, kind := range kinds {
		c := stormCase()
		c.Incident.Cause.Kind = kind
		d := Write(c)
		if len(d.Items) == 0 {
			t.Errorf("%s: no action items", kind)
			continue
		}
		if d.Items[0].Priority != P0 {
			t.Errorf("%s: the first item is %s, want P0", kind, d.Items[0].Priority)
		}
		proves := slices.ContainsFunc(d.Items, func(a ActionItem) bool { return a.Experiment != "" })
		if proves != (d.Experiment != nil) {
			t.Errorf("%s: experiment %v, but an item waits for one: %v", kind, d.Experiment, proves)
		}
		for _, a := range d.Items {
			due, _ := a.Priority.Due(c.Incident.ResolvedAt)
			if a.Owner != "identity" || !a.DueAt.Equal(due) || a.State != Open || a.Rule == "" || strings.Contains(a.Text, "%!") {
				t.Errorf("%s: odd item %+v", kind, a)
			}
		}
		rules := map[string]bool{}
		for _, a := range d.Items {
			if rules[a.Rule] {
				t.Errorf("%s: rule %s twice", kind, a.Rule)
			}
			rules[a.Rule] = true
		}
	}
}

func TestSuggestRecreatesTheFault(t *testing.T) {
	c := shop()
	for kind, want := range map[string]string{
		diagnose.RetryStorm: "latency 500ms", diagnose.Slow: "latency 500ms", diagnose.Hang: "latency 2s",
		diagnose.Errors: "errors 0s", diagnose.Crash: "errors 0s",
		diagnose.BadDeploy: "", diagnose.DataCorruption: "", diagnose.PoolExhaustion: "", diagnose.TrafficSurge: "", diagnose.Unknown: "",
	} {
		i := storm()
		i.Cause.Kind = kind
		e, ok := Suggest(c, i)
		got := ""
		if ok {
			got = e.Fault.Kind + " " + e.Fault.Latency.D().String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
	e, _ := Suggest(c, storm())
	if e.Name != "recreate-inc-7" || e.Target != "user-preferences-api" || e.Fault.Share != 0.5 || e.Duration.D() != time.Minute || e.AbortAbove != 0.01 {
		t.Errorf("got %+v", e)
	}
	if want := []string{"checkout-availability", "payment-availability"}; !slices.Equal(e.Watch, want) {
		t.Errorf("watches %v, want the critical objectives that burned, without the target: %v", e.Watch, want)
	}
	i := storm()
	i.Burning = []string{"search", "user-preferences-api"}
	if e, ok := Suggest(c, i); !ok || !slices.Equal(e.Watch, []string{"search-availability"}) {
		t.Errorf("without critical ones, others are watched; got %+v", e)
	}
	i.Burning = []string{"user-preferences-api"}
	if _, ok := Suggest(c, i); ok {
		t.Error("nothing but the target could be watched: there is no experiment")
	}
	i.Cause = nil
	if _, ok := Suggest(c, i); ok {
		t.Error("without a cause there is no experiment")
	}
}

func TestReconcileKeepsWhatPeopleDid(t *testing.T) {
	have := []ActionItem{
		{ID: "ACT-1", Rule: "slow/deadline", State: Open}, {ID: "ACT-2", Rule: "slow/capacity", State: Done},
		{ID: "ACT-3", Rule: "", State: Open, Text: "by a person"}, {ID: "ACT-4", Rule: "crash/redundancy", State: Dropped},
	}
	want := []ActionItem{{Rule: "crash/redundancy"}, {Rule: "crash/fallback"}}
	add, drop := reconcile(have, want)
	if len(add) != 1 || add[0].Rule != "crash/fallback" {
		t.Errorf("added %+v, want crash/fallback only: a dropped item stays dropped", add)
	}
	if len(drop) != 1 || drop[0].ID != "ACT-1" {
		t.Errorf("dropped %+v, want ACT-1 only", drop)
	}
	if add, drop := reconcile(have[3:], want[:1]); len(add)+len(drop) != 0 {
		t.Error("the same draft twice changes nothing")
	}
}

func TestRedraftKeepsWhatPeopleWrote(t *testing.T) {
	c := stormCase()
	first := redraft(nil, c, Write(c), at(251))
	if !first.Required || first.State != Draft || first.Markdown == "" || !first.DueAt.Equal(at(251).Add(48*time.Hour)) || first.Newer() {
		t.Errorf("got %+v", first)
	}
	edited := first
	edited.Markdown, edited.EditedAt = "mine", at(300)
	c.Incident.ResolvedAt = at(900)
	c.Incident.Reopened = 1
	next := redraft(&edited, c, Write(c), at(900))
	if next.Markdown != "mine" || next.Drafted == first.Drafted || !next.Newer() || !next.DueAt.Equal(at(900).Add(48*time.Hour)) {
		t.Errorf("an edited text stays and the later draft is kept beside it; got %+v", next)
	}
	published := first
	published.State, published.PublishedAt = Published, at(300)
	next = redraft(&published, c, Write(c), at(900))
	if next.Markdown != first.Markdown || next.State != Published || !next.DueAt.Equal(first.DueAt) || !next.Newer() {
		t.Errorf("a published postmortem stays; got %+v", next)
	}
	if same := redraft(&first, stormCase(), Write(stormCase()), at(999)); same.DraftedAt != first.DraftedAt {
		t.Error("the same draft again is no later draft")
	}
}

func TestWanted(t *testing.T) {
	for s, want := range map[detect.Severity][2]bool{
		detect.SEV1: {true, true}, detect.SEV2: {true, true}, detect.SEV3: {true, false}, detect.SEV4: {false, false},
	} {
		if d, r := wanted(s); [2]bool{d, r} != want {
			t.Errorf("%s: drafted %v, required %v; want %v", s, d, r, want)
		}
	}
}

func TestMeasure(t *testing.T) {
	inc := func(id string, onset, opened, acked, resolved int, sev detect.Severity, kind string) respond.Incident {
		i := respond.Incident{ID: respond.ID(id), Severity: sev, Service: "a", OnsetAt: at(onset), OpenedAt: at(opened), Status: respond.Investigating}
		if acked > 0 {
			i.AckedAt = at(acked)
		}
		if resolved > 0 {
			i.Status, i.ResolvedAt = respond.Resolved, at(resolved)
		}
		if kind != "" {
			i.Cause = &diagnose.Suspect{Service: "a", Kind: kind}
		}
		return i
	}
	m := Measure([]Record{
		{Incident: inc("INC-3", 2000, 2000, 0, 0, detect.SEV3, ""), Paged: true},
		{Incident: inc("INC-1", 0, 20, 80, 320, detect.SEV1, diagnose.Slow), Paged: true},
		{Incident: inc("INC-2", 1000, 1040, 0, 1140, detect.SEV1, diagnose.Slow), Fixed: true},
		{Incident: inc("INC-4", 3000, 2990, 0, 3090, detect.SEV2, diagnose.Crash), Fixed: true, Paged: true},
	})
	if tickets := Measure([]Record{{Incident: inc("INC-5", 0, 20, 0, 0, detect.SEV4, "")}, {Incident: inc("INC-6", 0, 20, 80, 0, detect.SEV4, ""), Paged: true}}).All; tickets.Tickets != 1 || tickets.Acked != 1 || tickets.MTTA != time.Minute {
		t.Errorf("what pages nobody is a ticket, not a page without an answer: %+v", tickets)
	}
	if m.All.Incidents != 4 || m.All.Resolved != 3 || m.All.Acked != 1 {
		t.Errorf("counts: %+v", m.All)
	}
	if got, want := m.All.MTTD, 15*time.Second; got != want {
		t.Errorf("MTTD = %v, want %v: an onset after the alert counts as none", got, want)
	}
	if got, want := m.All.MTTA, time.Minute; got != want {
		t.Errorf("MTTA = %v, want %v", got, want)
	}
	if got, want := m.BySeverity[detect.SEV1].MTTR, 200*time.Second; got != want {
		t.Errorf("MTTR of SEV1 = %v, want %v", got, want)
	}
	if got, want := m.BySeverity[detect.SEV1].MTTROnset, 230*time.Second; got != want {
		t.Errorf("MTTR from onset of SEV1 = %v, want %v", got, want)
	}
	if m.All.AutoRemediated != 1 || m.All.AutoShare < 0.33 || m.All.AutoShare > 0.34 {
		t.Errorf("auto-remediated %d (%.2f), want 1 of 3: the one that paged somebody does not count", m.All.AutoRemediated, m.All.AutoShare)
	}
	if len(m.Repeats) != 1 || m.Repeated != 1 || m.RepeatShare != 0.25 || !slices.Equal(m.Repeats[0].Incidents, []respond.ID{"INC-1", "INC-2"}) {
		t.Errorf("repeats: %+v, %d, %.2f", m.Repeats, m.Repeated, m.RepeatShare)
	}
	if empty := Measure(nil); empty.All.MTTR != 0 || empty.RepeatShare != 0 {
		t.Errorf("no incidents: %+v", empty)
	}
}

func TestCompletion(t *testing.T) {
	day := 24 * time.Hour
	now := t0.Add(60 * day)
	item := func(created, done time.Duration, st ItemState) ActionItem {
		return ActionItem{CreatedAt: t0.Add(created), DoneAt: t0.Add(done), State: st}
	}
	got := itemCompletion([]ActionItem{
		item(0, 10*day, Done), item(0, 40*day, Done), item(0, 0, Open), item(50*day, 0, Open), item(0, 5*day, Dropped), item(55*day, 56*day, Done),
	}, now)
	if got.Counted != 4 || got.Done != 2 || got.Share != 0.5 {
		t.Errorf("got %+v, want 2 of 4: a young open one and a dropped one do not count", got)
	}
	pm := func(required bool, due, published time.Duration) Postmortem {
		p := Postmortem{Required: required, DueAt: t0.Add(due), State: Draft}
		if published > 0 {
			p.State, p.PublishedAt = Published, t0.Add(published)
		}
		return p
	}
	got = postmortemCompletion([]Postmortem{pm(true, 2*day, day), pm(true, 2*day, 3*day), pm(true, 2*day, 0), pm(true, 61*day, 0), pm(false, day, 0)}, now)
	if got.Counted != 3 || got.Done != 1 {
		t.Errorf("got %+v, want 1 of 3", got)
	}
}
