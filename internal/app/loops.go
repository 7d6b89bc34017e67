package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/kit/life"
	"nightkeeper/internal/loop/observe/graph"
)

// How often the loops look.
const (
	tickEvery   = time.Second
	flushEvery  = time.Second
	policyEvery = 5 * time.Second
	listenEvery = 5 * time.Second
	trimEvery   = time.Hour
)

// loops returns the background parts: followers of facts, timers, tasks and tickers.
func (a *App) loops() []life.Part {
	log, now := a.opts.Log, a.opts.Now
	p := a.phases
	loop := func(name string, run func(ctx context.Context) error) life.Part { return life.Loop(name, log, run) }
	var aside []life.Part
	follower := func(name string, h store.Handlers) life.Part {
		aside = append(aside, a.every("facts that "+name+" set aside", store.AsideEvery, func(ctx context.Context) error { return a.db.RetryAside(ctx, name, h, now) }))
		return loop("follow "+name, func(ctx context.Context) error { return a.db.Follow(ctx, name, h, now, log) })
	}
	all := store.Timers{}
	timers(all, p.detect.Timers())
	timers(all, p.page.Timers())
	timers(all, p.respond.Timers())
	timers(all, p.remediate.Timers())
	timers(all, p.learn.Timers())
	parts := []life.Part{
		follower("page", follow(p.page.Follows())),
		follower("respond", people(follow(p.respond.Follows()))),
		follower("remediate", people(follow(p.remediate.Follows()))),
		follower("learn", people(follow(p.learn.Follows()))),
		follower("prevent", people(follow(p.prevent.Follows()))),
		loop("timers", func(ctx context.Context) error { return a.db.RunTimers(ctx, all, now, log) }),
		// Notifications have workers of their own: nothing else may keep them waiting.
		a.tasks("notifications", p.page.Tasks(), 8), // of each channel
		a.tasks("diagnosis", p.respond.Tasks(), 2),
		a.tasks("runs", p.remediate.Tasks(), 8),
		a.tasks("experiments", p.prevent.Tasks(), 2),
		a.every("alerts", tickEvery, func(ctx context.Context) error { return p.detect.Tick(ctx, now()) }),
		a.every("heartbeats", listenEvery, func(ctx context.Context) error { return p.detect.Listen(ctx, now()) }),
		a.every("ledgers", flushEvery, p.detect.Flush),
		a.every("payloads", listenEvery, p.detect.KeepPayloads),
		a.every("ledger trim", trimEvery, func(ctx context.Context) error { return p.detect.Trim(ctx, now()) }),
		a.every("session trim", trimEvery, a.auth.Trim),
		a.every("clock", listenEvery, func(ctx context.Context) error { return a.lookAtClock(ctx) }),
		a.every("watchdog", tickEvery, func(ctx context.Context) error { return p.watchdog.Look(ctx, now()) }),
		a.every("schedules", tickEvery, func(ctx context.Context) error { return p.page.WatchSchedules(ctx, now()) }),
		a.every("budget policy", policyEvery, func(ctx context.Context) error { return p.prevent.Tick(ctx, now()) }),
		a.every("live picture", graph.Width, a.snapshot),
		loop("faults of an earlier life", a.sweepFaults),
	}
	return slices.Concat(parts, aside, a.listeners())
}

func (a *App) tasks(name string, ts job.Tasks, width int) life.Part {
	return life.Loop(name, a.opts.Log, func(ctx context.Context) error { return a.db.RunTasks(ctx, ts, width, a.opts.Now, a.opts.Log) })
}

// every runs fn at an interval; a failure is logged and the next turn tries again.
func (a *App) every(name string, d time.Duration, fn func(ctx context.Context) error) life.Part {
	return life.Loop(name, a.opts.Log, func(ctx context.Context) error {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-t.C:
			}
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				a.opts.Log.Error("periodic work failed", "part", name, "error", err)
			}
		}
	})
}

// snapshot writes the finished buckets of the live picture, for a restart and for the metrics engine.
func (a *App) snapshot(ctx context.Context) error {
	now := a.opts.Now()
	buckets, err := a.graph.Snapshot(now)
	if err != nil {
		return err
	}
	var failed []error
	for _, b := range buckets {
		if a.rollup != nil {
			failed = append(failed, a.rollup.Append(now, b))
		}
	}
	_, _, err = a.host.WriteSamples(ctx, append(a.graph.Series(now), a.phases.watchdog.Health().Series(now)...))
	return errors.Join(append(failed, err)...)
}

// sweepFaults ends what experiments of an earlier life left behind, and tries until nothing is left; until then no
// experiment starts.
func (a *App) sweepFaults(ctx context.Context) error {
	for ctx.Err() == nil {
		_, err := a.phases.holder.Sweep(ctx)
		if err == nil {
			a.swept.Store(true)
			<-ctx.Done()
			return nil
		}
		a.opts.Log.Error("a fault of an earlier experiment could not be ended; it is tried again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(store.AsideEvery):
		}
	}
	return nil
}
