package storetest

import (
	"context"
	"errors"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/respond"
)

var learnTests = []exercise{
	{"postmortems come back without their items, the newest first", func(w world) {
		p := func(id, incident string, second int) learn.Postmortem {
			return learn.Postmortem{ID: learn.ID(id), Incident: respond.ID(incident), ResolvedAt: at(second), Markdown: "# what\n"}
		}
		a, b := p("pm_1", "INC-1", 1), p("pm_2", "INC-2", 2)
		w.must(w.db.Learn().Update(w.Context(), func(tx learn.Tx) error {
			with := a
			with.Items = []learn.ActionItem{{ID: "ai_1"}}
			return errors.Join(tx.SavePostmortem(w.Context(), with), tx.SavePostmortem(w.Context(), b))
		}))
		w.must(w.db.Learn().View(w.Context(), func(tx learn.Tx) error {
			all, err := tx.Postmortems(w.Context(), 9)
			w.must(err)
			same(w, "all", all, []learn.Postmortem{b, a})
			one, err := tx.Postmortem(w.Context(), "pm_1")
			same(w, "one", one, a)
			return err
		}))
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (learn.Postmortem, error) { return tx.Postmortem(ctx, "pm_9") })
		w.conflict("a second one of an incident", func(ctx context.Context, tx *store.Tx) error { return tx.SavePostmortem(ctx, p("pm_3", "INC-1", 3)) })
	}},
	{"action items come back alone, by postmortem, open or all, by due time", func(w world) {
		a := func(id, pm string, st learn.ItemState, due int) learn.ActionItem {
			return learn.ActionItem{ID: learn.ItemID(id), Postmortem: learn.ID(pm), State: st, DueAt: at(due)}
		}
		x, y, z := a("ai_1", "pm_1", learn.Open, 3), a("ai_2", "pm_1", learn.Done, 2), a("ai_3", "pm_2", learn.Open, 1)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, s := range []learn.ActionItem{x, y, z} {
				if err := tx.SaveItem(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
		list := func(pm learn.ID, open bool, limit int) []learn.ActionItem {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]learn.ActionItem, error) {
				return tx.Items(ctx, pm, open, limit)
			})
		}
		same(w, "of a postmortem", list("pm_1", false, 9), []learn.ActionItem{y, x})
		same(w, "open", list("", true, 9), []learn.ActionItem{z, x})
		same(w, "first", list("", false, 1), []learn.ActionItem{z})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (learn.ActionItem, error) { return tx.Item(ctx, "ai_2") }), y)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (learn.ActionItem, error) { return tx.Item(ctx, "ai_9") })
	}},
	{"the newest proof after a time", func(w world) {
		p := func(run string, second int) learn.Proof {
			return learn.Proof{Experiment: "e", Run: run, At: at(second)}
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, x := range []learn.Proof{p("r1", 1), p("r3", 3), p("r2", 2), p("r3", 4)} {
				if err := tx.SaveProof(ctx, x); err != nil {
					return err
				}
			}
			return nil
		})
		proof := func(after int) func(ctx context.Context, tx *store.Tx) (learn.Proof, error) {
			return func(ctx context.Context, tx *store.Tx) (learn.Proof, error) { return tx.Proof(ctx, "e", at(after)) }
		}
		same(w, "newest", read(w, proof(1)), p("r3", 4))
		missing(w, "none after", proof(4))
	}},
}

var preventTests = []exercise{
	{"proposed experiments come back alone and the newest first, without what is kept elsewhere", func(w world) {
		e := func(name string, second int) prevent.Experiment {
			return prevent.Experiment{Name: name, Incident: "INC-1", ProposedAt: at(second), Watch: []string{"s"}}
		}
		a, b := e("a", 1), e("b", 2)
		w.must(w.db.Prevent().Update(w.Context(), func(tx prevent.Tx) error {
			with := a
			with.Last, with.Items = &prevent.Run{ID: "x"}, []learn.ItemID{"ai_1"}
			return errors.Join(tx.SaveProposal(w.Context(), with), tx.SaveProposal(w.Context(), b))
		}))
		w.must(w.db.Prevent().View(w.Context(), func(tx prevent.Tx) error {
			all, err := tx.Proposals(w.Context())
			w.must(err)
			same(w, "all", all, []prevent.Experiment{b, a})
			one, err := tx.Proposal(w.Context(), "a")
			same(w, "one", one, a)
			return err
		}))
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (prevent.Experiment, error) { return tx.Proposal(ctx, "x") })
	}},
	{"runs of experiments come back alone, by experiment, and those that are not over; there is at most one such", func(w world) {
		r := func(id, experiment string, st prevent.State, second int) prevent.Run {
			return prevent.Run{ID: prevent.RunID(id), Experiment: prevent.Experiment{Name: experiment}, State: st, PlannedAt: at(second)}
		}
		a, b := r("er_1", "e", prevent.Passed, 1), r("er_2", "f", prevent.Running, 2)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveExperimentRun(ctx, a), tx.SaveExperimentRun(ctx, b))
		})
		list := func(experiment string, limit int) []prevent.Run {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]prevent.Run, error) {
				return tx.ExperimentRuns(ctx, experiment, limit)
			})
		}
		active := func() []prevent.Run {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]prevent.Run, error) { return tx.ActiveRuns(ctx) })
		}
		same(w, "all", list("", 9), []prevent.Run{b, a})
		same(w, "of one", list("e", 9), []prevent.Run{a})
		same(w, "newest", list("", 1), []prevent.Run{b})
		same(w, "active", active(), []prevent.Run{b})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (prevent.Run, error) { return tx.ExperimentRun(ctx, "er_1") }), a)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (prevent.Run, error) { return tx.ExperimentRun(ctx, "er_9") })
		w.conflict("a second active one", func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveExperimentRun(ctx, r("er_3", "g", prevent.Planned, 3))
		})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveExperimentRun(ctx, r("er_2", "f", prevent.Aborted, 2))
		})
		same(w, "active", active(), nil)
	}},
	{"an image that ran is remembered for its service, and a second time changes nothing", func(w world) {
		for second := range 2 {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveRan(ctx, "s", "shop:v1", at(second)) })
		}
		for _, c := range []struct {
			service, image string
			want           bool
		}{{"s", "shop:v1", true}, {"s", "shop:v2", false}, {"other", "shop:v1", false}} {
			same(w, c.service+" "+c.image, read(w, func(ctx context.Context, tx *store.Tx) (bool, error) { return tx.Ran(ctx, c.service, c.image) }), c.want)
		}
	}},
	{"freezes come back by service while they hold, and all of them as history; a service has at most one", func(w world) {
		f := func(id, service string, since, thawed int) prevent.Freeze {
			out := prevent.Freeze{ID: id, Service: service, Since: at(since), Spent: 1.25}
			if thawed > 0 {
				out.ThawedAt = at(thawed)
			}
			return out
		}
		a, b, c := f("fr_1", "s", 1, 5), f("fr_2", "s", 6, 0), f("fr_3", "t", 7, 0)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, x := range []prevent.Freeze{a, b, c} {
				if err := tx.SaveFreeze(ctx, x); err != nil {
					return err
				}
			}
			return nil
		})
		list := func(active bool, limit int) []prevent.Freeze {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]prevent.Freeze, error) {
				return tx.Freezes(ctx, active, limit)
			})
		}
		same(w, "all", list(false, 9), []prevent.Freeze{c, b, a})
		same(w, "newest two", list(false, 2), []prevent.Freeze{c, b})
		same(w, "active", list(true, 9), []prevent.Freeze{c, b})
		same(w, "of a service", read(w, func(ctx context.Context, tx *store.Tx) (prevent.Freeze, error) { return tx.FreezeOf(ctx, "s") }), b)
		w.conflict("a second one of a service", func(ctx context.Context, tx *store.Tx) error { return tx.SaveFreeze(ctx, f("fr_4", "s", 8, 0)) })
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveFreeze(ctx, f("fr_2", "s", 6, 9)) })
		missing(w, "none holds", func(ctx context.Context, tx *store.Tx) (prevent.Freeze, error) { return tx.FreezeOf(ctx, "s") })
	}},
}

// odd is text that programs write into logs and people into forms, and that one of the databases does not like.
var odd = []string{"nul \x00 byte", "not \xff UTF-8", "quote ' \" and \\u0000", "\u2028 emoji 🔥", "1e400", ""}
