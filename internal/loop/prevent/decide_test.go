package prevent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

var t0 = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)

func after(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

func TestLook(t *testing.T) {
	r := Run{InjectedAt: t0, Deadline: after(60), Experiment: Experiment{AbortAbove: 0.01}}
	bad := func(good, total int64) []Result {
		return []Result{{SLO: "calm", Counts: slo.Counts{Good: 500, Total: 500}}, {SLO: "checkout", Counts: slo.Counts{Good: good, Total: total}}}
	}
	for _, c := range []struct {
		name string
		g    glance
		want Trigger // "" goes on
	}{
		{"nothing happens", glance{now: after(10), results: bad(100, 100)}, ""},
		{"no traffic yet", glance{now: after(1)}, ""},
		{"over the limit, but four bad events", glance{now: after(5), results: bad(96, 100)}, ""},
		{"five bad events over the limit", glance{now: after(5), results: bad(95, 100)}, ByThreshold},
		{"many bad events at the limit", glance{now: after(30), results: bad(990, 1000)}, ""},
		{"just over the limit", glance{now: after(30), results: bad(989, 1000)}, ByThreshold},
		{"an alert fires", glance{now: after(9), alerts: []string{"checkout"}}, ByAlert},
		{"an incident opens", glance{now: after(9), incidents: []string{"INC-1"}}, ByIncident},
		{"kill switch before anything else", glance{now: after(60), kill: &Kill{By: "mira"}, results: bad(0, 100)}, ByKill},
		{"the program stops", glance{now: after(9), stopping: true}, ByShutdown},
		{"the time is over", glance{now: after(60), results: bad(100, 100)}, ByDuration},
		{"the holder was half a tick faster", glance{now: after(60).Add(-time.Second / 2), holder: true}, ByDuration},
		{"the holder is gone early", glance{now: after(20), holder: true}, ByHolder},
		{"nobody sees anything", glance{now: after(20), blind: errors.New("no database")}, ByBlindness},
		{"too many failures at the end are no pass", glance{now: after(60), results: bad(0, 100)}, ByThreshold},
	} {
		t.Run(c.name, func(t *testing.T) {
			ends, e := look(r, c.g)
			if ends != (c.want != "") || e.Trigger != c.want || (ends && e.Reason == "") {
				t.Errorf("got %v %+v, want %q", ends, e, c.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	base := func() Run {
		return Run{
			InjectedAt: t0, FaultEnded: after(60), CalmAt: after(70), Ending: Ending{ByDuration, "it had its time"},
			Results: []Result{{SLO: "checkout", Objective: 0.99, Counts: slo.Counts{Good: 995, Total: 1000}}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Run)
		state  State
		found  Hypothesis
		text   string // in reason or findings
	}{
		{"all held", func(*Run) {}, Passed, Confirmed, "1 watched objective held for 1m0s"},
		{"two bad events are forgiven", func(r *Run) { r.Results[0].Counts = slo.Counts{Good: 28, Total: 30} }, Passed, Confirmed, ""},
		{"objective missed", func(r *Run) { r.Results[0].Good = 980 }, Failed, Refuted, "checkout missed its objective of 99 %: 20 of 1000 events bad"},
		{"no traffic proves nothing", func(r *Run) { r.Results[0].Counts = slo.Counts{} }, Failed, Undecided, "no traffic"},
		{"one missed, one silent", func(r *Run) {
			r.Results[0].Good = 900
			r.Results = append(r.Results, Result{SLO: "payment", Objective: 0.99})
		}, Failed, Refuted, "payment saw no traffic"},
		{"nothing watched", func(r *Run) { r.Results = nil }, Failed, Undecided, "no watched objective"},
		{"never calm again", func(r *Run) { r.CalmAt = time.Time{} }, Failed, Refuted, "not met again"},
		{"ended by a threshold", func(r *Run) { r.Ending, r.FaultEnded = Ending{ByThreshold, "too bad"}, after(8) }, Aborted, Refuted, "too bad"},
		{"ended late by an alert", func(r *Run) { r.Ending, r.FaultEnded = Ending{ByAlert, "alert"}, after(45) }, Aborted, Refuted, "it took 45s until"},
		{"killed although all held", func(r *Run) { r.Ending, r.FaultEnded = Ending{ByKill, "mira"}, after(9) }, Aborted, Undecided, "mira"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := base()
			c.change(&r)
			got := judge(r)
			if got.State != c.state || got.Hypothesis != c.found || got.Reason == "" {
				t.Errorf("got %s, %s, %q; want %s, %s", got.State, got.Hypothesis, got.Reason, c.state, c.found)
			}
			if all := got.Reason + "\n" + strings.Join(got.Findings, "\n"); !strings.Contains(all, c.text) {
				t.Errorf("%q is not said in\n%s", c.text, all)
			}
		})
	}
	r := base()
	r.Ending, r.FaultEnded = Ending{ByThreshold, "too bad"}, after(8)
	if got := judge(r); got.AbortTook != 8*time.Second || got.Restore != 62*time.Second {
		t.Errorf("abort took %v, restored in %v; want 8s, 62s", got.AbortTook, got.Restore)
	}
}

func TestPreflight(t *testing.T) {
	base := func() ground {
		return ground{
			experiment: Experiment{Target: "prefs", Watch: []string{"checkout-availability"}}, known: true, control: "http://127.0.0.1:9/prefs",
			watched: []watched{{name: "checkout-availability", service: "checkout", known: true, objective: 0.999, minute: slo.Counts{Good: 1000, Total: 1000}, spent: 0.3}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*ground)
		fails  string // name of the only check that fails
	}{
		{"ready", func(*ground) {}, ""},
		{"unknown target", func(g *ground) { g.known = false }, "target"},
		{"no control URL", func(g *ground) { g.control = "" }, "control"},
		{"another run", func(g *ground) { g.others = []RunID{"exp_1"} }, "alone"},
		{"incident at the target", func(g *ground) { g.incidents = []respond.Incident{{ID: "INC-1", Service: "prefs"}} }, "incidents"},
		{"incident affects what is watched", func(g *ground) { g.incidents = []respond.Incident{{ID: "INC-1", Affected: []string{"checkout"}}} }, "incidents"},
		{"incident caused by the target", func(g *ground) {
			g.incidents = []respond.Incident{{ID: "INC-1", Cause: &diagnose.Suspect{Service: "prefs"}}}
		}, "incidents"},
		{"incident elsewhere", func(g *ground) { g.incidents = []respond.Incident{{ID: "INC-1", Service: "search"}} }, ""},
		{"alert on what is watched", func(g *ground) { g.firing = []detect.Alert{{SLO: "x", Service: "checkout"}} }, "alerts"},
		{"alert elsewhere", func(g *ground) { g.firing = []detect.Alert{{SLO: "x", Service: "search"}} }, ""},
		{"nothing watched", func(g *ground) { g.watched = nil }, "traffic"},
		{"unknown objective", func(g *ground) { g.watched = append(g.watched, watched{name: "gone"}) }, "traffic"},
		{"no traffic", func(g *ground) { g.watched[0].minute = slo.Counts{} }, "traffic"},
		{"already burning", func(g *ground) { g.watched[0].minute.Good = 990 }, "healthy"},
		{"two failures in a minute are no fire", func(g *ground) { g.watched[0].minute.Good = 998 }, ""},
		{"budget spent", func(g *ground) { g.watched[0].spent = 1 }, "budget"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := base()
			c.change(&g)
			var failed []string
			for _, ch := range preflight(g) {
				if ch.Text == "" && ch.Name != "budget" {
					t.Errorf("check %s says nothing", ch.Name)
				}
				if !ch.OK {
					failed = append(failed, ch.Name)
				}
			}
			want := []string(nil)
			if c.fails != "" {
				want = []string{c.fails}
			}
			if !slices.Equal(failed, want) {
				t.Errorf("failed %v, want %v", failed, want)
			}
			if no := refusal(preflight(g)); (no != "") != (c.fails != "") {
				t.Errorf("refusal is %q", no)
			}
		})
	}
}

func policy(allow ...string) *catalog.BudgetPolicy {
	return &catalog.BudgetPolicy{Meta: catalog.Meta{Name: "standard"}, Allow: allow}
}

func TestDecide(t *testing.T) {
	base := func() bar {
		return bar{service: "checkout", known: true, change: Feature, policy: policy("rollback", "security"), spending: []spending{{"a", 0.4, after(-5)}, {"b", 0.1, after(-60)}}}
	}
	freeze := &Freeze{Since: after(-3600), Policy: "standard"}
	sev1 := respond.Incident{ID: "INC-1", Severity: detect.SEV1, Burning: []string{"checkout"}}
	for _, c := range []struct {
		name   string
		change func(*bar)
		want   Decision
		text   string
	}{
		{"budget left", func(*bar) {}, Allow, "a has spent 40 %"},
		{"unknown service", func(b *bar) { b.known = false }, Unknown, "no service named"},
		{"no objective", func(b *bar) { b.spending = nil }, Unknown, "no objective"},
		{"no policy", func(b *bar) { b.policy = nil }, Allow, "no error-budget policy"},
		{"no policy, budget gone", func(b *bar) { b.policy, b.spending[0].spent = nil, 3 }, Allow, "no error-budget policy"},
		{"frozen", func(b *bar) { b.freeze = freeze }, Blocked, "frozen since 2026-12-01 13:00:00 UTC"},
		{"budget spent before the freeze was recorded", func(b *bar) { b.spending[1].spent = 1 }, Blocked, "b has spent 100 %"},
		{"security passes a freeze", func(b *bar) { b.freeze, b.change = freeze, Security }, Allow, "allows a security change"},
		{"reliability is not on this policy's list", func(b *bar) { b.freeze, b.change = freeze, Reliability }, Blocked, "frozen"},
		{"rollback passes a freeze", func(b *bar) { b.freeze, b.change = freeze, Rollback }, Allow, "allows a rollback change"},
		{"rollback that the policy does not allow", func(b *bar) { b.freeze, b.change, b.policy = freeze, Rollback, policy() }, Blocked, "frozen"},
		{"severe incident", func(b *bar) { b.incidents = []respond.Incident{sev1} }, Blocked, "SEV1 INC-1 is open"},
		{"security does not pass an incident", func(b *bar) { b.incidents, b.change = []respond.Incident{sev1}, Security }, Blocked, "SEV1 INC-1"},
		{"rollback passes an incident", func(b *bar) { b.incidents, b.change = []respond.Incident{sev1}, Rollback }, Allow, "a rollback may help"},
		{"minor incident", func(b *bar) {
			i := sev1
			i.Severity = detect.SEV3
			b.incidents = []respond.Incident{i}
		}, Allow, ""},
		{"incident elsewhere", func(b *bar) {
			i := sev1
			i.Burning = []string{"search"}
			b.incidents = []respond.Incident{i}
		}, Allow, ""},
		{"no data", func(b *bar) { b.spending[1].dataAt = time.Time{} }, Unknown, "b saw no event in 10m0s"},
		{"no data does not undo a freeze", func(b *bar) { b.spending[1].dataAt, b.freeze = time.Time{}, freeze }, Blocked, "frozen"},
		{"nearly spent", func(b *bar) { b.spending[1].spent = 0.85 }, Warn, "b has spent 85 % of its budget; standard stops releases at 100 %"},
		{"nearly spent, a security change", func(b *bar) { b.spending[1].spent, b.change = 0.85, Security }, Warn, "b has spent 85 %"},
		{"nearly spent, a rollback", func(b *bar) { b.spending[1].spent, b.change = 0.85, Rollback }, Allow, "no freeze"},
		{"a policy that warns late", func(b *bar) {
			b.policy.WarnAt, b.spending[1].spent = new(0.9), 0.85
		}, Allow, "no freeze"},
		{"nearly spent and silent", func(b *bar) { b.spending[0].dataAt, b.spending[1].spent = time.Time{}, 0.85 }, Unknown, "a saw no event"},
		{"what ran before passes a policy without rollbacks", func(b *bar) {
			b.freeze, b.change, b.ranBefore, b.policy = freeze, Rollback, true, policy()
		}, Allow, "what would run ran before"},
		{"rollback without data", func(b *bar) { b.spending[1].dataAt, b.change = time.Time{}, Rollback }, Allow, "a rollback passes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := base()
			c.change(&b)
			v := decide(b)
			if all := strings.Join(v.Reasons, "\n"); v.Decision != c.want || len(v.Reasons) == 0 || !strings.Contains(all, c.text) {
				t.Errorf("got %s because %q; want %s because %q", v.Decision, all, c.want, c.text)
			}
		})
	}
	if v := decide(base()); !v.DataAt.Equal(after(-60)) || v.SpentBySLO["a"] != 0.4 {
		t.Errorf("got %+v", v)
	}
}

func TestImagesThatStayTheSame(t *testing.T) {
	for image, want := range map[string]bool{
		"shop": false, "shop:latest": false, "shop:": false, "shop:v1": true, "shop@sha256:00": true, "registry:5000/shop": false, "registry:5000/shop:v1": true, "": false,
	} {
		if got := pinned(image); got != want {
			t.Errorf("pinned(%q) = %v", image, got)
		}
	}
}

func TestFreezeHasHysteresis(t *testing.T) {
	pol := policy()
	var cur *Freeze
	frozen := func(spent float64, now time.Time) bool {
		if next := turn(cur, pol, []spending{{"a", spent, now}, {"b", 0, now}}, "checkout", now); next != nil {
			if next.Reason == "" {
				t.Error("a turn without a reason")
			}
			cur = next
			if !next.ThawedAt.IsZero() {
				cur = nil
			}
		}
		return cur != nil
	}
	for k, c := range []struct {
		spent float64
		want  bool
	}{{0, false}, {0.99, false}, {1, true}, {0.99, true}, {0.81, true}, {0.8, true}, {0.79, false}, {0.99, false}, {1.5, true}} {
		if got := frozen(c.spent, after(k)); got != c.want {
			t.Errorf("step %d, %.2f spent: frozen %v, want %v", k, c.spent, got, c.want)
		}
	}
	if next := turn(cur, nil, nil, "checkout", after(20)); next == nil || next.ThawedAt.IsZero() {
		t.Error("without a policy nothing is frozen")
	}
	if next := turn(cur, pol, nil, "checkout", after(20)); next == nil || next.ThawedAt.IsZero() {
		t.Error("without an objective nothing is frozen")
	}
	if next := turn(nil, nil, []spending{{"a", 9, t0}}, "checkout", t0); next != nil {
		t.Error("frozen without a policy")
	}
}

func TestCalm(t *testing.T) {
	ws := []watched{{name: "a", known: true, objective: 0.99}}
	c := func(good, total int64) map[string]slo.Counts {
		return map[string]slo.Counts{"a": {Good: good, Total: total}}
	}
	none := map[string]slo.Counts{}
	for _, x := range []struct {
		name          string
		recent, since map[string]slo.Counts
		want          bool
	}{
		{"good", c(100, 100), c(0, 500), true},
		{"bad", c(50, 100), c(100, 100), false},
		{"silent lately, good since", none, c(3, 3), true},
		{"silent lately, bad since", none, c(0, 3), false},
		{"silent", none, none, false},
	} {
		if got := calm(ws, x.recent, x.since); got != x.want {
			t.Errorf("%s: got %v", x.name, got)
		}
	}
	if calm(nil, none, none) {
		t.Error("nothing watched is not calm")
	}
}

func TestNewest(t *testing.T) {
	for _, age := range []time.Duration{0, 3 * time.Second, 5 * time.Second, 61 * time.Second, 9 * time.Minute} {
		l := slo.NewLedger()
		l.Add(t0.Add(-age), 1, 1)
		l.Add(t0.Add(-age-time.Minute), 1, 1)
		got := newest(l, t0)
		if want := t0.Add(-age).Truncate(5 * time.Second); !got.Equal(want) {
			t.Errorf("newest event %s ago: got %s, want %s", age, got, want)
		}
	}
	l := slo.NewLedger()
	l.Add(t0.Add(-11*time.Minute), 1, 1)
	if got := newest(l, t0); !got.IsZero() {
		t.Errorf("got %s, want none", got)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0.999: "99.9 %", 0.9999: "99.99 %", 0.99: "99 %", 1: "100 %", 0.9: "90 %"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}
