package storetest

import (
	"context"
	"errors"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

var rotaTests = []exercise{
	{"overrides come back alone, by swap, and by schedule and time, by when they begin", func(w world) {
		o := func(id, schedule string, from, to int) rota.Override {
			return rota.Override{ID: id, Schedule: schedule, People: []string{"mira", "tomas"}, From: at(from), To: at(to), By: "ines", At: t0}
		}
		a, b, c := o("ov_1", "s", 10, 20), o("ov_2", "s", 5, 15), o("ov_3", "t", 12, 30)
		a.Swap, c.Swap = "sw_1", "sw_1"
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveOverride(ctx, a), tx.SaveOverride(ctx, b), tx.SaveOverride(ctx, c))
		})
		list := func(schedule string, from, to int) []rota.Override {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]rota.Override, error) {
				return tx.Overrides(ctx, schedule, at(from), at(to))
			})
		}
		same(w, "of a schedule", list("s", 0, 100), []rota.Override{b, a})
		same(w, "of all", list("", 0, 100), []rota.Override{b, a, c})
		same(w, "that end after", list("", 15, 100), []rota.Override{a, c})
		same(w, "that begin before", list("", 0, 10), []rota.Override{b})
		same(w, "at a time", list("", 12, 13), []rota.Override{b, a, c})
		a.CancelledAt, a.CancelledBy = at(11), "mira"
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveOverride(ctx, a) })
		same(w, "marked ones too", list("s", 12, 13), []rota.Override{b, a})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (rota.Override, error) { return tx.Override(ctx, "ov_1") }), a)
		swap := func(id string) []rota.Override {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]rota.Override, error) { return tx.SwapOf(ctx, id) })
		}
		same(w, "of a swap", swap("sw_1"), []rota.Override{a, c})
		same(w, "of no swap", swap(""), nil)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (rota.Override, error) { return tx.Override(ctx, "ov_9") })
	}},
	{"swaps come back alone, and by time, as they were asked for", func(w world) {
		s := func(id string, a, b int) rota.Swap {
			return rota.Swap{ID: id, A: rota.Half{Schedule: "s", Person: "mira", To: at(a)}, B: rota.Half{Schedule: "t", Person: "ines", To: at(b)}, By: "mira", At: t0, State: rota.SwapAsked}
		}
		a, b := s("sw_1", 10, 30), s("sw_2", 20, 5)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveSwap(ctx, b), tx.SaveSwap(ctx, a))
		})
		a.State, a.Agreed, a.EndedBy = rota.SwapTaken, []string{"ines"}, "ines"
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSwap(ctx, a) })
		list := func(since int) []rota.Swap {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]rota.Swap, error) { return tx.Swaps(ctx, at(since)) })
		}
		same(w, "all", list(0), []rota.Swap{a, b})
		same(w, "that end after", list(20), []rota.Swap{a})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (rota.Swap, error) { return tx.Swap(ctx, "sw_2") }), b)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (rota.Swap, error) { return tx.Swap(ctx, "sw_9") })
	}},
	{"cover requests come back alone, and by schedule and time, by when they begin", func(w world) {
		c := func(id, schedule string, from, to int) rota.Cover {
			return rota.Cover{ID: id, Schedule: schedule, Person: "mira", From: at(from), To: at(to), State: rota.CoverOpen}
		}
		a, b, other := c("cv_1", "s", 10, 20), c("cv_2", "s", 5, 15), c("cv_3", "t", 12, 30)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveCover(ctx, a), tx.SaveCover(ctx, b), tx.SaveCover(ctx, other))
		})
		b.State, b.TakenBy = rota.CoverTaken, "tomas"
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveCover(ctx, b) })
		list := func(schedule string, since int) []rota.Cover {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]rota.Cover, error) {
				return tx.Covers(ctx, schedule, at(since))
			})
		}
		same(w, "of a schedule", list("s", 0), []rota.Cover{b, a})
		same(w, "of all that end after", list("", 15), []rota.Cover{a, other})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (rota.Cover, error) { return tx.Cover(ctx, "cv_2") }), b)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (rota.Cover, error) { return tx.Cover(ctx, "cv_9") })
	}},
	{"a watch is kept by schedule", func(w world) {
		x := rota.Watch{Schedule: "s", At: t0, On: []string{"mira"}, Soon: map[string]time.Time{"tomas": at(9)}}
		get := func(ctx context.Context, tx *store.Tx) (rota.Watch, error) { return tx.Watch(ctx, "s") }
		missing(w, "none yet", get)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveWatch(ctx, x) })
		x.On = []string{"ines"}
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveWatch(ctx, x) })
		same(w, "watch", read(w, get), x)
	}},
	{"notices come back alone and by person, the newest first", func(w world) {
		n := func(id, person string, second int) page.Notice {
			return page.Notice{ID: id, Schedule: "s", Person: person, Kind: "soon", Channel: "email", Delivery: page.Queued, At: at(second)}
		}
		a, b, c := n("nt_1", "mira", 1), n("nt_2", "mira", 2), n("nt_3", "tomas", 3)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveNotice(ctx, a), tx.SaveNotice(ctx, b), tx.SaveNotice(ctx, c))
		})
		a.Delivery = page.Sent
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveNotice(ctx, a) })
		list := func(person string, limit int) []page.Notice {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]page.Notice, error) { return tx.Notices(ctx, person, limit) })
		}
		same(w, "of a person", list("mira", 9), []page.Notice{b, a})
		same(w, "the newest", list("mira", 1), []page.Notice{b})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (page.Notice, error) { return tx.Notice(ctx, "nt_1") }), a)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (page.Notice, error) { return tx.Notice(ctx, "nt_9") })
	}},
	{"the salt of a calendar is empty until it is changed", func(w world) {
		get := func(ctx context.Context, tx *store.Tx) (string, error) { return tx.Salt(ctx, "person/mira") }
		same(w, "at first", read(w, get), "")
		for _, s := range []string{"a", "b"} {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSalt(ctx, "person/mira", s) })
			same(w, "then", read(w, get), s)
		}
	}},
}
