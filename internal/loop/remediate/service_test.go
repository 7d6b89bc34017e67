package remediate_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// target is the world that runbooks act on: it keeps every request, and may play the death of the process.
type target struct {
	seen    []remediate.Request
	answer  func(r remediate.Request) (remediate.Response, error)
	arrived func() // after a request got through and before its answer is known
}

func (x *target) Do(_ context.Context, r remediate.Request) (remediate.Response, error) {
	x.seen = append(x.seen, r)
	if x.arrived != nil {
		x.arrived()
	}
	if x.answer != nil {
		return x.answer(r)
	}
	return remediate.Response{Status: 200, Body: map[string]any{"ok": true}}, nil
}

// requests returns what arrived, as method and path.
func (x *target) requests() []string {
	var out []string
	for _, r := range x.seen {
		out = append(out, r.Method+" "+strings.TrimPrefix(r.URL, "http://svc"))
	}
	return out
}

// blind is telemetry that answers nothing.
type blind struct{}

func (blind) Logs(context.Context, observe.Filter) ([]observe.LogLine, error) { return nil, nil }
func (blind) Spans(context.Context, observe.Filter) ([]observe.Span, error)   { return nil, nil }
func (blind) Trace(context.Context, string) ([]observe.Span, error)           { return nil, nil }
func (blind) Metrics(context.Context, string, time.Time, time.Time, time.Duration) ([]observe.Series, error) {
	return nil, errs.New(errs.Unavailable, "the engine is away")
}

// cut is a store in which the process may die before or after a commit.
type cut struct {
	remediate.Store
	before, after func()
}

func (c cut) Update(ctx context.Context, fn func(remediate.Tx) error) error {
	c.before()
	err := c.Store.Update(ctx, fn)
	c.after()
	return err
}

// world is remediate with page and respond beside it, on a real store, driven by hand.
type world struct {
	*storetest.Driver
	t    *testing.T
	s    *remediate.Service
	page *page.Service
	cat  *catalog.Catalog
	http *target
	calm bool
	cut  *cut
}

func newWorld(t *testing.T, risk catalog.Risk, text string) *world {
	t.Helper()
	cat := &catalog.Catalog{
		People:   map[string]*catalog.Person{"mira": {}},
		Services: map[string]*catalog.Service{"cart": {Meta: catalog.Meta{Name: "cart"}, Control: "http://svc"}},
		SLOs:     map[string]*catalog.SLO{"cart": {Meta: catalog.Meta{Name: "cart"}, Service: "cart", Target: 0.999}},
		Policies: map[string]*catalog.EscalationPolicy{"default": {Meta: catalog.Meta{Name: "default"}, Loops: 1,
			Hold: map[string]catalog.Duration{"SEV2": catalog.Duration(time.Hour)}, Steps: []catalog.Step{{Targets: []catalog.Target{{Person: "mira"}}}}}},
		Runbooks: map[string]*catalog.Runbook{"book": {Meta: catalog.Meta{Name: "book", DisplayName: "Book"}, File: "book.md", Risk: risk,
			Approval: catalog.Duration(5 * time.Minute), Triggers: []catalog.Trigger{{Cause: diagnose.RetryStorm}}, Blocks: []catalog.Block{{Text: text, Line: 1}}}},
	}
	// Another low-risk runbook makes pages wait, whatever this one is.
	cat.Runbooks["other"] = &catalog.Runbook{Meta: catalog.Meta{Name: "other"}, Risk: catalog.Low, Triggers: []catalog.Trigger{{Cause: "else"}}}
	d := storetest.NewDriver(t, storetest.Open(t, storetest.SQLite(t)), t0)
	w := &world{Driver: d, t: t, cat: cat, http: &target{}, calm: true, cut: &cut{Store: d.DB.Remediate(), before: func() {}, after: func() {}}}
	get := func() *catalog.Catalog { return w.cat }
	log := slog.New(slog.DiscardHandler)
	w.page = page.New(page.Config{Store: d.DB.Page(), Catalog: get, BaseURL: func() string { return "http://nk" }, Now: d.Now, Log: log})
	re := respond.New(respond.Config{Store: d.DB.Respond(), Catalog: get, Graph: graph.New(), Telemetry: blind{},
		Deploys: func(context.Context, time.Time) ([]observe.Deploy, error) { return nil, nil }, Now: d.Now, Log: log})
	w.s = remediate.New(remediate.Config{Store: w.cut, Catalog: get, Respond: re, Engine: script.Local{}, HTTP: w.http, Telemetry: blind{}, Graph: graph.New(),
		Calm: func([]string, time.Duration, time.Time) (bool, []string) { return w.calm, []string{"cart burns"} }, Now: d.Now, Log: log})
	storetest.Follow(d, "page", w.page.Follows())
	storetest.Follow(d, "remediate", w.s.Follows())
	storetest.Timers(d, w.page.Timers())
	storetest.Timers(d, w.s.Timers())
	d.Tasks(w.s.Tasks())
	return w
}

// incident opens one with a held page.
func (w *world) incident() respond.Incident {
	w.t.Helper()
	a := detect.Alert{ID: "al", Service: "cart", Group: "g", Severity: detect.SEV2, Reading: slo.Reading{Rule: slo.Rules(30 * 24 * time.Hour)[0]}}
	w.Append(event.New(detect.KindFired, w.Now(), event.System, "al", "", detect.Fired{Alert: a, First: true}))
	i := respond.Incident{ID: "INC-1", Group: "g", Severity: detect.SEV2, Status: respond.Identified, Service: "cart", OpenedAt: w.Now(), Burning: []string{"cart"},
		Cause: &diagnose.Suspect{Service: "cart", Kind: diagnose.RetryStorm}}
	err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(w.t.Context(), i) })
	if err != nil {
		w.t.Fatal(err)
	}
	w.Settle()
	if p := w.pg(); p.State != page.Held {
		w.t.Fatalf("page %+v", p)
	}
	return i
}

// named says that the cause was found, and lets everything happen that follows at once.
func (w *world) named() {
	w.t.Helper()
	i := w.incident()
	w.say(i)
	w.Settle()
}

func (w *world) say(i respond.Incident) {
	w.Append(event.New(respond.KindNamed, w.Now(), event.System, string(i.ID), "", respond.Named{Incident: i, Cause: *i.Cause, Confidence: diagnose.High}))
}

func (w *world) pg() page.Page {
	w.t.Helper()
	var ps []page.Page
	err := w.DB.View(w.t.Context(), func(tx *store.Tx) (err error) { ps, err = tx.Pages(w.t.Context(), false, 1); return err })
	if err != nil || len(ps) != 1 {
		w.t.Fatalf("%d pages, %v", len(ps), err)
	}
	return ps[0]
}

func (w *world) run() remediate.Run {
	w.t.Helper()
	rs, err := w.s.List(w.t.Context(), "", 10)
	if err != nil || len(rs) != 1 {
		w.t.Fatalf("%d runs, %v", len(rs), err)
	}
	return rs[0]
}

func (w *world) status() respond.Status {
	w.t.Helper()
	var i respond.Incident
	err := w.DB.View(w.t.Context(), func(tx *store.Tx) (err error) { i, err = tx.Incident(w.t.Context(), "INC-1"); return err })
	if err != nil {
		w.t.Fatal(err)
	}
	return i.Status
}

func (w *world) approval() remediate.Approval {
	w.t.Helper()
	as, err := w.s.PendingApprovals(w.t.Context())
	if err != nil || len(as) != 1 {
		w.t.Fatalf("%d approvals wait, %v", len(as), err)
	}
	return as[0]
}

func (w *world) want(what string, got, want any) {
	w.t.Helper()
	if g, x := fmt.Sprint(got), fmt.Sprint(want); g != x {
		w.t.Errorf("%s:\n got %s\nwant %s", what, g, x)
	}
}

// ended checks how the run ended.
func (w *world) ended(state remediate.State, reason string) {
	w.t.Helper()
	if r := w.run(); r.State != state || !strings.Contains(r.Reason, reason) {
		w.t.Errorf("run is %s because %q, want %s because %q", r.State, r.Reason, state, reason)
	}
}

const fixing = `
print("looking at", incident.cause_service)
http.get(incident.control + "/health")
must(http.put(incident.control + "/limit", body = {"rps": 50}))
must(http.once(url = incident.control + "/restart"))
wait("10s")
must(http.post(incident.control + "/flush", body = {"all": True}))
watch(calm = "5s", timeout = "30s")
resolve("limited and restarted")
`

func TestLowRiskRunbookRunsByItselfToTheEnd(t *testing.T) {
	w := newWorld(t, catalog.Low, fixing)
	w.named()
	w.want("before the wait is over", w.http.requests(), []string{"GET /health", "PUT /limit", "POST /restart"})
	w.want("incident", w.status(), respond.Mitigating)
	w.For(20 * time.Second)
	w.want("in all", w.http.requests(), []string{"GET /health", "PUT /limit", "POST /restart", "POST /flush"})
	w.ended(remediate.Succeeded, "limited and restarted")
	if p := w.pg(); p.State != page.Held {
		t.Errorf("a run that ends well does not release the page: %+v", p)
	}
	var said []string
	for _, e := range w.Facts(remediate.KindChosen, remediate.KindStarted, remediate.KindNoted, remediate.KindActed, remediate.KindFinished) {
		said = append(said, e.Kind+": "+e.Text)
	}
	w.want("facts", strings.Join(said, "\n"), strings.Join([]string{
		"remediate.chosen: runbook book is of low risk and for retry_storm",
		"remediate.started: run of book started",
		"remediate.noted: looking at cart",
		"remediate.acted: http.get http://svc/health: done",
		`remediate.acted: http.put http://svc/limit {"rps":50}: done`,
		"remediate.acted: http.once http://svc/restart: done",
		"remediate.acted: wait 10s: done",
		`remediate.acted: http.post http://svc/flush {"all":true}: done`,
		"remediate.acted: watch 5s: done",
		"remediate.finished: run of book succeeded: limited and restarted",
	}, "\n"))
}

func TestRunThatDoesNotEndWellTellsPeople(t *testing.T) {
	f := func(name, text string, state remediate.State, reason string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, catalog.Low, text)
			w.http.answer = func(r remediate.Request) (remediate.Response, error) {
				switch {
				case strings.HasSuffix(r.URL, "/500"):
					return remediate.Response{Status: 500, Body: "no"}, nil
				case strings.HasSuffix(r.URL, "/silent"):
					return remediate.Response{}, remediate.ErrNoAnswer
				}
				return remediate.Response{Status: 200}, nil
			}
			w.calm = false
			w.named()
			w.For(time.Minute)
			w.ended(state, reason)
			p := w.pg()
			if p.State != page.Open || !slices.Equal(p.Told, []string{"mira"}) || !strings.Contains(p.Context, "INC-1") {
				t.Errorf("page %+v", p)
			}
			w.want("incident", w.status(), respond.Identified)
		})
	}
	f("it gives up", `escalate("cannot tell what this is")`, remediate.Escalated, "cannot tell what this is")
	f("it fails", `fail("too bad")`, remediate.Failed, "too bad")
	f("it has a mistake", `x = 1 // 0`, remediate.Failed, "division by zero")
	f("it falls off its end", `print("done?")`, remediate.Escalated, "ended without resolve or escalate")
	f("an action is refused", `must(http.post("http://svc/500"))`, remediate.Failed, "answered 500")
	f("a repeatable action gets no answer", `must(http.post("http://svc/silent"))`, remediate.Failed, "must")
	f("the world does not get better", `must(watch(calm = "5s", timeout = "20s"))`, remediate.Failed, "not within the objectives after 20s")
	f("an action that must not be repeated gets no answer", `http.once(url = "http://svc/silent")`, remediate.Unknown, "it is not known whether")
	f("it calls what does not exist", `no.such("x")`, remediate.Failed, "")
	f("it runs for ever", "def f():\n    for i in range(100000000):\n        pass\nf()", remediate.Failed, "more than")
}

func TestScriptSeesThatTelemetryIsAway(t *testing.T) {
	w := newWorld(t, catalog.Low, `
r = metrics.query("up")
if not r.ok: escalate("blind: " + r.error)
`)
	w.named()
	w.ended(remediate.Escalated, "blind: the engine is away")
}

const asking = `
r = approve("restart the cart")
if not r: escalate(r.error)
must(http.once(url = "http://svc/restart"))
resolve("restarted")
`

func TestApprovalThatIsGrantedLetsTheRunGoOn(t *testing.T) {
	w := newWorld(t, catalog.High, asking)
	w.named()
	w.want("page", w.pg().State, page.Open) // a person is told at once: the runbook only proposes
	w.want("run", w.run().State, remediate.Waiting)
	w.want("nothing happened", len(w.http.seen), 0)
	a := w.approval()
	w.want("asked", a.Text, "restart the cart")
	w.For(4 * time.Minute)
	if _, err := w.s.Decide(t.Context(), a.Run, a.Seq, true, "mira", "go", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.want("done", w.http.requests(), []string{"POST /restart"})
	w.ended(remediate.Succeeded, "restarted")
	if _, err := w.s.Decide(t.Context(), a.Run, a.Seq, false, "tomas", "no", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("deciding twice: %v", err)
	}
	w.For(time.Hour)
	w.want("decisions", len(w.Facts(remediate.KindDecided)), 1)
}

func TestApprovalThatIsDeniedOrForgottenIsANo(t *testing.T) {
	f := func(name string, then func(w *world, a remediate.Approval), reason string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, catalog.High, asking)
			w.named()
			then(w, w.approval())
			w.For(time.Hour)
			w.want("requests", len(w.http.seen), 0)
			w.ended(remediate.Escalated, reason)
		})
	}
	f("denied", func(w *world, a remediate.Approval) {
		if _, err := w.s.Decide(w.t.Context(), a.Run, a.Seq, false, "mira", "not now", w.Now()); err != nil {
			w.t.Fatal(err)
		}
	}, "denied by mira: not now")
	f("forgotten", func(w *world, _ remediate.Approval) { w.For(5 * time.Minute) }, "nobody decided before 03:05:00 UTC")
	f("granted too late", func(w *world, a remediate.Approval) {
		// The timer has not fired yet: somebody is a moment too late.
		got, err := w.s.Decide(w.t.Context(), a.Run, a.Seq, true, "mira", "go", w.Now().Add(5*time.Minute+time.Second))
		if err != nil || got.State != remediate.Expired {
			w.t.Errorf("%+v, %v", got, err)
		}
	}, "nobody decided")
}

func TestRunbookThatIsNotLowRiskChangesNothingUnasked(t *testing.T) {
	for _, risk := range []catalog.Risk{catalog.Medium, catalog.High} {
		w := newWorld(t, risk, `
http.get("http://svc/health")
for r in [http.put("http://svc/a"), http.post("http://svc/b"), http.delete("http://svc/c"), http.once(url = "http://svc/d")]:
    print(r.error)
r = http.once(url = "http://svc/d")
escalate(r.error)
`)
		w.named()
		w.want("requests", w.http.requests(), []string{"GET /health"})
		w.ended(remediate.Escalated, "it may change something only after approve(...) was granted")
		for _, e := range w.Facts(respond.KindStatus) {
			if strings.HasPrefix(e.Text, "mitigating") {
				t.Errorf("%s: nothing was changed and the incident is %q", risk, e.Text)
			}
		}
	}
}

func TestDryRunChangesNothingAndTellsNobody(t *testing.T) {
	w := newWorld(t, catalog.High, `
r = approve("restart the cart")
`+fixing)
	w.incident()
	if _, err := w.s.Start(t.Context(), "INC-1", "book", true, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(time.Minute)
	w.want("requests", w.http.requests(), []string{"GET /health"})
	w.ended(remediate.Succeeded, "limited and restarted")
	w.want("incident", w.status(), respond.Identified)
	w.want("page", w.pg().State, page.Held)
}

func TestPersonStartsARunbook(t *testing.T) {
	w := newWorld(t, catalog.High, asking)
	w.cat.Runbooks["prose"] = &catalog.Runbook{Meta: catalog.Meta{Name: "prose"}}
	w.incident()
	f := func(incident respond.ID, book string, want errs.Code) {
		t.Helper()
		if _, err := w.s.Start(t.Context(), incident, book, false, "mira", w.Now()); errs.CodeOf(err) != want {
			t.Errorf("%s for %s: %v, want code %q", book, incident, err, want)
		}
	}
	f("INC-1", "nothing", errs.NotFound)
	f("INC-1", "prose", errs.Invalid)
	f("INC-9", "book", errs.NotFound)
	f("INC-1", "book", "")
	f("INC-1", "book", errs.Conflict)
	w.Settle()
	w.want("started by", w.run().StartedBy, "mira")
}

func TestCorruptedDataIsLeftToPeople(t *testing.T) {
	w := newWorld(t, catalog.Low, fixing)
	i := w.incident()
	i.Cause = &diagnose.Suspect{Service: "cart", Kind: diagnose.DataCorruption}
	err := w.DB.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(t.Context(), i) })
	if err != nil {
		t.Fatal(err)
	}
	w.say(i)
	w.Settle()
	w.want("page", w.pg().State, page.Open)
	if _, err := w.s.Start(t.Context(), "INC-1", "book", false, "mira", w.Now()); !errs.Is(err, errs.Denied) {
		t.Errorf("started: %v", err)
	}
	w.want("requests", len(w.http.seen), 0)
}

func TestRunbookRunsByItselfOncePerIncident(t *testing.T) {
	w := newWorld(t, catalog.Low, `resolve("done")`)
	w.named()
	w.ended(remediate.Succeeded, "done")
	i := respond.Incident{ID: "INC-1", Group: "g", Cause: &diagnose.Suspect{Service: "cart", Kind: diagnose.RetryStorm}}
	w.say(i)
	w.Settle()
	w.want("runs", len(w.Facts(remediate.KindStarted)), 1)
	w.want("page", w.pg().State, page.Open)
}

func TestRunGoesOnWithTheTextItStartedWith(t *testing.T) {
	w := newWorld(t, catalog.Low, fixing)
	w.named()
	w.cat.Runbooks["book"].Blocks = []catalog.Block{{Text: `escalate("another text")`, Line: 1}}
	w.For(20 * time.Second)
	w.ended(remediate.Succeeded, "limited and restarted")
}

func TestIncidentThatIsOverEndsTheRunThatWaits(t *testing.T) {
	w := newWorld(t, catalog.High, asking)
	w.named()
	a := w.approval()
	i := respond.Incident{ID: "INC-1", Group: "g", Status: respond.Resolved}
	w.Append(event.New(respond.KindResolved, w.Now(), event.System, "INC-1", "", respond.Changed{Incident: i}))
	w.Settle()
	w.ended(remediate.Ended, "resolved before anybody decided")
	if as, err := w.s.PendingApprovals(t.Context()); err != nil || len(as) > 0 {
		t.Errorf("people are still asked: %+v, %v", as, err)
	}
	if _, err := w.s.Decide(t.Context(), a.Run, a.Seq, true, "mira", "go", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("a yes that nobody needs any more: %v", err)
	}
	w.For(time.Hour)
	w.ended(remediate.Ended, "resolved before anybody decided")
	w.want("requests", len(w.http.seen), 0)
}

// script that acts in every class, so that a death in any place is covered.
const acting = `
http.put("http://svc/limit", body = {"rps": 50})
http.once(url = "http://svc/restart")
wait("10s")
http.post("http://svc/flush")
resolve("done")
`

func TestRunSurvivesADeathAtAnyPoint(t *testing.T) {
	// play lets the process die at the nth point where it could, and returns what the world saw and how many points there are.
	play := func(t *testing.T, die int) (w *world, points int) {
		w = newWorld(t, catalog.Low, acting)
		point := func() {
			if points++; points == die {
				panic(storetest.ErrCrash)
			}
		}
		i := w.incident()
		w.say(i)
		for len(w.Facts(remediate.KindStarted)) == 0 {
			w.Step()
		}
		w.cut.before, w.cut.after, w.http.arrived = point, point, point
		w.For(time.Hour)
		return w, points
	}
	_, points := play(t, 0)
	if points < 15 {
		t.Fatalf("only %d places to die", points)
	}
	unknown := 0
	for die := 1; die <= points; die++ {
		t.Run(fmt.Sprint(die), func(t *testing.T) {
			w, _ := play(t, die)
			keys, times := map[string]map[string]bool{}, map[string]int{}
			for _, r := range w.http.seen {
				at := r.Method + " " + r.URL
				if keys[at] == nil {
					keys[at] = map[string]bool{}
				}
				keys[at][r.Key] = true
				times[at]++
			}
			for at, ks := range keys {
				if len(ks) != 1 || ks[""] {
					t.Errorf("%s was seen with the keys %v", at, ks)
				}
			}
			if times["POST http://svc/restart"] > 1 {
				t.Errorf("an action that must not be repeated was seen %d times", times["POST http://svc/restart"])
			}
			switch r := w.run(); r.State {
			case remediate.Succeeded:
				if len(keys) != 3 {
					t.Errorf("succeeded, and the world saw %v", w.http.requests())
				}
			case remediate.Unknown:
				unknown++
				if p := w.pg(); p.State != page.Open {
					t.Errorf("nobody is told: %+v", p)
				}
			default:
				t.Errorf("run is %s because %q", r.State, r.Reason)
			}
		})
	}
	// Only between the intent of the one action and its answer can nobody know.
	if unknown < 1 || unknown > 3 {
		t.Errorf("%d of %d deaths left a question", unknown, points)
	}
}

func TestRunThatCannotGoOnIsGivenUpWhereSomebodySeesIt(t *testing.T) {
	w := newWorld(t, catalog.Low, `resolve("x")`)
	w.s.Engine = brokenEngine{}
	w.named()
	w.For(2 * time.Hour)
	w.ended(remediate.Failed, "could not be continued")
	w.want("page", w.pg().State, page.Open)
}

type brokenEngine struct{}

func (brokenEngine) Run(context.Context, script.Source, map[string]any, script.Effects) (script.Outcome, error) {
	return script.Outcome{}, errs.New(errs.Unavailable, "the sandbox does not start")
}

// Two workers may hold one run for a moment: a process that was paused for longer than its lease is not dead.
func TestWorkerThatLostItsLeaseDoesNothingMore(t *testing.T) {
	for pauseAt := 1; pauseAt <= 8; pauseAt++ {
		t.Run(fmt.Sprint(pauseAt), func(t *testing.T) {
			w := newWorld(t, catalog.Low, acting)
			i := w.incident()
			w.say(i)
			for len(w.Facts(remediate.KindStarted)) == 0 {
				w.Step()
			}
			work, claimed := w.s.Tasks()["remediate.run"], w.claimRun()
			n := 0
			w.cut.before = func() {
				if n++; n == pauseAt { // the first worker stands still here, and the other one does its work
					if err := work(t.Context(), claimed); err != nil {
						t.Error(err)
					}
				}
			}
			_ = work(t.Context(), claimed) // whatever the first worker says when it wakes up
			once := 0
			for _, r := range w.http.requests() {
				if r == "POST /restart" {
					once++
				}
			}
			w.want("restarts", once, 1)
			if n < pauseAt {
				t.Errorf("the first worker wrote only %d times", n)
			}
		})
	}
}

func (w *world) claimRun() (out job.Job) {
	w.t.Helper()
	err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error {
		js, err := tx.Claim(w.t.Context(), []string{"remediate.run"}, w.Now(), w.Now().Add(time.Minute), 1)
		if err == nil && len(js) == 1 {
			out = js[0]
		}
		return err
	})
	if err != nil || out.Key == "" {
		w.t.Fatalf("no run to work on: %v", err)
	}
	return out
}
