package storetest

import (
	"context"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

var heartbeatTests = []exercise{
	{"heartbeats are kept, changed, listed by name and removed", func(w world) {
		b := detect.Heartbeat{Name: "b", Interval: time.Hour, Grace: time.Minute, Service: "db", Severity: "SEV3", Enabled: true, Since: at(1)}
		a := detect.Heartbeat{Name: "a", Interval: time.Minute, Since: at(2), Declared: true}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, h := range []detect.Heartbeat{b, a} {
				if err := tx.SaveHeartbeat(ctx, h); err != nil {
					return err
				}
			}
			b.LastPing, b.Late = at(5), true
			return tx.SaveHeartbeat(ctx, b)
		})
		all := func() (out []detect.Heartbeat) {
			w.Helper()
			w.view(func(ctx context.Context, tx *store.Tx) (err error) { out, err = tx.Heartbeats(ctx); return err })
			return out
		}
		same(w, "all", all(), []detect.Heartbeat{a, b})
		w.view(func(ctx context.Context, tx *store.Tx) error {
			h, err := tx.Heartbeat(ctx, "b")
			w.must(err)
			same(w, "one", h, b)
			if _, err := tx.Heartbeat(ctx, "c"); !errs.Is(err, errs.NotFound) {
				w.Errorf("one that is not there: %v", err)
			}
			return nil
		})
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropHeartbeat(ctx, "b") })
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropHeartbeat(ctx, "b") })
		same(w, "the rest", all(), []detect.Heartbeat{a})
	}},
	{"a mark is zero until it is kept, and then the last one", func(w world) {
		mark := func(name string) (out time.Time) {
			w.Helper()
			w.view(func(ctx context.Context, tx *store.Tx) (err error) { out, err = tx.Mark(ctx, name); return err })
			return out
		}
		same(w, "before", mark("heard"), time.Time{})
		for _, when := range []int{7, 3} {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveMark(ctx, "heard", at(when)) })
			same(w, "kept", mark("heard"), at(when))
		}
		same(w, "another", mark("seen"), time.Time{})
	}},
}
