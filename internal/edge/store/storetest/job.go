package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/job"
)

func jobDue(kind, key string, second int) job.Job { return job.New(kind, key, at(second), nil) }

func (w world) enqueue(js ...job.Job) {
	w.Helper()
	w.update(func(ctx context.Context, tx *store.Tx) error {
		for _, j := range js {
			if err := tx.Enqueue(ctx, j); err != nil {
				return err
			}
		}
		return nil
	})
}

// take returns the key of the job that Take gives, "" when there is none.
func (w world) take(now time.Time, kinds ...string) (key string) {
	w.Helper()
	err := w.db.Update(w.Context(), func(tx *store.Tx) error {
		j, err := tx.Take(w.Context(), kinds, now)
		key = j.Key
		return err
	})
	if err != nil {
		w.code("take", err, errs.NotFound)
	}
	return key
}

func (w world) claim(now, until time.Time, limit int, kinds ...string) (out []job.Job) {
	w.Helper()
	w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = tx.Claim(ctx, kinds, now, until, limit)
		return err
	})
	return out
}

func keys(js []job.Job) []string {
	var out []string
	for _, j := range js {
		out = append(out, j.Key)
	}
	return out
}

func (w world) nextDue(kinds ...string) time.Time {
	w.Helper()
	return read(w, func(ctx context.Context, tx *store.Tx) (time.Time, error) {
		_, due, err := tx.NextDue(ctx, kinds)
		return due, err
	})
}

func (w world) stuck() []store.StuckJob {
	w.Helper()
	return read(w, func(ctx context.Context, tx *store.Tx) ([]store.StuckJob, error) { return tx.Stuck(ctx) })
}

var jobTests = []exercise{
	{"jobs are taken when due, the longest due first, only of the kinds asked for, and once", func(w world) {
		w.enqueue(jobDue("a", "late", 20), jobDue("a", "second", 5), jobDue("a", "first", 1), jobDue("b", "other", 0))
		same(w, "takes", []string{w.take(at(10), "a"), w.take(at(10), "a"), w.take(at(10), "a"), w.take(at(20), "a", "c"), w.take(at(20), "b")},
			[]string{"first", "second", "", "late", "other"})
	}},
	{"arguments come back", func(w world) {
		w.enqueue(job.New("a", "k", t0, map[string]any{"group": "g", "n": 3}))
		got := w.claim(t0, at(1), 1, "a")
		if len(got) != 1 || got[0].Kind != "a" || got[0].Key != "k" || !got[0].DueAt.Equal(t0) {
			w.Fatalf("claimed %+v", got)
		}
		args, err := job.Decode[struct {
			Group string
			N     int
		}](got[0])
		w.must(err)
		if args.Group != "g" || args.N != 3 {
			w.Errorf("arguments %s", got[0].Args)
		}
	}},
	{"the same kind and key again moves the job and replaces its arguments", func(w world) {
		w.enqueue(job.New("a", "k", at(1), "old"), job.New("a", "k", at(30), "new"))
		same(w, "before", w.take(at(10), "a"), "")
		got := w.claim(at(30), at(40), 5, "a")
		if len(got) != 1 || string(got[0].Args) != `"new"` {
			w.Errorf("claimed %+v", got)
		}
	}},
	{"a cancelled job is gone, and one that never was is no error", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		for range 2 {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Cancel(ctx, "a", "k") })
		}
		same(w, "take", w.take(at(10), "a"), "")
	}},
	{"a claimed job is nobody else's until its lease is over", func(w world) {
		w.enqueue(jobDue("a", "1", 0), jobDue("a", "2", 1), jobDue("a", "3", 2))
		same(w, "first", keys(w.claim(at(5), at(20), 2, "a")), []string{"1", "2"})
		same(w, "second", keys(w.claim(at(5), at(20), 5, "a")), []string{"3"})
		same(w, "third", keys(w.claim(at(19), at(40), 5, "a")), nil)
		if len(w.claim(at(20), at(40), 5, "a")) != 3 {
			w.Error("the leases are over and the jobs are not free")
		}
	}},
	{"a renewed lease lasts", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		j := w.claim(t0, at(10), 1, "a")[0]
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Renew(ctx, j.ID, at(30)) })
		same(w, "claim", keys(w.claim(at(20), at(40), 1, "a")), nil)
		same(w, "claim", keys(w.claim(at(30), at(40), 1, "a")), []string{"k"})
	}},
	{"a worker that lost its lease can not say any more how the job ended", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		lost := w.claim(t0, at(10), 1, "a")[0]
		w.claim(at(10), at(20), 1, "a")
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.Renew(ctx, lost.ID, at(1000)), tx.Retry(ctx, lost.ID, at(15), at(1000), true, "lost"), tx.Done(ctx, lost.ID))
		})
		if got := w.claim(at(20), at(30), 1, "a"); len(got) != 1 || got[0].Attempts != 0 {
			w.Errorf("claimed %+v", got)
		}
	}},
	{"after a start nobody holds a lease", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		w.claim(t0, at(100), 1, "a")
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Unlease(ctx) })
		same(w, "claim", keys(w.claim(at(1), at(2), 1, "a")), []string{"k"})
	}},
	{"a finished job is gone; one that was asked for again meanwhile is not", func(w world) {
		w.enqueue(jobDue("a", "1", 0), jobDue("a", "2", 0))
		js := w.claim(t0, at(10), 2, "a")
		w.enqueue(jobDue("a", "2", 0))
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, j := range js {
				if err := tx.Done(ctx, j.ID); err != nil {
					return err
				}
			}
			return nil
		})
		same(w, "claim", keys(w.claim(t0, at(10), 2, "a")), []string{"2"})
	}},
	{"a failed job comes back later and counts its attempts", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		j := w.claim(t0, at(100), 1, "a")[0]
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Retry(ctx, j.ID, at(1), at(7), false, "why") })
		same(w, "too early", keys(w.claim(at(6), at(100), 1, "a")), nil)
		got := w.claim(at(7), at(100), 1, "a")
		if len(got) != 1 || got[0].Attempts != 1 {
			w.Errorf("claimed %+v", got)
		}
		same(w, "stuck", w.stuck(), nil)
	}},
	{"a stuck job is worked on by nobody, can be seen with its reason, and asking again frees it", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		j := w.claim(t0, at(100), 1, "a")[0]
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return tx.Retry(ctx, j.ID, at(1), at(7), true, "no such host")
		})
		same(w, "claim", keys(w.claim(at(1000), at(2000), 1, "a")), nil)
		same(w, "take", w.take(at(1000), "a"), "")
		same(w, "next due", w.nextDue("a"), time.Time{})
		got := w.stuck()
		if len(got) != 1 || got[0].Key != "k" || got[0].Attempts != 1 || got[0].Error != "no such host" || !got[0].DueAt.Equal(at(7)) {
			w.Errorf("stuck: %+v", got)
		}
		w.enqueue(jobDue("a", "k", 8))
		got2 := w.claim(at(8), at(9), 1, "a")
		if len(got2) != 1 || got2[0].Attempts != 0 {
			w.Errorf("claimed %+v", got2)
		}
	}},
	{"what fails can be seen since its first failure, with the last reason and the next attempt; asking again makes it good", func(w world) {
		w.enqueue(jobDue("a", "often", 0), jobDue("a", "once", 1), jobDue("a", "given up", 2), jobDue("a", "well", 3))
		js := w.claim(at(3), at(100), 4, "a")
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.Retry(ctx, js[0].ID, at(4), at(5), false, "first"), tx.Retry(ctx, js[0].ID, at(6), at(9), false, "second"),
				tx.Retry(ctx, js[1].ID, at(4), at(5), false, "x"), tx.Retry(ctx, js[2].ID, at(8), at(10), true, "no more"))
		})
		failing := func() (out []string) {
			for _, s := range read(w, func(ctx context.Context, tx *store.Tx) ([]store.StuckJob, error) { return tx.Failing(ctx, 2) }) {
				out = append(out, fmt.Sprintf("%s since %s, %d times, %q, next %s, aside %v", s.Key, s.Since.Sub(t0), s.Attempts, s.Error, s.DueAt.Sub(t0), s.Aside))
			}
			return out
		}
		same(w, "failing", failing(), []string{`often since 4s, 2 times, "second", next 9s, aside false`, `given up since 8s, 1 times, "no more", next 10s, aside true`})
		w.enqueue(jobDue("a", "often", 20))
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Revive(ctx, at(30)) })
		same(w, "failing after all was asked for again", failing(), nil)
		same(w, "what was given up is due again", keys(w.claim(at(30), at(40), 9, "a")), []string{"once", "often", "given up"})
	}},
	{"next due is the earliest moment at which somebody can work", func(w world) {
		same(w, "nothing", w.nextDue("a"), time.Time{})
		w.enqueue(jobDue("a", "1", 50), jobDue("a", "2", 5), jobDue("b", "3", 1))
		same(w, "earliest", w.nextDue("a"), at(5))
		w.claim(at(5), at(30), 1, "a")
		same(w, "the lease counts", w.nextDue("a"), at(30))
		same(w, "of both kinds", w.nextDue("a", "b"), at(1))
	}},
	{"a leader's lease has one holder and a token that rises with each new one", func(w world) {
		try := func(holder string, now, until int) (token int64, ok bool) {
			w.update(func(ctx context.Context, tx *store.Tx) (err error) {
				token, ok, err = tx.Lease(ctx, "leader", holder, at(now), at(until))
				return err
			})
			return token, ok
		}
		for _, c := range []struct {
			holder     string
			now, until int
			token      int64
			ok         bool
		}{
			{"a", 0, 10, 1, true}, {"b", 5, 15, 0, false}, {"a", 8, 18, 1, true}, {"b", 18, 28, 0, false},
			{"b", 19, 29, 2, true}, {"a", 20, 30, 0, false}, {"a", 60, 70, 3, true},
		} {
			if token, ok := try(c.holder, c.now, c.until); token != c.token || ok != c.ok {
				w.Errorf("%s at %d: token %d, %v; want %d, %v", c.holder, c.now, token, ok, c.token, c.ok)
			}
		}
	}},
	{"arguments that are no object are kept too", func(w world) {
		w.enqueue(job.Job{Kind: "a", Key: "k", DueAt: t0, Args: json.RawMessage(`12`)})
		if got := w.claim(t0, at(1), 1, "a"); len(got) != 1 || string(got[0].Args) != "12" {
			w.Errorf("claimed %+v", got)
		}
	}},
}
