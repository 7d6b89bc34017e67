package prevent_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/respond"
)

// live runs fn in a bubble with a world of its own, and checks the invariants at the end.
func live(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir)
		fn(t, w)
		w.clean()
	})
}

func TestExperimentPasses(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		began := time.Now()
		r := w.finish(w.begin("slow-prefs"))
		if r.State != prevent.Passed || r.Hypothesis != prevent.Confirmed {
			t.Fatalf("got %s, %s: %s", r.State, r.Hypothesis, r.Reason)
		}
		if took := r.FaultEnded.Sub(r.InjectedAt); took < 59*time.Second || took > 61*time.Second {
			t.Errorf("the fault lasted %s, want a minute", took)
		}
		if r.Restore > 20*time.Second || r.Results[0].Total < 2500 || !r.Results[0].Held || len(r.Checks) != 8 {
			t.Errorf("got %+v", r)
		}
		f := w.in.started[0]
		if f.Target != "prefs" || f.Control != "http://127.0.0.1:9/prefs" || f.Latency != 200*time.Millisecond || f.Share != 0.2 || f.Lease <= 0 || f.Deadline.Before(began.Add(time.Minute)) {
			t.Errorf("fault %+v", f)
		}
		want := []string{prevent.KindPlanned, prevent.KindChecked, prevent.KindInjected, prevent.KindEnded, prevent.KindFinished}
		if got := w.facts(string(r.ID)); !slices.Equal(got, want) {
			t.Errorf("facts %v, want %v", got, want)
		}
	})
}

func TestTooManyFailuresEndTheFault(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.suffer.Store(300)
		r := w.finish(w.begin("slow-prefs"))
		if r.State != prevent.Aborted || r.Hypothesis != prevent.Refuted || r.Ending.Trigger != prevent.ByThreshold {
			t.Fatalf("got %s, %s by %s: %s", r.State, r.Hypothesis, r.Ending.Trigger, r.Reason)
		}
		if r.AbortTook > 30*time.Second || r.Restore > time.Minute {
			t.Errorf("aborted after %s, restored in %s; want under 30 s and under a minute", r.AbortTook, r.Restore)
		}
	})
}

func TestMissedObjectiveFails(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.suffer.Store(8) // under the 1 % that ends it, over the 0.5 % that the objective allows
		r := w.finish(w.begin("slow-prefs"))
		if r.State != prevent.Failed || r.Hypothesis != prevent.Refuted {
			t.Errorf("got %s, %s: %s", r.State, r.Hypothesis, r.Reason)
		}
	})
}

func TestKillSwitch(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		r := w.begin("slow-prefs")
		time.Sleep(12 * time.Second) // virtual: live runs in a synctest bubble
		pressed := time.Now()
		killed, err := w.KillAll(t.Context(), "jon", pressed)
		w.must(err)
		if len(killed) != 1 || killed[0].Kill == nil {
			t.Errorf("killed %+v", killed)
		}
		r = w.finish(r)
		if r.State != prevent.Aborted || r.Ending.Trigger != prevent.ByKill || r.Hypothesis != prevent.Undecided || r.FaultEnded.Sub(pressed) > time.Second {
			t.Errorf("got %+v", r)
		}
		contains(t, w.facts(string(r.ID)), prevent.KindKilled, prevent.KindEnded)
		if again, err := w.Kill(t.Context(), r.ID, "jon", time.Now()); err != nil || again.State != prevent.Aborted {
			t.Errorf("killing what is over: %v", err)
		}
	})
}

func TestKillBeforeTheFault(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.halt()
		r := w.begin("slow-prefs")
		_, err := w.Kill(t.Context(), r.ID, "jon", time.Now())
		w.must(err)
		w.boot()
		if r = w.finish(r); r.State != prevent.Aborted || len(w.in.started) != 0 {
			t.Errorf("got %s and %d faults", r.State, len(w.in.started))
		}
	})
}

func TestOneFaultAtATime(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		r := w.begin("slow-prefs")
		for range 80 {
			if _, err := w.Start(t.Context(), "slow-prefs", "jon", time.Now()); err == nil {
				break
			} else if !errs.Is(err, errs.Conflict) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		w.finish(r)
		if _, err := w.Start(t.Context(), "nothing", "jon", time.Now()); !errs.Is(err, errs.NotFound) {
			t.Errorf("got %v, want not_found", err)
		}
		runs, err := w.Runs(t.Context(), "slow-prefs", 10)
		w.must(err)
		for _, r := range runs {
			w.finish(r)
		}
	})
}

func TestTheStoreRefusesASecondActiveRun(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		err := w.db.Prevent().Update(t.Context(), func(tx prevent.Tx) error {
			if err := tx.SaveExperimentRun(t.Context(), prevent.Run{ID: "exp_a", State: prevent.Planned}); err != nil {
				return err
			}
			return tx.SaveExperimentRun(t.Context(), prevent.Run{ID: "exp_b", State: prevent.Running})
		})
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("got %v, want conflict", err)
		}
	})
}

func TestPreflightForbids(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		i := storm(time.Now())
		i.Status, i.ResolvedAt = respond.Investigating, time.Time{}
		w.saveIncident(i)
		r := w.finish(w.begin("slow-prefs"))
		if r.State != prevent.Aborted || !strings.Contains(r.Reason, "INC-1") || len(w.in.started) != 0 {
			t.Errorf("got %s because %q with %d faults", r.State, r.Reason, len(w.in.started))
		}
	})
}

func TestStaleRunIsNotStarted(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.halt()
		r := w.begin("slow-prefs")
		time.Sleep(5 * time.Minute)
		w.boot()
		if r = w.finish(r); r.State != prevent.Aborted || len(w.in.started) != 0 {
			t.Errorf("a run planned five minutes ago was %s with %d faults", r.State, len(w.in.started))
		}
	})
}

func TestAlertOrIncidentEndsTheFault(t *testing.T) {
	for name, begin := range map[prevent.Trigger]func(w *world){
		prevent.ByAlert: func(w *world) {
			w.must(w.db.Update(context.Background(), func(tx *store.Tx) error {
				return tx.SaveAlert(context.Background(), detect.Alert{ID: "al_1", SLO: slo, Service: "checkout", Group: "g", State: detect.Firing, FiredAt: time.Now()})
			}))
		},
		prevent.ByIncident: func(w *world) {
			w.saveIncident(respond.Incident{ID: "INC-9", Group: "g", Status: respond.Investigating, Service: "checkout", Burning: []string{"checkout"}, OpenedAt: time.Now()})
		},
	} {
		t.Run(string(name), func(t *testing.T) {
			live(t, func(t *testing.T, w *world) {
				r := w.begin("slow-prefs")
				time.Sleep(20 * time.Second)
				seen := time.Now()
				begin(w)
				r = w.finish(r)
				if r.State != prevent.Aborted || r.Ending.Trigger != name || r.FaultEnded.Sub(seen) > 2*time.Second {
					t.Errorf("got %s by %s after %s: %s", r.State, r.Ending.Trigger, r.FaultEnded.Sub(seen), r.Reason)
				}
			})
		})
	}
}

func TestCrashIsNeverInjectedAgain(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		r := w.begin("slow-prefs")
		time.Sleep(15 * time.Second)
		w.crash()
		w.boot()
		r = w.finish(r)
		if r.State != prevent.Aborted || !strings.Contains(r.Reason, "restarted while the fault was active") || len(w.in.started) != 1 {
			t.Errorf("got %s because %q, %d faults", r.State, r.Reason, len(w.in.started))
		}
	})
}

func TestCrashWithoutARestartEndsByTheLease(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		r := w.begin("slow-prefs")
		time.Sleep(15 * time.Second)
		w.crash()
		time.Sleep(10 * time.Second)
		if w.in.active() {
			t.Error("the fault outlived its holder by ten seconds")
		}
		time.Sleep(time.Hour)
		w.boot()
		w.finish(r)
	})
}

func TestStoppingEndsTheFaultAndTheRunIsFinishedLater(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		r := w.begin("slow-prefs")
		time.Sleep(15 * time.Second)
		w.halt()
		if w.in.active() {
			t.Error("the fault is active after the program has stopped")
		}
		w.boot()
		if r = w.finish(r); r.State != prevent.Aborted || r.Ending.Trigger != prevent.ByShutdown {
			t.Errorf("got %s by %s", r.State, r.Ending.Trigger)
		}
	})
}

func TestFaultThatCannotBeMade(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.in.refuse = errs.New(errs.Unavailable, "connection refused")
		r := w.finish(w.begin("slow-prefs"))
		if r.State != prevent.Aborted || !strings.Contains(r.Reason, "connection refused") {
			t.Errorf("got %s because %q", r.State, r.Reason)
		}
	})
}

func TestFaultThatDoesNotEndIsSaid(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.in.stubborn = true
		r := w.finish(w.begin("slow-prefs"))
		if !slices.ContainsFunc(r.Findings, func(s string) bool { return strings.Contains(s, "left to its lease") }) {
			t.Errorf("findings %v", r.Findings)
		}
	})
}

func TestSilenceProvesNothing(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		r := w.begin("slow-prefs")
		time.Sleep(2 * time.Second)
		w.silent.Store(true)
		r = w.finish(r)
		if r.State != prevent.Failed {
			t.Errorf("got %s: %s", r.State, r.Reason)
		}
	})
}

func TestProvenFixClosesItsActionItem(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.resolved(storm(time.Now()))
		w.resolved(storm(time.Now()))
		es, err := w.Experiments(ctx)
		w.must(err)
		if len(es) != 2 || es[0].Name != "recreate-inc-1" || es[0].Origin != prevent.FromIncident || es[0].Postmortem != "pm-INC-1" || len(es[0].Items) != 1 || es[1].Origin != prevent.Declared {
			t.Fatalf("got %+v", es)
		}
		if got := w.facts("recreate-inc-1"); len(got) != 1 {
			t.Errorf("proposed %d times, want once", len(got))
		}
		item := es[0].Items[0]
		if _, err := w.learn.CompleteItem(ctx, item, "mira", "", time.Now()); !errs.Is(err, errs.Conflict) {
			t.Errorf("the item is done before its proof: %v", err)
		}
		w.suffer.Store(400)
		if r := w.finish(w.begin("recreate-inc-1")); r.State != prevent.Aborted {
			t.Fatalf("without the fix: %s", r.State)
		}
		if _, err := w.learn.CompleteItem(ctx, item, "mira", "", time.Now()); !errs.Is(err, errs.Conflict) {
			t.Errorf("an aborted run proves nothing: %v", err)
		}
		time.Sleep(3 * time.Minute)
		w.suffer.Store(0)
		r := w.finish(w.begin("recreate-inc-1"))
		if r.State != prevent.Passed {
			t.Fatalf("with the fix: %s: %s", r.State, r.Reason)
		}
		a, err := w.learn.CompleteItem(ctx, item, "mira", "", time.Now())
		w.must(err)
		if a.State != learn.Done || a.Proof != string(r.ID) {
			t.Errorf("got %+v", a)
		}
		e, err := w.Experiment(ctx, "recreate-inc-1")
		w.must(err)
		if e.Last == nil || e.Last.ID != r.ID {
			t.Errorf("the newest run is not shown: %+v", e.Last)
		}
	})
}

func TestProposeOnRequest(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		i := storm(time.Now())
		w.saveIncident(i)
		e, err := w.Propose(t.Context(), "INC-1", time.Now())
		w.must(err)
		if e.Name != "recreate-inc-1" || e.Target != "prefs" || !slices.Equal(e.Watch, []string{slo}) {
			t.Errorf("got %+v", e)
		}
		i.ID, i.Group, i.Cause = "INC-2", "grp_2", nil
		w.saveIncident(i)
		if _, err := w.Propose(t.Context(), "INC-2", time.Now()); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v, want invalid", err)
		}
		w.cat.Experiments["recreate-inc-1"] = &catalog.Experiment{Meta: catalog.Meta{Name: "recreate-inc-1"}, Hypothesis: "written down", Target: "prefs"}
		if e, err = w.Experiment(t.Context(), "recreate-inc-1"); err != nil || e.Origin != prevent.Declared || e.Incident != "INC-1" || e.Hypothesis != "written down" {
			t.Errorf("a declared one takes its place and keeps the link: %+v, %v", e, err)
		}
	})
}

func TestGateAndFreeze(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		gate := func(service string, change prevent.Change) prevent.Verdict {
			t.Helper()
			v, err := w.Gate(ctx, prevent.Question{Service: service, Change: change, SHA: "9f31c2a"}, time.Now())
			w.must(err)
			return v
		}
		tick := func(later time.Duration) []prevent.Freeze {
			t.Helper()
			w.must(w.Tick(ctx, time.Now().Add(later)))
			fs, err := w.Frozen(ctx)
			w.must(err)
			return fs
		}
		v := gate("checkout", "")
		if v.Decision != prevent.Allow || v.Change != prevent.Feature || v.Policy != "standard" || v.PolicyHash != "c0ffee" || v.ID == "" || v.SHA != "9f31c2a" || time.Since(v.DataAt) > 10*time.Second {
			t.Errorf("got %+v", v)
		}
		if got := w.facts(v.ID); !slices.Equal(got, []string{prevent.KindGated}) {
			t.Errorf("facts %v, want the answer", got)
		}
		if !v.Allowed || v.DataAge == nil || *v.DataAge > 10 || !v.LiftsAt.IsZero() {
			t.Errorf("got %+v", v)
		}
		if v := gate("nowhere", prevent.Feature); v.Decision != prevent.Unknown {
			t.Errorf("unknown service: %+v", v)
		}
		if v := gate("search", prevent.Feature); v.Decision != prevent.Unknown {
			t.Errorf("service without an objective: %+v", v)
		}
		if _, err := w.Gate(ctx, prevent.Question{Service: "checkout", Change: "yolo"}, time.Now()); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v, want invalid", err)
		}
		if fs := tick(0); len(fs) != 0 {
			t.Errorf("frozen: %+v", fs)
		}
		w.detect.Ledger(slo).Add(time.Now().Add(-30*24*time.Hour), 1, 1) // a young ledger is held against a full window
		w.detect.Ledger(slo).Add(time.Now(), 0, 10_000)
		if fs := tick(0); len(fs) != 1 || fs[0].Service != "checkout" || fs[0].Spent < 1 {
			t.Fatalf("frozen: %+v", fs)
		}
		tick(0)
		// What burned leaves the window of 28 days by then, to the hour of Back.
		if v := gate("checkout", prevent.Feature); v.Decision != prevent.Blocked || v.Allowed || v.FrozenSince.IsZero() || v.LiftsAt.Sub(v.At.AddDate(0, 0, 28)).Abs() > 2*time.Hour {
			t.Errorf("in a freeze: %+v", v)
		}
		if v := gate("checkout", prevent.Rollback); v.Decision != prevent.Allow {
			t.Errorf("rollback in a freeze: %+v", v)
		}
		if fs := tick(29 * 24 * time.Hour); len(fs) != 0 {
			t.Errorf("still frozen a window later: %+v", fs)
		}
		all, err := w.Freezes(ctx, 10)
		w.must(err)
		if len(all) != 1 || all[0].ThawedAt.IsZero() {
			t.Errorf("freezes %+v, want one that is over", all)
		}
		if got := w.facts(all[0].ID); !slices.Equal(got, []string{prevent.KindFrozen, prevent.KindThawed}) {
			t.Errorf("facts %v", got)
		}
		vs, err := w.Verdicts(ctx, 3)
		w.must(err)
		if len(vs) != 3 || vs[0].Change != prevent.Rollback {
			t.Errorf("verdicts %+v", vs)
		}
	})
}

// A cluster says what runs and what would: going back to what ran is a rollback, and passes also a policy that knows none.
func TestWhatRanBeforeMayComeBack(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.cat.Budgets["standard"].Allow = nil
		ask := func(dry bool, running, images string) prevent.Verdict {
			t.Helper()
			v, err := w.Gate(t.Context(), prevent.Question{Service: "checkout", Running: strings.Fields(running), Images: strings.Fields(images), DryRun: dry}, time.Now())
			w.must(err)
			return v
		}
		if v := ask(true, "shop:v1 proxy:3", "shop:v2 proxy:3"); v.ID != "" || v.Change != prevent.Feature {
			t.Errorf("a dry run: %+v", v)
		}
		if v := ask(false, "shop:v2 proxy:3", "shop:v1 proxy:3"); v.Change != prevent.Feature {
			t.Errorf("a dry run was remembered: %+v", v)
		}
		ask(false, "shop:v1 proxy:3 tool:latest", "shop:v2 proxy:3")
		w.detect.Ledger(slo).Add(time.Now().Add(-30*24*time.Hour), 1, 1)
		w.detect.Ledger(slo).Add(time.Now(), 0, 10_000)
		for _, c := range []struct {
			what, running, images string
			want                  prevent.Decision
		}{
			{"back to v1", "shop:v2 proxy:3", "shop:v1 proxy:3", prevent.Allow},
			{"back to v1 with another proxy", "shop:v2 proxy:3", "shop:v1 proxy:4", prevent.Blocked},
			{"the same images with another configuration", "shop:v2 proxy:3", "shop:v2 proxy:3", prevent.Blocked},
			{"a tag that may be anything", "shop:v2 tool:3", "shop:v2 tool:latest", prevent.Blocked},
		} {
			if v := ask(true, c.running, c.images); v.Decision != c.want {
				t.Errorf("%s: %+v", c.what, v)
			}
		}
	})
}

// A database that hangs must not hold a pipeline, and an answer that nobody got is not in the log.
func TestGateDoesNotWaitForAStoreThatHangs(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		held, leave := make(chan struct{}), make(chan struct{})
		gone := make(chan error, 1)
		go func() {
			gone <- w.db.Update(context.Background(), func(*store.Tx) error { // the one writer is busy with somebody else
				close(held)
				<-leave
				return nil
			})
		}()
		<-held
		began := time.Now()
		for _, allow := range []bool{false, true} {
			v, err := w.Gate(t.Context(), prevent.Question{Service: "checkout", AllowUnknown: allow}, time.Now())
			if err != nil || v.Decision != prevent.Unknown || v.Allowed != allow || v.ID != "" || !strings.Contains(v.Reasons[0], "not recorded") {
				t.Errorf("%+v, %v", v, err)
			}
		}
		if d := time.Since(began); d > 2*time.Second { // virtual
			t.Errorf("two answers took %s", d)
		}
		close(leave)
		w.must(<-gone)
		w.must(w.db.Update(t.Context(), func(*store.Tx) error { return nil })) // what waited is done
		if vs, err := w.Verdicts(t.Context(), 9); err != nil || len(vs) != 0 {
			t.Errorf("%+v, %v", vs, err)
		}
	})
}

func TestGateWithoutData(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.silent.Store(true)
		time.Sleep(11 * time.Minute)
		v, err := w.Gate(t.Context(), prevent.Question{Service: "checkout"}, time.Now())
		w.must(err)
		if v.Decision != prevent.Unknown || !v.DataAt.IsZero() {
			t.Errorf("got %+v", v)
		}
	})
}

func TestSweepEndsWhatNobodyConducts(t *testing.T) {
	live(t, func(t *testing.T, w *world) {
		w.halt()
		r := w.begin("slow-prefs")
		w.must(w.db.Update(t.Context(), func(tx *store.Tx) error { return tx.Cancel(t.Context(), "prevent.run", string(r.ID)) }))
		w.must(w.Tick(t.Context(), time.Now()))
		if cur, err := w.GetRun(t.Context(), r.ID); err != nil || cur.State.Over() {
			t.Errorf("a fresh run was swept: %s, %v", cur.State, err)
		}
		w.must(w.Tick(t.Context(), time.Now().Add(10*time.Minute)))
		if cur, err := w.GetRun(t.Context(), r.ID); err != nil || cur.State != prevent.Aborted {
			t.Errorf("got %s, %v; want aborted", cur.State, err)
		}
	})
}

// TestRandomWalk lets everything happen at any moment and checks what must hold: never two faults at once, no fault beyond
// its deadline or lease, no fault made twice, no run without an end, and states only along the arrows of the picture.
func TestRandomWalk(t *testing.T) {
	for seed := range 12 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			live(t, func(t *testing.T, w *world) { walk(t, w, rand.New(rand.NewPCG(uint64(seed), 1))) })
		})
	}
}

func walk(t *testing.T, w *world, rnd *rand.Rand) {
	ctx := context.Background()
	incidents := 0
	for range 25 {
		now := time.Now()
		switch rnd.IntN(12) {
		case 0, 1, 2:
			if _, err := w.Start(ctx, "slow-prefs", "mira", now); err != nil && !errs.Is(err, errs.Conflict) {
				t.Fatal(err)
			}
		case 3:
			_, err := w.KillAll(ctx, "jon", now)
			w.must(err)
		case 4:
			w.crash()
			time.Sleep(time.Duration(rnd.IntN(30)) * time.Second)
			w.boot()
		case 5:
			w.halt()
			time.Sleep(time.Duration(rnd.IntN(30)) * time.Second)
			w.boot()
		case 6:
			w.suffer.Store(int64(rnd.IntN(2) * 400))
		case 7:
			w.silent.Store(rnd.IntN(3) == 0)
		case 8:
			incidents++
			i := respond.Incident{ID: respond.ID(fmt.Sprintf("INC-%d", incidents)), Group: detect.GroupID(fmt.Sprint(incidents)), Status: respond.Investigating, Service: "checkout", Burning: []string{"checkout"}, OpenedAt: now}
			w.saveIncident(i)
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Second)
			i.Status, i.ResolvedAt = respond.Resolved, time.Now()
			w.saveIncident(i)
		case 9:
			w.in.mu.Lock()
			w.in.refuse = nil
			if rnd.IntN(3) == 0 {
				w.in.refuse = errors.New("refused")
			}
			w.in.mu.Unlock()
		case 10:
			w.must(w.Tick(ctx, now))
		}
		time.Sleep(time.Duration(rnd.IntN(40_000)) * time.Millisecond)
	}
	runs, err := w.Runs(ctx, "", 1000)
	w.must(err)
	for _, r := range runs {
		w.finish(r)
	}
	time.Sleep(10 * time.Second)
	arrows := map[prevent.State][]prevent.State{
		"":                 {prevent.Planned},
		prevent.Planned:    {prevent.Preflight, prevent.Aborted},
		prevent.Preflight:  {prevent.Running, prevent.Aborted},
		prevent.Running:    {prevent.Running, prevent.Monitoring, prevent.Aborted}, // a kill is said while it runs
		prevent.Monitoring: {prevent.Passed, prevent.Failed, prevent.Aborted},
	}
	for _, r := range runs {
		es, err := w.db.Events(ctx, event.Query{Subject: string(r.ID)})
		w.must(err)
		state := prevent.State("")
		for _, e := range es {
			c, err := event.Decode[prevent.RunChanged](e)
			w.must(err)
			if !slices.Contains(arrows[state], c.Run.State) {
				t.Errorf("%s went from %q to %s by %s", r.ID, state, c.Run.State, e.Kind)
			}
			state = c.Run.State
		}
	}
}
