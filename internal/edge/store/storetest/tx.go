package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

var errWanted = errors.New("wanted")

func account(name string) store.Account {
	return store.Account{Name: name, Password: "hash", Role: "admin", Created: t0}
}

func (w world) accounts() []string {
	var out []string
	for _, a := range read(w, func(ctx context.Context, tx *store.Tx) ([]store.Account, error) { return tx.Accounts(ctx) }) {
		out = append(out, a.Name)
	}
	return out
}

var txTests = []exercise{
	{"what an update wrote is there after it, and gone when it failed", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveAccount(ctx, account("a")) })
		err := w.db.Update(w.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.SaveAccount(w.Context(), account("b")), errWanted)
		})
		if !errors.Is(err, errWanted) {
			w.Errorf("got %v, want the error of the closure", err)
		}
		same(w, "accounts", w.accounts(), []string{"a"})
	}},
	{"a panic in an update is an error and undoes it", func(w world) {
		err := w.db.Update(w.Context(), func(tx *store.Tx) error {
			if err := tx.SaveAccount(w.Context(), account("a")); err != nil {
				return err
			}
			panic("oh")
		})
		if err == nil {
			w.Error("no error")
		}
		same(w, "accounts", w.accounts(), nil)
	}},
	{"one of many updates fails and the others commit", func(w world) {
		var wg sync.WaitGroup
		var want []string
		for i := range 64 {
			name := fmt.Sprintf("a%02d", i)
			if i%4 != 0 {
				want = append(want, name)
			}
			wg.Go(func() {
				err := w.db.Update(w.Context(), func(tx *store.Tx) error {
					if err := tx.SaveAccount(w.Context(), account(name)); err != nil {
						return err
					}
					switch i % 8 {
					case 0:
						return errWanted
					case 4: // the database refuses: the rest of the batch must not suffer
						return tx.SaveSession(w.Context(), "same", "x", time.Time{})
					}
					return nil
				})
				if i%8 == 0 && !errors.Is(err, errWanted) || i%4 != 0 && err != nil {
					w.Errorf("update %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		got := w.accounts()
		// The first of those that write the same session gets through.
		if len(got) != len(want)+1 {
			w.Errorf("%d accounts, want %d", len(got), len(want)+1)
		}
	}},
	{"the database refusing one statement leaves the closure able to go on", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSession(ctx, "h", "a", at(1)) })
		err := w.db.Update(w.Context(), func(tx *store.Tx) error { return tx.SaveSession(w.Context(), "h", "b", at(1)) })
		w.code("second session of the same hash", err, errs.Conflict)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSession(ctx, "i", "b", at(1)) })
	}},
	{"an update whose caller has gone is not done", func(w world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		ran := false
		err := w.db.Update(ctx, func(*store.Tx) error { ran = true; return nil })
		if !errors.Is(err, context.Canceled) || ran {
			w.Errorf("error %v, ran %v", err, ran)
		}
	}},
	{"a view sees one moment", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveAccount(ctx, account("a")) })
		w.view(func(ctx context.Context, tx *store.Tx) error {
			before, err := tx.Accounts(ctx)
			w.must(err)
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveAccount(ctx, account("b")) })
			after, err := tx.Accounts(ctx)
			same(w, "the same view", after, before)
			return err
		})
		same(w, "the next view", w.accounts(), []string{"a", "b"})
	}},
	{"a view changes nothing", func(w world) {
		err := w.db.View(w.Context(), func(tx *store.Tx) error { return tx.SaveAccount(w.Context(), account("a")) })
		if err == nil {
			w.Error("a view could write")
		}
		same(w, "accounts", w.accounts(), nil)
	}},
	{"a closed store answers unavailable, to everybody, also when closed twice", func(w world) {
		w.must(w.db.Close())
		w.must(w.db.Close())
		w.code("update", w.db.Update(w.Context(), func(*store.Tx) error { return nil }), errs.Unavailable)
		w.code("view", w.db.View(w.Context(), func(*store.Tx) error { return nil }), errs.Unavailable)
	}},
	{"closing answers updates that wait", func(w world) {
		begun, let := make(chan struct{}), make(chan struct{})
		var first error
		var wg sync.WaitGroup
		wg.Go(func() {
			first = w.db.Update(w.Context(), func(tx *store.Tx) error {
				close(begun)
				<-let
				return tx.SaveAccount(w.Context(), account("a"))
			})
		})
		w.within("first update", begun)
		waiting := make([]error, 8)
		for i := range waiting {
			wg.Go(func() { waiting[i] = w.db.Update(w.Context(), func(*store.Tx) error { return nil }) })
		}
		wg.Go(func() { w.must(w.db.Close()) })
		close(let)
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		w.within("answers", done)
		if first != nil {
			w.Errorf("the update under way: %v", first)
		}
		for _, err := range waiting {
			if err != nil {
				w.code("a waiting update", err, errs.Unavailable)
			}
		}
	}},
	{"placeholders bind by number, however often and in whatever order they are used", func(w world) {
		// Renew uses $2 before $1, Alerts uses both twice: a driver that counts question marks gets them wrong.
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveAlert(ctx, alert("al_1", "s1", "g1", "firing", 1)), tx.SaveAlert(ctx, alert("al_2", "s2", "firing", "resolved", 2)))
		})
		same(w, "firing alerts of a group that is called like a state", idsOf(w, "firing", true), nil)
		same(w, "alerts of that group", idsOf(w, "firing", false), []string{"al_2"})
		same(w, "firing alerts of all groups", idsOf(w, "", true), []string{"al_1"})
	}},
	{"everybody who waits for a change hears of facts and jobs", func(w world) {
		for _, change := range []func(ctx context.Context, tx *store.Tx) error{
			func(ctx context.Context, tx *store.Tx) error { return tx.Append(ctx, event.Event{Kind: "k", At: t0}) },
			func(ctx context.Context, tx *store.Tx) error { return tx.Enqueue(ctx, jobDue("k", "a", 0)) },
		} {
			c := w.db.Changed()
			w.update(change)
			w.within("the change", c)
		}
	}},
	{"a secret is made once", func(w world) {
		first, err := w.db.Secret(w.Context(), "key", "one")
		w.must(err)
		second, err := w.db.Secret(w.Context(), "key", "two")
		w.must(err)
		same(w, "secrets", []string{first, second}, []string{"one", "one"})
	}},
	{"a secret can be replaced", func(w world) {
		for _, v := range []string{"one", "two"} {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSecret(ctx, "replaced", v) })
			got, err := w.db.Secret(w.Context(), "replaced", "fresh")
			w.must(err)
			same(w, "secret", got, v)
		}
	}},
	{"it says which database it is", func(w world) {
		if d := w.db.Dialect(); d != "sqlite" && d != "postgres" {
			w.Errorf("dialect %q", d)
		}
	}},
}
