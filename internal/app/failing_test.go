package app_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
)

// Work that nobody does here fails in the database of the running program: its kinds have no worker.
func TestWorkThatKeepsFailingIsShown(t *testing.T) {
	w := start(t)
	status := func() []api.Failing { return apptest.Get[api.Status](w.API, "/api/v1/status").Failing }
	if fs := status(); len(fs) != 0 {
		t.Fatalf("at first: %+v", fs)
	}
	db, err := store.Open(t.Context(), filepath.Join(w.Data, "nightkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	first := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	fail := func(kind string, times int, aside bool) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			if err := tx.Enqueue(t.Context(), job.New(kind, "k", first, nil)); err != nil {
				return err
			}
			js, err := tx.Claim(t.Context(), []string{kind}, first, first, 1)
			for i := range times {
				at := first.Add(time.Duration(i) * time.Minute)
				err = errors.Join(err, tx.Retry(t.Context(), js[0].ID, at, at.Add(3*time.Hour), aside, "no such host"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fail("test.seldom", 2, false)
	fail("test.often", 3, false)
	fail("test.given_up", 3, true)
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Append(t.Context(), event.New("test.happened", first, "mira", "x", "it happened", nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- db.Follow(ctx, "nobody", store.Handlers{"test.happened": func(context.Context, *store.Tx, event.Event, time.Time) error {
			return errors.New("not this one")
		}}, func() time.Time { return first }, slog.New(slog.DiscardHandler))
	}()
	var got []api.Failing
	w.Eventually("three things fail", func() bool { got = status(); return len(got) == 3 })
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	byKind := map[string]api.Failing{}
	for _, f := range got {
		byKind[f.Kind] = f
	}
	if f := byKind["test.often"]; f.About != "k" || !f.Since.Equal(first) || f.Attempts != 3 || f.Error != "no such host" || !f.Next.Equal(first.Add(3*time.Hour+2*time.Minute)) {
		t.Errorf("%+v", f)
	}
	if f := byKind["test.given_up"]; !f.Next.IsZero() || !f.Since.Equal(first) {
		t.Errorf("%+v", f)
	}
	if f := byKind["test.happened"]; !strings.HasSuffix(f.About, " for nobody: it happened") || f.Error != "not this one" || !f.Next.Equal(first.Add(store.AsideEvery)) {
		t.Errorf("%+v", f)
	}
	text := signIn(t, w.App.URL()).look("/")
	for _, want := range []string{"test.often", "no such host; next attempt ", "test.given_up", "given up", "fact ", "not this one"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Now page does not say %q", want)
		}
	}
	if strings.Contains(text, "test.seldom") {
		t.Error("the Now page tells of what failed twice")
	}
}
