package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/job"
)

// clock is a time that moves when the test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: t0} }

// Now returns the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// eventually waits until a condition of the database comes true: it may be another process's doing, so there is no signal.
func (w world) eventually(what string, ok func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), Patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("%s: not within %s", what, Patience)
		}
	}
}

// background runs fn until stop is called, which waits for it; the end of the test stops it too.
func (w world) background(fn func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				w.Errorf("background part: %v", err)
			}
		}
	}()
	stop = func() { cancel(); <-done }
	w.Cleanup(stop)
	return stop
}

func (w world) timers(c *clock, ts store.Timers) (stop func()) {
	return w.background(func(ctx context.Context) error { return w.db.RunTimers(ctx, ts, c.Now, Quiet) })
}

func (w world) tasks(c *clock, width int, ts job.Tasks) (stop func()) {
	return w.background(func(ctx context.Context) error { return w.db.RunTasks(ctx, ts, width, c.Now, Quiet) })
}

// counter counts in the database, so that what was rolled back does not count.
func (w world) counter(name string) int64 {
	w.Helper()
	var n int64
	err := w.db.Update(w.Context(), func(tx *store.Tx) (err error) {
		n, err = tx.NextNumber(w.Context(), name)
		if err == nil {
			err = errWanted
		}
		return err
	})
	if !errors.Is(err, errWanted) {
		w.Fatal(err)
	}
	return n - 1
}

var workerTests = []exercise{
	{"each timer fires once, however many workers there are", func(w world) {
		c := newClock()
		const n = 40
		ts := store.Timers{"a": func(ctx context.Context, tx *store.Tx, j job.Job, now time.Time) error {
			_, err := tx.NextNumber(ctx, "fired "+j.Key)
			return err
		}}
		for range 3 {
			w.timers(c, ts)
		}
		for i := range n {
			w.enqueue(jobDue("a", fmt.Sprint(i), i%10))
		}
		c.set(at(10))
		w.eventually("no timer is left", func() bool { return w.nextDue("a").IsZero() })
		for i := range n {
			if got := w.counter(fmt.Sprintf("fired %d", i)); got != 1 {
				w.Errorf("timer %d fired %d times", i, got)
			}
		}
	}},
	{"a timer fires when it is due and gets the time it was looked for", func(w world) {
		c := newClock()
		fired := make(chan time.Time, 9)
		w.enqueue(jobDue("a", "k", 60))
		w.timers(c, store.Timers{"a": func(_ context.Context, _ *store.Tx, _ job.Job, now time.Time) error { fired <- now; return nil }})
		c.set(at(61))
		if now := <-fired; !now.Equal(at(61)) {
			w.Errorf("fired at %s", now)
		}
	}},
	{"a timer can set the next one of its own", func(w world) {
		c := newClock()
		c.set(at(1000))
		w.timers(c, store.Timers{"a": func(ctx context.Context, tx *store.Tx, j job.Job, now time.Time) error {
			n, err := tx.NextNumber(ctx, "fired")
			if err != nil || n == 5 {
				return err
			}
			return tx.Enqueue(ctx, jobDue("a", j.Key, int(n)))
		}})
		w.enqueue(jobDue("a", "k", 0))
		w.eventually("five times", func() bool { return w.counter("fired") == 5 })
	}},
	{"a timer that fails or panics undoes what it wrote, comes again after a pause, and delays no other", func(w world) {
		c := newClock()
		var tries atomic.Int64
		w.enqueue(jobDue("a", "bad", 0), jobDue("a", "good", 1))
		c.set(at(2))
		w.timers(c, store.Timers{"a": func(ctx context.Context, tx *store.Tx, j job.Job, _ time.Time) error {
			if _, err := tx.NextNumber(ctx, j.Key); err != nil {
				return err
			}
			if j.Key == "bad" {
				switch tries.Add(1) {
				case 1:
					return errWanted
				case 2:
					panic("oh")
				}
			}
			return nil
		}})
		w.eventually("the good timer", func() bool { return w.counter("good") == 1 })
		w.eventually("the first pause", func() bool { return w.nextDue("a").Equal(at(3)) })
		c.set(at(3))
		w.eventually("the second pause", func() bool { return w.nextDue("a").Equal(at(5)) })
		c.set(at(5))
		w.eventually("the bad timer", func() bool { return w.counter("bad") == 1 })
	}},
	{"a timer for which something is always away delays no other", func(w world) {
		c := newClock()
		w.enqueue(jobDue("a", "bad", 0), jobDue("a", "good", 1))
		c.set(at(2))
		w.timers(c, store.Timers{"a": func(ctx context.Context, tx *store.Tx, j job.Job, _ time.Time) error {
			if j.Key == "bad" {
				return errs.New(errs.Unavailable, "the moon is away")
			}
			_, err := tx.NextNumber(ctx, j.Key)
			return err
		}})
		w.eventually("the good timer", func() bool { return w.counter("good") == 1 })
	}},
	{"a timer that fails for a long time is never given up", func(w world) {
		c := newClock()
		tries := 0
		w.enqueue(jobDue("a", "k", 0))
		w.timers(c, store.Timers{"a": func(ctx context.Context, tx *store.Tx, _ job.Job, _ time.Time) error {
			if tries++; tries <= job.MaxAttempts+3 {
				return errWanted
			}
			_, err := tx.NextNumber(ctx, "done")
			return err
		}})
		w.eventually("done in the end", func() bool {
			if due := w.nextDue("a"); !due.IsZero() {
				c.set(due)
			}
			return w.counter("done") == 1
		})
		same(w, "stuck", w.stuck(), nil)
	}},
	{"a task that fails or panics is tried again with growing pauses, and then set aside with its reason", func(w world) {
		c := newClock()
		var tries atomic.Int64
		w.enqueue(jobDue("a", "k", 0))
		w.tasks(c, 1, job.Tasks{"a": func(context.Context, job.Job) error {
			if tries.Add(1)%2 == 0 {
				panic("oh no")
			}
			return errWanted
		}})
		last, pauses := t0, []time.Duration{}
		w.eventually("stuck", func() bool {
			// While the task runs its lease is what is due; the pause is seen when the attempt has been counted.
			if due := w.nextDue("a"); due.After(last) && int(tries.Load()) == len(pauses)+1 && due.Sub(last) == job.Backoff(len(pauses)+1) {
				pauses, last = append(pauses, due.Sub(last)), due
				c.set(due)
			}
			return len(w.stuck()) == 1
		})
		if n := tries.Load(); n != job.MaxAttempts || len(pauses) != job.MaxAttempts-1 {
			w.Errorf("%d tries and the pauses %v", n, pauses)
		}
		if s := w.stuck()[0]; s.Error != "panic in a: oh no" {
			w.Errorf("stuck because %q", s.Error)
		}
	}},
	{"a task whose worker died is taken over when the lease is over", func(w world) {
		c := newClock()
		w.enqueue(jobDue("a", "k", 0))
		w.claim(t0, at(15), 1, "a")
		c.set(at(16))
		done := make(chan struct{})
		w.tasks(c, 1, job.Tasks{"a": func(context.Context, job.Job) error { close(done); return nil }})
		w.within("takeover", done)
		w.eventually("nothing is left", func() bool { return w.nextDue("a").IsZero() })
	}},
	{"a task asked for while it is being done is done again", func(w world) {
		c := newClock()
		begun, let := make(chan job.Job, 9), make(chan struct{}, 9)
		w.enqueue(job.New("a", "k", t0, 1))
		w.tasks(c, 1, job.Tasks{"a": func(_ context.Context, j job.Job) error { begun <- j; <-let; return nil }})
		<-begun
		w.enqueue(job.New("a", "k", t0, 2))
		let <- struct{}{}
		if j := <-begun; string(j.Args) != "2" {
			w.Errorf("the second time with %s", j.Args)
		}
		let <- struct{}{}
		w.eventually("nothing is left", func() bool { return w.nextDue("a").IsZero() })
	}},
	{"a task that asks for itself is done again, and failing does not undo that", func(w world) {
		c := newClock()
		var n atomic.Int64
		w.enqueue(jobDue("a", "k", 0))
		w.tasks(c, 2, job.Tasks{"a": func(ctx context.Context, _ job.Job) error {
			switch n.Add(1) {
			case 1:
				if err := w.db.Update(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, jobDue("a", "k", 0)) }); err != nil {
					return err
				}
				return errWanted // the job that failed is not the one that waits
			case 2:
				return w.db.Update(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, jobDue("a", "k", 0)) })
			}
			return nil
		}})
		w.eventually("three times", func() bool { return n.Load() == 3 && w.nextDue("a").IsZero() })
	}},
	{"no more tasks run at a time than wanted, and that many do", func(w world) {
		c := newClock()
		const width = 3
		var running, most atomic.Int64
		full, let := make(chan struct{}), make(chan struct{})
		for i := range 4 * width {
			w.enqueue(jobDue("a", fmt.Sprint(i), 0))
		}
		w.tasks(c, width, job.Tasks{"a": func(context.Context, job.Job) error {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if n == width {
				select {
				case <-full:
				default:
					close(full)
				}
			}
			<-let
			return nil
		}})
		w.within("all slots in use", full)
		close(let)
		w.eventually("nothing is left", func() bool { return w.nextDue("a").IsZero() })
		if most.Load() != width {
			w.Errorf("%d at a time, want %d", most.Load(), width)
		}
	}},
	{"a kind of task that hangs keeps no other kind waiting", func(w world) {
		c := newClock()
		let := make(chan struct{})
		for i := range 5 {
			w.enqueue(jobDue("slow", fmt.Sprint(i), 0), jobDue("fast", fmt.Sprint(i), 1))
		}
		c.set(at(1))
		var fast atomic.Int64
		w.tasks(c, 2, job.Tasks{
			"slow": func(context.Context, job.Job) error { <-let; return nil },
			"fast": func(context.Context, job.Job) error { fast.Add(1); return nil },
		})
		w.eventually("the fast ones", func() bool { return fast.Load() == 5 && w.nextDue("fast").IsZero() })
		if w.nextDue("slow").IsZero() {
			w.Error("the slow ones are done already")
		}
		close(let)
		w.eventually("the slow ones", func() bool { return w.nextDue("slow").IsZero() })
	}},
	{"a task that waits for its turn comes when it said, and that was no attempt", func(w world) {
		c := newClock()
		w.enqueue(jobDue("a", "k", 0))
		var tries atomic.Int64
		attempts := make(chan int, 9)
		w.tasks(c, 1, job.Tasks{"a": func(_ context.Context, j job.Job) error {
			attempts <- j.Attempts
			if tries.Add(1) <= 2 {
				return fmt.Errorf("send: %w", job.Later(at(int(60*tries.Load())), "busy"))
			}
			return nil
		}})
		for i := range 3 {
			if n := <-attempts; n != 0 {
				w.Errorf("attempt %d", n)
			}
			if i < 2 {
				w.eventually("postponed", func() bool { return w.nextDue("a").Equal(at(60 * (i + 1))) })
				c.set(at(60 * (i + 1)))
			}
		}
		w.eventually("nothing is left", func() bool { return w.nextDue("a").IsZero() })
	}},
	{"a task that is cut off by a stop is left to be done again", func(w world) {
		c := newClock()
		begun := make(chan struct{})
		w.enqueue(jobDue("a", "k", 0))
		stop := w.tasks(c, 1, job.Tasks{"a": func(ctx context.Context, _ job.Job) error { close(begun); <-ctx.Done(); return ctx.Err() }})
		w.within("begin", begun)
		stop()
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Unlease(ctx) })
		if got := w.claim(t0, at(1), 1, "a"); len(got) != 1 || got[0].Attempts != 0 {
			w.Errorf("claimed %+v", got)
		}
	}},
	{"a task that ended well while stopping is not done again", func(w world) {
		c := newClock()
		begun := make(chan struct{})
		w.enqueue(jobDue("a", "k", 0))
		stop := w.tasks(c, 1, job.Tasks{"a": func(ctx context.Context, _ job.Job) error { close(begun); <-ctx.Done(); return nil }})
		w.within("begin", begun)
		stop()
		w.eventually("nothing is left", func() bool { return w.nextDue("a").IsZero() })
	}},
}
