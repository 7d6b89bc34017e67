package detect_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
)

func TestExperimentOnPurposeFiresNothingUntilItIsOver(t *testing.T) {
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cat := &catalog.Catalog{Hash: "1", SLOs: map[string]*catalog.SLO{
		"pay": {Meta: catalog.Meta{Name: "pay"}, Service: "pay", Target: 0.999, Window: 28 * 24 * time.Hour},
	}}
	s := detect.New(detect.Config{Store: db.Detect(), Catalog: func() *catalog.Catalog { return cat },
		Related: func(string) []string { return nil }, At: func(a string) string { return a }, Log: slog.New(slog.DiscardHandler)})
	t0 := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	fail := func(at time.Time) {
		s.Count([]observe.Span{{Service: "pay", Kind: observe.Server, Start: at, Error: true}})
	}
	s.Expect("pay", "experiment x", t0.Add(2*time.Minute))
	firing := func(at time.Time) int {
		t.Helper()
		if err := s.Tick(ctx, at); err != nil {
			t.Fatal(err)
		}
		as, err := s.Alerts(ctx, "", true)
		if err != nil {
			t.Fatal(err)
		}
		return len(as)
	}
	for i := range 130 {
		at := t0.Add(time.Duration(i) * time.Second)
		fail(at)
		got, want := firing(at.Add(time.Millisecond)), 0
		if i >= 120 {
			want = 1
		}
		if got != want {
			t.Fatalf("firing alerts %s after the start: got %d, want %d", at.Sub(t0), got, want)
		}
	}
	facts, err := db.Events(ctx, event.Query{Kinds: []string{detect.KindExpected}})
	if err != nil || len(facts) != 1 {
		t.Errorf("facts that say so: got %d (%v), want 1", len(facts), err)
	}
}
