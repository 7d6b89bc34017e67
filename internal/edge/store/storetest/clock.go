package storetest

import (
	"context"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/job"
)

var clockTests = []exercise{
	{"servers of which some run as a shadow and some do not see it, and those that are gone are forgotten", func(w world) {
		shadow, pages := store.NewClock(w.db, "a"), store.NewClock(w.db, "b")
		shadow.Shadow = true
		now := t0
		look := func(want bool, clocks ...*store.Clock) {
			w.Helper()
			for range 3 {
				now = now.Add(5 * time.Second)
				for _, c := range clocks {
					_, _, err := c.Look(w.Context(), now)
					w.must(err)
				}
			}
			for _, c := range clocks {
				if c.Differs != want {
					w.Errorf("a server with Shadow %v says that others differ: %v, want %v", c.Shadow, c.Differs, want)
				}
			}
		}
		marks := func(prefix string) map[string]time.Time {
			return read(w, func(ctx context.Context, tx *store.Tx) (map[string]time.Time, error) { return tx.Marks(ctx, prefix) })
		}
		look(true, shadow, pages)
		shadow = store.NewClock(w.db, "a") // started again without the flag
		look(false, shadow, pages)
		same(w, "shadows", marks("shadow "), map[string]time.Time{})
		now = now.Add(31 * 24 * time.Hour)
		look(false, pages)
		same(w, "clocks", marks("clock "), map[string]time.Time{"clock b": now})
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropMark(ctx, "clock b") })
		same(w, "dropped", marks("clock "), map[string]time.Time{})
	}},
	{"a clock that is set back makes nothing wait longer, also while the server was away", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return tx.Enqueue(ctx, job.New("k", "soon", at(300), nil))
		})
		c := store.NewClock(w.db, "a")
		look := func(c *store.Clock, now time.Time, moved time.Duration) {
			w.Helper()
			got, _, err := c.Look(w.Context(), now)
			w.must(err)
			if got != moved {
				w.Errorf("at %s: moved by %s, want %s", now, got, moved)
			}
		}
		due := func(want time.Time) {
			w.Helper()
			if got := w.nextDue("k"); !got.Equal(want) {
				w.Errorf("due at %s, want %s", got, want)
			}
		}
		look(c, t0, 0)
		look(c, at(-30), 0) // as clocks do that are set often
		due(at(300))
		look(c, at(60), 0)
		const back = 2 * time.Hour
		same(w, "what was noted", read(w, func(ctx context.Context, tx *store.Tx) (map[string]time.Time, error) { return tx.Marks(ctx, "clock ") }), map[string]time.Time{"clock a": at(60)})
		c = store.NewClock(w.db, "a") // started again
		look(c, at(60).Add(-back), back)
		due(at(300).Add(-back))
		look(c, at(65).Add(-back), 0)
		due(at(300).Add(-back))
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.MoveJobs(ctx, time.Minute, at(0).Add(-back)) })
		due(at(360).Add(-back))
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.MoveJobs(ctx, -time.Minute, at(0).Add(-back)) })
		look(c, at(70), 0) // and forward again: it is late, and fires once
		due(at(300).Add(-back))
	}},
	{"a lease does not outlive a clock that is set back", func(w world) {
		c := store.NewClock(w.db, "a")
		_, _, err := c.Look(w.Context(), t0)
		w.must(err)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Enqueue(ctx, job.New("k", "x", t0, nil)); err != nil {
				return err
			}
			_, err := tx.Claim(ctx, []string{"k"}, t0, at(15), 1)
			return err
		})
		_, _, err = c.Look(w.Context(), t0.Add(-time.Hour))
		w.must(err)
		if got := w.nextDue("k"); got.After(at(15).Add(-time.Hour)) {
			w.Errorf("due at %s", got)
		}
	}},
	{"a clock that is set back moves nothing of servers that go on, and says how far apart they are", func(w world) {
		a, b := store.NewClock(w.db, "a"), store.NewClock(w.db, "b")
		look := func(c *store.Clock, now time.Time) (time.Duration, time.Duration) {
			w.Helper()
			moved, apart, err := c.Look(w.Context(), now)
			w.must(err)
			return moved, apart
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return tx.Enqueue(ctx, job.New("k", "soon", at(300), nil))
		})
		for i := range 6 {
			look(a, at(5*i))
			look(b, at(5*i+1))
		}
		for i := 6; i < 12; i++ {
			look(a, at(5*i))
			moved, apart := look(b, at(5*i).Add(-time.Hour))
			if moved != 0 || apart != time.Hour {
				w.Errorf("moved by %s, apart by %s", moved, apart)
			}
		}
		// The other one ends; when that is certain, what is left is nearer again.
		var all time.Duration
		for i := 12; i < 20; i++ {
			moved, _ := look(b, at(5*i).Add(-2*time.Hour))
			all += moved
		}
		if all < 2*time.Hour-time.Minute || all > 2*time.Hour+time.Minute {
			w.Errorf("moved by %s", all)
		}
	}},
}
