package browser

import (
	"slices"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// calm gives a world an hour of traffic with one incident that is over: half an hour ago the stock could not be read.
func (w *world) calm() {
	w.t.Helper()
	now := time.Now().Truncate(10 * time.Second)
	broke := now.Add(-35 * time.Minute)
	bad := trouble{from: broke, to: broke.Add(4 * time.Minute), service: "inventory-api", fails: 0.95}
	w.deploys = []observe.Deploy{{
		ID: "dep_1", Service: "user-preferences-api", Version: "4.2.0", PreviousVersion: "4.1.9", Commit: "9f2c1ab", Author: "tomas",
		Message: "Read preferences per tenant", At: now.Add(-50 * time.Minute),
	}}
	w.traffic(now.Add(-58*time.Minute), broke.Add(150*time.Second), bad)
	w.clock.stand(broke.Add(150 * time.Second))
	w.must(w.detect.Tick(w.ctx, w.clock.now()))
	first := w.open()
	for range 4 {
		w.clock.stand(w.clock.now().Add(12 * time.Second))
		w.traffic(w.clock.now().Add(-12*time.Second), w.clock.now(), bad)
		w.must(w.respond.Look(w.ctx, first, w.clock.now()))
	}
	w.until("the page is told", func() bool {
		ps := w.paged()
		return len(ps) > 0 && ps[0].State == page.Open
	})
	_, err := w.page.Ack(w.ctx, w.paged()[0].ID, "tomas", w.clock.now())
	w.must(err)
	w.must(w.respond.Note(w.ctx, first, "tomas", "The lock is held by the nightly stock import. I have stopped the import.", w.clock.now()))
	w.traffic(w.clock.now(), broke.Add(8*time.Minute), bad)
	w.clock.stand(broke.Add(8 * time.Minute))
	w.must(w.detect.Tick(w.ctx, w.clock.now()))
	w.until("the first incident is over", func() bool {
		i, err := w.respond.Get(w.ctx, first)
		return err == nil && !i.Open()
	})
	w.until("its postmortem is drafted", func() bool {
		_, err := w.learn.Of(w.ctx, first)
		return err == nil
	})
	w.clock.stand(broke.Add(20 * time.Minute))
	w.traffic(broke.Add(8*time.Minute), w.clock.now())
	w.must(w.detect.Tick(w.ctx, w.clock.now()))
}

// burn makes the preferences slow five minutes ago, and leaves the incident open with a runbook that asks.
func (w *world) burn() respond.ID {
	w.t.Helper()
	now := time.Now().Truncate(10 * time.Second)
	broke := now.Add(-5 * time.Minute)
	storm := trouble{from: broke, to: now.Add(time.Hour), service: "user-preferences-api", slow: 700 * time.Millisecond, retries: true}
	w.traffic(w.last, broke, storm)
	for fired := 0; fired < 2; {
		w.traffic(w.last, w.last.Add(10*time.Second), storm)
		w.clock.stand(w.last)
		w.must(w.detect.Tick(w.ctx, w.last))
		as, err := w.detect.Alerts(w.ctx, "", true)
		w.must(err)
		fired = len(as)
	}
	id := w.open()
	w.until("all alerts are in the incident", func() bool {
		i, err := w.respond.Get(w.ctx, id)
		as, err2 := w.detect.Alerts(w.ctx, i.Group, true)
		return err == nil && err2 == nil && len(as) > 0 && len(i.Alerts) == len(as)
	})
	for range 5 {
		next := w.clock.now().Add(10 * time.Second)
		w.traffic(w.clock.now(), next, storm)
		w.clock.stand(next)
		w.must(w.respond.Look(w.ctx, id, w.clock.now()))
	}
	i, err := w.respond.Get(w.ctx, id)
	w.must(err)
	if i.Cause == nil || i.Cause.Kind != "retry_storm" {
		w.t.Fatalf("diagnosis of %s (%s, onset %s, trouble began %s): %s", i.ID, i.Service, i.OnsetAt, broke, i.Diagnosis.Summary)
	}
	w.until("the runbook asks", func() bool { as, err := w.remediate.PendingApprovals(w.ctx); return err == nil && len(as) > 0 })
	w.until("the run waits", func() bool {
		rs, err := w.remediate.List(w.ctx, id, 1)
		return err == nil && len(rs) > 0 && rs[0].State == remediate.Waiting
	})
	w.traffic(w.last, now, storm)
	w.clock.run()
	w.must(w.prevent.Tick(w.ctx, w.clock.now()))
	return id
}

// paged returns the pages of alerts that are not resolved, the newest first; calls for a commander are not among them.
func (w *world) paged() []page.Page {
	w.t.Helper()
	ps, err := w.page.Live(w.ctx)
	w.must(err)
	return slices.DeleteFunc(ps, func(p page.Page) bool { return p.For != "" })
}

// open waits for an open incident and returns its name.
func (w *world) open() respond.ID {
	w.t.Helper()
	var id respond.ID
	w.until("an incident", func() bool {
		list, err := w.respond.List(w.ctx, true, 1)
		if err != nil || len(list) == 0 {
			return false
		}
		id = list[0].ID
		return true
	})
	return id
}
