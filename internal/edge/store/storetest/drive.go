package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
)

// Driver does what the loops of the program do, one step after the other and at the time the test says: it hands facts to
// followers, fires timers and runs tasks. Two runs of one test do the same in the same order.
type Driver struct {
	t       testing.TB
	DB      *store.DB
	now     time.Time
	follows []follower
	timers  store.Timers
	tasks   job.Tasks
}

type follower struct {
	name     string
	handlers store.Handlers
}

// NewDriver returns a driver at a time.
func NewDriver(t testing.TB, db *store.DB, now time.Time) *Driver {
	t.Helper()
	t.Cleanup(func() { readable(t, db) })
	return &Driver{t: t, DB: db, now: now, timers: store.Timers{}, tasks: job.Tasks{}}
}

// gap is where a word is missing in a sentence: two blanks, a blank before a sign, or an end that wants more.
var gap = regexp.MustCompile(`\S  +\S| [,;:.!?)](\s|$)|\( |(^|\s)(to|of|by|for|from|about|with)[.;]?$|^\s|[\s:,;]$`)

// readable fails for facts whose text lacks a word, as when what it names is empty. What tests append by hand has no text.
func readable(t testing.TB, db *store.DB) {
	es, err := db.Events(context.WithoutCancel(t.Context()), event.Query{Synthetic: true, Limit: 100_000})
	if err != nil {
		return // the test closed it
	}
	for _, e := range es {
		if m := gap.FindString(e.Text); m != "" {
			t.Errorf("the fact %s lacks a word at %q: %q", e.Kind, m, e.Text)
		}
	}
}

// Now returns the time.
func (d *Driver) Now() time.Time { return d.now }

// Follow adds a phase's handlers under the name of its cursor.
func Follow[T any](d *Driver, name string, in event.Handlers[T]) {
	hs := store.Handlers{}
	for kind, h := range in {
		hs[kind] = func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			return h(ctx, any(tx).(T), e, now)
		}
	}
	d.follows = append(d.follows, follower{name, hs})
}

// Timers adds a phase's timers.
func Timers[T any](d *Driver, in job.Timers[T]) {
	for kind, h := range in {
		d.timers[kind] = func(ctx context.Context, tx *store.Tx, j job.Job, now time.Time) error {
			return h(ctx, any(tx).(T), j, now)
		}
	}
}

// Tasks adds a phase's tasks.
func (d *Driver) Tasks(in job.Tasks) { maps.Copy(d.tasks, in) }

// Settle does everything that can be done now.
func (d *Driver) Settle() {
	d.t.Helper()
	for n := 0; d.Step(); n++ {
		if n > 10_000 {
			d.t.Fatal("the parts keep each other busy without time passing")
		}
	}
}

// Until does everything that is due up to t, each thing at its own time, and leaves the time at t.
func (d *Driver) Until(t time.Time) {
	d.t.Helper()
	for n := 0; ; n++ {
		d.Settle()
		due := d.nextDue()
		if due.IsZero() || due.After(t) {
			break
		}
		d.now = later(d.now, due)
		if n > 100_000 {
			d.t.Fatal("time does not pass")
		}
	}
	d.now = later(d.now, t)
	d.Settle()
}

// For is Until a while from now.
func (d *Driver) For(while time.Duration) {
	d.t.Helper()
	d.Until(d.now.Add(while))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Step does one thing and reports whether there was one.
func (d *Driver) Step() bool {
	d.t.Helper()
	for _, f := range d.follows {
		if d.followOne(f) {
			return true
		}
	}
	return d.fireOne() || d.workOne()
}

func (d *Driver) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// followOne hands one fact to a follower; a handler that fails is the test's failure.
func (d *Driver) followOne(f follower) bool {
	d.t.Helper()
	ctx := d.t.Context()
	var es []event.Event
	d.must(d.DB.View(ctx, func(tx *store.Tx) error {
		after, err := tx.Cursor(ctx, f.name)
		if err != nil {
			return err
		}
		es, err = tx.Events(ctx, event.Query{After: after, Kinds: slices.Sorted(maps.Keys(f.handlers)), Synthetic: true, Limit: 1})
		return err
	}))
	if len(es) == 0 {
		return false
	}
	e := es[0]
	err := d.DB.Update(ctx, func(tx *store.Tx) error {
		if err := f.handlers[e.Kind](ctx, tx, e, d.now); err != nil {
			return err
		}
		return tx.SaveCursor(ctx, f.name, e.Seq)
	})
	if err != nil {
		d.t.Fatalf("%s handles %s: %v", f.name, e.Kind, err)
	}
	return true
}

func (d *Driver) fireOne() bool {
	d.t.Helper()
	kinds := slices.Sorted(maps.Keys(d.timers))
	if len(kinds) == 0 {
		return false
	}
	var j job.Job
	err := d.DB.Update(d.t.Context(), func(tx *store.Tx) (err error) {
		if j, err = tx.Take(d.t.Context(), kinds, d.now); err != nil {
			return err
		}
		return d.timers[j.Kind](d.t.Context(), tx, j, d.now)
	})
	if j.ID == "" && errs.Is(err, errs.NotFound) {
		return false
	}
	if err != nil {
		d.t.Fatalf("timer %s %s: %v", j.Kind, j.Key, err)
	}
	return true
}

// workOne runs one task; one that fails is due again later, as in the program.
func (d *Driver) workOne() bool {
	d.t.Helper()
	ctx := d.t.Context()
	kinds := slices.Sorted(maps.Keys(d.tasks))
	if len(kinds) == 0 {
		return false
	}
	var js []job.Job
	d.must(d.DB.Update(ctx, func(tx *store.Tx) (err error) {
		js, err = tx.Claim(ctx, kinds, d.now, d.now.Add(time.Hour), 1)
		return err
	}))
	if len(js) == 0 {
		return false
	}
	j := js[0]
	err := d.run(j)
	if errors.Is(err, ErrCrash) {
		d.must(d.DB.Update(ctx, func(tx *store.Tx) error { return tx.Unlease(ctx) }))
		return true
	}
	d.must(d.DB.Update(ctx, func(tx *store.Tx) error {
		if err == nil {
			return tx.Done(ctx, j.ID)
		}
		due, counts := job.Next(err, j.Attempts+1, d.now)
		if !counts {
			return tx.Postpone(ctx, j.ID, due, err.Error())
		}
		return tx.Retry(ctx, j.ID, d.now, due, j.Attempts+1 >= job.MaxAttempts, err.Error())
	}))
	return true
}

// ErrCrash is what a part panics with to play the death of the process: the task leaves no word of how it ended and is
// done again.
var ErrCrash = errors.New("the process died here")

func (d *Driver) run(j job.Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if crash, ok := p.(error); ok && errors.Is(crash, ErrCrash) {
				err = crash
				return
			}
			err = fmt.Errorf("panic in %s: %v", j.Kind, p)
		}
	}()
	return d.tasks[j.Kind](d.t.Context(), j)
}

func (d *Driver) nextDue() time.Time {
	d.t.Helper()
	kinds := append(slices.Sorted(maps.Keys(d.timers)), slices.Sorted(maps.Keys(d.tasks))...)
	if len(kinds) == 0 {
		return time.Time{}
	}
	var due time.Time
	d.must(d.DB.View(d.t.Context(), func(tx *store.Tx) (err error) { _, due, err = tx.NextDue(d.t.Context(), kinds); return err }))
	return due
}

// Append writes a fact, as an earlier phase would.
func (d *Driver) Append(e event.Event) {
	d.t.Helper()
	d.must(d.DB.Update(d.t.Context(), func(tx *store.Tx) error { return tx.Append(d.t.Context(), e) }))
}

// Facts returns the log, or the facts of the given kinds.
func (d *Driver) Facts(kinds ...string) []event.Event {
	d.t.Helper()
	es, err := d.DB.Events(d.t.Context(), event.Query{Kinds: kinds, Limit: 100_000})
	d.must(err)
	return es
}
