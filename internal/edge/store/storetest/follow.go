package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

func (w world) follow(name string, hs store.Handlers) (stop func()) {
	return w.background(func(ctx context.Context) error { return w.db.Follow(ctx, name, hs, newClock().Now, Quiet) })
}

// mark is a handler that leaves one fact for each fact it was given.
func mark(ctx context.Context, tx *store.Tx, e event.Event, _ time.Time) error {
	return tx.Append(ctx, event.Event{Kind: "marked", At: t0, Subject: fmt.Sprint(e.Seq)})
}

// marked returns the numbers of the facts that were handled, in the order in which they were.
func (w world) marked() []string {
	w.Helper()
	es, err := w.db.Events(w.Context(), event.Query{Kinds: []string{"marked"}})
	w.must(err)
	var out []string
	for _, e := range es {
		out = append(out, e.Subject)
	}
	return out
}

// written appends n facts of kind k and returns their numbers.
func (w world) written(n int) (want []string) {
	w.Helper()
	for i := range n {
		w.append(fact("k", i))
	}
	es, err := w.db.Events(w.Context(), event.Query{Kinds: []string{"k"}})
	w.must(err)
	for _, e := range es {
		want = append(want, fmt.Sprint(e.Seq))
	}
	return want
}

var followTests = []exercise{
	{"a follower handles each fact of its kinds once, in order", func(w world) {
		w.append(fact("other", 0))
		want := w.written(120)
		stop := w.follow("f", store.Handlers{"k": mark})
		w.eventually("all are handled", func() bool { return len(w.marked()) >= len(want) })
		stop()
		same(w, "handled", w.marked(), want)
	}},
	{"a handler that fails or panics is given the fact again, and leaves nothing of the failed attempts", func(w world) {
		want := w.written(5)
		var tries atomic.Int64
		stop := w.follow("f", store.Handlers{"k": func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			if err := mark(ctx, tx, e, now); err != nil {
				return err
			}
			switch tries.Add(1) % 3 {
			case 1:
				return errWanted
			case 2:
				panic("oh")
			}
			return nil
		}})
		w.eventually("all are handled", func() bool { return len(w.marked()) >= len(want) })
		stop()
		same(w, "handled", w.marked(), want)
	}},
	{"a follower that is stopped anywhere goes on where it was", func(w world) {
		want := w.written(60)
		for len(w.marked()) < len(want) {
			enough := make(chan struct{})
			left := rand.IntN(9) + 1
			stop := w.follow("f", store.Handlers{"k": func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
				if left--; left == 0 {
					close(enough)
				}
				if left <= 0 && rand.IntN(2) == 0 {
					return errors.New("stopped in the middle")
				}
				return mark(ctx, tx, e, now)
			}})
			select {
			case <-enough:
			default:
				w.eventually("progress", func() bool {
					select {
					case <-enough:
						return true
					default:
						return len(w.marked()) == len(want)
					}
				})
			}
			stop()
		}
		same(w, "handled", w.marked(), want)
	}},
	{"two followers of one name share the work and do nothing twice", func(w world) {
		stop1, stop2 := w.follow("f", store.Handlers{"k": mark}), w.follow("f", store.Handlers{"k": mark})
		want := w.written(60)
		w.eventually("all are handled", func() bool { return len(w.marked()) >= len(want) })
		stop1()
		stop2()
		same(w, "handled", w.marked(), want)
	}},
	{"a fact that nobody can handle is set aside and those behind it are handled", func(w world) {
		want := w.written(3)
		stop := w.follow("f", store.Handlers{"k": func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			if fmt.Sprint(e.Seq) == want[1] {
				return errors.New("this one never")
			}
			return mark(ctx, tx, e, now)
		}})
		w.eventually("the others are handled", func() bool { return len(w.marked()) >= 2 })
		stop()
		same(w, "handled", w.marked(), []string{want[0], want[2]})
		if s := w.stuck(); len(s) != 1 || s[0].Kind != "follow.f" || s[0].Key != want[1] || s[0].Error != "this one never" {
			w.Errorf("stuck: %+v", s)
		}
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Revive(ctx, time.Now()) }) // is for tasks only
		never := func(context.Context, *store.Tx, event.Event, time.Time) error { return errors.New("still not") }
		later := time.Now().Add(time.Hour)
		if err := w.db.RetryAside(w.Context(), "f", store.Handlers{"k": never}, func() time.Time { return later }); err == nil || !strings.Contains(err.Error(), "still not") {
			w.Errorf("tried again: %v", err)
		}
		if s := w.stuck(); len(s) != 1 || s[0].Error != "still not" || !s[0].DueAt.Equal(later.Add(store.AsideEvery).Truncate(time.Microsecond)) || !s[0].Since.Equal(t0) {
			w.Errorf("still stuck: %+v", s)
		}
		if err := w.db.RetryAside(w.Context(), "f", store.Handlers{"k": mark}, time.Now); err != nil {
			w.Error(err)
		}
		same(w, "handled after it was mended", w.marked(), []string{want[0], want[2], want[1]})
		same(w, "stuck after it was mended", w.stuck(), nil)
	}},
	{"a fact is not given up because the database is away, and nobody asks it all the time", func(w world) {
		want := w.written(1)
		var tries atomic.Int64
		first := time.Now()
		var took atomic.Int64
		stop := w.follow("f", store.Handlers{"k": func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			if tries.Add(1) <= 8 {
				return errs.New(errs.Unavailable, "away")
			}
			took.Store(int64(time.Since(first)))
			return mark(ctx, tx, e, now)
		}})
		w.eventually("it is handled", func() bool { return len(w.marked()) >= 1 })
		stop()
		same(w, "handled", w.marked(), want)
		same(w, "stuck", w.stuck(), nil)
		if d := time.Duration(took.Load()); d < 8*40*time.Millisecond {
			w.Errorf("eight attempts within %s", d)
		}
	}},
	{"a reader with a cursor misses nothing while many write", func(w world) {
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		var wg sync.WaitGroup
		const writers, each = 8, 25
		for range writers {
			wg.Go(func() {
				for n := range each {
					if err := w.db.Update(ctx, func(tx *store.Tx) error { return tx.Append(ctx, fact("k", n)) }); err != nil {
						w.Error(err)
					}
				}
			})
		}
		var after int64
		w.eventually("all are read", func() bool {
			for _, seq := range w.seqs(event.Query{After: after, Limit: 7}) {
				if seq != after+1 {
					w.Errorf("fact %d after %d", seq, after)
				}
				after = seq
			}
			return after == writers*each
		})
		wg.Wait()
	}},
}
