package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
)

// t0 is when everything in this suite happens.
var t0 = time.Date(2026, 11, 27, 2, 14, 10, 123456000, time.UTC)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// Exercise asks every method of a store everything; open returns a store on a fresh database.
func Exercise(t *testing.T, open func(t testing.TB) *store.DB) {
	for _, group := range []struct {
		name  string
		tests []exercise
	}{
		{"tx", txTests}, {"event", eventTests}, {"job", jobTests}, {"worker", workerTests}, {"follow", followTests},
		{"auth", authTests}, {"observe", observeTests}, {"detect", detectTests}, {"outside", outsideTests}, {"heartbeat", heartbeatTests},
		{"payload", payloadTests}, {"page", pageTests}, {"rota", rotaTests}, {"respond", respondTests},
		{"remediate", remediateTests}, {"learn", learnTests}, {"prevent", preventTests}, {"watchdog", watchdogTests}, {"text", textTests}, {"ticket", ticketTests}, {"clock", clockTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, x := range group.tests {
				t.Run(x.name, func(t *testing.T) { x.run(world{t, open(t)}) })
			}
		})
	}
}

// exercise is one sentence about the store.
type exercise struct {
	name string
	run  func(w world)
}

// world is a store and the test that asks it.
type world struct {
	*testing.T
	db *store.DB
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) update(fn func(ctx context.Context, tx *store.Tx) error) {
	w.Helper()
	w.must(w.db.Update(w.Context(), func(tx *store.Tx) error { return fn(w.Context(), tx) }))
}

func (w world) view(fn func(ctx context.Context, tx *store.Tx) error) {
	w.Helper()
	w.must(w.db.View(w.Context(), func(tx *store.Tx) error { return fn(w.Context(), tx) }))
}

// read returns what fn reads.
func read[T any](w world, fn func(ctx context.Context, tx *store.Tx) (T, error)) T {
	w.Helper()
	var out T
	w.view(func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = fn(ctx, tx)
		return err
	})
	return out
}

// same compares by JSON, which is how documents are kept.
func same[T any](w world, what string, got, want T) {
	w.Helper()
	g, err := json.Marshal(got)
	w.must(err)
	x, err := json.Marshal(want)
	w.must(err)
	if string(g) != string(x) {
		w.Errorf("%s:\n got %s\nwant %s", what, g, x)
	}
}

// code checks the code of an error.
func (w world) code(what string, err error, want errs.Code) {
	w.Helper()
	if got := errs.CodeOf(err); got != want {
		w.Errorf("%s: code %q, want %q (%v)", what, got, want, err)
	}
}

// missing checks that fn does not find what it looks for.
func missing[T any](w world, what string, fn func(ctx context.Context, tx *store.Tx) (T, error)) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *store.Tx) error {
		_, err := fn(w.Context(), tx)
		return err
	})
	w.code(what, err, errs.NotFound)
}

// within fails the test when fn does not end in time; it returns when fn has.
func (w world) within(what string, done <-chan struct{}) {
	w.Helper()
	t := time.NewTimer(Patience)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		w.Fatalf("%s: not within %s", what, Patience)
	}
}
